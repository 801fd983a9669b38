"""A pipeline without a key: artifacts are pushed, signed, attested, approved and rolled back by an identity."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cosign import Cosign
from parts.gate import Gate
from parts.journey import Journey, config_map
from parts.keyless import KeylessServers
from parts.objects import Config
from parts.oci_registry import OciRegistry, ReferrersRegistry
from parts.sealift import Daemon, Result, Sealift
from test_keyless_sign import servers  # noqa: F401

Serve = Callable[..., Daemon]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "https://github.com/acme/config"
WORKFLOW = f"{REPOSITORY}/.github/workflows/release.yaml@refs/heads/main"


class Pipeline(Gate):
    """A Gate whose artifacts are pushed by a job of a forge."""

    servers: KeylessServers

    def run(self, *words: Any, token: str = "", **options: Any) -> Result:
        used = token or self.servers.job("acme/config", "refs/heads/main", COMMIT)
        env = {"SIGSTORE_ID_TOKEN": used}
        return self.journey.sealift.run(*words, "--insecure", *self.servers.flags, env=env, **options)

    def folder(self, content: str) -> Path:
        folder = self.journey.folder / "src"
        folder.mkdir(exist_ok=True)
        (folder / "web.yaml").write_text(config_map("web", "shop", content=content))
        return folder

    def release(self, content: str, token: str = "", source: str = REPOSITORY, ref: str = "main", tag: str = "prod") -> str:
        done = self.run("push", self.folder(content), self.reference(f":{tag}"), "--source", source,
                        "--revision", f"{ref}@sha1:{COMMIT}", token=token)  # fmt: skip
        assert done.code == 0, done.err
        return done.out.strip()

    def trust(self, *more: Any, subject: str = WORKFLOW, refs: tuple[str, ...] = ("main",)) -> None:
        self.journey.config.secret("sigstore-root", namespace="sealift-system", trusted_root__json=self.servers.root)
        ci = {
            "name": "ci",
            "attests": True,
            "keyless": [{"issuer": self.servers.urls["forge"], "subject": subject}],
        }
        self.journey.config.policy(
            "prod",
            require=[ci, *more],
            source={"repository": REPOSITORY, "refs": list(refs)},
            trustedRoot={"secretRef": {"name": "sigstore-root"}},
        )


@pytest.fixture
def pipeline(
    sealift: Sealift, config: Config, tmp_path: Path, referrers_registry: ReferrersRegistry, repository: str,
    servers: KeylessServers,  # noqa: F811
) -> Pipeline:  # fmt: skip
    made = Pipeline(Journey(sealift, config, tmp_path), referrers_registry, repository)
    made.servers = servers
    made.trust()
    return made


def test_push_signs_and_attests(pipeline: Pipeline, cosign: Cosign, serve: Serve) -> None:
    """In one go, as `flux push artifact` and `cosign sign` and `attest` do in three."""
    digest = pipeline.release("first")
    here = f"{pipeline.registry.repository(pipeline.repository)}@{digest}"
    issuer = pipeline.servers.urls["forge"]
    who = ("--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", issuer)
    common = ("--allow-http-registry", "--trusted-root", str(pipeline.servers.root), *who, here)
    cosign.run("verify", *common)
    said = {}
    for kind in ("https://sealift.dev/release/v1", "slsaprovenance1"):
        line = cosign.run("verify-attestation", "--type", kind, *common).splitlines()[0]
        said[kind] = json.loads(base64.b64decode(json.loads(line)["payload"]))["predicate"]
    assert said["https://sealift.dev/release/v1"]["channel"] == "prod"
    assert COMMIT in json.dumps(said["slsaprovenance1"])
    reference = pipeline.reference(":prod")
    trust = ("--trusted-root", pipeline.servers.root, *who)
    pipeline.journey.sealift("verify", reference, "--insecure", *trust, "--source", REPOSITORY)
    # The older form has no place for an identity's proofs.
    assert not [tag for tag in pipeline.registry.tags(pipeline.repository) if tag.endswith(".sig")]
    pipeline.sync()
    pipeline.daemon = serve(roles="controller")
    assert pipeline.passes("first")["artifact"]["verifiedBy"] == [f"ci: {WORKFLOW}"]


def test_what_the_forge_says_counts(pipeline: Pipeline, serve: Serve) -> None:
    """Provenance is the signer's own word; the certificate is the forge's."""
    pipeline.trust(subject=f"{REPOSITORY}/.github/workflows/*@refs/**")
    pipeline.sync()
    pipeline.release("first")
    pipeline.daemon = serve(roles="controller")
    pipeline.passes("first")
    # A job of another branch that claims to be main's.
    pipeline.release("second", pipeline.servers.job("acme/config", "refs/heads/evil", COMMIT))
    pipeline.refuses("Unverified", "ci")
    # Another repository's job with a workflow of this one, and its word that it is this one's.
    pipeline.release("third", pipeline.servers.job("mallory/config", "refs/heads/main", COMMIT))
    pipeline.refuses("Unverified", "ci")
    # Tags are written out, in the provenance as in the certificate.
    tagged = pipeline.servers.job("acme/config", "refs/tags/v1.0.0", COMMIT)
    pipeline.release("fourth", tagged, ref="refs/tags/v1.0.0")
    pipeline.refuses("Unverified", "ci")
    pipeline.trust(subject=f"{REPOSITORY}/.github/workflows/*@refs/**", refs=("refs/tags/v*",))
    pipeline.passes("fourth")


def test_nothing_is_pushed_without_a_certificate(pipeline: Pipeline) -> None:
    folder = pipeline.folder("first")
    wrong = pipeline.servers.token(audience="somebody else")
    done = pipeline.run("push", folder, pipeline.reference(":prod"), token=wrong)
    assert done.code == 1 and "no certificate for this identity token" in done.err
    assert pipeline.registry.digest(pipeline.repository, "prod") is None
    told = pipeline.run("push", folder, pipeline.reference(":prod"), "--key", "x", "--identity-token", wrong)
    assert told.code == 1 and "two signers" in told.err
    # With a key, or unsigned, a token that lies about is nobody's business.
    done = pipeline.run("push", folder, pipeline.reference(":prod"), "--unsigned", token=wrong)
    assert done.code == 0 and "unsigned" in done.err
    told = pipeline.journey.sealift.fails("push", folder, pipeline.reference(":prod"))
    assert "--key KEY" in told.err and "--identity-token-file" in told.err


def approvers(pipeline: Pipeline) -> dict[str, Any]:
    people = [{"issuer": pipeline.servers.issuer, "subject": name} for name in ("ada@example.com", "grace@example.com")]
    return {"name": "approvers", "threshold": 2, "keyless": people}


def test_people_approve_by_identity(pipeline: Pipeline, serve: Serve) -> None:
    pipeline.trust(approvers(pipeline))
    pipeline.sync()
    pipeline.release("first")
    pipeline.daemon = serve(roles="controller")
    pipeline.refuses("ApprovalRequired", "2 approvals of approvers")

    def approve(name: str, *words: Any) -> Result:
        at = pipeline.journey.at("approve", pipeline.reference(":prod"), "--sync", "shop", "--yes", *words)
        return pipeline.run(*at, token=pipeline.servers.token(f"{name}@example.com"))

    refused = approve("mallory")
    assert refused.code == 1 and "approval by this identity (mallory@example.com) counts for nothing" in refused.err
    for again in range(2):
        done = approve("ada", "-o", "json")
        assert done.code == 0 and done.json()["approver"] == "ada@example.com", done.err
    pipeline.refuses("ApprovalRequired", "found 1 of 2: ada@example.com")
    assert approve("grace").code == 0
    pipeline.passes("first")


def test_roll_back_by_identity(pipeline: Pipeline, serve: Serve) -> None:
    pipeline.sync()
    first = pipeline.release("first")
    pipeline.daemon = serve(roles="controller")
    pipeline.passes("first")
    pipeline.release("second")
    pipeline.passes("second")
    at = pipeline.journey.at("rollback", "sync/shop", "--yes", "--expiry", "2h", "-o", "json")
    done = pipeline.run(*at)
    assert done.code == 0, done.err
    assert done.json()["to"]["digest"] == first and done.json()["signer"] == WORKFLOW
    pipeline.passes("first")
    # Somebody else knows of no release by the pipeline unless told whose word counts.
    other = pipeline.servers.token("oncall@example.com")
    back = ("rollback", pipeline.reference(":prod"), "--to", pipeline.daemon.status("Sync", "shop")["history"][1]["digest"])
    told = pipeline.run(*back, "--yes", token=other)
    assert told.code == 1 and "nobody who is known here" in told.err and "--certificate-identity" in told.err
    who = ("--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", pipeline.servers.urls["forge"])
    assert pipeline.run(*back, *who, "--dry-run", token=other).code == 0
    assert "go together" in pipeline.run(*back, *who[:2], token=other).err
