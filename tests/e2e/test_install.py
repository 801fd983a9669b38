"""`sealift install`, `export` and `uninstall` on a real API server, and what they leave."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.installed import IMAGE, OURS, SYSTEM, Cluster, Tenant
from parts.need import CHECKOUT
from parts.sealift import Sealift

OVERLAYS = ("single-tenant", "multi-tenant", "production")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Of this module alone: an install is the whole cluster's."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as own:
        own.controllers()
        yield own


@pytest.fixture
def cluster(sealift: Sealift, plane: ControlPlane) -> Iterator[Cluster]:
    made = Cluster(sealift, plane)
    yield made
    made.remove()


def documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def name_of(thing: Any) -> tuple[str, str, str]:
    return thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


# Export


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_export_is_what_kustomize_makes_of_deploy(sealift: Sealift, plane: ControlPlane, overlay: str) -> None:
    ours = documents(sealift("export", "install", "--overlay", overlay).out)
    theirs = documents(plane.kubectl("kustomize", str(CHECKOUT / "deploy/overlays" / overlay)))
    assert {name_of(thing): thing for thing in ours} == {name_of(thing): thing for thing in theirs}
    assert documents(sealift("install", "--overlay", overlay, "--export").out) == ours


def test_export_elsewhere(sealift: Sealift) -> None:
    words = ["export", "install", "--overlay", "single-tenant", "--namespace", "elsewhere", "--image", IMAGE]
    text = sealift(*words).out
    assert SYSTEM not in text
    things = documents(text)
    images = [
        thing["spec"]["template"]["spec"]["containers"][0]["image"] for thing in things if thing["kind"] == "Deployment"
    ]
    assert images == [IMAGE] * 3
    assert [thing["metadata"]["name"] for thing in things if thing["kind"] == "Namespace"] == ["elsewhere"]


def test_export_of_a_tenant(sealift: Sealift) -> None:
    things = documents(sealift("export", "tenant", "-n", "shop", "--system-namespace", "elsewhere").out)
    assert {name_of(thing) for thing in things} == {
        ("ServiceAccount", "shop", "sealift"),
        ("RoleBinding", "shop", "sealift"),
        ("RoleBinding", "shop", "sealift-packager-secrets"),
    }
    assert things[2]["subjects"][0] == {"kind": "ServiceAccount", "name": "sealift-packager", "namespace": "elsewhere"}


def test_overlays_are_all_there(sealift: Sealift) -> None:
    folders = {path.name for path in (CHECKOUT / "deploy/overlays").iterdir()}
    assert folders == set(OVERLAYS)
    assert "|".join(OVERLAYS) in sealift("install", "--help").out


# Install


def test_install_is_idempotent_and_upgrades(cluster: Cluster) -> None:
    plane = cluster.plane
    said = cluster.install("--dry-run")
    assert all(line.endswith(" is created (dry run)") for line in said) and len(said) > 30
    assert not cluster.has("namespace", SYSTEM) and not cluster.has("crd", "syncs.sealift.dev")

    said = cluster.install()
    assert f"sealift 0.1.0 is installed in {SYSTEM} (multi-tenant)" == said[-1]
    assert f"Deployment {SYSTEM}/sealift-controller runs" in said
    for plural in OURS:
        definition = plane.get("crd", f"{plural}.sealift.dev")
        assert {"type": "Established", "status": "True"}.items() <= definition["status"]["conditions"][1].items()
    for role in ("receiver", "packager", "controller"):
        deployment = plane.get("deployment", f"sealift-{role}", "-n", SYSTEM)
        assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
        meta = plane.get("deployment", f"sealift-{role}", "-n", SYSTEM, "--show-managed-fields")["metadata"]
        assert ("sealift", "Apply") in {(entry["manager"], entry["operation"]) for entry in meta["managedFields"]}

    before = plane.get("deployments,clusterroles,services", "-A", "-l", "app.kubernetes.io/name=sealift")
    said = cluster.install()
    assert not [line for line in said if line.endswith((" is created", " is configured"))]
    assert sum(line.endswith(" is unchanged") for line in said) > 30
    after = plane.get("deployments,clusterroles,services", "-A", "-l", "app.kubernetes.io/name=sealift")
    versions = [[thing["metadata"]["resourceVersion"] for thing in one["items"]] for one in (before, after)]
    assert versions[0] == versions[1]

    # Somebody's change goes back; without --overlay and --image what was chosen before stays.
    plane.kubectl("set", "image", "deployment/sealift-packager", "-n", SYSTEM, "packager=evil")
    said = cluster("install").err.splitlines()
    assert f"✔ Deployment {SYSTEM}/sealift-packager is configured" in said
    deployment = plane.get("deployment", "sealift-packager", "-n", SYSTEM)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


def test_another_overlay_takes_the_rights_of_the_old_one_away(cluster: Cluster) -> None:
    plane = cluster.plane
    cluster.install("--overlay", "single-tenant", "--no-wait")
    deployer = f"system:serviceaccount:{SYSTEM}:sealift-deployer"
    assert plane.can(deployer, "create", "clusterroles.rbac.authorization.k8s.io")
    # Of somebody else, and so left alone.
    plane.kubectl("create", "clusterrolebinding", "theirs", "--clusterrole=view", f"--user={deployer}")
    plane.kubectl("label", "clusterrolebinding", "theirs", "app.kubernetes.io/name=sealift")

    said = cluster.install("--overlay", "production", "--dry-run")
    assert "ClusterRoleBinding sealift-deployer is deleted: it is of an older install (dry run)" in said
    assert cluster.has("clusterrolebinding", "sealift-deployer")

    said = cluster.install("--overlay", "production")
    assert not plane.can(deployer, "create", "clusterroles.rbac.authorization.k8s.io")
    assert not cluster.has("serviceaccount", "sealift-deployer", "-n", SYSTEM)
    assert cluster.has("clusterrolebinding", "theirs")
    assert plane.get("deployment", "sealift-controller", "-n", SYSTEM)["spec"]["replicas"] == 2
    assert any("sealift create secret packager-pub" in line for line in said)
    parent = plane.get("secret", "sealift-install", "-n", SYSTEM)["metadata"]
    assert parent["annotations"]["sealift.dev/overlay"] == "production"
    assert parent["labels"]["applyset.kubernetes.io/id"].startswith("applyset-")
    assert "TrustPolicy.sealift.dev" in parent["annotations"]["applyset.kubernetes.io/contains-group-kinds"].split(",")
    plane.kubectl("delete", "clusterrolebinding", "theirs")


def test_definitions_of_an_older_install_are_named_and_stay(cluster: Cluster) -> None:
    plane = cluster.plane
    cluster.install("--no-wait")
    old = plane.get("crd", "syncs.sealift.dev")
    label = {"applyset.kubernetes.io/part-of": old["metadata"]["labels"]["applyset.kubernetes.io/part-of"]}
    names = {"plural": "olds", "singular": "old", "kind": "Old"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "sealift.dev", "names": names, "scope": "Namespaced", "versions": [version]}
    meta = {"name": "olds.sealift.dev", "labels": label}
    plane.apply(
        [
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old", "namespace": SYSTEM, "labels": label},
             "spec": {"ports": [{"port": 80}]}},
        ],
        manager="sealift",
    )  # fmt: skip
    # Of others, who only wear the label.
    plane.kubectl("create", "service", "clusterip", "theirs", "--tcp=80", "-n", SYSTEM)
    plane.kubectl("label", "service", "theirs", "-n", SYSTEM, *(f"{name}={value}" for name, value in label.items()))
    said = cluster.install("--no-wait")
    assert f"Service {SYSTEM}/old is deleted: it is of an older install" in said
    assert any(line.startswith("CustomResourceDefinition olds.sealift.dev is of an") for line in said)
    assert cluster.has("service", "theirs", "-n", SYSTEM)
    assert cluster.has("crd", "olds.sealift.dev") and not cluster.has("service", "old", "-n", SYSTEM)
    plane.kubectl("delete", "crd", "olds.sealift.dev")


def test_install_refuses_what_would_go_wrong(cluster: Cluster) -> None:
    plane = cluster.plane
    assert "which image?" in cluster.fails("install")
    for name in ("default", "kube-system"):
        assert "a namespace of its own" in cluster.fails("install", "--namespace", name, "--image", IMAGE)
    assert "--kubeconfig" in cluster.fails("install", "--config", "/tmp", "--state", "/tmp")

    plane.namespace("elsewhere")
    kubeconfig = plane.kubeconfig_of("elsewhere", "default")
    words = ["install", "--image", IMAGE]
    said = cluster.fails(*words, kubeconfig=kubeconfig)
    assert "forbidden" in said and len(said.splitlines()) == 1
    # It may read, and one more thing.
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}
    more = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]}
    meta = {"name": "reader", "labels": {"app.kubernetes.io/name": "sealift"}}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": "elsewhere"}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": meta, "rules": [rule, more]}
    binding = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": meta, "subjects": [subject]}
    binding["roleRef"] = {"apiGroup": rbac, "kind": "ClusterRole", "name": "reader"}
    plane.apply([role, binding])
    said = cluster.fails(*words, kubeconfig=kubeconfig)
    assert "system:serviceaccount:elsewhere:default" in said and "nothing was touched" in said
    assert "create and patch customresourcedefinitions.apiextensions.k8s.io" in said and "deployments" not in said
    assert len(said.splitlines()) == 1 and not cluster.has("namespace", SYSTEM)
    # It may write everything, but not hand on what it may not do itself.
    role["rules"] = [{**rule, "verbs": ["get", "list", "create", "patch"]}]
    plane.apply(role)
    said = cluster.fails(*words, kubeconfig=kubeconfig)
    assert "attempting to grant RBAC permissions" in said and "nothing was touched" in said
    assert not cluster.has("namespace", SYSTEM)


def test_an_install_is_one_per_cluster(cluster: Cluster) -> None:
    plane = cluster.plane
    plane.namespace("elsewhere")
    said = cluster.install("--namespace", "elsewhere", "--no-wait")
    assert any("was there before and stays as it is" in line for line in said)
    subjects = plane.get("clusterrolebinding", "sealift-controller")["subjects"]
    assert subjects[0]["namespace"] == "elsewhere"
    assert "installed in the namespace elsewhere" in cluster.fails("install", "--image", IMAGE)

    # What a Sync applies belongs to the Sync.
    label = "applyset.kubernetes.io/part-of=applyset-of-another"
    plane.kubectl("label", "--overwrite", "service", "sealift-receiver", "-n", "elsewhere", label)
    assert "Service elsewhere/sealift-receiver belongs to another set" in cluster.fails("install", "--namespace", "elsewhere")


def test_install_says_what_does_not_run(cluster: Cluster) -> None:
    plane = cluster.plane
    cluster.install("--no-wait")
    patch = '{"spec":{"template":{"metadata":{"labels":{"simulate":"stuck"}}}}}'
    plane.kubectl("patch", "deployment", "sealift-packager", "-n", SYSTEM, "--type=merge", "-p", patch)
    said = cluster.fails("install", "--timeout", "3s")
    assert "Deployment sealift-system/sealift-packager does not run" in said and "(pod sealift-packager-" in said


def test_what_cannot_be_changed_is_made_anew(cluster: Cluster) -> None:
    """As when a newer version binds another role, or selects its pods otherwise."""
    plane = cluster.plane
    cluster.install("--no-wait")
    binding = plane.get("clusterrolebinding", "sealift-packager")
    binding["roleRef"]["name"] = "sealift-view"
    deployment = plane.get("deployment", "sealift-packager", "-n", SYSTEM)
    for labels in (deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"]):
        labels["was"] = "other"
    for thing in (binding, deployment):
        kept = {name: thing["metadata"][name] for name in ("name", "namespace", "labels") if name in thing["metadata"]}
        plane.kubectl("delete", thing["kind"], kept["name"], "-n", kept.get("namespace", SYSTEM))
        plane.apply({**{name: thing[name] for name in thing if name != "status"}, "metadata": kept})
    said = cluster.install()
    assert "ClusterRoleBinding sealift-packager is made anew" in said
    assert f"Deployment {SYSTEM}/sealift-packager is made anew" in said
    assert plane.get("clusterrolebinding", "sealift-packager")["roleRef"]["name"] == "sealift-packager"
    # One object that cannot be helped stops the install, and is named.
    plane.kubectl("delete", "service", "sealift-metrics", "-n", SYSTEM)
    plane.kubectl("create", "service", "clusterip", "sealift-metrics", "--tcp=80", "-n", SYSTEM)
    said_of_it = cluster.fails("install")
    assert f"✗ Service {SYSTEM}/sealift-metrics: " in said_of_it and "1 of " in said_of_it
    assert "deployment.apps" not in said_of_it  # they come later


def test_install_over_kubectl_apply(cluster: Cluster) -> None:
    """Who began with kustomize may go on with install."""
    plane = cluster.plane
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/crds"))
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/overlays/multi-tenant"))
    said = cluster.install()
    assert not [line for line in said if line.endswith(" is created")]
    assert said[-1].endswith("(multi-tenant)")


# Uninstall

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"color": "red"}}


@pytest.fixture
def tenant(cluster: Cluster, tmp_path: Path) -> Iterator[Tenant]:
    cluster.install("--no-wait")
    made = Tenant(cluster, "shop", tmp_path)
    yield made
    cluster.remove()
    made.plane.kubectl("delete", "namespace", "shop", "--timeout=60s")


def planned(cluster: Cluster, *words: str) -> list[str]:
    """The steps of a dry run, as a run tells them."""
    verbs = {"delete": "is deleted, ", "let go": "is let go: ", "keep": "stays, "}
    plan = cluster("uninstall", "--dry-run", "-o", "json", *words).json()
    lines = cluster("uninstall", "--dry-run", *words).out.splitlines()[1:]
    table = [(re.split(r" {2,}", line) + [""])[:3] for line in lines]
    assert [[row[0], row[2]] for row in table] == [[step["action"], step["note"]] for step in plan]
    for (_, text, _), step in zip(table, plan):
        kind, _, place = text.partition(" ")
        name = f"{step['namespace']}{'/' * bool(step['namespace'])}{step['object'].partition('/')[2]}"
        assert step["object"].startswith(kind.lower()) and place == name
    return [f"{text} {verbs[action]}{note}".rstrip(", ") for action, text, note in table]


def without_waits(said: list[str]) -> list[str]:
    return [line for line in said if not line.startswith("waiting")]


def test_uninstall_leaves_what_was_applied(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    plane = cluster.plane
    tenant.push(CONFIG_MAP)
    tenant.sync()
    with cluster.serve("controller", "--allow-local-path", tmp_path) as controller:
        tenant.wait_applied(controller)
    assert tenant.get("sync", "shop")["metadata"]["finalizers"] == ["sealift.dev/sync"]
    plane.kubectl("create", "secret", "generic", "mine", "-n", SYSTEM)

    assert "there is nobody to ask" in cluster.fails("uninstall")
    plan = planned(cluster)
    assert "Sync shop/shop is let go: what it applied stays" in plan
    assert f"Deployment {SYSTEM}/sealift-controller is deleted" in plan
    assert "Namespace sealift-system is deleted, with its Secrets and floors" in plan
    assert "CustomResourceDefinition syncs.sealift.dev stays, with all syncs (1)" in plan
    assert cluster.has("deployment", "sealift-controller", "-n", SYSTEM)

    said = cluster.said("uninstall", "--yes")
    assert without_waits(said)[:-1] == plan  # a run is its plan
    assert said[-1].startswith("the definitions stay, with 1 object;")
    assert not cluster.has("namespace", SYSTEM)
    labelled = ["-l", "app.kubernetes.io/name=sealift", "-o", "name"]
    assert plane.kubectl("get", "clusterroles,clusterrolebindings", *labelled) == ""
    sync = tenant.get("sync", "shop")
    assert "finalizers" not in sync["metadata"] and tenant.get("configmap", "a")["data"] == {"color": "red"}
    assert cluster.said("uninstall", "--yes") == [f"there is nothing of sealift in {SYSTEM} to remove"]

    # It goes on where it was.
    cluster.install("--no-wait")
    plane.kubectl("patch", "configmap", "a", "-n", "shop", "--type=merge", "-p", '{"data":{"color":"blue"}}')
    with cluster.serve("controller", "--allow-local-path", tmp_path) as controller:
        controller.wait_status("Sync", "shop", "shop", lambda _: tenant.get("configmap", "a")["data"] == {"color": "red"})
        assert tenant.get("sync", "shop")["metadata"]["finalizers"] == ["sealift.dev/sync"]


def test_uninstall_lets_go_what_was_held_meanwhile(cluster: Cluster, tenant: Tenant) -> None:
    """Somebody thinks about the question while the controller goes on."""
    tenant.push(CONFIG_MAP)
    tenant.sync()
    leader, follower = pty.openpty()
    words = cluster.sealift.words("uninstall", "--kubeconfig", cluster.plane.kubeconfig)
    with subprocess.Popen(words, stdin=follower, stderr=subprocess.PIPE, text=True, env=cluster.sealift.env) as asked:
        assert asked.stderr is not None
        told = ""
        while "[y/N]" not in told:
            letter = asked.stderr.read(1)
            assert letter, told
            told += letter
        held = '{"metadata":{"finalizers":["sealift.dev/sync","example.com/other"]}}'
        cluster.plane.kubectl("patch", "sync", "shop", "-n", "shop", "--type=merge", "-p", held)
        os.write(leader, b"y\n")
        told += asked.stderr.read()
    os.close(leader)
    os.close(follower)
    assert asked.returncode == 0 and "Sync shop/shop is let go" in told, told
    assert tenant.get("sync", "shop")["metadata"]["finalizers"] == ["example.com/other"]
    free = '{"metadata":{"finalizers":null}}'
    cluster.plane.kubectl("patch", "sync", "shop", "-n", "shop", "--type=merge", "-p", free)


def test_uninstall_takes_everything_when_told_to(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    plane = cluster.plane
    tenant.push(CONFIG_MAP)
    tenant.sync()
    words = ["create", "hook", "github", "--resource", "sync/shop", "-n", "shop"]
    cluster(*words)
    assert cluster.has("role", "sealift-hook-github", "-n", "shop")
    with cluster.serve("controller", "--allow-local-path", tmp_path) as controller:
        tenant.wait_applied(controller)
        everything = ["--prune", "--crds"]
        plan = planned(cluster, *everything)
        assert plan[0] == "Sync shop/shop is deleted, with what it applied"
        # Of what `sealift export tenant` printed, and somebody applied.
        (stays,) = [step for step in plan if " stays" in step or "let go" in step]
        assert stays.startswith("RoleBinding shop/sealift-packager-secrets stays")
        assert "Role shop/sealift-hook-github is deleted" in plan
        assert "CustomResourceDefinition hooks.sealift.dev is deleted, with all hooks (1)" in plan
        assert cluster.has("configmap", "a", "-n", "shop")
        said = cluster.said("uninstall", *everything, "--silent", "--timeout", "60s")
        assert without_waits(said) == plan
        assert not cluster.has("configmap", "a", "-n", "shop")
        controller.kill()
    assert not cluster.has("role", "sealift-hook-github", "-n", "shop")
    assert "sealift.dev" not in plane.kubectl("get", "crds", "-o", "name")
    assert not cluster.has("namespace", SYSTEM)


def test_uninstall_leaves_no_binding_of_ours_behind(cluster: Cluster, tenant: Tenant) -> None:
    """And no account, but those that others made or use."""
    plane = cluster.plane
    plane.kubectl("delete", "clusterrolebinding", "kept", "--ignore-not-found")
    for sync, account in (("one", "sealift"), ("two", "robot"), ("three", "shared")):
        words = ["--bundle", "shop", "--create-service-account", "--service-account", account, "--role", "view"]
        cluster("create", "sync", sync, "-n", "shop", *words)
    plane.kubectl("create", "clusterrolebinding", "kept", "--clusterrole=view", "--serviceaccount=shop:shared")
    plan = planned(cluster, "--crds")
    assert "ServiceAccount shop/robot is deleted" in plan
    assert not any("ServiceAccount shop/sealift " in step for step in plan)  # of `sealift export tenant`
    stays = "ServiceAccount shop/shared stays, ClusterRoleBinding kept, which sealift did not write, names it"
    assert stays in plan
    role = "sealift did not write it, and its ClusterRole sealift-packager-secrets goes"
    assert f"RoleBinding shop/sealift-packager-secrets stays, {role}" in plan
    cluster("uninstall", "--crds", "--yes")
    bindings = [thing["metadata"]["name"] for thing in plane.get("rolebindings", "-n", "shop")["items"]]
    assert sorted(bindings) == ["sealift", "sealift-packager-secrets"]
    accounts = {thing["metadata"]["name"] for thing in plane.get("serviceaccounts", "-n", "shop")["items"]}
    assert {"sealift", "shared"} <= accounts and "robot" not in accounts
    plane.kubectl("delete", "clusterrolebinding", "kept")


def test_uninstall_prunes_only_with_a_controller(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    tenant.push(CONFIG_MAP)
    tenant.sync()
    with cluster.serve("controller", "--allow-local-path", tmp_path) as controller:
        tenant.wait_applied(controller)
    said = cluster.fails("uninstall", "--prune", "--yes", "--timeout", "2s")
    assert "finalizer sealift.dev/sync" in said and "without --prune" in said
    assert "does the controller run?" in said and "✔ sync" not in said
    assert cluster.has("deployment", "sealift-controller", "-n", SYSTEM)
    cluster("uninstall", "--yes", "--keep-namespace")
    assert cluster.has("namespace", SYSTEM) and not cluster.has("deployment", "sealift-controller", "-n", SYSTEM)
    assert not cluster.has("sync", "shop", "-n", "shop") and cluster.has("configmap", "a", "-n", "shop")


def test_uninstall_of_kubectl_s_install(cluster: Cluster) -> None:
    plane = cluster.plane
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/crds"))
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/overlays/single-tenant"))
    plane.kubectl("label", "clusterrole", "sealift-view", "applyset.kubernetes.io/part-of=applyset-of-another")
    said = cluster.said("uninstall", "--yes")
    assert "ClusterRole sealift-view belongs to another set and stays" in said
    assert not cluster.has("clusterrolebinding", "sealift-deployer") and not cluster.has("namespace", SYSTEM)
    assert cluster.has("clusterrole", "sealift-view")


@pytest.mark.parametrize("answer", ["y", "n"])
def test_uninstall_asks_on_a_terminal(cluster: Cluster, answer: str) -> None:
    cluster.install("--no-wait")
    leader, follower = pty.openpty()
    words = cluster.sealift.words("uninstall", "--kubeconfig", cluster.plane.kubeconfig)
    os.write(leader, f"{answer}\n".encode())
    done = subprocess.run(words, stdin=follower, capture_output=True, text=True, env=cluster.sealift.env, timeout=90)
    os.close(leader)
    os.close(follower)
    assert "Remove it? [y/N]" in done.stderr and f"the namespace {SYSTEM}" in done.stderr
    assert (done.returncode == 0) is (answer == "y") is not cluster.has("namespace", SYSTEM)
