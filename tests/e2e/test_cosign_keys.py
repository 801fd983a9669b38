"""Every kind of key, with cosign, both ways: artifacts and indexes in a registry, in both forms."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parts.cosign import Cosign, CosignKey
from parts.journey import Journey, config_map
from parts.net import http
from parts.objects import Config
from parts.oci_registry import MANIFEST_TYPES, OciRegistry
from parts.sealift import Sealift

INDEX = "application/vnd.oci.image.index.v1+json"
FORMS = {False: "bundle", True: "sig-tag"}
# `openssl genpkey` makes PKCS#8, `openssl genrsa -traditional` PKCS#1, `openssl ecparam -genkey` SEC1.
KEYS = {
    "p256": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "p256-sec1": "ecparam -genkey -noout -name prime256v1",
    "p384": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    "p521": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
    "rsa2048": "genrsa -traditional 2048",
    "rsa3072": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072",
    "rsa4096": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096",
    "ed25519": "genpkey -algorithm ed25519",
}

@dataclass
class Place:
    journey: Journey
    registry: OciRegistry
    repository: str

    def reference(self, tag: str = "prod") -> str:
        return self.registry.oci(f"{self.repository}:{tag}")

    def pinned(self, digest: str) -> str:
        return self.registry.repository(f"{self.repository}@{digest}")

    def push(self, tag: str = "prod") -> str:
        folder = self.journey.folder / "src"
        folder.mkdir(exist_ok=True)
        (folder / "web.yaml").write_text(config_map("web", content=tag))
        return self.journey.sealift("push", folder, self.reference(tag), "--unsigned").out.strip()

    def entry(self, digest: str) -> dict[str, Any]:
        """As an index lists it."""
        url = f"{self.registry.url}/v2/{self.repository}/manifests/{digest}"
        answer = http("GET", url, headers={"Accept": MANIFEST_TYPES})
        return {"mediaType": answer.json()["mediaType"], "digest": digest, "size": len(answer.body)}

    def verify(self, key: Path, what: str = "") -> None:
        self.journey.sealift("verify", what or self.reference(), "--key", key, "--no-attest")

    def refuses(self, key: Path, what: str = "") -> str:
        return self.journey.sealift.fails("verify", what or self.reference(), "--key", key, "--no-attest", "--explain").out

    def sign(self, key: Path, what: str = "") -> None:
        self.journey.sealift("sign", what or self.reference(), "--key", key, env={"COSIGN_PASSWORD": ""})


@pytest.fixture
def place(sealift: Sealift, config: Config, tmp_path: Path, registry: OciRegistry, repository: str) -> Place:
    return Place(Journey(sealift, config, tmp_path), registry, repository)


@pytest.fixture
def old_place(sealift: Sealift, config: Config, tmp_path: Path, docker_registry: OciRegistry, repository: str) -> Place:
    return Place(Journey(sealift, config, tmp_path), docker_registry, repository)


def key_pair(cosign: Cosign, folder: Path, kind: str) -> tuple[Path, CosignKey]:
    """The key as openssl writes it, and as cosign does after importing it."""
    pem = folder / f"{kind}.pem"
    command, *options = KEYS[kind].split()
    subprocess.run(["openssl", command, "-out", pem, *options], check=True, capture_output=True)
    if not (folder / f"{kind}.key").exists():
        cosign.run("import-key-pair", "--key", str(pem), "--output-key-prefix", str(folder / kind), "-y")
    return pem, CosignKey(folder / f"{kind}.key", folder / f"{kind}.pub")


@pytest.mark.parametrize("kind", KEYS)
def test_what_cosign_signs(old_place: Place, cosign: Cosign, tmp_path: Path, kind: str) -> None:
    _, key = key_pair(cosign, tmp_path, kind)
    stranger = cosign.key("stranger")
    digests = {old: old_place.push(FORMS[old]) for old in FORMS}
    for old, digest in digests.items():
        reference = old_place.reference(FORMS[old])
        old_place.refuses(key.public, reference)
        cosign.sign(old_place.pinned(digest), key.private, old)
        if kind == "ed25519":  # which cosign signs as Ed25519ph, and does not read itself
            assert "Ed25519ph" in old_place.refuses(key.public, reference)
        else:
            old_place.verify(key.public, reference)
        old_place.refuses(stranger.public, reference)


@pytest.mark.parametrize("kind", KEYS)
def test_what_cosign_verifies(old_place: Place, cosign: Cosign, tmp_path: Path, kind: str) -> None:
    """Signed with the key as openssl wrote it, and again with cosign's own file of it, which is the same signer."""
    pem, key = key_pair(cosign, tmp_path, kind)
    stranger = cosign.key("stranger")
    place = old_place.pinned(old_place.push())
    old_place.sign(pem)
    old_place.verify(key.public)
    for old in FORMS:
        told = cosign.try_verify(place, key.public, old)
        assert told.returncode == 0, (FORMS[old], told.stderr)
        assert cosign.try_verify(place, stranger.public, old).returncode
    before = old_place.registry.manifest(old_place.repository, place.split("@")[1].replace(":", "-") + ".sig")
    old_place.sign(key.private)
    after = old_place.registry.manifest(old_place.repository, place.split("@")[1].replace(":", "-") + ".sig")
    assert before == after


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_indexes(place: Place, cosign: Cosign, tmp_path: Path, kind: str) -> None:
    """A signature of an index is about the index; with cosign's --recursive each artifact in it has one, too."""
    _, key = key_pair(cosign, tmp_path, kind)
    children = [place.push(tag) for tag in ("one", "two")]

    def index(tag: str) -> str:
        entries = [place.entry(child) for child in children]
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": {"tag": tag}}
        place.registry.put_manifest(place.repository, tag, json.dumps(body).encode(), INDEX)
        return str(place.registry.digest(place.repository, tag))

    for old in FORMS:
        for recursive in ((), ("--recursive",)):
            tag = f"{FORMS[old]}{len(recursive)}"
            digest = index(tag)
            place.refuses(key.public, place.reference(tag))
            cosign.sign(place.pinned(digest), key.private, old, *recursive)
            place.verify(key.public, place.reference(tag))
            for child in children:
                what = place.registry.oci(f"{place.repository}@{child}")
                (place.verify if recursive else place.refuses)(key.public, what)
        children = [place.push(f"{FORMS[old]}-{tag}") for tag in ("three", "four")]
    digest = index("ours")
    place.sign(key.private, place.reference("ours"))
    for old in FORMS:
        cosign.verify(place.pinned(digest), key.public, old)
        assert cosign.try_verify(place.pinned(children[0]), key.public, old).returncode
    place.verify(key.public, place.reference("ours"))
