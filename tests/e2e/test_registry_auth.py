"""Registries that ask who one is: Basic and Bearer, logins from Secrets and from the machine, private authorities."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.certificates import Authority
from parts.crane import Crane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, applied, config_map, push, released
from parts.objects import Config
from parts.oci_registry import DockerRegistry, OciRegistry, ReferrersRegistry
from parts.proxy import Proxy
from parts.sealift import Daemon, Sealift
from parts.token_server import TokenServer

Serve = Callable[..., Daemon]


def login_file(host: str, user: str, password: str) -> str:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}, "other.example.com": {"auth": "eDp5"}}})


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def url(git_server: GitHttpServer, repo: GitRepo) -> str:
    repo.commit({"web.yaml": config_map("web", color="red")})
    repo.push()
    return f"{git_server.url}/config.git"


def there_and_back(journey: Journey, serve: Serve, repo: GitRepo, url: str, repository: str, **artifact: Any) -> None:
    """Twice through the registry: a push and a pull each; the Sync by the Bundle and by the tag."""
    journey.bundle(url, repository, artifact=artifact)
    journey.hook()
    journey.sync(artifact=artifact)
    journey.sync("by-tag", journey.folder / "by-tag", artifact={"repository": repository, "tag": "prod", **artifact})
    daemon = serve()
    digest = released(daemon, repo.head)["digest"]
    applied(daemon, digest)
    applied(daemon, digest, "by-tag")
    digest = released(daemon, push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}))["digest"]
    applied(daemon, digest)
    journey.run("reconcile", "sync", "by-tag")
    applied(daemon, digest, "by-tag")
    assert "hush-hush" not in daemon.output


@pytest.mark.parametrize("kind", [DockerRegistry, ReferrersRegistry])
@pytest.mark.parametrize("form", ["password", "dockerconfigjson"])
def test_basic(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, tmp_path: Path, stack: Any, kind: Any, form: str
) -> None:
    registry: OciRegistry = stack.enter_context(kind(tmp_path / "registry", "ada", "hush-hush"))
    if form == "password":
        journey.config.secret("registry", username="ada", password="hush-hush")
    else:
        login = login_file(registry.host, "ada", "hush-hush")
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", "namespace": "default"}}
        journey.config.write("registry.yaml", {**document, "stringData": {".dockerconfigjson": login}})
    there_and_back(journey, serve, repo, url, registry.oci("acme/shop"), secretRef={"name": "registry"})


def test_login_of_the_machine(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, tmp_path: Path, stack: Any
) -> None:
    """~/.docker/config.json, for the daemon and for commands."""
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", "hush-hush"))
    folder = journey.sealift.home / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(login_file(registry.host, "ada", "hush-hush"))
    there_and_back(journey, serve, repo, url, registry.oci("acme/shop"))
    journey.sealift("verify", registry.oci("acme/shop:prod"), "--key", journey.public)


@pytest.fixture
def bearer(stack: contextlib.ExitStack, tmp_path: Path) -> DockerRegistry:
    tokens = stack.enter_context(TokenServer(tmp_path, "ada", "hush-hush"))
    registry = DockerRegistry(tmp_path / "registry", token_server=tokens)
    registry.tokens = tokens  # type: ignore[attr-defined]
    return stack.enter_context(registry)


def test_bearer(journey: Journey, serve: Serve, repo: GitRepo, url: str, bearer: Any) -> None:
    journey.config.secret("registry", username="ada", password="hush-hush")
    there_and_back(journey, serve, repo, url, bearer.oci("acme/shop"), secretRef={"name": "registry"})
    asked = bearer.tokens.scopes_asked
    assert all(scope.startswith("repository:acme/shop:") for scopes in asked for scope in scopes)
    # One token serves many requests: far fewer were asked for than requests made.
    assert 0 < len(asked) <= 12, asked


def test_wrong_password(journey: Journey, serve: Serve, repo: GitRepo, url: str, tmp_path: Path, stack: Any) -> None:
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", "hush-hush"))
    journey.config.secret("registry", username="ada", password="guess")
    journey.bundle(url, registry.oci("acme/shop"), artifact={"secretRef": {"name": "registry"}})
    daemon = serve()
    message = daemon.wait_condition("Bundle", "shop", "Ready", "False")["conditions"]
    assert any("401" in c["message"] or "credentials" in c["message"] for c in message), message
    journey.config.secret("registry", username="ada", password="hush-hush")
    released(daemon, repo.head)
    assert "guess" not in daemon.output


@pytest.mark.parametrize("kind", [DockerRegistry, ReferrersRegistry])
def test_private_authority(
    journey: Journey,
    serve: Serve,
    repo: GitRepo,
    url: str,
    tmp_path: Path,
    stack: Any,
    authority: Authority,
    kind: Any,
) -> None:
    registry = stack.enter_context(kind(tmp_path / "registry", tls=authority.issue()))
    journey.config.secret("registry-ca", ca__crt=authority.cert)
    there_and_back(journey, serve, repo, url, registry.oci("shop"), certSecretRef={"name": "registry-ca"})
    reference = registry.oci("shop:prod")
    journey.sealift("verify", reference, "--key", journey.public, "--ca-file", authority.cert)
    # On localhost plain HTTP is assumed where no authority is named.
    assert "--ca-file" in journey.sealift.fails("verify", reference, "--key", journey.public).err
    assert Crane(tmp_path / "crane", ca=authority.cert).digest(registry.repository("shop:prod"))


def test_proxy_of_an_object(
    journey: Journey, serve: Serve, repo: GitRepo, url: str, tmp_path: Path, stack: Any
) -> None:
    """Everything goes through it, with the object's login and not with the host's."""
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", "hush-hush"))
    proxy = stack.enter_context(Proxy("grace", "p@ss/word"))
    config = tmp_path / "docker.json"
    host = registry.repository("").rstrip("/")
    config.write_text(login_file(host, "ada", "hush-hush"))
    journey.config.secret("registry", username="ada", password="hush-hush")
    journey.config.secret("proxy", address=proxy.url, username="grace", password="p@ss/word")
    journey.config.secret("wrong", address=proxy.url, username="grace", password="guess-guess")
    login, through = {"name": "registry"}, {"name": "proxy"}
    journey.bundle(url, registry.oci("shop"), artifact={"proxySecretRef": through})
    daemon = serve("--docker-config", config)
    refused = daemon.wait_condition("Bundle", "shop", "Ready", "False")["conditions"]
    assert any("credentials" in c["message"] or "401" in c["message"] for c in refused), refused
    assert {authorization for _, _, authorization in proxy.passed} == {""}
    journey.bundle(url, registry.oci("shop"), artifact={"proxySecretRef": {"name": "wrong"}, "secretRef": login})
    refused = daemon.wait_status(
        "Bundle", "shop", lambda status: any("roxy" in c["message"] for c in status["conditions"]), "the proxy's no"
    )
    there = {"proxySecretRef": through, "secretRef": login}
    journey.bundle(url, registry.oci("shop"), artifact=there)
    journey.sync(artifact=there)
    digest = released(daemon, repo.head)["digest"]
    applied(daemon, digest)
    methods = {method for method, path, _ in proxy.passed if path.startswith(f"http://{host}/v2/shop/")}
    assert {"PUT", "GET"} <= methods
    assert "p@ss" not in daemon.output and "guess-guess" not in daemon.output
