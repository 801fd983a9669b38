"""A real Kubernetes control plane: etcd and kube-apiserver, and the controllers where a test asks for them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Union

import yaml

from .need import CHECKOUT, need_part
from .net import Answer, http
from .server import Server
from .wait import wait_for

_PROGRAM = CHECKOUT / "deploy/control-plane"

Manifest = Union[str, Path, Mapping[str, Any], Sequence[Mapping[str, Any]]]


class ControlPlane:
    """`kubeconfig` is the administrator's. Shared by all tests: work in a namespace() of your own, and give objects
    without a namespace a name of your own; a test that stops servers makes a ControlPlane of its own.

    Without controllers() nothing happens after the API server's answer: Deployments get no pods, what is deleted in
    the foreground, or a namespace, stays, and the ClusterRoles view, edit and admin are empty. Once a test has started
    them they stay for all others.

    A watch that asks for a revision from before the API server's start gets 410: to end a client's watch so, kill
    the API server, change something through second_api_server(), and start it again."""

    def __init__(self, folder: Path, *flags: str) -> None:
        for part, program in (("etcd", "etcd"), ("kubernetes", "kube-apiserver"), ("kubernetes", "kubectl")):
            need_part(part, program)
        self.folder = folder
        subprocess.run([_PROGRAM, "prepare", folder], check=True, timeout=30)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig_with_certificate = folder / "kubeconfig-cert"
        self.ca = folder / "ca.crt"
        self.admin_token = (folder / "token").read_text().strip()
        ports = dict(line.split("=") for line in (folder / "ports").read_text().split())
        self.url = f"https://127.0.0.1:{ports['API']}"
        self._second_url = f"https://127.0.0.1:{ports['API2']}"
        self._kubectl = str(need_part("kubernetes", "kubectl"))
        self._servers = contextlib.ExitStack()
        self._started: set[str] = set()
        try:
            self.etcd = self._servers.enter_context(self._run("etcd"))
            self.api_server = self._servers.enter_context(self._run("kube-apiserver", "1", *flags))
            self.wait()
        except BaseException:
            self._servers.close()
            raise

    def _run(self, name: str, *words: str) -> Server:
        log = self.folder / f"{'-'.join([name, *words[:1]])}.log"
        return Server(name, [_PROGRAM, "run", self.folder, name, *words], log)

    # Servers

    def wait(self) -> None:
        """Until the API server is ready: after kill() or stop() and start() of `api_server` or `etcd`."""
        self.api_server.wait_until(lambda: self._is_ready(self.url), 60)

    def _is_ready(self, url: str) -> bool:
        # Readiness comes before the roles that the API server itself makes, and the namespaces.
        path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
        return all(self._get(url, path) == 200 for path in ("/readyz", path, "/api/v1/namespaces/default"))

    def _get(self, url: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        return http("GET", url + path, headers=headers, ca=str(self.ca)).status

    @contextlib.contextmanager
    def second_api_server(self, *flags: str) -> Iterator[tuple[str, Path, Server]]:
        """Another API server on the same etcd: its URL, a kubeconfig that names it, and the server."""
        with self._run("kube-apiserver", "2", *flags) as server:
            server.wait_until(lambda: self._is_ready(self._second_url), 60)
            yield self._second_url, self.folder / "kubeconfig-2", server

    def controllers(self) -> None:
        """Starts kube-controller-manager, kube-scheduler and kwok with two nodes. How a pod fares, its label
        `simulate` says: crash, stuck, fail; without one it runs, and ends well when it is a Job's."""
        if self._started:
            return
        need_part("kwok")
        for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
            self._servers.enter_context(self._run(name))
            self._started.add(name)
        subprocess.run([_PROGRAM, "nodes", self.folder], check=True, timeout=30)
        wait_for("two nodes to be ready", lambda: self.kubectl("get", "nodes").count(" Ready ") == 2, 60)

    # Requests

    def kubectl_env(self, kubeconfig: Optional[Path] = None) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "HOME": str(self.folder)}

    def try_kubectl(
        self, *words: str, stdin: Optional[str] = None, kubeconfig: Optional[Path] = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        env = self.kubectl_env(kubeconfig)
        return subprocess.run(
            [self._kubectl, *words], input=stdin, env=env, capture_output=True, text=True, timeout=timeout
        )

    def kubectl(self, *words: str, stdin: Optional[str] = None, kubeconfig: Optional[Path] = None) -> str:
        done = self.try_kubectl(*words, stdin=stdin, kubeconfig=kubeconfig)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 10,
    ) -> Answer:
        """One request, as the administrator or with `token`; an error status is an answer."""
        data = None if body is None else json.dumps(body).encode()
        head = {
            "Authorization": f"Bearer {token or self.admin_token}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        return http(method, self.url + path, data, head, ca=str(self.ca), timeout=timeout)

    def get(self, *words: str) -> Any:
        """kubectl get WORDS -o json."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, manifest: Manifest, manager: str = "kubectl") -> None:
        """Server-side apply of YAML text, a file, an object or several."""
        self.kubectl(
            *("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-"),
            stdin=_yaml_text(manifest),
        )

    def namespace(self, name: str, labels: Optional[Mapping[str, str]] = None) -> str:
        """Makes a namespace with its default account, as the controller manager would; its name."""
        meta = {"name": name, "labels": dict(labels or {})}
        self.apply(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": meta},
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}},
            ]
        )
        return name

    # Accounts

    def account_token(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """A token of a ServiceAccount, which must exist."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = self.api("POST", path, body)
        assert answer.status == 201, answer.text
        return str(answer.json()["status"]["token"])

    def kubeconfig_of(self, namespace: str, name: str, url: Optional[str] = None) -> Path:
        """A kubeconfig with a token of a ServiceAccount."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": self.account_token(namespace, name)}
        config["contexts"][0]["context"]["namespace"] = namespace
        if url is not None:
            config["clusters"][0]["cluster"]["server"] = url
        path = self.folder / f"kubeconfig-of-{namespace}-{name}"
        path.write_text(yaml.safe_dump(config))
        return path

    def can(self, user: str, verb: str, resource: str, namespace: str = "", name: str = "") -> bool:
        """Whether `user` ("system:serviceaccount:NS:NAME" or a name) may. `resource` is "deployments.apps/scale"."""
        plural, _, subresource = resource.partition("/")
        plural, _, group = plural.partition(".")
        attributes = {
            "verb": verb,
            "resource": plural,
            "group": group,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
        }
        groups = ["system:authenticated"]
        if user.startswith("system:serviceaccount:"):
            groups += ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}"]
        spec = {"user": user, "groups": groups, "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = self.api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        assert answer.status == 201, answer.text
        return bool(answer.json()["status"]["allowed"])

    def close(self) -> None:
        began = time.monotonic()
        self._servers.close()
        assert time.monotonic() - began < 60

    def __enter__(self) -> "ControlPlane":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _yaml_text(manifest: Manifest) -> str:
    if isinstance(manifest, Path):
        return manifest.read_text()
    if isinstance(manifest, str):
        return manifest
    objects: Iterable[Any] = [manifest] if isinstance(manifest, Mapping) else manifest
    return yaml.safe_dump_all(list(objects))
