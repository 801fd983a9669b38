"""The parts as fixtures. A test that needs a part in another form makes it with `stack.enter_context(Part(...))`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from parts.certificates import Authority
from parts.cluster import Rights, install_kinds
from parts.control_plane import ControlPlane
from parts.cosign import Cosign
from parts.crane import Crane
from parts.faulty_registry import FaultyRegistry
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.gitea import Gitea
from parts.objects import Config
from parts.installed import Cluster
from parts.journey import Journey
from parts.line import Line
from parts.oci_registry import DockerRegistry, OciRegistry, ReferrersRegistry
from parts.sealift import Daemon, Sealift
from parts.site import Site
from parts.sshd import SshServer
from parts.valgrind import under_valgrind
from parts.webhook import HookListener

# All servers are on loopback, whatever proxy the surroundings name; and no hook's or shell's git settings count.
for name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[name]
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Closes what the test enters into it, last first."""
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that no machine trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitHttpServer]:
    """git over plain HTTP, open to everybody."""
    with GitHttpServer(tmp_path / "git-http") as server:
        yield server


@pytest.fixture
def repo(tmp_path: Path, git_server: GitHttpServer) -> GitRepo:
    """A working tree whose origin is `config` on git_server; nothing is committed yet."""
    return GitRepo(tmp_path / "repo", origin=git_server.create("config"))


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(tmp_path / "sshd") as server:
        yield server


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Shared by all tests: write below `repository`. One that is to be stopped is the test's own."""
    with DockerRegistry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def referrers_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferrersRegistry]:
    """Shared by all tests, as docker_registry."""
    with ReferrersRegistry(tmp_path_factory.mktemp("referrers-registry")) as registry:
        yield registry


@pytest.fixture(params=["docker", "referrers"])
def registry(request: pytest.FixtureRequest) -> OciRegistry:
    """Runs the test on both."""
    return request.getfixturevalue(f"{request.param}_registry")


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository path that no other test uses: `registry.oci(repository)`."""
    name = re.sub("[^a-z0-9]+", "-", request.node.nodeid.rsplit("/", 1)[-1].lower()).strip("-")
    return f"tests/{name}"


@pytest.fixture
def faulty_registry() -> Iterator[FaultyRegistry]:
    """A registry that misbehaves when told to; without credentials."""
    with FaultyRegistry() as server:
        yield server


@pytest.fixture
def crane(tmp_path: Path) -> Crane:
    return Crane(tmp_path / "crane")


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    return Cosign(tmp_path / "cosign")


@pytest.fixture(scope="session")
def gitea() -> Iterator[Gitea]:
    """A forge for all tests: name repositories after the test."""
    with Gitea() as forge:
        yield forge


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and an API server for all tests; control_plane.controllers() starts the rest."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The same with controllers, scheduler and nodes at work."""
    control_plane.controllers()
    return control_plane


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """The same with our kinds."""
    install_kinds(control_plane, Sealift(tmp_path_factory.mktemp("home")))
    return control_plane


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster of the module's own, with all that `sealift install` applies."""
    with ControlPlane(tmp_path_factory.mktemp("installed")) as own:
        own.controllers()
        Cluster(Sealift(tmp_path_factory.mktemp("home")), own).install("--no-wait")
        yield own


@pytest.fixture
def site(plane: ControlPlane, rights: Rights, sealift: Sealift, tmp_path: Path, namespace: str) -> Iterator[Site]:
    """One tenant of it, with an account; `rights` are the module's."""
    made = Site(plane, rights, sealift, tmp_path, namespace)
    made.account()
    yield made
    made.clear()


@pytest.fixture
def namespace(request: pytest.FixtureRequest, control_plane: ControlPlane) -> str:
    """A namespace of the test's own, named after it."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]
    return control_plane.namespace(f"{name[:50].rstrip('-')}-{digest}")


@pytest.fixture
def listener() -> Iterator[HookListener]:
    """Receives webhooks instead of sealift."""
    with HookListener() as server:
        yield server


@pytest.fixture
def sealift(tmp_path: Path) -> Sealift:
    """Runs the program: sealift("version").out."""
    return Sealift(tmp_path / "home")


@pytest.fixture
def sealift_in_valgrind(tmp_path: Path) -> Sealift:
    """The same, with valgrind watching: for Daemon(sealift_in_valgrind, ..., ready_timeout=60) too."""
    return under_valgrind(tmp_path / "home")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The --config folder: config.bundle("shop", source={...})."""
    return Config(tmp_path / "config")


@pytest.fixture
def serve(sealift: Sealift, config: Config, tmp_path: Path, stack: contextlib.ExitStack) -> Callable[..., Daemon]:
    """serve(*flags, roles=...) starts a daemon on `config` and one state folder; it ends with the test."""

    def start(*flags: Any, **options: Any) -> Daemon:
        return stack.enter_context(Daemon(sealift, config.folder, tmp_path / "state", *flags, **options))

    return start


@pytest.fixture
def line(sealift: Sealift, config: Config, tmp_path: Path, git_server: GitHttpServer, repo: GitRepo) -> Line:
    """A path from git_server over a layout on disk to a directory: line.start(serve)."""
    url = f"{git_server.url}/config.git"
    return Line(Journey(sealift, config, tmp_path), repo, url, f"oci-layout://{tmp_path}/layout")
