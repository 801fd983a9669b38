"""The first of the README's two commands, as a newcomer runs it: twice in a row, then torn down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from parts.need import CHECKOUT
from parts.wait import wait_for

QUICKSTART = CHECKOUT / "deploy" / "quickstart"


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SEALIFT_QUICKSTART": str(home)}
    env.pop("KUBECONFIG", None)
    # From another folder: it must not depend on where it is called.
    return subprocess.run([str(QUICKSTART), *words], env=env, cwd="/", text=True, capture_output=True, timeout=600)


def push_once_more(home: Path) -> None:
    """What the last lines invite to: edit, commit, push, and watch the target."""
    work, target = home / "work", home / "target" / "shop" / "Deployment.apps" / "web.yaml"
    manifest = work / "apps" / "shop" / "web.yaml"
    manifest.write_text(manifest.read_text().replace("replicas: 5", "replicas: 7"))
    for command in (["git", "commit", "-qam", "Seven"], ["git", "push"]):
        subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=60)
    wait_for("the push in the target", lambda: "replicas: 7" in target.read_text())


def test_quickstart_tells_the_whole_story_twice(tmp_path: Path) -> None:
    home = tmp_path / "quickstart"
    try:
        for _ in range(2):
            story = run(home)
            assert story.returncode == 0, story.stdout + story.stderr
            for line in ("refuses, and says why", "was put back to 5", "puts the tag back", "Tear it down"):
                assert line in story.stdout
            assert "✗" in story.stdout and "Released" not in story.stderr
        push_once_more(home)
    finally:
        gone = run(home, "down")
    assert gone.returncode == 0 and not home.exists()


def test_quickstart_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("keep me")
    refused = run(tmp_path / "mine")
    assert refused.returncode != 0 and "not a quickstart's folder" in refused.stderr
    assert (tmp_path / "mine" / "file").exists()
