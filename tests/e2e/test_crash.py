"""kill -9 at any moment: what was acknowledged is not lost, it converges, and nobody sees a half-applied target."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Callable, Optional

import pytest

from parts.journey import config_map, object_file, released
from parts.line import Line
from parts.sampler import Sampler, snapshot
from parts.sealift import Daemon
from parts.wait import wait_for
from parts.webhook import push_payload

Serve = Callable[..., Daemon]

NAMES = ("one", "two", "three", "four")
FILLER = "x" * 20_000  # so that a file takes more than one write
MOMENTS = 20
SYNCS = ("shop", "flat")


def files(color: str) -> dict[str, str]:
    return {f"{name}.yaml": config_map(name, color=color, filler=FILLER) for name in NAMES}


def color_of(contents: list[str]) -> str:
    """The one color of a whole target; what is cut or mixed has none."""
    text = "".join(contents)
    colors = re.findall(r"color: '?(\w+)'?\n", text)
    whole = text.count(FILLER + "\n") + text.count(FILLER + "'\n") == len(NAMES) == len(colors)
    if whole and len(set(colors)) == 1 and all(content.endswith("\n") for content in contents):
        return str(colors[0])
    return f"half: {colors} in {[len(content) for content in contents]}"


class Targets:
    """A Tree and a OneFile that follow the same Bundle."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.tree = line.journey.target
        self.folder = line.journey.folder / "one-file"
        line.journey.sync("flat", target=self.folder, layout="OneFile")

    def tree_color(self) -> Optional[str]:
        found = snapshot(self.tree)
        if found is None:
            return None
        if set(found) != {object_file(name) for name in NAMES}:
            return f"half: {sorted(found)}"
        return color_of(list(found.values()))

    def flat_color(self) -> str:
        visible = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        assert len(visible) == 1, visible
        return color_of([visible[0].read_text()])

    def wait(self, color: str) -> None:
        def both() -> bool:
            found = (self.tree_color(), self.flat_color())
            assert found == (color, color), (found, *(self._line.daemon.condition("Sync", name) for name in SYNCS))
            return True

        try:
            wait_for(f"{color} in both targets", both)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._line.daemon.output[-6000:]}") from None


def all_roles_in_one(serve: Serve) -> list[Daemon]:
    return [serve()]


def a_process_per_role(serve: Serve) -> list[Daemon]:
    return [serve(roles=role) for role in ("receiver", "packager", "controller")]


def leftovers(line: Line, targets: Targets) -> list[Path]:
    """What writers that did not come to their end leave beside the targets and in the state."""
    return [*targets.tree.parent.glob(".*"), *targets.folder.glob(".*"), *line.daemon.state.rglob(".*.??????")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("processes", [all_roles_in_one, a_process_per_role])
def test_kill_at_every_moment(line: Line, serve: Serve, processes: Callable[[Serve], list[Daemon]]) -> None:
    """Twenty moments between the hook's answer and the last file in place, and beyond. Nobody sends the hook again."""
    targets = Targets(line)
    line.write()
    line.repo.commit(files("c0"))
    line.repo.push()
    daemons = processes(serve)
    line.daemon = daemons[0]
    targets.wait("c0")
    usual = 0.0
    for turn in range(3):
        line.push(files(f"u{turn}"))
        began = time.monotonic()
        targets.wait(f"u{turn}")
        usual = max(usual, time.monotonic() - began)
    expected = {"u2"}
    with Sampler(targets.tree_color) as tree, Sampler(targets.flat_color) as flat:
        for turn in range(MOMENTS):
            color = f"c{turn + 1}"
            expected.add(color)
            commit = line.push(files(color))
            time.sleep(1.5 * usual * turn / (MOMENTS - 1))
            victim = daemons[turn % len(daemons)]
            victim.kill()
            victim.start()
            released(line.daemon, commit)
            targets.wait(color)
    assert tree.seen <= expected and flat.seen <= expected
    line.push(files("last"))
    targets.wait("last")
    wait_for("the leftovers to be gone", lambda: not leftovers(line, targets))


class Forge(threading.Thread):
    """Tells of one push after the other to a branch, until nobody listens."""

    def __init__(self, line: Line, branch: str) -> None:
        super().__init__(daemon=True)
        self.ref = f"refs/heads/{branch}"
        self._line = line
        self.acknowledged = 0

    @staticmethod
    def commit(number: int) -> str:
        return f"{number:040x}"

    def run(self) -> None:
        try:
            while True:
                number = self.acknowledged + 1
                answer = self._line.send(push_payload(self._line.url, self.commit(number), self.ref))
                if answer.status != 202:
                    return
                self.acknowledged = number
        except OSError:
            pass


def test_what_is_acknowledged_is_on_disk(line: Line, serve: Serve) -> None:
    """kill -9 of a receiver in the middle of a stream of pushes."""
    line.write()
    line.daemon = serve(roles="receiver")
    total = 0
    for turn in range(6):
        forges = [Forge(line, f"branch-{turn}-{number}") for number in range(4)]
        for forge in forges:
            forge.start()
        time.sleep(0.05 + 0.037 * turn)
        line.daemon.kill()
        for forge in forges:
            forge.join()
        pending = {entry["ref"]: entry["commit"] for entry in line.daemon.status("Hook", "shop").get("pending", [])}
        for forge in forges:
            # The newest of a branch; or the one after it, whose answer did not get out any more.
            kept = [forge.commit(forge.acknowledged), forge.commit(forge.acknowledged + 1)]
            assert forge.acknowledged == 0 or pending.get(forge.ref) in kept, forge.ref
            total += forge.acknowledged
        line.daemon.start()
    assert total > 24


def test_two_daemons_on_one_state(line: Line, serve: Serve) -> None:
    """One acts; when it dies, the other takes over. Both take hooks."""
    line.start(serve)
    first, second = line.daemon, serve()
    for role in ("packager", "controller"):
        told = second.wait_line(msg="another process acts in this role; standing by", role=role)
        assert told["pid"] == str(first.pid)
        assert second.lines(msg=f"{role} holds its lease") == []
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
    # The first comes back, and is the one that waits now.
    first.start()
    first.wait_line(msg="another process acts in this role; standing by", pid=str(second.pid))
    line.push({"web.yaml": config_map("web", color="white")})
    line.arrives("white")
    assert len(first.lines(msg="bundle released")) == 3
