"""What ran and is no longer trusted: told, held, and where the policy says so, the last good one in its place."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.gate import Gate
from parts.journey import Journey
from parts.objects import Config
from parts.oci_registry import DockerRegistry, OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for


INDEX = "application/vnd.oci.image.index.v1+json"
METRIC = 'sealift_sync_revoked{namespace="default",name="shop"}'


@pytest.fixture
def closed(sealift: Sealift, config: Config, tmp_path: Path, docker_registry: OciRegistry, repository: str) -> Gate:
    """Keys and a registry; nothing is pushed, and no controller runs."""
    return Gate(Journey(sealift, config, tmp_path), docker_registry, repository)


@pytest.fixture
def gate(closed: Gate, serve: Callable[..., Daemon]) -> Gate:
    return two_releases(closed, serve)


def two_releases(gate: Gate, serve: Callable[..., Daemon]) -> Gate:
    """`first` was released by ada, `second` by grace, whom the policy both trusts; `second` runs."""
    gate.policy(keys=("ada", "grace"))
    gate.sync()
    gate.push("first", key="ada")
    gate.daemon = serve(roles="controller")
    gate.passes("first")
    gate.push("second", key="grace")
    gate.passes("second")
    return gate


def revoked(gate: Gate, reason: str = "Revoked") -> str:
    gate.daemon.wait_condition("Sync", "shop", "Ready", "False", reason)
    return str(gate.daemon.condition("Sync", "shop")["message"])


def judged(gate: Gate) -> str:
    """What the controller keeps of the Sync's floor: it names the rules that what runs met last."""
    return "".join(path.read_text() for path in sorted((gate.journey.folder / "state/floors").iterdir()))


def kept(gate: Gate) -> Any:
    """What the controller keeps of the newest that the Sync adopted."""
    record = next((gate.journey.folder / "state/adoptions").glob("[0-9a-f]*.json"))
    return json.loads(record.read_text())["history"][0]


def hide_signatures(gate: Gate, digest: str) -> None:
    """As anybody can who may write to the registry."""
    empty = b'{"schemaVersion": 2, "mediaType": "%b", "manifests": []}' % INDEX.encode()
    gate.registry.put_manifest(gate.repository, digest.replace(":", "-"), empty, INDEX)
    gate.copy(digest, digest.replace(":", "-") + ".sig")


def requests(gate: Gate) -> int:
    """What the registry was asked so far, by anybody."""
    return sum(f"/v2/{gate.repository}/" in line for line in gate.registry.log.splitlines())


def test_revoked_key_holds(gate: Gate) -> None:
    gate.policy(keys=("ada",))
    told = revoked(gate)
    assert "signature of packager" in told and "nothing of it is applied or healed" in told
    gate.holds("second")
    gate.refuses("Revoked", "ada")
    assert gate.daemon.metrics()[METRIC] == 1
    gate.policy(keys=("ada", "grace"))
    gate.passes("second")
    gate.heals("second")
    assert gate.daemon.metrics()[METRIC] == 0


def test_what_is_held_gives_way_to_what_is_good(gate: Gate) -> None:
    gate.policy(keys=("ada",))
    revoked(gate)
    gate.push("third", key="ada")
    gate.passes("third")
    gate.heals("third")


def test_rollback_to_the_last_good(gate: Gate) -> None:
    gate.policy(keys=("ada",), onRevoke="Rollback")
    told = revoked(gate, "RolledBack")
    wait_for("the last good one", lambda: "first" in gate.content())
    assert "onRevoke" in told
    gate.heals("first")
    gate.refuses("RolledBack", "runs in its place")
    reasons = [event["reason"] for event in gate.daemon.events()]
    assert "Revoked" in reasons and "RolledBack" in reasons
    history = gate.daemon.status("Sync", "shop")["history"]
    assert [entry["verifiedBy"] for entry in history] == [["packager: ada"], ["packager: grace"], ["packager: ada"]]
    gate.push("third", key="ada")
    gate.passes("third")


def test_restored_policy_goes_on_after_a_rollback(gate: Gate) -> None:
    gate.policy(keys=("ada",), onRevoke="Rollback")
    revoked(gate, "RolledBack")
    gate.policy(keys=("ada", "grace"), onRevoke="Rollback")
    gate.passes("second")
    gate.heals("second")


def test_rollback_that_finds_nothing_good(gate: Gate) -> None:
    gate.policy(keys=("packager",), onRevoke="Rollback")
    assert "nothing that this Sync adopted before" in revoked(gate)
    gate.holds("second")


def test_every_policy_must_say_rollback(gate: Gate) -> None:
    # This one first: alone, the other would roll back.
    gate.policy(keys=("ada",))
    revoked(gate)
    gate.policy("other", keys=("ada",), onRevoke="Rollback")
    gate.holds("second")
    revoked(gate)
    gate.policy(keys=("ada",), onRevoke="Rollback")
    revoked(gate, "RolledBack")
    assert "first" in gate.content()


def test_rollback_lets_no_older_one_in_by_its_tag(gate: Gate) -> None:
    """The floor stays: who may write tags cannot choose what a revocation goes back to."""
    gate.push("third", key="ada")
    gate.passes("third")
    first = gate.daemon.status("Sync", "shop")["history"][2]["digest"]
    gate.policy(keys=("ada",))
    gate.passes("third")
    gate.copy(first, "prod")
    gate.refuses("RollbackRefused")
    gate.heals("third")


def test_hidden_signatures_revoke_nothing(gate: Gate) -> None:
    """Who may delete from the registry can neither hold what runs nor have it rolled back."""
    gate.policy(keys=("ada", "grace"), onRevoke="Rollback")
    gate.passes("second")
    digest = gate.daemon.status("Sync", "shop")["artifact"]["digest"]
    hide_signatures(gate, digest)
    assert "no signature" in gate.explain(key="grace")
    gate.daemon.kill()
    gate.daemon.start()
    gate.passes("second")
    gate.heals("second")
    # Judged anew by other rules, too.
    gate.policy(keys=("ada", "grace", "packager"), onRevoke="Rollback")
    gate.passes("second")


def test_only_the_governed_are_judged_again(gate: Gate) -> None:
    """A policy for others, or a change that comes to the same, asks no registry for anything."""
    before, known = requests(gate), judged(gate)
    gate.policy("others", keys=("ada",), match={"namespaces": {"matchLabels": {"env": "elsewhere"}}})
    gate.policy(keys=("grace",), source={"channels": ["prod"]})
    wait_for("the rules to be read", lambda: judged(gate) != known)
    gate.heals("second")
    assert requests(gate) == before
    # Whose word was never looked for is asked for once, and then known.
    gate.policy(keys=("grace", "joan"))
    wait_for("the registry to be asked", lambda: requests(gate) > before)
    gate.passes("second")


def test_a_key_is_followed_by_another(gate: Gate) -> None:
    """Signed by the next key, too, and seen so while both are listed: hidden then, it still counts."""
    digest = gate.daemon.status("Sync", "shop")["artifact"]["digest"]
    gate.sign(digest, "joan", "--channel", "prod")
    gate.policy(keys=("grace", "joan"), onRevoke="Rollback")
    wait_for("the next key to be known", lambda: len({item["signer"] for item in kept(gate)["evidence"]}) == 2)
    hide_signatures(gate, digest)
    gate.policy(keys=("joan",), onRevoke="Rollback")
    gate.passes("second")
    gate.heals("second")


def test_killed_while_going_back(gate: Gate) -> None:
    for _ in range(3):
        gate.policy(keys=("ada",), onRevoke="Rollback")
        gate.daemon.kill()
        gate.daemon.start()
        wait_for("the last good one", lambda: "first" in gate.content())
        revoked(gate, "RolledBack")
        gate.heals("first")
        gate.policy(keys=("ada", "grace"), onRevoke="Rollback")
        gate.daemon.kill()
        gate.daemon.start()
        wait_for("the revoked one, trusted again", lambda: "second" in gate.content())
        gate.daemon.wait_ready_of("Sync", "shop")


def test_held_through_a_restart(gate: Gate) -> None:
    gate.policy(keys=("ada",))
    revoked(gate)
    gate.daemon.kill()
    gate.write("drifted")
    gate.daemon.start()
    gate.refuses("Revoked")
    assert "drifted" in gate.content()


def test_denied_digest(gate: Gate) -> None:
    digest = gate.daemon.status("Sync", "shop")["artifact"]["digest"]
    denied = {"digests": [{"digest": digest, "reason": "CVE-2026-1"}]}
    gate.policy(keys=("ada", "grace"), deny=denied)
    assert "CVE-2026-1" in revoked(gate)
    gate.holds("second")
    gate.policy(keys=("ada", "grace"), deny=denied, onRevoke="Rollback")
    assert "CVE-2026-1" in revoked(gate, "RolledBack")
    gate.heals("first")
    # By another policy, whose requirements are for other repositories.
    gate.policy(keys=("ada", "grace"))
    gate.passes("second")
    gate.policy("recalls", match={"repositories": ["registry.example.com/other/**"]}, deny=denied)
    revoked(gate)
    gate.holds("second")


def test_denied_key(gate: Gate) -> None:
    gate.policy(keys=("ada", "grace"), onRevoke="Rollback", deny={"keys": [{"name": "grace", "reason": "stolen"}]})
    assert "stolen" in revoked(gate, "RolledBack")
    gate.heals("first")


def test_denied_while_the_registry_is_gone(
    closed: Gate, stack: contextlib.ExitStack, serve: Callable[..., Daemon], tmp_path: Path
) -> None:
    """What is denied needs nobody's word, and the last good one is in the cache."""
    gate = two_releases(Gate(closed.journey, stack.enter_context(DockerRegistry(tmp_path / "own")), "tests/own"), serve)
    digest = gate.daemon.status("Sync", "shop")["artifact"]["digest"]
    gate.registry.stop()
    gate.policy(keys=("ada", "grace"), deny={"digests": [{"digest": digest}]}, onRevoke="Rollback")
    revoked(gate, "RolledBack")
    gate.heals("first")


def test_floor_that_policies_let_go_below(gate: Gate) -> None:
    """freshness.rollback: Allow lets the registry decide, and what is above still raises the floor."""
    second, first = (entry["digest"] for entry in gate.daemon.status("Sync", "shop")["history"])
    gate.policy(keys=("ada", "grace"), freshness={"rollback": "Allow"})
    gate.copy(first, "prod")
    gate.passes("first")
    gate.push("third", key="ada")
    gate.passes("third")
    gate.policy(keys=("ada", "grace"))
    gate.copy(second, "prod")
    gate.refuses("RollbackRefused")
    gate.heals("third")


def test_registry_that_is_gone_while_a_key_is_revoked(
    closed: Gate, stack: contextlib.ExitStack, serve: Callable[..., Daemon], tmp_path: Path
) -> None:
    """What it was adopted by is enough to hold it; nothing is rolled back on half the evidence."""
    gate = two_releases(Gate(closed.journey, stack.enter_context(DockerRegistry(tmp_path / "own")), "tests/own"), serve)
    gate.registry.stop()
    gate.policy(keys=("ada",), onRevoke="Rollback")
    revoked(gate)
    gate.holds("second")
    gate.registry.start()
    gate.look()
    revoked(gate, "RolledBack")
    assert "first" in gate.content()
