"""What strangers send to a hook: it is refused in words, changes nothing, and stands in nobody's way."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import Any, Callable

import pytest

from parts.journey import TOKEN, config_map
from parts.line import Line
from parts.sealift import Daemon
from parts.wait import wait_for
from parts.webhook import github_signature, push_payload

Serve = Callable[..., Daemon]


@pytest.fixture
def running(line: Line, serve: Serve) -> Line:
    return line.start(serve)


def refuses(line: Line, status: int, *parts: str, **sent: Any) -> None:
    """A delivery about a commit that is there, but nobody was told of: it is not looked at."""
    line.repo.commit({"web.yaml": config_map("web", color="green")})
    line.repo.push()
    hook = line.daemon.status("Hook", "shop").get("pending")
    answer = line.send(**sent)
    assert answer.status == status, f"{answer.status} {answer.text}"
    assert all(part in answer.text for part in parts), answer.text
    assert TOKEN.decode() not in answer.text
    assert line.daemon.status("Hook", "shop").get("pending") == hook
    assert "red" in line.web


def test_bad_signature(running: Line) -> None:
    for signature in ("", "sha256=" + "0" * 64, "sha256=", "nonsense", "sha1=" + "0" * 40):
        refuses(running, 401, "X-Hub-Signature-256", signature=signature)
    running.goes_on()


def test_truncated_signature(running: Line) -> None:
    body = json.dumps(push_payload(running.url, running.repo.head)).encode()
    for size in (len("sha256="), 20, len("sha256=") + 63):
        refuses(running, 401, payload=body, signature=github_signature(body, TOKEN)[:size])
    refuses(running, 401, payload=body, signature=github_signature(body, TOKEN) + "00")
    refuses(running, 401, secret=b"another-token-of-somebody")


def test_body_over_the_limit(line: Line, serve: Serve) -> None:
    line.start(serve, "--max-hook-bytes", "65536")
    payload = push_payload(line.url, line.repo.head) | {"commits": ["x" * 70_000]}
    refuses(line, 413, payload=payload)
    payload["commits"] = ["x" * 60_000]
    assert line.send(payload).status in (200, 202)
    line.arrives("green")


def test_json_that_is_no_object(running: Line) -> None:
    cut = [b"", b"{", b'{"ref": "refs/heads/main"', b'{"ref": 1} x']
    for payload in [b"[]", b"null", b"7", *cut, b"\xff\xfe{}", b"{" * 100_000, b'{"a": 1, "a": 2}']:
        refuses(running, 400, payload=payload)
    running.goes_on()


def test_members_of_the_wrong_type(running: Line) -> None:
    """What the payload cannot tell makes the packager look; it breaks nothing."""
    running.repo.commit({"web.yaml": config_map("web", color="green")})
    running.repo.push()
    answer = running.send({"ref": 7, "repository": [], "after": None, "deleted": "no"})
    assert answer.status in (200, 202), answer.text
    running.arrives("green")


def test_ref_that_was_deleted(running: Line) -> None:
    answer = running.send(push_payload(running.url, running.repo.head, deleted=True))
    assert answer.status in (200, 202) and "deleted" in answer.text, answer.text
    assert not running.daemon.status("Hook", "shop").get("pending")


def test_unknown_path(running: Line) -> None:
    for path in ("/", "/hook/", "/hook/" + "0" * 64, running.path + "/", running.path[:-1], "/../etc/passwd"):
        refuses(running, 404, path=path)
    assert running.daemon.get(running.path).status == 405


def test_slow_clients(running: Line, stack: ExitStack) -> None:
    """Clients that never finish their request hold up nobody, and are sent away."""
    slow = []
    for head in (b"POST ", f"POST {running.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{".encode()):
        for _ in range(20):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", running.daemon.hook_port)))
            client.sendall(head)
            slow.append(client)
    began = time.monotonic()
    running.goes_on()
    assert time.monotonic() - began < 5
    slow[0].settimeout(1)

    def closed() -> bool:
        try:
            slow[0].sendall(b"x")
            return slow[0].recv(4096) is not None
        except (BrokenPipeError, ConnectionResetError):
            return True

    wait_for("the slowest client to be sent away", closed, timeout=15, every=1)
