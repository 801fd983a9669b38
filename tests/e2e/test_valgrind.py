"""The whole path once under valgrind: no error, no definite leak."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from parts.journey import config_map, object_file
from parts.line import Line
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for


@pytest.mark.slow
def test_path_in_valgrind(line: Line, sealift_in_valgrind: Sealift, tmp_path: Path) -> None:
    def start(*flags: object) -> Daemon:
        return Daemon(sealift_in_valgrind, line.journey.config.folder, tmp_path / "state", ready_timeout=60)

    line.write()
    line.repo.commit({"web.yaml": config_map("web", color="red")})
    line.repo.push()
    with start() as line.daemon:
        line.arrives("red", timeout=60)
        line.push({"web.yaml": config_map("web", color="blue"), "more.yaml": config_map("more")})
        line.arrives("blue", timeout=60)
        line.push({"web.yaml": "kind: [\n"})
        line.bundle_refuses("RenderFailed", "web.yaml", timeout=60)
        (line.journey.target / object_file("web")).write_text("drifted")
        wait_for("the drift to be healed", lambda: "blue" in line.web, timeout=30)
        assert line.send(signature="sha256=00").status == 401
    # The status of a daemon that valgrind complains about is not 0: leaving the block has failed then.
    assert "ERROR SUMMARY" not in line.daemon.output and "definitely lost" not in line.daemon.output
