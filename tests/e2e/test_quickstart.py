"""The first of the README's two commands, as a newcomer runs it: into folders, on a cluster of theirs, and on a control
plane of its own; twice in a row, then torn down."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.need import CHECKOUT, need_part
from parts.wait import wait_for

QUICKSTART = CHECKOUT / "deploy" / "quickstart"
STORY = ("compiling", "refuses, and says why", "sign nothing", "+      - image: evil.example.com/miner:latest", "was put back to 5", "puts the tag back", "Tear it down", "✗")


def run(home: Path, *words: str, kubeconfig: Optional[Path] = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SEALIFT_QUICKSTART": str(home)}
    env.pop("KUBECONFIG", None)
    if kubeconfig:
        env["KUBECONFIG"] = str(kubeconfig)
    # From another folder: it must not depend on where it is called.
    return subprocess.run([str(QUICKSTART), *words], env=env, cwd="/", text=True, capture_output=True, timeout=600)


def tells_the_story(story: subprocess.CompletedProcess[str]) -> None:
    assert story.returncode == 0, story.stdout + story.stderr
    for line in STORY:
        assert line in story.stdout, story.stdout
    assert not story.stderr, story.stderr


def push_once_more(home: Path) -> None:
    """What the last lines invite to: edit, commit, push, and watch the target."""
    manifest = home / "clone" / "apps" / "shop" / "web.yaml"
    manifest.write_text(manifest.read_text().replace("replicas: 5", "replicas: 7"))
    for command in (["git", "commit", "-qam", "Seven"], ["git", "push"]):
        subprocess.run(command, cwd=home / "clone", check=True, capture_output=True, timeout=60)


@pytest.mark.timeout(600)
def test_quickstart_tells_the_whole_story_twice(tmp_path: Path) -> None:
    home = tmp_path / "quickstart"
    target = home / "target" / "shop" / "Deployment.apps" / "web.yaml"
    try:
        for _ in range(2):
            tells_the_story(run(home))
        push_once_more(home)
        wait_for("the push in the target", lambda: "replicas: 7" in target.read_text())
    finally:
        gone = run(home, "down")
    assert gone.returncode == 0 and not home.exists()


def test_quickstart_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("keep me")
    refused = run(tmp_path / "mine")
    assert refused.returncode != 0 and "not a quickstart's folder" in refused.stderr
    assert (tmp_path / "mine" / "file").exists()


@pytest.mark.timeout(600)
def test_quickstart_shows_its_progress_and_why_a_push_fails(tmp_path: Path) -> None:
    """On a terminal."""
    home, tools, git = tmp_path / "quickstart", tmp_path / "bin", shutil.which("git")
    tools.mkdir()
    # The story's own push, not the first one.
    fake = f'#!/bin/sh\ncase "$*" in *" push -q origin main") echo "fatal: the disk is full" >&2; exit 128;; esac\nexec {git} "$@"\n'
    (tools / "git").write_text(fake)
    (tools / "git").chmod(0o755)
    env = {**os.environ, "SEALIFT_QUICKSTART": str(home), "PATH": f"{tools}:{os.environ['PATH']}", "TERM": "xterm"}
    try:
        words = ["script", "-qec", f"{QUICKSTART} --folders", "/dev/null"]
        told = subprocess.run(words, env=env, capture_output=True, timeout=600, stdin=subprocess.DEVNULL)
        text = told.stdout.decode().replace("\r\n", "\n")
        assert told.returncode == 1 and "fatal: the disk is full" in text and "git push failed (above)" in text, text
        # The line that is written again and again while it compiles, and taken away.
        assert re.search(r"compiling.*\n\r\x1b\[K   \S*\d+ s  ", text), text
        assert "\r\x1b[K   \x1b[2m$ sealift" in text, text
    finally:
        run(home, "down")


# In a cluster


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Somebody's cluster, in which there is no sealift."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as own:
        own.controllers()
        # The controllers make accounts and roles of their own for a while.
        seen: list[Any] = [None]
        wait_for("a cluster at rest", lambda: same(seen, everything(own)), 60, every=2)
        yield own


def same(seen: list[Any], now: Any) -> bool:
    """Is it what it was the last time?"""
    before, seen[0] = seen[0], now
    return bool(before == now)


def everything(plane: ControlPlane) -> dict[str, Any]:
    """What a quickstart could leave behind: objects without a namespace, and accounts and bindings of namespaces."""
    kinds = "namespaces,customresourcedefinitions,apiservices,clusterroles,clusterrolebindings"
    found = plane.get(kinds)["items"] + plane.get("serviceaccounts,roles,rolebindings", "-A")["items"]
    return {
        f"{thing['kind']} {thing['metadata'].get('namespace', '')}/{thing['metadata']['name']}": thing.get("rules")
        for thing in found
    }


def is_as_before(plane: ControlPlane, before: dict[str, Any]) -> None:
    def look() -> bool:
        now = everything(plane)
        assert now == before, sorted(name for name in {**now, **before} if now.get(name, 0) != before.get(name, 0))
        return True

    wait_for("the cluster as it was", look, 30)


def deployment(plane: ControlPlane, namespace: str) -> Any:
    return plane.get("deployment", "web", "-n", namespace)


@pytest.mark.timeout(600)
def test_quickstart_in_a_cluster(plane: ControlPlane, tmp_path: Path) -> None:
    home, before = tmp_path / "quickstart", everything(plane)
    try:
        story = run(home, kubeconfig=plane.kubeconfig)
        tells_the_story(story)
        assert plane.url in story.stdout and "may the controller create deployments? no" in story.stdout
        # The roles hold tokens of their own accounts, and nothing of the administrator's.
        for role in ("receiver", "packager", "controller"):
            settings = yaml.safe_load((home / f"{role}.kubeconfig").read_text())
            assert len(settings["users"]) == 1 and plane.admin_token not in json.dumps(settings)
        assert (home.stat().st_mode & 0o77) == 0
        # The next run clears up after this one, also when its roles died.
        for pid in (home / "pids").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        tells_the_story(run(home, kubeconfig=plane.kubeconfig))
        push_once_more(home)
        wait_for("the push", lambda: deployment(plane, "quickstart-shop")["spec"]["replicas"] == 7)
        wait_for("its pods", lambda: deployment(plane, "quickstart-shop")["status"]["readyReplicas"] == 7)
        # Another one does not take over.
        refused = run(tmp_path / "another", kubeconfig=plane.kubeconfig)
        assert refused.returncode == 1 and "sealift is in this cluster already" in refused.stderr
        assert not (tmp_path / "another").exists()
    finally:
        gone = run(home, "down")
    assert gone.returncode == 0 and not home.exists(), gone.stdout + gone.stderr
    is_as_before(plane, before)


def test_quickstart_asks_for_rights_politely(plane: ControlPlane, tmp_path: Path) -> None:
    namespace = plane.namespace("poor")
    home, before = tmp_path / "quickstart", everything(plane)
    refused = run(home, kubeconfig=plane.kubeconfig_of(namespace, "default"))
    assert refused.returncode == 1 and "definitions and cluster roles are for administrators" in refused.stderr
    assert not home.exists()
    is_as_before(plane, before)


@pytest.mark.parametrize("settings", ["", "none", "dead"])
def test_quickstart_without_a_cluster(tmp_path: Path, settings: str) -> None:
    file, home = tmp_path / "kubeconfig", tmp_path / "quickstart"
    cluster = {"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    user = {"name": "a", "user": {"token": "a"}}
    lists = {"clusters": [cluster], "users": [user], "contexts": [context]}
    dead = {"apiVersion": "v1", "kind": "Config", "current-context": "a", **lists}
    if settings != "none":
        file.write_text(yaml.safe_dump(dead) if settings == "dead" else "")
    refused = run(home, kubeconfig=file)
    assert refused.returncode == 1 and "deploy/quickstart --folders needs none" in refused.stderr
    assert ("cannot be reached" if settings == "dead" else "names no cluster") in refused.stderr
    assert not home.exists()


@pytest.mark.timeout(600)
def test_quickstart_with_a_control_plane(tmp_path: Path) -> None:
    for part, program in (("etcd", "etcd"), ("kubernetes", "kube-apiserver"), ("kwok", "kwok")):
        need_part(part, program)
    home = tmp_path / "quickstart"
    try:
        tells_the_story(run(home, "--control-plane"))
        push_once_more(home)
        shown = ["get", "deployment", "web", "-n", "quickstart-shop", "-o", "jsonpath={.spec.replicas}"]
        command = f". {home}/env && kubectl {' '.join(shown)}"
        wait_for("the push", lambda: subprocess.check_output(["sh", "-c", command], text=True) == "7")
    finally:
        gone = run(home, "down")
    assert gone.returncode == 0 and not home.exists(), gone.stdout + gone.stderr


def test_control_plane_says_what_it_is_built_with(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/go").write_text("#!/bin/sh\necho go1.19.8\n")
    (tmp_path / "bin/go").chmod(0o755)
    env = {**os.environ, "SEALIFT_PARTS": str(tmp_path / "parts"), "SEALIFT_QUICKSTART": str(tmp_path / "quickstart")}
    env["PATH"] = f"{tmp_path}/bin:{env['PATH']}"
    env.pop("KUBEBUILDER_ASSETS", None)
    command = [QUICKSTART, "--control-plane"]
    refused = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "takes Go 1.26.2 or newer" in refused.stderr, refused.stderr
    assert "deploy/quickstart needs none" in refused.stderr
