"""`sealift install`, `export` and `uninstall` on a real API server, and what they leave."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.need import CHECKOUT
from parts.sealift import Result, Sealift

SYSTEM = "sealift-system"
OVERLAYS = ("single-tenant", "multi-tenant", "production")
IMAGE = "registry.example.org/sealift:1"
OURS = ("bundles", "hooks", "syncs", "trustpolicies")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Of this module alone: an install is the whole cluster's."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as own:
        own.controllers()
        yield own


class Cluster:
    """Commands on the plane; what a test installed goes with it."""

    def __init__(self, sealift: Sealift, plane: ControlPlane) -> None:
        self._sealift, self.plane = sealift, plane

    def __call__(self, *words: Any) -> Result:
        return self._sealift(*words, "--kubeconfig", self.plane.kubeconfig)

    def fails(self, *words: Any, kubeconfig: Any = None) -> str:
        return self._sealift.fails(*words, "--kubeconfig", kubeconfig or self.plane.kubeconfig).err

    def install(self, *words: Any) -> list[str]:
        """What it said of objects."""
        return [line[2:] for line in self("install", "--image", IMAGE, *words).err.splitlines()]

    def has(self, *words: str) -> bool:
        return self.plane.try_kubectl("get", *words).returncode == 0


@pytest.fixture
def cluster(sealift: Sealift, plane: ControlPlane) -> Iterator[Cluster]:
    yield Cluster(sealift, plane)
    plane.kubectl("delete", "namespace", SYSTEM, "elsewhere", "--ignore-not-found", "--timeout=60s")
    for kind in ("clusterrole", "clusterrolebinding"):
        plane.kubectl("delete", kind, "-l", "app.kubernetes.io/name=sealift")
    plane.kubectl("delete", "crd", *(f"{plural}.sealift.dev" for plural in OURS), "--ignore-not-found", "--timeout=60s")


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
    assert "deployment.apps/sealift-controller runs" in said
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
    assert "✔ deployment.apps/sealift-packager is configured" in said
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
    assert "clusterrolebinding.rbac.authorization.k8s.io/sealift-deployer is deleted: it is of an older install (dry run)" in said
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
        ]
    )  # fmt: skip
    said = cluster.install("--no-wait")
    assert "service/old is deleted: it is of an older install" in said
    assert any(line.startswith("customresourcedefinition.apiextensions.k8s.io/olds.sealift.dev is of an") for line in said)
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
    assert "service/sealift-receiver belongs to another set" in cluster.fails("install", "--namespace", "elsewhere")


def test_install_says_what_does_not_run(cluster: Cluster) -> None:
    plane = cluster.plane
    cluster.install("--no-wait")
    patch = '{"spec":{"template":{"metadata":{"labels":{"simulate":"stuck"}}}}}'
    plane.kubectl("patch", "deployment", "sealift-packager", "-n", SYSTEM, "--type=merge", "-p", patch)
    said = cluster.fails("install", "--timeout", "3s")
    assert "deployment.apps/sealift-packager in sealift-system does not run" in said and "(pod sealift-packager-" in said


def test_install_over_kubectl_apply(cluster: Cluster) -> None:
    """Who began with kustomize may go on with install."""
    plane = cluster.plane
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/crds"))
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/overlays/multi-tenant"))
    said = cluster.install()
    assert not [line for line in said if line.endswith(" is created")]
    assert said[-1].endswith("(multi-tenant)")
