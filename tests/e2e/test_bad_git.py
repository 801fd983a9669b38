"""What git may throw at the packager: a condition says where and what, nothing is pushed, the next good commit is."""

from __future__ import annotations

import shutil
import subprocess
from typing import Callable, Union

import pytest

from parts.git_http import GitFault, GitHttpServer
from parts.journey import config_map, deliver
from parts.line import Line
from parts.sealift import Daemon
from parts.wait import stays

Serve = Callable[..., Daemon]


@pytest.fixture
def running(line: Line, serve: Serve) -> Line:
    return line.start(serve)


def look(line: Line, commit: str = "") -> None:
    deliver(line.daemon, line.url, commit or line.repo.head)


def test_ref_that_was_deleted(running: Line, git_server: GitHttpServer) -> None:
    subprocess.run(["git", "update-ref", "-d", "refs/heads/main"], cwd=git_server.path("config"), check=True)
    look(running)
    running.bundle_refuses("GitFailed", "main")
    running.repo.push()
    running.goes_on()


def test_repository_that_vanished(running: Line, git_server: GitHttpServer) -> None:
    path = git_server.path("config")
    shutil.move(path, path.with_name("away.git"))
    look(running)
    running.bundle_refuses("GitFailed", running.url)
    shutil.move(path.with_name("away.git"), path)
    running.goes_on()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (GitFault(half=True, match="git-upload-pack"), ""),
        (GitFault(status=500), "500"),
        (GitFault(status=401), "401"),
        (GitFault(status=200, body=b"<html>Please log in</html>"), ""),
        (GitFault(status=302, location="http://127.0.0.1:9/elsewhere.git"), ""),
    ],
    ids=["half a pack", "500", "401", "html", "redirect to nowhere"],
)
def test_server_that_fails(running: Line, git_server: GitHttpServer, fault: GitFault, says: str) -> None:
    running.repo.commit({"web.yaml": config_map("web", color="green")})
    running.repo.push()
    git_server.fail(fault)
    look(running)
    running.bundle_refuses("GitFailed", running.url, says)
    git_server.heal()
    running.goes_on()


def test_server_that_stalls(line: Line, serve: Serve, git_server: GitHttpServer) -> None:
    line.bundle = {"timeout": "2s"}
    line.start(serve)
    git_server.fail(GitFault(stall=True, match="git-upload-pack"))
    line.push({"web.yaml": config_map("web", color="green")})
    line.bundle_refuses("GitFailed", line.url, timeout=10)
    git_server.heal()
    line.goes_on()


def test_force_push(running: Line) -> None:
    running.push({"web.yaml": config_map("web", color="blue")})
    running.arrives("blue")
    commit = running.repo.amend({"web.yaml": config_map("web", color="green")})
    running.repo.push(force=True)
    look(running)
    running.bundle_refuses("HistoryRewritten", f"--accept-history {commit}")
    failed = running.journey.sealift.fails(*running.journey.at("reconcile", "bundle", "shop"))
    assert "--accept-history" in failed.out + failed.err
    stays("what runs", lambda: "blue" in running.web, 0.3)
    running.journey.run("reconcile", "bundle", "shop", "--accept-history", commit)
    running.arrives("green")
    running.goes_on("white")


def test_accepted_history_is_for_one_commit(running: Line) -> None:
    accepted = running.repo.amend({"web.yaml": config_map("web", color="green")})
    other = running.repo.amend({"web.yaml": config_map("web", color="black")})
    running.repo.push(force=True)
    running.journey.sealift.fails(*running.journey.at("reconcile", "bundle", "shop", "--accept-history", accepted))
    running.bundle_refuses("HistoryRewritten", other)


GOOD = config_map("other")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: [\n", "bad.yaml:"),
        ("kind: ConfigMap\nkind: Secret\n", "bad.yaml:2"),
        (BOMB, "bad.yaml:"),
        ("kind: ConfigMap\n\tname: x\n", "bad.yaml:2"),
        (GOOD.replace("name: other", "name: web"), "web.yaml"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n", "bad.yaml:"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "bad.yaml:"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {password: hunter2}\n", "bad.yaml:"),
        (b"kind: \xff\xfe\n", "bad.yaml:"),
        ("just a text\n", "bad.yaml:"),
        (GOOD + "---\n" + GOOD, "bad.yaml:"),
    ],
    ids=[
        *("unparsable", "duplicate keys", "alias bomb", "tab", "one identity twice", "no name", "no kind", "secret"),
        *("not UTF-8", "no object", "one identity twice in a file"),
    ],
)
def test_manifest_that_is_refused(running: Line, text: Union[str, bytes], says: str) -> None:
    running.push({"bad.yaml": text})
    message = running.bundle_refuses("RenderFailed", "bad.yaml", says)
    assert "hunter2" not in message
    running.goes_on(remove=("bad.yaml",))


@pytest.mark.parametrize(
    "change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text], ids=["CRLF", "BOM"]
)
def test_manifest_of_other_editors(running: Line, change: Callable[[str], str]) -> None:
    running.push({"web.yaml": change(config_map("web", color="green")).encode()})
    running.arrives("green")
