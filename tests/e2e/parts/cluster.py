"""sealift on a Kubernetes API server: its kinds, its roles' accounts, and `sealift serve` there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Optional, Sequence

from .control_plane import ControlPlane
from .sealift import Sealift, Serving, Word
from .wait import wait_for

GROUP = "/apis/sealift.dev/v1alpha1"
PLURALS = {"Bundle": "bundles", "Sync": "syncs", "Hook": "hooks", "TrustPolicy": "trustpolicies"}


def install_kinds(plane: ControlPlane, sealift: Sealift) -> None:
    """The definitions, from the program itself, until they are served."""
    plane.apply(sealift("export", "crds").out)
    for plural in PLURALS.values():
        plane.kubectl("wait", "--for=condition=Established", f"crd/{plural}.sealift.dev", "--timeout=20s")
        path = f"{GROUP}/{plural}"
        wait_for(path, lambda: plane.api("GET", path).status == 200)  # pylint: disable=cell-var-from-loop


def definition_of(kind: str, group: str, *versions: str) -> dict[str, Any]:
    """A kind whose objects may hold anything; of several versions the last is the one that is served and stored."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    plural = f"{kind.lower()}s"
    newest = versions[-1]
    served = [{"name": name, "served": name == newest, "storage": name == newest, "schema": schema} for name in versions]
    names = {"kind": kind, "plural": plural}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": served}
    metadata = {"name": f"{plural}.{group}"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}


def apply_config(plane: ControlPlane, folder: Path) -> None:
    """The objects of a --config folder."""
    for file in sorted(folder.glob("*.yaml")):
        plane.apply(file)


class Rights:
    """What the three roles need of the API server, as ServiceAccounts in one namespace; a kubeconfig for each."""

    def __init__(self, plane: ControlPlane, namespace: str, watched: Sequence[str] = ("*",)) -> None:
        """`watched`: the core kinds that the controller may watch, instead of everything."""
        self.plane, self.namespace = plane, namespace
        ours = {"apiGroups": ["sealift.dev"], "verbs": ["get", "list", "watch"]}
        events = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}
        read_all = {"apiGroups": [""], "resources": ["secrets", "namespaces"], "verbs": ["get", "list", "watch"]}
        self._account("receiver", [{**ours, "resources": ["hooks"]}, _patch("hooks/status")])
        self._account("packager", [{**ours, "resources": ["bundles", "hooks"]}, _patch("bundles/status"), events])
        kinds = {**ours, "resources": list(PLURALS.values())}
        groups = ["*"] if "*" in watched else [""]
        watch_all = {"apiGroups": groups, "resources": list(watched), "verbs": ["list", "watch"]}
        if "*" not in watched:
            read_all = {**read_all, "resources": ["namespaces"]}
        accounts = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "impersonate"]}
        definitions = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"]}
        applies = [watch_all, accounts, {**definitions, "verbs": ["get"]}]
        self._account("controller", [kinds, _patch("syncs", "syncs/status", "trustpolicies/status"), read_all, events, *applies])
        self._local("packager", ["leases.coordination.k8s.io"])
        self._local("controller", ["leases.coordination.k8s.io", "configmaps."])

    def _account(self, role: str, rules: list[dict[str, Any]]) -> None:
        name = f"{self.namespace}-{role}"
        rbac = "rbac.authorization.k8s.io"
        subject = {"kind": "ServiceAccount", "name": role, "namespace": self.namespace}
        self.plane.apply(
            [
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": role, "namespace": self.namespace}},
                {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
                {
                    "apiVersion": f"{rbac}/v1",
                    "kind": "ClusterRoleBinding",
                    "metadata": {"name": name},
                    "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
                    "subjects": [subject],
                },
            ]
        )

    def _local(self, role: str, resources: list[str]) -> None:
        verbs = "--verb=get,list,create,update,patch,delete"
        words = [f"--resource={resource.rstrip('.')}" for resource in resources]
        self.plane.kubectl("create", "role", role, "-n", self.namespace, verbs, *words)
        account = f"--serviceaccount={self.namespace}:{role}"
        self.plane.kubectl("create", "rolebinding", role, "-n", self.namespace, f"--role={role}", account)

    def may_get_secrets(self, role: str, namespace: str) -> None:
        """All Secrets of a namespace."""
        name = f"{role}-secrets"
        self.plane.kubectl("create", "role", name, "-n", namespace, "--verb=get", "--resource=secrets")
        account = f"--serviceaccount={self.namespace}:{role}"
        self.plane.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", account)

    def kubeconfig(self, role: str, url: Optional[str] = None) -> Path:
        return self.plane.kubeconfig_of(self.namespace, role, url)


def _patch(*resources: str) -> dict[str, Any]:
    return {"apiGroups": ["sealift.dev"], "resources": list(resources), "verbs": ["patch"]}


class ClusterDaemon(Serving):
    """Over an API server."""

    def __init__(
        self,
        sealift: Sealift,
        plane: ControlPlane,
        kubeconfig: Path,
        system_namespace: str,
        *flags: Word,
        roles: str,
        **options: Any,
    ) -> None:
        self.plane = plane
        cache = tempfile.mkdtemp(prefix="cache-", dir=sealift.home)
        words: list[Word] = ["--kubeconfig", kubeconfig, f"--roles={roles}"]
        words += ["--system-namespace", system_namespace, "--cache-dir", cache]
        super().__init__(sealift, *words, *flags, **options)

    def object(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        return dict(self.plane.api("GET", f"{GROUP}/namespaces/{namespace}/{PLURALS[kind]}/{name}").json())

    def wait_status(self, kind: str, name: str, namespace: str, probe: Any, timeout: float = 20) -> dict[str, Any]:
        """Waits until probe(status) is true; a KeyError in it means "not yet"."""

        def look() -> dict[str, Any]:
            status = self.object(kind, name, namespace).get("status") or {}
            assert status and probe(status), json.dumps(status)[-1500:]
            return dict(status)

        try:
            return wait_for(f"the status of {kind} {name}", look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output[-3000:]}") from None

    def wait_condition(
        self, kind: str, name: str, namespace: str, status: str, reason: Optional[str] = None, timeout: float = 20
    ) -> dict[str, Any]:
        """Waits for Ready to be so."""

        def holds(whole: dict[str, Any]) -> bool:
            found = next(one for one in whole["conditions"] if one["type"] == "Ready")
            return found["status"] == status and reason in (None, found["reason"])

        return self.wait_status(kind, name, namespace, holds, timeout)
