"""The store on a real API server: receiver and packager work on it under their own rights, and every command does."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cluster import GROUP, ClusterDaemon, Rights, apply_config, document, install_kinds
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import TOKEN, Journey, config_map, deliver
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Sealift
from parts.wait import wait_for

Serve = Callable[..., ClusterDaemon]


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    install_kinds(control_plane, Sealift(tmp_path_factory.mktemp("home")))
    return control_plane


@pytest.fixture
def config(tmp_path: Path, namespace: str) -> Config:
    return Config(tmp_path / "config", namespace)


@pytest.fixture
def system(plane: ControlPlane, namespace: str) -> Rights:
    rights = Rights(plane, plane.namespace(f"{namespace[:50]}-system"))
    rights.may_get_secrets("packager", namespace)
    return rights


@pytest.fixture
def serve(sealift: Sealift, system: Rights, stack: contextlib.ExitStack) -> Serve:
    """serve("packager", *flags): one role under its own account."""

    def start(role: str, *flags: Any, **options: Any) -> ClusterDaemon:
        kubeconfig = options.pop("kubeconfig", None) or system.kubeconfig(role)
        words = [system.plane, kubeconfig, system.namespace, "--allow-loopback", *flags]
        return stack.enter_context(ClusterDaemon(sealift, *words, roles=role, **options))

    return start


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


def may_read_hook_secret(system: Rights, namespace: str) -> None:
    words = ["--verb=get", "--resource=secrets", "--resource-name=hook"]
    system.plane.kubectl("create", "role", "hook", "-n", namespace, *words)
    account = f"--serviceaccount={system.namespace}:receiver"
    system.plane.kubectl("create", "rolebinding", "hook", "-n", namespace, "--role=hook", account)


def test_a_push_becomes_an_artifact(
    plane: ControlPlane,
    system: Rights,
    serve: Serve,
    journey: Journey,
    namespace: str,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
) -> None:
    url = f"{git_server.url}/config.git"
    journey.bundle(url, referrers_registry.oci(repository))
    journey.hook()
    first = repo.commit({"a.yaml": config_map("a")})
    repo.push()
    may_read_hook_secret(system, namespace)
    apply_config(plane, journey.config.folder)
    packager, receiver = serve("packager"), serve("receiver")

    status = packager.wait_condition("Bundle", "shop", namespace, "True", "Released")
    assert status["artifact"]["revision"].endswith(first)
    receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")
    before = int(receiver.object("Hook", "shop", namespace)["metadata"]["resourceVersion"])

    commit = repo.commit({"a.yaml": config_map("a", more="data")})
    repo.push()
    deliver(receiver, url, commit, namespace=namespace)
    hook = receiver.object("Hook", "shop", namespace)
    assert hook["status"]["pending"][0]["commit"] == commit
    assert int(hook["metadata"]["resourceVersion"]) > before
    status = packager.wait_status(
        "Bundle", "shop", namespace, lambda status: status["artifact"]["revision"].endswith(commit)
    )
    assert status["artifact"]["sequence"] > 0

    # One write for the delivery, and none for anything else.
    writers = hook["metadata"]["managedFields"]
    assert {(entry["manager"], entry.get("subresource")) for entry in writers} >= {("sealift", "status")}
    events = plane.get("events.events.k8s.io", "-n", namespace)["items"]
    released = [event for event in events if event["reason"] == "Released"]
    assert {event["regarding"]["name"] for event in released} == {"shop"}
    assert released[0]["reportingController"] == "sealift.dev/packager"
