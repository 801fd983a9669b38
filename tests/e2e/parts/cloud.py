"""What three clouds offer to the machines they run: tokens of the metadata services, of STS and Entra ID, and ECR's
logins, which are given only for a request that is signed as AWS wants it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

from .loopback import LoopbackHandler, LoopbackServer

SESSION = {"AccessKeyId": "AKIDTEST", "SecretAccessKey": "aws-secret", "Token": "aws-session"}


def signature(secret: str, region: str, date: str, headers: dict[str, str], names: str, body: bytes) -> str:
    """Signature Version 4, as its document describes it."""
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names.split(";"))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date[:8]}/{region}/ecr/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + secret.encode()
    for part in (date[:8], region, "ecr", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


class _CloudHandler(LoopbackHandler):
    owner: Cloud

    def answer(self) -> None:
        path = urlsplit(self.path).path
        self.owner.asked.append(f"{self.command} {path}")
        headers = self.lower_headers()
        form = {key: values[0] for key, values in parse_qs(self.body.decode("latin-1")).items()}
        if path.startswith("/computeMetadata/") and headers.get("metadata-flavor") == "Google":
            self._json({"access_token": self.owner.password, "expires_in": 3599, "token_type": "Bearer"})
        elif path == "/latest/api/token" and self.command == "PUT":
            self.reply(200, [], b"imds-token")
        elif path.startswith("/latest/meta-data/iam/security-credentials/"):
            if headers.get("x-aws-ec2-metadata-token") != "imds-token":
                self.reply(401)
            elif path.endswith("/"):
                self.reply(200, [], b"node-role")
            else:
                self._json(SESSION)
        elif form.get("Action") == "AssumeRoleWithWebIdentity" and form["WebIdentityToken"] == "web-token":
            keys = {**SESSION, "SessionToken": SESSION["Token"]}
            self._json({"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials": keys}}})
        elif path == "/container-credentials" and headers.get("authorization") == "pod-token":
            self._json(SESSION)
        elif headers.get("x-amz-target", "").endswith(".GetAuthorizationToken"):
            self._ecr(headers)
        elif path == "/metadata/identity/oauth2/token" and headers.get("metadata") == "true":
            self._json({"access_token": "entra-token"})
        elif path == "/tenant/oauth2/v2.0/token" and form.get("client_assertion") == "web-token":
            assert form["scope"] == "https://containerregistry.azure.net/.default"
            self._json({"access_token": "entra-token"})
        else:
            self.reply(403)

    def _json(self, value: object) -> None:
        self.reply(200, [("Content-Type", "application/json")], json.dumps(value).encode())

    def _ecr(self, headers: dict[str, str]) -> None:
        given = headers["authorization"]
        names = given.split("SignedHeaders=")[1].split(",")[0]
        right = signature(SESSION["SecretAccessKey"], "eu-central-1", headers["x-amz-date"], headers, names, self.body)
        if not given.endswith(f"Signature={right}") or headers.get("x-amz-security-token", "aws-session") != "aws-session":
            self.reply(400, [], b'{"__type":"InvalidSignatureException"}')
            return
        token = base64.b64encode(f"AWS:{self.owner.password}".encode()).decode()
        self._json({"authorizationData": [{"authorizationToken": token, "expiresAt": 1795000000}]})


class Cloud(LoopbackServer):
    """`asked` is what was asked of it; `password` what it gives for registries."""

    handler = _CloudHandler

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.password = "cloud-password"
        super().__init__()
