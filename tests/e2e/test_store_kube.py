"""The store on a real API server: receiver and packager work on it under their own rights, and every command does."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.cluster import ClusterDaemon, Rights, apply_config, install_kinds
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, TOKEN, Journey, config_map, deliver, object_file
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.need import missing
from parts.net import http
from parts.sealift import Sealift, default_program
from parts.wait import wait_for
from parts.webhook import hook_path, push_payload, send_github

Serve = Callable[..., ClusterDaemon]


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


def test_bundles_sign_with_what_is_allowed(
    plane: ControlPlane,
    serve: Serve,
    journey: Journey,
    namespace: str,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
) -> None:
    """A Bundle names a program, and a token: neither is used before an administrator's flag names it."""
    program = journey.folder / "signer"
    program.write_text('#!/bin/sh\ncat > "$0.asked"\necho \'{"error":"asked"}\'\n')
    program.chmod(0o755)
    url = f"{git_server.url}/config.git"
    token = {"pkcs11": "pkcs11:object=packager", "secretRef": {"name": "packager-key"}}
    journey.bundle(url, referrers_registry.oci(repository), sign=token)
    journey.bundle(url, referrers_registry.oci(repository), name="program")
    repo.commit({"a.yaml": config_map("a")})
    repo.push()
    apply_config(plane, journey.config.folder)
    sign = {"secretRef": None, "command": {"program": str(program), "key": "packager"}}
    patch = json.dumps({"spec": {"sign": sign}})
    plane.kubectl("patch", "bundle.sealift.dev", "program", "-n", namespace, "--type=merge", "-p", patch)
    packager = serve("packager", "--allow-signer", f"other={program}", "--allow-signer", f"/bin{program}")
    packager.wait_condition("Bundle", "shop", namespace, "False", "SignerNotAllowed")
    packager.wait_condition("Bundle", "program", namespace, "False", "SignerNotAllowed")
    assert not Path(f"{program}.asked").exists()
    packager.stop()
    packager = serve("packager", "--allow-signer", f"{namespace}={program}")
    packager.wait_condition("Bundle", "program", namespace, "False", "SignFailed")
    assert json.loads(Path(f"{program}.asked").read_text())["namespace"] == namespace


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
    for kind in ("role", "rolebinding"):
        assert f"kubectl create {kind} sealift-hook-shop -n {namespace}" in message
        assert f"kubectl label {kind} sealift-hook-shop -n {namespace} app.kubernetes.io/managed-by=sealift" in message
    assert account in message
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
    # Each delivery also names the address for ssh, which is one for all here.
    wanted = {f"git.example.com/acme/config-{number}" for number in range(20)}
    assert {entry["repository"] for entry in pending} == wanted | {"git.example.com/acme/config"}


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


def test_a_sync_remembers_its_floor_in_the_cluster(
    plane: ControlPlane,
    system: Rights,
    serve: Serve,
    journey: Journey,
    sealift: Sealift,
    namespace: str,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
    tmp_path: Path,
) -> None:
    reference = referrers_registry.oci(repository)
    journey.bundle(f"{git_server.url}/config.git", reference)
    journey.sync()
    journey.sync("outside", target=Path("/srv/elsewhere"))
    repo.commit({"a.yaml": config_map("a", color="red")})
    repo.push()
    apply_config(plane, journey.config.folder)
    packager, controller = serve("packager"), serve("controller", "--allow-local-path", tmp_path)
    digest = packager.wait_condition("Bundle", "shop", namespace, "True", "Released")["artifact"]["digest"]
    status = controller.wait_condition("Sync", "shop", namespace, "True")
    assert status["artifact"]["digest"] == digest
    assert "red" in (journey.target / object_file("a")).read_text()
    refused = controller.wait_condition("Sync", "outside", namespace, "False", "TargetRefused")
    assert "--allow-local-path" in refused["conditions"][0]["message"]

    maps = plane.get("configmaps", "-n", system.namespace, "-l", "sealift.dev/record=floors")["items"]
    floors = [json.loads(map["data"]["record"]) for map in maps]
    assert [(floor["namespace"], floor["channel"], floor["digest"]) for floor in floors] == [(namespace, "prod", digest)]
    at = ["--kubeconfig", plane.kubeconfig, "--system-namespace", system.namespace, "-n", namespace]
    sealift("floor", "reset", "--yes", reference.removeprefix("oci://"), "prod", *at)
    assert not plane.get("configmaps", "-n", system.namespace, "-l", "sealift.dev/record=floors")["items"]


def test_commands_work_on_a_cluster(
    plane: ControlPlane,
    system: Rights,
    serve: Serve,
    journey: Journey,
    sealift: Sealift,
    namespace: str,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
    tmp_path: Path,
) -> None:
    env = {"KUBECONFIG": str(plane.kubeconfig)}

    def run(*words: Any) -> str:
        return sealift(*words, "-n", namespace, env=env).out

    def fails(*words: Any, space: str = namespace) -> str:
        return sealift.fails(*words, "-n", space, env=env).err

    url = f"{git_server.url}/config.git"
    repo.commit({"a.yaml": config_map("a")})
    repo.push()
    (tmp_path / "password").write_text(KEY_PASSWORD)
    files = ["--from-file", f"cosign.key={journey.private}", "--from-file", f"cosign.password={tmp_path}/password"]
    run("create", "secret", "packager-key", *files)
    made = ["--url", url, "--repository", referrers_registry.oci(repository), "--tag", "prod"]
    run("create", "bundle", "shop", *made, "--key-secret", "packager-key")
    run("create", "hook", "shop", "--resource", "bundle/shop", "--receiver", f"{system.namespace}/receiver")
    checked = sealift.run("check", env=env)
    assert f"Bundle {namespace}/shop" not in checked.out

    # What lists: the namespace that is asked for, the context's, all.
    assert "shop" in run("get", "bundles")
    assert namespace not in sealift("get", "bundles", env=env).out
    assert namespace in sealift("get", "bundles", "-A", env=env).out
    assert json.loads(run("get", "bundle/shop", "-o", "json"))["spec"]["timeout"] == "5m"

    # What people change.
    run("suspend", "bundle", "shop")
    assert plane.get("bundle", "shop", "-n", namespace)["spec"]["suspend"] is True
    packager, receiver = serve("packager"), serve("receiver")
    run("resume", "bundle", "shop")
    packager.wait_condition("Bundle", "shop", namespace, "True", "Released")
    run("reconcile", "bundle", "shop")
    receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")
    assert run("get", "hook", "shop", "--show-path").startswith("/hook/")
    run("trigger", "shop", "--to", receiver.hook_url)
    assert receiver.object("Hook", "shop", namespace)["status"]["pending"][0]["repository"].endswith("config")
    wait_for("the event", lambda: "Released" in run("events", "bundle", "shop"))
    assert "Released" in run("events") and namespace in sealift("events", "-A", env=env).out

    # What is refused, and how it is said.
    bad = plane.get("bundle", "shop", "-n", namespace)
    document = {name: bad[name] for name in ("apiVersion", "kind", "spec")}
    document["metadata"] = {"name": "other"}
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(document))
    run("apply", "-f", file)
    made_here = packager.object("Bundle", "other", namespace)["metadata"]["managedFields"]
    assert [entry["manager"] for entry in made_here] == ["sealift-cli"]
    document["spec"]["interval"] = "soon"
    file.write_text(yaml.safe_dump(document))
    assert '"soon" is no duration' in fails("apply", "-f", file)
    document["spec"]["interval"] = "1m"
    file.write_text(yaml.safe_dump(document))
    assert "kubectl create namespace nowhere" in fails("apply", "-f", file, space="nowhere")
    nobody = system.kubeconfig("receiver")
    said = sealift.fails("apply", "-f", file, "-n", namespace, "--kubeconfig", nobody).err
    assert "forbidden" in said and "receiver" in said
    assert "nothing" in sealift.fails("get", "--kubeconfig", plane.kubeconfig, "--context", "nothing").err
    both = ["--kubeconfig", plane.kubeconfig, "--config", tmp_path, "--state", tmp_path]
    assert "one of them" in sealift.fails("get", "bundles", *both).err

    run("delete", "bundle", "other")
    assert f"there is no Bundle {namespace}/other; there is shop" in fails("get", "bundle", "other")


def test_the_roles_outlive_their_api_server(
    sealift: Sealift,
    tmp_path: Path,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
) -> None:
    """Cut off while objects change, with a revision that the server no longer knows (410)."""
    url = f"{git_server.url}/config.git"
    repo.commit({"a.yaml": config_map("a")})
    repo.push()
    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(tmp_path / "plane"))
        install_kinds(plane, sealift)
        system = Rights(plane, plane.namespace("sealift-system"))
        namespace = plane.namespace("shop")
        system.may_get_secrets("packager", namespace)
        may_read_hook_secret(system, namespace)
        journey = Journey(sealift, Config(tmp_path / "config", namespace), tmp_path)
        journey.bundle(url, referrers_registry.oci(repository))
        journey.hook()
        apply_config(plane, journey.config.folder)
        daemons = [
            stack.enter_context(
                ClusterDaemon(
                    sealift, plane, system.kubeconfig(role), system.namespace, "--allow-loopback", roles=role
                )
            )
            for role in ("packager", "receiver")
        ]
        packager, receiver = daemons
        packager.wait_condition("Bundle", "shop", namespace, "True", "Released")
        receiver.wait_condition("Hook", "shop", namespace, "True", "Listening")

        plane.api_server.kill()
        path = hook_path(TOKEN, namespace, "shop")
        lost = send_github(receiver.hook_url + path, push_payload(url, "1" * 40), TOKEN)
        assert lost.status == 503, lost.text  # so the sender tries again
        commit = repo.commit({"a.yaml": config_map("a", more="data")})
        repo.push()
        with plane.second_api_server() as (_, kubeconfig, _server):
            words = ["annotate", "bundle", "shop", "-n", namespace, "sealift.dev/requestedAt=now"]
            plane.kubectl(*words, kubeconfig=kubeconfig)
        plane.api_server.start()
        plane.wait()

        packager.wait_status(
            "Bundle", "shop", namespace, lambda status: status["artifact"]["revision"].endswith(commit), 60
        )
        commit = repo.commit({"a.yaml": config_map("a", more="more")})
        repo.push()
        wait_for("a delivery", lambda: deliver(receiver, url, commit, namespace=namespace), 40)
        packager.wait_status(
            "Bundle", "shop", namespace, lambda status: status["artifact"]["revision"].endswith(commit), 30
        )
