"""No secret is told: not in logs, state, events, metrics, answers, artifacts, nor in what commands print, whether all
goes well or not."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, TOKEN, Journey, config_map, released
from parts.line import Line
from parts.net import http
from parts.objects import Config
from parts.oci_registry import DockerRegistry
from parts.sampler import Sampler
from parts.sealift import Daemon, Sealift
from parts.secrecy import Secrecy
from parts.sshd import SshServer
from parts.token_server import TokenServer
from parts.wait import wait_for
from parts.webhook import HookListener

Serve = Callable[..., Daemon]

GIT_PASSWORD, REGISTRY_PASSWORD, URL_PASSWORD = "git-s3cret+4711", "registry-s3cret/4712", "url-s3cret-4713"
WRONG_PASSWORD, MANIFEST_SECRET = "wrong-s3cret=4714", "manifest-s3cret-4715"
BEARER, WRONG_BEARER, NOTIFY_TOKEN = "bearer-s3cret-4716", "bearer-wr0ng-4717", "notify-s3cret-token-4718"


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    """Everything is written below folders of the test, temporary files too."""
    made = Journey(sealift, config, tmp_path)
    (tmp_path / "tmp").mkdir()
    sealift.env["TMPDIR"] = str(tmp_path / "tmp")
    return made


@pytest.fixture
def secrecy(journey: Journey) -> Secrecy:
    known = Secrecy()
    known.add("the hook's token", TOKEN)
    known.add("the key's password", KEY_PASSWORD)
    known.add_private_key("the signing key", journey.private.read_text())
    known.add("a private key", "PRIVATE KEY")
    for password in (GIT_PASSWORD, REGISTRY_PASSWORD, URL_PASSWORD, WRONG_PASSWORD):
        known.add_login("a password", "ada", password)
    known.add("a Secret in Git", MANIFEST_SECRET)
    known.add("a bearer token", BEARER, WRONG_BEARER)
    known.add("the token of a notified Hook", NOTIFY_TOKEN)
    return known


def command_lines(daemon: Daemon) -> Optional[str]:
    """Of the daemon and its children, as everybody on the host can read them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            session = (folder / "stat").read_text().rpartition(")")[2].split()[3]
            if session == str(daemon.pid):
                found.append((folder / "cmdline").read_text("utf-8", "replace").replace("\0", " "))
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(sorted(found)) or None


def check_all(secrecy: Secrecy, journey: Journey, daemon: Daemon, said: list[str]) -> None:
    """Asks for all that can be asked for, ends the daemon, and looks through what there is."""
    kinds = ("bundle", "sync", "hook")
    commands: list[tuple[str, ...]] = [
        *(("get", f"{kind}s", "-o", form) for kind in kinds for form in ("wide", "yaml", "json", "name")),
        *(("get", kind, "shop", *more) for kind in kinds for more in ((), ("-o", "yaml"))),
        *(("events",), ("check",), ("reconcile", "bundle", "shop"), ("reconcile", "sync", "shop")),
        ("trigger", "shop", "--to", daemon.hook_url),
    ]
    for words in commands:
        result = journey.sealift.run(*journey.at(*words))
        said.append(result.out + result.err)
    for path in ("/metrics", "/healthz", "/readyz"):
        said.append(http("GET", daemon.health_url + path).text)
    daemon.stop()
    assert '"level":"debug"' in daemon.output
    secrecy.check("the log", daemon.output)
    for text in said:
        secrecy.check("an answer", text)
    assert secrecy.check_folder(daemon.state) > 5 and secrecy.check_folder(journey.target) > 0
    assert (daemon.state / "events.jsonl").exists()
    secrecy.check_folder(journey.folder / "tmp")
    secrecy.check_folder(journey.sealift.home)


def test_secrets_stay_secret(
    sealift: Sealift, journey: Journey, secrecy: Secrecy, tmp_path: Path, stack: ExitStack, serve: Serve
) -> None:
    git = stack.enter_context(GitHttpServer(tmp_path / "git", "ada", GIT_PASSWORD))
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", "ada", REGISTRY_PASSWORD))
    url = git.create("config")
    repo = GitRepo(tmp_path / "repo", origin=url.replace("://", f"://ada:{GIT_PASSWORD}@"))
    config = journey.config
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
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False", "GitFailed")
    config.secret("git", username="ada", password=GIT_PASSWORD)
    line.daemon.wait_ready_of("Bundle", "shop")
    config.secret("registry", username="ada", password=WRONG_PASSWORD)
    line.push({"web.yaml": config_map("web", color="black")})
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False", "PushFailed")
    config.secret("registry", username="ada", password=REGISTRY_PASSWORD)
    line.arrives("black")
    config.secret("packager-key", cosign__key=journey.private, cosign__password=WRONG_PASSWORD)
    line.push({"web.yaml": config_map("web", color="white")})
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False")
    said.append(line.send(signature="sha256=00").text)
    with_password = url.replace("://", f"://ada:{URL_PASSWORD}@")
    said.append(line.send({"ref": "refs/heads/main", "repository": {"clone_url": with_password}}).text)
    journey.bundle(with_password, line.repository, name="leaky")
    line.daemon.wait_condition("Bundle", "leaky", "Ready", "False", "InvalidSpec")
    for words in (
        ("push", tmp_path / "repo", f"{registry.oci('acme/shop')}:x", "--key", journey.private, "--insecure"),
        ("pull", f"oci://ada:{URL_PASSWORD}@{registry.host}/acme/shop:prod", "--output", tmp_path / "out", "--insecure"),
    ):
        result = sealift.fails(*words, env={"COSIGN_PASSWORD": WRONG_PASSWORD})
        said.append(result.out + result.err)
    check_all(secrecy, journey, line.daemon, said)
    # What is in the registry is for more eyes than the repository: statements name its address.
    assert secrecy.check_folder(tmp_path / "registry/data") > 5


def test_other_credentials_stay_secret(
    journey: Journey,
    secrecy: Secrecy,
    ssh_server: SshServer,
    listener: HookListener,
    tmp_path: Path,
    stack: ExitStack,
    serve: Serve,
) -> None:
    """Bearer tokens for git, tokens of a registry's token service, keys of ssh, and what `notify` signs with."""
    git = stack.enter_context(GitHttpServer(tmp_path / "git", bearer=BEARER))
    tokens = KeepingTokens(tmp_path, "ada", REGISTRY_PASSWORD)
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", token_server=stack.enter_context(tokens)))
    url = git.create("config")
    config = journey.config

    def login(password: str) -> None:
        auth = base64.b64encode(f"ada:{password}".encode()).decode()
        document: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret"}
        document["metadata"] = {"name": "registry", "namespace": "default"}
        document["stringData"] = {".dockerconfigjson": json.dumps({"auths": {registry.host: {"auth": auth}}})}
        config.write("registry.yaml", document)

    login(REGISTRY_PASSWORD)
    config.secret("git", bearerToken=BEARER)
    config.secret("there", token=NOTIFY_TOKEN)
    line = Line(journey, GitRepo(tmp_path / "repo", origin=str(git.path("config"))), url, registry.oci("acme/shop"))
    line.sync = {"artifact": {"insecure": True, "secretRef": {"name": "registry"}}}
    notified = {"url": f"{listener.url}/hook/x", "secretRef": {"name": "there"}}
    line.bundle = {"source": {"git": {"secretRef": {"name": "git"}}}, "notify": [notified], **line.sync}
    line.start(serve, "--log-level", "debug")

    # Over ssh: who may log in, and who may not.
    ssh_url = ssh_server.create("other")
    other = GitRepo(tmp_path / "other", origin=str(ssh_server.path("other")))
    other.commit({"a.yaml": config_map("a")})
    other.push()
    with Sampler(lambda: command_lines(line.daemon)) as lines:
        config.secret("ssh", identity=ssh_server.identity, known_hosts=ssh_server.known_hosts)
        ssh = {"git": {"secretRef": {"name": "ssh"}}}
        journey.bundle(ssh_url, f"oci-layout://{tmp_path}/layout", name="ssh", source=ssh)
        released(line.daemon, other.head, "ssh")
        config.secret("ssh", identity=ssh_server.stranger, known_hosts=ssh_server.known_hosts)
        line.daemon.wait_condition("Bundle", "ssh", "Ready", "False", "GitFailed")

    # Each refused once: the notification, the git server's token, the registry's password.
    listener.status = 401
    line.goes_on("blue")
    wait_for(
        "an event NotifyFailed", lambda: any(event["reason"] == "NotifyFailed" for event in line.daemon.events())
    )
    config.secret("git", bearerToken=WRONG_BEARER)
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False", "GitFailed")
    config.secret("git", bearerToken=BEARER)
    line.daemon.wait_ready_of("Bundle", "shop")
    login(WRONG_PASSWORD)
    line.push({"web.yaml": config_map("web", color="green")})
    line.daemon.wait_condition("Bundle", "shop", "Ready", "False", "PushFailed")

    assert tokens.given
    for token in tokens.given:
        secrecy.add("a token of the registry", *token.split(".")[1:])
    for key in (ssh_server.identity, ssh_server.stranger):
        secrecy.add_private_key("an ssh key", key.read_text())
    for seen in lines.seen:
        secrecy.check("a command line", str(seen))
    assert any("ssh" in str(seen).split() or "/ssh " in str(seen) for seen in lines.seen), lines.seen
    check_all(secrecy, journey, line.daemon, [])
    assert secrecy.check_folder(tmp_path / "registry/data") > 5 and secrecy.check_folder(tmp_path / "layout") > 5


class KeepingTokens(TokenServer):
    """Remembers what it gave."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self.given: list[str] = []
        super().__init__(folder, user, password)

    def make_token(self, service: str, scopes: list[str]) -> str:
        token = super().make_token(service, scopes)
        self.given.append(token)
        return token


def test_the_search_finds() -> None:
    """Otherwise all of this proves nothing."""
    secrecy = Secrecy()
    secrecy.add_login("it", "ada", GIT_PASSWORD)
    pair = f"xx ada:{GIT_PASSWORD} yy".encode()
    for content in (
        pair,
        *(base64.b64encode(pair[start:]) for start in range(4)),
        *(base64.urlsafe_b64encode(pair[start:]) for start in range(4)),
        pair.hex().encode(),
        b"https://ada:git-s3cret%2B4711@example.com/",
        json.dumps({"auth": pair.decode()}).encode(),
    ):
        assert secrecy.found_in(content), content
    assert not secrecy.found_in(b"ada:somebody-else " + base64.b64encode(b"ada:somebody-else"))
