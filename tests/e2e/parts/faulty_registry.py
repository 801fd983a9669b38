"""A registry in the tests' own process that misbehaves on request.

It stores what is pushed and answers as the distribution specification says, until `fail(RegistryFault(...))`:

    registry.fail(RegistryFault(status=429, headers={"Retry-After": "1"}, times=2))
    registry.fail(RegistryFault(corrupt=True, match="/blobs/"))
    registry.fail(RegistryFault(challenge='Bearer realm="http://evil.test/token"', status=401, times=1))
    registry.redirect_blobs_to = other.url          # another FaultyRegistry, whose `requests` show what came
    registry.flip["prod"] = [first, second]         # a tag that points elsewhere each time it is asked
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import socket
from dataclasses import dataclass, field
from typing import Callable, Mapping, Optional
from urllib.parse import parse_qs, urlsplit

from .certificates import Certificate
from .loopback import LoopbackHandler, LoopbackServer

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
HTML = b"<html><body>Please log in to the guest network.</body></html>"


@dataclass
class RegistryFault:
    """What happens instead of, or to, an answer. `match` is a substring of "METHOD path?query"."""

    status: int = 0  # answer this status with `body`
    body: bytes = b'{"errors":[{"code":"UNKNOWN","message":"no luck"}]}'
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    challenge: str = ""  # WWW-Authenticate, with status 401
    stall: bool = False  # take the request and never answer
    half: bool = False  # the right answer, cut in the middle
    corrupt: bool = False  # the right answer, with one byte changed
    cut: bool = False  # do what is asked, and cut the line in place of the answer
    match: str = ""
    times: int = -1  # how often; -1 means until heal()


@dataclass
class RegistryRequest:
    method: str
    path: str  # with the query
    headers: dict[str, str]  # names in lower case
    status: int = 0


@dataclass
class Stored:
    content: bytes
    media_type: str = "application/octet-stream"

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.content).hexdigest()


class _RegistryHandler(LoopbackHandler):
    owner: FaultyRegistry

    _ROUTES = (
        (re.compile(r"/v2/?"), "base"),
        (re.compile(r"/token"), "token"),
        (re.compile(r"/oauth2/exchange"), "exchange"),
        (re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>[0-9a-f]*)"), "upload"),
        (re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})"), "blob"),
        (re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)"), "manifest"),
        (re.compile(r"/v2/(?P<name>.+)/referrers/(?P<digest>sha256:[0-9a-f]{64})"), "referrers"),
        (re.compile(r"/v2/(?P<name>.+)/tags/list"), "tags"),
        (re.compile(r"/blob-store/(?P<digest>sha256:[0-9a-f]{64})"), "blob_store"),
    )

    def answer(self) -> None:
        self._request = RegistryRequest(self.command, self.path, self.lower_headers())
        if self.owner.on_request is not None:
            self.owner.on_request(self._request)
        self._fault = self.owner.note(self._request)
        fault = self._fault
        if fault is not None and fault.stall:
            self.stall()
            return
        if fault is not None and fault.status:
            headers = [("Content-Type", fault.content_type), *fault.headers.items()]
            if fault.challenge:
                headers.append(("WWW-Authenticate", fault.challenge))
            self._send(fault.status, headers, fault.body)
            return
        path = urlsplit(self.path).path
        for pattern, name in self._ROUTES:
            if found := pattern.fullmatch(path):
                if path.startswith("/v2/") and not self._authorized():
                    return
                getattr(self, f"_{name}")(**found.groupdict())
                return
        self._refuse(404, "NAME_UNKNOWN")

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes = b"") -> None:
        self._request.status = status
        fault = self._fault
        if fault is not None and fault.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault is not None and fault.corrupt and content:
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers = [*headers, *(("Warning", value) for value in self.owner.warnings)]
        self.reply(status, headers, content, sent=len(content) // 2 if fault is not None and fault.half else None)

    def _refuse(self, status: int, code: str, headers: Optional[list[tuple[str, str]]] = None) -> None:
        errors = {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}
        self._send(status, [("Content-Type", "application/json"), *(headers or [])], json.dumps(errors).encode())

    def _authorized(self) -> bool:
        given = self.headers.get("Authorization", "")
        if not self.owner.user or self.owner.accepts(given):
            return True
        challenge = 'Basic realm="tests"'
        if self.owner.challenge is not None:
            challenge = self.owner.challenge.replace("REALM", f"{self.owner.url}/token")
        elif self.owner.bearer:
            challenge = f'Bearer realm="{self.owner.url}/token",service="tests",scope="repository:any:pull,push"'
        self._refuse(401, "UNAUTHORIZED", [("WWW-Authenticate", line) for line in challenge.split("\n") if line])
        return False

    def _base(self) -> None:
        self._send(200, [("Content-Type", "application/json")], b"{}")

    def _token(self) -> None:
        form = parse_qs(self.body.decode()) if self.command == "POST" else {}
        refreshes = form.get("grant_type") == ["refresh_token"] and form.get("refresh_token") == [self.owner.password]
        if not refreshes and not self.owner.knows(self.headers.get("Authorization", "")):
            self._refuse(401, "UNAUTHORIZED")
            return
        answer = {self.owner.token_name: self.owner.new_token(), **self.owner.token_more}
        self._send(200, [("Content-Type", "application/json")], json.dumps(answer).encode())

    def _exchange(self) -> None:
        """As Azure's registries do: a token of the cloud becomes a refresh token of the registry."""
        form = parse_qs(self.body.decode())
        refresh = self.owner.exchange.get(form.get("access_token", [""])[0])
        if refresh is None or form.get("grant_type") != ["access_token"]:
            self._refuse(401, "UNAUTHORIZED")
            return
        self._send(200, [("Content-Type", "application/json")], json.dumps({"refresh_token": refresh}).encode())

    def _upload(self, name: str, upload: str) -> None:
        """One session: POST opens it (or mounts), PATCH adds, GET tells how far it is, PUT with a digest ends it. Its
        address changes with every answer, and only the newest is good."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        owner = self.owner
        if self.command == "POST" and "mount" in query:
            if owner.mounts and owner.find_blob(query["mount"]) is not None:
                self._send(201, [("Location", f"/v2/{name}/blobs/{query['mount']}")])
                return
        with owner.lock:
            if self.command == "POST":
                upload = secrets.token_hex(8)
                owner.uploads[upload] = b""
            content = owner.uploads.get(upload)
            stale = self.command != "POST" and query.get("state") != owner.upload_states.get(upload)
        if content is None or stale:
            self._refuse(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "DELETE":
            self._send(204, [])
        elif self.command == "PATCH" and not owner.takes_chunks:
            self._refuse(405, "UNSUPPORTED")
        elif self.command == "GET":
            self._session(204, name, upload)
        elif self.command == "PATCH" and not self._add_chunk(upload, content):
            self._session(416, name, upload)
        elif "digest" in query:
            self._end_upload(name, upload, content + (b"" if self.command == "PATCH" else self.body), query["digest"])
        else:
            self._session(202, name, upload)

    def _add_chunk(self, upload: str, content: bytes) -> bool:
        start, _, end = self.headers.get("Content-Range", f"{len(content)}-{len(content) + len(self.body) - 1}").partition("-")
        if int(start) != len(content) or int(end) - int(start) + 1 != len(self.body):
            return False
        with self.owner.lock:
            kept = self.body[: self.owner.keeps_of_chunk] if self.owner.keeps_of_chunk else self.body
            self.owner.uploads[upload] = content + kept
        return True

    def _session(self, status: int, name: str, upload: str) -> None:
        with self.owner.lock:
            state = self.owner.upload_states[upload] = secrets.token_hex(4)
            length = len(self.owner.uploads[upload])
        path = f"/v2/{name}/blobs/uploads/{upload}?state={state}"
        headers = [("Location", path if self.owner.relative_location else self.owner.url + path)]
        headers.append(("Range", f"0-{max(length - 1, 0)}"))
        if self.owner.chunk_min:
            headers.append(("OCI-Chunk-Min-Length", str(self.owner.chunk_min)))
        self._send(status, headers)

    def _end_upload(self, name: str, upload: str, content: bytes, digest: str) -> None:
        if Stored(content).digest != digest:
            self._refuse(400, "DIGEST_INVALID")
            return
        with self.owner.lock:
            self.owner.blobs[digest] = content
            self.owner.uploads.pop(upload, None)
        self._send(201, [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)])

    def _blob(self, name: str, digest: str) -> None:
        if self.owner.redirect_blobs_to and self.command == "GET":
            self._send(307, [("Location", f"{self.owner.redirect_blobs_to}/blob-store/{digest}")])
            return
        self._blob_store(digest)

    def _blob_store(self, digest: str) -> None:
        content = self.owner.find_blob(digest)
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest)]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if content is None:
            self._refuse(404, "BLOB_UNKNOWN")
        elif asked and self.owner.ranges and self.command == "GET":
            start = int(asked[1]) + self.owner.range_off_by
            headers.append(("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"))
            self._send(206, headers, content[start:])
        else:
            self._send(200, headers, content)

    def _manifest(self, name: str, reference: str) -> None:
        if self.command == "PUT":
            self._put_manifest(name, reference)
            return
        if self.command == "DELETE":
            with self.owner.lock:
                gone = self.owner.manifests.pop((name, reference), None)
            self._send(202, []) if gone else self._refuse(404, "MANIFEST_UNKNOWN")
            return
        stored = self.owner.find_manifest(name, reference)
        if stored is None:
            self._refuse(404, "MANIFEST_UNKNOWN")
            return
        digest = self.owner.claimed_digest or stored.digest
        headers = [("Content-Type", stored.media_type), ("Docker-Content-Digest", digest)]
        if self.owner.etags:
            headers.append(("ETag", f'"{stored.digest}"'))
        if self.owner.no_digest_header:
            del headers[1]
        self._send(200, headers, stored.content)

    def _put_manifest(self, name: str, reference: str) -> None:
        stored = Stored(self.body, self.headers.get("Content-Type", ""))
        there = self.owner.find_manifest(name, reference)
        wanted = self.headers.get("If-Match")
        if wanted is not None and (there is None or wanted != f'"{there.digest}"'):
            self._refuse(412, "CONFLICT")
            return
        with self.owner.lock:
            self.owner.manifests[name, stored.digest] = stored
            self.owner.manifests[name, reference] = stored
        headers = [("Location", f"/v2/{name}/manifests/{stored.digest}"), ("Docker-Content-Digest", stored.digest)]
        subject = json.loads(self.body).get("subject") if self.owner.has_referrers else None
        if subject:
            headers.append(("OCI-Subject", subject["digest"]))
        self._send(201, headers)

    def _referrers(self, name: str, digest: str) -> None:
        if not self.owner.has_referrers:
            self._send(404, [("Content-Type", "text/plain")], b"404 page not found\n")
            return
        found = self.owner.find_referrers(name, digest)
        headers = [("Content-Type", _INDEX_TYPE)]
        if self.owner.referrers_page:
            start = int(parse_qs(urlsplit(self.path).query).get("last", ["0"])[0])
            end = start + self.owner.referrers_page
            if end < len(found):
                headers.append(("Link", f'<{urlsplit(self.path).path}?last={end}>; rel="next"'))
            found = found[start:end]
        index = {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": found}
        self._send(200, headers, json.dumps(index).encode())

    def _tags(self, name: str) -> None:
        tags = [reference for known, reference in self.owner.manifests if known == name and ":" not in reference]
        self._send(200, [("Content-Type", "application/json")], json.dumps({"name": name, "tags": tags}).encode())


class FaultyRegistry(LoopbackServer):
    """With `user`, asks for Basic credentials, or with `bearer=True` for tokens of its own /token.
    `has_referrers=False` answers the referrers API with a plain 404, as docker-registry does."""

    handler = _RegistryHandler

    def __init__(
        self,
        user: str = "",
        password: str = "",
        bearer: bool = False,
        has_referrers: bool = True,
        tls: Optional[Certificate] = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.user, self.password, self.bearer = user, password, bearer
        self.has_referrers = has_referrers
        self.relative_location = False
        self.claimed_digest = ""  # what Docker-Content-Digest says of every manifest, instead of the truth
        self.no_digest_header = False
        self.etags = False  # of manifests, with If-Match
        self.challenge: Optional[str] = None  # instead of the usual; REALM is /token, a line a header
        self.token_name = "token"
        self.token_more: dict[str, object] = {"expires_in": 300}
        self.referrers_page = 0  # entries a page; 0 = all
        self.redirect_blobs_to = ""
        self.warnings: list[str] = []  # values of Warning headers, on every answer
        self.exchange: dict[str, str] = {}  # tokens that /oauth2/exchange takes -> what it gives
        self.on_request: Optional[Callable[[RegistryRequest], object]] = None  # called before each answer
        self.takes_chunks = True
        self.chunk_min = 0  # OCI-Chunk-Min-Length
        self.keeps_of_chunk = 0  # how many bytes of each chunk it keeps; 0 = all
        self.mounts = True  # blobs of another repository, when asked
        self.ranges = False  # blobs from a byte on
        self.range_off_by = 0
        self.flip: dict[str, list[str]] = {}  # tag -> digests, answered in turn; the last one stays
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], Stored] = {}  # (repository, tag or digest)
        self.uploads: dict[str, bytes] = {}
        self.upload_states: dict[str, str] = {}
        self._tokens: set[str] = set()
        self._faults: list[RegistryFault] = []
        self._requests: list[RegistryRequest] = []
        super().__init__(tls, host)
        self.host = self.authority

    def repository(self, path: str) -> str:
        return f"{self.host}/{path}"

    def oci(self, path: str) -> str:
        return f"oci://{self.host}/{path}"

    # Faults and what was asked

    def fail(self, fault: RegistryFault) -> None:
        with self.lock:
            self._faults.append(fault)

    def heal(self) -> None:
        with self.lock:
            self._faults.clear()

    def expire_tokens(self) -> None:
        """The tokens given so far are refused from now on: a 401 in the middle of a flow."""
        with self.lock:
            self._tokens.clear()

    @property
    def requests(self) -> list[RegistryRequest]:
        with self.lock:
            return list(self._requests)

    def forget_requests(self) -> None:
        with self.lock:
            self._requests.clear()

    # For the handler

    def note(self, request: RegistryRequest) -> Optional[RegistryFault]:
        with self.lock:
            self._requests.append(request)
            for fault in self._faults:
                if fault.match in f"{request.method} {request.path}" and fault.times != 0:
                    fault.times -= fault.times > 0
                    return fault
        return None

    def knows(self, authorization: str) -> bool:
        return authorization == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def accepts(self, authorization: str) -> bool:
        if not self.bearer:
            return self.knows(authorization)
        with self.lock:
            return authorization.removeprefix("Bearer ") in self._tokens

    def new_token(self) -> str:
        token = secrets.token_hex(16)
        with self.lock:
            self._tokens.add(token)
        return token

    def find_blob(self, digest: str) -> Optional[bytes]:
        with self.lock:
            return self.blobs.get(digest)

    def find_manifest(self, name: str, reference: str) -> Optional[Stored]:
        with self.lock:
            turns = self.flip.get(reference)
            if turns:
                reference = turns.pop(0) if len(turns) > 1 else turns[0]
            return self.manifests.get((name, reference))

    def find_referrers(self, name: str, digest: str) -> list[dict[str, object]]:
        found = []
        with self.lock:
            for (known, reference), stored in self.manifests.items():
                manifest = json.loads(stored.content)
                if known != name or reference != stored.digest or manifest.get("subject", {}).get("digest") != digest:
                    continue
                kind = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType", "")
                descriptor = {"mediaType": stored.media_type, "digest": stored.digest, "size": len(stored.content)}
                found.append({**descriptor, "artifactType": kind, "annotations": manifest.get("annotations", {})})
        return found
