"""What must not enter: each refusal leaves the target as it was, says why and what to do, and is an event."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Callable, Mapping

import pytest

from parts.cosign import Cosign
from parts.gate import SOURCE, Gate
from parts.handmade import file, layer_of, put_artifact
from parts.journey import KEY_PASSWORD, Journey, config_map
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

COMMIT = "main@sha1:" + "c0ffee" * 6 + "c0de"
LONG_AGO = "2020-01-01T00:00:00Z"


def written(seconds_from_now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))


@pytest.fixture
def closed(sealift: Sealift, config: Config, tmp_path: Path, docker_registry: OciRegistry, repository: str) -> Gate:
    """Keys and a registry; nothing is pushed, and no controller runs."""
    return Gate(Journey(sealift, config, tmp_path), docker_registry, repository)


@pytest.fixture
def gate(closed: Gate, serve: Callable[..., Daemon]) -> Gate:
    """One good artifact is applied, under a policy that asks for the packager."""
    closed.policy()
    closed.sync()
    closed.push("good")
    closed.daemon = serve(roles="controller")
    closed.passes("good")
    return closed


def test_unsigned(gate: Gate) -> None:
    gate.push("evil", key=None)
    gate.refuses("Unverified", "1 signature of packager", "no signature", "sealift sign")
    assert "(Unverified)" in gate.explain() and "sealift sign" in gate.explain()
    gate.heals("good")


def test_wrongly_signed(gate: Gate) -> None:
    gate.push("evil", key="mallory")
    gate.refuses("Unverified", "1 signature of packager", "which is not listed", "is the key of a packager of yours, add its public key to")
    assert "Unverified" in gate.explain() and "which is not listed" in gate.explain()
    gate.heals("good")


def test_signature_of_another_digest(gate: Gate) -> None:
    good = gate.push("good")
    evil = gate.push("evil", key=None)
    gate.copy_signatures(good, evil)
    gate.refuses("Unverified", "1 signature of packager")
    told = gate.explain()
    assert "looked at and not counted" in told and good in told, told


def test_signature_of_another_repository(gate: Gate) -> None:
    """The very same artifact, released elsewhere by the same packager, is not released here."""
    elsewhere = f"{gate.repository}-elsewhere"
    digest = gate.push("staged", repository=elsewhere)
    assert gate.push("staged", key=None) == digest
    gate.copy_signatures(digest, digest, of=elsewhere)
    gate.refuses("Unverified", elsewhere)
    assert elsewhere in gate.explain()


def test_staging_on_prod(gate: Gate) -> None:
    gate.push("staged", tag="staging")
    gate.copy("staging", "prod")
    gate.refuses("NotAttested", "channel prod", "a release to staging")
    assert "a release to staging" in gate.explain()
    gate.heals("good")


def test_channel_that_may_not_enter(gate: Gate) -> None:
    gate.policy(source={"channels": ["prod"]})
    gate.push("staged", tag="staging")
    gate.sync(artifact={"tag": "staging"})
    gate.refuses("ChannelNotAllowed", "staging", "source.channels")
    gate.sync()
    gate.passes("good")


def test_older_artifact_replayed(gate: Gate) -> None:
    old = gate.push("good")
    gate.push("better")
    gate.passes("better")
    gate.copy(old, "prod")
    gate.refuses("RollbackRefused", "release it again", old, "sealift rollback sync/")
    gate.heals("better")
    gate.push("good", sequence=str(int(time.time() * 1000)))
    gate.passes("good")


def test_floor_outlives_sync_and_daemon(gate: Gate) -> None:
    old = gate.push("good")
    gate.push("better")
    gate.passes("better")
    gate.daemon.kill()
    gate.daemon.start()
    gate.copy(old, "prod")
    gate.refuses("RollbackRefused")


def test_sequence_of_the_future(gate: Gate) -> None:
    gate.push("evil", sequence=str(int((time.time() + 3 * 86400) * 1000)))
    gate.refuses("ClockSkew", "clock")
    gate.push("better")
    gate.passes("better")


def test_ungoverned(closed: Gate, serve: Callable[..., Daemon]) -> None:
    closed.sync()
    closed.push("good")
    closed.daemon = serve(roles="controller")
    closed.refuses("Ungoverned", "sealift create policy", "spec.verify")
    assert not closed.target.exists()


def test_allow_unverified_says_so(closed: Gate, serve: Callable[..., Daemon]) -> None:
    closed.sync()
    closed.push("good", key=None)
    closed.daemon = serve("--allow-unverified", roles="controller")
    status = closed.passes("good")
    assert "without verification" in closed.daemon.condition("Sync", "shop")["message"]
    assert "verifiedBy" not in status["artifact"]


def test_repository_outside_its_policies(gate: Gate) -> None:
    gate.policy(match={"repositories": [f"{gate.registry.host}/other/**"]})
    gate.refuses("RepositoryNotAllowed", gate.registry.repository(gate.repository), "match.repositories of no TrustPolicy that governs this Sync (")
    gate.heals("good")
    gate.policy("second", match={"repositories": [f"{gate.registry.host}/tests/*"]})
    gate.passes("good")


def test_policy_governs_by_namespace_label(gate: Gate) -> None:
    gate.policy(match={"namespaces": {"matchLabels": {"env": "prod"}}})
    gate.refuses("Ungoverned")
    gate.journey.config.namespace_labels("default", env="prod")
    gate.daemon.wait_ready_of("Sync", "shop")


def test_one_of_two_approvers(gate: Gate) -> None:
    packager = gate.entry("packager", "packager", attests=True)
    approvers = gate.entry("approvers", "ada", "grace", threshold=2)
    gate.journey.config.policy("prod", require=[packager, approvers])
    digest = gate.push("approved")
    gate.refuses("Revoked", "2 approvals of approvers")
    gate.sign(digest, "ada")
    gate.sign(digest, "ada")
    gate.refuses("Revoked", "1 more of grace")
    gate.sign(digest, "grace")
    gate.passes("approved")


def test_packager_is_no_approver(gate: Gate) -> None:
    packager = gate.entry("packager", "packager", attests=True)
    approvers = gate.entry("approvers", "packager", "ada")
    gate.journey.config.policy("prod", require=[packager, approvers])
    gate.refuses("Revoked", "approvers", "counts for another entry")


def test_same_key_twice_is_one_signer(gate: Gate) -> None:
    packager = gate.entry("packager", "packager", attests=True)
    twins = [{"name": "ada", "pem": gate.pem("ada")}, {"name": "also-ada", "pem": gate.pem("ada")}]
    gate.journey.config.policy("prod", require=[packager, {"name": "approvers", "threshold": 2, "keys": twins}])
    gate.sign(gate.push("approved"), "ada")
    gate.refuses("PolicyInvalid", "1 distinct key")


@pytest.mark.parametrize("window", [{"notAfter": LONG_AGO}, {"notBefore": "2999-01-01T00:00:00Z"}], ids=["past", "future"])
def test_key_outside_its_window(gate: Gate, window: Mapping[str, str]) -> None:
    key = {"name": "packager", "pem": gate.pem("packager"), **window}
    gate.journey.config.policy("prod", require=[{"name": "packager", "attests": True, "keys": [key]}])
    gate.refuses("Revoked", "the key is not valid now")
    gate.holds("good")


def test_key_that_expires_while_running(gate: Gate) -> None:
    key = {"name": "packager", "pem": gate.pem("packager"), "notAfter": written(3)}
    gate.journey.config.policy("prod", require=[{"name": "packager", "attests": True, "keys": [key]}])
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "Revoked")
    gate.holds("good")


@pytest.mark.parametrize(
    "source",
    [
        {"repository": "https://git.example.com/mallory/config.git"},
        {"refs": ["release"]},
        {"refs": ["refs/tags/main"]},
        {"paths": ["apps/other"]},
    ],
    ids=["repository", "ref", "tag", "path"],
)
def test_source_that_is_not_allowed(gate: Gate, source: Mapping[str, Any]) -> None:
    gate.push("sourced", source=SOURCE, revision=COMMIT)
    gate.policy(source={"repository": SOURCE.removesuffix(".git"), "refs": ["main"]})
    gate.passes("sourced")
    gate.policy(source=source)
    gate.refuses("Revoked", "git.example.com/acme/config at refs/heads/main")
    gate.holds("sourced")
    gate.push("better", source=SOURCE, revision=COMMIT)
    gate.refuses("Revoked", "what is to run instead")


def test_digest_needs_a_channel(gate: Gate) -> None:
    digest = gate.push("pinned")
    gate.sync(artifact={"digest": digest})
    gate.refuses("ChannelRequired", "spec.artifact.channel")
    gate.sync(artifact={"digest": digest, "channel": "staging"})
    gate.refuses("NotAttested", "channel staging")
    gate.sync(artifact={"digest": digest, "channel": "prod"})
    gate.passes("pinned")


def test_policy_file_that_no_longer_parses(gate: Gate) -> None:
    good = gate.journey.config.folder / "trustpolicy-prod.yaml"
    text = good.read_text()
    gate.journey.config.write(good.name, text + "  twice: [\n")
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "PolicyUnreadable")
    gate.push("better")
    gate.refuses("PolicyUnreadable", good.name)
    gate.heals("good")
    gate.journey.config.write(good.name, text)
    wait_for("the better one", lambda: "better" in gate.content())


def test_restart_under_a_policy_that_refuses(gate: Gate) -> None:
    """What ran is revoked, though no process was there to see it happen."""
    gate.daemon.kill()
    gate.policy(keys=("ada",))
    gate.write("drifted")
    gate.daemon.start()
    gate.refuses("Revoked", "ada")
    assert "drifted" in gate.content()
    gate.policy()
    gate.passes("good")


def test_restart_with_a_new_one_that_is_refused(gate: Gate) -> None:
    """What ran goes on being kept, from the cache."""
    gate.daemon.kill()
    gate.push("evil", key="mallory")
    gate.write("drifted")
    gate.daemon.start()
    wait_for("the drift to be healed", lambda: "good" in gate.content())
    gate.refuses("Unverified", "packager")
    gate.heals("good")


def test_policy_file_that_is_refused(gate: Gate) -> None:
    gate.journey.config.policy("prod", require=[gate.entry("packager", "packager", attest=True)])
    gate.refuses("PolicyUnreadable", "attest")
    gate.heals("good")


def test_policy_whose_key_is_missing_is_not_ready(gate: Gate) -> None:
    def shown(words: str) -> bool:
        table = gate.journey.run("get", "policies", "-o", "wide").out
        assert re.search(rf"/prod +{words}", table), table
        return True

    wait_for("the policy to be ready", lambda: shown("True"))
    key = {"name": "lost", "secretRef": {"name": "nowhere"}}
    gate.journey.config.policy("prod", require=[{"name": "packager", "attests": True, "keys": [key]}])
    wait_for("the policy to miss its key", lambda: shown("False .*nowhere"))


def test_policy_change_judges_running_syncs_again(gate: Gate) -> None:
    gate.policy(keys=("ada",))
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "Revoked")
    gate.holds("good")
    gate.policy(keys=("ada", "packager"))
    gate.daemon.wait_ready_of("Sync", "shop")


def test_key_change_judges_running_syncs_again(gate: Gate) -> None:
    config = gate.journey.config
    entry = {"name": "packager", "attests": True, "keys": [{"name": "packager", "secretRef": {"name": "pub"}}]}
    config.secret("pub", namespace="sealift-system", cosign__pub=gate.key("packager")[1])
    config.policy("prod", require=[entry])
    gate.passes("good")
    config.secret("pub", namespace="sealift-system", cosign__pub=gate.key("mallory")[1])
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "Revoked")
    gate.holds("good")
    config.secret("pub", namespace="sealift-system", cosign__pub="-----BEGIN NONSENSE-----\n")
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "SecretNotUsable")
    gate.holds("good")
    config.secret("pub", namespace="sealift-system", cosign__pub=gate.key("packager")[1])
    gate.daemon.wait_ready_of("Sync", "shop")


def test_own_keys_only_add(gate: Gate) -> None:
    own = {"keys": [{"name": "ada", "pem": gate.pem("ada")}]}
    digest = gate.push("better")
    gate.sync(verify=own)
    gate.refuses("Unverified", "spec.verify", "ada")
    gate.sign(digest, "ada")
    gate.passes("better")
    gate.push("evil", key="ada")
    gate.refuses("Unverified", "packager")


def test_stale_release_goes_on_being_healed(gate: Gate, tmp_path: Path) -> None:
    """A statement whose age runs out while its artifact runs; the renewed one ends it."""
    cosign = Cosign(tmp_path / "cosign", KEY_PASSWORD)
    gate.policy(freshness={"maxAge": "1h"})
    digest = gate.push("aging", key=None)
    gate.sign(digest, "packager")
    issued = time.time() - 3600 - 5 * 60 + 4
    release = {
        "repository": gate.registry.repository(gate.repository),
        "channel": "prod",
        "sequence": int(time.time() * 1000),
        "issuedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued)),
    }
    predicate = tmp_path / "release.json"
    predicate.write_text(json.dumps(release))
    reference = gate.registry.repository(f"{gate.repository}@{digest}")
    cosign.attest(reference, gate.key("packager")[0], predicate, "https://sealift.dev/release/v1")
    gate.passes("aging")
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", "Stale")
    gate.heals("aging")
    gate.refuses("Stale", "renew")
    gate.sign(digest, "packager", "--channel", "prod")
    gate.passes("aging")


def test_artifact_that_would_be_rendered(gate: Gate) -> None:
    members = [file("shop/ConfigMap/web.yaml", config_map("web", "shop")), file("kustomization.yaml", "resources: []\n")]
    digest = put_artifact(gate.registry, gate.repository, "prod", layer_of(members))
    gate.sign(digest, "packager", "--channel", "prod")
    gate.refuses("NotRendered", "kustomization.yaml", "let a Bundle render it")
    gate.heals("good")
