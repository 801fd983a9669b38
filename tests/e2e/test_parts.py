"""Proves the parts with real clients: when these pass, a failing test means sealift."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import yaml

from parts.certificates import Authority
from parts.cosign import Cosign
from parts.crane import Crane
from parts.faulty_registry import HTML, FaultyRegistry, RegistryFault
from parts.git_http import GitFault, GitHttpServer
from parts.git_repo import GitRepo
from parts.gitea import Gitea
from parts.net import http
from parts.objects import Config
from parts.oci_registry import DockerRegistry, OciRegistry, ReferrersRegistry
from parts.sealift import Sealift
from parts.sshd import SshServer
from parts.token_server import TokenServer
from parts.webhook import HookListener, push_payload, send_github

FILES = {"app/web.yaml": "kind: ConfigMap\n", "README": "hello\n"}


def clone(url: str, path: Path, **env: str) -> GitRepo:
    copy = GitRepo(path, origin=url)
    copy.env = env
    copy.git("fetch", "-q", "--depth=1", "origin", "main")
    copy.git("checkout", "-q", "FETCH_HEAD")
    return copy


@pytest.mark.quick
def test_git_over_http(git_server: GitHttpServer, repo: GitRepo, tmp_path: Path) -> None:
    commit = repo.commit(FILES)
    repo.push()
    copy = clone(f"{git_server.url}/config.git", tmp_path / "copy")
    assert copy.head == commit
    assert (copy.path / "app/web.yaml").read_text() == FILES["app/web.yaml"]
    fetches = [request for request in git_server.requests if request.path.endswith("git-upload-pack")]
    assert fetches[-1].headers["git-protocol"] == "version=2"


@pytest.mark.quick
def test_git_over_https_with_password(authority: Authority, tmp_path: Path) -> None:
    with GitHttpServer(tmp_path / "git", "ada", "secret", tls=authority.issue()) as server:
        url = server.create("config").replace("https://", "https://ada:secret@")
        repo = GitRepo(tmp_path / "repo", origin=url)
        repo.env = {"GIT_SSL_CAINFO": str(authority.cert)}
        commit = repo.commit(FILES)
        repo.push()
        assert clone(url, tmp_path / "copy", **repo.env).head == commit
        assert {request.status for request in server.requests} <= {200, 401}
        with pytest.raises(AssertionError, match="Authentication failed|could not read Username"):
            clone(url.replace("ada:secret", "ada:wrong"), tmp_path / "denied", **repo.env)


@pytest.mark.quick
def test_git_with_bearer_token(tmp_path: Path) -> None:
    with GitHttpServer(tmp_path / "git", bearer="t0ken") as server:
        url = server.create("config")
        assert http("GET", f"{url}/info/refs?service=git-upload-pack").status == 401
        right = {"Authorization": "Bearer t0ken"}
        assert http("GET", f"{url}/info/refs?service=git-upload-pack", headers=right).status == 200


@pytest.mark.quick
@pytest.mark.parametrize(
    "fault",
    [
        GitFault(status=500),
        GitFault(status=404),
        GitFault(half=True, match="/git-upload-pack"),
        GitFault(status=302, location="http://127.0.0.1:9/elsewhere.git"),
    ],
    ids=["500", "404", "half", "redirect"],
)
def test_git_faults(git_server: GitHttpServer, repo: GitRepo, tmp_path: Path, fault: GitFault) -> None:
    repo.commit(FILES)
    repo.push()
    git_server.fail(fault)
    with pytest.raises(AssertionError, match="failed"):
        clone(f"{git_server.url}/config.git", tmp_path / "copy")
    git_server.heal()
    clone(f"{git_server.url}/config.git", tmp_path / "again")


@pytest.mark.quick
def test_git_force_push_and_tags(git_server: GitHttpServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.commit(FILES)
    first = repo.commit({"README": "first\n"})
    repo.tag("v1.0.0", "one")
    repo.push("main", "v1.0.0")
    second = repo.amend({"README": "second\n"})
    with pytest.raises(AssertionError, match="fetch first|non-fast-forward"):
        repo.push()
    repo.push(force=True)
    assert first != second and clone(f"{git_server.url}/config.git", tmp_path / "copy").head == second


@pytest.mark.quick
def test_git_over_ssh(ssh_server: SshServer, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", origin=ssh_server.create("config"))
    repo.env = {"GIT_SSH_COMMAND": ssh_server.client_command}
    commit = repo.commit(FILES)
    repo.push()
    assert clone(ssh_server.url("config"), tmp_path / "copy", **repo.env).head == commit
    stranger = ssh_server.client_command.replace(str(ssh_server.identity), str(ssh_server.stranger))
    with pytest.raises(AssertionError, match="Permission denied"):
        clone(ssh_server.url("config"), tmp_path / "denied", GIT_SSH_COMMAND=stranger)


def check_images(registry: OciRegistry, crane: Crane, path: str) -> None:
    digest = crane.push(registry.repository(f"{path}:v1"), FILES)
    crane.tag(registry.repository(f"{path}:v1"), "prod")
    assert crane.digest(registry.repository(f"{path}:prod")) == digest
    assert crane.files(registry.repository(f"{path}@{digest}"))["README"] == b"hello\n"


def test_crane_on_both_registries(registry: OciRegistry, repository: str, crane: Crane) -> None:
    check_images(registry, crane, repository)
    assert registry.tags(repository) == ["prod", "v1"]
    assert registry.digest(repository, "prod") == registry.digest(repository, "v1")


@pytest.mark.parametrize("kind", [DockerRegistry, ReferrersRegistry])
def test_registry_with_password(kind: type, tmp_path: Path, crane: Crane) -> None:
    with kind(tmp_path / "registry", "ada", "secret") as registry:
        with pytest.raises(AssertionError, match="(?i)unauthorized"):
            crane.push(registry.repository("shop:v1"), FILES)
        crane.login(registry.host, "ada", "secret")
        check_images(registry, crane, "shop")


@pytest.mark.parametrize("kind", [DockerRegistry, ReferrersRegistry])
def test_registry_over_tls(kind: type, tmp_path: Path, authority: Authority) -> None:
    with kind(tmp_path / "registry", tls=authority.issue()) as registry:
        check_images(registry, Crane(tmp_path / "crane", ca=authority.cert), "shop")


def test_registry_with_bearer_tokens(stack: contextlib.ExitStack, tmp_path: Path, crane: Crane) -> None:
    tokens = stack.enter_context(TokenServer(tmp_path, "ada", "secret"))
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", token_server=tokens))
    with pytest.raises(AssertionError, match="(?i)unauthorized"):
        crane.push(registry.repository("acme/shop:v1"), FILES)
    crane.login(registry.host, "ada", "secret")
    check_images(registry, crane, "acme/shop")
    assert ["repository:acme/shop:push,pull"] in tokens.scopes_asked


@pytest.mark.quick
def test_registry_survives_a_restart(tmp_path: Path) -> None:
    with DockerRegistry(tmp_path / "registry") as registry:
        registry.stop()
        with pytest.raises(OSError):
            http("GET", f"{registry.url}/v2/")
        registry.start()
        assert http("GET", f"{registry.url}/v2/").status == 200


@pytest.mark.parametrize("old", [False, True], ids=["bundle", "sig-tag"])
def test_cosign_on_both_registries(
    registry: OciRegistry, repository: str, crane: Crane, cosign: Cosign, old: bool
) -> None:
    digest = crane.push(registry.repository(f"{repository}:v1"), FILES)
    signed = registry.repository(f"{repository}@{digest}")
    key, other = cosign.key(), cosign.key("other")
    assert cosign.try_verify(signed, key.public, old).returncode != 0
    cosign.sign(signed, key.private, old)
    cosign.verify(signed, key.public, old)
    assert cosign.try_verify(signed, other.public, old).returncode != 0
    if old:
        assert digest.replace(":", "-") + ".sig" in registry.tags(repository)
    else:
        assert len(registry.referrers(repository, digest)) == 1


def test_gitea_pushes_and_calls(gitea: Gitea, listener: HookListener, tmp_path: Path) -> None:
    url = gitea.create("parts")
    gitea.add_hook("parts", f"{listener.url}/hook", "hush")
    repo = GitRepo(tmp_path / "repo", origin=gitea.push_url("parts"))
    commit = repo.commit(FILES)
    repo.push()
    assert clone(url, tmp_path / "copy").head == commit

    delivery = listener.wait()[0]
    assert delivery.headers["x-github-event"] == "push"
    assert delivery.signed_with(b"hush") and not delivery.signed_with(b"wrong")
    assert json.loads(delivery.body)["after"] == commit
    assert json.loads(delivery.body)["repository"]["clone_url"] == url

    state = {"state": "success", "context": "sealift", "description": "sealed"}
    assert gitea.api("POST", f"/repos/{gitea.user}/parts/statuses/{commit}", state).status == 201
    assert gitea.statuses("parts", commit)[0]["status"] == "success"


def test_gitea_registry(gitea: Gitea, crane: Crane) -> None:
    reference = f"{gitea.registry_host}/{gitea.user}/parts-image:v1"
    crane.login(gitea.registry_host, gitea.user, gitea.password)
    digest = crane.push(reference, FILES)
    assert crane.digest(reference) == digest


@pytest.mark.quick
def test_signed_webhook(listener: HookListener) -> None:
    payload = push_payload("https://git.example.com/acme/config.git", "1" * 40)
    assert send_github(f"{listener.url}/hook", payload, b"hush", delivery="d-1").status == 204
    assert send_github(f"{listener.url}/hook", payload, b"hush", form=True).status == 204
    plain, form = listener.deliveries
    assert plain.signed_with(b"hush") and form.signed_with(b"hush")
    assert plain.headers["x-github-delivery"] == "d-1"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("old", [False, True], ids=["bundle", "sig-tag"])
@pytest.mark.parametrize("has_referrers", [True, False])
def test_faulty_registry_without_faults(crane: Crane, cosign: Cosign, has_referrers: bool, old: bool) -> None:
    with FaultyRegistry(has_referrers=has_referrers) as registry:
        registry.relative_location = True
        digest = crane.push(registry.repository("shop:v1"), FILES)
        assert crane.files(registry.repository("shop:v1"))["README"] == b"hello\n"
        key = cosign.key()
        cosign.sign(registry.repository(f"shop@{digest}"), key.private, old)
        cosign.verify(registry.repository(f"shop@{digest}"), key.public, old)


def test_faulty_registry_tokens_expire(crane: Crane, stack: contextlib.ExitStack) -> None:
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer=True, host="localhost"))
    with pytest.raises(AssertionError, match="(?i)unauthorized"):
        crane.push(registry.repository("shop:v1"), FILES)
    crane.login(registry.host, "ada", "secret")
    crane.push(registry.repository("shop:v1"), FILES)
    registry.expire_tokens()
    assert "README" in crane.files(registry.repository("shop:v1"))


@pytest.mark.quick
def test_faulty_registry_faults(faulty_registry: FaultyRegistry) -> None:
    registry = faulty_registry
    url = f"{registry.url}/v2/shop/manifests/prod"
    manifest = b'{"schemaVersion": 2}'
    assert http("PUT", url, manifest, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}).status == 201

    registry.fail(RegistryFault(status=429, headers={"Retry-After": "1"}, match="GET /v2/shop/manifests", times=1))
    slow = http("GET", url)
    assert slow.status == 429 and slow.headers["Retry-After"] == "1"
    assert http("GET", url).body == manifest

    registry.fail(RegistryFault(status=200, body=HTML, content_type="text/html", times=1))
    assert http("GET", url).headers["Content-Type"] == "text/html"
    registry.fail(RegistryFault(corrupt=True, times=1))
    assert http("GET", url).body != manifest
    registry.fail(RegistryFault(half=True, times=1))
    with pytest.raises(Exception, match="IncompleteRead"):
        http("GET", url)
    registry.fail(RegistryFault(status=401, challenge='Bearer realm="http://evil.test/token"', times=1))
    assert "evil.test" in http("GET", url).headers["WWW-Authenticate"]
    registry.fail(RegistryFault(stall=True, times=1))
    with pytest.raises(OSError):
        http("GET", url, timeout=0.2)

    other = b'{"schemaVersion": 2, "annotations": {}}'
    assert http("PUT", url + "-next", other).status == 201
    digests = [http("GET", tag).headers["Docker-Content-Digest"] for tag in (url, url + "-next")]
    registry.flip["prod"] = digests
    assert [http("GET", url).body for _ in range(3)] == [manifest, other, other]


@pytest.mark.quick
def test_faulty_registry_redirects_blobs(stack: contextlib.ExitStack) -> None:
    first, second = stack.enter_context(FaultyRegistry()), stack.enter_context(FaultyRegistry())
    first.redirect_blobs_to = second.url
    digest = "sha256:" + "a" * 64
    answer = http("GET", f"{first.url}/v2/shop/blobs/{digest}", headers={"Authorization": "Basic eA=="})
    assert answer.status == 307
    assert http("GET", answer.headers["Location"]).status == 404
    assert "authorization" not in second.requests[0].headers


@pytest.mark.quick
def test_config_writes_objects(config: Config) -> None:
    config.namespace = "acme"
    config.secret("git", identity="KEY", tls__crt=b"CERT", known_hosts="host")
    bundle = config.bundle("shop", path="./apps", artifact={"tags": ["prod"]})
    policy = config.policy("all", require=[])
    written = yaml.safe_load(bundle.read_text())
    assert written["metadata"] == {"name": "shop", "namespace": "acme"}
    assert written["spec"] == {"path": "./apps", "artifact": {"tags": ["prod"]}}
    assert "namespace" not in yaml.safe_load(policy.read_text())["metadata"]
    secret = yaml.safe_load((config.folder / "secret-acme-git.yaml").read_text())
    assert secret["stringData"] == {"identity": "KEY", "tls.crt": "CERT", "known_hosts": "host"}
    config.remove("Bundle", "shop")
    assert not bundle.exists()


@pytest.mark.quick
def test_sealift_answers(sealift: Sealift) -> None:
    assert sealift("version").out.startswith("sealift")


def test_valgrind_is_content(sealift_in_valgrind: Sealift) -> None:
    assert sealift_in_valgrind("version").err == ""
