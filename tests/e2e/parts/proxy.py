"""An HTTP proxy that wants a password and passes plain requests on."""

from __future__ import annotations

import base64

from .loopback import LoopbackHandler, LoopbackServer
from .net import http

HOP = ("connection", "proxy-authorization", "proxy-connection", "host", "content-length", "transfer-encoding", "expect")


class _Handler(LoopbackHandler):
    owner: Proxy

    def answer(self) -> None:
        owner = self.owner
        if self.headers.get("Proxy-Authorization", "") != owner.expected:
            self.reply(407, [("Proxy-Authenticate", 'Basic realm="proxy"')])
            return
        owner.passed.append((self.command, self.path, self.lower_headers().get("authorization", "")))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        body = self.body if self.command in ("POST", "PUT", "PATCH") else None
        answer = http(self.command, self.path, body, headers)
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
        if self.command == "HEAD":
            # reply() would name the length of no body.
            self.send_response(answer.status)
            for name, value in [*kept, ("Content-Length", answer.headers.get("Content-Length", "0"))]:
                self.send_header(name, value)
            self.end_headers()
            return
        self.reply(answer.status, kept, answer.body)


class Proxy(LoopbackServer):
    """`passed` lists what went through: method, URL, and the registry's Authorization."""

    handler = _Handler

    def __init__(self, user: str, password: str) -> None:
        self.expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.passed: list[tuple[str, str, str]] = []
        super().__init__()
