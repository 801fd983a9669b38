"""Artifacts that `sealift push` would not make: any tar, in the manifest that a Sync expects."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Iterable, Optional, Union

from .net import http
from .oci_registry import OciRegistry

CONFIG_TYPE = "application/vnd.cncf.flux.config.v1+json"
LAYER_TYPE = "application/vnd.cncf.flux.content.v1.tar+gzip"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"

Member = tuple[tarfile.TarInfo, Optional[bytes]]


def file(name: str, content: Union[str, bytes] = b"") -> Member:
    data = content.encode() if isinstance(content, str) else content
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member, data


def special(name: str, kind: bytes, target: str = "") -> Member:
    """A link, a device, a pipe: tarfile.SYMTYPE and the like."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, None


def layer_of(members: Iterable[Member]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data) if data is not None else None)
    return gzip.compress(packed.getvalue(), mtime=0)


def zeros_layer(name: str, size: int) -> bytes:
    """One file of `size` zero bytes; little when packed, and never whole in memory here."""
    packed = io.BytesIO()
    member = tarfile.TarInfo(name)
    member.size = size
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as stream:
        stream.write(member.tobuf())
        chunk = bytes(1 << 20)
        for _ in range(size // len(chunk)):
            stream.write(chunk)
        stream.write(bytes(1024))
    return packed.getvalue()


def put_blob(registry: OciRegistry, path: str, content: bytes) -> dict[str, object]:
    """Uploads it; its descriptor, without a media type."""
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    begun = http("POST", f"{registry.url}/v2/{path}/blobs/uploads/", b"")
    assert begun.status == 202, begun.text
    place = begun.headers["Location"]
    place = place if place.startswith("http") else registry.url + place
    url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
    done = http("PUT", url, content, {"Content-Type": "application/octet-stream"})
    assert done.status == 201, done.text
    return {"digest": digest, "size": len(content)}


def put_artifact(registry: OciRegistry, path: str, tag: str, layer: bytes) -> str:
    """Pushes `layer` as an artifact; its digest. It is unsigned."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, **put_blob(registry, path, b"{}")},
        "layers": [{"mediaType": LAYER_TYPE, **put_blob(registry, path, layer)}],
    }
    content = json.dumps(manifest).encode()
    registry.put_manifest(path, tag, content, MANIFEST_TYPE)
    return "sha256:" + hashlib.sha256(content).hexdigest()
