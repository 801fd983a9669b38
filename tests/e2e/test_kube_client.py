"""The Kubernetes client, by its own test program, against a real API server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO, Iterator

import pytest

from parts.control_plane import ControlPlane
from parts.need import missing
from parts.sealift import default_program


def program() -> Path:
    path = default_program().parents[1] / "tests/unit/unit_kube_live"
    if not path.exists():
        missing(f"{path} is not built")
    return path


def environment(kubeconfig: Path, namespace: str) -> dict[str, str]:
    names = {"SEALIFT_TEST_KUBECONFIG": str(kubeconfig), "SEALIFT_TEST_NAMESPACE": namespace}
    return {**os.environ, **names}


@pytest.mark.parametrize("credentials", ["token", "certificate"])
def test_requests_watches_leases_events(control_plane: ControlPlane, namespace: str, credentials: str) -> None:
    kubeconfig = {
        "token": control_plane.kubeconfig,
        "certificate": control_plane.kubeconfig_with_certificate,
    }[credentials]
    done = subprocess.run(
        [program()], env=environment(kubeconfig, namespace), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout + done.stderr


def until(lines: Iterator[str], wanted: str) -> list[str]:
    """The lines up to the wanted one."""
    seen = []
    for line in lines:
        seen.append(line.rstrip("\n"))
        if seen[-1].startswith(wanted):
            return seen
    raise AssertionError(f"no {wanted!r} came: {seen}")


def config_map(namespace: str, name: str, value: str) -> dict:
    metadata = {"name": name, "namespace": namespace, "labels": {"test": "kube"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


def test_a_watch_outlives_its_api_server(tmp_path: Path) -> None:
    """Cut off while objects come, change and go, with a revision that the server no longer knows (410)."""
    with ControlPlane(tmp_path / "plane") as plane:
        namespace = plane.namespace("follow")
        for name in ("kept", "changed", "removed"):
            plane.apply(config_map(namespace, name, "1"))
        with subprocess.Popen(
            ["timeout", "120", program(), "follow"],
            env=environment(plane.kubeconfig, namespace),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as follower:
            assert follower.stdout is not None and follower.stdin is not None
            lines: IO[str] = follower.stdout
            assert sorted(until(lines, "synced")[:-1]) == ["+changed 1", "+kept 1", "+removed 1"]
            plane.api_server.kill()
            with plane.second_api_server() as (_, kubeconfig, _server):
                for name in ("changed", "added"):
                    plane.kubectl("apply", "-f", "-", stdin=manifest(namespace, name, "2"), kubeconfig=kubeconfig)
                plane.kubectl("delete", "configmap", "removed", "-n", namespace, kubeconfig=kubeconfig)
            plane.api_server.start()
            plane.wait()
            seen = [line for line in until(lines, "-removed") if not line.startswith("error")]
            assert sorted(seen) == ["+added 2", "-removed ", "~changed 2"]
            plane.apply(config_map(namespace, "kept", "3"))
            assert until(lines, "~kept 3")
            follower.stdin.close()
            assert follower.wait(30) == 0


def manifest(namespace: str, name: str, value: str) -> str:
    labels = "labels: {test: kube}"
    metadata = f"metadata: {{name: {name}, namespace: {namespace}, {labels}}}"
    return f"apiVersion: v1\nkind: ConfigMap\n{metadata}\ndata: {{key: '{value}'}}\n"
