"""Everything in one cluster: Bundle, Hook and Sync are its objects, three roles under their own accounts work on them,
and the controller applies as the Sync's."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cluster import ClusterDaemon, Rights, apply_config
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, config_map, deliver
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Sealift
from parts.wait import wait_for


@pytest.fixture
def system(plane: ControlPlane, namespace: str) -> Rights:
    rights = Rights(plane, plane.namespace(f"{namespace[:50]}-system"))
    rights.may_get_secrets("packager", namespace)
    rights.may_get_secrets("receiver", namespace)
    return rights


@pytest.fixture
def serve(sealift: Sealift, system: Rights, stack: contextlib.ExitStack) -> Callable[..., ClusterDaemon]:
    def start(role: str, *flags: Any) -> ClusterDaemon:
        words = [system.plane, system.kubeconfig(role), system.namespace, "--allow-loopback", *flags]
        return stack.enter_context(ClusterDaemon(sealift, *words, roles=role))

    return start


def deployer(plane: ControlPlane, namespace: str, name: str = "sealift") -> None:
    plane.kubectl("create", "serviceaccount", name, "-n", namespace)
    words = ["--verb=*", "--resource=configmaps,deployments.apps"]
    plane.kubectl("create", "role", name, "-n", namespace, *words)
    account = f"--serviceaccount={namespace}:{name}"
    plane.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", account)


def test_the_whole_path_in_a_cluster(
    plane: ControlPlane,
    serve: Callable[..., ClusterDaemon],
    sealift: Sealift,
    tmp_path: Path,
    namespace: str,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
) -> None:
    url = f"{git_server.url}/config.git"
    journey = Journey(sealift, Config(tmp_path / "config", namespace), tmp_path)
    journey.bundle(url, referrers_registry.oci(repository))
    journey.hook()
    keys = {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]}
    journey.config.sync("shop", bundleRef={"name": "shop"}, verify=keys, interval="24h", wait=True)
    repo.commit({"a.yaml": config_map("a", color="red"), "b.yaml": config_map("b"), "c.yaml": config_map("c")})
    repo.push()
    apply_config(plane, journey.config.folder)
    serve("packager")
    receiver, controller = serve("receiver"), serve("controller")

    status = controller.wait_condition("Sync", "shop", namespace, "False", "NoServiceAccount")
    deployer(plane, namespace)
    sealift("reconcile", "sync", "shop", "-n", namespace, "--kubeconfig", plane.kubeconfig)
    status = controller.wait_condition("Sync", "shop", namespace, "True", "Applied")
    assert status["inventory"]["ready"] == 3

    def color() -> Any:
        return plane.get("configmap", "a", "-n", namespace)["data"]["color"]

    assert color() == "red"
    plane.kubectl("patch", "configmap", "a", "-n", namespace, "--type=merge", "-p", '{"data":{"color":"green"}}')
    wait_for("red", lambda: color() == "red")

    receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")
    repo.remove("c.yaml")
    commit = repo.commit({"a.yaml": config_map("a", color="blue")})
    repo.push()
    deliver(receiver, url, commit, namespace=namespace)  # type: ignore[arg-type]
    wait_for("blue", lambda: color() == "blue")
    wait_for("c to go", lambda: plane.try_kubectl("get", "configmap", "c", "-n", namespace).returncode != 0)
    plane.kubectl("wait", "sync/shop", "-n", namespace, "--for=condition=Ready", "--timeout=20s")

    # What the account may not do is not done.
    commit = repo.commit({"secret.yaml": config_map("s").replace("kind: ConfigMap", "kind: ServiceAccount")})
    repo.push()
    deliver(receiver, url, commit, namespace=namespace)  # type: ignore[arg-type]
    controller.wait_condition("Sync", "shop", namespace, "False", "ApplyFailed")
    message = plane.kubectl("get", "sync", "shop", "-n", namespace, "-o", "yaml")
    assert f"system:serviceaccount:{namespace}:sealift" in message

    plane.kubectl("delete", "sync", "shop", "-n", namespace, "--timeout=20s")
    assert plane.try_kubectl("get", "configmap", "a", "-n", namespace).returncode != 0
