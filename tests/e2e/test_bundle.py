"""A new signing key for what is released already; commits that cannot be rendered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Callable

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, Journey, applied, config_map, make_key, released
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

Serve = Callable[..., Daemon]


def git_repository(folder: Path, files: dict[bytes, str]) -> str:
    """A bare repository with one commit; file names are bytes."""
    folder.mkdir()
    git = lambda *words: subprocess.run(  # noqa: E731
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    git("init", "-q", "-b", "main")
    for name, text in files.items():
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(text)
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    return git("rev-parse", "HEAD")


def policy(config: Config, *keys: Path) -> None:
    listed: list[dict[str, Any]] = [{"name": key.stem, "pem": key.read_text()} for key in keys]
    config.policy("prod", require=[{"name": "packager", "attests": True, "keys": listed}],
                  source={"refs": ["main"], "channels": ["prod"]})  # fmt: skip


def test_new_key_seals_what_is_released(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """Nothing is pushed to git: the same artifact gets signatures and statements of the new key."""
    journey = Journey(sealift, config, tmp_path)
    commit = git_repository(tmp_path / "repo", {b"web.yaml": config_map("web", color="red")})
    policy(config, journey.public)
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/layout")
    journey.sync(verify={"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]})
    daemon = serve()
    first = released(daemon, commit)
    applied(daemon, first["digest"])

    private, public = make_key(sealift, tmp_path / "second")
    policy(config, public)
    config.secret("packager-pub", cosign__pub=public)
    daemon.wait_condition("Sync", "shop", "Ready", "False", "Revoked")
    config.secret("packager-key", cosign__key=private)
    daemon.wait_condition("Bundle", "shop", "Ready", "False", "SecretNotUsable")
    assert "no password was given; put it into that Secret as cosign.password" in daemon.condition("Bundle", "shop")["message"]
    config.secret("packager-key", cosign__key=private, cosign__password=KEY_PASSWORD)
    daemon.wait_condition("Sync", "shop", "Ready", "True", "Applied")
    second = released(daemon, commit)
    assert second["digest"] == first["digest"]
    assert second["sequence"] > first["sequence"]
    sealift("verify", f"oci-layout://{tmp_path}/layout:prod", "--key", public, "--source", f"file://{tmp_path}/repo")


def test_name_that_is_no_text(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """Whoever may push chooses names; they end in a sentence, and the process lives."""
    journey = Journey(sealift, config, tmp_path)
    git_repository(tmp_path / "repo", {b"\xff\xfe.yaml": "a: [\n"})
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/layout")
    daemon = serve()
    daemon.wait_condition("Bundle", "shop", "Ready", "False", "RenderFailed")
    assert "??.yaml:2:1" in daemon.condition("Bundle", "shop")["message"]
    assert daemon.running


def test_render_failures_wait_for_a_change(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """A Secret with values and a path that is not there: the same commit would fail again, so nothing is retried."""
    journey = Journey(sealift, config, tmp_path)
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n"
    git_repository(tmp_path / "repo", {b"secret.yaml": secret})
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/layout")
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/other", name="lost", path="nowhere")
    daemon = serve()
    for name, word in (("shop", "carries its values"), ("lost", "nowhere")):
        daemon.wait_condition("Bundle", name, "Stalled", "True", "RenderFailed")
        assert word in daemon.condition("Bundle", name)["message"]


def test_limits_of_an_installation(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """A packager with smaller limits packs less, a controller with smaller ones takes less; raised, all goes through."""
    journey = Journey(sealift, config, tmp_path)
    text = "x" * 100_000
    commit = git_repository(tmp_path / "repo", {b"a.yaml": config_map("a", text=text), b"b.yaml": config_map("b")})
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/layout")
    journey.sync()
    daemon = serve("--max-artifact-files", "1")
    daemon.wait_condition("Bundle", "shop", "Stalled", "True", "RenderFailed")
    assert "more than 1 manifests" in daemon.condition("Bundle", "shop")["message"]
    daemon.stop()
    packager = serve(roles="packager")
    digest = released(packager, commit)["digest"]
    packager.stop()
    daemon = serve("--max-unpacked-bytes", "50000")
    daemon.wait_condition("Sync", "shop", "Ready", "False", "PullFailed")
    assert "50000" in daemon.condition("Sync", "shop")["message"]
    assert not journey.target.exists()
    daemon.stop()
    applied(serve(), digest)


def test_one_tree_with_two_sets_of_values(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """Two Bundles of one folder that differ in their variables alone: two artifacts, each signed."""
    journey = Journey(sealift, config, tmp_path)
    web = config_map("web", region="${REGION}", copies="no ${COPIES:=1}")
    values = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\ndata: {REGION: us, COPIES: '3'}\n"
    git_repository(tmp_path / "repo", {b"web.yaml": web, b"kustomization.yaml": "resources: [web.yaml]\n", b"values.yaml": values})
    for name, substitute in (("eu", {"vars": {"REGION": "eu"}}), ("us", {"from": ["values.yaml"]})):
        journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path}/{name}", name=name, render={"substitute": substitute})
        journey.sync(name=name, target=tmp_path / f"target-{name}", bundleRef={"name": name})
    daemon = serve()
    for name, copies in (("eu", "1"), ("us", "3")):
        daemon.wait_condition("Sync", name, "Ready", "True", "Applied")
        text = "".join(path.read_text() for path in (tmp_path / f"target-{name}").rglob("*.yaml"))
        assert f"region: {name}\n" in text and f"copies: no {copies}\n" in text
        sealift("verify", f"oci-layout://{tmp_path}/{name}:prod", "--key", journey.public, "--source", f"file://{tmp_path}/repo")


def test_a_bundle_that_goes_takes_its_copies_along(
    sealift: Sealift, config: Config, serve: Serve, tmp_path: Path, git_server: GitHttpServer, repo: GitRepo
) -> None:
    """What was fetched for it may be a gigabyte, and private; that of others stays."""
    journey = Journey(sealift, config, tmp_path)
    commit = repo.commit({"web.yaml": config_map("web", color="red")})
    repo.push()
    url = f"{git_server.url}/config.git"
    journey.bundle(url, f"oci-layout://{tmp_path}/layout")
    journey.bundle(url, f"oci-layout://{tmp_path}/other", name="other")
    daemon = serve()
    released(daemon, commit)
    daemon.wait_condition("Bundle", "other", "Ready", "True", "Released")
    copies = daemon.state / "cache" / "git"
    kept = {path.name for path in copies.iterdir()}
    assert len(kept) >= 2, kept
    sealift("delete", "bundle", "shop", "--config", config.folder, "--state", daemon.state)
    wait_for("the copies of shop to go", lambda: 0 < len({path.name for path in copies.iterdir()}) < len(kept))
    # The same name may come back.
    journey.bundle(url, f"oci-layout://{tmp_path}/layout")
    released(daemon, commit)
    wait_for("its copies to be there again", lambda: {path.name for path in copies.iterdir()} == kept)
