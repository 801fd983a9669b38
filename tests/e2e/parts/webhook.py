"""Both ends of a webhook: a signed sender, and a listener that keeps what it gets."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Mapping, Optional
from urllib.parse import urlencode

from .loopback import LoopbackHandler, LoopbackServer
from .net import Answer, http
from .wait import wait_for


def hook_path(token: bytes, namespace: str, name: str) -> str:
    """/hook/<64 hex>: the path that a Hook gets from its token."""
    message = b"hook\0" + namespace.encode() + b"\0" + name.encode()
    return "/hook/" + hmac.new(token, message, hashlib.sha256).hexdigest()


def github_signature(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def push_payload(
    repository: str,
    after: str,
    ref: str = "refs/heads/main",
    before: str = "0" * 40,
    deleted: bool = False,
    name: str = "acme/config",
) -> dict[str, Any]:
    """What GitHub says about a push, as far as receivers read it."""
    return {
        "ref": ref,
        "before": before,
        "after": "0" * 40 if deleted else after,
        "deleted": deleted,
        "created": False,
        "forced": False,
        "repository": {
            "full_name": name,
            "clone_url": repository,
            "html_url": repository[: -len(".git")] if repository.endswith(".git") else repository,
            "ssh_url": f"git@git.example.com:{name}.git",
        },
        "head_commit": None if deleted else {"id": after},
        "commits": [],
        "pusher": {"name": "ada"},
    }


def send_github(
    url: str,
    payload: Any,
    secret: bytes,
    event: str = "push",
    form: bool = False,
    delivery: Optional[str] = None,
    signature: Optional[str] = None,
    headers: Optional[Mapping[str, str]] = None,
    ca: Optional[str] = None,
) -> Answer:
    """Sends `payload` (bytes as they stand, else as JSON) signed as GitHub does. `signature` replaces the right
    one; the empty string leaves it out."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kind = "application/json"
    if form:
        body = urlencode({"payload": body.decode()}).encode()
        kind = "application/x-www-form-urlencoded"
    sent = {
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/tests",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
    }
    if signature != "":
        sent["X-Hub-Signature-256"] = signature or github_signature(body, secret)
    return http("POST", url, body, {**sent, **(headers or {})}, ca=ca)


@dataclass
class Delivery:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float  # time.monotonic()

    def signed_with(self, secret: bytes) -> bool:
        return hmac.compare_digest(self.headers.get("x-hub-signature-256", ""), github_signature(self.body, secret))


class _HookHandler(LoopbackHandler):
    owner: HookListener

    def answer(self) -> None:
        delivery = Delivery(self.path, self.lower_headers(), self.body, time.monotonic())
        with self.owner.lock:
            self.owner.deliveries.append(delivery)
            status = self.owner.status
        self.reply(status)


class HookListener(LoopbackServer):
    """Takes any request; answers `status`."""

    handler = _HookHandler

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.status = 204
        super().__init__()

    def wait(self, count: int = 1, timeout: float = 20) -> list[Delivery]:
        return wait_for(
            f"{count} deliveries", lambda: len(self.deliveries) >= count and list(self.deliveries), timeout
        )  # type: ignore[return-value]
