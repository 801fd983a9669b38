"""The cluster target on a real API server: files in, cluster out, by the kubeconfig in a Secret."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Union

import pytest
import yaml

from parts.cluster import definition_of
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, config_map, deliver, maps
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import stays, wait_for

Serve = Callable[..., Daemon]
PART_OF = "applyset.kubernetes.io/part-of"


def deployment(name: str, **spec: Any) -> str:
    container = {"name": "main", "image": "registry.example.com/web:1", "env": [{"name": "COLOR", "value": "red"}]}
    labels = {"app": name}
    template = {"metadata": {"labels": {**labels, **spec.pop("pod_labels", {})}}, "spec": {"containers": [container]}}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template, **spec}
    return yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body})


class Ship(Journey):
    """A Bundle, a Hook and a Sync in a namespace of the test's own, whose target is the control plane."""

    def __init__(
        self, sealift: Sealift, folder: Path, repo: GitRepo, url: str, plane: ControlPlane, namespace: str
    ) -> None:
        super().__init__(sealift, Config(folder / "config", namespace), folder)
        self.repo, self.url, self.plane, self.namespace = repo, url, plane, namespace
        self.daemon: Daemon = None  # type: ignore[assignment]
        self.config.secret("cluster", value=plane.kubeconfig)

    def account(self, name: str = "deployer", role: str = "admin-of-tests") -> None:
        """A ServiceAccount that may do everything in the namespace, or nothing (role="")."""
        objects: list[Mapping[str, Any]] = [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": self.namespace}}
        ]
        if role:
            meta = {"name": role, "namespace": self.namespace}
            rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
            subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
            api = "rbac.authorization.k8s.io"
            objects += [
                {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules},
                {
                    "apiVersion": f"{api}/v1",
                    "kind": "RoleBinding",
                    "metadata": meta,
                    "roleRef": {"apiGroup": api, "kind": "Role", "name": role},
                    "subjects": [subject],
                },
            ]
        self.plane.apply(objects)

    def to_cluster(self, name: str = "shop", **sync: Any) -> None:
        spec = {
            "bundleRef": {"name": "shop"},
            "verify": {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]},
            "target": {"kubeConfig": {"secretRef": {"name": "cluster"}}},
            "interval": "24h",
        }
        self.config.sync(name, **{**spec, **sync})

    def begin(self, serve: Serve, files: Mapping[str, Union[str, bytes]], ready: bool = True, **sync: Any) -> None:
        self.repo.commit(files)
        self.repo.push()
        self.bundle(self.url, f"oci-layout://{self.folder}/layout")
        self.hook()
        self.to_cluster(**sync)
        self.daemon = serve()
        if ready:
            self.applied()

    def released(self) -> str:
        status = self.daemon.wait_status(
            "Bundle",
            "shop",
            lambda status: status["artifact"]["revision"].endswith(self.repo.head),
            namespace=self.namespace,
        )
        return str(status["artifact"]["digest"])

    def applied(self, timeout: float = 20) -> dict[str, Any]:
        digest = self.released()

        def holds(status: Any) -> bool:
            ready = next(c for c in status["conditions"] if c["type"] == "Ready")
            return status["artifact"]["digest"] == digest and ready["status"] == "True"

        return self.daemon.wait_status("Sync", "shop", holds, namespace=self.namespace, timeout=timeout)

    def push(self, files: Optional[Mapping[str, Union[str, bytes]]] = None, *removed: str) -> None:
        self.repo.remove(*removed)
        commit = self.repo.commit(files or {})
        self.repo.push()
        deliver(self.daemon, self.url, commit, namespace=self.namespace)

    def refused(self, reason: str, timeout: float = 20) -> str:
        self.daemon.wait_condition("Sync", "shop", "Ready", "False", reason, self.namespace, timeout)
        return str(self.daemon.condition("Sync", "shop", namespace=self.namespace)["message"])

    def get(self, *words: str) -> Any:
        return self.plane.get("-n", self.namespace, "--show-managed-fields", *words)

    def exists(self, *words: str) -> bool:
        return self.plane.try_kubectl("get", "-n", self.namespace, *words).returncode == 0

    def kubectl(self, *words: str, stdin: Optional[str] = None) -> str:
        return self.plane.kubectl("-n", self.namespace, *words, stdin=stdin)

    def data(self, name: str) -> Any:
        return self.get("configmap", name).get("data")

    def contests(self, name: str = "shop") -> list[str]:
        events = [event for event in self.daemon.events() if event["reason"] == "Contested"]
        return [str(event["note"]) for event in events if event["regarding"]["name"] == name]

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.daemon.events() if event["regarding"]["kind"] == "Sync"]


@pytest.fixture
def ship(
    sealift: Sealift,
    tmp_path: Path,
    repo: GitRepo,
    git_server: GitHttpServer,
    control_plane: ControlPlane,
    namespace: str,
) -> Ship:
    return Ship(sealift, tmp_path, repo, f"{git_server.url}/config.git", control_plane, namespace)


# Apply


def test_apply(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, {**maps("a", "b"), "web.yaml": deployment("web")})
    web = ship.get("deployment", "web")
    assert web["metadata"]["labels"].keys() == {PART_OF} and web["metadata"]["namespace"] == ship.namespace
    [entry] = [e for e in web["metadata"]["managedFields"] if e["operation"] == "Apply"]
    assert entry["manager"] == "sealift"
    assert ship.data("a") == {"color": "red"}
    before = {name: ship.get("configmap", name)["metadata"]["resourceVersion"] for name in "ab"}
    ship.push(maps("a", color="blue"))
    wait_for("blue", lambda: ship.data("a") == {"color": "blue"})
    ship.applied()
    assert ship.get("configmap", "b")["metadata"]["resourceVersion"] == before["b"]


def test_apply_as_an_account(ship: Ship, serve: Serve) -> None:
    ship.account("deployer", role="")
    ship.begin(serve, maps("a"), ready=False, serviceAccountName="deployer")
    message = ship.refused("ApplyFailed")
    assert f"system:serviceaccount:{ship.namespace}:deployer" in message and f"ConfigMap {ship.namespace}/a: " in message, message
    assert "1 of 1 object failed: " in message
    recipe = f"rolebinding deployer-deploys -n {ship.namespace} --clusterrole=edit --serviceaccount={ship.namespace}:deployer"
    assert f"for example: kubectl create {recipe}" in message, message
    # Nothing fills the built-in roles here: they are aggregated by the controller manager.
    ship.account("deployer")
    ship.applied()


def test_missing_account(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a"), ready=False, serviceAccountName="nobody")
    assert "kubectl create serviceaccount nobody" in ship.refused("NoServiceAccount")


def test_definition_and_its_objects(ship: Ship, serve: Serve) -> None:
    group = f"x{ship.namespace[-8:]}.example.com"
    definition = definition_of("Boat", group, "v1")
    boat = {"apiVersion": f"{group}/v1", "kind": "Boat", "metadata": {"name": "one"}, "spec": {"sails": 2}}
    ship.begin(serve, {"crd.yaml": yaml.safe_dump(definition), "boat.yaml": yaml.safe_dump(boat)})
    assert ship.get(f"boats.{group}", "one")["spec"] == {"sails": 2}
    # Its kind is watched too.
    ship.kubectl("delete", f"boats.{group}", "one")
    wait_for("the boat again", lambda: ship.exists(f"boats.{group}", "one"))


def test_one_of_many_is_refused(ship: Ship, serve: Serve) -> None:
    bad = deployment("bad", selector={"matchLabels": {"app": "other"}})
    ship.begin(serve, {**maps("a", "b"), "bad.yaml": bad}, ready=False)
    message = ship.refused("ApplyFailed")
    assert f"Deployment {ship.namespace}/bad: " in message and "1 of 3" in message, message
    assert ship.exists("configmap", "a") and ship.exists("configmap", "b")
    ship.push({"bad.yaml": deployment("bad")})
    ship.applied()


def test_nothing_is_pruned_after_a_partial_apply(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a", "b", "c", "d"))
    ship.push({"bad.yaml": deployment("bad", selector={"matchLabels": {"app": "other"}})}, "d.yaml")
    ship.refused("ApplyFailed")
    stays("d", lambda: ship.exists("configmap", "d"))
    ship.push({"bad.yaml": deployment("bad")})
    ship.applied()
    assert not ship.exists("configmap", "d")


def test_another_namespace(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, {**maps("a"), "far.yaml": config_map("far", "kube-public")}, ready=False)
    assert "spec.allowNamespaces" in ship.refused("ApplyFailed")
    assert ship.exists("configmap", "a")


def test_immutable_field(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, {"web.yaml": deployment("web"), **maps("a")})
    uid = ship.get("deployment", "web")["metadata"]["uid"]
    changed = deployment("web", selector={"matchLabels": {"app": "web", "v": "2"}}, pod_labels={"v": "2"})
    ship.push({"web.yaml": changed})
    message = ship.refused("ApplyFailed")
    assert "immutable" in message and "sealift.dev/force: recreate" in message and "spec.force: Recreate" in message
    ship.to_cluster(force="Recreate")
    ship.applied()
    assert ship.get("deployment", "web")["metadata"]["uid"] != uid


def test_too_large(ship: Ship, serve: Serve) -> None:
    """For etcd, and for a request."""
    sizes = {"big": 900_000, "huge": 1_900_000}
    files = {f"{name}.yaml": config_map(name, blob=os.urandom(size).hex()) for name, size in sizes.items()}
    ship.begin(serve, {**maps("a"), **files}, ready=False)
    ship.released()
    message = ship.refused("ApplyFailed")
    assert "2 of 3" in message and f"ConfigMap {ship.namespace}/big: " in message, message
    assert ship.exists("configmap", "a")


@pytest.mark.parametrize("user", [{"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh"}},
                                  {"tokenFile": "/etc/hostname"}, {"client-key": "/etc/hostname"}])  # fmt: skip
def test_kubeconfig_that_reaches_for_the_host(ship: Ship, serve: Serve, user: Any) -> None:
    config = yaml.safe_load(ship.plane.kubeconfig.read_text())
    config["users"][0]["user"] = user
    ship.config.secret("cluster", value=yaml.safe_dump(config))
    ship.begin(serve, maps("a"), ready=False)
    assert list(user)[0] in ship.refused("TargetRefused")
    ship.config.secret("cluster", value=ship.plane.kubeconfig)
    ship.applied()


# Drift


def web_env(ship: Ship) -> Any:
    return ship.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0].get("env")


Change = Callable[[Ship], object]
DRIFTS: dict[str, tuple[Change, Callable[[Ship], bool]]] = {
    "value": (
        lambda ship: ship.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"color":"green"}}'),
        lambda ship: ship.data("a") == {"color": "red"},
    ),
    "key removed": (
        lambda ship: ship.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"color":null}}'),
        lambda ship: ship.data("a") == {"color": "red"},
    ),
    "scale": (
        lambda ship: ship.kubectl("scale", "deployment", "web", "--replicas=3"),
        lambda ship: ship.get("deployment", "web")["spec"]["replicas"] == 1,
    ),
    "image": (
        lambda ship: ship.kubectl("set", "image", "deployment/web", "main=registry.example.com/evil:1"),
        lambda ship: "web:1" in json.dumps(ship.get("deployment", "web")["spec"]),
    ),
    "list item removed": (
        lambda ship: ship.kubectl("set", "env", "deployment/web", "COLOR-"),
        lambda ship: web_env(ship) == [{"name": "COLOR", "value": "red"}],
    ),
    "deleted": (
        lambda ship: ship.kubectl("delete", "configmap", "a"),
        lambda ship: ship.exists("configmap", "a"),
    ),
    "label taken": (
        lambda ship: ship.kubectl("label", "configmap", "a", f"{PART_OF}-"),
        lambda ship: PART_OF in ship.get("configmap", "a")["metadata"].get("labels", {}),
    ),
    "another's forced apply": (
        lambda ship: ship.plane.apply(config_map("a", ship.namespace, color="green"), "rival"),
        lambda ship: ship.data("a") == {"color": "red"},
    ),
    "an apply under our name": (
        lambda ship: ship.plane.apply(config_map("a", ship.namespace, color="green"), "sealift"),
        lambda ship: ship.data("a") == {"color": "red"},
    ),
    "managedFields cleared": (
        lambda ship: ship.kubectl(
            "patch", "configmap", "a", "--type=merge", "-p", '{"metadata":{"managedFields":[{}]},"data":{"color":"x"}}'
        ),
        lambda ship: ship.data("a") == {"color": "red"},
    ),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_heal(ship: Ship, serve: Serve, what: str) -> None:
    change, is_healed = DRIFTS[what]
    ship.begin(serve, {**maps("a", "b"), "web.yaml": deployment("web")})
    assert is_healed(ship)
    change(ship)
    wait_for(f"{what} to be healed", lambda: is_healed(ship), 5)
    ship.daemon.wait_line(msg="drift healed", name="shop")
    managers = [e["manager"] for e in ship.get("configmap", "a")["metadata"]["managedFields"]]
    assert "before-first-apply" not in managers
    # What is dropped later goes, whoever touched it.
    if what not in ("another's forced apply",):
        ship.push(maps("a", shape="round"))
        wait_for("nothing of the old", lambda: ship.data("a") == {"shape": "round"})


def test_what_others_add_is_no_drift(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, {**maps("a"), "web.yaml": deployment("web")})
    ship.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"more":"x"}}')
    ship.kubectl("annotate", "deployment", "web", "note=x")
    stays("what others added", lambda: ship.data("a") == {"color": "red", "more": "x"}, 1)
    assert not ship.daemon.lines(msg="drift healed")


def test_report(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a", "b"), drift="Report")
    ship.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"color":"green"}}')
    ship.daemon.wait_condition("Sync", "shop", "Ready", "True", "Drifted", ship.namespace)
    assert ship.daemon.status("Sync", "shop", ship.namespace)["inventory"]["drifted"] == 1
    assert ship.data("a") == {"color": "green"}


def test_a_fight_is_told_and_slowed_down(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a"))
    for _ in range(3):
        ship.plane.apply(config_map("a", ship.namespace, color="green"), "rival")
        wait_for("red", lambda: ship.data("a") == {"color": "red"})
    wait_for("word of it", lambda: "Contested" in ship.reasons())
    assert any("by the field manager rival;" in note for note in ship.contests()), ship.contests()
    message = ship.daemon.condition("Sync", "shop", namespace=ship.namespace)["message"]
    assert "; contested: " in message and message.endswith(f"ConfigMap {ship.namespace}/a by the field manager rival"), message
    ship.plane.apply(config_map("a", ship.namespace, color="green"), "rival")
    stays("green", lambda: ship.data("a") == {"color": "green"}, 2)
    wait_for("red after all", lambda: ship.data("a") == {"color": "red"}, 15)


def test_two_syncs_that_apply_one_object_name_each_other(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a"))
    ship.to_cluster(name="other")
    for name, rival in (("shop", "other"), ("other", "shop")):
        who = f"by Sync {ship.namespace}/{rival}"
        wait_for(f"word of {rival}", lambda: any(f"{who};" in note for note in ship.contests(name)))
        line = ship.daemon.wait_line(msg="object is contested", name=name)
        assert line["by"] == who[3:] and line["object"] == f"ConfigMap {ship.namespace}/a", line

        def says() -> bool:
            condition = ship.daemon.condition("Sync", name, namespace=ship.namespace)
            return condition["status"] == "True" and condition["message"].endswith(f"ConfigMap {ship.namespace}/a {who}")

        wait_for("the condition", says)


def test_an_object_that_somebody_else_labels(ship: Ship, serve: Serve) -> None:
    """By the id alone, where no Sync has it."""
    ship.begin(serve, maps("a"))
    for _ in range(3):
        ship.kubectl("label", "configmap", "a", "--overwrite", f"{PART_OF}=applyset-somebody-v1")
        wait_for("our label", lambda: "somebody" not in ship.get("configmap", "a")["metadata"]["labels"][PART_OF])
    wait_for("word of it", lambda: "Contested" in ship.reasons())
    assert any("by the ApplySet applyset-somebody-v1, field manager kubectl" in note for note in ship.contests())


# Prune


def test_prune(ship: Ship, serve: Serve) -> None:
    kept = config_map("kept").replace("  name: kept\n", "  name: kept\n  annotations: {sealift.dev/prune: disabled}\n")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    files = {**maps("a", "b", "c", "d", "live"), "kept.yaml": kept, "disk.yaml": yaml.safe_dump(claim)}
    ship.begin(serve, files)
    ship.kubectl("annotate", "configmap", "live", "sealift.dev/prune=disabled")
    # A label that somebody forged makes nothing ours.
    label = ship.get("configmap", "a")["metadata"]["labels"][PART_OF]
    forged = {"apiVersion": "v1", "kind": "ConfigMap",
              "metadata": {"name": "forged", "namespace": ship.namespace, "labels": {PART_OF: label}}}  # fmt: skip
    ship.plane.apply(forged, "stranger")
    ship.push({}, "d.yaml", "kept.yaml", "disk.yaml", "live.yaml")
    ship.applied()
    assert not ship.exists("configmap", "d")
    for kind, name in (("configmap", "kept"), ("configmap", "live"), ("configmap", "forged"), ("pvc", "disk")):
        assert ship.exists(kind, name), name


def test_prune_after_a_restart(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a", "b", "c"))
    ship.daemon.stop()
    ship.repo.remove("c.yaml")
    ship.repo.commit({})
    ship.repo.push()
    ship.daemon.start()
    deliver(ship.daemon, ship.url, ship.repo.head, namespace=ship.namespace)
    ship.applied()
    assert not ship.exists("configmap", "c") and ship.exists("configmap", "a")


def test_drift_while_nobody_looked(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a"))
    ship.daemon.stop()
    ship.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"color":"green"}}')
    ship.daemon.start()
    wait_for("red", lambda: ship.data("a") == {"color": "red"})


def test_mass_prune_is_held(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, maps("a", "b", "c"))
    ship.push({}, "b.yaml", "c.yaml")
    ship.daemon.wait_condition("Sync", "shop", "Ready", "False", "PruneHeld", ship.namespace)
    assert ship.exists("configmap", "b")


def test_deleted(ship: Ship, serve: Serve) -> None:
    ship.begin(serve, {**maps("a", "b"), "web.yaml": deployment("web")})
    ship.run("delete", "--yes", "sync", "shop", "-n", ship.namespace)
    wait_for("an empty namespace", lambda: not ship.exists("deployment", "web") and not ship.exists("configmap", "a"))


# Health


def test_wait(ship: Ship, serve: Serve, cluster: ControlPlane) -> None:
    ship.begin(serve, {"web.yaml": deployment("web", replicas=2), **maps("a")}, wait=True)
    assert ship.daemon.status("Sync", "shop", ship.namespace)["inventory"]["ready"] == 2
    stuck = deployment("web", replicas=2, pod_labels={"simulate": "stuck"})
    ship.push({"web.yaml": stuck})
    assert "Deployment" in ship.refused("Progressing")
    crash = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "crash", "labels": {"simulate": "crash"}},
             "spec": {"containers": [{"name": "main", "image": "registry.example.com/web:1"}]}}  # fmt: skip
    ship.push({"crash.yaml": yaml.safe_dump(crash)})
    assert "crashes again and again" in ship.refused("Unhealthy")
    ship.push({"web.yaml": deployment("web", replicas=3)}, "crash.yaml")
    ship.applied()
    assert ship.get("deployment", "web")["status"]["readyReplicas"] == 3
    # A change that is rolled out as soon as it is made is not waited for without end.
    for time in ("first", "second", "third"):
        marked = yaml.safe_load(deployment("web", replicas=3))
        marked["metadata"]["annotations"] = {"seen": time}
        ship.push({"web.yaml": yaml.safe_dump(marked)})
        ship.applied()


def test_hooks(ship: Ship, serve: Serve, cluster: ControlPlane) -> None:
    def job(name: str, when: str, **labels: str) -> str:
        container = {"name": "main", "image": "registry.example.com/migrate:1"}
        meta = {"name": name, "annotations": {"sealift.dev/hook": when}}
        template = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}
        return yaml.safe_dump(
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"backoffLimit": 0, "template": template}}
        )

    files = {"a-job.yaml": job("first", "before"), "web.yaml": deployment("web"), "z-job.yaml": job("last", "after")}
    ship.begin(serve, files)
    first, web, last = ship.get("job", "first"), ship.get("deployment", "web"), ship.get("job", "last")
    assert first["status"]["completionTime"] <= web["metadata"]["creationTimestamp"]
    assert web["metadata"]["creationTimestamp"] <= last["metadata"]["creationTimestamp"]
    ship.push({"a-job.yaml": job("first", "before", simulate="fail"), **maps("late"), "new.yaml": deployment("new")})
    assert "a-job.yaml" in ship.refused("ApplyFailed") or "first" in ship.refused("ApplyFailed")
    # Nor when it is tried again.
    stays("what waits for it", lambda: not ship.exists("deployment", "new"), 2.5)


# Outages


def test_namespace_being_deleted(ship: Ship, serve: Serve, cluster: ControlPlane) -> None:
    other = cluster.namespace(f"{ship.namespace[:40]}-other")
    ship.begin(serve, maps("a"), targetNamespace=other)
    held = {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": other, "finalizers": ["example.com/hold"]}}  # fmt: skip
    cluster.apply(held)
    cluster.kubectl("delete", "namespace", other, "--wait=false")
    assert "being terminated" in ship.refused("ApplyFailed", 40)
    cluster.kubectl("patch", "configmap", "held", "-n", other, "--type=merge", "-p", '{"metadata":{"finalizers":[]}}')
    wait_for("it to be gone", lambda: cluster.try_kubectl("get", "namespace", other).returncode != 0, 30)
    cluster.namespace(other)
    ship.run("reconcile", "sync", "shop", "-n", ship.namespace)
    wait_for("the object", lambda: cluster.try_kubectl("get", "configmap", "a", "-n", other).returncode == 0)
    ship.applied()


def test_account_gone_before_the_sync(ship: Ship, serve: Serve) -> None:
    ship.account()
    ship.begin(serve, maps("a"), serviceAccountName="deployer", timeout="2s")
    ship.kubectl("delete", "serviceaccount", "deployer")
    ship.run("delete", "--yes", "sync", "shop", "-n", ship.namespace)
    wait_for("word of what stays", lambda: "Orphaned" in ship.reasons(), 30)
    assert ship.exists("configmap", "a")
