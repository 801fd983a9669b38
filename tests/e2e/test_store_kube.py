"""The store on a real API server: receiver and packager work on it under their own rights, and every command does."""

from __future__ import annotations

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cluster import ClusterDaemon, Rights, apply_config, install_kinds
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import TOKEN, Journey, config_map, deliver
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.need import missing
from parts.net import http
from parts.sealift import Sealift, default_program
from parts.wait import wait_for
from parts.webhook import hook_path

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


def test_the_store_keeps_its_promises(plane: ControlPlane, namespace: str) -> None:
    program = default_program().parents[1] / "tests/unit/unit_store_contract"
    if not program.exists():
        missing(f"{program} is not built")
    names = {"SEALIFT_TEST_KUBECONFIG": str(plane.kubeconfig), "SEALIFT_TEST_NAMESPACE": namespace}
    done = subprocess.run([program], env={**os.environ, **names}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout + done.stderr


def test_a_hook_whose_secret_may_not_be_read_says_so(
    plane: ControlPlane, system: Rights, serve: Serve, journey: Journey, sealift: Sealift, namespace: str
) -> None:
    """And `sealift create hook` writes the Role that allows it."""
    journey.hook()
    apply_config(plane, journey.config.folder)
    receiver = serve("receiver")
    status = receiver.wait_condition("Hook", "shop", namespace, "False", "SecretDenied")
    message = status["conditions"][0]["message"]
    account = f"--serviceaccount={system.namespace}:receiver"
    assert f"kubectl -n {namespace} create role" in message and account in message
    assert f"`sealift create hook shop --namespace {namespace}`" in message

    words = ["create", "hook", "shop", "--secret", "hook", "--resource", "bundle/shop", "-n", namespace]
    words += ["--kubeconfig", str(plane.kubeconfig), "--receiver", f"{system.namespace}/receiver"]
    sealift(*words)
    user = f"system:serviceaccount:{system.namespace}:receiver"
    assert plane.can(user, "get", "secrets", namespace, "hook")
    assert not plane.can(user, "get", "secrets", namespace, "packager-key")
    # The Hook is looked at again when it changes.
    sealift("create", "hook", "shop", *words[3:], "--resource", "bundle/other")
    receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")
    sealift("delete", "hook", "shop", "-n", namespace, "--kubeconfig", plane.kubeconfig)
    assert not plane.can(user, "get", "secrets", namespace, "hook")


def test_concurrent_deliveries_and_writers(
    plane: ControlPlane, system: Rights, serve: Serve, journey: Journey, namespace: str
) -> None:
    """Nobody's delivery is lost when others write the same status, through another receiver too."""
    journey.hook()
    may_read_hook_secret(system, namespace)
    apply_config(plane, journey.config.folder)
    receivers = [serve("receiver"), serve("receiver")]
    for receiver in receivers:
        receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")
        path = hook_path(TOKEN, namespace, "shop")
        wait_for("its path", lambda: http("GET", receiver.hook_url + path).status != 404)  # pylint: disable=W0640
    repositories = [f"https://git.example.com/acme/config-{number}" for number in range(20)]

    def send(number: int) -> None:
        deliver(receivers[number % 2], repositories[number], f"{number + 1:040x}", namespace=namespace)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(20)))
    pending = receivers[0].object("Hook", "shop", namespace)["status"]["pending"]
    assert {entry["repository"] for entry in pending} == {
        f"git.example.com/acme/config-{number}" for number in range(20)
    }


def test_one_packager_at_a_time(
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
    journey.bundle(f"{git_server.url}/config.git", referrers_registry.oci(repository), interval="2s")
    first_commit = repo.commit({"a.yaml": config_map("a")})
    repo.push()
    apply_config(plane, journey.config.folder)
    first = serve("packager")
    first.wait_condition("Bundle", "shop", namespace, "True", "Released")
    second = serve("packager")

    def lease() -> Any:
        return plane.get("lease", "sealift-packager", "-n", system.namespace)["spec"]

    holder = lease()["holderIdentity"]
    assert holder and "packager holds its lease" not in second.output
    first.stop()  # gives it back
    wait_for("the second to take over", lambda: "packager holds its lease" in second.output, 8)
    assert lease()["holderIdentity"] not in ("", holder)
    commit = repo.commit({"a.yaml": config_map("a", more="data")})
    repo.push()
    status = second.wait_status(
        "Bundle", "shop", namespace, lambda status: status["artifact"]["revision"].endswith(commit)
    )
    assert commit != first_commit and len(status["history"]) == 2


def test_places_of_the_host_are_refused(
    plane: ControlPlane, system: Rights, serve: Serve, journey: Journey, namespace: str, tmp_path: Path, repo: GitRepo
) -> None:
    repo.commit({"a.yaml": config_map("a")})
    layout = f"oci-layout://{tmp_path}/layout"
    journey.bundle(f"file://{repo.path}", layout, name="by-file")
    journey.bundle("http://127.0.0.1:1/config.git", "oci://r.example.com/a", name="by-loopback")
    apply_config(plane, journey.config.folder)
    kubeconfig = system.kubeconfig("packager")
    with ClusterDaemon(journey.sealift, plane, kubeconfig, system.namespace, roles="packager") as packager:
        status = packager.wait_condition("Bundle", "by-file", namespace, "False", "LocalPathRefused")
        assert "--allow-local-path" in status["conditions"][0]["message"]
        status = packager.wait_condition("Bundle", "by-loopback", namespace, "False", "GitFailed")
        assert "loopback" in status["conditions"][0]["message"]
    allowed = ["--allow-local-path", tmp_path]
    with ClusterDaemon(journey.sealift, plane, kubeconfig, system.namespace, *allowed, roles="packager") as packager:
        packager.wait_condition("Bundle", "by-file", namespace, "True", "Released", 40)
