"""What a person with the role `edit` in one namespace, and no rights anywhere else, gets from our commands: all that is
theirs, and one sentence about what is not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.installed import SYSTEM, Cluster, Tenant
from parts.sealift import Result, Sealift
from parts.wait import wait_for

RECEIVER = f"system:serviceaccount:{SYSTEM}:sealift-receiver"
LEFT_OUT = "trustpolicies: left out, you may not list them"


@pytest.fixture(scope="module")
def plane(installed: ControlPlane) -> ControlPlane:
    return installed


class Ada:
    """Works in one namespace, with a token of her own."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        plane = cluster.plane
        self.cluster, self.namespace = cluster, namespace
        plane.kubectl("create", "serviceaccount", "ada", "-n", namespace)
        account = f"--serviceaccount={namespace}:ada"
        plane.kubectl("create", "rolebinding", "ada", "-n", namespace, "--clusterrole=edit", account)
        self.user = f"system:serviceaccount:{namespace}:ada"
        wait_for("the right", lambda: plane.can(self.user, "create", "syncs.sealift.dev", namespace))
        self.kubeconfig = plane.kubeconfig_of(namespace, "ada")

    def run(self, *words: Any) -> Result:
        return self.cluster.sealift.run(*words, "-n", self.namespace, "--kubeconfig", self.kubeconfig)

    def __call__(self, *words: Any) -> Result:
        return self.cluster.sealift(*words, "-n", self.namespace, "--kubeconfig", self.kubeconfig)


@pytest.fixture
def tenant(sealift: Sealift, plane: ControlPlane, namespace: str, tmp_path: Path) -> Tenant:
    return Tenant(Cluster(sealift, plane), namespace, tmp_path)


@pytest.fixture
def ada(tenant: Tenant) -> Ada:
    return Ada(tenant.cluster, tenant.name)


def as_administrator(plane: ControlPlane, said: str) -> None:
    """Runs the commands that a sentence ends with."""
    _, found, commands = said.partition("administrator to run: ")
    assert found, said
    for command in commands.splitlines()[0].split(" && "):
        words = shlex.split(command)
        assert words[0] == "kubectl", command
        plane.kubectl(*words[1:])


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"color": "red"}}


def test_lists_of_all_kinds(tenant: Tenant, ada: Ada) -> None:
    tenant.sync()
    done = ada("get", "all", "-o", "name")
    assert done.out == "sync.sealift.dev/shop\n" and done.err.count("⚠") == 1 and LEFT_OUT in done.err
    assert ada("get", "-o", "json").err.count(LEFT_OUT) == 1
    done = ada("export", "all")
    assert [thing["kind"] for thing in yaml.safe_load_all(done.out)] == ["Sync"]
    assert done.err.count("⚠") == 1 and LEFT_OUT in done.err
    done = ada("check")
    assert f"1 object in namespace {tenant.name}, no problem" in done.err and done.err.count("⚠") == 1 and LEFT_OUT in done.err
    # What was asked for by name, or is all that was asked for, is an error as before.
    for words in (["get", "policies"], ["export", "policies", "--all"], ["get", "all", "-A"], ["export", "all", "-A"]):
        done = ada.run(*words)
        assert done.code == 1 and done.out == "" and "forbidden" in done.err


def test_hook(tenant: Tenant, ada: Ada) -> None:
    plane, name = tenant.plane, tenant.name
    hook = ["create", "hook", "github", "--resource", "bundle/shop"]
    source = ["--url", "https://git.example.com/a.git", "--repository", "oci://r.example.com/a", "--key-secret", "key", "--tag", "a"]
    ada("create", "bundle", "shop", *source)
    done = ada(*hook)
    assert f"Hook {name}/github is created" in done.err and f"Secret {name}/github-token has a new token" in done.err
    assert "takes no deliveries until the receiver may read" in done.err and done.err.count("⚠") == 1
    assert not plane.can(RECEIVER, "get", "secrets", name, "github-token")
    # The same again asks for the same.
    assert ada(*hook).err.count("kubectl create role sealift-hook-github") == 1
    as_administrator(plane, done.err)
    wait_for("the right", lambda: plane.can(RECEIVER, "get", "secrets", name, "github-token"))
    assert not plane.can(RECEIVER, "get", "secrets", name, "another")
    with tenant.cluster.serve("receiver") as receiver:
        receiver.wait_condition("Hook", "github", name, "True")
        assert "⚠" not in ada(*hook).err
        path = ada("get", "hook", "github", "--show-path").out
        assert path.startswith("/hook/")

    # A token that no receiver has seen yet; whoever may not read it gets the path that is answered.
    ada("create", "secret", "github-token", "--from-literal", f"token={'n' * 32}")
    done = ada("get", "hook", "github", "--show-path")
    assert done.out != path and done.err.count("⚠") == 1 and "within a minute" in done.err
    plane.kubectl("create", "serviceaccount", "eve", "-n", name)
    plane.kubectl("create", "rolebinding", "eve", "-n", name, "--clusterrole=view", f"--serviceaccount={name}:eve")
    wait_for("the right", lambda: plane.can(f"system:serviceaccount:{name}:eve", "get", "hooks.sealift.dev", name))
    eve = ["--kubeconfig", plane.kubeconfig_of(name, "eve")]
    assert ada.cluster.sealift("get", "hook", "github", "--show-path", "-n", name, *eve).out == path
    with tenant.cluster.serve("receiver"):
        wait_for("the new path", lambda: tenant.get("hook", "github")["status"]["path"] == done.out.strip())
        assert ada("get", "hook", "github", "--show-path").err == ""

    # What she may not remove is told, once.
    said = ada("delete", "hook", "github").err
    assert said.count("⚠") == 2 and "may be left" in said and "did not make it" in said
    _, _, commands = said.partition("to remove it: kubectl ")
    for command in f"kubectl {commands.splitlines()[0]}".split(" && "):
        plane.kubectl(*shlex.split(command)[1:])
    assert not plane.can(RECEIVER, "get", "secrets", name, "github-token")


def test_bundle(tenant: Tenant, ada: Ada) -> None:
    plane, name = tenant.plane, tenant.name
    bundle = ["create", "bundle", "shop", "--url", "https://git.example.com/a.git", "--repository", "oci://r.example.com/a"]
    bundle += ["--tag", "prod", "--key-secret", "key"]
    # As `sealift export tenant` prepared it, but for the key.
    assert ada(*bundle).err.count("⚠") == 1
    ada("create", "secret", "key", "--from-literal", "cosign.key=x", "--from-literal", "cosign.password=x")
    assert "⚠" not in ada(*bundle).err
    plane.kubectl("delete", "rolebinding", "sealift-packager-secrets", "-n", name)
    done = ada(*bundle)
    assert done.err.count("⚠") == 1 and f"Bundle {name}/shop is unchanged" in done.err
    as_administrator(plane, done.err)
    assert "⚠" not in ada(*bundle).err


def test_sync_with_an_account(tenant: Tenant, ada: Ada) -> None:
    plane, name = tenant.plane, tenant.name
    done = ada("create", "sync", "blog", "--bundle", "shop", "--create-service-account", "--service-account", "robot")
    assert f"ServiceAccount {name}/robot" in done.err and f"Sync {name}/blog is created" in done.err
    assert done.err.count("⚠") == 2 and f"there is no Bundle {name}/shop yet" in done.err
    assert f"Sync {name}/blog may lack rights until an administrator has granted them" in done.err
    as_administrator(plane, done.err)
    wait_for("the right", lambda: plane.can(f"system:serviceaccount:{name}:robot", "create", "configmaps", name))
    # It is asked for once; what the administrator wrote at our word is ours to remove.
    done = ada("create", "sync", "blog", "--bundle", "shop", "--create-service-account", "--service-account", "robot")
    assert "administrator" not in done.err and f"ServiceAccount {name}/robot may do in {name} all that you may already" in done.err
    said = tenant.cluster.said("delete", "--yes", "sync", "blog", "-n", name)
    assert f"RoleBinding {name}/sealift-sync-blog is deleted" in said
    assert f"ServiceAccount {name}/robot is deleted" in said


def test_account_that_is_there(tenant: Tenant, ada: Ada) -> None:
    """As `sealift export tenant` prepared it: it is used, not taken over, and nothing is asked for."""
    plane, name = tenant.plane, tenant.name
    words = ["create", "sync", "blog", "--bundle", "shop", "--create-service-account", "--role", "edit"]
    before = plane.get("serviceaccount", "sealift", "-n", name)["metadata"]
    done = ada(*words)
    assert f"ServiceAccount {name}/sealift is there already, not made by sealift: it is used as it is" in done.err
    assert f"ServiceAccount {name}/sealift may do in {name} all that you may already" in done.err
    assert "administrator" not in done.err and "configured" not in done.err and done.err.count("⚠") == 1
    assert plane.get("serviceaccount", "sealift", "-n", name)["metadata"] == before
    # Its rights are looked at each time.
    plane.kubectl("delete", "rolebinding", "sealift", "-n", name)
    as_administrator(plane, ada(*words).err)
    # Whoever sees the role compares with it, and gets the binding written.
    plane.kubectl("delete", "rolebinding", "sealift-sync-blog", "-n", name)
    done = tenant.cluster(*words, "-n", name)
    assert f"RoleBinding {name}/sealift-sync-blog is created" in done.err
    # Another role makes the binding anew; somebody else's stays.
    words[-1] = "view"
    assert f"RoleBinding {name}/sealift-sync-blog is configured" in tenant.cluster(*words, "-n", name).err
    assert plane.get("rolebinding", "sealift-sync-blog", "-n", name)["roleRef"]["name"] == "view"
    plane.kubectl("label", "rolebinding", "sealift-sync-blog", "-n", name, "app.kubernetes.io/managed-by-")
    assert "says something else: it stays" not in tenant.cluster(*words, "-n", name).err
    words[-1] = "edit"
    assert "says something else: it stays as it is" in tenant.cluster(*words, "-n", name).err
    assert plane.get("rolebinding", "sealift-sync-blog", "-n", name)["roleRef"]["name"] == "view"


def test_policies_that_may_not_be_read(tenant: Tenant, ada: Ada) -> None:
    plane, name = tenant.plane, tenant.name
    tenant.push(config_map("a"))
    tenant.sync()
    words = ["verify", f"{tenant.layout}:prod", "--sync", "shop"]
    done = ada.run(*words)
    assert done.code == 1 and "PolicyUnreadable" not in done.err, done.err
    assert f"TrustPolicies ask of Sync {name}/shop you may not read" in done.err
    assert f"sealift get sync shop -n {name}" in done.err
    _, found, command = done.err.partition("can show them: kubectl ")
    assert found, done.err
    plane.kubectl(*shlex.split(command))
    wait_for("the right", lambda: plane.can(ada.user, "list", "trustpolicies.sealift.dev"))
    assert ada(*words).out.startswith("sha256:")
    # One that holds its key in a Secret of the controller's namespace remains the controller's to judge.
    key = {"name": "packager", "secretRef": {"name": "packager-pub"}}
    match = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    spec = {"match": match, "require": [{"name": "packager", "attests": True, "threshold": 1, "keys": [key]}]}
    kind = {"apiVersion": "sealift.dev/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": f"of-{name}"}}
    plane.apply({**kind, "spec": spec})
    said = ada.run(*words).err
    plane.kubectl("delete", "trustpolicy", f"of-{name}")
    assert f"TrustPolicies ask of Sync {name}/shop you may not read" in said and "packager-pub" in said, said
    refused = ada.run("create", "policy", "mine", "--key", tenant.public).err
    assert "TrustPolicies are for administrators of the cluster" in refused


def test_diff(tenant: Tenant, ada: Ada, tmp_path: Path) -> None:
    tenant.push(config_map("a"), config_map("b"))
    tenant.sync(drift="Report")
    with tenant.cluster.serve("controller", "--allow-local-path", tmp_path) as controller:
        tenant.wait_applied(controller)
        # What may not be listed everywhere is looked for where the Sync applies.
        tenant.push(config_map("a"))
        ada("suspend", "sync", "shop")
        done = ada.run("diff", "sync/shop", "-o", "name")
        assert done.code == 1 and done.out == f"{tenant.name}/ConfigMap/b.yaml\n" and done.err == "", done.err
    # A kind that she may not see, and one sentence.
    kinds = {"applyset.kubernetes.io/contains-group-kinds": "ClusterRole.rbac.authorization.k8s.io,ConfigMap"}
    patch = json.dumps({"metadata": {"annotations": kinds}})
    tenant.plane.kubectl("patch", "sync", "shop", "-n", tenant.name, "--type=merge", "-p", patch)
    done = ada.run("diff", "sync/shop", "-o", "name")
    assert done.code == 1 and done.err.count("⚠") == 1 and "which clusterroles would be pruned cannot be told" in done.err
    # Nothing is said of its kinds: all are looked for, and what is not known fits into one sentence.
    patch = json.dumps({"metadata": {"annotations": {name: None for name in kinds}}})
    tenant.plane.kubectl("patch", "sync", "shop", "-n", tenant.name, "--type=merge", "-p", patch)
    done = ada.run("diff", "sync/shop", "-o", "name")
    assert done.code == 1 and done.err.count("⚠") == 1 and "kinds more would be pruned" in done.err
    assert done.out == f"{tenant.name}/ConfigMap/b.yaml\n"
