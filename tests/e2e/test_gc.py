"""`sealift gc`: old artifacts go with all that is attached; what a tag names stays."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from parts.cosign import Cosign
from parts.faulty_registry import FaultyRegistry, RegistryFault
from parts.oci_registry import OciRegistry
from parts.sealift import Sealift
from parts.sigstore import put_blob

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {n: '%d'}\n"


class Releases:
    """Artifacts of five days, each under a tag of its own; the newest is prod, the second oldest is `pinned`."""

    def __init__(self, sealift: Sealift, folder: Path, repository: str, signed: bool = True) -> None:
        self.sealift, self.repository = sealift, repository
        sealift.env["COSIGN_PASSWORD"] = ""
        sealift("keygen", "--output-prefix", folder / "key")
        self.digests = [self.push(folder / f"n{n}", n, signed, folder / "key.key") for n in range(5)]
        self.tag(4, "prod")
        self.tag(1, "pinned")

    def push(self, folder: Path, n: int, signed: bool, key: Path) -> str:
        folder.mkdir()
        (folder / "config.yaml").write_text(CONFIG_MAP % n)
        sign = ("--key", key) if signed else ("--unsigned",)
        words = ("push", folder, f"{self.repository}:git-{n}", *sign, "--created", f"2026-01-{n + 1:02}T00:00:00Z", "-o", "json")
        return str(self.sealift(*words).json()["digest"])

    def tag(self, n: int, tag: str) -> None:
        self.sealift("copy", f"{self.repository}@{self.digests[n]}", f"{self.repository}:{tag}")

    def gc(self, *flags: object) -> Any:
        return self.sealift("gc", self.repository, "--yes", "-o", "json", *map(str, flags)).json()

    def fates(self, told: Any) -> list[str]:
        by_digest = {entry["digest"]: entry["fate"] for entry in told["artifacts"]}
        return [by_digest.get(digest, "gone") for digest in self.digests]

    def there(self) -> list[bool]:
        return [self.sealift.run("inspect", f"{self.repository}@{digest}").code == 0 for digest in self.digests]


@pytest.fixture(params=["docker", "referrers", "layout"])
def place(request: pytest.FixtureRequest, tmp_path: Path, repository: str) -> str:
    if request.param == "layout":
        return f"oci-layout://{tmp_path / 'layout'}"
    return request.getfixturevalue(f"{request.param}_registry").oci(repository)


OLD = ("--younger-than", "0s")


def test_policy(sealift: Sealift, tmp_path: Path, place: str) -> None:
    releases = Releases(sealift, tmp_path, place, signed=False)
    told = releases.gc("--keep", 1, *OLD)
    assert releases.fates(told) == ["remove", "tagged", "remove", "newest", "tagged"]
    assert not told["deleted"] and all(releases.there()), "without --delete nothing is removed"
    assert releases.fates(releases.gc("--keep", 2, *OLD)) == ["remove", "tagged", "newest", "newest", "tagged"]
    assert releases.fates(releases.gc("--keep", 1, "--younger-than", "100000h")).count("young") == 2
    assert releases.fates(releases.gc("--keep", 1, *OLD, "--tags", "none-*")) == ["tagged"] * 5


def test_delete(sealift: Sealift, tmp_path: Path, place: str) -> None:
    releases = Releases(sealift, tmp_path, place)
    attached = len(sealift("inspect", f"{place}@{releases.digests[0]}", "-o", "json").json()["attached"])
    assert attached >= 3
    told = releases.gc("--keep", 1, *OLD, "--delete")
    assert told["removed"]["artifacts"] == 2
    assert told["removed"]["manifests"] >= 2 * (1 + attached)
    assert releases.there() == [False, True, False, True, True]
    assert releases.fates(releases.gc("--keep", 1, *OLD)) == ["gone", "tagged", "gone", "newest", "tagged"]
    sealift("pull", f"{place}:prod", "--output", tmp_path / "out")
    kept = sealift("inspect", f"{place}:pinned", "-o", "json").json()
    assert len(kept["attached"]) >= 3, "what is attached to others stays"


def attached(sealift: Sealift, reference: str) -> list[str]:
    entries = sealift("inspect", reference, "-o", "json").json()["attached"]
    return [entry["digest"] for entry in entries]


def test_a_referrer_that_is_tagged_stays(sealift: Sealift, tmp_path: Path, place: str) -> None:
    """Somebody keeps the statement of a release for an audit; the release itself and its other referrers go."""
    releases = Releases(sealift, tmp_path, place)
    kept, *others = attached(sealift, f"{place}@{releases.digests[0]}")
    sealift("copy", f"{place}@{kept}", f"{place}:audit")
    releases.gc("--keep", 1, *OLD, "--delete")
    assert releases.there() == [False, True, False, True, True]
    assert sealift.run("inspect", f"{place}:audit").code == 0
    assert [sealift.run("inspect", f"{place}@{other}").code for other in others] == [1] * len(others)


def test_what_two_artifacts_have_attached(sealift: Sealift, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    """One bill of materials under two derived tags goes with the last of the two."""
    releases = Releases(sealift, tmp_path, registry.oci(repository), signed=False)
    blob = put_blob(registry, repository, b"{}")
    sbom = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob},
        "layers": [{"mediaType": "text/spdx+json", **blob}],
    }

    def tag(n: int) -> str:
        return releases.digests[n].replace(":", "-") + ".sbom"

    for n in (0, 1, 2):
        registry.put_manifest(repository, tag(n), json.dumps(sbom).encode(), str(sbom["mediaType"]))
    releases.gc("--keep", 1, *OLD, "--delete")
    assert releases.there() == [False, True, False, True, True]
    assert registry.manifest(repository, tag(1)) == sbom
    # Nothing keeps it any more.
    releases.tag(4, "pinned")
    releases.gc("--keep", 1, *OLD, "--delete")
    assert releases.there() == [False, False, False, True, True]
    assert sealift.run("inspect", f"{releases.repository}:{tag(1)}").code == 1


def test_requests_follow_what_is_removed(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry) -> None:
    """However many tags there are beside."""
    releases = Releases(sealift, tmp_path, faulty_registry.oci("acme/shop"), signed=False)
    for n in range(5, 25):
        releases.digests.append(releases.push(tmp_path / f"n{n}", n, False, tmp_path / "key.key"))
    many = 300
    for n in range(many):
        faulty_registry.manifests["acme/shop", f"v1.{n}"] = faulty_registry.manifests["acme/shop", "prod"]
    before = len(faulty_registry.requests)
    releases.gc("--keep", 1, *OLD)
    planned = len(faulty_registry.requests) - before
    told = releases.gc("--keep", 1, *OLD, "--delete")
    removed = told["removed"]["artifacts"]
    assert removed >= 20
    # Looking at all tags before each of them would be removed * many.
    took = len(faulty_registry.requests) - before - 2 * planned
    assert took <= 2 * (many + 30) + removed * 10 * 5 < removed * many, (took, planned, removed)


def test_a_statement_renewed_keeps_it_young(sealift: Sealift, tmp_path: Path, referrers_registry: OciRegistry, repository: str) -> None:
    """Signed now: the commits are old, the statements are not."""
    releases = Releases(sealift, tmp_path, referrers_registry.oci(repository))
    assert releases.fates(releases.gc("--keep", 1, "--younger-than", "1h")).count("remove") == 0


def test_a_layout_loses_its_blobs(sealift: Sealift, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    releases = Releases(sealift, tmp_path, f"oci-layout://{layout}")
    blobs = layout / "blobs" / "sha256"
    before = len(list(blobs.iterdir()))
    told = releases.gc("--keep", 1, *OLD, "--delete")
    assert told["removed"]["files"] == 0, "young files may belong to a push that goes on"
    old = time.time() - 7200
    for path in blobs.iterdir():
        os.utime(path, (old, old))
    told = releases.gc("--keep", 1, *OLD, "--delete")
    assert told["removed"]["files"] >= 4 and len(list(blobs.iterdir())) < before
    sealift("verify", f"{releases.repository}:git-4", "--key", tmp_path / "key.pub")


def test_moved_tags_of_a_layout(sealift: Sealift, tmp_path: Path) -> None:
    """What lost its only tag is listed in a layout, and is a candidate."""
    layout = f"oci-layout://{tmp_path / 'layout'}"
    releases = Releases(sealift, tmp_path, layout, signed=False)
    for n in (0, 1):
        releases.tag(n, "moving")
    for n in range(5):
        releases.tag(4, f"git-{n}")
    assert releases.fates(releases.gc("--keep", 1, *OLD)) == ["remove", "tagged", "remove", "newest", "tagged"]


def test_a_tag_that_comes_in_between(sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry) -> None:
    """A rollback while gc runs: the tag is looked at once more before each deletion."""
    releases = Releases(sealift, tmp_path, faulty_registry.oci("acme/shop"), signed=False)
    manifests = faulty_registry.manifests

    def roll_back(request: Any) -> None:
        if request.method == "DELETE":
            manifests["acme/shop", "prod"] = manifests["acme/shop", releases.digests[0]]

    faulty_registry.on_request = roll_back
    told = releases.gc("--keep", 1, *OLD, "--delete")
    assert releases.fates(told)[0] == "tagged" and told["removed"]["artifacts"] == 1
    assert ("acme/shop", releases.digests[0]) in manifests


@pytest.mark.parametrize("status", [405, 403, 400])
def test_a_registry_that_deletes_nothing(
    sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, status: int
) -> None:
    releases = Releases(sealift, tmp_path, faulty_registry.oci("acme/shop"))
    body = b'{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}'
    faulty_registry.fail(RegistryFault(status=status, body=body, match="DELETE"))
    before = dict(faulty_registry.manifests)
    said = sealift.fails("gc", releases.repository, "--keep", "1", *OLD, "--delete", "--yes").err
    assert "delete" in said and faulty_registry.host in said and "UNSUPPORTED" in said
    assert faulty_registry.manifests == before


def test_too_many_tags(sealift: Sealift, faulty_registry: FaultyRegistry) -> None:
    """Nobody knows what the tags name that were not looked at: nothing is planned."""
    tags = b'{"name":"acme/shop","tags":[%s]}' % b",".join(b'"t%d"' % n for n in range(10_001))
    faulty_registry.fail(RegistryFault(status=200, body=tags, match="/tags/list"))
    assert "too many" in sealift.fails("gc", faulty_registry.oci("acme/shop"), "--delete", "--yes").err


def test_pages_without_end(sealift: Sealift, faulty_registry: FaultyRegistry) -> None:
    page = RegistryFault(
        status=200, body=b'{"tags":[]}', headers={"Link": '</v2/acme/shop/tags/list?last=x>; rel="next"'}, match="/tags/list"
    )
    faulty_registry.fail(page)
    assert "pages" in sealift.fails("gc", faulty_registry.oci("acme/shop")).err
    assert len(faulty_registry.requests) <= 101


def test_litter_of_writers_that_were_killed(sealift: Sealift, tmp_path: Path) -> None:
    """The next push removes it, but not what somebody may be writing now."""
    layout = tmp_path / "layout"
    releases = Releases(sealift, tmp_path, f"oci-layout://{layout}", signed=False)
    old, young = (layout / "blobs" / "sha256" / name for name in (".0123.AbCdEf", ".4567.GhIjKl"))
    for path in (old, young):
        path.write_bytes(b"half of a blob")
    os.utime(old, (time.time() - 7200,) * 2)
    releases.tag(0, "again")
    assert not old.exists() and young.exists()


def test_signatures_that_were_replaced(sealift: Sealift, tmp_path: Path) -> None:
    """A layout lists no manifest of signatures that another one has taken the place of, and none is an artifact."""
    layout = tmp_path / "layout"
    releases = Releases(sealift, tmp_path, f"oci-layout://{layout}")
    for name in ("second", "third"):
        sealift("keygen", "--output-prefix", tmp_path / name)
        sealift("sign", f"{releases.repository}:git-3", "--key", tmp_path / f"{name}.key")
    told = releases.gc("--keep", 1, *OLD)
    assert [entry["digest"] for entry in told["artifacts"] if entry["digest"] not in releases.digests] == []
    index = json.loads((layout / "index.json").read_text())
    signatures = releases.digests[3].replace(":", "-") + ".sig"
    for entry in index["manifests"]:
        # As an older program left it.
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == signatures:
            index["manifests"].append({**entry, "annotations": {}, **copy_of_blob(layout, entry["digest"])})
            break
    (layout / "index.json").write_text(json.dumps(index))
    assert len(releases.gc("--keep", 1, *OLD)["artifacts"]) == 5
    age_blobs(layout)
    releases.gc("--keep", 1, *OLD, "--delete")
    assert releases.there() == [False, True, False, True, True]
    for name in ("key", "second", "third"):
        sealift("verify", f"{releases.repository}:git-3", "--key", tmp_path / f"{name}.pub", "--no-attest")


def copy_of_blob(layout: Path, digest: str) -> dict[str, Any]:
    """The same manifest in other bytes."""
    data = (layout / "blobs" / "sha256" / digest[7:]).read_bytes() + b"\n"
    name = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / name).write_bytes(data)
    return {"digest": f"sha256:{name}", "size": len(data)}


def age_blobs(layout: Path) -> None:
    old = time.time() - 7200
    for path in (layout / "blobs" / "sha256").iterdir():
        os.utime(path, (old, old))


def test_names_that_are_no_tags(sealift: Sealift, tmp_path: Path) -> None:
    """Other tools write the whole name of an artifact where a tag is expected: it is wanted as well."""
    layout = tmp_path / "layout"
    releases = Releases(sealift, tmp_path, f"oci-layout://{layout}", signed=False)
    index = json.loads((layout / "index.json").read_text())
    for entry in index["manifests"]:
        if entry["digest"] == releases.digests[0]:
            entry["annotations"]["org.opencontainers.image.ref.name"] = "registry.example.com/acme/shop:v1"
    (layout / "index.json").write_text(json.dumps(index))
    assert releases.fates(releases.gc("--keep", 1, *OLD, "--delete")) == ["tagged", "tagged", "remove", "newest", "tagged"]
    assert releases.there() == [True, True, False, True, True]


def test_what_cosign_saved(
    sealift: Sealift, tmp_path: Path, referrers_registry: OciRegistry, repository: str, cosign: Cosign
) -> None:
    """`cosign save` lists no bundles: they stay with their artifact."""
    releases = Releases(sealift, tmp_path, referrers_registry.oci(repository))
    here = referrers_registry.repository(repository)
    digest, older, newer = releases.digests[0], cosign.key("older"), cosign.key("newer")
    cosign.sign(f"{here}@{digest}", older.private, old=True)
    cosign.sign(f"{here}@{digest}", newer.private)
    saved = tmp_path / "saved"
    cosign.run("save", "--dir", str(saved), "--allow-http-registry", f"{here}@{digest}")
    age_blobs(saved)
    before = sorted((saved / "blobs" / "sha256").iterdir())
    told = sealift("gc", f"oci-layout://{saved}", "--keep", 1, *OLD, "--delete", "--yes", "-o", "json").json()
    assert told["removed"]["files"] == 0 and sorted((saved / "blobs" / "sha256").iterdir()) == before
    assert [entry["digest"] for entry in told["artifacts"]] == [digest]
    pinned = (f"oci-layout://{saved}@{digest}", "--identity", here)
    for public in (older.public, newer.public, tmp_path / "key.pub"):
        sealift("verify", *pinned, "--key", public, "--no-attest")
