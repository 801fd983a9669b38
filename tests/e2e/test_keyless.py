"""Keyless signatures: by a Sigstore of the test's own, held against cosign; and bundles with keys, both ways."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cosign import Cosign
from parts.journey import config_map
from parts.need import need_program
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Daemon, Sealift
from parts.sigstore import ISSUER, SUBJECT, Sigstore, attach, attach_old, attest_old, statement

Serve = Callable[..., Daemon]
WHO = ("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER)


@pytest.fixture
def sigstore(tmp_path: Path) -> Sigstore:
    return Sigstore(tmp_path / "sigstore")


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "artifact"
    path.write_text("bytes that somebody signs\n")
    return path


@pytest.fixture
def pushed(sealift: Sealift, tmp_path: Path, referrers_registry: ReferrersRegistry, repository: str) -> str:
    """The digest of an artifact that nobody signed whom the tests trust."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "web.yaml").write_text(config_map("web"))
    password = {"COSIGN_PASSWORD": ""}
    sealift("keygen", "--output-prefix", tmp_path / "stranger", env=password)
    reference = f"{referrers_registry.oci(repository)}:prod"
    sealift("push", folder, reference, "--insecure", "--key", tmp_path / "stranger.key", env=password)
    digest = referrers_registry.digest(repository, "prod")
    assert digest
    return digest


@pytest.mark.parametrize("form", [{}, {"v2": True}], ids=["rekor1", "rekor2"])
def test_cosign_agrees_on_bundles(
    sealift: Sealift, cosign: Cosign, sigstore: Sigstore, artifact: Path, form: dict[str, bool]
) -> None:
    bundle = sigstore.bundle("blob", artifact=artifact, **form)
    sigstore.mint()
    cosign.run("verify-blob", "--bundle", str(bundle), "--trusted-root", str(sigstore.root), *WHO, str(artifact))
    common = ("verify-bundle", "--bundle", bundle, "--trusted-root", sigstore.root)
    sealift(*common, *WHO, artifact)
    for wrong in (("--certificate-identity", "x", *WHO[2:]), (*WHO[:2], "--certificate-oidc-issuer", "https://x")):
        assert cosign.try_run(
            "verify-blob", "--bundle", str(bundle), "--trusted-root", str(sigstore.root), *wrong, str(artifact)
        ).returncode
        sealift.fails(*common, *wrong, artifact)
    artifact.write_text("other bytes\n")
    assert "another content" in sealift.fails(*common, *WHO, artifact).err


def test_verify_bundle_says_what_it_needs(sealift: Sealift, sigstore: Sigstore, artifact: Path) -> None:
    bundle = sigstore.bundle("blob", artifact=artifact)
    sigstore.mint()
    verify = ("verify-bundle", "--bundle", bundle)
    assert "whose signature?" in sealift.fails(*verify, artifact).err
    assert "whose signature?" in sealift.fails(*verify, *WHO[:2], artifact).err
    assert "whose signature?" in sealift.fails(*verify, "--key", artifact, *WHO, artifact).err
    assert "which bundle?" in sealift.fails("verify-bundle", *WHO, artifact).err
    assert "staging instance is not built in" in sealift.fails(*verify, "--staging", *WHO, artifact).err
    assert "no digest" in sealift.fails(*verify, *WHO, "sha256:12").err
    assert "no log that the trusted root names" in sealift.fails(*verify, *WHO, artifact).err


@pytest.mark.parametrize("in_toto", [False, True], ids=["bytes", "statement"])
def test_keyed_bundles_both_ways(
    sealift: Sealift, cosign: Cosign, tmp_path: Path, artifact: Path, in_toto: bool
) -> None:
    key = cosign.key()
    theirs, ours = tmp_path / "theirs.json", tmp_path / "ours.json"
    signed = artifact
    if in_toto:
        signed = tmp_path / "statement.json"
        digest = "sha256:" + hashlib.sha256(artifact.read_bytes()).hexdigest()
        signed.write_text(statement(digest, "https://example.com/p", name="artifact"))
    sealift(
        "sign-bundle", "--key", key.private, "--bundle", ours, *(["--in-toto"] if in_toto else []), signed,
        env={"COSIGN_PASSWORD": cosign.password},
    )  # fmt: skip
    sealift("verify-bundle", "--key", key.public, "--bundle", ours, artifact)
    common = ("--key", str(key.public), "--insecure-ignore-tlog")
    if in_toto:
        cosign.run("verify-blob-attestation", *common, "--bundle", str(ours), "--type", "https://example.com/p",
                   str(artifact))  # fmt: skip
        return
    cosign.run("verify-blob", *common, "--bundle", str(ours), str(artifact))
    cosign.run(
        "sign-blob", "--key", str(key.private), "--bundle", str(theirs), "-y",
        "--signing-config", str(tmp_path / "cosign" / "signing-config.json"), str(artifact),
    )  # fmt: skip
    sealift("verify-bundle", "--key", key.public, "--bundle", theirs, artifact)
    artifact.write_text("other bytes\n")
    sealift.fails("verify-bundle", "--key", key.public, "--bundle", theirs, artifact)
    assert "another artifact" in sealift.fails("verify-bundle", "--key", key.public, "--bundle", ours, artifact).err


def test_verify_a_keyless_artifact(
    sealift: Sealift,
    cosign: Cosign,
    sigstore: Sigstore,
    referrers_registry: ReferrersRegistry,
    repository: str,
    pushed: str,
) -> None:
    reference = f"{referrers_registry.oci(repository)}:prod"
    bundle = sigstore.bundle("sign", statement=statement(pushed))
    sigstore.mint()
    attach(referrers_registry, repository, pushed, bundle)
    root = ("--trusted-root", str(sigstore.root))
    cosign.run(
        "verify", *WHO, *root, "--allow-http-registry", f"{referrers_registry.repository(repository)}@{pushed}"
    )
    verify = ("verify", reference, "--insecure", "--no-attest", "--explain")
    said = sealift(*verify, *WHO, *root)
    assert "all requirements are met" in said.out and SUBJECT in said.out
    pattern = ("--certificate-identity", "https://git.example.com/acme/**@refs/heads/main", *WHO[2:])
    sealift(*verify, *pattern, *root)
    other = sealift.fails(*verify, "--certificate-identity", "mallory@example.com", *WHO[2:], *root)
    assert f"by {SUBJECT} ({ISSUER}), which is not listed" in other.out
    # Without the root that vouches for it, it is nobody's word.
    assert "no log that the trusted root names" in sealift.fails(*verify, *WHO).out


def test_verify_a_keyless_signature_of_the_older_form(
    sealift: Sealift,
    cosign: Cosign,
    sigstore: Sigstore,
    tmp_path: Path,
    referrers_registry: ReferrersRegistry,
    repository: str,
    pushed: str,
) -> None:
    payload = tmp_path / "payload.json"
    place = referrers_registry.repository(repository)
    payload.write_text(
        json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": place},
                    "image": {"docker-manifest-digest": pushed},
                    "type": "cosign container image signature",
                },
                "optional": None,
            }
        )
    )
    bundle = sigstore.bundle("old", artifact=payload)
    sigstore.mint()
    attach_old(referrers_registry, repository, pushed, payload, bundle)
    root = ("--trusted-root", str(sigstore.root))
    old = ("--new-bundle-format=false", "--allow-http-registry")
    cosign.run("verify", *WHO, *root, *old, f"{place}@{pushed}")
    verify = ("verify", f"{referrers_registry.oci(repository)}:prod", "--insecure", "--no-attest")
    sealift(*verify, *WHO, *root)
    sealift.fails(*verify, "--certificate-identity", "mallory@example.com", *WHO[2:], *root)


def test_verify_a_keyless_attestation_of_the_older_form(
    sealift: Sealift,
    cosign: Cosign,
    config: Config,
    sigstore: Sigstore,
    referrers_registry: ReferrersRegistry,
    repository: str,
    tmp_path: Path,
    pushed: str,
) -> None:
    kind = "https://example.com/tests/v1"
    bundle = sigstore.bundle("att", statement=statement(pushed, kind, {"result": "passed"}))
    signature = sigstore.bundle("sig", statement=statement(pushed, name=referrers_registry.repository(repository)))
    sigstore.mint()
    attach(referrers_registry, repository, pushed, signature)
    config.secret("sigstore-root", namespace="sealift-system", trusted_root__json=sigstore.root)
    who = [{"issuer": ISSUER, "subject": SUBJECT}]
    config.policy(
        "prod",
        require=[{"name": "ci", "keyless": who}],
        attestations=[{"name": "tests", "type": kind, "keyless": who, "values": [{"path": "/result", "equals": "passed"}]}],
        trustedRoot={"secretRef": {"name": "sigstore-root"}},
    )
    artifact = {"repository": referrers_registry.oci(repository), "tag": "prod", "insecure": True}
    config.sync("shop", artifact=artifact, target={"directory": {"path": str(tmp_path / "target")}})
    reference = f"{referrers_registry.oci(repository)}:prod"
    verify = ("verify", reference, "--config", config.folder, "--state", tmp_path / "state", "--sync", "shop")
    assert "AttestationRequired" in sealift.fails(*verify, "--insecure").err
    attest_old(referrers_registry, repository, pushed, bundle)
    place = f"{referrers_registry.repository(repository)}@{pushed}"
    root = ("--trusted-root", str(sigstore.root), "--new-bundle-format=false", "--allow-http-registry")
    cosign.run("verify-attestation", "--type", kind, *WHO, *root, place)
    sealift(*verify, "--insecure")


def test_sync_follows_a_keyless_signer(
    sealift: Sealift,
    config: Config,
    serve: Serve,
    sigstore: Sigstore,
    tmp_path: Path,
    referrers_registry: ReferrersRegistry,
    repository: str,
    pushed: str,
) -> None:
    bundle = sigstore.bundle("sign", statement=statement(pushed, name=referrers_registry.repository(repository)))
    sigstore.mint()
    config.secret("sigstore-root", namespace="sealift-system", trusted_root__json=sigstore.root)
    config.policy(
        "prod",
        require=[{"name": "ci", "keyless": [{"issuer": ISSUER, "subject": SUBJECT}]}],
        trustedRoot={"secretRef": {"name": "sigstore-root"}},
    )
    config.sync(
        "shop",
        interval="1s",
        artifact={"repository": referrers_registry.oci(repository), "tag": "prod", "insecure": True},
        target={"directory": {"path": str(tmp_path / "target")}},
    )
    daemon = serve()
    refused = daemon.wait_condition("Sync", "shop", "Ready", "False")
    assert SUBJECT in json.dumps(refused["conditions"])
    attach(referrers_registry, repository, pushed, bundle)
    daemon.wait_condition("Sync", "shop", "Ready", "True")
    assert daemon.status("Sync", "shop")["artifact"]["verifiedBy"] == [f"ci: {SUBJECT}"]


KINDS = {
    "p256": ("EC", "ec_paramgen_curve:P-256"),
    "p384": ("EC", "ec_paramgen_curve:P-384"),
    "p521": ("EC", "ec_paramgen_curve:P-521"),
    "rsa2048": ("RSA", "rsa_keygen_bits:2048"),
    "rsa4096": ("RSA", "rsa_keygen_bits:4096"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_keys_both_ways(
    sealift: Sealift, cosign: Cosign, tmp_path: Path, artifact: Path, kind: str
) -> None:
    algorithm, option = KINDS[kind]
    openssl = need_program("openssl", "openssl")
    plain, old, public = tmp_path / "plain.pem", tmp_path / "old.pem", tmp_path / "key.pub"
    for words in (
        ("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", plain),
        ("pkey", "-in", plain, "-pubout", "-out", public),
        # SEC1 or PKCS#1
        ("pkey", "-in", plain, "-traditional", "-out", old),
    ):
        subprocess.run([openssl, *map(str, words)], check=True, capture_output=True)
    cosign.run("import-key-pair", "--key", str(plain), "--output-key-prefix", str(tmp_path / "imported"))
    imported = tmp_path / "imported.key"
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    common = ("--key", str(public), "--insecure-ignore-tlog", "--bundle", str(ours))
    for private in (plain, old, imported):
        sealift("sign-bundle", "--key", private, "--bundle", ours, artifact, env={"COSIGN_PASSWORD": ""})
        sealift("verify-bundle", "--key", public, "--bundle", ours, artifact)
        cosign.run("verify-blob", *common, str(artifact))
    cosign.run(
        "sign-blob", "--key", str(imported), "--bundle", str(theirs), "-y",
        "--signing-config", str(tmp_path / "cosign" / "signing-config.json"), str(artifact),
    )  # fmt: skip
    sealift("verify-bundle", "--key", public, "--bundle", theirs, artifact)


def test_deny_what_a_certificate_says(
    sealift: Sealift,
    config: Config,
    sigstore: Sigstore,
    tmp_path: Path,
    referrers_registry: ReferrersRegistry,
    repository: str,
    pushed: str,
) -> None:
    """By the serial number and the authority as openssl shows them, and by the identity; judged as a Sync would."""
    place = referrers_registry.repository(repository)
    bundle = sigstore.bundle("sign", statement=statement(pushed, name=place))
    sigstore.mint()
    attach(referrers_registry, repository, pushed, bundle)
    found = json.loads(bundle.read_text())["verificationMaterial"]
    raw = found.get("certificate") or found["x509CertificateChain"]["certificates"][0]
    shown = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-serial", "-issuer"],
        input=base64.b64decode(raw["rawBytes"]),
        capture_output=True,
        check=True,
    ).stdout.decode()
    serial, issuer = (line.split("=", 1)[1] for line in shown.splitlines())
    config.secret("sigstore-root", namespace="sealift-system", trusted_root__json=sigstore.root)
    reference = f"{referrers_registry.oci(repository)}:prod"
    config.sync(
        "shop",
        artifact={"repository": referrers_registry.oci(repository), "tag": "prod", "insecure": True},
        target={"directory": {"path": str(tmp_path / "target")}},
    )
    ends = ("--config", config.folder, "--state", tmp_path / "state", "--sync", "shop", "--insecure", "--explain")

    def judge(deny: Any) -> Any:
        config.policy(
            "prod",
            require=[{"name": "ci", "keyless": [{"issuer": ISSUER, "subject": SUBJECT}]}],
            trustedRoot={"secretRef": {"name": "sigstore-root"}},
            **({"deny": deny} if deny else {}),
        )
        return sealift.run("verify", reference, *ends)

    assert judge(None).code == 0
    colons = ":".join(serial[i : i + 2] for i in range(0, len(serial), 2))
    for certificate in ({"serial": serial}, {"serial": colons.lower(), "issuer": issuer}, {"serial": f"0x00{serial}"}):
        refused = judge({"certificates": [{**certificate, "reason": "issued by mistake"}]})
        assert refused.code == 1 and f"{SUBJECT} (denied: issued by mistake)" in refused.out, refused.out
    assert judge({"certificates": [{"serial": serial, "issuer": "CN=somebody else"}]}).code == 0
    refused = judge({"keyless": [{"issuer": ISSUER, "subject": "https://git.example.com/**"}]})
    assert refused.code == 1 and "(denied)" in refused.out, refused.out
