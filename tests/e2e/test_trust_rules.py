"""Deny-lists, what others attest, mirrors and rotation of keys: the rest of what a TrustPolicy can say."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Mapping

import pytest

from parts.cosign import Cosign
from parts.gate import Gate
from parts.journey import KEY_PASSWORD, Journey
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

TESTS = "https://ci.example.com/tests/v1"


def stamp(seconds_from_now: float = 0) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))


def fingerprint(public: Path) -> str:
    """As openssl makes it, whatever form the key is in."""
    words = ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"]
    der = subprocess.run(words, capture_output=True, check=True)
    return "sha256:" + hashlib.sha256(der.stdout).hexdigest()


@pytest.fixture
def gate(
    sealift: Sealift,
    config: Config,
    tmp_path: Path,
    docker_registry: OciRegistry,
    repository: str,
    serve: Callable[..., Daemon],
) -> Gate:
    """Nothing is adopted yet: the policy asks for somebody who has not signed."""
    gate = Gate(Journey(sealift, config, tmp_path), docker_registry, repository)
    gate.policy(keys=("nobody",))
    return gate.open(serve)


@pytest.fixture
def running(gate: Gate) -> Gate:
    """It was adopted, so what refuses it from now on revokes it."""
    gate.policy()
    gate.passes("good")
    return gate


class Scanner:
    """Attests with cosign, in somebody's name."""

    def __init__(self, gate: Gate, folder: Path) -> None:
        self.gate, self.folder = gate, folder
        self.cosign = Cosign(folder, KEY_PASSWORD)

    def attest(self, kind: str, predicate: Any, key: str = "scanner", digest: str = "", old: bool = False) -> None:
        file = self.folder / "predicate.json"
        file.write_text(json.dumps(predicate))
        reference = self.gate.registry.repository(f"{self.gate.repository}@{digest or self.gate.digest}")
        self.cosign.attest(reference, self.gate.key(key)[0], file, kind, old)

    def scan(self, severities: tuple[str, ...] = (), age: float = 0, **options: Any) -> None:
        """What trivy writes for cosign, as far as it matters."""
        found = [{"VulnerabilityID": f"CVE-{i}", "Severity": severity} for i, severity in enumerate(severities)]
        result = {"Results": [{"Target": "web"}, {"Target": "go", "Vulnerabilities": found}]}
        predicate = {
            "invocation": {"uri": "", "event_id": "", "builder.id": ""},
            "scanner": {"uri": "pkg:github/aquasecurity/trivy", "version": "0.60", "db": {}, "result": result},
            "metadata": {"scanStartedOn": stamp(-age), "scanFinishedOn": stamp(-age)},
        }
        self.attest("vuln", predicate, **options)


@pytest.fixture
def scanner(gate: Gate, tmp_path: Path) -> Scanner:
    return Scanner(gate, tmp_path / "scanner")


def require(gate: Gate, *attestations: Mapping[str, Any], **spec: Any) -> None:
    gate.policy(attestations=list(attestations), **spec)


def scan_of(gate: Gate, *keys: str, **more: Any) -> Mapping[str, Any]:
    named = [{"name": key, "pem": gate.pem(key)} for key in keys or ("scanner",)]
    severity = "/scanner/result/Results/*/Vulnerabilities/*/Severity"
    values = [{"path": "/scanner/result/Results", "exists": True}, {"path": severity, "notIn": ["CRITICAL", "HIGH"]}]
    return {"name": "scan", "type": "vuln", "keys": named, "values": values, **more}


# ---- deny-lists ----


def test_denied_digest(gate: Gate) -> None:
    gate.policy(deny={"digests": [{"digest": gate.digest, "reason": "CVE-2026-1234"}]})
    gate.refuses("Denied", "a digest that is not denied", "CVE-2026-1234")
    gate.push("better")
    gate.passes("better")


def test_denied_digest_that_runs(running: Gate) -> None:
    running.policy(deny={"digests": [{"digest": running.digest, "reason": "CVE-2026-1234"}]})
    running.refuses("Revoked", "CVE-2026-1234")
    running.push("better")
    running.passes("better")


def test_denied_digest_of_a_policy_for_other_repositories(gate: Gate) -> None:
    """It governs the Sync, so what it denies holds, although its signers are asked for elsewhere."""
    match = {"repositories": [f"{gate.registry.host}/other/**"]}
    deny = {"digests": [{"digest": gate.digest, "reason": "recalled"}]}
    gate.policy("recalls", keys=("ada",), match=match, deny=deny)
    gate.policy("prod")
    gate.refuses("Denied", "TrustPolicy recalls", "recalled")
    gate.policy("recalls", keys=("ada",), match=match)
    gate.passes("good")


@pytest.mark.parametrize("how", ["name", "fingerprint"])
def test_denied_key(gate: Gate, how: str) -> None:
    """Under whatever name, in whichever policy, and as a key of the Sync's own."""
    stolen = {"name": "packager"} if how == "name" else {"fingerprint": fingerprint(gate.key("packager")[1])}
    twins = [{"name": name, "pem": gate.pem("packager")} for name in ("packager", "another-name")]
    entry = {"name": "packager", "attests": True, "keys": [*twins, {"name": "ada", "pem": gate.pem("ada")}]}
    anybody = [gate.entry("anybody", "packager", "ada")]
    gate.journey.config.policy("denials", require=anybody, deny={"keys": [{**stolen, "reason": "stolen"}]})
    gate.journey.config.policy("prod", require=[entry])
    gate.refuses("Unverified", "(denied: stolen)")
    gate.sync(verify={"keys": [{"name": "own", "pem": gate.pem("packager")}]})
    gate.refuses("Unverified", "(denied: stolen)")
    gate.sync()
    gate.push("better", key="ada")
    gate.passes("better")


def test_denied_key_in_other_clothes(gate: Gate) -> None:
    """A PEM with other line breaks is the same key, and no other encoding of it is read."""
    public = gate.key("packager")[1]
    der = base64.b64decode("".join(public.read_text().splitlines()[1:-1]))
    lines = base64.b64encode(der).decode()
    short = [lines[i : i + 20] for i in range(0, len(lines), 20)]
    rewritten = "\r\n".join(["-----BEGIN PUBLIC KEY-----", *short, "-----END PUBLIC KEY-----", ""])
    words = ["openssl", "pkey", "-pubin", "-in", public, "-ec_conv_form", "compressed"]
    compressed = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    deny = {"keys": [{"fingerprint": fingerprint(public)}]}
    for pem, reason in ((rewritten, "Unverified"), (compressed, "PolicyUnreadable")):
        keys = [{"name": "rewritten", "pem": pem}]
        gate.journey.config.policy("prod", require=[{"name": "packager", "attests": True, "keys": keys}], deny=deny)
        gate.look()
        condition = gate.daemon.condition("Sync", "shop")
        assert condition["status"] == "False" and condition["reason"] in (reason, "SecretNotUsable"), condition


# ---- what others attest ----


@pytest.mark.parametrize("old", [False, True], ids=["bundle", "att-tag"])
def test_scan_by_cosign(gate: Gate, scanner: Scanner, old: bool) -> None:
    require(gate, scan_of(gate))
    gate.refuses("AttestationRequired", "attestation scan", "found none", "signed by scanner", "cosign attest --type")
    scanner.scan(("LOW", "HIGH"), old=old)
    gate.refuses("AttestationRefused", "is \"HIGH\"", "correct what scanner found")
    scanner.scan(("LOW",), age=-1, old=old)
    status = gate.passes("good")
    assert status["artifact"]["verifiedBy"] == ["packager: packager", "scan: scanner"]


def test_scan_by_somebody_else(gate: Gate, scanner: Scanner) -> None:
    """The packager's own word is none of the scanner's, nor is a stranger's."""
    require(gate, scan_of(gate))
    scanner.scan(key="packager")
    gate.refuses("AttestationRequired", "who is not a signer of it")
    scanner.scan(key="mallory")
    gate.refuses("AttestationRequired")
    require(gate, {"name": "scan", "type": "vuln", "from": "packager"})
    gate.passes("good")


def test_scanner_signs_nothing(running: Gate, scanner: Scanner) -> None:
    """Who may attest may not release."""
    gate = running
    scanner.scan()
    require(gate, scan_of(gate))
    gate.passes("good")
    digest = gate.push("evil", key="scanner")
    scanner.scan(digest=digest)
    gate.refuses("Unverified", "1 signature of packager")
    gate.heals("good")


def test_scan_of_another_artifact(gate: Gate, scanner: Scanner) -> None:
    require(gate, scan_of(gate))
    scanner.scan()
    gate.passes("good")
    evil = gate.push("evil")
    gate.copy(gate.digest.replace(":", "-"), evil.replace(":", "-"))
    gate.sign(evil, "packager", "--channel", "prod")
    gate.refuses("AttestationRequired", "found none")
    gate.heals("good")


def test_newest_scan_decides(gate: Gate, scanner: Scanner) -> None:
    require(gate, scan_of(gate))
    scanner.scan(("CRITICAL",), age=60)
    scanner.scan((), age=3600)
    gate.refuses("AttestationRefused", "CRITICAL")
    scanner.scan()
    gate.passes("good")


def test_old_scan(gate: Gate, scanner: Scanner) -> None:
    require(gate, scan_of(gate, maxAge="24h"))
    scanner.scan(age=2 * 86400)
    digest = gate.push("better")
    scanner.scan(age=2 * 86400, digest=digest)
    gate.refuses("Stale", "attestation scan that is fresh until", "run it again")
    scanner.scan(digest=digest)
    gate.passes("better")


def test_results_of_our_own_type_and_of_custom(gate: Gate, scanner: Scanner) -> None:
    keys = [{"name": "ci", "pem": gate.pem("ci")}]
    own = {
        "name": "tests",
        "type": TESTS,
        "keys": keys,
        "time": "/finishedAt",
        "maxAge": "1h",
        "values": [{"path": "/verdict", "in": ["passed", "waived"]}, {"path": "/failed", "lessThan": 1}],
    }
    custom = {"name": "review", "type": "custom", "keys": keys, "values": [{"path": "/Data/reviewed", "equals": True}]}
    require(gate, own, custom)
    scanner.attest(TESTS, {"verdict": "passed", "failed": 0}, key="ci")
    gate.refuses("AttestationRequired", "one without a time at /finishedAt")
    scanner.attest(TESTS, {"verdict": "passed", "failed": 2, "finishedAt": stamp(-5)}, key="ci")
    gate.refuses("AttestationRequired", "attestation review")
    scanner.attest("custom", {"reviewed": True}, key="ci")
    gate.refuses("AttestationRefused", "/failed is 2", "/failed lessThan 1")
    scanner.attest(TESTS, {"verdict": "passed", "failed": 0, "finishedAt": stamp()}, key="ci")
    gate.passes("good")


def test_attestation_of_a_denied_key(gate: Gate, scanner: Scanner) -> None:
    scanner.scan()
    require(gate, scan_of(gate, "scanner", "scanner-2"), deny={"keys": [{"name": "scanner", "reason": "stolen"}]})
    gate.refuses("AttestationRequired", "attestation scan")
    scanner.scan(key="scanner-2")
    gate.passes("good")


def test_many_scans_crowd_nothing_out(gate: Gate, scanner: Scanner) -> None:
    """The newest of each signer is kept, however many there are; others' types are not kept at all."""
    require(gate, scan_of(gate))
    for age in range(5, 0, -1):
        scanner.scan(("CRITICAL",), age=age * 60)
    scanner.attest("https://example.com/other/v1", {"a": 1})
    scanner.scan()
    gate.passes("good")


# ---- mirrors ----


def test_mirror(gate: Gate) -> None:
    """A copy with all its signatures counts where the policy says what it is a copy of."""
    there = f"{gate.repository}-mirror"
    copied = (gate.reference(":prod"), gate.reference(":prod", there), "--insecure")
    gate.journey.sealift("copy", *copied)
    gate.sync(artifact={"repository": gate.reference("", there), "insecure": True})
    gate.policy()
    names = [gate.registry.repository(name) for name in (there, gate.repository)]
    gate.refuses("Unverified", f"for the repository {names[1]}")
    gate.policy(mirrors=[{"repository": names[0], "of": names[1]}])
    gate.passes("good")
    entry = {"name": "packager", "keys": [{"name": "packager", "pem": gate.pem("packager")}], "anyRepository": True}
    gate.journey.config.policy("prod", require=[entry])
    gate.refuses("Revoked", f"for the repository {names[1]}")


# ---- ranges of versions ----


def test_range_of_versions(gate: Gate) -> None:
    """The highest tag in the range that the filter matches; a tag that goes away brings no older version back."""
    gate.policy()
    for tag, content in (("v1.2.0-prod", "first"), ("1.9.0-staging", "staging"), ("2.0.0-prod", "next"), ("nightly", "x")):
        gate.push(content, tag=tag)
    follow = {"repository": gate.reference(), "semver": ">=1.0.0-0 <2.0.0-0", "insecure": True}
    gate.sync(artifact=follow)
    gate.passes("staging")
    gate.sync("filtered", artifact={**follow, "semverFilter": "-prod$"}, target=other_target(gate))
    look = ("reconcile", "sync", "filtered", "--timeout", "20s")
    gate.journey.run(*look)
    status = gate.daemon.status("Sync", "filtered")
    assert status["artifact"]["revision"].startswith("1.2.0-prod@"), status
    newer = gate.push("second", tag="v1.3.0-prod")
    gate.journey.run(*look)
    assert gate.daemon.status("Sync", "filtered")["artifact"]["digest"] == newer
    gate.sync("filtered", artifact={**follow, "semverFilter": "1.2.0"}, target=other_target(gate))
    gate.journey.sealift.fails(*gate.journey.at(*look))
    condition = gate.daemon.condition("Sync", "filtered")
    assert condition["reason"] == "RollbackRefused" and f" is below 1.3.0-prod {newer}" in condition["message"], condition
    gate.journey.run(*paste(condition["message"]), "--yes")
    gate.journey.run(*look)
    assert gate.daemon.status("Sync", "filtered")["artifact"]["revision"].startswith("1.2.0-prod@")
    gate.sync("filtered", artifact={**follow, "semverFilter": "-prod$"}, target=other_target(gate))
    gate.journey.run(*look)
    # The same version, and something else under it.
    gate.push("third", tag="v1.3.0-prod")
    gate.journey.sealift.fails(*gate.journey.at(*look))
    condition = gate.daemon.condition("Sync", "filtered")
    assert condition["reason"] == "RollbackRefused" and f" is another artifact than {newer}" in condition["message"]
    gate.journey.run(*paste(condition["message"]), "--yes")
    gate.journey.run(*look)
    newer = gate.daemon.status("Sync", "filtered")["artifact"]["digest"]
    for pattern, said in (("-none$", "no tag in the range >=1.0.0-0 <2.0.0-0 that semverFilter matches: -none$"), ("(", "semverFilter")):
        gate.sync("filtered", artifact={**follow, "semverFilter": pattern}, target=other_target(gate))
        gate.journey.sealift.fails(*gate.journey.at(*look))
        condition = gate.daemon.condition("Sync", "filtered")
        assert condition["reason"] == "VersionNotFound" and said in condition["message"], condition
        named = condition["message"].partition("; there are the tags ")[2]
        assert pattern == "(" or ("1.9.0-staging" in named and "sha256-" not in named), condition
    assert gate.daemon.status("Sync", "filtered")["artifact"]["digest"] == newer


# ---- what is not there ----


def test_a_tag_that_is_not_there(gate: Gate) -> None:
    gate.policy()
    gate.push("first", tag="stable")
    gate.sync(artifact={"tag": "stabel"})
    gate.refuses("PullFailed", "404", "; did you mean stable?", "; push it, or correct spec.artifact.tag")
    gate.sync(artifact={"tag": "nightly"})
    gate.refuses("PullFailed", "; there are the tags prod, stable; push it")
    gate.sync(artifact={"repository": gate.reference(repository="nobody/pushed-here"), "tag": "prod"})
    gate.policy(match={"repositories": ["**"]})
    name = gate.registry.repository("nobody/pushed-here")
    gate.refuses("PullFailed", f"; what is tagged there, by your own login: skopeo list-tags docker://{name}; push it")


def test_a_bundle_that_is_not_there(gate: Gate) -> None:
    gate.journey.bundle("https://git.invalid/x.git", gate.reference(), "web-shop")
    for reference, said in (
        ({"name": "web-shpo"}, "no Bundle default/web-shpo (did you mean web-shop?); those that there are: sealift get bundles -n default;"),
        ({"name": "else"}, "no Bundle default/else; those that there are: sealift get bundles -n default;"),
        ({"name": "web-shpo", "namespace": "other"}, "no Bundle other/web-shpo; ask who owns that namespace"),
    ):
        gate.journey.config.sync("shop", bundleRef=reference, target=other_target(gate), interval="24h")
        gate.refuses("BundleNotFound", said)


def paste(message: str) -> list[str]:
    """The command that the message ends in, without the one that looks again."""
    command = message[message.index("sealift floor reset ") :]
    return command.partition(" && ")[0].split()[1:]


def other_target(gate: Gate) -> dict[str, Any]:
    return {"directory": {"path": str(gate.journey.folder / "filtered"), "layout": "Tree"}}


# ---- rotation ----


def keyed(gate: Gate, *keys: Mapping[str, Any]) -> None:
    listed = [{**key, "pem": gate.pem(str(key["name"]))} for key in keys]
    gate.journey.config.policy("prod", require=[{"name": "packager", "attests": True, "keys": listed}])


def test_bad_news_about_what_runs(running: Gate, scanner: Scanner) -> None:
    """A scan of later, when the same artifact has run for a while."""
    scanner.scan(age=60)
    require(running, scan_of(running))
    running.passes("good")
    scanner.scan(("CRITICAL",))
    running.daemon.kill()
    running.daemon.start()
    running.refuses("Revoked", "CRITICAL")


def test_rotation_with_overlap(gate: Gate) -> None:
    keyed(gate, {"name": "packager", "notAfter": stamp(86400)}, {"name": "next"})
    gate.passes("good")
    gate.push("better", key="next")
    gate.passes("better")
    gate.push("also", key="packager")
    gate.passes("also")
    gate.sign(gate.registry.digest(gate.repository, "prod"), "next", "--channel", "prod")
    keyed(gate, {"name": "next"})
    gate.passes("also")
    gate.push("late", key="packager")
    gate.refuses("Unverified")
    gate.heals("also")


def test_policy_warns_before_a_key_runs_out(gate: Gate) -> None:
    def told(reason: str, *parts: str) -> None:
        def look() -> bool:
            policy = gate.journey.run("get", "policy", "prod", "-o", "json").json()
            ready = [entry for entry in policy["status"]["conditions"] if entry["type"] == "Ready"][0]
            return ready["reason"] == reason and all(part in ready["message"] for part in parts)

        wait_for(f"the policy to say {reason}", look)

    keyed(gate, {"name": "packager", "notAfter": stamp(10 * 86400)})
    told("KeyExpiring", "key packager of packager runs out on", "add the key that follows it")
    wait_for("an event", lambda: any(gate.is_warning(event, "KeyExpiring") for event in gate.daemon.events()))
    keyed(gate, {"name": "packager", "notAfter": stamp(10 * 86400)}, {"name": "next"})
    told("KeyExpiring", "enough others stay")
    keyed(gate, {"name": "packager", "notAfter": stamp(20 * 86400)})
    told("Valid")
    keyed(gate, {"name": "packager", "notAfter": stamp(3)})
    told("KeyExpired", "0 of its keys are valid now")
