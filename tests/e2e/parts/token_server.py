"""The token service of the registry protocol: gives Bearer tokens for Basic credentials, signed with openssl."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .certificates import Authority
from .loopback import LoopbackHandler, LoopbackServer


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _TokenHandler(LoopbackHandler):
    owner: TokenServer

    def answer(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        scopes = query.get("scope", [])
        with self.owner.lock:
            self.owner.scopes_asked.append(scopes)
        if self.headers.get("Authorization", "") != self.owner.authorization:
            self.reply(401, [("WWW-Authenticate", 'Basic realm="token"')], b'{"details":"unknown user"}')
            return
        token = self.owner.make_token(query.get("service", [""])[0], scopes)
        answer = {"token": token, "expires_in": self.owner.lifetime}
        self.reply(200, [("Content-Type", "application/json")], json.dumps(answer).encode())


class TokenServer(LoopbackServer):
    """Give it to DockerRegistry(token_server=...). `user` and `password` may do everything they ask for."""

    handler = _TokenHandler

    def __init__(self, folder: Path, user: str, password: str, lifetime: int = 300) -> None:
        self.user, self.password = user, password
        self.lifetime = lifetime
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.scopes_asked: list[list[str]] = []
        self._certificate = Authority(folder / "token").issue(file="token")
        super().__init__(host="localhost")  # clients may refuse a realm that is a private address

    def registry_settings(self) -> dict[str, str]:
        return {
            "realm": f"{self.url}/token",
            "service": "tests",
            "issuer": "tests",
            "rootcertbundle": str(self._certificate.cert),
        }

    def make_token(self, service: str, scopes: list[str]) -> str:
        access = []
        for scope in " ".join(scopes).split():
            kind, name, actions = scope.split(":", 1)[0], scope.split(":", 1)[1].rsplit(":", 1)[0], scope.rsplit(":", 1)[1]
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        header: dict[str, Any] = {"typ": "JWT", "alg": "ES256", "x5c": [self._certificate_der()]}
        claims = {
            **{"iss": "tests", "sub": self.user, "aud": service, "jti": str(time.time_ns()), "access": access},
            **{"iat": now, "nbf": now - 10, "exp": now + self.lifetime},
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_base64url(self._sign(signed.encode()))}"

    def _certificate_der(self) -> str:
        lines = self._certificate.cert.read_text().splitlines()
        return "".join(lines[lines.index("-----BEGIN CERTIFICATE-----") + 1 : lines.index("-----END CERTIFICATE-----")])

    def _sign(self, data: bytes) -> bytes:
        """ES256: openssl gives the two numbers as DER, a token wants them as 32 bytes each."""
        words = ["openssl", "dgst", "-sha256", "-sign", str(self._certificate.key)]
        der = subprocess.run(words, input=data, check=True, stdout=subprocess.PIPE).stdout
        numbers, rest = [], der[2:]
        for _ in range(2):
            length = rest[1]
            numbers.append(rest[2 : 2 + length].lstrip(b"\0").rjust(32, b"\0"))
            rest = rest[2 + length :]
        return b"".join(numbers)
