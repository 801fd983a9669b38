"""git over HTTP(S): git's own http-backend behind a small server that can also misbehave."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

from .certificates import Certificate
from .git_repo import git_environment
from .loopback import LoopbackHandler, LoopbackServer
from .wait import wait_for


@dataclass
class GitFault:
    """What happens instead of an answer. `match` is a substring of path and query; empty means all."""

    status: int = 0  # answer this status (404, 500, 403, ...) with `body`
    body: bytes = b"no luck\n"
    location: str = ""  # with a 3xx status
    stall: bool = False  # take the request and never answer
    half: bool = False  # promise the whole answer, send half of it, close
    match: str = ""
    times: int = -1  # how often; -1 means until heal()


@dataclass
class GitRequest:
    method: str
    path: str  # with the query
    headers: dict[str, str]  # names in lower case
    body: bytes
    status: int = 0


class _GitHandler(LoopbackHandler):
    owner: GitHttpServer

    def answer(self) -> None:
        request = GitRequest(self.command, self.path, self.lower_headers(), self.body)
        fault = self.owner.note(request)
        if fault is not None and fault.stall:
            self.stall()
        elif fault is not None and fault.status:
            request.status = fault.status
            self.reply(fault.status, [("Location", fault.location)] if fault.location else [], fault.body)
        elif not self.owner.lets_in(self.headers.get("Authorization", "")):
            request.status = 401
            self.reply(401, [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?\n")
        else:
            request.status = self._run_backend(half=fault is not None and fault.half)

    def _run_backend(self, half: bool) -> int:
        url = urlsplit(self.path)
        environment = git_environment(
            {
                "GIT_PROJECT_ROOT": str(self.owner.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": url.path,
                "QUERY_STRING": url.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "tester",
                "REMOTE_ADDR": "127.0.0.1",
                "CONTENT_LENGTH": str(len(self.body)),
            }
        )
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.body,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
        status = next((int(value.split()[0]) for name, _, value in fields if name == "Status"), 200)
        headers = [(name, value) for name, _, value in fields if name and name != "Status"]
        self.reply(status, headers, content, sent=len(content) // 2 if half else None)
        return status


class GitHttpServer(LoopbackServer):
    """Serves bare repositories under `root` at `url`/NAME.git, for fetch and push, protocol v0 to v2.

    With `user` and `password`, or `bearer`, every request must carry them. `requests` is what was asked.
    """

    handler = _GitHandler

    def __init__(
        self,
        root: Path,
        user: str = "",
        password: str = "",
        bearer: str = "",
        tls: Optional[Certificate] = None,
    ) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self._authorizations: set[str] = set()
        if user:
            self._authorizations.add("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        if bearer:
            self._authorizations.add(f"Bearer {bearer}")
        self._faults: list[GitFault] = []
        self._requests: list[GitRequest] = []
        super().__init__(tls)

    def create(self, name: str, branch: str = "main") -> str:
        """Makes an empty bare repository NAME.git; returns its URL."""
        path = self.path(name)
        path.mkdir(parents=True)
        settings = ("http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant")
        for words in (["init", "-q", "--bare", "-b", branch], *(["config", name, "true"] for name in settings)):
            subprocess.run(["git", *words], cwd=path, env=git_environment(), check=True)
        return f"{self.url}/{name}.git"

    def path(self, name: str) -> Path:
        return self.root / f"{name}.git"

    def lets_in(self, authorization: str) -> bool:
        return not self._authorizations or authorization in self._authorizations

    def note(self, request: GitRequest) -> Optional[GitFault]:
        """Records a request; returns the fault that it meets."""
        with self.lock:
            self._requests.append(request)
            for fault in self._faults:
                if fault.match in request.path and fault.times != 0:
                    fault.times -= fault.times > 0
                    return fault
        return None

    def fail(self, fault: GitFault) -> None:
        """From now on: `fail(GitFault(status=500))`, `fail(GitFault(half=True, match="/git-upload-pack"))`."""
        with self.lock:
            self._faults.append(fault)

    def heal(self) -> None:
        with self.lock:
            self._faults.clear()

    @property
    def requests(self) -> list[GitRequest]:
        with self.lock:
            return list(self._requests)

    def forget_requests(self) -> None:
        with self.lock:
            self._requests.clear()

    def wait_for_request(self, part: str, timeout: float = 15) -> GitRequest:
        def asked() -> Optional[GitRequest]:
            return next((request for request in self.requests if part in request.path), None)

        found = wait_for(f"a request with {part!r} to the git server", asked, timeout)
        assert found is not None
        return found
