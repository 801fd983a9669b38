"""Two journeys with a real forge: its push, its signed webhook, its registry with Bearer tokens; one ends in a folder,
one in a cluster, under the rights of deploy/."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from parts.cluster import ClusterDaemon, apply_config
from parts.control_plane import ControlPlane
from parts.git_repo import GitRepo
from parts.gitea import Gitea
from parts.journey import TOKEN, Journey, applied, config_map, object_file, released, wait_content
from parts.need import CHECKOUT
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for
from parts.webhook import hook_path


def test_journey_with_gitea(
    gitea: Gitea, sealift: Sealift, config: Config, tmp_path: Path, serve: Callable[..., Daemon]
) -> None:
    journey = Journey(sealift, config, tmp_path)
    url = gitea.create("journey", private=True)
    repo = GitRepo(tmp_path / "repo", origin=gitea.push_url("journey"))
    repo.commit({"apps/web.yaml": config_map("web", "shop", color="red")})
    repo.push()
    config.secret("git", bearerToken=gitea.token("journey"))
    config.secret("registry", username=gitea.user, password=gitea.password)
    repository = f"oci://{gitea.registry_host}/{gitea.user}/journey"
    login = {"secretRef": {"name": "registry"}}
    journey.bundle(url, repository, path="apps", source={"git": {"secretRef": {"name": "git"}}}, artifact=login)
    journey.hook()
    journey.sync(artifact=login)
    daemon = serve()
    gitea.add_hook("journey", daemon.hook_url + hook_path(TOKEN, "default", "shop"), TOKEN.decode())
    first = released(daemon, repo.head)
    applied(daemon, first["digest"])

    # From here on, the forge alone tells.
    commit = repo.commit({"apps/web.yaml": config_map("web", "shop", color="blue")})
    repo.push()
    second = released(daemon, commit)
    status = applied(daemon, second["digest"])
    assert status["artifact"]["revision"] == f"main@sha1:{commit}" and second["digest"] != first["digest"]
    wait_content(journey.target / object_file("web", "shop"), "blue")

    # A push that changes nothing below the path, a tag, and a deleted branch are heard, and change nothing.
    repo.git("push", "-q", "origin", "main:refs/heads/gone")
    repo.git("push", "-q", "origin", ":refs/heads/gone")
    repo.tag("v1")
    outside = repo.commit({"README": "hello\n"})
    repo.push("main", "v1")
    daemon.wait_status("Bundle", "shop", lambda status: status["source"]["revision"].endswith(outside))
    assert daemon.status("Bundle", "shop")["artifact"] == second
    deliveries = [line["reconcile_id"] for line in daemon.lines(msg="delivery recorded")]
    assert len(set(deliveries)) == len(deliveries) >= 2
    last = wait_for("the last delivery", lambda: daemon.status("Hook", "shop")["lastDelivery"])
    assert last["result"] == "accepted"
    assert TOKEN.decode() not in daemon.output and gitea.password not in daemon.output


# In a cluster

SYSTEM = "sealift-system"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A cluster with the overlay multi-tenant, less its pods: nobody could pull their image."""
    with ControlPlane(tmp_path / "plane") as own:
        for folder in ("crds", "overlays/multi-tenant"):
            own.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy" / folder))
        own.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
        own.kubectl("delete", "deployments", "--all", "-n", SYSTEM)
        yield own


def tenant(plane: ControlPlane, namespace: str) -> None:
    """What deploy/tenant gives, with less than all rights: nobody fills the ClusterRole admin without controllers."""
    plane.namespace(namespace)
    plane.kubectl("create", "serviceaccount", "sealift", "-n", namespace)
    words = ["--verb=get,create,update,patch,delete", "--resource=configmaps,deployments.apps"]
    plane.kubectl("create", "role", "sealift", "-n", namespace, *words)
    bind = ["create", "rolebinding", "-n", namespace]
    plane.kubectl(*bind, "sealift", "--role=sealift", f"--serviceaccount={namespace}:sealift")
    packager = f"--serviceaccount={SYSTEM}:sealift-packager"
    plane.kubectl(*bind, "packager", "--clusterrole=sealift-packager-secrets", packager)


def test_journey_with_gitea_ends_in_a_cluster(
    gitea: Gitea, plane: ControlPlane, sealift: Sealift, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    tenant(plane, "shop")
    url = gitea.create("cluster", private=True)
    repo = GitRepo(tmp_path / "repo", origin=gitea.push_url("cluster"))
    repo.commit({"apps/web.yaml": config_map("web", color="red"), "apps/old.yaml": config_map("old")})
    repo.commit({"apps/more.yaml": config_map("more")})
    repo.push()
    config = Config(tmp_path / "config", "shop")
    journey = Journey(sealift, config, tmp_path)
    config.secret("git", bearerToken=gitea.token("cluster"))
    config.secret("registry", username=gitea.user, password=gitea.password)
    login = {"secretRef": {"name": "registry"}}
    repository = f"oci://{gitea.registry_host}/{gitea.user}/cluster"
    journey.bundle(url, repository, path="apps", source={"git": {"secretRef": {"name": "git"}}}, artifact=login)
    key = {"name": "packager", "secretRef": {"name": "packager-pub"}}
    spec: dict[str, Any] = {"bundleRef": {"name": "shop"}, "artifact": login, "verify": {"keys": [key]}}
    config.sync("shop", interval="24h", wait=True, **spec)
    apply_config(plane, config.folder)
    # The Hook as people make it: with the Role by which the receiver may read its Secret.
    hook = ["create", "hook", "shop", "--secret", "hook", "--resource", "bundle/shop", "-n", "shop"]
    sealift(*hook, "--kubeconfig", plane.kubeconfig)

    def serve(role: str) -> ClusterDaemon:
        kubeconfig = plane.kubeconfig_of(SYSTEM, f"sealift-{role}")
        return stack.enter_context(ClusterDaemon(sealift, plane, kubeconfig, SYSTEM, "--allow-loopback", roles=role))

    receiver, packager, controller = serve("receiver"), serve("packager"), serve("controller")
    controller.wait_condition("Sync", "shop", "shop", "True", "Applied", timeout=40)

    def color() -> Any:
        return plane.get("configmap", "web", "-n", "shop")["data"]["color"]

    assert color() == "red"
    receiver.wait_condition("Hook", "shop", "shop", "True", "Listening")
    gitea.add_hook("cluster", receiver.hook_url + hook_path(TOKEN, "shop", "shop"), TOKEN.decode())

    # From here on, the forge alone tells.
    repo.remove("apps/old.yaml")
    commit = repo.commit({"apps/web.yaml": config_map("web", color="blue")})
    repo.push()
    wait_for("blue", lambda: color() == "blue", 30)
    wait_for("the old to go", lambda: plane.try_kubectl("get", "configmap", "old", "-n", "shop").returncode != 0)
    revision = f"main@sha1:{commit}"
    sync = controller.wait_status("Sync", "shop", "shop", lambda status: status["artifact"]["revision"] == revision)
    bundle = packager.object("Bundle", "shop", "shop")["status"]
    assert sync["artifact"]["digest"] == bundle["artifact"]["digest"] and sync["artifact"]["verifiedBy"]
    delivered = receiver.object("Hook", "shop", "shop")["status"]["lastDelivery"]
    assert delivered["result"] == "accepted"
    # One token of the delivery leads from the webhook to what was applied.
    for daemon in (receiver, packager, controller):
        assert delivered["id"] in daemon.output, daemon.output[-3000:]
        assert TOKEN.decode() not in daemon.output and gitea.password not in daemon.output

    # What is applied is kept, and a commit that asks for more than the tenant's account may is refused by name.
    plane.kubectl("patch", "configmap", "web", "-n", "shop", "--type=merge", "-p", '{"data":{"color":"green"}}')
    wait_for("blue again", lambda: color() == "blue")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "mine"}}
    repo.commit({"apps/role.yaml": json.dumps({**role, "rules": []})})
    repo.push()
    controller.wait_condition("Sync", "shop", "shop", "False", "ApplyFailed", timeout=30)
    message = plane.kubectl("get", "sync", "shop", "-n", "shop", "-o", "yaml")
    assert "system:serviceaccount:shop:sealift" in message and color() == "blue"
    plane.kubectl("delete", "sync", "shop", "-n", "shop", "--timeout=20s")
    assert plane.try_kubectl("get", "configmap", "web", "-n", "shop").returncode != 0
