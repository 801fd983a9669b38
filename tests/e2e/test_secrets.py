"""No secret is told: not in logs, status, events, metrics, answers, nor in what commands print, good or bad."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, TOKEN, Journey, config_map
from parts.line import Line
from parts.net import http
from parts.objects import Config
from parts.oci_registry import DockerRegistry
from parts.sealift import Daemon, Sealift

GIT_PASSWORD, REGISTRY_PASSWORD, URL_PASSWORD = "git-s3cret-4711", "registry-s3cret-4712", "url-s3cret-4713"
WRONG_PASSWORD, MANIFEST_SECRET = "wrong-s3cret-4714", "manifest-s3cret-4715"


def test_secrets_stay_secret(
    sealift: Sealift, config: Config, tmp_path: Path, stack: ExitStack, serve: Callable[..., Daemon]
) -> None:
    git = stack.enter_context(GitHttpServer(tmp_path / "git", "ada", GIT_PASSWORD))
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", REGISTRY_PASSWORD))
    url = git.create("config")
    repo = GitRepo(tmp_path / "repo", origin=url.replace("://", f"://ada:{GIT_PASSWORD}@"))
    journey = Journey(sealift, config, tmp_path)
    config.secret("git", username="ada", password=GIT_PASSWORD)
    config.secret("registry", username="ada", password=REGISTRY_PASSWORD)
    line = Line(journey, repo, url, registry.oci("acme/shop"))
    line.sync = {"artifact": {"insecure": True, "secretRef": {"name": "registry"}}}
    line.bundle = {"source": {"git": {"secretRef": {"name": "git"}}}, **line.sync}
    line.start(serve, "--log-level", "debug")
    line.goes_on("blue")
    said = []

    # What goes wrong is told without them, too.
    line.push({"bad.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{a: {MANIFEST_SECRET}}}\n"})
    line.bundle_refuses("RenderFailed", "bad.yaml")
    line.goes_on("green", remove=("bad.yaml",))
    config.secret("git", username="ada", password=WRONG_PASSWORD)
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False")
    config.secret("git", username="ada", password=GIT_PASSWORD)
    line.daemon.wait_ready_of("Bundle", "shop")
    config.secret("registry", username="ada", password=WRONG_PASSWORD)
    line.push({"web.yaml": config_map("web", color="black")})
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False")
    said.append(line.send(signature="sha256=00").text)
    with_password = url.replace("://", f"://ada:{URL_PASSWORD}@")
    said.append(line.send({"ref": "refs/heads/main", "repository": {"clone_url": with_password}}).text)
    journey.bundle(with_password, line.repository, name="leaky")
    line.daemon.wait_condition("Bundle", "leaky", "Ready", "False", "InvalidSpec")

    commands = [
        *(("get", f"{kind}s", "-o", form) for kind in ("bundle", "sync", "hook") for form in ("wide", "yaml", "json")),
        *(("get", "bundle", "shop"), ("get", "hook", "shop"), ("events",), ("check",), ("reconcile", "bundle", "shop")),
        ("trigger", "shop", "--server", line.daemon.hook_url),
    ]
    for words in commands:
        result = sealift.run(*journey.at(*words))
        said.append(result.out + result.err)
    for words in (
        ("push", tmp_path / "repo", f"{registry.oci('acme/shop')}:x", "--key", journey.private, "--insecure"),
        ("pull", f"oci://ada:{URL_PASSWORD}@{registry.host}/acme/shop:prod", "--output", tmp_path / "out", "--insecure"),
    ):
        result = sealift.fails(*words, env={"COSIGN_PASSWORD": WRONG_PASSWORD})
        said.append(result.out + result.err)
    for path in ("/metrics", "/healthz", "/readyz"):
        said.append(http("GET", line.daemon.health_url + path).text)
    line.daemon.stop()
    said.append(line.daemon.output)

    private = journey.private.read_text().splitlines()
    secrets = {
        *(GIT_PASSWORD, REGISTRY_PASSWORD, URL_PASSWORD, WRONG_PASSWORD, MANIFEST_SECRET, KEY_PASSWORD),
        *(TOKEN.decode(), private[1], private[-2], "PRIVATE KEY"),
        *(base64.b64encode(f"ada:{word}".encode()).decode() for word in (GIT_PASSWORD, REGISTRY_PASSWORD)),
    }
    for text in said:
        assert not [secret for secret in secrets if secret in text], text
    kept = [file for file in line.daemon.state.rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], file
