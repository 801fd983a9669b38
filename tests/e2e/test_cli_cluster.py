"""From an empty cluster to an applied change with our own commands alone, and every command of daily life there."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.cluster import ClusterDaemon
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.installed import Cluster
from parts.journey import KEY_PASSWORD, config_map, make_key
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Sealift
from parts.wait import wait_for


@pytest.fixture(scope="module")
def plane(installed: ControlPlane) -> ControlPlane:
    installed.namespace("shop")
    installed.namespace("blog")
    return installed


class World(Cluster):
    """All three roles at work, and `create` done for one path in the namespace shop."""

    repo: GitRepo
    receiver: ClusterDaemon

    def in_shop(self, *words: Any) -> Any:
        return self(*words, "-n", "shop")

    def color(self) -> Any:
        return self.plane.get("configmap", "a", "-n", "shop")["data"]["color"]


@pytest.fixture
def world(
    sealift: Sealift,
    plane: ControlPlane,
    tmp_path: Path,
    git_server: GitHttpServer,
    repo: GitRepo,
    referrers_registry: ReferrersRegistry,
    repository: str,
    stack: contextlib.ExitStack,
) -> World:
    made = World(sealift, plane)
    made.repo = repo
    private, public = make_key(sealift, tmp_path / "packager")
    repo.commit({"a.yaml": config_map("a", color="red")})
    repo.push()
    reference = referrers_registry.oci(repository)
    key = ["--from-file", f"cosign.key={private}", "--from-literal", f"cosign.password={KEY_PASSWORD}"]
    made.in_shop("create", "secret", "packager-key", *key)
    url = ["--url", f"{git_server.url}/config.git", "--repository", reference, "--tag", "prod"]
    made.in_shop("create", "bundle", "shop", *url, "--key-secret", "packager-key", "--interval", "24h")
    made.in_shop("create", "hook", "github", "--resource", "bundle/shop")
    match = reference.removeprefix("oci://")
    made("create", "policy", "all", "--match", match, "--key", public, "--channel", "prod")
    sync = ["--bundle", "shop", "--wait-healthy", "--interval", "24h", "--create-service-account", "--role", "edit"]
    made.in_shop("create", "sync", "shop", *sync)
    for role in ("packager", "receiver", "controller"):
        daemon = stack.enter_context(made.serve(role))
        if role == "receiver":
            made.receiver = daemon
    made.receiver.wait_condition("Sync", "shop", "shop", "True", timeout=40)
    made.receiver.wait_condition("Hook", "github", "shop", "True")
    return made


def test_every_command(world: World, tmp_path: Path) -> None:
    assert world.color() == "red"
    assert "no problem" in world.in_shop("check").err

    # get: by namespace, all, one, by context, in every form.
    assert "sync.sealift.dev/shop" in world.in_shop("get", "syncs").out
    done = world("get", "syncs")
    assert "shop" not in done.out and "nothing in namespace default; -A looks in all" in done.err
    assert "shop" in world("get", "-A").out and "trustpolicy.sealift.dev/all" in world("get", "policies").out
    assert "sha256:" in world.in_shop("get", "sync/shop", "-o", "wide").out
    assert json.loads(world.in_shop("get", "sync", "shop", "-o", "json").out)["status"]["inventory"]["ready"] == 1
    assert yaml.safe_load(world.in_shop("get", "bundle", "shop", "-o", "yaml").out)["kind"] == "Bundle"
    names = world.in_shop("get", "all", "-o", "name").out.split()
    assert set(names) == {f"{kind}.sealift.dev/shop" for kind in ("bundle", "sync")} | {
        "hook.sealift.dev/github", "trustpolicy.sealift.dev/all"
    }  # fmt: skip
    config = yaml.safe_load(world.plane.kubeconfig.read_text())
    context = config["contexts"][0]["context"]
    config["contexts"].append({"name": "in-shop", "context": {**context, "namespace": "shop"}})
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    got = world.sealift("get", "bundles", "-o", "name", "--kubeconfig", file, "--context", "in-shop").out
    assert got == "bundle.sealift.dev/shop\n"

    # The way in, the whole path behind it, and what is told of it.
    assert world.in_shop("get", "hook", "github", "--show-path").out.startswith("/hook/")
    assert "pong" in world.in_shop("trigger", "github", "--to", world.receiver.hook_url, "--ping").err
    world.repo.commit({"a.yaml": config_map("a", color="blue")})
    world.repo.push()
    assert "delivered" in world.in_shop("trigger", "github", "--to", world.receiver.hook_url).err
    wait_for("blue", lambda: world.color() == "blue")
    wait_for("the event", lambda: "Applied" in world.in_shop("events", "sync", "shop").out)
    assert "Released" in world("events", "-A").out and "Released" not in world("events", "-n", "blog").out

    # reconcile waits and tells, well or not.
    said = world.in_shop("reconcile", "sync", "shop").err
    assert "✚ asked for a reconcile of Sync shop/shop" in said and "✔ applied main@sha1:" in said
    world.repo.commit({"a.yaml": "kind: [\n"})
    world.repo.push()
    said = world.fails("reconcile", "bundle", "shop", "-n", "shop")
    assert "✗ " in said and "a.yaml:" in said
    assert "asked for" in world.in_shop("reconcile", "bundle", "shop", "--no-wait").err
    world.repo.commit({"a.yaml": config_map("a", color="green")})
    world.repo.push()

    # suspend, resume, diff between them.
    world.in_shop("suspend", "sync", "shop")
    assert "is suspended" in world.fails("reconcile", "sync", "shop", "-n", "shop")
    world.in_shop("reconcile", "bundle", "shop")
    done = world.run("diff", "sync/shop", "-n", "shop")
    assert done.code == 1 and "-  color: blue\n+  color: green\n" in done.out and world.color() == "blue"
    assert "suspended" in world.in_shop("get", "sync", "shop").out
    world.in_shop("resume", "sync", "shop")
    wait_for("green", lambda: world.color() == "green")
    world.in_shop("reconcile", "sync", "shop")
    assert world.run("diff", "sync/shop", "-n", "shop").code == 0

    # An export is what one would write: applied again it changes nothing, elsewhere it makes the same.
    live = world.plane.get("sync", "shop", "-n", "shop")
    assert "applyset.kubernetes.io/id" in live["metadata"]["labels"] and live["metadata"]["finalizers"]
    world.in_shop("reconcile", "sync", "shop")
    exported = world.in_shop("export", "sync/shop").out
    kept = yaml.safe_load(exported)
    assert set(kept) == {"apiVersion", "kind", "metadata", "spec"}
    assert kept["metadata"] == {"name": "shop", "namespace": "shop"}
    assert {"bundleRef", "wait"} <= set(kept["spec"]) and "status" not in kept
    (tmp_path / "kept.yaml").write_text(exported)
    before = live["metadata"]["generation"]
    world("apply", "-f", tmp_path / "kept.yaml")
    after = world.plane.get("sync", "shop", "-n", "shop")
    assert after["metadata"]["generation"] == before and after["spec"] == live["spec"]

    # What is gone is gone, with what it applied.
    world.in_shop("delete", "--yes", "sync", "shop")
    assert not world.has("configmap", "a", "-n", "shop")  # it waited, to remove the rights too
    assert not world.has("rolebinding", "sealift-sync-shop", "-n", "shop")
    assert not world.has("serviceaccount", "sealift", "-n", "shop")
    world.in_shop("delete", "hook", "github")
    world.in_shop("delete", "bundle", "shop")
    world("delete", "policy", "all")
    assert world("get", "-A").out.splitlines()[1:] == []


def test_nobody_works(sealift: Sealift, plane: ControlPlane) -> None:
    cluster = Cluster(sealift, plane)
    cluster("create", "sync", "idle", "--repository", "oci://r.example.com/a", "--tag", "prod", "-n", "blog")
    said = cluster.fails("reconcile", "sync", "idle", "-n", "blog", "--timeout", "1s")
    assert "was not reconciled in time; do the roles run? kubectl get pods -A -l" in said
    cluster("create", "hook", "idle", "--resource", "sync/idle", "-n", "blog")
    assert "has no path yet: do the roles run?" in cluster.fails("get", "hook", "idle", "--show-path", "-n", "blog")
    said = cluster.run("check", "-n", "blog")
    assert said.code == 1 and "Sync blog/idle: no TrustPolicy exists" in said.out
    for kind in ("sync", "hook"):
        cluster("delete", "--yes", kind, "idle", "-n", "blog")


def test_a_tenant_sees_and_does_what_is_the_tenant_s(sealift: Sealift, plane: ControlPlane) -> None:
    """With the role edit in one namespace, as the install aggregates it."""
    cluster = Cluster(sealift, plane)
    plane.kubectl("create", "serviceaccount", "ada", "-n", "blog")
    plane.kubectl("create", "rolebinding", "ada", "-n", "blog", "--clusterrole=edit", "--serviceaccount=blog:ada")
    user = "system:serviceaccount:blog:ada"
    wait_for("the right", lambda: plane.can(user, "create", "syncs.sealift.dev", "blog"))
    mine = ["--kubeconfig", plane.kubeconfig_of("blog", "ada")]
    sealift("create", "sync", "mine", "--repository", "oci://r.example.com/a", "--tag", "prod", *mine)
    assert sealift("get", "syncs", "-o", "name", *mine).out == "sync.sealift.dev/mine\n"
    sealift("suspend", "sync", "mine", *mine)
    assert "forbidden" in sealift.fails("get", "syncs", "-n", "shop", *mine).err
    assert "forbidden" in sealift.fails("get", "syncs", "-A", *mine).err
    weak = ["create", "policy", "weak", "--match", "**", "--certificate-identity", "a@example.com"]
    assert "forbidden" in sealift.fails(*weak, "--certificate-oidc-issuer", "https://id.example.com", *mine).err
    sealift("delete", "--yes", "sync", "mine", *mine)
    assert not cluster.has("sync", "mine", "-n", "blog")
