"""Large blobs up and down: in chunks, and resumed where they broke off."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.faulty_registry import FaultyRegistry, RegistryFault
from parts.oci_registry import OciRegistry
from parts.sealift import Sealift

CHUNK = 16 * 1024
PATCH = "PATCH /v2/acme/shop/blobs/uploads/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What does not compress: a layer of some 60 KiB."""
    path = tmp_path / "manifests"
    path.mkdir()
    text = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=90_000))
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "a"}}
    (path / "config.yaml").write_text(yaml.safe_dump({**document, "data": {"text": text}}))
    return path


def push(sealift: Sealift, folder: Path, ref: str, *flags: object) -> str:
    words = ("push", folder, ref, "--unsigned", "-o", "json", "--chunk-bytes", str(CHUNK), *map(str, flags))
    return str(sealift(*words).json()["digest"])


def count(registry: FaultyRegistry, method: str) -> int:
    return sum(request.method == method for request in registry.requests)


def test_in_chunks(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    """Into real registries; what comes back is what went up."""
    ref = registry.oci(f"{repository}:prod")
    digest = push(sealift, folder, ref)
    assert registry.digest(repository, "prod") == digest
    sealift("pull", ref, "--output", tmp_path / "out")


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
def test_chunks_follow_the_session(sealift: Sealift, folder: Path, faulty_registry: FaultyRegistry, relative: bool) -> None:
    faulty_registry.relative_location = relative
    push(sealift, folder, faulty_registry.oci("acme/shop:prod"))
    patches = [request for request in faulty_registry.requests if request.method == "PATCH"]
    starts = [int(request.headers["content-range"].split("-")[0]) for request in patches]
    assert starts == list(range(0, len(patches) * CHUNK, CHUNK)) and len(patches) > 3


Change = Callable[[FaultyRegistry], Any]
CHUNK_CASES: dict[str, Change] = {
    "500 once": lambda r: r.fail(RegistryFault(status=500, match=PATCH, times=1)),
    "429 with a date": lambda r: r.fail(
        RegistryFault(status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, match=PATCH, times=2)
    ),
    "416": lambda r: r.fail(RegistryFault(status=416, match=PATCH, times=1)),
    "cut after it was kept": lambda r: r.fail(RegistryFault(cut=True, match=PATCH, times=1)),
    "keeps a part": lambda r: setattr(r, "keeps_of_chunk", 10_000),
    "least length": lambda r: setattr(r, "chunk_min", 40_000),
    "no chunks": lambda r: setattr(r, "takes_chunks", False),
    "last PUT cut": lambda r: r.fail(RegistryFault(cut=True, match="PUT /v2/acme/shop/blobs/uploads/", times=1)),
    "session lost": lambda r: (
        r.fail(RegistryFault(status=404, match="GET /v2/acme/shop/blobs/uploads/", times=1)),
        r.fail(RegistryFault(status=500, match=PATCH, times=1)),
    ),
}


@pytest.mark.parametrize("case", list(CHUNK_CASES))
def test_chunks_that_fail(sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry, case: str) -> None:
    CHUNK_CASES[case](faulty_registry)
    ref = faulty_registry.oci("acme/shop:prod")
    push(sealift, folder, ref)
    faulty_registry.heal()
    sealift("pull", ref, "--output", tmp_path / "out")
    if case == "no chunks":
        assert count(faulty_registry, "PATCH") == 1, "one refusal is enough"
    if case == "least length":
        sizes = [int(r.headers["content-length"]) for r in faulty_registry.requests if r.method == "PATCH"]
        assert sizes[0] == 40_000, sizes


def test_an_expired_token_mid_upload(sealift: Sealift, folder: Path, tmp_path: Path, stack: Any) -> None:
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer=True))
    registry.on_request = lambda request: registry.expire_tokens() if count(registry, "PATCH") == 2 else None
    login = tmp_path / "login.json"
    login.write_text('{"auths":{"%s":{"username":"ada","password":"secret"}}}' % registry.host)
    push(sealift, folder, registry.oci("acme/shop:prod"), "--docker-config", login)
    assert count(registry, "PATCH") > 3


def test_a_registry_that_keeps_nothing(sealift: Sealift, folder: Path, faulty_registry: FaultyRegistry) -> None:
    faulty_registry.keeps_of_chunk = -CHUNK  # drops the whole chunk, and says so
    words = ("push", folder, faulty_registry.oci("acme/shop:prod"), "--unsigned", "--chunk-bytes", str(CHUNK))
    assert "does not keep what it is sent" in sealift.fails(*words).err
    assert count(faulty_registry, "PATCH") < 20


def layer(registry: FaultyRegistry) -> str:
    """Where the largest blob is."""
    digest = max(registry.blobs, key=lambda digest: len(registry.blobs[digest]))
    return f"/v2/acme/shop/blobs/{digest}"


def layer_requests(registry: FaultyRegistry) -> list[str]:
    """The ranges that were asked for the largest blob."""
    found = [r for r in registry.requests if r.method == "GET" and r.path == layer(registry)]
    return [request.headers.get("range", "all") for request in found]


@pytest.mark.parametrize("ranges", [True, False], ids=["206", "200"])
def test_resumed_download(
    sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry, ranges: bool
) -> None:
    ref = faulty_registry.oci("acme/shop:prod")
    push(sealift, folder, ref)
    faulty_registry.ranges = ranges
    faulty_registry.forget_requests()
    faulty_registry.fail(RegistryFault(half=True, match="GET " + layer(faulty_registry), times=2))
    sealift("pull", ref, "--output", tmp_path / "out")
    asked = layer_requests(faulty_registry)
    assert asked[0] == "all" and any(range.startswith("bytes=") for range in asked), asked


def test_a_wrong_range_is_not_joined(
    sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry
) -> None:
    ref = faulty_registry.oci("acme/shop:prod")
    push(sealift, folder, ref)
    faulty_registry.ranges, faulty_registry.range_off_by = True, 1
    faulty_registry.fail(RegistryFault(half=True, match="GET " + layer(faulty_registry), times=2))
    sealift("pull", ref, "--output", tmp_path / "out")


def test_a_download_that_never_ends_whole(
    sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry
) -> None:
    ref = faulty_registry.oci("acme/shop:prod")
    push(sealift, folder, ref)
    faulty_registry.fail(RegistryFault(half=True, match="GET /v2/acme/shop/blobs/"))
    sealift.fails("pull", ref, "--output", tmp_path / "out")
    assert len(layer_requests(faulty_registry)) < 20
