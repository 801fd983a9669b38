"""The path of a change: git push, signed webhook, artifact, target; with nothing else moving it (intervals are a
day)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Callable

import pytest

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import (
    TOKEN,
    Journey,
    applied,
    config_map,
    deliver,
    object_file,
    push,
    released,
    seen,
    tree,
    wait_content,
)
from parts.objects import Config
from parts.oci_registry import DockerRegistry, OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import stays, wait_for
from parts.webhook import hook_path

Serve = Callable[..., Daemon]


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def url(git_server: GitHttpServer, repo: GitRepo) -> str:
    """Of `repo`, which has one commit."""
    repo.commit({"web.yaml": config_map("web", color="red")})
    repo.push()
    return f"{git_server.url}/config.git"


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return f"oci-layout://{tmp_path}/layout"


def walk_the_path(journey: Journey, serve: Serve, repo: GitRepo, url: str, repository: str) -> None:
    journey.bundle(url, repository)
    journey.hook()
    journey.sync()
    daemon = serve()
    first = released(daemon, repo.head)
    applied(daemon, first["digest"])
    commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue"), "new.yaml": config_map("new")})
    second = released(daemon, commit)
    status = applied(daemon, second["digest"])
    assert second["digest"] != first["digest"] and second["sequence"] > first["sequence"]
    assert status["artifact"]["sequence"] == second["sequence"]
    assert [who.split()[-1] for who in status["artifact"]["verifiedBy"]] == ["packager"]
    assert status["artifact"]["revision"] == f"main@sha1:{commit}"
    assert status["inventory"] == {"objects": 2, "ready": 2, "drifted": 0}
    assert [entry["digest"] for entry in status["history"]] == [second["digest"], first["digest"]]
    assert set(tree(journey.target)) == {object_file("web"), object_file("new")}
    assert "blue" in (journey.target / object_file("web")).read_text()
    assert daemon.condition("Bundle", "shop")["reason"] == "Released"
    # What was fetched stays where it is told to.
    assert len(list(daemon.state.glob("cache/git/*/history"))) == 1


@pytest.mark.quick
def test_push_to_a_layout(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    walk_the_path(journey, serve, repo, url, layout)


def test_push_to_a_registry(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, registry: OciRegistry, repository: str
) -> None:
    walk_the_path(journey, serve, repo, url, registry.oci(repository))
    digest = registry.digest(repository, "prod")
    tags = registry.tags(repository)
    assert sum(tag.startswith(f"git-{repo.head}-") for tag in tags) == 1
    assert str(digest).replace(":", "-") + ".sig" in tags
    assert len(registry.referrers(repository, str(digest))) >= 3  # signature, provenance, release
    notes = registry.manifest(repository, "prod")["annotations"]
    assert notes["org.opencontainers.image.revision"] == f"main@sha1:{repo.head}"
    assert notes["org.opencontainers.image.source"] == url


def test_request_id_runs_through(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """The delivery's identifier stands in the log lines of every stage."""
    journey.bundle(url, layout)
    journey.hook()
    journey.sync()
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}, delivery="delivery-4711")
    applied(daemon, released(daemon, commit)["digest"])
    for message in ("delivery recorded", "bundle released", "sync applied"):
        daemon.wait_line(msg=message, reconcile_id="delivery-4711")


# What to follow


def test_branch_other_branches_do_not_count(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    repo.git("push", "-q", "origin", "main:release/1")
    journey.bundle(url, layout, source={"git": {"ref": {"branch": "release/1"}}})
    journey.hook()
    daemon = serve()
    first = released(daemon, repo.head)
    assert first["revision"] == f"release/1@sha1:{repo.head}"
    on_main = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")})
    repo.git("push", "-q", "origin", "main:release/1")
    deliver(daemon, url, on_main, "refs/heads/release/1")
    assert released(daemon, on_main)["digest"] != first["digest"]


def test_tag_moves(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    repo.tag("stable", "annotated")
    repo.push("stable")
    first = repo.head
    journey.bundle(url, layout, source={"git": {"ref": {"tag": "stable"}}})
    journey.hook()
    daemon = serve()
    assert released(daemon, first)["revision"] == f"stable@sha1:{first}"
    second = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.git("tag", "-f", "stable")
    repo.push("main", "stable", force=True)
    deliver(daemon, url, second, "refs/tags/stable")
    assert released(daemon, second)["revision"] == f"stable@sha1:{second}"


def test_semver_takes_the_highest(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    for version in ("v1.2.0", "v2.0.0", "v1.10.0", "nonsense"):
        commit = repo.commit({"web.yaml": config_map("web", version=version)})
        repo.tag(version)
        repo.push("main", version)
        if version == "v1.10.0":
            highest = commit
    journey.bundle(url, layout, source={"git": {"ref": {"semver": ">=1.2 <2"}}})
    journey.hook()
    daemon = serve()
    assert released(daemon, highest)["revision"] == f"v1.10.0@sha1:{highest}"
    newer = repo.commit({"web.yaml": config_map("web", version="v1.11.0")})
    repo.tag("v1.11.0", "annotated")
    repo.push("main", "v1.11.0")
    deliver(daemon, url, newer, "refs/tags/v1.11.0")
    released(daemon, newer)


def test_commit_is_pinned(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    pinned = repo.head
    repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    journey.bundle(url, layout, source={"git": {"ref": {"commit": pinned}}})
    journey.sync()
    daemon = serve()
    applied(daemon, released(daemon, pinned)["digest"])
    assert "red" in (journey.target / object_file("web")).read_text()


# What is pushed, and what is not


def writes(registry: OciRegistry, repository: str) -> int:
    """Manifests that were written, by the registry's own log."""
    return sum("PUT" in line and f"/v2/{repository}/manifests/" in line for line in registry.log.splitlines())


def test_change_outside_of_the_path(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, docker_registry: DockerRegistry, repository: str
) -> None:
    first = repo.commit({"apps/shop/web.yaml": config_map("web", color="red"), "README": "one\n"})
    repo.push()
    journey.bundle(url, docker_registry.oci(repository), path="./apps/shop")
    journey.hook()
    daemon = serve()
    artifact = released(daemon, first)
    before = (docker_registry.tags(repository), writes(docker_registry, repository))
    outside = push(daemon, repo, url, {"README": "two\n", "apps/other.yaml": config_map("other")})
    assert seen(daemon, outside) == artifact
    assert (docker_registry.tags(repository), writes(docker_registry, repository)) == before
    inside = push(daemon, repo, url, {"apps/shop/web.yaml": config_map("web", color="blue")})
    assert released(daemon, inside)["digest"] != artifact["digest"]


def test_nothing_is_pushed_when_nothing_changed(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, docker_registry: DockerRegistry, repository: str
) -> None:
    journey.bundle(url, docker_registry.oci(repository))
    daemon = serve()
    artifact = released(daemon, repo.head)
    before = writes(docker_registry, repository)
    for _ in range(2):
        journey.run("reconcile", "bundle", "shop")
    daemon.stop()
    daemon.start()
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"] == artifact
    assert writes(docker_registry, repository) == before


def test_tag_that_was_moved_is_put_back(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, registry: OciRegistry, repository: str
) -> None:
    journey.bundle(url, registry.oci(repository))
    journey.hook()
    daemon = serve()
    old = released(daemon, repo.head)["digest"]
    manifest = json.dumps(registry.manifest(repository, "prod"))
    new = released(daemon, push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}))["digest"]
    assert registry.digest(repository, "prod") == new != old
    registry.put_manifest(repository, "prod", manifest.encode(), "application/vnd.oci.image.manifest.v1+json")
    assert registry.digest(repository, "prod") != new
    journey.run("reconcile", "bundle", "shop")
    assert registry.digest(repository, "prod") == new
    assert any(event["reason"] == "TagMoved" for event in daemon.events())


def test_fallback_poll(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout, interval="1s")
    journey.sync()
    daemon = serve()
    released(daemon, repo.head)
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    applied(daemon, released(daemon, commit)["digest"])


def test_same_commit_same_digest(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, tmp_path: Path, sealift: Sealift
) -> None:
    """Two packagers that share nothing, not even the key."""
    journey.bundle(url, f"oci-layout://{tmp_path}/here")
    first = released(serve(roles="packager"), repo.head)
    other = tmp_path / "other"
    other.mkdir()
    there = Journey(sealift, Config(other / "config"), other, key="another packager")
    there.bundle(url, f"oci-layout://{other}/layout")
    with Daemon(sealift, there.config.folder, other / "state", roles="packager") as daemon:
        assert released(daemon, repo.head)["digest"] == first["digest"]


def test_several_tags_are_channels(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, docker_registry: DockerRegistry, repository: str
) -> None:
    journey.bundle(url, docker_registry.oci(repository), artifact={"tags": ["prod", "eu", "v1"]})
    daemon = serve()
    digest = released(daemon, repo.head)["digest"]
    assert {docker_registry.digest(repository, tag) for tag in ("prod", "eu", "v1")} == {digest}
    for channel in ("prod", "eu", "v1"):
        journey.sealift("verify", f"{docker_registry.oci(repository)}:{channel}", "--key", journey.public)
    journey.sealift.fails(
        "verify", f"{docker_registry.oci(repository)}:prod", "--key", journey.public, "--channel", "staging"
    )
    # One more tag: no new artifact, but a statement for the new channel.
    journey.bundle(url, docker_registry.oci(repository), artifact={"tags": ["prod", "eu", "v1", "asia"]})
    daemon.wait_status("Bundle", "shop", lambda status: "asia" in status["artifact"]["tags"])
    assert docker_registry.digest(repository, "asia") == digest
    journey.sealift("verify", f"{docker_registry.oci(repository)}:asia", "--key", journey.public)


def test_fixed_tag_is_a_pin(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, docker_registry: DockerRegistry, repository: str
) -> None:
    journey.bundle(url, docker_registry.oci(repository))
    journey.hook()
    daemon = serve()
    old = released(daemon, repo.head)["digest"]
    tag = next(tag for tag in docker_registry.tags(repository) if tag.startswith(f"git-{repo.head}-"))
    released(daemon, push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}))
    journey.sync("pinned", artifact={"repository": docker_registry.oci(repository), "tag": tag, "channel": "prod"})
    applied(daemon, old, "pinned")
    assert "red" in (journey.target / object_file("web")).read_text()


def test_lost_status_keeps_the_artifact(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, registry: OciRegistry, repository: str, tmp_path: Path
) -> None:
    first = repo.commit({"apps/web.yaml": config_map("web")})
    repo.push()
    journey.bundle(url, registry.oci(repository), path="apps")
    daemon = serve(roles="packager")
    artifact = released(daemon, first)
    daemon.stop()
    second = repo.commit({"README": "a newer commit, the same content\n"})
    repo.push()
    again = Daemon(journey.sealift, journey.config.folder, tmp_path / "new-state", roles="packager")
    with again:
        kept = again.wait_ready_of("Bundle", "shop")
        assert kept["source"]["revision"].endswith(second)
        assert kept["artifact"]["digest"] == artifact["digest"]
        assert kept["artifact"]["revision"] == artifact["revision"]
        assert kept["artifact"]["sequence"] > artifact["sequence"]
    assert registry.digest(repository, "prod") == artifact["digest"]


# People


def test_suspend_and_resume(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    journey.hook()
    journey.sync()
    daemon = serve()
    first = released(daemon, repo.head)["digest"]
    applied(daemon, first)
    journey.run("suspend", "sync", "shop")
    commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")})
    second = released(daemon, commit)["digest"]
    file = journey.target / object_file("web")
    file.write_text("edited while suspended\n")
    stays("the target of a suspended Sync", lambda: "edited" in file.read_text(), 0.7)
    journey.run("resume", "sync", "shop")
    applied(daemon, second)
    wait_content(file, "blue")
    journey.run("suspend", "bundle", "shop")
    commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="green")})
    stays("a suspended Bundle", lambda: daemon.status("Bundle", "shop")["artifact"]["digest"] == second, 0.7)
    journey.run("resume", "bundle", "shop")
    applied(daemon, released(daemon, commit)["digest"])


def test_reconcile_waits(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    journey.sync()
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    said = journey.run("reconcile", "bundle", "shop")
    assert commit in said.err
    assert daemon.status("Bundle", "shop")["artifact"]["revision"].endswith(commit)
    journey.run("reconcile", "sync", "shop")
    assert "blue" in (journey.target / object_file("web")).read_text()
    repo.commit({"web.yaml": "kind: [\n"})
    repo.push()
    failed = journey.sealift.fails(*journey.at("reconcile", "bundle", "shop"))
    assert failed.code == 1 and "web.yaml" in failed.err


def test_reconcile_without_a_server(journey: Journey, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    said = journey.sealift.fails(*journey.at("reconcile", "bundle", "shop", "--timeout", "1s"))
    assert "sealift serve" in said.err and said.seconds < 10
    journey.run("reconcile", "bundle", "shop", "--no-wait")


def test_trigger(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    journey.hook()
    daemon = serve()
    released(daemon, repo.head)
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    journey.run("trigger", "shop", "--to", daemon.hook_url, "--ping")
    stays("a Bundle after a ping", lambda: commit not in json.dumps(daemon.status("Bundle", "shop")), 0.3)
    journey.run("trigger", "shop", "--to", daemon.hook_url)
    released(daemon, commit)


# Hooks


def test_form_encoded_hook(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    journey.hook()
    daemon = serve()
    released(daemon, repo.head)
    commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}, form=True)
    released(daemon, commit)


def test_hooks_that_change_nothing(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """Pings, other events, other repositories and other refs get a 2xx, and nothing happens."""
    journey.bundle(url, layout)
    journey.hook()
    daemon = serve()
    artifact = released(daemon, repo.head)
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    deliver(daemon, url, commit, event="ping")
    deliver(daemon, url, commit, event="issues")
    assert not daemon.status("Hook", "shop").get("pending")
    deliver(daemon, url.replace("config", "other"), commit)
    deliver(daemon, url, commit, "refs/heads/feature")
    stays("the artifact", lambda: daemon.status("Bundle", "shop")["artifact"] == artifact, 0.5)
    # The same repository under another of its names.
    deliver(daemon, url.replace("http://", "ssh://git@").removesuffix(".git"), commit)
    released(daemon, commit)


def test_delivery_is_durable_before_the_answer(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    """A receiver alone answers; a packager that starts later acts on what the receiver kept."""
    journey.bundle(url, layout)
    journey.hook()
    receiver = serve(roles="receiver")
    daemon = serve(roles="packager")
    released(daemon, repo.head)
    daemon.kill()
    commit = push(receiver, repo, url, {"web.yaml": config_map("web", color="blue")}, delivery="d-1")
    pending = receiver.status("Hook", "shop")["pending"]
    assert {entry["commit"] for entry in pending} == {commit}
    daemon.start()
    released(daemon, commit)


def test_burst_of_pushes(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """Twenty deliveries at once are taken, merged, and end at the newest commit."""
    journey.bundle(url, layout)
    journey.hook()
    journey.sync()
    daemon = serve()
    released(daemon, repo.head)
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    threads = [threading.Thread(target=deliver, args=(daemon, url, commit)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    applied(daemon, released(daemon, commit)["digest"])
    pending = daemon.status("Hook", "shop")["pending"]
    assert len(pending) == len({entry["repository"] for entry in pending})
    assert len(daemon.status("Bundle", "shop")["history"]) == 2


def test_notify_another_installation(
    journey: Journey,
    serve: Serve,
    repo: GitRepo,
    url: str,
    docker_registry: DockerRegistry,
    repository: str,
    tmp_path: Path,
    sealift: Sealift,
) -> None:
    """The packager tells a Hook of provider sealift elsewhere, whose Sync follows the tag."""
    there = Journey(sealift, Config(tmp_path / "there/config"), tmp_path / "there")
    there.hook(provider="sealift", resources=[{"kind": "Sync", "name": "shop"}])
    there.sync(artifact={"repository": docker_registry.oci(repository), "tag": "prod"})
    with Daemon(sealift, there.config.folder, tmp_path / "there/state", roles="receiver,controller") as other:
        journey.config.secret("there", token=TOKEN)
        notified = {"url": other.hook_url + hook_path(TOKEN, "default", "shop"), "secretRef": {"name": "there"}}
        journey.bundle(url, docker_registry.oci(repository), notify=[notified])
        journey.hook()
        daemon = serve(roles="receiver,packager")
        applied(other, released(daemon, repo.head)["digest"])
        commit = push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}, delivery="d-42")
        digest = released(daemon, commit)["digest"]
        applied(other, digest)
        pending = other.status("Hook", "shop")["pending"]
        assert (pending[-1]["tag"], pending[-1]["digest"]) == ("prod", digest)
        other.wait_line(msg="sync applied", reconcile_id="d-42")
    assert not [event for event in daemon.events() if event["reason"] == "NotifyFailed"]


def test_hook_reaches_its_own_namespace_only(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str
) -> None:
    journey.bundle(url, layout)
    journey.config.namespace = "elsewhere"
    journey.config.secret("hook", token=TOKEN)
    journey.hook()
    journey.config.namespace = "default"
    daemon = serve()
    artifact = released(daemon, repo.head)
    push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}, namespace="elsewhere")
    stays("the artifact", lambda: daemon.status("Bundle", "shop")["artifact"] == artifact, 0.5)


def test_hook_selects_by_label(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout)
    file = journey.config.folder / "bundle-default-shop.yaml"
    file.write_text(file.read_text().replace("  name: shop\n", "  name: shop\n  labels: {team: shop}\n", 1))
    journey.hook(resources=[], selector={"matchLabels": {"team": "shop"}})
    daemon = serve()
    released(daemon, repo.head)
    released(daemon, push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}))


def test_bundle_that_changes_its_mind(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str, tmp_path: Path
) -> None:
    """Another tag, another repository, another path, another branch: the Sync follows each time."""
    repo.commit({"apps/web.yaml": config_map("web", color="apps")})
    repo.push()
    journey.bundle(url, layout, path="apps")
    journey.sync()
    daemon = serve()
    first = released(daemon, repo.head)
    applied(daemon, first["digest"])
    journey.bundle(url, layout, path="apps", artifact={"tags": ["eu"]})
    daemon.wait_status("Sync", "shop", lambda status: status["artifact"]["channel"] == "eu")
    applied(daemon, first["digest"])
    elsewhere = f"oci-layout://{tmp_path}/elsewhere"
    journey.bundle(url, elsewhere, path="apps", artifact={"tags": ["eu"]})
    daemon.wait_status("Bundle", "shop", lambda status: status["artifact"]["repository"].endswith("elsewhere"))
    applied(daemon, daemon.status("Bundle", "shop")["artifact"]["digest"])
    journey.bundle(url, elsewhere, path="./", artifact={"tags": ["eu"]})
    wait_for("two objects in conflict", lambda: daemon.condition("Bundle", "shop")["reason"] == "RenderFailed")
    repo.git("checkout", "-q", "-b", "next")
    repo.remove("apps")
    commit = repo.commit()
    repo.push("next")
    journey.bundle(url, elsewhere, path="./", artifact={"tags": ["eu"]}, source={"git": {"ref": {"branch": "next"}}})
    applied(daemon, released(daemon, commit)["digest"])
    assert "red" in (journey.target / object_file("web")).read_text()


def test_push_while_nothing_runs(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """After a restart the Bundle is looked at, whatever its interval."""
    journey.bundle(url, layout)
    journey.sync()
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    daemon.stop()
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    repo.push()
    daemon.start()
    applied(daemon, released(daemon, commit)["digest"])
