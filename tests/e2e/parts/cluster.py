"""sealift on a Kubernetes API server: its kinds, its roles' accounts, and `sealift serve` there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from .control_plane import ControlPlane
from .net import free_port, http
from .sealift import HEALTH_FLAG, HOOKS_FLAG, Sealift, Word, sanitizer_report
from .server import Server
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


class ClusterDaemon:
    """`sealift serve` over an API server; ready when the constructor returns."""

    def __init__(
        self,
        sealift: Sealift,
        plane: ControlPlane,
        kubeconfig: Path,
        system_namespace: str,
        *flags: Word,
        roles: str,
        env: Optional[Mapping[str, str]] = None,
        ready_timeout: float = 20,
    ) -> None:
        self.plane = plane
        self.hook_port, self.health_port = free_port(), free_port()
        self.hook_url = f"http://localhost:{self.hook_port}"
        self.health_url = f"http://127.0.0.1:{self.health_port}"
        self._ready_timeout = ready_timeout
        count = len(list(sealift.home.glob("serve-*.log")))
        log = sealift.home / f"serve-{count}.log"
        log.touch()
        words: list[Word] = ["serve", "--kubeconfig", kubeconfig, f"--roles={roles}"]
        words += ["--system-namespace", system_namespace, "--cache-dir", sealift.home / f"cache-{count}"]
        words += [HOOKS_FLAG, f"127.0.0.1:{self.hook_port}", HEALTH_FLAG, f"127.0.0.1:{self.health_port}"]
        self._server = Server("sealift serve", sealift.words(*words, *flags), log, {**sealift.env, **(env or {})})
        try:
            self.wait_ready()
        except BaseException:
            self._server.kill()
            raise

    def wait_ready(self) -> None:
        self._server.wait_until(
            lambda: http("GET", f"{self.health_url}/readyz", timeout=5).status == 200, self._ready_timeout
        )

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def output(self) -> str:
        return self._server.output()

    def lines(self, **wanted: str) -> list[dict[str, Any]]:
        """Log lines with these values."""
        log = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return [line for line in log if all(line.get(key) == value for key, value in wanted.items())]

    @property
    def pid(self) -> int:
        return self._server.pid

    def stop(self) -> None:
        if self._server.running:
            code = self._server.stop(timeout=20)
            assert code == 0, f"sealift serve ended with {code}:\n{self.output[-4000:]}"

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()
        self.wait_ready()

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

    def __enter__(self) -> "ClusterDaemon":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._server.kill()
            return
        self.stop()
        assert not sanitizer_report(self.output), self.output[-6000:]
