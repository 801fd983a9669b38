"""A registry that fails while sealift serves: pushes and pulls say so, nothing is taken on trust, and all of it passes
when the registry is well again. (test_registry.py asks the same of the commands.)"""

from __future__ import annotations

import itertools
import tarfile
from pathlib import Path
from typing import Callable

import pytest

from parts.faulty_registry import HTML, FaultyRegistry, RegistryFault, RegistryRequest
from parts.gate import Gate
from parts.handmade import Member, file, layer_of, put_artifact, special, zeros_layer
from parts.journey import KEY_PASSWORD, Journey, applied, config_map
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


class Flipper:
    """A registry that points one tag at artifacts in turn, by the request or by its method."""

    def __init__(self, journey: Journey, registry: FaultyRegistry) -> None:
        self.journey, self.registry = journey, registry
        self.made: dict[str, str] = {}  # digest -> content
        self.target = journey.target / "shop/ConfigMap/web.yaml"

    def push(self, content: str, *flags: object) -> str:
        folder = self.journey.folder / "src"
        folder.mkdir(exist_ok=True)
        (folder / "web.yaml").write_text(config_map("web", "shop", content=content))
        answer = self.journey.sealift("push", folder, self.registry.oci("acme/shop:prod"), *flags, "-o", "json")
        digest = str(answer.json()["digest"])
        self.made[digest] = content
        return digest

    def point(self, choose: Callable[[str], str]) -> None:
        """`choose` says for each request's method what the tag names then."""

        def turn(request: RegistryRequest) -> None:
            if request.path.endswith("/manifests/prod"):
                self.registry.flip["prod"] = [choose(request.method)]

        self.registry.on_request = turn

    def look(self, daemon: Daemon, good: set[str]) -> bool:
        """Whether the Sync took what it saw. In the target is what it says that it applied, and that was verified."""
        words = self.journey.at("reconcile", "sync", "shop", "--timeout", "20s")
        taken = self.journey.sealift.run(*words).code == 0
        digest = daemon.status("Sync", "shop")["artifact"]["digest"]
        assert digest in good and self.made[digest] in self.target.read_text()
        return taken


@pytest.fixture
def flipper(sealift: Sealift, config: Config, tmp_path: Path, faulty_registry: FaultyRegistry) -> Flipper:
    made = Flipper(Journey(sealift, config, tmp_path), faulty_registry)
    made.journey.sync(artifact={"repository": faulty_registry.oci("acme/shop"), "tag": "prod", "insecure": True})
    (tmp_path / "password").write_text(KEY_PASSWORD)
    return made


@pytest.mark.parametrize("digest_header", [True, False], ids=["HEAD tells", "no digest header"])
def test_a_tag_that_flips_under_a_sync(
    flipper: Flipper, serve: Serve, tmp_path: Path, faulty_registry: FaultyRegistry, digest_header: bool
) -> None:
    """What is applied is what was verified, whatever the tag names from one request to the next."""
    signed = ("--key", flipper.journey.private, "--password-file", tmp_path / "password")
    good, other = flipper.push("good", *signed), flipper.push("other", *signed)
    evil = flipper.push("evil", "--unsigned")
    faulty_registry.no_digest_header = not digest_header
    flipper.point(lambda method: good)
    daemon = serve(roles="controller")
    applied(daemon, good)
    flipper.point(lambda method: good if method == "HEAD" else evil)
    assert flipper.look(daemon, {good}) == digest_header, "without the header the GET is what resolves"
    flipper.point(lambda method: evil if method == "HEAD" else good)
    assert flipper.look(daemon, {good}) == (not digest_header)
    # `other` is the newer release: once it was let in, the older one is refused as well.
    for turns in ([good, evil, evil], [evil, good, evil], [good, other, evil]):
        endless = itertools.cycle(turns)
        flipper.point(lambda method: next(endless))
        seen = [flipper.look(daemon, {good, other}) for _ in range(6)]
        assert any(seen) and not all(seen), "some pass"
    assert "other" in flipper.target.read_text()
    # A digest that would pass, answered with the bytes of another.
    third = flipper.push("third", *signed)
    store = faulty_registry.manifests
    kept, store["acme/shop", third] = store["acme/shop", third], store["acme/shop", evil]
    faulty_registry.claimed_digest, faulty_registry.no_digest_header = third, False
    flipper.point(lambda method: third)
    assert not flipper.look(daemon, {other})
    assert "other bytes" in daemon.condition("Sync", "shop")["message"]
    store["acme/shop", third] = kept
    assert flipper.look(daemon, {third})


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
