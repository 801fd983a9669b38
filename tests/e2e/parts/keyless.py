"""The servers of keyless signing: real ones (tests/parts/sigstore), and one that stands before them and lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Mapping, Optional
from urllib.parse import urlencode

from .loopback import LoopbackHandler, LoopbackServer
from .need import need_part
from .net import Answer, http
from .server import Server

AUDIENCE = "sigstore"
SERVICES = {"fulcio": "caUrls", "rekor": "rekorTlogUrls", "tsa": "tsaUrls"}  # and where signing_config.json has them


class KeylessServers(Server):
    """Fulcio, Rekor v2, a timestamp authority and an issuer of tokens; `root` is their trusted root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "trusted_root.json"
        self.config = folder / "signing_config.json"
        program = need_part("sigstore")
        super().__init__("sigstore", [program, folder, program.parent / "rekor-server"], folder / "sigstore.log")
        addresses = folder / "addresses.json"
        try:
            self.wait_until(addresses.exists, timeout=60)
        except BaseException:
            self.kill()
            raise
        self.urls: dict[str, str] = json.loads(addresses.read_text())
        self.issuer = self.urls["issuer"]
        self.flags = ["--trusted-root", str(self.root), "--signing-config", str(self.config)]

    def token(self, email: str = "dev@example.com", audience: str = AUDIENCE) -> str:
        query = urlencode({"email": email, "aud": audience})
        answer = http("GET", f"{self.urls['tokens']}/token?{query}")
        assert answer.status == 200, answer.text
        return answer.text

    def job(self, repository: str, ref: str, commit: str, workflow: str = "release.yaml") -> str:
        """The token of a job of a forge's CI; its issuer is urls["forge"]."""
        words = {"repository": repository, "ref": ref, "sha": commit, "workflow": workflow, "aud": AUDIENCE}
        answer = http("GET", f"{self.urls['jobs']}/job?{urlencode(words)}")
        assert answer.status == 200, answer.text
        return answer.text

    def who(self, email: str = "dev@example.com") -> list[str]:
        return ["--certificate-identity", email, "--certificate-oidc-issuer", self.issuer]

    def config_with(self, path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
        """signing_config.json, changed."""
        config = json.loads(self.config.read_text())
        change(config)
        path.write_text(json.dumps(config))
        return path


class _LiarHandler(LoopbackHandler):
    owner: Liar

    def answer(self) -> None:
        told = self.owner.script(self)
        if told is not None:
            self.reply(told.status, told.headers.items(), told.body)


class Liar(LoopbackServer):
    """Stands before one of the servers. `script` gets each request and says what is answered; None: it did so itself,
    with stall() for one."""

    handler = _LiarHandler

    def __init__(self, servers: KeylessServers, service: str, folder: Path) -> None:
        self.service = service
        self.upstream = servers.urls[service]
        self.asked = 0
        self.script: Callable[[LoopbackHandler], Optional[Answer]] = self.ask
        super().__init__()
        path = "/api/v1/timestamp" if service == "tsa" else ""

        def put_before(config: dict[str, Any]) -> None:
            config[SERVICES[service]][0]["url"] = self.url + path

        config = servers.config_with(folder / f"before-{service}.json", put_before)
        self.flags = ["--trusted-root", str(servers.root), "--signing-config", str(config)]

    def ask(self, request: LoopbackHandler, body: Optional[bytes] = None) -> Answer:
        """What the real server says, to this or to another body."""
        self.asked += 1
        kept = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "content-length")}
        answer = http(
            request.command, self.upstream + request.path, request.body if body is None else body, kept, timeout=60
        )
        return Answer(answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, answer.body)

    def replay(self) -> None:
        """From now on every answer is the real server's first one."""
        kept: list[Answer] = []

        def script(request: LoopbackHandler) -> Answer:
            if not kept:
                kept.append(self.ask(request))
            return kept[0]

        self.script = script

    def say(self, status: int, body: bytes = b"", headers: Optional[Mapping[str, str]] = None, times: int = -1) -> None:
        """Answers this; after `times` the real server does."""
        left = times

        def script(request: LoopbackHandler) -> Answer:
            nonlocal left
            if left == 0:
                return self.ask(request)
            left -= 1
            return Answer(status, headers or {}, body)

        self.script = script
