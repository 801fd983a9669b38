"""A Sigstore of the test's own: certificates, log entries and timestamps without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any, Union

from .need import missing
from .oci_registry import OciRegistry
from .sealift import default_program

SUBJECT = "https://git.example.com/acme/config/.ci/release.yml@refs/heads/main"
ISSUER = "https://token.example.com"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "application/vnd.oci.empty.v1+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"


def _program() -> Path:
    path = default_program().resolve().parents[1] / "tests" / "unit" / "mint_sigstore"
    if not os.access(path, os.X_OK):
        missing(f"{path} is not built: it comes with the unit tests")
    return path


class Sigstore:
    """bundle() asks for one; mint() makes all that were asked for, with one trusted root, in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root = folder / "trusted_root.json"
        self._wishes: list[dict[str, Any]] = []

    def bundle(self, name: str, **wish: Union[str, bool, Path]) -> Path:
        path = self.folder / f"{name}.sigstore.json"
        texts = {key: str(value) if isinstance(value, Path) else value for key, value in wish.items()}
        self._wishes.append({"file": str(path), **texts})
        return path

    def mint(self) -> None:
        wishes = {"root": str(self.root), "bundles": self._wishes}
        subprocess.run([_program()], input=json.dumps(wishes).encode(), check=True, timeout=60)


def statement(digest: str, predicate_type: str = SIGN, predicate: Any = None, name: str = "") -> str:
    """An in-toto statement about an artifact."""
    subject: dict[str, Any] = {"digest": {"sha256": digest.split(":")[1]}}
    if name:
        subject["name"] = name
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject],
            "predicateType": predicate_type,
            "predicate": predicate or {},
        }
    )


def put_blob(registry: OciRegistry, path: str, content: bytes) -> dict[str, Any]:
    from .net import http

    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    began = http("POST", f"{registry.url}/v2/{path}/blobs/uploads/", b"")
    assert began.status == 202, began.text
    place = began.headers["Location"]
    place = place if place.startswith("http") else registry.url + place
    mark = "&" if "?" in place else "?"
    done = http("PUT", f"{place}{mark}digest={digest}", content, {"Content-Type": "application/octet-stream"})
    assert done.status == 201, done.text
    return {"digest": digest, "size": len(content)}


def attach(registry: OciRegistry, path: str, digest: str, bundle: Path) -> None:
    """Puts the bundle beside the artifact, as a referrer; the registry must list referrers itself."""
    from .net import http
    from .oci_registry import MANIFEST_TYPES

    subject = http("GET", f"{registry.url}/v2/{path}/manifests/{digest}", headers={"Accept": MANIFEST_TYPES})
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE,
        "config": {"mediaType": EMPTY, **put_blob(registry, path, b"{}")},
        "layers": [{"mediaType": BUNDLE, **put_blob(registry, path, bundle.read_bytes())}],
        "subject": {"mediaType": subject.json()["mediaType"], "digest": digest, "size": len(subject.body)},
        "annotations": {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": SIGN},
    }
    content = json.dumps(manifest).encode()
    own = "sha256:" + hashlib.sha256(content).hexdigest()
    registry.put_manifest(path, own, content, manifest["mediaType"])


def attach_old(registry: OciRegistry, path: str, digest: str, payload: Path, bundle: Path) -> None:
    """The same under the .sig tag: certificate and log entry are annotations of the payload's layer."""
    minted = json.loads(bundle.read_text())
    media = "application/vnd.dev.cosign.simplesigning.v1+json"
    signature = minted["messageSignature"]["signature"]
    _put_old(registry, path, digest + ".sig", media, payload.read_bytes(), signature, minted)


def attest_old(registry: OciRegistry, path: str, digest: str, bundle: Path) -> None:
    """A bundle's statement under the .att tag, as cosign 2 puts it there."""
    minted = json.loads(bundle.read_text())
    dsse = minted["dsseEnvelope"]
    # Byte for byte as Go writes it: the log entry has a hash of it.
    signatures = [{"keyid": "", "sig": dsse["signatures"][0]["sig"]}]
    ordered = {"payloadType": dsse["payloadType"], "payload": dsse["payload"], "signatures": signatures}
    envelope = json.dumps(ordered, separators=(",", ":")).encode()
    _put_old(registry, path, digest + ".att", "application/vnd.dsse.envelope.v1+json", envelope, "", minted)


def _put_old(
    registry: OciRegistry, path: str, place: str, media: str, content: bytes, signature: str, minted: Any
) -> None:
    material = minted["verificationMaterial"]
    entry = material["tlogEntries"][0]
    body = textwrap.fill(material["certificate"]["rawBytes"], 64)
    log = {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }
    layer = {
        "mediaType": media,
        **put_blob(registry, path, content),
        "annotations": {
            "dev.cosignproject.cosign/signature": signature,
            "dev.sigstore.cosign/certificate": f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n",
            "dev.sigstore.cosign/bundle": json.dumps(log),
        },
    }
    config = {
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **put_blob(registry, path, json.dumps(config).encode()),
        },
        "layers": [layer],
    }
    registry.put_manifest(path, place.replace(":", "-"), json.dumps(manifest).encode(), manifest["mediaType"])
