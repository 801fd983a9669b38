"""Mirrors: read from first, believed in nothing."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from parts.certificates import Authority
from parts.faulty_registry import FaultyRegistry, RegistryFault
from parts.journey import object_file
from parts.line import Line
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {greeting: hello}\n"
NAME = "acme/shop"
Serve = Callable[..., Daemon]


class Place:
    """A signed artifact in a registry, and a mirror that has a copy below a prefix."""

    def __init__(self, sealift: Sealift, folder: Path, stack: ExitStack) -> None:
        self.sealift, self.folder = sealift, folder
        self.origin = stack.enter_context(FaultyRegistry("ada", "secret"))
        self.mirror = stack.enter_context(FaultyRegistry())
        sealift.env["COSIGN_PASSWORD"] = ""
        (folder / "manifests").mkdir()
        (folder / "manifests" / "config.yaml").write_text(CONFIG_MAP)
        sealift("keygen", "--output-prefix", folder / "key")
        self.key = folder / "key.pub"
        self.login = folder / "login.json"
        self.login.write_text('{"auths":{"%s":{"username":"ada","password":"secret"}}}' % self.origin.host)
        self.ref = self.origin.oci(f"{NAME}:prod")
        self.flags = ("--docker-config", self.login)

        sealift("push", folder / "manifests", self.ref, "--key", folder / "key.key", *self.flags)
        self.copy()

    def copy(self) -> None:
        self.mirror.blobs.update(self.origin.blobs)
        self.mirror.manifests = {("cache/" + name, tag): stored for (name, tag), stored in self.origin.manifests.items()}

    @property
    def option(self) -> tuple[str, str]:
        return ("--registry-mirror", f"{self.origin.host}={self.mirror.url}/cache")

    def verify(self) -> str:
        self.origin.forget_requests()
        self.mirror.forget_requests()
        return self.sealift("verify", self.ref, "--key", self.key, *self.flags, *self.option).out


@pytest.fixture
def place(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> Place:
    return Place(sealift, tmp_path, stack)


def test_all_from_the_mirror(place: Place) -> None:
    """Under the registry's name, and without its login."""
    place.verify()
    assert not place.origin.requests
    assert all("authorization" not in request.headers for request in place.mirror.requests)


def test_a_mirror_behind_tls(place: Place, stack: ExitStack, authority: Authority) -> None:
    """Trusted as the system trusts: a private authority is in SSL_CERT_FILE."""
    certificate = authority.issue("localhost", file="mirror")
    place.mirror = stack.enter_context(FaultyRegistry(tls=certificate, host="localhost"))
    place.copy()
    place.verify()
    assert place.origin.requests and not place.mirror.requests, "nobody vouches for the mirror"
    place.sealift.env["SSL_CERT_FILE"] = str(authority.cert)
    place.verify()
    assert not place.origin.requests and place.mirror.requests


@pytest.mark.parametrize(
    "fault",
    [
        RegistryFault(status=500),
        RegistryFault(status=404),
        RegistryFault(status=401),
        RegistryFault(status=200, body=b"<html>", content_type="text/html"),
        RegistryFault(corrupt=True, match="GET /v2/"),
        RegistryFault(half=True, match="GET /v2/"),
        RegistryFault(cut=True),
    ],
    ids=["500", "404", "401", "html", "corrupt", "half", "cut"],
)
def test_a_mirror_that_fails(place: Place, fault: RegistryFault) -> None:
    place.mirror.fail(fault)
    place.verify()
    assert place.origin.requests


def test_a_mirror_that_is_gone(place: Place) -> None:
    place.mirror.stop()
    place.verify()


def test_a_mirror_with_no_lists(place: Place) -> None:
    """An empty list of referrers, and no .sig tag: the registry is asked."""
    place.mirror.has_referrers = True
    place.mirror.manifests = {
        key: stored for key, stored in place.mirror.manifests.items() if b'"subject"' not in stored.content
    }
    place.verify()
    assert any("/referrers/" in request.path for request in place.origin.requests)


def test_the_registry_is_gone(place: Place, tmp_path: Path) -> None:
    place.origin.stop()
    place.sealift("verify", place.ref, "--key", place.key, *place.flags, *place.option)
    place.sealift("pull", place.ref, "--output", tmp_path / "out", *place.flags, *place.option)


def test_a_mirror_with_something_else(place: Place, sealift: Sealift, tmp_path: Path) -> None:
    """A tag that names another artifact there is another artifact: its signatures do not fit."""
    (place.folder / "manifests" / "config.yaml").write_text(CONFIG_MAP.replace("hello", "evil"))
    sealift("push", place.folder / "manifests", f"oci://{place.mirror.host}/cache/{NAME}:prod", "--unsigned")
    said = sealift.fails("verify", place.ref, "--key", place.key, *place.flags, *place.option).err
    assert said


def test_pushes_go_to_the_registry(place: Place, sealift: Sealift) -> None:
    place.mirror.forget_requests()
    flags = ("--unsigned", *place.flags, *place.option)
    sealift("push", place.folder / "manifests", place.origin.oci(f"{NAME}:next"), *flags)
    assert not place.mirror.requests and (NAME, "next") in place.origin.manifests


@pytest.mark.parametrize(
    "text", ["nonsense", "=https://x", "a.example.com=", "a.example.com=ftp://x", "a.example.com=https://u:p@x", "a/b=https://x"]
)
def test_bad_options(sealift: Sealift, tmp_path: Path, text: str) -> None:
    said = sealift.fails("pull", "oci://a.example.com/x:y", "--output", tmp_path, "--registry-mirror", text).err
    assert "--registry-mirror" in said and "HOST=URL" in said


def test_a_sync_reads_from_the_mirror(line: Line, serve: Serve, stack: ExitStack, tmp_path: Path) -> None:
    """The registry is down, and a controller that has nothing yet starts."""
    origin, mirror = (stack.enter_context(FaultyRegistry()) for _ in range(2))
    line.repository = origin.oci(NAME)
    line.bundle = line.sync = {"artifact": {"insecure": True}}
    line.start(serve).daemon.stop()
    mirror.blobs.update(origin.blobs)
    mirror.manifests = {("cache/" + name, tag): stored for (name, tag), stored in origin.manifests.items()}
    origin.stop()
    (line.journey.target / object_file("web")).unlink()
    option = ("--registry-mirror", f"{origin.host}={mirror.url}/cache")
    line.daemon = serve("--cache-dir", tmp_path / "elsewhere", *option, roles="controller")
    wait_for("the object", lambda: "red" in line.web)
    assert any("/blobs/" in request.path for request in mirror.requests)
