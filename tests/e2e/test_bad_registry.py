"""A registry that fails while sealift serves: pushes and pulls say so, nothing is taken on trust, and all of it passes
when the registry is well again. (test_registry.py asks the same of the commands.)"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Callable

import pytest

from parts.faulty_registry import HTML, FaultyRegistry, RegistryFault
from parts.gate import Gate
from parts.handmade import Member, file, layer_of, put_artifact, special, zeros_layer
from parts.journey import Journey, config_map
from parts.line import Line
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

Serve = Callable[..., Daemon]

FAULTS = [
    RegistryFault(status=401),
    RegistryFault(status=404),
    RegistryFault(status=500),
    RegistryFault(status=200, body=HTML, content_type="text/html"),
]
NAMES = ["401", "404", "500", "html"]


@pytest.fixture
def running(line: Line, serve: Serve, faulty_registry: FaultyRegistry) -> Line:
    """The path over the registry that fails on request."""
    line.repository = faulty_registry.oci("acme/shop")
    line.bundle = {"artifact": {"insecure": True}}
    line.sync = {"artifact": {"insecure": True}}
    return line.start(serve)


def well_again(line: Line, registry: FaultyRegistry, color: str) -> None:
    """Without a new hook: it is tried again by itself. A person who does not want to wait may ask."""
    registry.heal()
    line.journey.run("reconcile", "bundle", "shop")
    line.arrives(color)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_push_that_fails(running: Line, faulty_registry: FaultyRegistry, fault: RegistryFault) -> None:
    faulty_registry.fail(fault)
    running.push({"web.yaml": config_map("web", color="blue")})
    running.bundle_refuses("PushFailed", faulty_registry.host)
    well_again(running, faulty_registry, "blue")


def test_push_waits_as_told(running: Line, faulty_registry: FaultyRegistry) -> None:
    """429 with Retry-After: no hammering meanwhile, and no hook needed after."""
    faulty_registry.fail(RegistryFault(status=429, headers={"Retry-After": "2"}, times=3))
    faulty_registry.forget_requests()
    running.push({"web.yaml": config_map("web", color="blue")})
    running.arrives("blue")
    assert sum(request.status != 429 for request in faulty_registry.requests) >= 1


def test_half_an_upload(running: Line, faulty_registry: FaultyRegistry) -> None:
    """The tag moves last: what was not pushed whole is nowhere to be seen."""
    faulty_registry.fail(RegistryFault(status=500, match="PUT /v2/acme/shop/manifests/prod"))
    before = faulty_registry.find_manifest("acme/shop", "prod")
    running.push({"web.yaml": config_map("web", color="blue")})
    running.bundle_refuses("PushFailed", faulty_registry.host)
    assert faulty_registry.find_manifest("acme/shop", "prod") == before
    well_again(running, faulty_registry, "blue")


@pytest.mark.parametrize(
    "fault",
    [
        *FAULTS,
        RegistryFault(status=429, headers={"Retry-After": "1"}),
        RegistryFault(corrupt=True),
        RegistryFault(half=True),
    ],
    ids=[*NAMES, "429", "wrong digest", "half a body"],
)
def test_pull_that_fails(
    running: Line, serve: Serve, faulty_registry: FaultyRegistry, fault: RegistryFault, tmp_path: Path
) -> None:
    """The packager pushes to a registry that is well; the controller, elsewhere, meets one that is not."""
    line = running
    fault.match = "GET /v2/acme/shop/"
    line.daemon.stop()
    line.daemon = packager = serve(roles="receiver,packager")
    line.push({"web.yaml": config_map("web", color="blue")})
    wait_for("the release", lambda: packager.status("Bundle", "shop")["artifact"]["revision"].endswith(line.repo.head))
    packager.stop()
    faulty_registry.fail(fault)
    line.daemon = controller = serve("--cache-dir", tmp_path / "elsewhere", roles="controller")
    controller.wait_condition("Sync", "shop", "Ready", "False", "PullFailed")
    told = controller.condition("Sync", "shop")["message"]
    assert faulty_registry.host in told, told
    assert "red" in line.web
    faulty_registry.heal()
    line.journey.run("reconcile", "sync", "shop")
    assert "blue" in line.web


@pytest.fixture
def gate(
    sealift: Sealift, config: Config, tmp_path: Path, docker_registry: OciRegistry, repository: str, serve: Serve
) -> Gate:
    made = Gate(Journey(sealift, config, tmp_path), docker_registry, repository)
    made.policy()
    made.sync()
    made.push("good")
    made.daemon = serve(roles="controller")
    made.passes("good")
    return made


WEB = file("shop/ConfigMap/web.yaml", config_map("web", "shop", content="evil"))


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (special("shop/link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link"),
        (special("shop/link", tarfile.LNKTYPE, "shop/ConfigMap/web.yaml"), "hard link"),
        (special("shop/null", tarfile.CHRTYPE), "device"),
        (special("shop/pipe", tarfile.FIFOTYPE), "pipe"),
        (file("../up.yaml"), "../up.yaml"),
        (file("shop/../../up.yaml"), ".."),
        (file("/etc/cron.d/evil"), "absolute"),
    ],
    ids=["symlink", "hard link", "device", "pipe", "dot dot", "dot dot inside", "absolute"],
)
def test_hostile_member(gate: Gate, member: Member, says: str) -> None:
    """Signed properly, so that only unpacking can refuse it."""
    gate.sign(put_artifact(gate.registry, gate.repository, "prod", layer_of([WEB, member])), "packager", "--channel", "prod")
    gate.refuses("PullFailed", says)
    gate.heals("good")
    gate.push("better")
    gate.passes("better")


def test_bomb(gate: Gate) -> None:
    layer = zeros_layer("shop/ConfigMap/zeros.yaml", 1 << 30)
    gate.sign(put_artifact(gate.registry, gate.repository, "prod", layer), "packager", "--channel", "prod")
    before = rss(gate.daemon)
    gate.refuses("PullFailed", "limit")
    assert rss(gate.daemon) - before < 200 << 20, "what is too large is not held"
    gate.heals("good")


def rss(daemon: Daemon) -> int:
    """The highest so far."""
    lines = open(f"/proc/{daemon.pid}/status").read().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
