"""Git as real servers speak it: https with a private authority and every kind of credentials, ssh, and a folder."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.certificates import Authority
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, config_map, deliver, push, released
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.sshd import SshServer

Serve = Callable[..., Daemon]


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    made = Journey(sealift, config, tmp_path)
    made.hook()
    return made


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return f"oci-layout://{tmp_path}/layout"


def filled(path: Path, origin: str, **env: str) -> GitRepo:
    """A working tree with one commit, pushed."""
    repo = GitRepo(path, origin=origin)
    repo.env = env
    repo.commit({"web.yaml": config_map("web", color="red"), "big/blob": b"\0" * 300_000})
    repo.push()
    return repo


def with_secret(name: str = "git", **git: Any) -> dict[str, Any]:
    return {"git": {"secretRef": {"name": name}, **git}}


def follow(journey: Journey, daemon: Daemon, repo: GitRepo, url: str) -> None:
    """First commit, a fast-forward by two, and one that changes nothing."""
    first = released(daemon, repo.head)
    repo.commit({"other.yaml": config_map("other")})
    second = released(daemon, push(daemon, repo, url, {"web.yaml": config_map("web", color="blue")}))
    assert first["digest"] != second["digest"]
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"] == second


def refused(daemon: Daemon, *parts: str) -> None:
    ready = daemon.wait_condition("Bundle", "shop", "Ready", "False")
    message = next(c["message"] for c in ready["conditions"] if c["type"] == "Ready")
    assert all(part.lower() in message.lower() for part in parts), message


def test_https_with_password(
    journey: Journey, serve: Serve, authority: Authority, layout: str, tmp_path: Path, stack: Any
) -> None:
    server = stack.enter_context(GitHttpServer(tmp_path / "git", "ada", "s3cret", tls=authority.issue()))
    url = server.create("config")
    push_url = url.replace("https://", "https://ada:s3cret@")
    repo = filled(tmp_path / "repo", push_url, GIT_SSL_CAINFO=str(authority.cert))
    journey.config.secret("git", username="ada", password="s3cret", ca__crt=authority.cert)
    journey.bundle(url, layout, source=with_secret())
    daemon = serve()
    follow(journey, daemon, repo, url)
    assert "s3cret" not in daemon.output


def test_https_with_bearer_token(
    journey: Journey, serve: Serve, authority: Authority, layout: str, tmp_path: Path, stack: Any
) -> None:
    server = stack.enter_context(GitHttpServer(tmp_path / "git", bearer="t0ken", tls=authority.issue()))
    url = server.create("config")
    repo = filled(tmp_path / "repo", str(server.path("config")))
    journey.config.secret("git", bearerToken="t0ken", ca__crt=authority.cert)
    journey.bundle(url, layout, source=with_secret())
    daemon = serve()
    follow(journey, daemon, repo, url)
    assert "t0ken" not in daemon.output


def test_https_with_client_certificate(
    journey: Journey, serve: Serve, layout: str, tmp_path: Path, stack: Any
) -> None:
    authority = Authority(tmp_path / "ca")

    class Demanding:
        """Our server's certificate, and a client's is demanded."""

        def server_context(self) -> ssl.SSLContext:
            context = authority.issue().server_context()
            context.load_verify_locations(authority.cert)
            context.verify_mode = ssl.CERT_REQUIRED
            return context

    server = stack.enter_context(GitHttpServer(tmp_path / "git", tls=Demanding()))  # type: ignore[arg-type]
    url = server.create("config")
    repo = filled(tmp_path / "repo", str(server.path("config")))
    client = authority.issue("packager", file="client")
    journey.config.secret("git", ca__crt=authority.cert, tls__crt=client.cert, tls__key=client.key)
    journey.bundle(url, layout, source=with_secret())
    follow(journey, serve(), repo, url)


def test_https_wants_a_known_authority_and_the_right_password(
    journey: Journey, serve: Serve, authority: Authority, layout: str, tmp_path: Path, stack: Any
) -> None:
    """Refused with a sentence; and what was wrong is noticed as soon as the Secret is right."""
    server = stack.enter_context(GitHttpServer(tmp_path / "git", "ada", "s3cret", tls=authority.issue()))
    url = server.create("config")
    repo = filled(tmp_path / "repo", str(server.path("config")))
    journey.config.secret("git", username="ada", password="s3cret")
    journey.bundle(url, layout, source=with_secret())
    daemon = serve()
    refused(daemon, "certificate")
    journey.config.secret("git", username="ada", password="wr0ng", ca__crt=authority.cert)
    journey.sealift.fails(*journey.at("reconcile", "bundle", "shop"))
    refused(daemon, "401")
    journey.config.secret("git", username="ada", password="s3cret", ca__crt=authority.cert)
    released(daemon, repo.head)
    assert "s3cret" not in daemon.output and "wr0ng" not in daemon.output


def test_ssh(journey: Journey, serve: Serve, ssh_server: SshServer, layout: str, tmp_path: Path) -> None:
    url = ssh_server.create("config")
    repo = filled(tmp_path / "repo", url, GIT_SSH_COMMAND=ssh_server.client_command)
    journey.config.secret("git", identity=ssh_server.identity, known_hosts=ssh_server.known_hosts)
    journey.bundle(url, layout, source=with_secret())
    daemon = serve()
    follow(journey, daemon, repo, url)
    assert not list(tmp_path.glob("home/**/known_hosts"))


def test_ssh_refuses_strangers(
    journey: Journey, serve: Serve, ssh_server: SshServer, layout: str, tmp_path: Path
) -> None:
    url = ssh_server.create("config")
    repo = filled(tmp_path / "repo", url, GIT_SSH_COMMAND=ssh_server.client_command)
    kind, key = (ssh_server.stranger.parent / "stranger.pub").read_text().split()[:2]
    wrong = f"[127.0.0.1]:{ssh_server.port} {kind} {key}\n"
    journey.config.secret("git", identity=ssh_server.identity, known_hosts=wrong)
    journey.bundle(url, layout, source=with_secret())
    daemon = serve()
    refused(daemon, "host key")
    journey.config.secret("git", identity=ssh_server.stranger, known_hosts=ssh_server.known_hosts)
    journey.sealift.fails(*journey.at("reconcile", "bundle", "shop"))
    refused(daemon, "permission denied")
    journey.config.secret("git", identity=ssh_server.identity, known_hosts=ssh_server.known_hosts)
    released(daemon, repo.head)


@pytest.mark.quick
def test_folder(journey: Journey, serve: Serve, layout: str, tmp_path: Path) -> None:
    """file:// of a bare repository and of a working tree."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"web.yaml": config_map("web")})
    url = f"file://{repo.path}"
    journey.bundle(url, layout)
    daemon = serve()
    first = released(daemon, repo.head)
    commit = repo.commit({"web.yaml": config_map("web", color="blue")})
    deliver(daemon, url, commit)
    assert released(daemon, commit)["digest"] != first["digest"]
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    journey.bundle(f"file://{tmp_path}/bare.git", layout)
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"]["revision"].endswith(commit)


def test_force_push_is_refused_until_accepted(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, layout: str
) -> None:
    url = f"{git_server.url}/config.git"
    repo.commit({"web.yaml": config_map("web")})
    repo.commit({"web.yaml": config_map("web", color="red")})
    repo.push()
    journey.bundle(url, layout)
    daemon = serve()
    before = released(daemon, repo.head)
    rewritten = repo.amend({"web.yaml": config_map("web", color="blue")})
    repo.push(force=True)
    deliver(daemon, url, rewritten)
    daemon.wait_condition("Bundle", "shop", "Ready", "False", "HistoryRewritten")
    assert daemon.status("Bundle", "shop")["artifact"] == before
    journey.run("reconcile", "bundle", "shop", "--accept-history", rewritten)
    assert released(daemon, rewritten)["digest"] != before["digest"]


def test_force_push_is_taken_where_history_is_any(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, layout: str
) -> None:
    url = f"{git_server.url}/config.git"
    repo.commit({"web.yaml": config_map("web")})
    repo.commit({"web.yaml": config_map("web", color="red")})
    repo.push()
    journey.bundle(url, layout, source={"git": {"history": "Any"}})
    daemon = serve()
    released(daemon, repo.head)
    rewritten = repo.amend({"web.yaml": config_map("web", color="blue")})
    repo.push(force=True)
    deliver(daemon, url, rewritten)
    released(daemon, rewritten)
