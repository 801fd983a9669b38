"""The manifests of deploy/, in a real API server: they are taken, their pods may run, and each role may do its work
and is refused the rest."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
import yaml

from parts.cluster import ClusterDaemon, apply_config
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.installed import Cluster, Tenant
from parts.journey import Journey
from parts.net import Answer
from parts.need import CHECKOUT, need_program
from parts.objects import Config
from parts.sealift import Sealift, default_program
from parts.wait import wait_for

SYSTEM = "sealift-system"
ROLES = ("receiver", "packager", "controller")
OURS = "/apis/sealift.dev/v1alpha1"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


def install(plane: ControlPlane, overlay: str) -> list[Any]:
    """The objects of an overlay, applied; the definitions first, since a policy is an object of theirs."""
    plane.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/crds"))
    for plural in ("bundles", "hooks", "syncs", "trustpolicies"):
        plane.kubectl("wait", "--for=condition=Established", f"crd/{plural}.sealift.dev", "--timeout=20s")
    folder = str(CHECKOUT / "deploy/overlays" / overlay)
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder)
    return list(yaml.safe_load_all(plane.kubectl("kustomize", folder)))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with the overlay multi-tenant and two tenants."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as own:
        own.controllers()
        install(own, "multi-tenant")
        for tenant in ("shop", "blog"):
            own.kubectl("create", "namespace", tenant)
            folder = tmp_path_factory.mktemp(tenant)
            (folder / "base").symlink_to(CHECKOUT / "deploy/tenant")
            kustomization = {"namespace": tenant, "resources": ["base"]}
            (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
            rendered = own.kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder))
            own.apply(rendered)
        own.kubectl("create", "namespace", "stranger")
        for namespace in ("shop", "stranger", SYSTEM):
            own.kubectl("create", "secret", "generic", "hook", "--from-literal=token=0123456789abcdef", "-n", namespace)
            own.kubectl("create", "secret", "generic", "other", "--from-literal=a=b", "-n", namespace)
        own.apply(OBJECTS)
        account = f"system:serviceaccount:{SYSTEM}:sealift-controller"
        wait_for("the rights", lambda: own.can(account, "list", "deployments.apps", "shop"))
        wait_for("the role admin", lambda: own.can("system:serviceaccount:shop:sealift", "create", "configmaps", "shop"))
        yield own


def ours(kind: str, name: str, spec: dict[str, Any], namespace: str = "shop") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "sealift.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


OBJECTS = [
    ours(
        "Hook",
        "github",
        {"provider": "github", "secretRef": {"name": "hook"}, "resources": [{"kind": "Bundle", "name": "shop"}]},
    ),
    ours(
        "Bundle",
        "shop",
        {
            "source": {"git": {"url": "https://git.example.com/acme/config.git"}},
            "artifact": {"repository": "oci://r.example.com/acme/shop", "tags": ["prod"]},
            "sign": {"secretRef": {"name": "packager-key"}},
        },
    ),
    ours("Sync", "shop", {"bundleRef": {"name": "shop"}, "target": {"directory": {"path": "/srv/shop"}}}),
]
NAMES = {"hooks": "github", "bundles": "shop", "syncs": "shop"}


class Role:
    """Requests with a real token of a role's account."""

    def __init__(self, plane: ControlPlane, role: str) -> None:
        self._plane = plane
        self._token = plane.account_token(SYSTEM, f"sealift-{role}")

    def __call__(self, method: str, path: str, body: Any = None, headers: Optional[dict[str, str]] = None) -> int:
        return self.answer(method, path, body, headers).status

    def answer(self, method: str, path: str, body: Any, headers: Optional[dict[str, str]] = None) -> Answer:
        def ask() -> Optional[Answer]:
            reply = self._plane.api(method, path, body, token=self._token, headers=headers)
            # The cache of a definition that is new, or was changed, is not there at once.
            return None if reply.status == 429 else reply

        return wait_for(f"an answer to {method} {path}", ask)  # type: ignore[return-value]

    def watches(self, path: str) -> int:
        return self("GET", f"{path}?watch=1&timeoutSeconds=1&resourceVersion=0")

    def applies_status(self, plural: str) -> int:
        kind = {"hooks": "Hook", "bundles": "Bundle", "syncs": "Sync"}[plural]
        body = {"apiVersion": "sealift.dev/v1alpha1", "kind": kind, "status": {"observedGeneration": 1}}
        body["metadata"] = {"name": NAMES[plural], "namespace": "shop"}
        path = f"{OURS}/namespaces/shop/{plural}/{NAMES[plural]}/status"
        return self("PATCH", f"{path}?fieldManager=sealift&force=true", body, APPLY)

    def annotates(self, plural: str) -> int:
        body = {"metadata": {"annotations": {"a": "b"}}}
        return self("PATCH", f"{OURS}/namespaces/shop/{plural}/{NAMES[plural]}", body, MERGE)

    def writes_event(self) -> Answer:
        about = {"apiVersion": "sealift.dev/v1alpha1", "kind": "Bundle", "name": "shop", "namespace": "shop"}
        event = {
            "metadata": {"generateName": "shop-", "namespace": "shop"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "sealift.dev/test",
            "reportingInstance": "test",
            "action": "Test",
            "reason": "Test",
            "type": "Normal",
            "regarding": about,
        }
        return self.answer("POST", "/apis/events.k8s.io/v1/namespaces/shop/events", event)

    def takes_lease(self, name: str) -> tuple[int, int]:
        """The answers to creating it and to changing it."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"
        lease = {"metadata": {"name": name, "namespace": SYSTEM}, "spec": {"holderIdentity": "me"}}
        return self("POST", path, lease), self("PATCH", f"{path}/{name}", {"spec": {"holderIdentity": "I"}}, MERGE)

    def reads_secret(self, namespace: str, name: str = "hook") -> int:
        return self("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def rules(self, namespace: str) -> set[tuple[str, str, str, str]]:
        """(group, resource, verb, name) of all that it may do there, less what everybody may."""
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        answer = self.answer("POST", path, {**body, "spec": {"namespace": namespace}})
        return {
            (group, resource, verb, name)
            for rule in answer.json()["status"]["resourceRules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            for name in rule.get("resourceNames") or ["*"]
            if group not in ("authorization.k8s.io", "authentication.k8s.io")
        } - LOCATE


# Everybody may ask where sealift runs.
LOCATE = {("rbac.authorization.k8s.io", "clusterrolebindings", "get", "sealift-controller")}


def rights(group: str, resources: str, verbs: str, name: str = "*") -> set[tuple[str, str, str, str]]:
    return {(group, resource, verb, name) for resource in resources.split() for verb in verbs.split()}


READ = "get list watch"
LEASES = "coordination.k8s.io"
RIGHTS = {
    "receiver": rights("sealift.dev", "hooks", READ) | rights("sealift.dev", "hooks/status", "patch"),
    "packager": rights("sealift.dev", "bundles hooks", READ)
    | rights("sealift.dev", "bundles/status", "patch")
    | rights("events.k8s.io", "events", "create patch"),
    "controller": rights("*", "*", "list watch")
    | rights("sealift.dev", "bundles hooks syncs trustpolicies", "get")
    | rights("sealift.dev", "syncs syncs/status trustpolicies/status", "patch")
    | rights("", "configmaps namespaces secrets serviceaccounts", "get")
    | rights("apiextensions.k8s.io", "customresourcedefinitions", "get")
    | rights("events.k8s.io", "events", "create patch")
    | rights("", "serviceaccounts", "impersonate"),
}
MORE_IN_SYSTEM = {
    "receiver": set(),
    "packager": rights(LEASES, "leases", "create") | rights(LEASES, "leases", "get update patch", "sealift-packager"),
    "controller": rights(LEASES, "leases", "create")
    | rights(LEASES, "leases", "get update patch", "sealift-controller")
    | rights("", "configmaps", "create update patch delete"),
}


@pytest.mark.parametrize("role", ROLES)
def test_rights_are_these_and_no_others(plane: ControlPlane, role: str) -> None:
    account = Role(plane, role)
    tenant = rights("", "secrets", "get") if role == "packager" else set()
    assert account.rules("stranger") == RIGHTS[role]
    assert account.rules("shop") == RIGHTS[role] | tenant
    assert account.rules(SYSTEM) == RIGHTS[role] | MORE_IN_SYSTEM[role]


def test_pods_may_run(plane: ControlPlane) -> None:
    for role in ROLES:
        plane.kubectl("rollout", "status", f"deployment/sealift-{role}", "-n", SYSTEM, "--timeout=30s")
    loose = {"containers": [{"name": "a", "image": "a"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loose", "namespace": SYSTEM}, "spec": loose}
    assert plane.api("POST", f"/api/v1/namespaces/{SYSTEM}/pods", pod).status == 403


def test_receiver(plane: ControlPlane) -> None:
    receiver = Role(plane, "receiver")
    assert receiver("GET", f"{OURS}/hooks") == 200
    assert receiver.watches(f"{OURS}/hooks") == 200
    assert receiver.applies_status("hooks") == 200

    assert receiver.reads_secret("shop") == 403
    role = ["create", "role", "sealift-hook-github", "-n", "shop", "--verb=get,list,watch", "--resource=secrets"]
    plane.kubectl(*role, "--resource-name=hook")
    bind = ["create", "rolebinding", "sealift-hook-github", "-n", "shop", "--role=sealift-hook-github"]
    plane.kubectl(*bind, f"--serviceaccount={SYSTEM}:sealift-receiver")
    wait_for("the Hook's Secret", lambda: receiver.reads_secret("shop") == 200)
    by_name = "/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Dhook"
    assert receiver("GET", by_name) == 200
    plane.kubectl("delete", "rolebinding", "sealift-hook-github", "-n", "shop")

    assert receiver.reads_secret("shop", "other") == 403
    assert receiver("GET", "/api/v1/namespaces/shop/secrets") == 403
    assert receiver.annotates("hooks") == receiver.annotates("bundles") == 403
    assert receiver.applies_status("bundles") == receiver.applies_status("syncs") == 403
    assert receiver("GET", f"{OURS}/bundles") == receiver("GET", f"{OURS}/syncs") == 403
    answer = receiver.writes_event()
    assert answer.status == 403, answer.text
    assert receiver.takes_lease("sealift-receiver") == (403, 403)


def test_packager(plane: ControlPlane) -> None:
    packager = Role(plane, "packager")
    assert packager.watches(f"{OURS}/bundles") == packager.watches(f"{OURS}/hooks") == 200
    assert packager.applies_status("bundles") == 200
    answer = packager.writes_event()
    assert answer.status == 201, answer.text
    assert packager.takes_lease("sealift-packager") == (201, 200)
    assert packager.reads_secret("shop") == 200

    assert packager.reads_secret("stranger") == packager.reads_secret(SYSTEM) == 403
    assert packager("GET", "/api/v1/namespaces/shop/secrets") == 403
    assert packager.takes_lease("sealift-controller")[1] == 403
    assert packager.annotates("bundles") == packager.annotates("syncs") == 403
    assert packager.applies_status("hooks") == packager.applies_status("syncs") == 403
    as_tenant = {"Impersonate-User": "system:serviceaccount:shop:sealift"}
    assert packager("GET", "/api/v1/namespaces/shop/configmaps", None, as_tenant) == 403
    assert packager("GET", "/api/v1/namespaces/shop/configmaps") == 403
    assert packager("GET", f"{OURS}/syncs") == packager("GET", f"{OURS}/trustpolicies") == 403


def config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied", "namespace": namespace}}


def test_controller(plane: ControlPlane) -> None:
    controller = Role(plane, "controller")
    for path in ("/api/v1/secrets", "/apis/apps/v1/deployments", f"{OURS}/trustpolicies", f"{OURS}/bundles"):
        assert controller("GET", path) == controller.watches(path) == 200
    assert controller("GET", "/api/v1/namespaces/shop/serviceaccounts/sealift") == 200
    assert controller.annotates("syncs") == controller.applies_status("syncs") == 200
    answer = controller.writes_event()
    assert answer.status == 201, answer.text
    assert controller.takes_lease("sealift-controller")[1] == 200

    apply = "configmaps/applied?fieldManager=sealift&force=true"
    assert controller("PATCH", f"/api/v1/namespaces/{SYSTEM}/{apply}", config_map(SYSTEM), APPLY) == 201
    assert controller("DELETE", f"/api/v1/namespaces/{SYSTEM}/configmaps/applied") == 200  # of a Sync that is gone
    for namespace in ("shop", "stranger", "kube-system"):
        assert controller("PATCH", f"/api/v1/namespaces/{namespace}/{apply}", config_map(namespace), APPLY) == 403
        assert controller("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/applied") == 403

    tenant = {**APPLY, "Impersonate-User": "system:serviceaccount:shop:sealift"}
    assert controller("PATCH", f"/api/v1/namespaces/shop/{apply}", config_map("shop"), tenant) == 201
    for namespace in ("blog", "stranger", SYSTEM):
        assert controller("PATCH", f"/api/v1/namespaces/{namespace}/{apply}", config_map(namespace), tenant) == 403
    assert controller("DELETE", "/api/v1/namespaces/shop/configmaps/applied", None, tenant) == 200
    for user in ({"Impersonate-User": "admin"}, {**tenant, "Impersonate-Group": "system:masters"}):
        assert controller("GET", "/api/v1/namespaces", None, user) == 403

    assert controller.annotates("bundles") == controller.annotates("hooks") == 403
    assert controller.applies_status("bundles") == controller.applies_status("hooks") == 403
    # What a `get` on everything would have given away.
    assert controller("GET", "/api/v1/nodes/node-1/proxy/pods") == 403
    assert controller("GET", "/api/v1/namespaces/shop/pods/any/exec?command=sh&stdout=true") == 403
    assert controller("GET", "/api/v1/namespaces/shop/pods/any/log") == 403


def test_the_program_runs_under_these_rights(
    plane: ControlPlane, sealift: Sealift, stack: contextlib.ExitStack
) -> None:
    def serve(role: str) -> ClusterDaemon:
        kubeconfig = plane.kubeconfig_of(SYSTEM, f"sealift-{role}")
        return stack.enter_context(ClusterDaemon(sealift, plane, kubeconfig, SYSTEM, roles=role))

    plane.kubectl("delete", "lease", "--all", "-n", SYSTEM)
    receiver, packager, controller = (serve(role) for role in ROLES)
    receiver.wait_condition("Hook", "github", "shop", "False")
    hook = ["create", "hook", "github", "--resource", "bundle/shop", "-n", "shop"]
    sealift(*hook, "--kubeconfig", plane.kubeconfig)
    receiver.wait_condition("Hook", "github", "shop", "True", "Listening")
    # Nothing of this leads anywhere, and each says so where it belongs.
    packager.wait_condition("Bundle", "shop", "shop", "False")
    controller.wait_condition("Sync", "shop", "shop", "False")
    leases = plane.get("leases", "-n", SYSTEM)["items"]
    assert {lease["metadata"]["name"] for lease in leases} == {"sealift-packager", "sealift-controller"}
    for daemon in (receiver, packager, controller):
        refused = [line for line in daemon.output.splitlines() if "forbidden" in line and '"level":"error"' in line]
        assert not refused, refused


COLOR = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"color": "red"}}
JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {sealift.dev/hook: before}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: registry.example.com/a:1}]
"""


def test_a_push_reaches_the_cluster_under_these_rights(
    plane: ControlPlane,
    sealift: Sealift,
    tmp_path: Path,
    stack: contextlib.ExitStack,
    repo: GitRepo,
    git_server: GitHttpServer,
) -> None:
    config = Config(tmp_path / "config", "blog")
    repo.commit({"a.yaml": yaml.safe_dump(COLOR), "migrate.yaml": JOB})
    repo.push()
    Journey(sealift, config, tmp_path).bundle(f"{git_server.url}/config.git", f"oci-layout://{tmp_path}/layout")
    key = {"name": "packager", "secretRef": {"name": "packager-pub"}}
    config.sync("shop", bundleRef={"name": "shop"}, verify={"keys": [key]}, interval="24h", wait=True)
    apply_config(plane, config.folder)
    plane.kubectl("delete", "lease", "--all", "-n", SYSTEM)
    for role in ("packager", "controller"):
        kubeconfig = plane.kubeconfig_of(SYSTEM, f"sealift-{role}")
        local = ["--allow-loopback", "--allow-local-path", tmp_path]
        daemon = stack.enter_context(ClusterDaemon(sealift, plane, kubeconfig, SYSTEM, *local, roles=role))
    daemon.wait_condition("Sync", "shop", "blog", "True", timeout=40)
    assert plane.get("job", "migrate", "-n", "blog")["status"]["succeeded"] == 1

    plane.kubectl("patch", "configmap", "a", "-n", "blog", "--type=merge", "-p", '{"data":{"color":"blue"}}')
    wait_for("the heal", lambda: plane.get("configmap", "a", "-n", "blog")["data"] == {"color": "red"})
    plane.kubectl("delete", "sync", "shop", "-n", "blog", "--timeout=20s")
    assert plane.try_kubectl("get", "configmap", "a", "-n", "blog").returncode != 0


def test_people(plane: ControlPlane) -> None:
    plane.kubectl("create", "rolebinding", "ada", "-n", "shop", "--clusterrole=edit", "--user=ada")
    wait_for("the right", lambda: plane.can("ada", "create", "syncs.sealift.dev", "shop"))
    assert plane.can("ada", "delete", "hooks.sealift.dev", "shop")
    assert not plane.can("ada", "create", "syncs.sealift.dev", "blog")
    assert not plane.can("ada", "patch", "syncs.sealift.dev/status", "shop")
    # Whoever is logged in may ask where sealift runs, and that is all of it.
    bindings = "clusterrolebindings.rbac.authorization.k8s.io"
    assert plane.can("stranger", "get", bindings, name="sealift-controller")
    assert not plane.can("stranger", "get", bindings, name="cluster-admin")
    assert not plane.can("stranger", "list", bindings)
    # TrustPolicies belong to no namespace: only a ClusterRoleBinding shows them, and it need show nothing else.
    for verb in ("get", "list", "create", "patch"):
        assert not plane.can("ada", verb, "trustpolicies.sealift.dev")
    role = "--clusterrole=sealift-view-policies"
    plane.kubectl("create", "clusterrolebinding", "sealift-view-policies:ada", role, "--user=ada")
    wait_for("the right", lambda: plane.can("ada", "list", "trustpolicies.sealift.dev"))
    assert not plane.can("ada", "patch", "trustpolicies.sealift.dev") and not plane.can("ada", "list", "syncs.sealift.dev")
    plane.kubectl("create", "clusterrolebinding", "auditor", "--clusterrole=view", "--user=auditor")
    wait_for("the right", lambda: plane.can("auditor", "list", "trustpolicies.sealift.dev"))
    plane.kubectl("delete", "clusterrolebinding", "auditor", "sealift-view-policies:ada")


def test_single_tenant(plane: ControlPlane) -> None:
    before = plane.get("clusterrolebindings")["items"]
    objects = install(plane, "single-tenant")
    try:
        packager = Role(plane, "packager")
        wait_for("Secrets everywhere", lambda: packager.reads_secret("stranger") == 200)
        assert packager("GET", "/api/v1/namespaces/stranger/secrets") == 403
        deployer = f"system:serviceaccount:{SYSTEM}:sealift-deployer"
        assert plane.can(deployer, "create", "clusterroles.rbac.authorization.k8s.io")
        plane.kubectl("rollout", "status", "deployment/sealift-controller", "-n", SYSTEM, "--timeout=30s")
        # None of the roles' own accounts is the one that Syncs without an account name.
        assert "sealift" not in {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ServiceAccount"}
    finally:
        kept = {binding["metadata"]["name"] for binding in before}
        for binding in plane.get("clusterrolebindings")["items"]:
            if binding["metadata"]["name"] not in kept:
                plane.kubectl("delete", "clusterrolebinding", binding["metadata"]["name"])


def test_production(plane: ControlPlane) -> None:
    install(plane, "production")
    policy = plane.get("trustpolicy", "everything")["spec"]
    assert policy["match"] == {} and policy["require"][0]["attests"] is True
    for role in ROLES:
        assert plane.get("deployment", f"sealift-{role}", "-n", SYSTEM)["spec"]["replicas"] == 2
        plane.kubectl("rollout", "status", f"deployment/sealift-{role}", "-n", SYSTEM, "--timeout=30s")


WITHOUT_SECRETS = "deploy/components/without-secret-watch"


@pytest.fixture
def without_secrets(plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """The overlay multi-tenant with the component, applied; a kustomization."""
    folder = tmp_path / "install"
    folder.mkdir()
    parts = {"resources": "deploy/overlays/multi-tenant", "components": WITHOUT_SECRETS}
    lists = {name: [os.path.relpath(CHECKOUT / path, folder.resolve())] for name, path in parts.items()}
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**head, **lists}))
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(folder))
    plane.kubectl("delete", "trustpolicy", "--all")  # that of the overlay production governs all
    yield folder
    install(plane, "multi-tenant")
    plane.kubectl("delete", "clusterrole,rolebinding", "sealift-controller-secrets", "-n", SYSTEM)


def watchable(plane: ControlPlane) -> set[str]:
    """"deployments.apps" of all that can be listed and watched."""
    return set(plane.kubectl("api-resources", "--verbs=list,watch", "-o", "name").split())


def test_without_secret_watch(
    plane: ControlPlane, without_secrets: Path, sealift: Sealift, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    controller = Role(plane, "controller")
    account = f"system:serviceaccount:{SYSTEM}:sealift-controller"
    wait_for("the lesser rights", lambda: controller("GET", "/api/v1/secrets") == 403)
    # All but Secrets (and events, which nobody applies) is watched; and of all that it might do before, less is left.
    refused = {name for name in watchable(plane) if not plane.can(account, "watch", name)}
    assert refused == {"secrets", "events", "events.events.k8s.io"}
    rules, before = controller.rules("stranger"), RIGHTS["controller"]
    added = {rule for rule in rules - before if rule[2] not in ("list", "watch")}
    assert not added and before - rules == rights("*", "*", "list watch") | rights("", "secrets", "get")
    assert controller.watches("/api/v1/secrets") == 403 and controller("GET", "/api/v1/namespaces/shop/secrets") == 403
    assert controller.reads_secret("shop") == controller.reads_secret("stranger") == 403
    wait_for("the keys of policies", lambda: controller.reads_secret(SYSTEM) == 200)
    assert controller("GET", f"/api/v1/namespaces/{SYSTEM}/secrets") == 403
    # As the component's first lines say.
    words = ["--clusterrole=sealift-controller-secrets", f"--serviceaccount={SYSTEM}:sealift-controller"]
    plane.kubectl("create", "rolebinding", "sealift-controller-secrets", "-n", "shop", *words)
    wait_for("the Secrets of shop", lambda: controller.reads_secret("shop") == 200)
    assert controller("GET", "/api/v1/namespaces/shop/secrets") == controller.reads_secret("stranger") == 403

    # The program works so, with the flags of the manifest.
    things = yaml.safe_load_all(plane.kubectl("kustomize", str(without_secrets)))
    (deployment,) = [thing for thing in things if thing["metadata"]["name"] == "sealift-controller" and thing["kind"] == "Deployment"]
    flags = [flag for flag in deployment["spec"]["template"]["spec"]["containers"][0]["args"] if "secrets" in flag]
    assert flags == ["--watch-secrets=false"]
    tenant = Tenant(Cluster(sealift, plane), "quiet", tmp_path)
    tenant.push(COLOR)
    plane.kubectl("delete", "lease", "--all", "-n", SYSTEM)
    kubeconfig = plane.kubeconfig_of(SYSTEM, "sealift-controller")
    local = [*flags, "--allow-loopback", "--allow-local-path", tmp_path]
    daemon = stack.enter_context(ClusterDaemon(sealift, plane, kubeconfig, SYSTEM, *local, roles="controller"))
    tenant.sync()
    tenant.wait_applied(daemon)
    plane.kubectl("patch", "configmap", "a", "-n", "quiet", "--type=merge", "-p", '{"data":{"color":"blue"}}')
    wait_for("the heal", lambda: tenant.get("configmap", "a")["data"] == {"color": "red"})
    plane.kubectl("delete", "sync", "shop", "-n", "quiet", "--timeout=20s")
    assert not [line for line in daemon.output.splitlines() if "forbidden" in line]


@pytest.mark.parametrize("overlay", ["single-tenant", "multi-tenant", "production"])
def test_manifests_fit_the_program(plane: ControlPlane, sealift: Sealift, overlay: str) -> None:
    things = list(yaml.safe_load_all(plane.kubectl("kustomize", str(CHECKOUT / "deploy/overlays" / overlay))))
    known = set(re.findall(r"--[a-z][a-z-]+", sealift("serve", "--help").out))
    deployments = [thing for thing in things if thing["kind"] == "Deployment"]
    assert {thing["metadata"]["name"] for thing in deployments} == {f"sealift-{role}" for role in ROLES}
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["runAsUser"] == 65534
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        assert container["livenessProbe"] and container["readinessProbe"]
        flags = {word.partition("=")[0] for word in container["args"] if word.startswith("--")}
        assert flags <= known


def test_image_has_what_the_program_needs() -> None:
    recipe = (CHECKOUT / "deploy/Dockerfile").read_text()
    installed = set(re.findall(r"^    ([a-z0-9.+-]+) \\$", recipe.split("FROM ")[-1], re.M))
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", str(default_program())))
    assert needed
    places = dict(re.findall(r"^\s*(\S+) => (\S+)", output("ldd", str(default_program())), re.M))
    for library in needed:
        owner = owner_of(Path(places[library]))
        assert owner in installed | {"libc6", "libgcc-s1", "libstdc++6"}, f"{library} is in {owner}"
    assert "openssh-client" in installed and "USER 65534:65534" in recipe


def output(*words: str) -> str:
    need_program(words[0], "binutils")
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


def owner_of(library: Path) -> str:
    """The package of a shared library; Debian knows files by the path before /usr was merged, or after."""
    real = library.resolve()
    for path in (real, Path("/" + str(real).removeprefix("/usr/"))):
        found = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, timeout=30)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    raise AssertionError(f"no package has {library}")
