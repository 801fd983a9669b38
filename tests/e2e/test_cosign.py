"""cosign as the oracle: what we sign it verifies, what it signs we verify; both forms, both registries."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cosign import Cosign
from parts.crane import Crane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, Journey, applied, config_map, object_file, released
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift

Serve = Callable[..., Daemon]
FORMS = pytest.mark.parametrize("old", [False, True], ids=["bundle", "sig-tag"])


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    (made / "web.yaml").write_text(config_map("web"))
    return made


def decoded(statement: str) -> Any:
    """cosign prints one DSSE envelope a line."""
    return json.loads(base64.b64decode(json.loads(statement.splitlines()[0])["payload"]))


def test_cosign_verifies_what_the_packager_made(
    journey: Journey,
    serve: Serve,
    repo: GitRepo,
    git_server: GitHttpServer,
    registry: OciRegistry,
    repository: str,
    cosign: Cosign,
) -> None:
    url = f"{git_server.url}/config.git"
    commit = repo.commit({"apps/web.yaml": config_map("web")})
    repo.push()
    journey.bundle(url, registry.oci(repository), path="apps")
    artifact = released(serve(roles="packager"), commit)
    reference = registry.repository(f"{repository}@{artifact['digest']}")
    for old in (False, True):
        cosign.verify(reference, journey.public, old)
        assert cosign.try_verify(reference, cosign.key("stranger").public, old).returncode != 0
    provenance = decoded(cosign.verify_attestation(reference, journey.public, "slsaprovenance1"))
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    said = json.dumps(provenance["predicate"])
    assert commit in said and "apps" in said and url.split("://")[1].removesuffix(".git") in said
    release = decoded(cosign.verify_attestation(reference, journey.public, "https://sealift.dev/release/v1"))
    assert release["subject"][0]["digest"]["sha256"] == artifact["digest"].split(":")[1]
    predicate = release["predicate"]
    assert (predicate["channel"], predicate["sequence"]) == ("prod", artifact["sequence"])
    assert (predicate["commit"], predicate["path"]) == (commit, "apps")
    assert predicate["repository"] == registry.repository(repository)


def test_cosign_verifies_sealift_sign(
    journey: Journey, registry: OciRegistry, repository: str, cosign: Cosign, folder: Path
) -> None:
    """`sealift sign` with cosign's own key."""
    key = cosign.key()
    pushed = journey.sealift("push", folder, registry.oci(f"{repository}:prod"), "--unsigned").out.strip()
    journey.sealift("sign", registry.oci(f"{repository}:prod"), "--key", key.private, env={"COSIGN_PASSWORD": ""})
    for old in (False, True):
        cosign.verify(registry.repository(f"{repository}@{pushed}"), key.public, old)


@FORMS
def test_we_verify_what_cosign_signed(
    journey: Journey, registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, old: bool
) -> None:
    digest = journey.sealift("push", folder, registry.oci(f"{repository}:prod"), "--unsigned").out.strip()
    reference = registry.oci(f"{repository}:prod")
    key, other = cosign.key(), cosign.key("other")
    assert "sign" in journey.sealift.fails("verify", reference, "--key", key.public, "--no-attest").err
    cosign.sign(registry.repository(f"{repository}@{digest}"), key.private, old)
    assert journey.sealift("verify", reference, "--key", key.public, "--no-attest").out.strip() == digest
    journey.sealift.fails("verify", reference, "--key", other.public, "--no-attest")
    # A signature alone says nothing about channel and age.
    assert "release" in journey.sealift.fails("verify", reference, "--key", key.public).err


@FORMS
def test_cosign_signs_with_our_key(
    journey: Journey, docker_registry: OciRegistry, repository: str, tmp_path: Path, folder: Path, old: bool
) -> None:
    cosign = Cosign(tmp_path / "with-password", KEY_PASSWORD)
    reference = docker_registry.oci(f"{repository}:prod")
    digest = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    cosign.sign(docker_registry.repository(f"{repository}@{digest}"), journey.private, old)
    journey.sealift("verify", reference, "--key", journey.public, "--no-attest")


@FORMS
def test_sync_follows_what_cosign_signed(
    journey: Journey,
    serve: Serve,
    registry: OciRegistry,
    repository: str,
    cosign: Cosign,
    crane: Crane,
    folder: Path,
    old: bool,
) -> None:
    """verify.attests: false takes artifacts without our statements, and only signed ones."""
    key = cosign.key()
    reference = registry.oci(f"{repository}:prod")
    journey.config.secret("ada", cosign__pub=key.public)
    verify = {"keys": [{"name": "ada", "secretRef": {"name": "ada"}}], "attests": False}
    first = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    journey.sync(artifact={"repository": registry.oci(repository), "tag": "prod"}, verify=verify)
    daemon = serve(roles="controller")
    daemon.wait_condition("Sync", "shop", "Ready", "False")
    assert not (journey.target / object_file("web")).exists()
    cosign.sign(registry.repository(f"{repository}@{first}"), key.private, old)
    journey.run("reconcile", "sync", "shop")
    applied(daemon, first)
    assert (journey.target / object_file("web")).exists()
    # A second one, unsigned, does not replace it.
    (folder / "web.yaml").write_text(config_map("web", color="blue"))
    second = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    assert second != first and crane.digest(registry.repository(f"{repository}:prod")) == second
    journey.sealift.fails(*journey.at("reconcile", "sync", "shop"))
    assert "blue" not in (journey.target / object_file("web")).read_text()


def test_what_cosign_saved(
    journey: Journey, referrers_registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path
) -> None:
    """Signatures in both forms and attestations are found in the layout of `cosign save`, and go along in a copy."""
    key, other = cosign.key(), cosign.key("other")
    reference = referrers_registry.oci(f"{repository}:prod")
    here = referrers_registry.repository(repository)
    journey.sealift("push", folder, reference, "--key", key.private, env={"COSIGN_PASSWORD": ""})
    digest = str(referrers_registry.digest(repository, "prod"))
    cosign.sign(f"{here}@{digest}", other.private, old=True)
    saved = tmp_path / "saved"
    cosign.run("save", "--dir", str(saved), "--allow-http-registry", f"{here}@{digest}")
    pinned = (f"oci-layout://{saved}@{digest}", "--identity", here)
    journey.sealift("verify", *pinned, "--channel", "prod", "--key", key.public)
    # Of the other there is the older form only.
    journey.sealift("verify", *pinned, "--key", other.public, "--no-attest")
    journey.sealift.fails("verify", *pinned, "--key", cosign.key("stranger").public, "--no-attest")
    copied = f"oci-layout://{tmp_path / 'copied'}"
    journey.sealift("copy", pinned[0], f"{copied}:prod")
    for public in (key.public, other.public):
        journey.sealift("verify", f"{copied}:prod", "--identity", here, "--key", public, "--no-attest")


@pytest.mark.parametrize("forms", ["both forms", "sig-tag alone"])
def test_cosign_reads_our_layout(
    journey: Journey,
    referrers_registry: OciRegistry,
    repository: str,
    cosign: Cosign,
    folder: Path,
    tmp_path: Path,
    forms: str,
) -> None:
    """`cosign verify --local-image` and `cosign load` take the layout that a copy wrote. (load writes a bundle's manifest
    before its blob, which Debian's registry refuses.)"""
    registry = referrers_registry
    key, stranger, late = (cosign.key(name) for name in ("cosign", "stranger", "late"))
    reference, env = registry.oci(f"{repository}:prod"), {"COSIGN_PASSWORD": ""}
    here = registry.repository(repository)
    both = forms == "both forms"
    journey.sealift("push", folder, reference, *(("--key", key.private) if both else ("--unsigned",)), env=env)
    digest = str(registry.digest(repository, "prod"))
    if not both:
        cosign.sign(f"{here}@{digest}", key.private, old=True)
    layout = tmp_path / "layout"
    copied = f"oci-layout://{layout}"
    journey.sealift("copy", reference, copied)
    assert cosign.verify_saved(layout, key.public).returncode == 0
    assert cosign.verify_saved(layout, stranger.public).returncode != 0
    loaded = registry.repository(f"{repository}-loaded")
    cosign.run("load", "--dir", str(layout), "--allow-http-registry", f"{loaded}:prod")
    assert registry.digest(f"{repository}-loaded", "prod") == digest
    for old in (False, True)[not both :]:
        cosign.verify(f"{loaded}@{digest}", key.public, old)
    # One more signer, in the layout itself.
    journey.sealift("sign", f"{copied}:prod", "--key", late.private, "--identity", here, env=env)
    for public in (key.public, late.public):
        done = cosign.verify_saved(layout, public)
        assert done.returncode == 0 or (public == key.public and not both), done.stderr
        journey.sealift("verify", f"{copied}:prod", "--identity", here, "--key", public, "--no-attest")
    # The tag goes on to another artifact: that is the one which cosign looks at now.
    (folder / "web.yaml").write_text(config_map("web", color="blue"))
    journey.sealift("push", folder, reference, "--unsigned")
    journey.sealift("copy", reference, copied)
    assert cosign.verify_saved(layout, key.public).returncode != 0
    journey.sealift("copy", reference.replace(":prod", f"@{digest}"), f"{copied}:prod")
    assert cosign.verify_saved(layout, late.public).returncode == 0


def test_signing_what_cosign_saved(
    journey: Journey, referrers_registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path
) -> None:
    """Signatures that are added to a layout of `cosign save` stand beside those it came with, and a tag hides none."""
    key, late = cosign.key(), cosign.key("late")
    reference, here = referrers_registry.oci(f"{repository}:prod"), referrers_registry.repository(repository)
    digest = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    cosign.sign(f"{here}@{digest}", key.private, old=True)
    saved = tmp_path / "saved"
    cosign.run("save", "--dir", str(saved), "--allow-http-registry", f"{here}@{digest}")
    pinned = f"oci-layout://{saved}@{digest}"
    env = {"COSIGN_PASSWORD": ""}
    journey.sealift("sign", pinned, "--key", late.private, "--identity", here, env=env)
    index = json.loads((saved / "index.json").read_text())
    kinds = [entry.get("annotations", {}).get("kind", "").rpartition("/")[2] for entry in index["manifests"]]
    assert kinds.count("image") == kinds.count("sigs") == 1
    copied = f"oci-layout://{tmp_path / 'copied'}:prod"
    journey.sealift("copy", pinned, copied)
    journey.sealift("copy", pinned, f"oci-layout://{saved}:again")
    for place in (pinned, copied, f"oci-layout://{saved}:again"):
        for public in (key.public, late.public):
            journey.sealift("verify", place, "--identity", here, "--key", public, "--no-attest")
    tag = json.loads((tmp_path / "copied" / "index.json").read_text())["manifests"]
    signatures = next(e for e in tag if e.get("annotations", {}).get("kind", "").endswith("/sigs"))
    layers = json.loads((tmp_path / "copied/blobs/sha256" / signatures["digest"][7:]).read_text())["layers"]
    assert len(layers) == 2, "both signers in the older form"
    assert cosign.verify_saved(saved, late.public).returncode == 0


def test_signatures_that_are_referrers(
    journey: Journey, referrers_registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path
) -> None:
    """The older form as cosign's OCI 1.1 mode writes it counts, in the registry and in a copy; a transplanted one does not."""
    key, other, stranger = cosign.key(), cosign.key("other"), cosign.key("stranger")
    reference = referrers_registry.oci(f"{repository}:prod")
    here = referrers_registry.repository(repository)
    journey.sealift("push", folder, reference, "--unsigned")
    digest = str(referrers_registry.digest(repository, "prod"))
    for signer in (key, other):
        cosign.sign_as_referrer(f"{here}@{digest}", signer.private)
    assert referrers_registry.tags(repository) == ["prod"]
    copied = f"oci-layout://{tmp_path / 'copied'}:prod"
    journey.sealift("copy", reference, copied)
    for place in ((reference,), (copied, "--identity", here)):
        for public in (key.public, other.public):
            journey.sealift("verify", *place, "--key", public, "--no-attest")
        journey.sealift.fails("verify", *place, "--key", stranger.public, "--no-attest")
    # What counts for policies is not what our own signing looks for.
    env = {"COSIGN_PASSWORD": ""}
    journey.sealift("sign", reference, "--key", key.private, env=env)
    cosign.verify(f"{here}@{digest}", key.public, old=True)
    # The signature of one artifact, put beside another.
    (folder / "more.yaml").write_text(config_map("more"))
    second = referrers_registry.oci(f"{repository}:second")
    journey.sealift("push", folder, second, "--unsigned")
    moved = referrers_registry.manifest(repository, signature_of(journey, reference))
    target = str(referrers_registry.digest(repository, "second"))
    moved["subject"] = {**moved["subject"], "digest": target}
    data = json.dumps(moved).encode()
    name = "sha256:" + hashlib.sha256(data).hexdigest()
    referrers_registry.put_manifest(repository, name, data, "application/vnd.oci.image.manifest.v1+json")
    for public in (key.public, other.public):
        journey.sealift.fails("verify", second, "--key", public, "--no-attest")


def signature_of(journey: Journey, reference: str) -> str:
    """A referrer that is a signature in the older form."""
    entries = journey.sealift("inspect", reference, "-o", "json").json()["attached"]
    found = [str(entry["digest"]) for entry in entries if "artifact.sig" in json.dumps(entry)]
    assert len(found) == 2, entries
    return found[-1]


def test_an_attestation_is_no_signature(
    journey: Journey, referrers_registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path
) -> None:
    """cosign takes every bundle that a key signed for a signature, so whoever may attest could release. We do not."""
    key = cosign.key()
    reference = referrers_registry.oci(f"{repository}:prod")
    digest = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    predicate = tmp_path / "scan.json"
    predicate.write_text("{}")
    signed = referrers_registry.repository(f"{repository}@{digest}")
    cosign.attest(signed, key.private, predicate, "https://example.com/scan/v1")
    cosign.verify(signed, key.public)
    said = journey.sealift.fails("verify", reference, "--key", key.public, "--no-attest").err
    assert "no signature by a key of this entry" in said
    cosign.sign(signed, key.private)
    journey.sealift("verify", reference, "--key", key.public, "--no-attest")


@pytest.mark.parametrize("old", [False, True], ids=["bundle", "att-tag"])
def test_cosign_attests_a_release(
    journey: Journey, registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path, old: bool
) -> None:
    """A release statement that cosign made with the right key counts, for its channel."""
    key = cosign.key()
    reference = registry.oci(f"{repository}:prod")
    digest = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    signed = registry.repository(f"{repository}@{digest}")
    cosign.sign(signed, key.private)
    predicate = tmp_path / "release.json"

    def attest(channel: str) -> None:
        release = {
            "repository": registry.repository(repository),
            "channel": channel,
            "sequence": 1_795_000_000_000,
            "issuedAt": "2026-11-20T00:00:00Z",
        }
        predicate.write_text(json.dumps(release))
        cosign.attest(signed, key.private, predicate, "https://sealift.dev/release/v1", old)
        cosign.verify_attestation(signed, key.public, "https://sealift.dev/release/v1", old)

    attest("staging")
    assert "staging" in journey.sealift.fails("verify", reference, "--key", key.public).err
    attest("prod")
    journey.sealift("verify", reference, "--key", key.public)
    other = cosign.key("other")
    cosign.sign(signed, other.private)
    told = journey.sealift.fails("verify", reference, "--key", other.public, "--explain")
    assert ("which is not listed" if not old else ".att layer 2: ") in told.out, told.out


@FORMS
def test_ed25519(
    journey: Journey, registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, tmp_path: Path, old: bool
) -> None:
    """`cosign sign` makes Ed25519ph of such keys, which not even `cosign verify` reads. We sign so that it does."""
    pem = tmp_path / "ed.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True, capture_output=True)
    cosign.run("import-key-pair", "--key", str(pem), "--output-key-prefix", str(tmp_path / "ed"), "-y")
    private, public = tmp_path / "ed.key", tmp_path / "ed.pub"
    reference = registry.oci(f"{repository}:prod")
    digest = journey.sealift("push", folder, reference, "--unsigned").out.strip()
    place = registry.repository(f"{repository}@{digest}")
    cosign.sign(place, private, old)
    assert cosign.try_verify(place, public, old).returncode != 0
    told = journey.sealift.fails("verify", reference, "--key", public, "--no-attest", "--explain").out
    assert "Ed25519ph" in told and "OpenSSL 3.0" in told and "P-256" in told, told
    journey.sealift("sign", reference, "--key", private, "--channel", "prod", env={"COSIGN_PASSWORD": ""})
    assert journey.sealift("verify", reference, "--key", public).out.strip() == digest
    cosign.verify(place, public, old)


def test_ed25519_of_bytes(sealift: Sealift, cosign: Cosign, tmp_path: Path) -> None:
    """`cosign sign-blob` signs the bytes themselves: with them it verifies, with their digest alone it cannot."""
    pem, data, bundle = tmp_path / "ed.pem", tmp_path / "data", tmp_path / "bundle.json"
    data.write_text("sealed")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True, capture_output=True)
    cosign.run("import-key-pair", "--key", str(pem), "--output-key-prefix", str(tmp_path / "ed"), "-y")
    cosign.sign_blob(data, tmp_path / "ed.key", bundle)
    key = ("--bundle", bundle, "--key", tmp_path / "ed.pub")
    sealift("verify-bundle", data, *key)
    digest = "sha256:" + hashlib.sha256(data.read_bytes()).hexdigest()
    assert "give the bytes" in sealift.fails("verify-bundle", digest, *key).err
    data.write_text("other")
    assert "no valid Ed25519 signature" in sealift.fails("verify-bundle", data, *key).err
