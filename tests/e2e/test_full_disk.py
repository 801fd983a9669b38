"""A disk without space: it is said where, nothing is half-applied, no hook is lost, and with space it goes on."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest

from parts.git_http import GitHttpServer
from parts.journey import config_map, tree
from parts.line import Line
from parts.need import missing
from parts.sampler import Sampler
from parts.sealift import Daemon, Sealift
from parts.wait import stays, wait_for

Serve = Callable[..., Daemon]
FILLER = "x" * 20_000  # more than what is left in pages that are in use


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True
    ).returncode
    if not mounted:
        missing("a small file system needs root and mount")
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


def big(color: str) -> dict[str, str]:
    return {"web.yaml": config_map("web", color=color, filler=FILLER)}


@pytest.mark.parametrize("layout", ["Tree", "OneFile"])
def test_full_disk_of_the_target(line: Line, serve: Serve, small_disk: Path, layout: str) -> None:
    line.journey.target = small_disk / "target"
    line.sync = {"layout": layout}
    line.write()
    line.repo.commit(big("red"))
    line.repo.push()
    line.daemon = serve()
    line.daemon.wait_ready_of("Sync", "shop")
    before = tree(line.journey.target)
    assert "red" in "".join(before.values())
    filler = fill(small_disk)
    with Sampler(lambda: json.dumps(tree(line.journey.target))) as seen:
        line.push(big("blue"))
        line.daemon.wait_condition("Sync", "shop", "Ready", "False", "ApplyFailed")
        stays("the target", lambda: tree(line.journey.target) == before, 0.3)
    assert seen.seen == {json.dumps(before)}
    message = line.daemon.condition("Sync", "shop")["message"]
    assert str(line.journey.target) in message and "No space left on device" in message, message
    filler.unlink()
    line.daemon.wait_ready_of("Sync", "shop", timeout=60)
    after = tree(line.journey.target)
    assert set(after) == set(before) and "blue" in "".join(after.values())


def test_full_disk_of_the_layout(line: Line, serve: Serve, small_disk: Path) -> None:
    """What is released stays whole, and can be read all the time."""
    line.repository = f"oci-layout://{small_disk}/layout"
    line.start(serve)
    filler = fill(small_disk)
    index = (small_disk / "layout/index.json").read_bytes()
    line.push(big("blue"))
    message = line.bundle_refuses("PushFailed", "No space left on device")
    assert str(small_disk / "layout") in message, message
    assert (small_disk / "layout/index.json").read_bytes() == index
    verified = ("verify", f"{line.repository}:prod", "--key", line.journey.public)
    line.journey.sealift(*verified)
    filler.unlink()
    line.arrives("blue", timeout=60)
    line.journey.sealift(*verified)


def test_full_disk_of_the_cache(line: Line, serve: Serve, small_disk: Path) -> None:
    """Without a cache there is nothing to fetch into; with space there is."""
    line.start(serve, "--cache-dir", small_disk)
    filler = fill(small_disk)
    line.push(big("blue"))
    line.bundle_refuses("GitFailed", "No space left on device")
    filler.unlink()
    line.arrives("blue", timeout=60)


@pytest.fixture
def state_line(
    line: Line, sealift: Sealift, small_disk: Path, stack: ExitStack, git_server: GitHttpServer
) -> Callable[..., Daemon]:
    """Starts daemons whose state is on the small disk, and whose cache is elsewhere."""
    line.write()
    line.repo.commit({"web.yaml": config_map("web", color="red")})
    line.repo.push()

    def start(roles: str = "") -> Daemon:
        folders = (line.journey.config.folder, small_disk / "state")
        daemon = Daemon(sealift, *folders, "--cache-dir", line.journey.folder / "cache", roles=roles)
        return stack.enter_context(daemon)

    return start


def test_full_disk_of_the_state(line: Line, small_disk: Path, state_line: Callable[..., Daemon]) -> None:
    """A hook that cannot be kept is not acknowledged: the forge may send it again."""
    line.daemon = state_line()
    line.arrives("red")
    filler = fill(small_disk)
    line.repo.commit(big("blue"))
    line.repo.push()
    for _ in range(3):
        answer = line.send()
        assert answer.status == 503 and "again" in answer.text
    told = line.daemon.wait_line(msg="delivery not recorded")
    assert "No space left on device" in told["error"], told
    stays("the target", lambda: "red" in line.web, 0.3)
    filler.unlink()
    assert line.send().status == 202
    line.arrives("blue", timeout=60)
    line.goes_on("green")


def test_state_that_fills_after_the_answer(line: Line, small_disk: Path, state_line: Callable[..., Daemon]) -> None:
    """Packager and controller, too, wait for space, and say so where they can. The hook is not sent again."""
    line.daemon = state_line("receiver")
    workers = state_line("packager,controller")
    line.arrives("red")
    workers.kill()
    line.repo.commit(big("blue"))
    line.repo.push()
    assert line.send().status == 202
    filler = fill(small_disk)
    workers.start()
    wait_for(
        "a log line about it",
        lambda: [one for one in workers.log if one["level"] in ("warn", "error") and "No space left" in str(one)],
    )
    stays("the target", lambda: "red" in line.web, 0.5)
    filler.unlink()
    line.arrives("blue", timeout=60)
    (line.journey.target / "_/ConfigMap/web.yaml").write_text("drifted")
    wait_for("the drift to be healed", lambda: "blue" in line.web)


def test_floor_that_cannot_be_kept(line: Line, small_disk: Path, state_line: Callable[..., Daemon]) -> None:
    """Nothing is applied that could be rolled back unnoticed."""
    line.daemon = state_line("receiver,packager")
    wait_for("the release", lambda: line.daemon.status("Bundle", "shop")["artifact"])
    filler = fill(small_disk)
    controller = state_line("controller")
    wait_for(
        "a log line about it",
        lambda: [one for one in controller.log if one.get("kind") == "Sync" and "No space left" in str(one)],
    )
    stays("no target", lambda: not line.journey.target.exists(), 0.3)
    filler.unlink()
    line.arrives("red", timeout=60)
