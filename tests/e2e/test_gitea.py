"""One journey with a real forge: its push, its signed webhook, its registry with Bearer tokens, a target."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from parts.git_repo import GitRepo
from parts.gitea import Gitea
from parts.journey import TOKEN, Journey, applied, config_map, object_file, released, wait_content
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
    deliveries = [line["request_id"] for line in daemon.lines(msg="delivery recorded")]
    assert len(set(deliveries)) == len(deliveries) >= 2
    last = wait_for("the last delivery", lambda: daemon.status("Hook", "shop")["lastDelivery"])
    assert last["result"] == "accepted"
    assert TOKEN.decode() not in daemon.output and gitea.password not in daemon.output
