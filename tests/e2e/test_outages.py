"""Registries and git servers that go away and come back: hooks are taken, nothing is lost, what runs is healed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest

from parts.git_http import GitHttpServer
from parts.journey import config_map, deliver, object_file, released
from parts.line import Line
from parts.oci_registry import DockerRegistry
from parts.sealift import Daemon
from parts.wait import wait_for

Serve = Callable[..., Daemon]


@pytest.fixture
def registry_line(line: Line, stack: ExitStack, tmp_path: Path) -> Iterator[tuple[Line, DockerRegistry]]:
    """The path over a registry that the test may stop."""
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry"))
    line.repository = registry.oci("acme/shop")
    line.bundle = {"artifact": {"insecure": True}}
    line.sync = {"artifact": {"insecure": True}}
    yield line, registry


def heals(line: Line, content: str) -> None:
    (line.journey.target / object_file("web")).write_text("drifted")
    wait_for("the drift to be healed", lambda: content in line.web)


@pytest.mark.parametrize("restart", [False, True], ids=["stays", "restarts"])
def test_pushes_while_the_registry_is_stopped(
    registry_line: tuple[Line, DockerRegistry], serve: Serve, restart: bool
) -> None:
    """To two branches, several times: each is answered, and the newest of each arrives without another hook."""
    line, registry = registry_line
    line.start(serve)
    line.journey.bundle(
        line.url, line.repository, name="next", source={"git": {"ref": {"branch": "next"}}},
        artifact={"insecure": True, "tags": ["next"]},
    )  # fmt: skip
    line.journey.hook(resources=[{"kind": "Bundle", "name": name} for name in ("shop", "next")])
    line.repo.push("main:next")
    deliver(line.daemon, line.url, line.repo.head, "refs/heads/next")
    released(line.daemon, line.repo.head, "next")
    registry.stop()
    for color in ("green", "black", "blue"):
        assert "red" in line.web
        line.push({"web.yaml": config_map("web", color=color)})
        line.repo.push("main:next")
        deliver(line.daemon, line.url, line.repo.head, "refs/heads/next")
    line.bundle_refuses("PushFailed", registry.host)
    line.daemon.wait_condition("Bundle", "next", "Ready", "False", "PushFailed")
    heals(line, "red")
    if restart:
        line.daemon.kill()  # what it was told is not lost with it
        line.daemon.start()
    registry.start()
    line.arrives("blue", timeout=60)
    released(line.daemon, line.repo.head, "next", timeout=60)


@pytest.mark.parametrize("follows", ["bundle", "tag"])
def test_restart_without_registry_keeps_healing(
    registry_line: tuple[Line, DockerRegistry], serve: Serve, follows: str
) -> None:
    line, registry = registry_line
    if follows == "tag":
        line.sync = {"artifact": {"insecure": True, "repository": line.repository, "tag": "prod"}, "interval": "1s"}
    line.start(serve)
    line.daemon.kill()
    registry.stop()
    (line.journey.target / object_file("web")).write_text("drifted while nobody looked")
    line.daemon.start()
    wait_for("the drift to be healed", lambda: "red" in line.web)
    heals(line, "red")
    registry.start()
    line.push({"web.yaml": config_map("web", color="blue")})
    line.arrives("blue", timeout=60)


@pytest.mark.parametrize("restart", [False, True], ids=["stays", "restarts"])
def test_git_server_that_goes_away_and_comes_back(
    line: Line, serve: Serve, git_server: GitHttpServer, restart: bool
) -> None:
    line.start(serve)
    line.repo.commit({"web.yaml": config_map("web", color="blue")})
    line.repo.push()
    git_server.stop()
    assert line.send().status == 202
    line.bundle_refuses("GitFailed", git_server.authority)
    heals(line, "red")
    if restart:
        line.daemon.kill()
        line.daemon.start()
        heals(line, "red")
    git_server.start()
    line.arrives("blue", timeout=60)
    line.goes_on("green")
