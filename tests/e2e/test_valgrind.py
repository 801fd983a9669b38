"""The whole path under valgrind: no error, no definite leak. No suppressions: the libraries are clean on these paths."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from parts.journey import config_map, object_file
from parts.line import Line
from parts.oci_registry import DockerRegistry
from parts.sealift import Daemon, Sealift
from parts.token_server import TokenServer
from parts.valgrind import ERROR_CODE, under_valgrind
from parts.wait import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]
PATIENCE = 60  # seconds for a step: about 30 times slower than without valgrind


def layout_on_disk(line: Line, stack: ExitStack, folder: Path) -> None:
    """What `line` has already."""


def registry_with_tokens(line: Line, stack: ExitStack, folder: Path) -> None:
    tokens = stack.enter_context(TokenServer(folder, "ada", "hush-hush"))
    registry = stack.enter_context(DockerRegistry(folder / "registry", token_server=tokens))
    line.journey.config.secret("registry", username="ada", password="hush-hush")
    line.repository = registry.oci("acme/shop")
    line.bundle = line.sync = {"artifact": {"insecure": True, "secretRef": {"name": "registry"}}}


@pytest.mark.parametrize("place", [layout_on_disk, registry_with_tokens])
def test_path_in_valgrind(
    line: Line, sealift_in_valgrind: Sealift, tmp_path: Path, stack: ExitStack, place: Callable[..., None]
) -> None:
    """Push, hook, signed artifact, verified, applied, healed; then what is refused."""
    place(line, stack, tmp_path)
    line.write()
    line.repo.commit({"web.yaml": config_map("web", color="red")})
    line.repo.push()
    folders = (line.journey.config.folder, tmp_path / "state")
    with Daemon(sealift_in_valgrind, *folders, ready_timeout=PATIENCE) as line.daemon:
        line.arrives("red", timeout=PATIENCE)
        line.push({"web.yaml": config_map("web", color="blue"), "more.yaml": config_map("more")})
        line.arrives("blue", timeout=PATIENCE)
        line.push({"web.yaml": "kind: [\n"})
        line.bundle_refuses("RenderFailed", "web.yaml", timeout=PATIENCE)
        (line.journey.target / object_file("web")).write_text("drifted")
        wait_for("the drift to be healed", lambda: "blue" in line.web, timeout=PATIENCE)
        assert line.send(signature="sha256=00").status == 401
    # The status of a daemon that valgrind complains about is not 0: leaving the block has failed then.
    assert "ERROR SUMMARY" not in line.daemon.output and "definitely lost" not in line.daemon.output


def test_commands_in_valgrind(line: Line, sealift_in_valgrind: Sealift, tmp_path: Path) -> None:
    """The same path by hand, from manifests to a folder."""
    words = ("--key", line.journey.private, "--password-file", tmp_path / "password")
    (tmp_path / "password").write_text("open sesame")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/web.yaml").write_text(config_map("web", color="red"))
    tagged = f"{line.repository}:prod"
    run = sealift_in_valgrind
    for command in (
        ("render", tmp_path / "src"),
        ("push", tmp_path / "src", tagged, *words),
        ("inspect", tagged),
        ("verify", tagged, "--key", line.journey.public, "--explain"),
        ("pull", tagged, "--output", tmp_path / "out"),
    ):
        run(*command, timeout=PATIENCE)
    assert list((tmp_path / "out").rglob("web.yaml"))
    refused = run.fails("verify", f"{line.repository}:none", "--key", line.journey.public, timeout=PATIENCE)
    assert refused.code != ERROR_CODE, refused.err


FAULTY = """\
#include <stdlib.h>
int main(int argc, char **argv)
{
    (void)argv;
    char *volatile text = malloc(8);
    if (argc > 1) { text[8] = 1; free(text); } else { text = NULL; }
    return 0;
}
"""


@pytest.mark.parametrize("words", [(), ("overrun",)], ids=["leak", "overrun"])
def test_valgrind_tells(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A leak and a write past the end are found: otherwise the tests above prove nothing."""
    (tmp_path / "faulty.c").write_text(FAULTY)
    program = tmp_path / "faulty"
    subprocess.run(["gcc", "-O0", "-o", program, tmp_path / "faulty.c"], check=True)
    faulty = under_valgrind(tmp_path / "home")
    faulty.program = program
    assert faulty.run(*words).code == ERROR_CODE
