"""`sealift create` in a cluster writes the Secrets and rights that an object needs, and tells; `--export` prints them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.installed import SYSTEM, Cluster
from parts.sealift import Sealift
from parts.wait import wait_for

BUNDLE = ["create", "bundle", "shop", "--url", "https://git.example.com/acme/config.git", "--key-secret", "packager-key"]
BUNDLE += ["--repository", "oci://r.example.com/acme/shop", "--tag", "prod"]
HOOK = ["create", "hook", "github", "--resource", "bundle/shop"]
SYNC = ["create", "sync", "shop", "--bundle", "shop"]
RECEIVER, PACKAGER = (f"system:serviceaccount:{SYSTEM}:sealift-{role}" for role in ("receiver", "packager"))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With an install of its own; nothing has to run in it."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as own:
        Cluster(Sealift(tmp_path_factory.mktemp("home")), own).install("--no-wait")
        for namespace in ("shop", "blog", "docs"):
            own.namespace(namespace)
        yield own


@pytest.fixture
def cluster(sealift: Sealift, plane: ControlPlane) -> Cluster:
    return Cluster(sealift, plane)


def documents(text: str) -> dict[tuple[str, str], Any]:
    things = [thing for thing in yaml.safe_load_all(text) if thing]
    return {(thing["kind"], thing["metadata"]["name"]): thing for thing in things}


def test_hook(cluster: Cluster) -> None:
    plane = cluster.plane
    said = cluster.said(*HOOK, "-n", "shop")
    assert "Secret shop/github-token has a new token: give it to the sender as its webhook secret" in said
    assert f"ServiceAccount {SYSTEM}/sealift-receiver may read Secret shop/github-token" in said
    assert "Hook shop/github is created" in said
    assert plane.can(RECEIVER, "get", "secrets", "shop", "github-token")
    assert not plane.can(RECEIVER, "get", "secrets", "shop", "another")
    token = plane.get("secret", "github-token", "-n", "shop")["data"]
    said = cluster.said(*HOOK, "-n", "shop")
    assert "Hook shop/github is unchanged" in said and not any("new token" in line for line in said)
    assert plane.get("secret", "github-token", "-n", "shop")["data"] == token
    # Nothing of it is lost to somebody who only wants the right back, as SecretDenied says.
    cluster("create", "hook", "other", "--resource", "sync/shop", "--provider", "sealift", "--secret", "github-token", "-n", "shop")
    before = plane.get("hook", "other", "-n", "shop")["spec"]
    plane.kubectl("delete", "role", "sealift-hook-other", "-n", "shop")
    assert "Hook shop/other is unchanged" in cluster.said("create", "hook", "other", "-n", "shop")
    assert plane.get("hook", "other", "-n", "shop")["spec"] == before and cluster.has("role", "sealift-hook-other", "-n", "shop")
    cluster("delete", "hook", "other", "-n", "shop")
    said = cluster.said("delete", "hook", "github", "-n", "shop")
    for kind in ("RoleBinding", "Role"):
        assert f"{kind} shop/sealift-hook-github is deleted" in said
        assert not cluster.has(kind, "sealift-hook-github", "-n", "shop")
    assert "Secret shop/github-token is deleted" in said and not cluster.has("secret", "github-token", "-n", "shop")


def test_token_that_is_not_ours_or_not_alone(cluster: Cluster) -> None:
    plane = cluster.plane
    plane.kubectl("create", "secret", "generic", "mine", "-n", "docs", f"--from-literal=token={'x' * 32}")
    for name, secret in (("one", "one-token"), ("two", "one-token"), ("three", "mine")):
        cluster("create", "hook", name, "--resource", "bundle/shop", "--secret", secret, "-n", "docs")
    assert "Secret docs/one-token stays: Hook docs/two uses it, too" in cluster.said("delete", "hook", "one", "-n", "docs")
    assert "Secret docs/one-token is deleted" in cluster.said("delete", "hook", "two", "-n", "docs")
    said = "\n".join(cluster.said("delete", "hook", "three", "-n", "docs"))
    assert "Secret docs/mine stays: sealift create hook did not make it" in said
    cluster(*said.partition("to remove it: sealift ")[2].splitlines()[0].split())
    assert not cluster.has("secret", "mine", "-n", "docs")


def test_hook_exported(cluster: Cluster) -> None:
    done = cluster(*HOOK, "-n", "blog", "--export")
    things = documents(done.out)
    wanted = {("Role", "sealift-hook-github"), ("RoleBinding", "sealift-hook-github"), ("Secret", "github-token")}
    assert set(things) == wanted | {("Hook", "github")}
    assert len(things["Secret", "github-token"]["stringData"]["token"]) == 64 and "do not commit it" in done.err
    assert not cluster.has("hook", "github", "-n", "blog")
    cluster.plane.apply(done.out)
    assert cluster.plane.can(RECEIVER, "get", "secrets", "blog", "github-token")
    # With a Secret that is there already, nothing secret is printed.
    things = documents(cluster(*HOOK, "-n", "blog", "--secret", "mine", "--receiver", "a/b", "--export").out)
    assert set(things) == wanted - {("Secret", "github-token")} | {("Hook", "github")}
    assert things["RoleBinding", "sealift-hook-github"]["subjects"][0]["namespace"] == "a"
    assert "NAMESPACE/NAME" in cluster.fails(*HOOK, "-n", "blog", "--receiver", "b", "--export")


def test_bundle(cluster: Cluster) -> None:
    plane = cluster.plane
    said = cluster.said(*BUNDLE, "-n", "shop")
    assert f"ServiceAccount {SYSTEM}/sealift-packager may read the Secrets of namespace shop" in said
    assert plane.can(PACKAGER, "get", "secrets", "shop") and not plane.can(PACKAGER, "get", "secrets", "blog")
    assert not plane.can(PACKAGER, "list", "secrets", "shop")
    # Once is enough.
    cluster("create", "secret", "packager-key", "-n", "shop", "--from-literal", "cosign.key=x")
    assert cluster.said(*BUNDLE, "-n", "shop") == ["Bundle shop/shop is unchanged"]
    things = documents(cluster(*BUNDLE, "-n", "blog", "--export").out)
    assert set(things) == {("RoleBinding", "sealift-packager-secrets"), ("Bundle", "shop")}
    # What is exported is what export prints of the object.
    exported = documents(cluster("export", "bundle", "shop", "-n", "shop").out)["Bundle", "shop"]
    made = things["Bundle", "shop"]
    assert made["spec"]["source"]["git"].pop("ref") == {"branch": "main"}  # as by default
    assert exported["spec"] == made["spec"] and set(exported["metadata"]) == {"name", "namespace"}


def test_key_of_a_bundle(cluster: Cluster, tmp_path: Path) -> None:
    words = [word for word in BUNDLE if word not in ("--key-secret", "packager-key")]
    words[2] = "keyed"
    file = tmp_path / "packager.pub"
    said = cluster.said(*words, "-n", "shop", "--generate-key", file)
    assert f"Secret shop/keyed-key has a new signing key; {file} is its public half, for the TrustPolicy" in said
    secret = cluster.plane.get("secret", "keyed-key", "-n", "shop")
    assert set(secret["data"]) == {"cosign.key", "cosign.password", "cosign.pub"}
    assert cluster.plane.get("bundle", "keyed", "-n", "shop")["spec"]["sign"]["secretRef"] == {"name": "keyed-key"}
    public = file.read_text()
    assert public.startswith("-----BEGIN PUBLIC KEY-----")
    # The packager can use it, and what it signs verifies.
    values = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    (tmp_path / "key").write_text(values["cosign.key"])
    (tmp_path / "a").mkdir()
    reference = f"oci-layout://{tmp_path}/layout:prod"
    push = ["push", tmp_path / "a", reference, "--key", tmp_path / "key"]
    cluster.sealift(*push, env={"COSIGN_PASSWORD": values["cosign.password"]})
    cluster.sealift("verify", reference, "--key", file)
    # Once more: it stays.
    file.unlink()
    said = cluster.said(*words, "-n", "shop", "--generate-key", file)
    assert "Secret shop/keyed-key is there and stays as it is" in said and file.read_text() == public
    assert cluster.plane.get("secret", "keyed-key", "-n", "shop")["data"] == secret["data"]
    assert "never prints it" in cluster.fails(*words, "-n", "shop", "--generate-key", file, "--export")


def test_bundle_of_somebody_who_may_not_bind(cluster: Cluster) -> None:
    plane = cluster.plane
    plane.kubectl("create", "serviceaccount", "editor", "-n", "docs")
    plane.kubectl("create", "role", "editor", "-n", "docs", "--verb=*", "--resource=bundles.sealift.dev")
    plane.kubectl("create", "rolebinding", "editor", "-n", "docs", "--role=editor", "--serviceaccount=docs:editor")
    kubeconfig = plane.kubeconfig_of("docs", "editor")
    user = "system:serviceaccount:docs:editor"
    wait_for("the right", lambda: plane.can(user, "create", "bundles.sealift.dev", "docs"))
    done = cluster.sealift(*BUNDLE, "-n", "docs", "--kubeconfig", kubeconfig)
    assert "kubectl create rolebinding sealift-packager-secrets -n docs" in done.err
    assert cluster.has("bundle", "shop", "-n", "docs")


def test_sync(cluster: Cluster, tmp_path: Path) -> None:
    plane = cluster.plane
    words = [*SYNC, "-n", "shop", "--target-namespace", "blog", "--allow-namespace", "docs", "--wait-healthy"]
    words += ["--force", "Recreate"]
    said = cluster.said(*words, "--create-service-account", "--service-account", "robot", "--role", "view")
    assert "ServiceAccount shop/robot is created" in said
    assert "RoleBinding blog/sealift-sync-shop is created" in said
    assert "RoleBinding docs/sealift-sync-shop is created" in said
    binding = plane.get("rolebinding", "sealift-sync-shop", "-n", "blog")
    assert binding["roleRef"]["name"] == "view" and binding["subjects"][0]["namespace"] == "shop"
    assert plane.get("serviceaccount", "robot", "-n", "shop")["automountServiceAccountToken"] is False
    spec = plane.get("sync", "shop", "-n", "shop")["spec"]
    assert spec["serviceAccountName"] == "robot" and spec["targetNamespace"] == "blog" and spec["wait"] is True
    assert spec["allowNamespaces"] == ["docs"] and spec["force"] == "Recreate"

    things = documents(cluster(*SYNC, "-n", "docs", "--create-service-account", "--export").out)
    assert set(things) == {("ServiceAccount", "sealift"), ("RoleBinding", "sealift-sync-shop"), ("Sync", "shop")}
    assert things["RoleBinding", "sealift-sync-shop"]["roleRef"]["name"] == "edit"
    assert cluster.has("sync", "shop", "-n", "shop") and not cluster.has("sync", "shop", "-n", "docs")

    assert "--role needs --create-service-account" in cluster.fails(*SYNC, "-n", "docs", "--role", "edit")
    target = ["--kubeconfig-secret", "elsewhere", "--create-service-account"]
    assert "the cluster that it is in" in cluster.fails(*SYNC, "-n", "docs", *target)
    config = ["--config", tmp_path, "--state", tmp_path / "state"]
    assert "the cluster that it is in" in cluster.sealift.fails(*SYNC, *config, "--create-service-account").err


def test_rights_of_a_sync_that_is_deleted(cluster: Cluster) -> None:
    plane = cluster.plane

    def create(name: str, *words: str) -> None:
        account = ["--create-service-account", "--service-account", "shared", "--role", "view"]
        cluster("create", "sync", name, "--bundle", "shop", "-n", "docs", *account, *words)

    def delete(name: str, *words: str) -> list[str]:
        return cluster.said("delete", "--yes", "sync", name, "-n", "docs", *words)

    create("one", "--target-namespace", "blog", "--allow-namespace", "docs")
    create("two")
    said = delete("one")
    for namespace in ("blog", "docs"):
        assert f"RoleBinding {namespace}/sealift-sync-one is deleted" in said
        assert not cluster.has("rolebinding", "sealift-sync-one", "-n", namespace)
    assert not any("serviceaccount" in line for line in said) and cluster.has("serviceaccount", "shared", "-n", "docs")

    # While it clears up it needs them; who waits no longer is told how to end it.
    hold = '{"metadata":{"finalizers":["sealift.dev/sync"]}}'
    plane.kubectl("patch", "sync", "two", "-n", "docs", "--type=merge", "-p", hold)
    failed = cluster.fails("delete", "--yes", "sync", "two", "-n", "docs", "--timeout", "1s")
    held = "Sync docs/two is being deleted, and not gone yet; it waits for the finalizer sealift.dev/sync"
    assert f"{held}; does the controller run?" in failed and "two is deleted" not in failed
    why = {"type": "Ready", "status": "False", "reason": "RemoveFailed", "message": "no way in"}
    why["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    patch = json.dumps({"status": {"conditions": [why]}})
    plane.kubectl("patch", "sync", "two", "-n", "docs", "--subresource=status", "--type=merge", "-p", patch)
    failed = cluster.fails("delete", "--yes", "sync", "two", "-n", "docs", "--timeout", "1s")
    assert f"{held}, and its condition Ready says RemoveFailed: no way in" in failed
    said = [line.lstrip("⚠ ") for line in failed.splitlines()]
    assert cluster.has("rolebinding", "sealift-sync-two", "-n", "docs")
    end = "kubectl delete rolebinding sealift-sync-two -n docs && kubectl delete serviceaccount shared -n docs"
    assert any("the Sync is not gone yet" in line and line.endswith(f"to remove it: {end}") for line in said), said
    plane.kubectl("patch", "sync", "two", "-n", "docs", "--type=merge", "-p", hold.replace("sealift.dev/sync", "").replace('""', ""))
    plane.kubectl("delete", "rolebinding", "sealift-sync-two", "-n", "docs")
    create("three")
    assert "ServiceAccount docs/shared is deleted" in delete("three")

    # What others wrote, and what others use.
    create("four")
    plane.kubectl("label", "rolebinding", "sealift-sync-four", "-n", "docs", "app.kubernetes.io/managed-by-")
    said = delete("four")
    assert any("sealift create did not write it" in line for line in said), said
    assert cluster.has("serviceaccount", "shared", "-n", "docs")
    plane.kubectl("delete", "rolebinding", "sealift-sync-four", "-n", "docs")
    plane.kubectl("delete", "serviceaccount", "shared", "-n", "docs")


def test_suspended_is_seen(cluster: Cluster) -> None:
    plane = cluster.plane
    cluster("create", "sync", "idle", "--bundle", "shop", "-n", "blog")
    cluster("suspend", "sync", "idle", "-n", "blog")
    head, row = plane.kubectl("get", "syncs", "idle", "-n", "blog").splitlines()
    at = head.index("SUSPENDED")
    assert head.split()[:4] == ["NAME", "READY", "SUSPENDED", "STATUS"] and row[at:].startswith("true")
    cluster("resume", "sync", "idle", "-n", "blog")
    row = plane.kubectl("get", "syncs", "idle", "-n", "blog").splitlines()[1]
    assert not row[at:].startswith("true")
    assert "SUSPENDED" in plane.kubectl("get", "bundles", "-A").splitlines()[0]
    cluster("delete", "--yes", "sync", "idle", "-n", "blog")


def test_roles_in_another_namespace_are_found(cluster: Cluster) -> None:
    plane = cluster.plane
    plane.kubectl("create", "clusterrolebinding", "keep", "--clusterrole=view", "--user=x")
    before = plane.get("clusterrolebinding", "sealift-controller")
    moved = {name: before[name] for name in ("apiVersion", "kind", "roleRef")}
    moved["metadata"] = {"name": "sealift-controller"}
    moved["subjects"] = [{**before["subjects"][0], "namespace": "elsewhere"}]
    plane.apply(moved)
    said = cluster.said("create", "hook", "moved", "--resource", "bundle/shop", "-n", "shop")
    assert "ServiceAccount elsewhere/sealift-receiver may read Secret shop/moved-token" in said
    moved["subjects"] = before["subjects"]
    plane.apply(moved)


def test_export_of_objects(cluster: Cluster, tmp_path: Path) -> None:
    """As somebody would write them; what is applied again is what was there."""
    plane = cluster.plane
    cluster(*SYNC, "-n", "docs", "--drift", "Heal")
    plane.kubectl("annotate", "sync", "shop", "-n", "docs", "sealift.dev/requestedAt=now", "mine=kept")
    plane.kubectl("label", "sync", "shop", "-n", "docs", "team=a")
    plane.kubectl("patch", "sync", "shop", "-n", "docs", "--type=merge", "-p", '{"metadata":{"finalizers":["sealift.dev/sync"]}}')
    text = cluster("export", "sync", "shop", "-n", "docs").out
    thing = documents(text)["Sync", "shop"]
    assert thing["metadata"] == {"annotations": {"mine": "kept"}, "labels": {"team": "a"}, "name": "shop", "namespace": "docs"}
    assert thing["spec"] == {"bundleRef": {"name": "shop"}} and "status" not in thing
    before = plane.get("sync", "shop", "-n", "docs")
    (tmp_path / "sync.yaml").write_text(text)
    cluster("apply", "-f", tmp_path / "sync.yaml")
    assert plane.get("sync", "shop", "-n", "docs")["spec"] == before["spec"]

    everything = list(yaml.safe_load_all(cluster("export", "all", "-A").out))
    assert {"Bundle", "Sync", "Hook"} <= {thing["kind"] for thing in everything}
    assert len(list(yaml.safe_load_all(cluster("export", "syncs", "--all", "-A").out))) >= 1
    assert cluster("export", "policies", "--all").out == ""
    assert "--all" in cluster.fails("export", "syncs")
    assert "not exported" in cluster.fails("export", "secret", "x")
    plane.kubectl("patch", "sync", "shop", "-n", "docs", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
