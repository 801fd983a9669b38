"""The whole matrix of what registries do wrong, and of what somebody hostile does in their name: one table per stage.
Each row says what is changed, and either that it works all the same or what is said."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from parts.certificates import Authority
from parts.faulty_registry import HTML, FaultyRegistry, RegistryFault, Stored
from parts.sealift import Result, Sealift

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {greeting: hello}\n"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAME = "acme/shop"
PROD = "/v2/acme/shop/manifests/prod"
Change = Callable[["Shop"], Any]
WORKS = None


class Shop:
    """A registry with an artifact, and commands that use it. (registry, not signed: verifying has a class of its own.)"""

    def __init__(self, sealift: Sealift, folder: Path, registry: FaultyRegistry) -> None:
        self.sealift, self.folder, self.registry = sealift, folder, registry
        self.source = folder / "manifests"
        self.source.mkdir(exist_ok=True)
        (self.source / "config.yaml").write_text(CONFIG_MAP)
        self.login = folder / "login.json"
        auth = base64.b64encode(b"ada:secret").decode()
        self.login.write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        self.ref = registry.oci(f"{NAME}:prod")
        self.flags: tuple[Any, ...] = ("--timeout", "20s")

    def push(self, *flags: Any) -> Result:
        words = ("push", self.source, self.ref, "--docker-config", self.login, *self.flags)
        return self.sealift.run(*words, *(flags or ("--unsigned",)))

    def pull(self) -> Result:
        out = self.folder / f"out-{time.monotonic_ns()}"
        done = self.sealift.run("pull", self.ref, "--output", out, "--docker-config", self.login, *self.flags)
        assert done.code == 0 or not out.exists() or not any(out.iterdir()), "what is refused leaves nothing behind"
        return done

    def fault(self, match: str, times: int = -1, **fault: Any) -> None:
        self.registry.fail(RegistryFault(match=match, times=times, **fault))

    def layer(self) -> str:
        manifest = json.loads(self.registry.manifests[NAME, "prod"].content)
        return f"/blobs/{manifest['layers'][0]['digest']}"

    def replace(self, **changes: Any) -> None:
        """What is under the tag, with members changed."""
        document = {**json.loads(self.registry.manifests[NAME, "prod"].content), **changes}
        self.store(json.dumps(document).encode())

    def store(self, content: bytes, media_type: str = MANIFEST) -> None:
        stored = Stored(content, media_type)
        self.registry.manifests[NAME, stored.digest] = self.registry.manifests[NAME, "prod"] = stored

    def descriptor(self, **changes: Any) -> list[dict[str, Any]]:
        return [{**json.loads(self.registry.manifests[NAME, "prod"].content)["layers"][0], **changes}]


def judge(done: Result, says: Optional[str]) -> None:
    if says is WORKS:
        assert done.code == 0, done.err
    else:
        assert done.code != 0 and says in done.err, done.err
    assert "secret" not in done.err and "Bearer " not in done.err


def in_seconds(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


# Who asks, and where credentials go

CHALLENGES: dict[str, tuple[str, Optional[str]]] = {
    "basic": ('Basic realm="x"', WORKS),
    "bearer": ('Bearer realm="REALM",service="tests",scope="repository:acme/shop:pull"', WORKS),
    "lower case, no scope": ('bearer realm="REALM",service="tests"', WORKS),
    "no quotes": ("Bearer realm=REALM,service=tests", WORKS),
    "two in one header": ('Basic realm="x", Bearer realm="REALM",service="tests"', WORKS),
    "two headers": ('Basic realm="x"\nBearer realm="REALM"', WORKS),
    "behind others": ('Negotiate, Digest realm="a, b", nonce="c=", Bearer realm="REALM"', WORKS),
    "realm with a query": ('Bearer realm="REALM?account=x",service="tests"', WORKS),
    "escaped": ('Bearer realm="REALM",service="te\\"sts"', WORKS),
    "none": ("", "401"),
    "unknown": ("Negotiate", "401"),
    "twice": ('Bearer realm="REALM",realm="http://evil.example.com/"', "two parameters"),
    "too long": ('Bearer realm="REALM",service="' + "x" * 9000 + '"', "longer than"),
    "no realm": ('Bearer service="tests"', "401"),
    "no URL": ('Bearer realm="here"', "token server"),
    "other scheme": ('Bearer realm="file:///etc/passwd"', "token server"),
    "with a login": ('Bearer realm="http://u:p@127.0.0.1/token"', "with credentials"),
    "another domain": ('Bearer realm="https://tokens.example.com/token"', "not of its domain"),
    "a name that ends alike": ('Bearer realm="https://127.0.0.1.example.com/token"', "not of its domain"),
}


@pytest.mark.parametrize("case", list(CHALLENGES))
def test_challenge(sealift: Sealift, tmp_path: Path, stack: ExitStack, case: str) -> None:
    challenge, says = CHALLENGES[case]
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer="earer" in challenge and says is WORKS))
    registry.challenge = challenge
    shop = Shop(sealift, tmp_path, registry)
    judge(shop.push(), says)


TOKENS: dict[str, tuple[Change, Optional[str]]] = {
    "access_token": (lambda s: setattr(s.registry, "token_name", "access_token"), WORKS),
    "no lifetime": (lambda s: setattr(s.registry, "token_more", {}), WORKS),
    "lifetime of nothing": (lambda s: setattr(s.registry, "token_more", {"expires_in": 0}), WORKS),
    "lifetime below zero": (lambda s: setattr(s.registry, "token_more", {"expires_in": -5}), WORKS),
    "429 once": (lambda s: s.fault("/token", 1, status=429, headers={"Retry-After": "0"}), WORKS),
    "500 once": (lambda s: s.fault("/token", 1, status=500), WORKS),
    "500": (lambda s: s.fault("/token", status=500), "token"),
    "401": (lambda s: s.fault("/token", status=401), "token"),
    "html": (lambda s: s.fault("/token", status=200, body=HTML), "no JSON"),
    "another name": (lambda s: setattr(s.registry, "token_name", "jwt"), "no token"),
    "two lines": (lambda s: s.fault("/token", status=200, body=b'{"token":"a\\nX-Evil: 1"}'), "no token"),
    "redirect": (
        lambda s: s.fault("/token", status=302, headers={"Location": s.registry.url + "/v2/"}),
        "token",
    ),
    "never accepted": (lambda s: setattr(s.registry, "accepts", lambda given: False), "401"),
    "expires on the way": (
        lambda s: setattr(s.registry, "on_request", lambda r: len(s.registry.requests) == 5 and s.registry.expire_tokens()),
        WORKS,
    ),
}


@pytest.mark.parametrize("case", list(TOKENS))
def test_token(sealift: Sealift, tmp_path: Path, stack: ExitStack, case: str) -> None:
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer=True))
    shop = Shop(sealift, tmp_path, registry)
    change, says = TOKENS[case]
    change(shop)
    judge(shop.push(), says)
    asked = [request for request in registry.requests if request.path.startswith("/token")]
    assert len(asked) < 20


@pytest.mark.parametrize("status", [None, 404, 405])
def test_identity_token(sealift: Sealift, tmp_path: Path, stack: ExitStack, status: Optional[int]) -> None:
    """A refresh token goes into the body of a POST, to the realm alone; servers that know only GET get the login."""
    registry = stack.enter_context(FaultyRegistry("ada", "refresh-token", bearer=True))
    shop = Shop(sealift, tmp_path, registry)
    login = {"identitytoken": "refresh-token"}
    if status is not None:
        shop.fault("POST /token", status=status)
        login["auth"] = base64.b64encode(b"ada:refresh-token").decode()
    shop.login.write_text(json.dumps({"auths": {registry.host: login}}))
    judge(shop.push(), WORKS)
    asked = [request.method for request in registry.requests if request.path.startswith("/token")]
    assert asked[0] == "POST" and ("GET" in asked) == (status is not None)
    assert all("refresh-token" not in request.path for request in registry.requests)


def test_a_realm_in_the_clear(sealift: Sealift, tmp_path: Path, stack: ExitStack, authority: Authority) -> None:
    """A registry behind TLS may not have the password sent without."""
    registry = stack.enter_context(FaultyRegistry("ada", "secret", tls=authority.issue("localhost", file="clear"), host="localhost"))
    listening = stack.enter_context(FaultyRegistry("ada", "secret", host="localhost"))
    registry.challenge = f'Bearer realm="http://localhost:{listening.port}/token",service="tests"'
    shop = Shop(sealift, tmp_path, registry)
    shop.flags = (*shop.flags, "--ca-file", authority.cert)
    judge(shop.push("--unsigned", "--ca-file", authority.cert), "not https")
    assert not listening.requests


def test_no_redirect_out_of_tls(sealift: Sealift, tmp_path: Path, stack: ExitStack, authority: Authority) -> None:
    registry = stack.enter_context(FaultyRegistry(tls=authority.issue("localhost", file="out"), host="localhost"))
    plain = stack.enter_context(FaultyRegistry())
    shop = Shop(sealift, tmp_path, registry)
    ca = ("--ca-file", authority.cert)
    judge(shop.push("--unsigned", *ca), WORKS)
    plain.blobs.update(registry.blobs)
    registry.redirect_blobs_to = plain.url
    shop.flags = (*shop.flags, *ca)
    judge(shop.pull(), "http")
    assert not plain.requests


# Up

UP: dict[str, tuple[Change, Optional[str]]] = {
    "429 in seconds": (lambda s: s.fault("POST", 1, status=429, headers={"Retry-After": "1"}), WORKS),
    "429 with a date": (lambda s: s.fault("POST", 1, status=429, headers={"Retry-After": in_seconds(1)}), WORKS),
    "429 until next year": (lambda s: s.fault("POST", status=429, headers={"Retry-After": "31536000"}), "429"),
    "503 to the manifest": (lambda s: s.fault("PUT " + PROD, 1, status=503, headers={"Retry-After": "0"}), WORKS),
    "relative Location": (lambda s: setattr(s.registry, "relative_location", True), WORKS),
    "no Location": (lambda s: s.fault("POST", status=202), "without a Location"),
    "Location that is none": (lambda s: s.fault("POST", status=202, headers={"Location": "http://[::1"}), "Location"),
    "Location of a file": (lambda s: s.fault("POST", status=202, headers={"Location": "file:///etc/passwd"}), "registry"),
    "bytes refused": (lambda s: s.fault("PUT /v2/acme/shop/blobs", status=400), "does not push"),
    "forbidden": (lambda s: s.fault("PUT " + PROD, status=403), "refused to push"),
    "PUT cut once": (lambda s: s.fault("PUT /v2/acme/shop/blobs", 1, cut=True), WORKS),
    "manifest cut once": (lambda s: s.fault("PUT " + PROD, 1, cut=True), WORKS),
    "stored as something else": (
        lambda s: s.fault("PUT " + PROD, status=201, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}),
        "another digest",
    ),
    "redirect of an upload": (lambda s: s.fault("POST", status=307, headers={"Location": "http://127.0.0.2/"}), "307"),
}


@pytest.mark.parametrize("case", list(UP))
def test_up(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, case: str) -> None:
    shop = Shop(sealift, tmp_path, faulty_registry)
    change, says = UP[case]
    change(shop)
    judge(shop.push(), says)
    faulty_registry.heal()
    if says is WORKS:
        judge(shop.pull(), WORKS)
    else:
        assert (NAME, "prod") not in faulty_registry.manifests, "the tag moves last"


def test_an_upload_elsewhere_gets_no_token(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> None:
    registry = stack.enter_context(FaultyRegistry("ada", "secret"))
    bucket = stack.enter_context(FaultyRegistry(host="localhost"))
    shop = Shop(sealift, tmp_path, registry)
    shop.fault("POST", status=202, headers={"Location": bucket.url + "/v2/x/blobs/uploads/"})
    shop.push()
    assert bucket.requests and all("authorization" not in request.headers for request in bucket.requests)


# Down

DOWN: dict[str, tuple[Change, Optional[str]]] = {
    "no digest header": (lambda s: setattr(s.registry, "no_digest_header", True), WORKS),
    "HEAD not allowed": (lambda s: s.fault("HEAD " + PROD, status=405), WORKS),
    "503 twice": (lambda s: s.fault("GET", 2, status=503, headers={"Retry-After": "0"}), WORKS),
    "cut once": (lambda s: s.fault(s.layer(), 1, half=True), WORKS),
    "truncated": (lambda s: s.fault(s.layer(), half=True), "registry"),
    "one byte wrong": (lambda s: s.fault(s.layer(), corrupt=True), "other bytes"),
    "larger than it says": (lambda s: s.fault(s.layer(), status=200, body=b"x" * 100_000), "larger than"),
    "smaller than it says": (lambda s: s.fault(s.layer(), status=200, body=b"x"), "its descriptor says"),
    "gone": (lambda s: s.fault(s.layer(), status=404), "has no blob"),
    "manifest with other bytes": (lambda s: s.fault("GET /v2/acme/shop/manifests/", corrupt=True), "other bytes"),
    "another digest in HEAD": (lambda s: setattr(s.registry, "claimed_digest", "sha256:" + "1" * 64), "registry"),
    "no digest in HEAD": (lambda s: setattr(s.registry, "claimed_digest", "sha256:../../../etc/passwd"), WORKS),
    "another Content-Type": (
        lambda s: s.fault("GET", status=200, content_type=INDEX, body=s.registry.manifests[NAME, "prod"].content),
        "index",
    ),
    "web page": (lambda s: s.fault("manifests", status=200, body=HTML, content_type="text/html"), "registry"),
    "endless manifest": (lambda s: s.fault("manifests", status=200, content_type=MANIFEST, body=b" " * (5 << 20)), "limit"),
    "manifest and index in one": (lambda s: s.replace(manifests=[]), "manifests"),
    "two members of one name": (
        lambda s: s.store(s.registry.manifests[NAME, "prod"].content[:-1] + b',"layers":[]}'),
        "layers",
    ),
    "index": (
        lambda s: s.store(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode(), INDEX),
        "index of 0 manifests",
    ),
    "digest that is a path": (lambda s: s.replace(layers=s.descriptor(digest="sha256:../../../../etc/passwd")), "digest"),
    "digest of another kind": (lambda s: s.replace(layers=s.descriptor(digest="sha512:" + "0" * 128)), "digest"),
    "size below zero": (lambda s: s.replace(layers=s.descriptor(size=-1)), "size"),
    "size beyond all": (lambda s: s.replace(layers=s.descriptor(size=1 << 62)), "limit"),
    "data that is not it": (lambda s: s.replace(layers=s.descriptor(data="e30=")), "data"),
    "redirects without end": (lambda s: setattr(s.registry, "redirect_blobs_to", s.registry.url + "/v2/acme/shop"), "registry"),
}


@pytest.mark.parametrize("case", list(DOWN))
def test_down(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, case: str) -> None:
    shop = Shop(sealift, tmp_path, faulty_registry)
    judge(shop.push(), WORKS)
    change, says = DOWN[case]
    change(shop)
    faulty_registry.forget_requests()
    judge(shop.pull(), says)
    assert len(faulty_registry.requests) < 60


def test_what_is_signed_is_the_manifest_itself(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry) -> None:
    """Not what the answer to a HEAD says of its type and size."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    shop = Shop(sealift, tmp_path, faulty_registry)
    judge(shop.push(), WORKS)
    true = faulty_registry.manifests[NAME, "prod"]
    shop.fault("HEAD " + PROD, status=200, content_type=INDEX, body=b"x" * 5000, headers={"Docker-Content-Digest": true.digest})
    sealift("sign", shop.ref, "--key", tmp_path / "key.key")
    subjects = [json.loads(stored.content).get("subject") for stored in faulty_registry.manifests.values()]
    assert {"mediaType": MANIFEST, "digest": true.digest, "size": len(true.content)} in subjects
    assert all(subject is None or subject["size"] == len(true.content) for subject in subjects)


def test_redirects_may_not_point_at_this_machine(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> None:
    """Nor at a metadata service: neither those of blobs nor addresses of uploads."""
    registry = stack.enter_context(FaultyRegistry(host="127.0.0.2"))
    inside = stack.enter_context(FaultyRegistry())
    shop = Shop(sealift, tmp_path, registry)
    shop.flags = (*shop.flags, "--insecure")
    judge(shop.push("--unsigned", "--insecure"), WORKS)
    inside.blobs.update(registry.blobs)
    for target in (inside.url, "http://169.254.169.254", f"http://localhost:{inside.port}", f"http://[::ffff:7f00:1]:{inside.port}"):
        registry.redirect_blobs_to = target
        judge(shop.pull(), "must not be reached from here")
    # Elsewhere on its own host is its own affair, and so is the way back.
    registry.redirect_blobs_to = registry.url
    judge(shop.pull(), WORKS)
    shop.fault("POST", status=202, headers={"Location": inside.url + "/v2/x/blobs/uploads/"})
    (shop.source / "config.yaml").write_text(CONFIG_MAP.replace("hello", "new"))
    judge(shop.push("--unsigned", "--insecure"), "must not be reached from here")
    assert not inside.requests


def test_only_the_registry_may_challenge(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> None:
    """Storage that a redirect led to and that wants a login gets none, and starts no talk with the token server."""
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer=True))
    storage = stack.enter_context(FaultyRegistry())
    shop = Shop(sealift, tmp_path, registry)
    judge(shop.push(), WORKS)
    registry.redirect_blobs_to = storage.url
    challenge = f'Bearer realm="{registry.url}/token",service="tests",scope="repository:other/secret:pull,push"'
    storage.fail(RegistryFault(status=401, challenge=challenge))
    registry.forget_requests()
    judge(shop.pull(), "401")
    assert storage.requests and all("authorization" not in request.headers for request in storage.requests)
    assert not [request for request in registry.requests if "other%2Fsecret" in request.path or "other/secret" in request.path]


def test_urls_of_a_layer_are_not_followed(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> None:
    registry, other = (stack.enter_context(FaultyRegistry()) for _ in range(2))
    shop = Shop(sealift, tmp_path, registry)
    shop.push()
    layer = shop.layer()
    shop.replace(layers=shop.descriptor(urls=[f"{other.url}{layer}"]))
    shop.fault("GET /v2/acme/shop" + layer, status=404)
    judge(shop.pull(), "has no blob")
    assert not other.requests


def test_a_tag_that_moves_between_two_looks(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry) -> None:
    """Resolved once: what was looked at is what is taken."""
    shop = Shop(sealift, tmp_path, faulty_registry)
    first = json.loads(shop.push("--unsigned", "-o", "json").out)["digest"]
    (shop.source / "config.yaml").write_text(CONFIG_MAP.replace("hello", "evil"))
    second = json.loads(shop.push("--unsigned", "-o", "json").out)["digest"]
    faulty_registry.flip["prod"] = [first, second]
    out = tmp_path / "out"
    sealift("pull", shop.ref, "--output", out)
    assert "hello" in next(out.rglob("*.yaml")).read_text()


# What is attached

REFERRERS: dict[str, Change] = {
    "api": lambda s: None,
    "paged": lambda s: setattr(s.registry, "referrers_page", 1),
    "paged, without annotations": lambda s: (
        setattr(s.registry, "referrers_page", 2),
        setattr(
            s.registry,
            "find_referrers",
            lambda name, digest, real=s.registry.find_referrers: [
                {key: entry[key] for key in ("mediaType", "digest", "size")} for entry in real(name, digest)
            ],
        ),
    ),
    "404": lambda s: setattr(s.registry, "has_referrers", False),
    "400": lambda s: fallback(s, status=400),
    "405": lambda s: fallback(s, status=405),
    "406": lambda s: fallback(s, status=406),
    "web page": lambda s: fallback(s, status=200, body=HTML, content_type="text/html"),
    "etags": lambda s: (setattr(s.registry, "has_referrers", False), setattr(s.registry, "etags", True)),
}
STRANGER = {"mediaType": MANIFEST, "digest": "sha256:" + "5" * 64, "size": 5}


def fallback(shop: Shop, **fault: Any) -> None:
    shop.registry.has_referrers = False
    shop.fault("/referrers/", **fault)


class Racer:
    """Another client that keeps the list of referrers: it writes its entry between our reading and writing, or (after)
    over ours when we have just written."""

    def __init__(self, shop: Shop, after: bool = False) -> None:
        self.shop, self.after, self.done = shop, after, False
        self.written = False

    def __call__(self, request: Any) -> None:
        tag = request.path.removeprefix(f"/v2/{NAME}/manifests/")
        is_list = tag.startswith("sha256-") and not tag.endswith(".sig")
        if self.done or not is_list:
            return
        if (request.method == "PUT" and not self.after) or (self.written and request.method == "GET"):
            self.done = True
            stored = Stored(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [STRANGER]}).encode(), INDEX)
            self.shop.registry.manifests[NAME, tag] = stored
        self.written = self.written or request.method == "PUT"


@pytest.mark.parametrize("case", list(REFERRERS))
def test_referrers(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, case: str) -> None:
    """Signed, with statements as referrers: found again, and those of others are kept."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    shop = Shop(sealift, tmp_path, faulty_registry)
    REFERRERS[case](shop)
    judge(shop.push("--key", tmp_path / "key.key"), WORKS)
    sealift("verify", shop.ref, "--key", tmp_path / "key.pub")


@pytest.mark.parametrize("etags", [True, False], ids=["If-Match", "read again"])
def test_another_writer_of_the_list(
    sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, etags: bool
) -> None:
    """With ETags nothing of either is lost; without, ours is there in the end."""
    sealift.env["COSIGN_PASSWORD"] = ""
    for name in ("key", "other"):
        sealift("keygen", "--output-prefix", tmp_path / name)
    faulty_registry.has_referrers, faulty_registry.etags = False, etags
    shop = Shop(sealift, tmp_path, faulty_registry)
    judge(shop.push("--key", tmp_path / "key.key"), WORKS)
    racer = Racer(shop, after=not etags)
    faulty_registry.on_request = racer
    sealift("sign", shop.ref, "--key", tmp_path / "other.key")
    assert racer.done
    digest = faulty_registry.manifests[NAME, "prod"].digest
    listed = json.loads(faulty_registry.manifests[NAME, digest.replace(":", "-")].content)["manifests"]
    assert STRANGER["digest"] in [entry["digest"] for entry in listed] and len(listed) >= 2


ATTACHED: dict[str, tuple[Change, str]] = {
    "500": (lambda s: s.fault("/referrers/", status=500), "try again"),
    "no JSON": (lambda s: s.fault("/referrers/", status=200, content_type=INDEX, body=b"{"), "referrers"),
    "pages elsewhere": (
        lambda s: s.fault(
            "/referrers/",
            status=200,
            content_type=INDEX,
            body=b'{"schemaVersion":2,"manifests":[]}',
            headers={"Link": '<http://127.0.0.2:9/v2/x>; rel="next"'},
        ),
        "another host",
    ),
    "pages without end": (
        lambda s: s.fault(
            "/referrers/",
            status=200,
            content_type=INDEX,
            body=b'{"schemaVersion":2,"manifests":[]}',
            headers={"Link": '<?again>; rel="next"'},
        ),
        "pages",
    ),
    "500 for the signatures": (lambda s: s.fault(".sig", status=500), "try again"),
}


@pytest.mark.parametrize("case", list(ATTACHED))
def test_no_signature_is_no_guess(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, case: str) -> None:
    """A registry that cannot tell what is attached is an error, not an artifact without signatures."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    shop = Shop(sealift, tmp_path, faulty_registry)
    judge(shop.push("--key", tmp_path / "key.key"), WORKS)
    change, says = ATTACHED[case]
    change(shop)
    said = sealift.fails("verify", shop.ref, "--key", tmp_path / "key.pub", "--timeout", "20s").err
    assert says in said, said


def test_transplanted_and_mistaken_signatures(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry) -> None:
    """The .sig of one artifact under the name of another, and its attestations where signatures belong."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    shop = Shop(sealift, tmp_path, faulty_registry)
    good = json.loads(shop.push("--key", tmp_path / "key.key", "-o", "json").out)["digest"]
    (shop.source / "config.yaml").write_text(CONFIG_MAP.replace("hello", "evil"))
    evil = json.loads(shop.push("--unsigned", "-o", "json").out)["digest"]
    manifests = faulty_registry.manifests
    manifests[NAME, f"sha256-{evil[7:]}.sig"] = manifests[NAME, f"sha256-{good[7:]}.sig"]
    faulty_registry.find_referrers = lambda name, digest, real=faulty_registry.find_referrers: real(name, good)  # type: ignore[method-assign]
    told = sealift.fails("verify", shop.ref, "--key", tmp_path / "key.pub", "--no-attest", "--explain")
    said = told.out + told.err
    assert f"for another artifact, {good}" in said and "no signature by a key of this entry" in said, said
    assert "subject" in said, "the bundles are looked at, too"
