"""Notation's own library as the oracle: what we sign it verifies, what it signs we verify, in both envelopes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.gate import Gate
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, Journey, config_map, released
from parts.need import CHECKOUT
from parts.notation import IDENTITY, KINDS, LARGE_KINDS, Notation, StampServer
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.token import Token
from parts.wait import wait_for

FORMS = pytest.mark.parametrize("form", ["jws", "cose"])


@pytest.fixture
def notation(tmp_path: Path) -> Notation:
    return Notation(tmp_path / "notation")


class Signed:
    """One unsigned artifact, and what sealift says of it under the policy of `notation`."""

    def __init__(self, sealift: Sealift, registry: OciRegistry, repository: str, folder: Path, notation: Notation):
        self.sealift, self.notation = sealift, notation
        self.place = registry.repository(repository)
        self.reference = registry.oci(f"{repository}:prod")
        (folder / "src").mkdir()
        (folder / "src/web.yaml").write_text(config_map("web"))
        self.digest = sealift("push", folder / "src", self.reference, "--unsigned").out.strip()
        self.full = f"{self.place}@{self.digest}"

    def words(self, *flags: object) -> tuple[object, ...]:
        return ("verify", self.reference, "--notation-policy", self.notation.folder / "trustpolicy.json", *flags)

    def passes(self, *flags: object) -> str:
        done = self.sealift(*self.words(*flags))
        assert self.digest in done.out or "--explain" in flags, done.out
        return str(done.out + done.err)

    def fails(self, *flags: object) -> str:
        done = self.sealift.fails(*self.words("--explain", *flags))
        return str(done.out + done.err)


@pytest.fixture
def signed(
    sealift: Sealift, docker_registry: OciRegistry, repository: str, tmp_path: Path, notation: Notation
) -> Signed:
    return Signed(sealift, docker_registry, repository, tmp_path, notation)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_keys_both_ways(signed: Signed, notation: Notation, kind: str) -> None:
    signer = notation.signer(kind=kind)
    signed.fails()
    notation.sign(signed.full, signer, "jws")
    assert signer.subject in signed.passes()
    ours = notation.signer("ours", kind=kind)
    notation.policy("x509.subject: C=US, ST=WA, O=acme, CN=ours")
    assert "none of the policy's trusted identities" in signed.fails()
    notation.fails(signed.full)
    flags = ("--notation", "--key", ours.key, "--certificate-chain", ours.chain, "--expiry", "24h")
    assert signed.sealift("sign", signed.reference, *flags).out.strip() == signed.digest
    assert notation.verify(signed.full) == signed.digest
    assert ours.subject in signed.passes()


@pytest.mark.parametrize("kind", [*KINDS, *LARGE_KINDS])
def test_keys_that_a_program_keeps(signed: Signed, notation: Notation, tmp_path: Path, kind: str) -> None:
    signer = notation.signer(kind=kind)
    program = ("--signer", CHECKOUT / "deploy/examples/signer-openssl", "--key", "packager")
    (tmp_path / "packager.pem").write_bytes(signer.key.read_bytes())
    env = {"SIGNER_KEYS": str(tmp_path)}
    flags = ("--notation", *program, "--certificate-chain", signer.chain)
    assert signed.sealift("sign", signed.reference, *flags, env=env).out.strip() == signed.digest
    assert notation.verify(signed.full) == signed.digest
    assert signer.subject in signed.passes()


@pytest.mark.parametrize("kind", ["EC:prime256v1", "EC:secp384r1", "rsa:2048", "rsa:3072"])
def test_keys_in_a_token(signed: Signed, notation: Notation, tmp_path: Path, kind: str) -> None:
    token = Token(tmp_path / "token")
    token.make("release", kind)
    public = tmp_path / "release.pub"
    public.write_text(signed.sealift("keygen", "--public", "--key", token.uri("release", pin=False), env=token.env).out)
    signer = notation.certify(public, "release")
    flags = ("--notation", "--key", token.uri("release"), "--certificate-chain", signer.chain)
    assert signed.sealift("sign", signed.reference, *flags, env=token.env).out.strip() == signed.digest
    assert notation.verify(signed.full) == signed.digest
    assert signer.subject in signed.passes()


@FORMS
def test_both_registries(
    sealift: Sealift,
    registry: OciRegistry,
    repository: str,
    tmp_path: Path,
    notation: Notation,
    form: str,
) -> None:
    """Through the referrers API, and through the fallback tag."""
    signed = Signed(sealift, registry, repository, tmp_path, notation)
    signer = notation.signer(kind="rsa2048")
    notation.sign(signed.full, signer, form, "-expiry", "24h")
    notation.policy(scopes=[signed.place])
    assert signer.subject in signed.passes()
    sealift("sign", signed.reference, "--notation", "--key", signer.key, "--certificate-chain", signer.chain)
    assert notation.verify(signed.full) == signed.digest
    notation.policy(scopes=["registry.example.com/acme/shop"])
    assert "no statement is for" in signed.fails()


@FORMS
def test_who_does_not_count(signed: Signed, notation: Notation, tmp_path: Path, form: str) -> None:
    stranger = Notation(tmp_path / "stranger", "elsewhere")
    stranger.sign(signed.full, stranger.signer("release"), form)
    assert "certified by nobody in the policy's trust stores" in signed.fails()
    notation.sign(signed.full, notation.signer("release"), form)
    signed.passes()
    for text, change in {
        "none of the policy's trusted identities": lambda: notation.policy("x509.subject: C=US, ST=WA, O=other"),
        "trust store ca:nobody": lambda: notation.policy(stores=["ca:nobody"]),
        "no trust store of type ca": lambda: (
            notation.store("signingAuthority", "acme", notation.root),
            notation.policy(stores=["signingAuthority:acme"]),
        ),
        "has no timestamp": lambda: (
            notation.store("tsa", "acme", notation.root),
            notation.policy(stores=["ca:acme", "tsa:acme"]),
        ),
        "level skip": lambda: (notation.folder / "trustpolicy.json").write_text(
            json.dumps(
                {
                    "version": "1.0",
                    "trustPolicies": [
                        {"name": "a", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}
                    ],
                }
            )
        ),
    }.items():
        change()
        said = signed.fails()
        assert text in said, said


def test_signature_of_another_artifact(
    sealift: Sealift, docker_registry: OciRegistry, repository: str, tmp_path: Path, notation: Notation, signed: Signed
) -> None:
    """A signature moved to what it was not made for."""
    gate = Gate(Journey(sealift, Config(tmp_path / "other"), tmp_path), docker_registry, repository)
    other = gate.push("other", tag="other", key=None)
    notation.sign(f"{signed.place}@{other}", notation.signer())
    for entry in docker_registry.referrers(repository, other):
        manifest = docker_registry.manifest(repository, entry["digest"])
        manifest["subject"] = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": signed.digest,
            "size": len(json.dumps(manifest)),
        }
        content = json.dumps(manifest).encode()
        docker_registry.put_manifest(repository, "moved", content, manifest["mediaType"])
        moved = {"mediaType": manifest["mediaType"], "digest": docker_registry.digest(repository, "moved")}
        moved |= {"size": len(content), "artifactType": "application/vnd.cncf.notary.signature"}
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [moved]}
        tag = signed.digest.replace(":", "-")
        docker_registry.put_manifest(repository, tag, json.dumps(index).encode(), index["mediaType"])
    assert f"a signature for another artifact, {other}" in signed.fails()


def test_revoked(signed: Signed, notation: Notation) -> None:
    signer = notation.signer(use="revocable")
    notation.sign(signed.full, signer, "cose")
    # Its certificate names a list, and none is given.
    assert "is not known: no list of its issuer is given" in signed.fails()
    signed.passes("--crl", notation.crl())
    assert "was revoked" in signed.fails("--crl", notation.crl(signer))
    notation.policy(override={"revocation": "log"})
    assert "counts, but revocation: the certificate of" in signed.passes("--crl", notation.crl(), "--explain")
    notation.policy(override={"revocation": "skip"})
    assert "counts, but" not in signed.passes("--crl", notation.crl(), "--explain")


def test_expired(signed: Signed, notation: Notation) -> None:
    signer = notation.signer()
    notation.sign(signed.full, signer, "jws", "-expiry", "1s")
    wait_for("the signature's end", lambda: signed.sealift.run(*signed.words()).code != 0)
    assert "counted until" in signed.fails() and "its expiry" in signed.fails()
    notation.policy(level="permissive")
    assert "is not enforced" in signed.passes("--explain")
    # A later signature of the same signer counts again.
    notation.policy()
    notation.sign(signed.full, signer, "jws", "-expiry", "24h")
    signed.passes()


@FORMS
def test_timestamps(signed: Signed, notation: Notation, tmp_path: Path, form: str) -> None:
    authority = Notation(tmp_path / "tsa", "time")
    notation.store("tsa", "time", authority.root)
    with StampServer(authority) as server:
        notation.sign(signed.full, notation.signer(), form, "-tsa", server.url, "-tsa-root", authority.root)
    notation.policy(stores=["ca:acme", "tsa:time"])
    assert notation.verify(signed.full) == signed.digest
    signed.passes()
    notation.store("tsa", "other", Notation(tmp_path / "other", "other").root)
    notation.policy(stores=["ca:acme", "tsa:other"])
    assert "none of the authorities of the tsa trust stores" in signed.fails()
    notation.policy(stores=["ca:acme", "tsa:other"], verifyTimestamp="afterCertExpiry")
    signed.passes()


@pytest.mark.parametrize(
    "use, said", [("server", "more than code signing"), ("ca", "is an authority's, not a signer's")]
)
def test_certificates_that_do_not_sign(signed: Signed, notation: Notation, use: str, said: str) -> None:
    signer = notation.signer(use=use)
    words = ("sign", signed.reference, "--notation", "--key", signer.key, "--certificate-chain")
    assert said in signed.sealift.fails(*words, signer.chain).err
    assert "--certificate-chain FILE" in signed.sealift.fails(*words[:-1]).err
    assert "not for this key" in signed.sealift.fails(*words, notation.root).err
    fine = notation.signer("fine")
    assert "up to the root" in signed.sealift.fails(*words[:4], fine.key, "--certificate-chain", fine.cert).err
    assert "say --notation" in signed.sealift.fails(*words[:2], *words[3:], fine.chain).err


@FORMS
def test_sync_waits_for_a_notation_signature(
    sealift: Sealift,
    config: Config,
    serve: Callable[..., Daemon],
    docker_registry: OciRegistry,
    repository: str,
    tmp_path: Path,
    notation: Notation,
    form: str,
) -> None:
    """Beside the packager's statement, and by itself; a certificate that is revoked later counts no longer."""
    gate = Gate(Journey(sealift, config, tmp_path), docker_registry, repository)
    signer = notation.signer("release", use="revocable")
    config.secret("acme-ca", namespace="sealift-system", acme__crt=notation.root)
    config.secret("acme-crls", namespace="sealift-system", acme__crl=notation.crl())
    trust: dict[str, Any] = {
        "trustStores": [{"name": "ca:acme", "secretRef": {"name": "acme-ca"}}],
        "trustedIdentities": [IDENTITY],
        "crls": {"secretRef": {"name": "acme-crls"}},
    }
    packager = dict(gate.entry("packager", "packager"), attests=True)
    gate.journey.config.policy("prod", require=[packager, {"name": "release", "notation": trust}])
    gate.sync()
    first = gate.push("first")
    gate.daemon = serve(roles="controller")
    told = gate.daemon.wait_condition("Sync", "shop", "Ready", "False")
    assert IDENTITY.split(": ")[1] in json.dumps(told["conditions"]), told
    notation.sign(f"{docker_registry.repository(repository)}@{first}", signer, form)
    gate.passes("first")
    assert f"release: {signer.subject}" in gate.daemon.status("Sync", "shop")["artifact"]["verifiedBy"]
    # By itself, for an artifact that states nothing.
    gate.journey.config.policy("prod", require=[{"name": "release", "anyRepository": True, "notation": trust}])
    second = gate.push("second", key=None)
    gate.refuses("Unverified", "sealift sign", "--notation")
    notation.sign(f"{docker_registry.repository(repository)}@{second}", signer, form)
    gate.passes("second")
    config.secret("acme-crls", namespace="sealift-system", acme__crl=notation.crl(signer))
    third = gate.push("third", key=None)
    notation.sign(f"{docker_registry.repository(repository)}@{third}", signer, form)
    # What runs was signed with it, too.
    gate.refuses("Revoked", "no signature")


def test_bundle_signs_for_notation(
    sealift: Sealift, config: Config, serve: Callable[..., Daemon], repo: GitRepo, git_server: GitHttpServer,
    registry: OciRegistry, repository: str, notation: Notation, tmp_path: Path,
) -> None:  # fmt: skip
    """By a key of its own, by the next certificate, and by the key that seals; each once."""
    journey = Journey(sealift, config, tmp_path)
    place = registry.repository(repository)

    def bundle(secret: str, **more: Any) -> None:
        wanted = {"secretRef": {"name": secret}, **more}
        sign = {"secretRef": {"name": "packager-key"}, "notation": wanted}
        journey.bundle(f"{git_server.url}/config.git", registry.oci(repository), sign=sign)

    first, second = notation.signer("first", "rsa2048"), notation.signer("second")
    config.secret("first", tls__crt=first.cert, ca__crt=notation.root, tls__key=first.key)
    config.secret("second", tls__crt=second.chain, tls__key=second.key)
    config.secret("sealing", tls__crt=first.chain)
    bundle("first", expiry="720h")
    commit = repo.commit({"web.yaml": config_map("web")})
    repo.push()
    daemon = serve(roles="packager")
    artifact = released(daemon, commit)
    assert artifact["notation"]["subject"] == first.subject and artifact["notation"]["digest"] == artifact["digest"]
    assert notation.verify(f"{place}@{artifact['digest']}") == artifact["digest"]
    # Nothing is due: nothing is signed.
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"]["notation"] == artifact["notation"]
    bundle("second")
    notation.policy(f"{IDENTITY}, CN=second")
    daemon.wait_status(
        "Bundle", "shop", lambda status: status["artifact"]["notation"]["subject"] == second.subject, "another signer"
    )
    assert daemon.status("Bundle", "shop")["artifact"]["digest"] == artifact["digest"]
    assert notation.verify(f"{place}@{artifact['digest']}") == artifact["digest"]
    # The key that seals signs where the Secret has none, if the certificate is for it.
    bundle("sealing")
    told = daemon.wait_condition("Bundle", "shop", "Ready", "False")
    assert "SignFailed" in str(told["conditions"]) and "not for this key" in str(told["conditions"]), told
    sealing = notation.certify(journey.public, "sealing")
    config.secret("sealing", tls__crt=sealing.chain)
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"]["notation"]["subject"] == sealing.subject
    notation.policy(f"{IDENTITY}, CN=sealing")
    assert notation.verify(f"{place}@{artifact['digest']}") == artifact["digest"]
    config.secret("sealing", tls__key="x")
    assert "has no tls.crt" in journey.sealift.fails(*journey.at("reconcile", "bundle", "shop")).err


def test_create_policy(
    sealift: Sealift, docker_registry: OciRegistry, repository: str, config: Config, notation: Notation, tmp_path: Path
) -> None:
    """Flags by the names of the fields, or the document of notation itself; a Sync is judged by what comes of it."""
    journey = Journey(sealift, config, tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/web.yaml").write_text(config_map("web"))
    reference = docker_registry.oci(f"{repository}:prod")
    env = {"COSIGN_PASSWORD": KEY_PASSWORD}
    sealift("push", tmp_path / "src", reference, "--key", journey.private, env=env)
    artifact = {"repository": docker_registry.oci(repository), "tag": "prod"}
    config.sync("shop", artifact=artifact, target={"directory": {"path": str(journey.target)}})
    judge = journey.at("verify", reference, "--sync", "shop")
    create = journey.at("create", "policy", "prod")
    # The document: an entry of its own beside the packager's.
    document = notation.policy(verifyTimestamp="afterCertExpiry", override={"revocation": "log"})
    sealift(*create, "--key", journey.public, "--channel", "prod", "--notation-policy", document)
    assert "Notation signer" in sealift.fails(*judge).err
    signer = notation.signer()
    flags = ("--notation", "--key", signer.key, "--certificate-chain", signer.chain)
    sealift("sign", reference, *flags)
    sealift(*judge)
    spec = sealift(*journey.at("get", "policy", "prod", "-o", "json")).json()["spec"]
    assert [entry["name"] for entry in spec["require"]] == ["packager", "notation"]
    made = spec["require"][1]["notation"]
    assert (made["verifyTimestamp"], made["revocation"]) == ("afterCertExpiry", "log"), made
    assert made["trustedIdentities"] == [IDENTITY] and made["trustStores"][0]["pem"] == notation.root.read_text()
    # Field by field, and alone.
    fields = ("--trusted-identity", IDENTITY, "--revocation", "log", "--verify-timestamp", "always")
    assert "anyRepository" in sealift.fails(*create, "--trust-store", f"ca:acme={notation.root}", *fields).err
    sealift(*create, "--any-repository", "--trust-store", f"ca:acme={notation.root}", *fields)
    sealift(*judge)
    sealift(*create, "--any-repository", "--trust-store-secret", "ca:acme=acme-ca", "--crls-secret", "lists", *fields)
    spec = sealift(*journey.at("get", "policy", "prod", "-o", "json")).json()["spec"]
    assert spec["require"][0]["notation"]["trustStores"] == [{"name": "ca:acme", "secretRef": {"name": "acme-ca"}}]
    assert spec["require"][0]["notation"]["crls"] == {"secretRef": {"name": "lists"}}
    # What cannot be.
    for words, sentence in {
        ("--trust-store", "ca:acme"): "--trust-store is TYPE:NAME=FILE",
        ("--trust-store", f"ca:acme={signer.key}"): "--trust-store",
        ("--trust-store", f"ca:acme={notation.root}", "--trust-store-secret", "ca:acme=x"): "given twice",
        ("--notation-policy", notation.policy(level="permissive")): "a TrustPolicy always does",
    }.items():
        assert sentence in sealift.fails(*create, "--any-repository", *words).err
    assert "cannot be read" in sealift.fails(*create, "--notation-policy", notation.policy(stores=["ca:nobody"])).err
