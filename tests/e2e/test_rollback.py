"""Going back on purpose: a signed word that policies take, that the packager keeps to, and that nobody can replay."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.gate import Gate
from parts.journey import KEY_PASSWORD, Journey, applied, config_map, make_key, seen
from parts.line import Line
from parts.need import CHECKOUT
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for


@pytest.fixture
def gate(
    sealift: Sealift, config: Config, tmp_path: Path, docker_registry: OciRegistry, repository: str,
    serve: Callable[..., Daemon],
) -> Gate:  # fmt: skip
    """`first` ran, `second` runs, both released by the packager."""
    gate = Gate(Journey(sealift, config, tmp_path), docker_registry, repository)
    gate.policy()
    gate.sync()
    gate.push("first")
    gate.daemon = serve(roles="controller")
    gate.passes("first")
    gate.push("second")
    gate.passes("second")
    return gate


def words(gate: Gate, *flags: Any, what: str = "", key: str = "packager") -> list[Any]:
    signer = ("--key", gate.key(key)[0], "--password-file", gate.password)
    return ["rollback", what or gate.reference(":prod"), *signer, "--insecure", "--yes", *flags]


def roll_back(gate: Gate, *flags: Any, what: str = "sync/shop", key: str = "packager") -> Any:
    return gate.journey.sealift(*gate.journey.at(*words(gate, *flags, what=what, key=key)))


def digests(gate: Gate) -> list[str]:
    return [entry["digest"] for entry in gate.daemon.status("Sync", "shop")["history"]]


def test_back_and_forward_again(gate: Gate) -> None:
    second, first = digests(gate)
    result = roll_back(gate, "--reason", "checkout fails", "-o", "json")
    told = result.json()
    assert (told["from"]["digest"], told["to"]["digest"]) == (second, first)
    assert told["changes"] == [{"path": "shop/ConfigMap/web.yaml", "change": "changed"}]
    assert "asked for a reconcile of Sync" in result.err and "1 object differs" in result.err
    gate.passes("first")
    gate.heals("first")
    assert f"went back to {first}" in result.err
    assert f"went forward to {second}" in roll_back(gate).err
    gate.passes("second")
    roll_back(gate, "--to", first)
    gate.passes("first")
    gate.push("third")
    gate.passes("third")


def test_dry_run_changes_nothing(gate: Gate) -> None:
    second, first = digests(gate)
    told = roll_back(gate, "--dry-run", "-o", "json").json()
    assert told["dryRun"] and told["to"]["digest"] == first
    assert gate.registry.digest(gate.repository, "prod") == second
    gate.passes("second")


def test_by_reference(gate: Gate) -> None:
    first = digests(gate)[1]
    fails = gate.journey.sealift.fails
    assert "a registry keeps no order" in fails(*words(gate)).err
    assert "points to" in fails(*words(gate, "--to", "prod")).err
    gate.copy(first, "known-good")
    gate.journey.sealift(*words(gate, "--to", "known-good"))
    gate.passes("first")
    # What was gone back from is in the statement.
    gate.journey.sealift(*words(gate))
    gate.passes("second")


def test_by_another_key_that_attests(gate: Gate) -> None:
    gate.policy(keys=("packager", "oncall"))
    gate.passes("second")
    roll_back(gate, key="oncall")
    gate.passes("first")
    roll_back(gate, key="mallory")
    gate.refuses("RollbackRefused")
    gate.heals("first")


def test_past_a_changed_key(gate: Gate) -> None:
    """Nothing that the new key signed is there to go back to; what is said about it helps."""
    gate.policy(keys=("oncall",))
    told = roll_back(gate, "--verify-key", gate.key("packager")[1], key="oncall").err
    command = shlex.split(told.partition("before you go on: sealift ")[2].splitlines()[0])
    assert command[0] == "sign" and command[2:] == ["--key", "FILE"]
    key, password = gate.key("oncall")[0], gate.password
    gate.journey.sealift(*command[:2], "--key", key, "--password-file", password, "--insecure")
    gate.passes("first")


def test_what_was_never_released_here(gate: Gate) -> None:
    """Staging does not come to prod by this door."""
    digest = gate.push("staged", tag="staging")
    told = gate.journey.sealift.fails(*words(gate, "--to", digest)).err
    assert "ever released" in told and "--verify-key" in told
    first = digests(gate)[1]
    told = gate.journey.sealift.fails(*words(gate, "--to", first, key="oncall")).err
    assert "ever released" in told
    gate.policy(keys=("packager", "oncall"))
    gate.journey.sealift(*words(gate, "--to", first, "--verify-key", gate.key("packager")[1], key="oncall"))
    gate.passes("first")


def test_old_rollback_replayed(gate: Gate) -> None:
    first = digests(gate)[1]
    roll_back(gate)
    gate.passes("first")
    gate.push("third")
    gate.passes("third")
    gate.copy(first, "prod")
    gate.refuses("RollbackRefused", first)
    gate.heals("third")


def test_rollback_of_another_repository(gate: Gate) -> None:
    second, first = digests(gate)
    elsewhere = f"{gate.repository}-elsewhere"
    assert gate.push("first", repository=elsewhere) == first
    gate.push("second", repository=elsewhere)
    signed = words(gate, "--to", first, what=gate.reference(":prod", elsewhere))
    gate.journey.sealift(*signed)
    gate.copy_signatures(first, first, of=elsewhere)
    gate.copy(first, "prod")
    told = gate.look().err
    assert gate.daemon.condition("Sync", "shop")["reason"] in ("RollbackRefused", "NotAttested", "Unverified"), told
    gate.heals("second")


def test_rollback_of_another_channel(gate: Gate) -> None:
    """The statement is for staging; the tag prod is moved by somebody else."""
    first = digests(gate)[1]
    gate.sign(first, "packager", "--channel", "staging")
    gate.copy(digests(gate)[0], "staging")
    gate.journey.sealift(*words(gate, "--to", first, what=gate.reference(":staging")))
    gate.copy(first, "prod")
    gate.refuses("RollbackRefused")
    gate.heals("second")


def test_clock_of_the_future(gate: Gate) -> None:
    first = digests(gate)[1]
    far = int((time.time() + 3 * 86400) * 1000)
    gate.push("third", sequence=str(far))
    told = gate.journey.sealift.fails(*words(gate, "--to", first)).err
    assert "more than a day ahead" in told and str(far) in told
    gate.sign(first, "packager", "--channel", "prod", "--sequence", str(far + 1))
    gate.copy(first, "prod")
    gate.refuses("ClockSkew")
    gate.heals("second")


def test_what_cannot_go_back(gate: Gate) -> None:
    fails = gate.journey.sealift.fails
    digest = digests(gate)[0]
    assert "which channel is meant" in fails(*words(gate, what=gate.reference(f"@{digest}"))).err
    gate.sync("pinned", artifact={"digest": digest, "channel": "prod"}, target={"directory": {"path": "/nowhere/else"}})
    told = fails(*gate.journey.at(*words(gate, what="sync/pinned"))).err
    assert "follows no moving tag" in told
    assert "has no artifacts" in fails(*gate.journey.at(*words(gate, what="policy/prod"))).err


# With the packager at work


def line_words(line: Line, *flags: Any, what: str = "sync/shop", key: str = "") -> list[Any]:
    password = line.journey.folder / "password"
    password.write_text(KEY_PASSWORD)
    signer = ("--key", key or line.journey.private, "--password-file", password)
    return line.journey.at("rollback", what, *signer, "--yes", *flags)


def two_commits(line: Line, serve: Callable[..., Daemon]) -> tuple[str, str]:
    """red was applied, blue is; the digests of both."""
    line.start(serve)
    red = line.daemon.status("Bundle", "shop")["artifact"]["digest"]
    line.goes_on("blue")
    return red, line.daemon.status("Bundle", "shop")["artifact"]["digest"]


def went_back(line: Line, digest: str, color: str) -> None:
    line.daemon.wait_condition("Bundle", "shop", "Ready", "True", "RolledBack")
    applied(line.daemon, digest)
    assert color in line.web


def test_packager_keeps_to_it(line: Line, serve: Callable[..., Daemon]) -> None:
    red, blue = two_commits(line, serve)
    line.journey.sealift(*line_words(line, "--reason", "blue is broken"))
    went_back(line, red, "red")
    condition = line.daemon.condition("Bundle", "shop")
    assert "blue is broken" in condition["message"] and blue in condition["message"]
    # A commit that changes nothing here, a look, and a restart are no reason to go forward again.
    seen(line.daemon, line.push({"README.md": "elsewhere\n"}))
    line.daemon.kill()
    line.daemon.start()
    line.journey.run("reconcile", "bundle", "shop")
    seen(line.daemon, line.push({"README.md": "elsewhere again\n"}))
    went_back(line, red, "red")
    assert [event["reason"] for event in line.daemon.events()].count("TagMoved") == 0
    line.goes_on("green")
    assert line.daemon.condition("Bundle", "shop")["reason"] == "Released"
    assert "rolledBack" not in line.daemon.status("Bundle", "shop")["artifact"]


def test_forward_by_the_same_command(line: Line, serve: Callable[..., Daemon]) -> None:
    red, blue = two_commits(line, serve)
    line.journey.sealift(*line_words(line, what="bundle/shop"))
    went_back(line, red, "red")
    line.journey.sealift(*line_words(line, what="bundle/shop"))
    went_back(line, blue, "blue")


def test_reverted_commit_ends_it(line: Line, serve: Callable[..., Daemon]) -> None:
    """Git says the same as the rollback; what is then pushed again is a change."""
    red, blue = two_commits(line, serve)
    line.journey.sealift(*line_words(line))
    went_back(line, red, "red")
    seen(line.daemon, line.push({"web.yaml": config_map("web", color="red")}))
    line.daemon.wait_condition("Bundle", "shop", "Ready", "True", "Released")
    line.goes_on("blue")


def test_status_that_is_lost(line: Line, serve: Callable[..., Daemon]) -> None:
    red, _ = two_commits(line, serve)
    line.journey.sealift(*line_words(line))
    went_back(line, red, "red")
    line.daemon.kill()
    (line.journey.folder / "state/bundle/default/shop/status.json").unlink()
    line.daemon.start()
    line.journey.run("reconcile", "bundle", "shop")
    went_back(line, red, "red")


def test_killed_while_it_is_taken_up(line: Line, serve: Callable[..., Daemon]) -> None:
    red, blue = two_commits(line, serve)
    for digest, color in ((red, "red"), (blue, "blue"), (red, "red")):
        line.journey.sealift(*line_words(line))
        line.daemon.kill()
        line.daemon.start()
        line.journey.run("reconcile", "bundle", "shop")
        went_back(line, digest, color)


def test_packager_believes_listed_keys_only(line: Line, sealift: Sealift, serve: Callable[..., Daemon], tmp_path: Path) -> None:
    red, blue = two_commits(line, serve)
    private, public = make_key(sealift, tmp_path / "oncall")
    line.journey.config.secret("oncall-pub", cosign__pub=public)
    packager = ("--verify-key", line.journey.public)
    result = line.journey.sealift(*line_words(line, *packager, key=str(private)))
    assert "will put the tag back" in result.err
    wait_for("the tag to be put back", lambda: "TagMoved" in [event["reason"] for event in line.daemon.events()])
    assert line.daemon.status("Bundle", "shop")["artifact"]["digest"] == blue
    line.bundle = {"rollback": {"keys": [{"name": "oncall", "secretRef": {"name": "oncall-pub"}}]}}
    line.write()
    result = line.journey.sealift(*line_words(line, *packager, key=str(private)))
    assert "will put the tag back" not in result.err
    went_back(line, red, "red")


def test_replayed_to_the_packager(line: Line, serve: Callable[..., Daemon]) -> None:
    """Who may move tags takes nobody back by a statement of before."""
    red, _ = two_commits(line, serve)
    line.journey.sealift(*line_words(line))
    went_back(line, red, "red")
    line.goes_on("green")
    green = line.daemon.status("Bundle", "shop")["artifact"]["digest"]
    index = line.journey.folder / "layout/index.json"
    value = json.loads(index.read_text())
    name = "org.opencontainers.image.ref.name"
    old = next(entry for entry in value["manifests"] if entry["digest"] == red)
    value["manifests"] = [each for each in value["manifests"] if each.get("annotations", {}).get(name) != "prod"]
    value["manifests"].append({**old, "annotations": {name: "prod"}})
    index.write_text(json.dumps(value))
    line.journey.run("reconcile", "bundle", "shop")
    wait_for("the tag to be put back", lambda: "TagMoved" in [event["reason"] for event in line.daemon.events()])
    line.journey.run("reconcile", "sync", "shop")
    assert line.daemon.status("Sync", "shop")["artifact"]["digest"] == green and "green" in line.web


def test_chapter_of_the_documentation(line: Line, serve: Callable[..., Daemon], tmp_path: Path) -> None:
    """The commands of docs/security.md, word for word."""
    red, _ = two_commits(line, serve)
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "packager.key").write_bytes(line.journey.private.read_bytes())
    (keys / "packager.password").write_text(KEY_PASSWORD)
    chapter = (CHECKOUT / "docs/security.md").read_text().split("\n### Revocation\n")[1].split("\n## ")[0]
    env = {"SEALIFT_CONFIG": str(line.journey.config.folder), "SEALIFT_STATE": str(line.journey.folder / "state")}
    commands = [row for block in re.findall(r"```sh\n(.*?)```", chapter, re.S) for row in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        program, *rest = shlex.split(command)
        assert program == "sealift"
        line.journey.sealift(*rest, env=env, cwd=tmp_path)
    went_back(line, red, "red")
