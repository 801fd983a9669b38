"""What somebody hostile, or in a hurry, may try. Each of these once worked, or broke something."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo, git_environment
from parts.journey import Journey, applied, config_map, released
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

Serve = Callable[..., Daemon]


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def url(git_server: GitHttpServer, repo: GitRepo) -> str:
    repo.commit({"web.yaml": config_map("web")})
    repo.push()
    return f"{git_server.url}/config.git"


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return f"oci-layout://{tmp_path}/layout"


# Repository writers


@pytest.mark.quick
def test_no_terminal_obeys_a_repository(sealift: Sealift, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a\x1b[31m\x9b2J\u202e.yaml").write_text("kind: [\n")
    said = sealift.fails("render", folder)
    assert "\\x1B[31m" in said.err
    assert not any(sign in said.err for sign in "\x1b\x9b\u202e")


def test_no_table_obeys_a_repository(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    repo.commit({"a\x1b[31m\nb.yaml": "kind: [\n"})
    repo.push()
    journey.bundle(url, layout)
    daemon = serve()
    daemon.wait_condition("Bundle", "shop", "Ready", "False")
    for words in (("get", "bundles"), ("events",)):
        said = journey.run(*words)
        assert "\\x1B[31m" in said.out and "\x1b" not in said.out
    assert len(journey.run("get", "bundles").out.splitlines()) == 2


def test_folders_without_end(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """Nine levels of ten names for one folder: a thousand million folders in a few hundred bytes."""

    def git(*words: str, text: str = "") -> str:
        done = subprocess.run(
            ["git", *words], cwd=repo.path, input=text, env=git_environment(), stdout=-1, text=True, check=True
        )
        return done.stdout.strip()

    tree = git("mktree")
    for _ in range(9):
        tree = git("mktree", text="".join(f"040000 tree {tree}\td{i}\n" for i in range(10)))
    commit = git("commit-tree", tree, "-m", "bomb")
    git("push", "-q", "origin", f"{commit}:refs/heads/bomb")
    journey.bundle(url, layout, source={"git": {"ref": {"branch": "bomb"}}})
    daemon = serve()
    daemon.wait_condition("Bundle", "shop", "Ready", "False", timeout=60)
    assert "narrow the path" in daemon.condition("Bundle", "shop")["message"]


# Those who write Syncs


@pytest.mark.parametrize("kind", ["Tree", "OneFile"])
def test_target_in_a_folder_of_ours(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str, tmp_path: Path, kind: str
) -> None:
    """What a repository holds must not become a TrustPolicy, or what the controller remembers."""
    journey.bundle(url, layout)
    journey.sync()
    (tmp_path / "link").symlink_to(tmp_path)
    places = {"config": "config", "below": "config/more", "state": "state/floors", "cache": "state/cache/blobs",
              "via-link": "link/config/linked"}  # fmt: skip
    for name, place in places.items():
        journey.sync(name, tmp_path / place, kind)
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    for name in places:
        daemon.wait_condition("Sync", name, "Ready", "False", "ApplyFailed")
        assert "a folder of sealift's own" in daemon.condition("Sync", name)["message"]
    assert not list((tmp_path / "config").rglob("sealift-*"))


def test_refused_sync_can_be_deleted(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    journey.bundle(url, layout)
    journey.sync()
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    journey.sync("inside", journey.target / "_", "OneFile")
    daemon.wait_condition("Sync", "inside", "Ready", "False")
    journey.run("delete", "--yes", "sync", "inside")
    wait_for("the deletion", lambda: not daemon.object("Sync", "inside").exists(), 10)


def test_target_that_cannot_be_says_why(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str, tmp_path: Path
) -> None:
    journey.bundle(url, layout)
    journey.sync("long", tmp_path / ("x" * 250))
    journey.sync("control", Path(f"{tmp_path}/a\x1bb"))
    daemon = serve()
    released(daemon, repo.head)
    for name, part in (("long", "longer than 240 bytes"), ("control", "control character")):
        wait_for(part, lambda: part in str(daemon.condition("Sync", name).get("message")))  # noqa: B023


# Others on the host


def test_what_was_fetched_is_private(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    journey.bundle(url, layout)
    daemon = serve()
    released(daemon, repo.head)
    assert (daemon.state / "cache" / "git").stat().st_mode & 0o077 == 0
    for path in daemon.state.rglob("*"):
        private = any(parent.stat().st_mode & 0o077 == 0 for parent in [path, *path.parents])
        assert path.is_dir() or private, path


# Somebody in a hurry


@pytest.mark.quick
@pytest.mark.parametrize("words", ["version", "help", "reference", "get --help", "completion bash"])
def test_lost_output_is_a_failure(sealift: Sealift, words: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(sealift.words(*words.split()), stdout=full, stderr=subprocess.PIPE, env=sealift.env)
    assert done.returncode == 1 and b"could not write" in done.stderr


@pytest.mark.quick
@pytest.mark.parametrize(
    "flag, part",
    [
        ("--workers=4294967297", "--workers is 1 to 256"),
        ("--max-hook-bytes=-5", "--max-hook-bytes is 1 to"),
        ("--max-hook-bytes=26214401", "--max-hook-bytes is 1 to"),
        ("--max-artifact-bytes=0", "--max-artifact-bytes is 1 to"),
        ("--unpack-memory=1000", "--unpack-memory is less than --max-unpacked-bytes"),
        ("--roles=", "--roles is empty"),
    ],
)
def test_flag_that_makes_no_sense(sealift: Sealift, tmp_path: Path, flag: str, part: str) -> None:
    said = sealift.fails("serve", "--config", tmp_path, "--state", tmp_path / "state", flag, timeout=10)
    assert said.code == 2 and part in said.err and not os.path.exists(tmp_path / "state")
