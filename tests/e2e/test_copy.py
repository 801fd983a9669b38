"""`sealift copy`: between registries and layouts, with all that is attached."""

from __future__ import annotations

import hashlib
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from parts.crane import Crane
from parts.faulty_registry import FaultyRegistry, RegistryFault, Stored
from parts.need import need_program
from parts.oci_registry import DockerRegistry, OciRegistry
from parts.sealift import Sealift
from parts.token_server import TokenServer

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {greeting: hello}\n"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def keys(sealift: Sealift, tmp_path: Path) -> Path:
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG_MAP)
    return path


def push(sealift: Sealift, folder: Path, keys: Path, ref: str) -> str:
    source = ("--source", "https://git.example.com/acme/config.git", "--revision", "main@sha1:" + "1" * 40)
    answer = sealift("push", folder, ref, "--key", f"{keys}.key", *source, "-o", "json")
    return str(answer.json()["digest"])


def copy(sealift: Sealift, source: str, target: str, *flags: object) -> Any:
    return sealift("copy", source, target, "-o", "json", *map(str, flags)).json()


@pytest.fixture(params=["registry", "layout"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, repository: str) -> str:
    if request.param == "layout":
        return f"oci-layout://{tmp_path / 'elsewhere'}"
    return request.getfixturevalue("referrers_registry").oci(f"{repository}-elsewhere")


def test_with_all_that_is_attached(
    sealift: Sealift, folder: Path, keys: Path, registry: OciRegistry, repository: str, elsewhere: str
) -> None:
    ref = registry.oci(f"{repository}:prod")
    digest = push(sealift, folder, keys, ref)
    told = copy(sealift, ref, elsewhere)
    assert told["copied"] == [{"digest": digest, "tags": ["prod"]}]
    # Two forms of signature, provenance and release.
    assert told["attached"] >= 4
    here = sealift("inspect", ref, "-o", "json").json()
    there = sealift("inspect", f"{elsewhere}:prod", "-o", "json").json()
    assert sorted(a["digest"] for a in there["attached"]) == sorted(a["digest"] for a in here["attached"])
    again = copy(sealift, ref, elsewhere)
    assert again["blobs"]["sent"] == again["blobs"]["mounted"] == 0, "what is there is not sent again"


def test_air_gap(
    sealift: Sealift, folder: Path, tmp_path: Path, keys: Path, registry: OciRegistry, repository: str, stack: ExitStack
) -> None:
    """Registry to layout, layout to a registry inside: verified under the original name in both places."""
    ref = registry.oci(f"{repository}:prod")
    identity = f"{registry.host}/{repository}"
    layout = f"oci-layout://{tmp_path / 'usb'}"
    push(sealift, folder, keys, ref)
    copy(sealift, ref, layout)
    key = ("--key", f"{keys}.pub")
    sealift("verify", f"{layout}:prod", *key, "--identity", identity)
    assert "repository" in sealift.fails("verify", f"{layout}:prod", *key).err

    inside = stack.enter_context(FaultyRegistry(has_referrers=False))
    copy(sealift, f"{layout}:prod", inside.oci(f"mirror/{repository}"))
    sealift.fails("verify", inside.oci(f"mirror/{repository}:prod"), *key)
    mirror = ("--registry-mirror", f"{registry.host}={inside.url}/mirror")
    inside.forget_requests()
    sealift("verify", ref, *key, *mirror)
    assert inside.requests


@pytest.mark.parametrize("api", [True, False], ids=["referrers", "fallback tag"])
def test_signatures_that_are_there_stay(
    sealift: Sealift, folder: Path, tmp_path: Path, keys: Path, stack: ExitStack, api: bool
) -> None:
    source, target = (stack.enter_context(FaultyRegistry(has_referrers=api)) for _ in range(2))
    ref, copied = source.oci("acme/shop:prod"), target.oci("acme/shop:prod")
    digest = push(sealift, folder, keys, ref)
    copy(sealift, ref, copied)
    sealift("keygen", "--output-prefix", tmp_path / "other")
    sealift("sign", copied, "--key", tmp_path / "other.key")
    sealift("keygen", "--output-prefix", tmp_path / "third")
    sealift("sign", ref, "--key", tmp_path / "third.key")
    copy(sealift, ref, copied)
    signatures = json.loads(target.manifests["acme/shop", f"sha256-{digest[7:]}.sig"].content)
    assert len(signatures["layers"]) == 3


def put(registry: FaultyRegistry, name: str, document: dict[str, Any], media_type: str = MANIFEST, tag: str = "") -> dict[str, Any]:
    content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}).encode()
    stored = Stored(content, media_type)
    registry.manifests[name, stored.digest] = stored
    if tag:
        registry.manifests[name, tag] = stored
    return {"mediaType": media_type, "digest": stored.digest, "size": len(content)}


def blob(registry: FaultyRegistry, content: bytes, media_type: str = "text/plain") -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    registry.blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def image(registry: FaultyRegistry, text: str, **more: Any) -> dict[str, Any]:
    config = blob(registry, b"{}", "application/vnd.oci.empty.v1+json")
    return put(registry, "acme/shop", {"artifactType": "test/x", "config": config, "layers": [blob(registry, text.encode())], **more})


@pytest.fixture
def source(stack: ExitStack) -> FaultyRegistry:
    return stack.enter_context(FaultyRegistry())


def test_index_with_referrers_of_referrers(
    sealift: Sealift, tmp_path: Path, source: FaultyRegistry, docker_registry: OciRegistry, repository: str, crane: Crane
) -> None:
    children = [image(source, "one"), image(source, "two")]
    index = put(source, "acme/shop", {"manifests": children}, INDEX, tag="all")
    of_child = image(source, "about one", subject=children[0])
    of_that = image(source, "about what is about one", subject=of_child)
    of_index = image(source, "about the index", subject=index)
    target = docker_registry.oci(repository)
    told = copy(sealift, source.oci("acme/shop:all"), target)
    assert told["manifests"] == 6
    for part in (index, *children, of_child, of_that, of_index):
        assert docker_registry.digest(repository, part["digest"]) == part["digest"]
    assert [r["digest"] for r in docker_registry.referrers(repository, of_child["digest"])] == [of_that["digest"]]
    crane.run("validate", "--remote", docker_registry.repository(f"{repository}:all"), "--fast")
    # skopeo reads the layout that it is copied to, all of it.
    copy(sealift, f"{target}:all", f"oci-layout://{tmp_path / 'layout'}")
    skopeo = need_program("skopeo", "skopeo")
    words = [skopeo, "--insecure-policy", "copy", "-q", "--all", f"oci:{tmp_path / 'layout'}:all", f"dir:{tmp_path / 'dir'}"]
    subprocess.run(words, check=True, capture_output=True)
    described = sealift("inspect", f"{target}:all", "-o", "json").json()
    assert [child["digest"] for child in described["manifests"]] == [child["digest"] for child in children]
    said = sealift.fails("pull", f"{target}:all", "--output", tmp_path / "out").err
    assert "index of 2 manifests" in said
    bare = copy(sealift, source.oci("acme/shop:all"), f"oci-layout://{tmp_path / 'bare'}", "--bare")
    assert bare["manifests"] == 3 and bare["attached"] == 0


def test_a_referrer_that_is_none(sealift: Sealift, tmp_path: Path, source: FaultyRegistry) -> None:
    """The list names a manifest about something else, and one that is gone."""
    root, other = image(source, "root"), image(source, "other")
    lie = image(source, "about other", subject=other)
    source.manifests["acme/shop", "prod"] = source.manifests["acme/shop", root["digest"]]
    source.find_referrers = lambda name, digest: [lie, {**lie, "digest": "sha256:" + "0" * 64}]  # type: ignore[method-assign]
    told = copy(sealift, source.oci("acme/shop:prod"), f"oci-layout://{tmp_path / 'layout'}")
    assert told["manifests"] == 1


def test_lists_that_claim_everything(sealift: Sealift, tmp_path: Path, source: FaultyRegistry) -> None:
    """A registry that names the same many manifests for each of them would have them fetched over and over again."""
    root = image(source, "root")
    source.manifests["acme/shop", "prod"] = source.manifests["acme/shop", root["digest"]]
    many = [image(source, str(n), subject=root) for n in range(200)]
    source.find_referrers = lambda name, digest: many  # type: ignore[method-assign]
    words = ("copy", source.oci("acme/shop:prod"), f"oci-layout://{tmp_path / 'layout'}", "--timeout", "50s")
    assert "more than 20000 entries" in sealift.fails(*words).err
    assert len(source.requests) < 4000


@pytest.mark.parametrize("kind", ["deep", "endless"])
def test_bounds(sealift: Sealift, tmp_path: Path, source: FaultyRegistry, kind: str) -> None:
    last = image(source, "root")
    tag = source.manifests["acme/shop", last["digest"]]
    for n in range(12):
        last = put(source, "acme/shop", {"manifests": [last]}, INDEX) if kind == "deep" else image(source, str(n), subject=last)
    source.manifests["acme/shop", "prod"] = source.manifests["acme/shop", last["digest"]] if kind == "deep" else tag
    said = sealift.fails("copy", source.oci("acme/shop:prod"), f"oci-layout://{tmp_path / 'layout'}").err
    assert "deeper than 8 levels" in said
    index = tmp_path / "layout" / "index.json"
    assert not index.exists() or "prod" not in index.read_text()


@pytest.mark.parametrize("mounts", [True, False])
def test_within_a_registry(sealift: Sealift, source: FaultyRegistry, mounts: bool) -> None:
    source.mounts = mounts
    root = image(source, "hello")
    source.manifests["acme/shop", "prod"] = source.manifests["acme/shop", root["digest"]]
    source.fail(RegistryFault(status=404, match="HEAD /v2/acme/copy/blobs/"))
    told = copy(sealift, source.oci("acme/shop:prod"), source.oci("acme/copy:prod"))
    assert told["copied"][0]["digest"] == root["digest"]
    assert (told["blobs"]["mounted"], told["blobs"]["sent"]) == ((2, 0) if mounts else (0, 2))
    assert ("acme/copy", "prod") in source.manifests


def test_mounts_in_a_real_registry(
    sealift: Sealift, folder: Path, keys: Path, docker_registry: OciRegistry, repository: str
) -> None:
    ref = docker_registry.oci(f"{repository}:prod")
    push(sealift, folder, keys, ref)
    told = copy(sealift, ref, docker_registry.oci(f"{repository}-second:prod"))
    assert told["blobs"]["mounted"] > 0 and told["blobs"]["sent"] == 0


def test_mounts_with_tokens(sealift: Sealift, folder: Path, keys: Path, tmp_path: Path, stack: ExitStack) -> None:
    """The token for the one repository does not do: the registry says which scopes it wants."""
    tokens = stack.enter_context(TokenServer(tmp_path / "tokens", "ada", "secret"))
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", token_server=tokens))
    login = tmp_path / "login.json"
    login.write_text(json.dumps({"auths": {registry.host: {"username": "ada", "password": "secret"}}}))
    flags = ("--docker-config", login)
    sealift("push", folder, registry.oci("acme/shop:prod"), "--key", f"{keys}.key", *flags)
    told = copy(sealift, registry.oci("acme/shop:prod"), registry.oci("acme/second:prod"), *flags)
    assert told["blobs"]["mounted"] > 0 and told["blobs"]["sent"] == 0
    assert any("repository:acme/shop:pull" in scope for scopes in tokens.scopes_asked for scope in scopes)


def test_all_tags(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    for tag in ("one", "two"):
        (folder / "config.yaml").write_text(CONFIG_MAP.replace("hello", tag))
        sealift("push", folder, registry.oci(f"{repository}:{tag}"), "--unsigned")
    layout = f"oci-layout://{tmp_path / 'layout'}"
    told = copy(sealift, registry.oci(repository), layout, "--all-tags")
    assert sorted(entry["tags"] for entry in told["copied"]) == [["one"], ["two"]]
    for tag in ("one", "two"):
        assert sealift("inspect", f"{layout}:{tag}", "-o", "json").json()["digest"] == registry.digest(repository, tag)
    more = copy(sealift, f"{layout}:one", registry.oci(f"{repository}-more:first"), "--tag", "second", "--tag", "third")
    assert more["copied"][0]["tags"] == ["first", "second", "third"]
    assert "without tags" in sealift.fails("copy", f"{layout}:one", registry.oci(repository), "--all-tags").err


def test_interrupted(sealift: Sealift, folder: Path, keys: Path, stack: ExitStack) -> None:
    """No tag moves before everything is there, and the next try sends only what is missing."""
    source, target = (stack.enter_context(FaultyRegistry()) for _ in range(2))
    ref, copied = source.oci("acme/shop:prod"), target.oci("acme/shop:prod")
    push(sealift, folder, keys, ref)
    target.fail(RegistryFault(status=403, match="PUT /v2/acme/shop/manifests/sha256-"))
    sealift.fails("copy", ref, copied)
    assert ("acme/shop", "prod") not in target.manifests
    target.heal()
    told = copy(sealift, ref, copied)
    assert told["blobs"]["there"] > told["blobs"]["sent"]
    assert ("acme/shop", "prod") in target.manifests


def test_bad_bytes_are_not_passed_on(sealift: Sealift, folder: Path, tmp_path: Path, keys: Path, source: FaultyRegistry) -> None:
    ref = source.oci("acme/shop:prod")
    push(sealift, folder, keys, ref)
    source.fail(RegistryFault(corrupt=True, match="GET /v2/acme/shop/blobs/"))
    assert "other bytes" in sealift.fails("copy", ref, f"oci-layout://{tmp_path / 'layout'}").err
    source.heal()
    assert "the limit is 1" in sealift.fails("copy", ref, f"oci-layout://{tmp_path / 'x'}", "--max-blob-bytes", "1").err
