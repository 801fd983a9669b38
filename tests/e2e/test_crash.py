"""Power cuts, stopped registries, full disks, two daemons: it converges, loses nothing, and shows no half."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, config_map, object_file, push, released
from parts.line import Line
from parts.oci_registry import DockerRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import stays, wait_for

Serve = Callable[..., Daemon]


@pytest.fixture
def registry_line(line: Line, stack: ExitStack, tmp_path: Path) -> Iterator[tuple[Line, DockerRegistry]]:
    """The path over a registry that the test may stop."""
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry"))
    line.repository = registry.oci("acme/shop")
    line.bundle = {"artifact": {"insecure": True}}
    line.sync = {"artifact": {"insecure": True}}
    yield line, registry


def test_push_while_the_registry_is_stopped(registry_line: tuple[Line, DockerRegistry], serve: Serve) -> None:
    line, registry = registry_line
    line.start(serve)
    registry.stop()
    line.push({"web.yaml": config_map("web", color="blue")})
    line.bundle_refuses("PushFailed", registry.host)
    line.daemon.kill()  # what it was told is not lost with it
    line.daemon.start()
    registry.start()
    line.arrives("blue", timeout=40)


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
    file = line.journey.target / object_file("web")
    file.write_text("drifted while nobody looked")
    line.daemon.start()
    wait_for("the drift to be healed", lambda: "red" in line.web)
    file.write_text("drifted again")
    wait_for("the drift to be healed", lambda: "red" in line.web)


class Watcher(threading.Thread):
    """Reads every file of a Tree all the time; `seen` are the contents, whole or not."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        super().__init__(daemon=True)
        self._files = [folder / object_file(name) for name in names]
        self._end = threading.Event()
        self.seen: set[tuple[str, bytes]] = set()
        self.missing = 0

    def run(self) -> None:
        while not self._end.is_set():
            for file in self._files:
                if not self._read(file) and not self._read(file):
                    self.missing += 1

    def _read(self, file: Path) -> bool:
        """False when it is not there; once may be because the folder was swapped between two of its names."""
        try:
            self.seen.add((file.stem, file.read_bytes()))
            return True
        except FileNotFoundError:
            return False

    def __enter__(self) -> "Watcher":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


NAMES = ["one", "two", "three"]
FILLER = "x" * 20_000  # so that a file takes more than one write


def color_of(content: bytes) -> str:
    """The color of a whole file; what is cut or mixed has none."""
    text = content.decode()
    found = re.search(r"color: '?(\w+)'?", text)
    whole = text.count(FILLER) == 1 and text.endswith("\n")
    return found[1] if found and whole else f"half: {text[:200]!r}"


def test_kill_at_every_moment(line: Line, serve: Serve) -> None:
    """kill -9 at twenty moments between the hook's answer and the last file: without a new hook it converges."""

    def files(color: str) -> dict[str, str]:
        return {f"{name}.yaml": config_map(name, color=color, filler=FILLER) for name in NAMES}

    line.start(serve)
    line.push(files("c0"))
    line.arrives("red")
    colors = {"c0"}
    with Watcher(line.journey.target, NAMES) as watcher:
        for turn in range(20):
            color = f"c{turn + 1}"
            colors.add(color)
            commit = line.push(files(color))
            time.sleep(0.4 * turn / 19)
            line.daemon.kill()
            line.daemon.start()
            released(line.daemon, commit)
            wait_for(f"{color} in all files", lambda: all_have(line, color))
    assert {color_of(content) for _, content in watcher.seen} <= colors
    assert watcher.missing == 0, "a file was away for a moment"
    line.goes_on()


def all_have(line: Line, color: str) -> bool:
    return all(color_of((line.journey.target / object_file(name)).read_bytes()) == color for name in NAMES)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True
    ).returncode
    if not mounted:
        pytest.skip("a small file system needs root and mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Takes all the space there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 16, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                pass
    return filler


def test_full_disk_of_the_target(line: Line, serve: Serve, small_disk: Path) -> None:
    line.journey.target = small_disk / "target"
    line.start(serve)
    filler = fill(small_disk)
    line.push({"web.yaml": config_map("web", color="blue", filler=FILLER)})
    line.daemon.wait_condition("Sync", "shop", "Ready", "False", "ApplyFailed")
    assert "space" in line.daemon.condition("Sync", "shop")["message"]
    assert "red" in line.web
    filler.unlink()
    line.arrives("blue", timeout=30)


def test_full_disk_of_the_cache(line: Line, serve: Serve, small_disk: Path) -> None:
    """Without a cache there is nothing to fetch into; with space there is."""
    line.start(serve, "--cache-dir", small_disk)
    filler = fill(small_disk)
    line.push({"web.yaml": config_map("web", color="blue", filler=FILLER)})
    line.bundle_refuses("GitFailed", "space")
    filler.unlink()
    line.arrives("blue", timeout=30)


def test_full_disk_of_the_state(
    sealift: Sealift, line: Line, small_disk: Path, git_server: GitHttpServer, stack: ExitStack
) -> None:
    """A hook that cannot be kept is not acknowledged: the forge may send it again."""
    cache = line.journey.folder / "cache"
    line.write()
    line.repo.commit({"web.yaml": config_map("web", color="red")})
    line.repo.push()
    line.daemon = stack.enter_context(
        Daemon(sealift, line.journey.config.folder, small_disk / "state", "--cache-dir", cache)
    )
    line.arrives("red")
    filler = fill(small_disk)
    line.repo.commit({"web.yaml": config_map("web", color="blue")})
    line.repo.push()
    assert line.send().status == 503
    stays("the target", lambda: "red" in line.web, 0.3)
    filler.unlink()
    assert line.send().status in (200, 202)
    line.arrives("blue", timeout=30)


def test_two_daemons_on_one_state(line: Line, serve: Serve) -> None:
    """One acts; when it dies, the other takes over. Both take hooks."""
    line.start(serve)
    first, second = line.daemon, serve()
    assert second.lines(msg="packager holds its lease") == []
    line.push({"web.yaml": config_map("web", color="blue")})
    line.arrives("blue")
    line.daemon = second
    line.push({"web.yaml": config_map("web", color="green")})
    line.arrives("green")
    assert second.lines(msg="bundle released") == [] and len(first.lines(msg="bundle released")) == 3
    first.kill()
    line.push({"web.yaml": config_map("web", color="black")})
    line.arrives("black")
    assert len(second.lines(msg="bundle released")) == 1
    (line.journey.target / object_file("web")).write_text("drifted")
    wait_for("the drift to be healed", lambda: "black" in line.web)
