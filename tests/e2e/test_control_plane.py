"""Proves the control plane of the tests with kubectl and plain requests: when these pass, a failing test means sealift."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from parts.control_plane import ControlPlane
from parts.need import CHECKOUT, need_part
from parts.wait import wait_for


def deployment(namespace: str, simulate: str = "") -> dict:
    labels = {"app": "web", **({"simulate": simulate} if simulate else {})}
    pod = {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 3,
            "progressDeadlineSeconds": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def test_it_answers_kubectl(control_plane: ControlPlane, namespace: str) -> None:
    assert "default" in control_plane.kubectl("get", "namespaces")
    assert control_plane.api("GET", "/version").json()["gitVersion"].startswith("v1.")
    by_certificate = control_plane.kubectl("auth", "whoami", kubeconfig=control_plane.kubeconfig_with_certificate)
    assert "system:masters" in by_certificate
    control_plane.apply(deployment(namespace))
    control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}})
    assert control_plane.get("deployment", "web", "-n", namespace)["spec"]["replicas"] == 3


def test_rights_are_checked(control_plane: ControlPlane, namespace: str) -> None:
    account = f"system:serviceaccount:{namespace}:default"
    assert not control_plane.can(account, "list", "secrets", namespace)
    control_plane.kubectl("create", "role", "reader", "-n", namespace, "--verb=get,list", "--resource=deployments,pods")
    bind = ["create", "rolebinding", "reader", "-n", namespace, "--role=reader"]
    control_plane.kubectl(*bind, f"--serviceaccount={namespace}:default")
    wait_for("the right", lambda: control_plane.can(account, "get", "deployments.apps", namespace))
    assert not control_plane.can(account, "get", "deployments.apps", "default")

    kubeconfig = control_plane.kubeconfig_of(namespace, "default")
    assert control_plane.try_kubectl("get", "pods", kubeconfig=kubeconfig).returncode == 0
    refused = control_plane.try_kubectl("get", "pods", "-n", "default", kubeconfig=kubeconfig)
    assert "is forbidden" in refused.stderr
    assert control_plane.api("GET", "/api/v1/namespaces", token="nobody's").status == 401


def test_a_rollout(cluster: ControlPlane, namespace: str) -> None:
    cluster.apply(deployment(namespace))
    cluster.kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": namespace},
        "spec": {"template": {"spec": {**deployment(namespace)["spec"]["template"]["spec"], "restartPolicy": "Never"}}},
    }
    cluster.apply(job)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Complete", "job/once", "--timeout=30s")


def test_a_rollout_that_fails(cluster: ControlPlane, namespace: str) -> None:
    cluster.apply(deployment(namespace, "crash"))
    failed = ["wait", "-n", namespace, "--for=condition=Progressing=False", "deployment/web", "--timeout=30s"]
    cluster.kubectl(*failed)
    assert "CrashLoopBackOff" in cluster.kubectl("get", "pods", "-n", namespace)


def test_a_namespace_goes(cluster: ControlPlane, namespace: str) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}})
    cluster.kubectl("delete", "namespace", namespace, "--timeout=30s")


@pytest.fixture
def own(tmp_path: Path, stack: contextlib.ExitStack) -> ControlPlane:
    return stack.enter_context(ControlPlane(tmp_path / "plane"))


def test_servers_stop_and_return(own: ControlPlane) -> None:
    with own.second_api_server() as (url, kubeconfig, _):
        own.namespace("kept")
        assert "kept" in own.kubectl("get", "namespaces", kubeconfig=kubeconfig)
        revision = own.api("GET", "/api/v1/namespaces").json()["metadata"]["resourceVersion"]
        own.api_server.kill()
        assert own.try_kubectl("get", "namespaces").returncode != 0
        own.kubectl("annotate", "namespace", "kept", "changed=yes", kubeconfig=kubeconfig)
        own.api_server.start()
        own.wait()
        assert "kept" in own.kubectl("get", "namespaces")
        assert url != own.url
        watch = f"/api/v1/namespaces?watch=1&timeoutSeconds=2&resourceVersion={revision}"
        assert '"code":410' in own.api("GET", watch).text


def test_one_command_starts_all_of_it(tmp_path: Path) -> None:
    need_part("kubernetes", "kubectl"), need_part("kwok")
    program = CHECKOUT / "deploy/control-plane"
    up = subprocess.run([program, "up", tmp_path], capture_output=True, text=True, timeout=100)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert up.stdout.splitlines()[-1] == f"KUBECONFIG={tmp_path}/kubeconfig"
    finally:
        subprocess.run([program, "down", tmp_path], check=True, timeout=60)
    assert not list(tmp_path.glob("*.pid"))
