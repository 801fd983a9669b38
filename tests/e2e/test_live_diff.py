"""`sealift diff` of a Sync against the objects in its cluster."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.cluster import ClusterDaemon, Rights
from parts.control_plane import ControlPlane
from parts.installed import Cluster, Tenant
from parts.journey import KEY_PASSWORD
from parts.oci_registry import DockerRegistry
from parts.sealift import Sealift
from parts.wait import wait_for


@pytest.fixture
def tenant(sealift: Sealift, plane: ControlPlane, namespace: str, tmp_path: Path) -> Tenant:
    made = Tenant(Cluster(sealift, plane), namespace, tmp_path)
    # Without controllers the ClusterRole admin is empty.
    plane.kubectl("create", "role", "sealift", "-n", namespace, "--verb=*", "--resource=configmaps,secrets")
    account = f"--serviceaccount={namespace}:sealift"
    plane.kubectl("create", "rolebinding", "sealift-too", "-n", namespace, "--role=sealift", account)
    return made


@pytest.fixture
def controller(tenant: Tenant, tmp_path: Path, stack: contextlib.ExitStack) -> Callable[[], ClusterDaemon]:
    def start() -> ClusterDaemon:
        rights = Rights(tenant.plane, tenant.plane.namespace(f"{tenant.name[:50]}-system"))
        words: list[Any] = [tenant.cluster.sealift, tenant.plane, rights.kubeconfig("controller"), rights.namespace]
        return stack.enter_context(ClusterDaemon(*words, "--allow-local-path", tmp_path, roles="controller"))

    return start


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"token": "first", "user": "me"}}


class Diff:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def __call__(self, *words: Any) -> Any:
        return self._tenant.cluster.run("diff", *(words or ["sync/shop"]), "-n", self._tenant.name)

    def names(self, *words: Any) -> list[str]:
        done = self(*(words or ["sync/shop"]), "-o", "name")
        assert done.code in (0, 1), done.err
        assert done.code == (1 if done.out else 0)
        return str(done.out).split()


@pytest.fixture
def diff(tenant: Tenant) -> Diff:
    return Diff(tenant)


def test_diff_shows_drift_and_what_comes(
    tenant: Tenant, controller: Callable[[], ClusterDaemon], diff: Diff, tmp_path: Path
) -> None:
    plane, name = tenant.plane, tenant.name
    tenant.push(config_map("a", color="red"), config_map("b"), config_map("kept"), SECRET)
    tenant.sync(drift="Report")
    all_of_it = [f"{name}/ConfigMap/{one}.yaml" for one in ("a", "b", "kept")] + [f"{name}/Secret/s.yaml"]
    assert diff.names() == all_of_it  # nothing is there yet
    daemon = controller()
    daemon.wait_condition("Sync", "shop", name, "True")
    assert diff().code == 0 and diff().out == "" and diff.names() == []

    # Drift: it would be put back. What others add beside ours is no difference.
    patch = '{"data":{"color":"green","more":"mine"}}'
    plane.kubectl("patch", "configmap", "a", "-n", name, "--type=merge", "-p", patch)
    done = diff()
    assert done.code == 1 and "-  color: green\n+  color: red\n" in done.out
    assert "-  more" not in done.out and diff.names() == [f"{name}/ConfigMap/a.yaml"]
    plane.kubectl("patch", "configmap", "a", "-n", name, "--type=merge", "-p", '{"data":{"color":"red","more":null}}')
    assert diff().code == 0

    # What comes next, while the Sync is suspended: changed, new, pruned; and no value of a Secret.
    tenant.cluster("suspend", "sync", "shop", "-n", name)
    plane.kubectl("annotate", "configmap", "kept", "-n", name, "sealift.dev/prune=disabled")
    secret = {**SECRET, "stringData": {"token": "second", "user": "me"}}
    tenant.push(config_map("a", color="blue"), config_map("c"), secret)
    done = diff()
    assert done.code == 1 and "-  color: red\n+  color: blue\n" in done.out
    assert "-  token: '*** (before)'\n+  token: '*** (after)'\n   user: '***'\n" in done.out
    for value in ("first", "second", "Zmlyc3Q=", "c2Vjb25k"):
        assert value not in done.out
    changes = {entry["path"].split("/", 1)[1]: entry["change"] for entry in diff("sync/shop", "-o", "json").json()}
    wanted = {"ConfigMap/a.yaml": "changed", "ConfigMap/b.yaml": "removed", "ConfigMap/c.yaml": "added"}
    assert changes == {**wanted, "Secret/s.yaml": "changed"}
    assert plane.get("configmap", "a", "-n", name)["data"] == {"color": "red"}  # a dry run

    # And it says the truth.
    tenant.cluster("resume", "sync", "shop", "-n", name)
    tenant.cluster("reconcile", "sync", "shop", "-n", name)
    wait_for("b to go", lambda: plane.try_kubectl("get", "configmap", "b", "-n", name).returncode != 0)
    assert diff().code == 0 and plane.get("configmap", "kept", "-n", name)

    # A folder in place of the artifact, before anybody commits it; either way round.
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all([config_map("a", color="pink"), config_map("c"), SECRET]))
    done = diff("sync/shop", folder, "--allow-secrets")
    assert "-  color: blue\n+  color: pink\n" in done.out
    assert "-  color: pink\n+  color: blue\n" in diff(folder, "sync/shop", "--allow-secrets").out


def test_diff_of_definitions_and_refusals(tenant: Tenant, diff: Diff) -> None:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    names = {"kind": "Boat", "plural": "boats"}
    spec = {"group": "sea.example.com", "names": names, "scope": "Namespaced", "versions": [version]}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    definition["metadata"] = {"name": "boats.sea.example.com"}
    boat = {"apiVersion": "sea.example.com/v1", "kind": "Boat", "metadata": {"name": "a"}}
    tenant.push(definition, boat)
    tenant.sync()
    wanted = ["_/CustomResourceDefinition.apiextensions.k8s.io/boats.sea.example.com.yaml"]
    assert diff.names() == wanted + [f"{tenant.name}/Boat.sea.example.com/a.yaml"]

    bad = {**config_map("a"), "data": {"color": 7}}
    tenant.push(bad, config_map("b"))
    done = diff()
    assert done.code == 2 and f"ConfigMap {tenant.name}/a" in done.err and f"ConfigMap {tenant.name}/b" not in done.err and done.out == ""


def test_diff_of_what_is_not_there(tenant: Tenant, diff: Diff) -> None:
    assert diff("sync/none").code == 2
    tenant.sync(artifact={"repository": tenant.layout, "semver": ">=1"})
    done = diff()
    assert done.code == 2 and "has found no artifact yet" in done.err
    assert diff(tenant.manifests).code == 2


def test_diff_pulls_with_the_sync_s_own_login(
    tenant: Tenant, diff: Diff, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", "secret"))
    login = json.dumps({"auths": {registry.host: {"auth": base64.b64encode(b"ada:secret").decode()}}})
    (tmp_path / "config.json").write_text(login)
    tenant.layout = registry.oci("shop")
    (tenant.manifests / "all.yaml").write_text(yaml.safe_dump(config_map("a")))
    words = ["push", tenant.manifests, f"{tenant.layout}:prod", "--key", tenant.private]
    env = {"COSIGN_PASSWORD": KEY_PASSWORD}
    digest = tenant.cluster.sealift(*words, "--docker-config", tmp_path / "config.json", env=env).out.strip()
    tenant.sync(artifact={"repository": tenant.layout, "tag": "prod", "secretRef": {"name": "registry"}})
    assert diff().code == 2  # nobody has a login
    assert diff.names("sync/shop", "--docker-config", tmp_path / "config.json") == [f"{tenant.name}/ConfigMap/a.yaml"]
    secret = ["--from-literal", "username=ada", "--from-literal", "password=secret", "-n", tenant.name]
    tenant.cluster("create", "secret", "registry", *secret)
    assert diff.names() == [f"{tenant.name}/ConfigMap/a.yaml"]
    # So does a Bundle's.
    spec = {
        "source": {"git": {"url": "https://git.example.com/acme/config.git"}},
        "artifact": {"repository": tenant.layout, "tags": ["prod"], "secretRef": {"name": "registry"}},
        "sign": {"secretRef": {"name": "packager-key"}},
    }
    bundle = {"apiVersion": "sealift.dev/v1alpha1", "kind": "Bundle", "metadata": {"name": "b", "namespace": tenant.name}}
    tenant.plane.apply({**bundle, "spec": spec})
    status = {"status": {"artifact": {"digest": digest}}}
    patch = ["--subresource=status", "--type=merge", "-p", json.dumps(status)]
    tenant.plane.kubectl("patch", "bundle", "b", "-n", tenant.name, *patch)
    assert diff("bundle/b", tenant.manifests).code == 0


def test_diff_in_another_cluster(tenant: Tenant, diff: Diff, tmp_path: Path) -> None:
    """The one that the Sync's kubeconfig Secret names; and only as far as a role may go, too."""
    plane, name = tenant.plane, tenant.name
    elsewhere = yaml.safe_load(plane.kubeconfig_of(name, "sealift").read_text())
    cluster = elsewhere["clusters"][0]["cluster"]
    if "certificate-authority" in cluster:
        cluster["certificate-authority-data"] = base64.b64encode(
            Path(plane.folder, cluster.pop("certificate-authority")).read_bytes()
        ).decode()
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(elsewhere))
    tenant.cluster("create", "secret", "elsewhere", "--from-file", f"value={file}", "-n", name)
    tenant.push(config_map("a", color="red"))
    tenant.sync(target={"kubeConfig": {"secretRef": {"name": "elsewhere"}}})
    done = diff()
    assert done.code == 1 and "+  color: red\n" in done.out, done.err
    # That account may list little, and diff says so.
    assert "would be pruned cannot be told" in done.err
