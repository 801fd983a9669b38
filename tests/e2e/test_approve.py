"""Approvals: what people sign so that an artifact may enter, and what does not count as one."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cosign import Cosign
from parts.gate import Gate
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, TOKEN, Journey, applied, config_map, released
from parts.net import http
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.webhook import github_signature, hook_path

APPROVAL = "https://sealift.dev/approval/v1"


@pytest.fixture
def gate(
    sealift: Sealift,
    config: Config,
    tmp_path: Path,
    docker_registry: OciRegistry,
    repository: str,
    serve: Callable[..., Daemon],
) -> Gate:
    """What the packager released needs two of three people before it enters."""
    gate = Gate(Journey(sealift, config, tmp_path), docker_registry, repository)
    people(gate)
    gate.journey.hook(provider="sealift", resources=[{"kind": "Sync", "name": "shop"}])
    return gate.open(serve, "receiver,controller")


def people(gate: Gate, **more: Any) -> None:
    approvers = gate.entry("approvers", "ada", "grace", "joan", threshold=2, **more)
    gate.journey.config.policy("prod", require=[gate.entry("packager", "packager", attests=True), approvers])


def approve(gate: Gate, key: str, *flags: Any, end: str = ":prod", repository: str = "") -> Any:
    signer = ("--key", gate.key(key)[0], "--password-file", gate.password)
    words = ("approve", gate.reference(end, repository), *signer, "--yes", "--insecure", *flags)
    return gate.journey.sealift(*words)


def tell(gate: Gate, digest: str) -> None:
    """A registry's hook, about what was attached to the artifact."""
    body = json.dumps(
        {
            "repository": gate.registry.repository(gate.repository),
            "tag": digest.replace(":", "-"),
            "digest": digest,
            "issuedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
    ).encode()
    url = gate.daemon.hook_url + hook_path(TOKEN, "default", "shop")
    signed = {"X-Sealift-Signature-256": github_signature(body, TOKEN), "Content-Type": "application/json"}
    assert http("POST", url, body=body, headers=signed).status in (200, 202, 204)


def test_two_people_approve(gate: Gate) -> None:
    told = gate.refuses("ApprovalRequired", "2 approvals of approvers (ada, grace, joan)", "found 0 of 2")
    place = gate.registry.repository(gate.repository)
    assert f"sealift approve {place}@{gate.digest} --channel prod --key FILE" in told
    approve(gate, "ada")
    approve(gate, "ada")
    gate.refuses("ApprovalRequired", "found 1 of 2: ada; missing 1 more of grace, joan")
    # The last one wakes the Sync: nobody reconciles.
    flags = gate.journey.at("--sync", "shop")
    result = approve(gate, "joan", *flags)
    assert "asked for a reconcile" in result.err, result.err
    gate.daemon.wait_ready_of("Sync", "shop")
    verified = gate.daemon.status("Sync", "shop")["artifact"]["verifiedBy"]
    assert verified == ["packager: packager", "approvers: ada", "approvers: joan"]


def test_approval_that_counts_for_nothing(gate: Gate) -> None:
    """Said before it is signed, with whose would count."""
    signer = ("--key", gate.key("mallory")[0], "--password-file", gate.password, "--yes", "--insecure")
    words = gate.journey.at("approve", gate.reference(":prod"), *signer, "--sync", "shop")
    told = gate.journey.sealift.fails(*words).err
    assert "counts for nothing in Sync default/shop" in told and "say --force" in told, told
    assert "TrustPolicy prod: approvers (ada, grace, joan)" in told and "packager" not in told.split("count: ")[1], told
    assert "mallory" not in gate.refuses("ApprovalRequired", "found 0 of 2")
    assert "✔ approved" in gate.journey.sealift(*words, "--force").err


def test_approval_for_a_channel_that_the_sync_does_not_follow(gate: Gate) -> None:
    signer = ("--key", gate.key("ada")[0], "--password-file", gate.password, "--yes", "--insecure")
    words = gate.journey.at("approve", gate.reference(f"@{gate.digest}"), *signer, "--sync", "shop")
    told = gate.journey.sealift.fails(*words, "--channel", "staging").err
    assert "Sync default/shop follows the channel prod" in told and "say --channel prod, or --force" in told, told
    gate.refuses("ApprovalRequired", "found 0 of 2")
    assert "✔ approved" in gate.journey.sealift(*words, "--channel", "staging", "--force").err
    gate.refuses("ApprovalRequired", "found 0 of 2")
    assert "✔ approved" in gate.journey.sealift(*words, "--channel", "prod").err
    gate.refuses("ApprovalRequired", "found 1 of 2: ada")


def test_approval_by_a_key_that_is_over(gate: Gate) -> None:
    """It is listed, and counts for nothing all the same."""
    keys = [{"name": name, "pem": gate.pem(name)} for name in ("ada", "grace")]
    keys[0]["notAfter"] = "2020-01-01T00:00:00Z"
    packager = {"name": "packager", "attests": True, "keys": [{"name": "packager", "pem": gate.pem("packager")}]}
    gate.journey.config.policy("prod", require=[packager, {"name": "approvers", "approves": True, "keys": keys}])
    signer = ("--key", gate.key("ada")[0], "--password-file", gate.password, "--yes", "--insecure")
    told = gate.journey.sealift.fails(*gate.journey.at("approve", gate.reference(":prod"), *signer, "--sync", "shop")).err
    assert "counts for nothing" in told and "approvers (ada, which is not valid now, grace)" in told, told


def test_approval_by_a_key_with_two_windows(gate: Gate) -> None:
    """One that is over, and one that is not, as where the pipeline judges."""
    keys = [{"name": name, "pem": gate.pem(name)} for name in ("ada", "grace")]
    keys.insert(0, {**keys[0], "name": "ada-before", "notAfter": "2020-01-01T00:00:00Z"})
    packager = {"name": "packager", "attests": True, "keys": [{"name": "packager", "pem": gate.pem("packager")}]}
    gate.journey.config.policy("prod", require=[packager, {"name": "approvers", "approves": True, "keys": keys}])
    signer = ("--key", gate.key("ada")[0], "--password-file", gate.password, "--yes", "--insecure")
    words = gate.journey.at("approve", gate.reference(":prod"), *signer, "--sync", "shop")
    assert "✔ approved" in gate.journey.sealift(*words).err


def test_approval_by_somebody_who_is_denied(gate: Gate) -> None:
    """Listed and denied is denied; so is every approval of a digest that is."""
    packager = gate.entry("packager", "packager", attests=True)
    approvers = gate.entry("approvers", "ada", "grace")
    words = ("--password-file", gate.password, "--yes", "--insecure", "--sync", "shop")
    by_ada = gate.journey.at("approve", gate.reference(":prod"), "--key", gate.key("ada")[0], *words)
    gate.journey.config.policy("prod", require=[packager, approvers], deny={"keys": [{"name": "ada", "reason": "left"}]})
    told = gate.journey.sealift.fails(*by_ada).err
    assert "Sync default/shop denies sha256:" in told and ": left, so that" in told and "sign as somebody else" in told, told
    gate.journey.config.policy("prod", require=[packager, approvers], deny={"digests": [{"digest": gate.digest}]})
    told = gate.journey.sealift.fails(*by_ada).err
    assert f"denies {gate.digest}, so that" in told and "release a corrected artifact" in told, told
    assert "✔ approved" in gate.journey.sealift(*by_ada, "--force").err
    gate.refuses("Denied", gate.digest)


def test_registry_tells_of_the_approval(gate: Gate) -> None:
    approve(gate, "ada")
    gate.refuses("ApprovalRequired", "found 1 of 2: ada")
    approve(gate, "grace")
    tell(gate, gate.digest)
    gate.daemon.wait_ready_of("Sync", "shop")


def test_approval_wakes_a_sync_that_follows_a_bundle(
    sealift: Sealift, config: Config, serve: Callable[..., Daemon], repo: GitRepo, git_server: GitHttpServer,
    registry: OciRegistry, repository: str, tmp_path: Path,
) -> None:  # fmt: skip
    """By the registry's hook, though a Bundle tells of everything else, and by `approve --sync`."""
    journey = Journey(sealift, config, tmp_path)
    gate = Gate(journey, registry, repository)
    people(gate)
    journey.bundle(f"{git_server.url}/config.git", registry.oci(repository))
    journey.sync()
    journey.hook(provider="sealift", resources=[{"kind": "Sync", "name": "shop"}])
    first = repo.commit({"web.yaml": config_map("web", "shop", content="first")})
    repo.push()
    gate.daemon = daemon = serve()
    digest = released(daemon, first)["digest"]
    daemon.wait_condition("Sync", "shop", "Ready", "False", "ApprovalRequired")
    for person in ("ada", "grace"):
        approve(gate, person)
    tell(gate, digest)
    applied(daemon, digest)
    verified = daemon.status("Sync", "shop")["artifact"]["verifiedBy"]
    assert {"approvers: ada", "approvers: grace"} <= set(verified), verified
    second = repo.commit({"web.yaml": config_map("web", "shop", content="second")})
    repo.push()
    journey.run("reconcile", "bundle", "shop")
    digest = released(daemon, second)["digest"]
    daemon.wait_condition("Sync", "shop", "Ready", "False", "ApprovalRequired")
    assert "first" in gate.content()
    approve(gate, "joan")
    told = approve(gate, "ada", *journey.at("--sync", "shop"))
    assert "asked for a reconcile" in told.err, told.err
    applied(daemon, digest)
    assert "second" in gate.content()


def test_approval_shows_what_changed(gate: Gate) -> None:
    for person in ("ada", "grace"):
        approve(gate, person)
    gate.passes("good")
    gate.push("better")
    result = approve(gate, "ada", *gate.journey.at("--sync", "shop"))
    assert "1 object differs against " + gate.digest in result.err
    assert "changed   ConfigMap shop/web" in result.err
    result = approve(gate, "grace", "--against", gate.digest, "-o", "json", "--comment", "ship it")
    told = result.json()
    assert told["channel"] == "prod" and told["new"] is True and told["against"] == gate.digest
    assert told["changes"] == [{"path": "shop/ConfigMap/web.yaml", "change": "changed"}]
    assert approve(gate, "grace", "-o", "json").json()["new"] is False
    gate.passes("better")


def test_nobody_to_ask(gate: Gate) -> None:
    signer = ("--key", gate.key("ada")[0], "--password-file", gate.password, "--insecure")
    fails = gate.journey.sealift.fails
    assert "say --yes" in fails("approve", gate.reference(":prod"), *signer).err
    assert "for which channel" in fails("approve", gate.reference(f"@{gate.digest}"), *signer, "--yes").err
    gate.refuses("ApprovalRequired", "found 0 of 2")


def test_approval_of_another_artifact(gate: Gate) -> None:
    for person in ("ada", "grace"):
        approve(gate, person)
    gate.passes("good")
    evil = gate.push("evil")
    gate.copy(gate.digest.replace(":", "-"), evil.replace(":", "-"))
    gate.refuses("NotAttested")
    gate.sign(evil, "packager", "--channel", "prod")
    gate.refuses("ApprovalRequired", "found 0 of 2: no signature")
    gate.heals("good")


def test_approval_for_another_channel(gate: Gate) -> None:
    for person in ("ada", "grace"):
        approve(gate, person, "--channel", "staging")
    gate.refuses("ApprovalRequired", "found 0 of 2", "ada (approved for staging)")
    for person in ("ada", "grace"):
        approve(gate, person, "--channel", "prod", end=f"@{gate.digest}")
    gate.passes("good")


def test_approval_for_another_repository(gate: Gate) -> None:
    """The same digest, approved elsewhere, and carried here with all that is attached to it."""
    elsewhere = f"{gate.repository}-elsewhere"
    assert gate.push("good", repository=elsewhere) == gate.digest
    for person in ("ada", "grace"):
        approve(gate, person, repository=elsewhere)
    gate.copy_signatures(gate.digest, gate.digest, of=elsewhere)
    gate.sign(gate.digest, "packager", "--channel", "prod")
    gate.refuses("ApprovalRequired", "found 0 of 2", f"ada (for the repository {gate.registry.repository(elsewhere)})")


def test_packager_approves_nothing(gate: Gate) -> None:
    """A key that is in both roles sits in one, and a stranger in none."""
    approvers = gate.entry("approvers", "packager", "ada", threshold=2)
    gate.journey.config.policy("prod", require=[gate.entry("packager", "packager", attests=True), approvers])
    approve(gate, "packager")
    approve(gate, "mallory")
    approve(gate, "ada")
    gate.refuses("ApprovalRequired", "found 1 of 2: ada, packager (counts for another entry)")


def test_plain_signature_is_no_approval_where_it_must_name_the_channel(gate: Gate) -> None:
    for person in ("ada", "grace"):
        gate.sign(gate.digest, person)
    gate.passes("good")
    people(gate, approves=True)
    gate.refuses("Revoked", "ada (a signature that names no channel is no approval)")
    for person in ("ada", "joan"):
        approve(gate, person)
    gate.passes("good")


def test_cosign_reads_and_writes_approvals(gate: Gate, tmp_path: Path) -> None:
    cosign = Cosign(tmp_path / "cosign", KEY_PASSWORD)
    reference = gate.registry.repository(f"{gate.repository}@{gate.digest}")
    approve(gate, "ada")
    cosign.verify_attestation(reference, gate.key("ada")[1], APPROVAL)
    predicate = tmp_path / "approval.json"
    predicate.write_text(
        json.dumps(
            {
                "repository": gate.registry.repository(gate.repository),
                "channel": "prod",
                "approvedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
        )
    )
    cosign.attest(reference, gate.key("grace")[0], predicate, APPROVAL)
    gate.passes("good")


def test_verify_as_the_sync_would(gate: Gate) -> None:
    """The same policies and words, before anything is released or approved."""
    words = gate.journey.at("verify", gate.reference(":prod"), "--sync", "shop", "--insecure")
    approve(gate, "ada")
    told = gate.refuses("ApprovalRequired", "found 1 of 2: ada")
    result = gate.journey.sealift.fails(*words, "--explain")
    assert told in result.err, result.err
    table = [re.split(r" {3,}", line) for line in result.out.split("\n\n")[0].splitlines()]
    assert table[0] == ["REQUIREMENT", "FOUND", "MISSING", "WHAT TO DO"], result.out
    assert [row[2].split()[0] for row in table[1:]] == ["-", "1", "-"], result.out
    assert table[2][1] == "1 of 2: ada" and table[2][2] == "1 more of grace, joan (ApprovalRequired)"
    assert table[2][3].startswith("run: sealift approve")
    narrow = gate.journey.sealift.run(*words, "--explain", env={"COLUMNS": "100"})
    # There are commands in it, and who pipes it copies them.
    assert (narrow.out, narrow.err) == (result.out, result.err)
    verdict = gate.journey.sealift.fails(*words, "-o", "json").json()
    assert verdict["reason"] == "ApprovalRequired" and verdict["message"] == told
    assert [row["reason"] for row in verdict["findings"]] == ["Verified", "ApprovalRequired", "Verified"]
    for row, cells in zip(verdict["findings"], table[1:]):
        assert f'{row["policy"]}: {row["requirement"]}' == cells[0] and row["found"] == cells[1]
        assert row["met"] or (cells[2].startswith(row["missing"]) and row["action"] == cells[3])
    # Status and event of the Sync say the same.
    events = [event for event in gate.daemon.events() if event["reason"] == "ApprovalRequired"]
    assert told in str(gate.daemon.status("Sync", "shop")["conditions"]) and told in str(events)
    approve(gate, "grace")
    assert gate.journey.sealift(*words).out.strip() == gate.digest
    refused = gate.journey.sealift.fails(*words, "--key", gate.key("ada")[1])
    assert "leave one of them out" in refused.err
    staging = gate.journey.sealift.fails(*words, "--channel", "staging", "--explain")
    assert "1 more is unmet: " in staging.err and "ada (approved for prod)" in staging.out, staging.out + staging.err
