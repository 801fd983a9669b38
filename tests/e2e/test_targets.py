"""Directory targets: three layouts, healed, reported, pruned, held, and taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, applied, config_map, object_file, push, released, tree, wait_content
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import stays, wait_for

Serve = Callable[..., Daemon]

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: kube-system
spec:
  containers:
  - name: main
    image: registry.example.com/{image}
"""


class Stage(Journey):
    """A Journey with a repository of four objects, and a daemon."""

    def __init__(self, sealift: Sealift, config: Config, folder: Path, repo: GitRepo, url: str) -> None:
        super().__init__(sealift, config, folder)
        self.repo, self.url = repo, url
        self.layout = f"oci-layout://{folder}/layout"

    def begin(self, serve: Serve, files: Any = None, **sync: Any) -> Daemon:
        """Commits, serves, waits until all is applied."""
        self.repo.commit(files or {f"{name}.yaml": config_map(name, "shop", color="red") for name in "abcd"})
        self.repo.push()
        super().bundle(self.url, self.layout)
        self.hook()
        self.sync(**sync)
        daemon = serve()
        applied(daemon, released(daemon, self.repo.head)["digest"])
        return daemon

    def push(self, daemon: Daemon, files: Any = None, *removed: str) -> str:
        """Returns the digest that was released."""
        self.repo.remove(*removed)
        return str(released(daemon, push(daemon, self.repo, self.url, files or {}))["digest"])


@pytest.fixture
def stage(sealift: Sealift, config: Config, tmp_path: Path, repo: GitRepo, git_server: GitHttpServer) -> Stage:
    return Stage(sealift, config, tmp_path, repo, f"{git_server.url}/config.git")


def file_of(name: str) -> str:
    return object_file(name, "shop")


def reasons(daemon: Daemon) -> list[str]:
    return [event["reason"] for event in daemon.events() if event["regarding"]["kind"] == "Sync"]


# Layouts


def test_tree(stage: Stage, serve: Serve) -> None:
    objects = {
        "web.yaml": config_map("web", "shop") + "---\n" + config_map("plain"),
        "deploy.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n",
    }
    daemon = stage.begin(serve, objects)
    wanted = {file_of("web"), object_file("plain"), object_file("web", "shop", "Deployment.apps")}
    assert set(tree(stage.target)) == wanted
    before = {name: (stage.target / name).stat().st_ino for name in wanted}
    changed = config_map("web", "shop", color="blue") + "---\n" + config_map("plain")
    applied(daemon, stage.push(daemon, {"web.yaml": changed}))
    after = {name: (stage.target / name).stat().st_ino for name in wanted}
    assert [name for name in wanted if before[name] != after[name]] == [file_of("web")]  # the rest are links


def only_file(folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.name.startswith("sealift-") and not path.name.startswith(".")]
    assert len(files) == 1, files
    return files[0]


def test_one_file(stage: Stage, serve: Serve) -> None:
    stage.target.mkdir()
    (stage.target / "traefik.yaml").write_text("k3s: own\n")
    daemon = stage.begin(serve, layout="OneFile")
    file = only_file(stage.target)
    assert file.name.startswith("sealift-default-shop-")
    names = [document["metadata"]["name"] for document in yaml.safe_load_all(file.read_text())]
    assert sorted(names) == list("abcd")
    applied(daemon, stage.push(daemon, {"a.yaml": config_map("a", "shop", color="blue")}, "d.yaml"))
    documents = {document["metadata"]["name"]: document for document in yaml.safe_load_all(file.read_text())}
    assert set(documents) == set("abc") and documents["a"]["data"]["color"] == "blue"
    file.write_text("edited: yes\n")
    wait_content(file, "blue")
    stage.run("delete", "--yes", "sync", "shop")
    wait_for("an empty document", lambda: not any(yaml.safe_load_all(file.read_text())))
    assert (stage.target / "traefik.yaml").read_text() == "k3s: own\n"


def test_pods(stage: Stage, serve: Serve) -> None:
    stage.target.mkdir()
    (stage.target / "etcd.yaml").write_text("kubelet: own\n")
    pods = {f"{name}.yaml": POD.format(name=name, image="one") for name in ("proxy", "agent", "dns")}
    daemon = stage.begin(serve, pods, layout="Pods")

    def images() -> dict[str, str]:
        found = [yaml.safe_load(path.read_text()) for path in stage.target.glob("sealift-default-shop-*")]
        return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"].split("/")[1] for pod in found}

    assert images() == {"proxy": "one", "agent": "one", "dns": "one"}
    applied(daemon, stage.push(daemon, {"proxy.yaml": POD.format(name="proxy", image="two")}, "dns.yaml"))
    assert images() == {"proxy": "two", "agent": "one"}
    next(stage.target.glob("sealift-default-shop-*proxy*")).unlink()
    wait_for("the pod is back", lambda: images() == {"proxy": "two", "agent": "one"})
    digest = stage.push(daemon, {"cm.yaml": config_map("cm")})
    refused = daemon.wait_condition("Sync", "shop", "Ready", "False")
    assert digest and images() == {"proxy": "two", "agent": "one"}
    assert "Pod" in next(c["message"] for c in refused["conditions"] if c["type"] == "Ready")
    stage.push(daemon, {}, "cm.yaml")
    daemon.wait_ready_of("Sync", "shop")
    stage.run("delete", "--yes", "sync", "shop")
    wait_for("the pods are gone", lambda: images() == {})
    assert (stage.target / "etcd.yaml").read_text() == "kubelet: own\n"


def test_path_takes_a_part(stage: Stage, serve: Serve) -> None:
    files = {"a.yaml": config_map("a", "shop"), "b.yaml": config_map("b", "other")}
    stage.begin(serve, files, path="./shop")
    assert set(tree(stage.target)) == {file_of("a")}


# Drift


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("red", "green"))


def replace(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_text("other: file\n")
    new.rename(path)


def to_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def add(path: Path) -> None:
    (path.parent / "intruder.yaml").write_text("added: yes\n")


def remove_folder(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()


CHANGES = [edit, Path.unlink, replace, to_link, add, remove_folder]


def test_drift_is_healed(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    wanted = tree(stage.target)
    for count, change in enumerate(CHANGES, 1):
        change(stage.target / file_of("a"))
        wait_for(f"{change.__name__} is healed", lambda: tree(stage.target) == wanted)
        wait_for(f"{count} events", lambda: reasons(daemon).count("DriftHealed") >= count)
        assert not (stage.target / file_of("a")).is_symlink()
    status = daemon.wait_ready_of("Sync", "shop")
    assert status["inventory"] == {"objects": 4, "ready": 4, "drifted": 0} and len(status["history"]) == 1


def test_drift_is_healed_after_a_restart(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    wanted = tree(stage.target)
    daemon.stop()
    edit(stage.target / file_of("a"))
    (stage.target / file_of("b")).unlink()
    daemon.start()
    wait_for("what changed meanwhile is healed", lambda: tree(stage.target) == wanted)


def test_drift_while_suspended_is_healed_on_resume(stage: Stage, serve: Serve) -> None:
    """Even when nobody can judge by then whether it may run."""
    daemon = stage.begin(serve)
    wanted = tree(stage.target)
    stage.run("suspend", "sync", "shop")
    stage.config.secret("packager-pub", cosign__pub="no key")
    stays("the target", lambda: tree(stage.target) == wanted, 0.3)
    edit(stage.target / file_of("a"))
    stays("the drift", lambda: tree(stage.target) != wanted, 0.3)
    stage.run("resume", "sync", "shop")
    daemon.wait_condition("Sync", "shop", "Ready", "False")
    wait_for("what changed meanwhile is healed", lambda: tree(stage.target) == wanted)


def test_drift_is_reported(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve, drift="Report")
    file = stage.target / file_of("a")
    original = file.read_text()
    edit(file)
    status = daemon.wait_status("Sync", "shop", lambda status: status["inventory"]["drifted"] == 1)
    assert status["inventory"] == {"objects": 4, "ready": 3, "drifted": 1}
    wait_for("an event", lambda: "Drifted" in reasons(daemon))
    message = daemon.condition("Sync", "shop")["message"]
    assert message.startswith(f"1 object is not as applied: {file_of('a')}; ") and "sealift diff sync/shop -n " in message, message
    # It goes on being reported when something unrelated wakes the Sync.
    stage.config.secret("packager-pub", cosign__pub=stage.public, note="touched")
    stage.run("reconcile", "sync", "shop")
    stays("the report", lambda: daemon.condition("Sync", "shop")["reason"] == "Drifted", 0.5)
    assert "green" in file.read_text()
    file.write_text(original)
    daemon.wait_status("Sync", "shop", lambda status: status["inventory"]["drifted"] == 0)
    edit(file)
    daemon.wait_status("Sync", "shop", lambda status: status["inventory"]["drifted"] == 1)
    # A new artifact is applied all the same.
    applied(daemon, stage.push(daemon, {"b.yaml": config_map("b", "shop", color="blue")}))
    assert "red" in file.read_text()


# Pruning


def test_prune(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    applied(daemon, stage.push(daemon, {}, "a.yaml", "b.yaml"))
    assert set(tree(stage.target)) == {file_of("c"), file_of("d")}


def test_no_prune(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve, prune=False)
    applied(daemon, stage.push(daemon, {"e.yaml": config_map("e", "shop")}, "a.yaml", "b.yaml", "c.yaml"))
    assert set(tree(stage.target)) == {file_of(name) for name in "abcde"}


def test_mass_prune_waits_for_confirmation(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    digest = stage.push(daemon, {"d.yaml": config_map("d", "shop", color="blue")}, "a.yaml", "b.yaml", "c.yaml")
    daemon.wait_condition("Sync", "shop", "Ready", "False", "PruneHeld")
    assert set(tree(stage.target)) == {file_of(name) for name in "abcd"}
    assert "blue" in (stage.target / file_of("d")).read_text()
    # It goes on being held: when a Secret changes, when somebody asks, after a restart.
    stage.config.secret("packager-pub", cosign__pub=stage.public, note="touched")
    stays("the hold", lambda: daemon.condition("Sync", "shop")["reason"] == "PruneHeld", 0.5)
    assert stage.sealift.fails(*stage.at("reconcile", "sync", "shop")).code == 1
    daemon.stop()
    daemon.start()
    assert stage.sealift.fails(*stage.at("reconcile", "sync", "shop")).code == 1
    stage.sealift.fails(*stage.at("reconcile", "sync", "shop", "--confirm-prune", "sha256:" + "0" * 64))
    assert set(tree(stage.target)) == {file_of(name) for name in "abcd"}
    stage.run("reconcile", "sync", "shop", "--confirm-prune", digest)
    assert set(tree(stage.target)) == {file_of("d")}
    daemon.wait_ready_of("Sync", "shop")


# The end


def test_delete_removes_what_was_applied(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    stage.run("delete", "--yes", "sync", "shop")
    wait_for("the files are gone", lambda: not stage.target.exists() or not tree(stage.target))
    wait_for("its state is gone", lambda: not daemon.object("Sync", "shop").exists())
    # The same name again: from the beginning.
    stage.sync()
    daemon.wait_ready_of("Sync", "shop")
    assert len(tree(stage.target)) == 4


def test_delete_without_prune_leaves_all(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve, prune=False)
    stage.run("delete", "--yes", "sync", "shop")
    wait_for("its state is gone", lambda: not daemon.object("Sync", "shop").exists())
    assert len(tree(stage.target)) == 4


def test_history_keeps_ten(stage: Stage, serve: Serve) -> None:
    daemon = stage.begin(serve)
    digests = [daemon.status("Sync", "shop")["artifact"]["digest"]]
    for number in range(11):
        digests.append(stage.push(daemon, {"a.yaml": config_map("a", "shop", number=str(number))}))
        applied(daemon, digests[-1])
    history = daemon.status("Sync", "shop")["history"]
    assert [entry["digest"] for entry in history] == digests[::-1][:10]
    assert len(daemon.status("Bundle", "shop")["history"]) == 10
    assert all(entry["revision"].startswith("main@sha1:") and entry["appliedAt"] for entry in history)


def test_moved_target(stage: Stage, serve: Serve, tmp_path: Path) -> None:
    """Another path in the spec: the new place is filled; the old one is left to whoever moved it."""
    daemon = stage.begin(serve)
    stage.sync(target=tmp_path / "elsewhere")
    wait_for("the new place", lambda: len(tree(tmp_path / "elsewhere")) == 4)
    daemon.wait_ready_of("Sync", "shop")
    assert len(tree(stage.target)) == 4


def test_two_syncs_of_one_bundle(stage: Stage, serve: Serve, tmp_path: Path) -> None:
    daemon = stage.begin(serve)
    stage.sync("second", target=tmp_path / "second")
    daemon.wait_ready_of("Sync", "second")
    stage.sync("third", target=stage.target)  # a place that is taken
    daemon.wait_condition("Sync", "third", "Ready", "False")
    digest = stage.push(daemon, {"a.yaml": config_map("a", "shop", color="blue")})
    applied(daemon, digest)
    applied(daemon, digest, "second")
    assert json.dumps(tree(tmp_path / "second")) == json.dumps(tree(stage.target))
