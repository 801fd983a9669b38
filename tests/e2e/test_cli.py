"""Every command, as people and pipelines call it: outputs that parse, exit codes, help, completion, silence."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, Journey, applied, config_map, object_file, released, tree
from parts.need import CHECKOUT, need_program
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

Serve = Callable[..., Daemon]
ESCAPE = "\x1b"


def commands(sealift: Sealift) -> list[list[str]]:
    """As `sealift help` lists them."""
    listed = sealift("help").out.split("Commands:\n")[1].split("\n\n")[0]
    return [re.split(r"\s{2,}", line.strip())[0].split() for line in listed.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    (made / "web.yaml").write_text(config_map("web", color="red") + "---\n" + config_map("more"))
    return made


@pytest.fixture
def key(sealift: Sealift, tmp_path: Path) -> Path:
    sealift("keygen", "--output-prefix", tmp_path / "key", env={"COSIGN_PASSWORD": KEY_PASSWORD})
    return tmp_path / "key.key"


@pytest.fixture
def reference(sealift: Sealift, tmp_path: Path, folder: Path, key: Path) -> str:
    """A signed artifact in a layout."""
    made = f"oci-layout://{tmp_path}/layout:prod"
    sealift("push", folder, made, "--key", key, env={"COSIGN_PASSWORD": KEY_PASSWORD})
    return made


class World(Journey):
    """A Journey that was walked once."""

    repo: GitRepo
    daemon: Daemon


@pytest.fixture
def world(sealift: Sealift, config: Config, tmp_path: Path, serve: Serve) -> World:
    """A Bundle, a Hook, a Sync and a policy, all Ready."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"web.yaml": config_map("web", color="red")})
    journey = World(sealift, config, tmp_path)
    journey.config.secret("packager-pub", namespace="sealift-system", cosign__pub=journey.public)
    journey.bundle(f"file://{repo.path}", f"oci-layout://{tmp_path}/artifacts")
    journey.hook()
    journey.sync()
    keys = [{"name": "packager", "secretRef": {"name": "packager-pub"}}]
    journey.config.policy("all", require=[{"name": "packager", "attests": True, "keys": keys}])
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    daemon.wait_ready_of("Hook", "shop")
    journey.repo, journey.daemon = repo, daemon
    return journey


# Help and usage


@pytest.mark.quick
def test_help_of_each_command(sealift: Sealift) -> None:
    listed = commands(sealift)
    assert ["create", "bundle"] in listed and ["serve"] in listed and len(listed) > 20
    for words in listed:
        said = sealift(*words, "--help")
        assert said.err == "" and f"Usage: sealift {' '.join(words)}" in said.out, words
        assert re.search(rf"^  (\w+=\S+ )?sealift {' '.join(words)}", said.out, re.M), f"no example: {words}"
        assert max(len(line) for line in said.out.splitlines()) <= 132, words


@pytest.mark.quick
def test_usage_errors_are_2(sealift: Sealift) -> None:
    for words in (
        ["fly"], ["get", "--colour"], ["push", "one"], ["diff", "a"], ["version", "x"], ["render", ".", "-o", "toml"],
        ["get", "--timeout", "soon"], ["get", "--timeout"], ["push", "a", "b", "--sequence", "many"], ["-x"],
        ["get", "--quiet=yes"], ["create", "bundle"], ["create"], ["serve", "--roles", "cook"], ["serve", "--log-level", "x"],
    ):  # fmt: skip
        said = sealift.fails(*words)
        assert said.code == 2 and said.out == "" and said.err.startswith("✗ "), (words, said)
        assert len(said.err.splitlines()) == 1, said.err


def test_suggestions(sealift: Sealift) -> None:
    assert "--config" in sealift.fails("get", "bundles").err
    at = ("--config", sealift.home, "--state", sealift.home)
    assert "bundles" in sealift.fails("get", "boats", *at).err
    for words in (["rollback", "shop"], ["get", "shop"], ["suspend", "shop"]):
        assert "an object is named KIND/NAME, like sync/shop; the kinds are" in sealift.fails(*words, *at).err, words
    assert "(did you mean bundles?)" in sealift.fails("get", "bundels", *at).err
    for kind in ("sync", "bundle"):
        assert f"there is no folder {kind}s; did you mean {kind}/shop?" in sealift.fails("diff", f"{kind}s", "shop", *at).err
    assert sealift.fails().code == 2
    assert sealift("--version").out == sealift("version").out
    assert sealift("-h").out == sealift("help").out == sealift("--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(sealift: Sealift, tmp_path: Path, shell: str) -> None:
    script = tmp_path / "script"
    script.write_text(sealift("completion", shell).out)
    assert all(" ".join(words) in script.read_text() for words in commands(sealift) if len(words) == 1)
    subprocess.run([need_program(shell, shell), "-n", script], check=True)


def complete_in_bash(sealift: Sealift, script: Path, *words: str, **env: Any) -> list[str]:
    """What bash would offer after these words; the last is being typed."""
    program = f"""
    source {script}
    COMP_WORDS=({' '.join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
    COMP_LINE="{' '.join(words)}"; COMP_POINT=${{#COMP_LINE}}
    $(complete -p sealift | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{sealift.program.parent}:{os.environ['PATH']}"
    made = {**sealift.env, "PATH": path, **{name: str(value) for name, value in env.items()}}
    done = subprocess.run(["bash", "-c", program], env=made, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_completion_in_bash(sealift: Sealift, world: World, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(sealift("completion", "bash").out)
    assert "suspend" in complete_in_bash(sealift, script, "sealift", "su")
    assert {"bundle", "sync"} <= set(complete_in_bash(sealift, script, "sealift", "create", ""))
    assert "--repository" in complete_in_bash(sealift, script, "sealift", "create", "bundle", "--re")
    assert complete_in_bash(sealift, script, "sealift", "create", "sync", "--drift", "H") == ["Heal"]
    places = {"SEALIFT_CONFIG": world.config.folder, "SEALIFT_STATE": tmp_path / "state"}
    assert complete_in_bash(sealift, script, "sealift", "get", "sync", "s", **places) == ["shop"]


# Folders and artifacts


@pytest.mark.quick
def test_render(sealift: Sealift, folder: Path) -> None:
    assert [item["metadata"]["name"] for item in yaml.safe_load_all(sealift("render", folder).out)] == ["more", "web"]
    assert len(sealift("render", folder, "-o", "json").json()["items"]) == 2
    assert sealift("render", folder, "-o", "name").out.split() == ["configmap/more", "configmap/web"]
    (folder / "bad.yaml").write_text("kind: [\n")
    said = sealift.fails("render", folder)
    assert said.code == 1 and said.out == "" and "bad.yaml:" in said.err


def test_push_pull_inspect_verify(
    sealift: Sealift, tmp_path: Path, folder: Path, key: Path, reference: str
) -> None:
    env = {"COSIGN_PASSWORD": KEY_PASSWORD}
    pushed = sealift("push", folder, reference, "--key", key, "-o", "json", env=env).json()
    assert pushed["signed"] and pushed["tag"] == "prod"
    described = sealift("inspect", reference, "-o", "json").json()
    assert described["digest"] == pushed["digest"] and described["files"] == [object_file("more"), object_file("web")]
    assert yaml.safe_load(sealift("inspect", reference, "-o", "yaml").out) == described
    assert pushed["digest"] in sealift("inspect", reference).out
    sealift("pull", reference, "--output", tmp_path / "pulled")
    assert set(tree(tmp_path / "pulled")) == {object_file("more"), object_file("web")}
    public = key.with_suffix(".pub")
    assert sealift("verify", reference, "--key", public).out.strip() == pushed["digest"]
    verdict = sealift("verify", reference, "--key", public, "-o", "json").json()
    assert verdict["verified"] and verdict["reason"] == "Verified" and verdict["verifiedBy"]
    assert "packager" in sealift("verify", reference, "--key", public, "--explain").out or verdict["findings"]
    sealift("keygen", "--output-prefix", tmp_path / "other", env={"COSIGN_PASSWORD": ""})
    refused = sealift.fails("verify", reference, "--key", tmp_path / "other.pub", "-o", "yaml")
    assert refused.code == 1 and yaml.safe_load(refused.out)["verified"] is False
    assert sealift.fails("verify", reference, "--key", tmp_path / "other.pub", "--explain").out
    assert sealift.fails("keygen", "--output-prefix", tmp_path / "other", env={"COSIGN_PASSWORD": ""}).code == 1
    assert (tmp_path / "other.key").stat().st_mode & 0o777 == 0o600


def test_sign_adds_a_channel(sealift: Sealift, folder: Path, tmp_path: Path, key: Path) -> None:
    reference = f"oci-layout://{tmp_path}/layout:prod"
    digest = sealift("push", folder, reference, "--unsigned").out.strip()
    public = key.with_suffix(".pub")
    sealift.fails("verify", reference, "--key", public)
    env = {"COSIGN_PASSWORD": KEY_PASSWORD}
    assert sealift("sign", reference, "--key", key, "--channel", "prod", env=env).out.strip() == digest
    assert sealift("verify", reference, "--key", public).out.strip() == digest
    wrong = sealift.fails("sign", reference, "--key", key, env={"COSIGN_PASSWORD": "wrong"})
    assert "the password is wrong" in wrong.err
    missing = sealift.fails("sign", reference, "--key", key).err
    assert f"{key} is encrypted, and no password was given; give it with --password-file FILE or in COSIGN_PASSWORD" in missing


def test_a_tag_that_is_not_there(sealift: Sealift, reference: str, key: Path, tmp_path: Path) -> None:
    public, other = key.with_suffix(".pub"), reference.replace(":prod", ":{}")
    signer = {"env": {"COSIGN_PASSWORD": KEY_PASSWORD}}
    for words in (
        ["verify", "{}", "--key", public], ["inspect", "{}"], ["pull", "{}", "--output", tmp_path / "pulled"], ["sign", "{}", "--key", key],
        ["approve", "{}", "--key", key, "--yes"], ["copy", "{}", f"oci-layout://{tmp_path}/copy:x"],
        ["rollback", "{}", "--key", key, "--yes"], ["rollback", reference, "--to", "TAG", "--key", key, "--yes"],
    ):  # fmt: skip
        for tag, said in (("production", "; did you mean prod?"), ("nightly", "; there are the tags prod\n")):
            at = [str(word).replace("{}", other.format(tag)).replace("TAG", tag) for word in words]
            failed = sealift.fails(*at, **signer)
            assert f" has no tag {tag}{said}" in failed.err, (at, failed.err)
    gone = "sha256:" + 64 * "0"
    assert "tags" not in sealift.fails("verify", f"{reference[:-5]}@{gone}", "--key", public).err


def test_diff(sealift: Sealift, folder: Path, tmp_path: Path, reference: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    assert sealift("diff", folder, other).out == ""
    assert sealift("diff", folder, reference).code == 0
    (other / "web.yaml").write_text(config_map("web", color="blue") + "---\n" + config_map("new"))
    different = sealift.fails("diff", reference, other)
    assert different.code == 1 and different.err == ""
    assert "-  color: red\n+  color: blue" in different.out
    assert object_file("more") in different.out and object_file("new") in different.out
    listed = sealift.fails("diff", reference, other, "-o", "json")
    assert listed.code == 1
    assert {entry["path"]: entry["change"] for entry in listed.json()} == {
        object_file("more"): "removed", object_file("new"): "added", object_file("web"): "changed",
    }  # fmt: skip
    failed = sealift.fails("diff", folder, tmp_path / "absent")
    assert failed.code == 2 and "absent" in failed.err


def test_diff_of_objects(world: World, folder: Path) -> None:
    assert world.run("diff", "bundle/shop", "sync/shop").out == ""
    assert world.run("diff", "sync/shop", str(world.repo.path)).code == 0
    assert world.sealift.fails(*world.at("diff", "sync/shop", str(folder))).code == 1
    assert world.sealift.fails(*world.at("diff", "sync/nobody", str(folder))).code == 2


def test_apply_an_artifact(sealift: Sealift, tmp_path: Path, reference: str, key: Path) -> None:
    target, public = tmp_path / "target", key.with_suffix(".pub")
    said = sealift("apply", reference, "--key", public, "--directory", target, "--dry-run")
    assert object_file("web") in said.err and not target.exists()
    sealift("apply", reference, "--key", public, "--directory", target)
    assert set(tree(target)) == {object_file("more"), object_file("web")}
    sealift("keygen", "--output-prefix", tmp_path / "other", env={"COSIGN_PASSWORD": ""})
    sealift.fails("apply", reference, "--key", tmp_path / "other.pub", "--directory", tmp_path / "never")
    assert not (tmp_path / "never").exists()


# Objects


def test_get(world: World) -> None:
    everything = world.run("get", "-o", "json").json()
    assert {item["kind"] for item in everything["items"]} == {"Bundle", "Sync", "Hook", "TrustPolicy"}
    assert yaml.safe_load(world.run("get", "all", "-o", "yaml").out)["kind"] == "List"
    names = world.run("get", "all", "-o", "name").out.split()
    assert names == [f"{kind}.sealift.dev/{name}" for kind, name in
                     (("bundle", "shop"), ("sync", "shop"), ("hook", "shop"), ("trustpolicy", "all"))]  # fmt: skip
    for name in names:  # as -o name prints them, they can be asked for
        assert world.run("get", name, "-o", "json").json()["metadata"]["name"] == name.split("/")[1]
    table = world.run("get", "syncs").out.splitlines()
    assert table[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "REVISION", "AGE"]
    assert re.match(r"default +sync\.sealift\.dev/shop +True +applied main@sha1:", table[1])
    wide = world.run("get", "sync", "shop", "-o", "wide").out
    assert "DIGEST" in wide and world.run("get", "sync/shop", "-o", "json").json()["status"]["artifact"]["digest"] in wide
    # A row that would wrap has its STATUS cut, but for -o wide.
    narrow = {"COLUMNS": "100"}
    cut = world.sealift(*world.at("get", "syncs"), env=narrow).out.splitlines()
    assert cut[1].count("…") == 1 and max(map(len, cut)) <= 100 and "applied main@sha1:" in cut[1], cut
    whole = world.run("get", "sync", "shop", "-o", "json").json()["status"]["conditions"]
    message = next(condition["message"] for condition in whole if condition["type"] == "Ready")
    assert message in world.sealift(*world.at("get", "syncs", "-o", "wide"), env=narrow).out
    assert world.run("get", "syncs", "-n", "elsewhere", "-o", "name").out == ""
    absent = world.sealift.fails(*world.at("get", "bundle", "ship"))
    assert absent.code == 1 and "there is shop" in absent.err
    assert re.fullmatch(r"/hook/[0-9a-f]{64}\n", world.run("get", "hook", "shop", "--show-path").out)
    # Secrets are listed, never shown.
    assert "open sesame" not in world.run("get", "secrets", "-o", "yaml").out


def test_events(world: World) -> None:
    wait_for("both events", lambda: {event["reason"] for event in world.daemon.events()} >= {"Applied", "Released"})
    text = world.run("events", "sync", "shop").out
    assert text.splitlines()[0].split() == ["AT", "TYPE", "REASON", "OBJECT", "NOTE"]
    assert "Applied" in text and "Released" not in text
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", text.splitlines()[1])  # to the second
    assert world.run("events", "sync", "shop", "-o", "name").out == "sync.sealift.dev/shop\n"
    assert {event["reason"] for event in world.run("events", "-o", "json").json()} >= {"Applied", "Released"}
    assert yaml.safe_load(world.run("events", "-o", "yaml").out)


def test_floor_reset(world: World, tmp_path: Path) -> None:
    floors = tmp_path / "state/floors"
    before = len([path for path in floors.rglob("*") if path.is_file()])
    assert before >= 1
    world.run("floor", "reset", "--yes", f"oci-layout://{tmp_path}/artifacts", "prod")
    assert len([path for path in floors.rglob("*") if path.is_file()]) < before
    world.sealift.fails(*world.at("floor", "reset", "--yes", f"oci-layout://{tmp_path}/artifacts", "prod"))
    world.run("reconcile", "sync", "shop")


def test_check(world: World) -> None:
    assert "no problem" in world.run("check").err
    world.config.bundle("broken", source={"git": {"url": "https://example.com/x.git"}})
    world.config.sync("orphan", bundleRef={"name": "nobody"}, target={"directory": {"path": "/srv/x"}})
    said = world.sealift.fails(*world.at("check"))
    assert said.code == 1 and "spec.artifact" in said.out and "nobody" in said.out
    report = world.sealift.fails(*world.at("check", "-o", "json")).json()
    assert any("nobody" in problem for problem in report["problems"]) and report["objects"] > 2


def test_check_looks_at_every_secret(sealift: Sealift, config: Config, tmp_path: Path) -> None:
    config.secret("weak", token="short")
    config.hook("weak", provider="github", secretRef={"name": "weak"}, resources=[{"kind": "Sync", "name": "shop"}])
    artifact = {"repository": "oci://registry.example.com/a/b", "tag": "prod"}
    artifact |= {"secretRef": {"name": "login"}, "certSecretRef": {"name": "authority"}}
    config.sync("shop", artifact=artifact, target={"directory": {"path": "/srv/shop"}})
    said = sealift.fails("check", "--config", config.folder, "--state", tmp_path / "state")
    assert said.code == 1
    for words in ("Secret default/login", "Secret default/authority", "at least 16 are needed"):
        assert words in said.out, said.out


def test_create(sealift: Sealift, config: Config, tmp_path: Path, serve: Serve) -> None:
    """From nothing to an applied target with `create` alone."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"web.yaml": config_map("web")})
    sealift("keygen", "--output-prefix", tmp_path / "key", env={"COSIGN_PASSWORD": KEY_PASSWORD})
    places = ["--config", config.folder, "--state", tmp_path / "state"]
    bundle = ["create", "bundle", "shop", "--url", f"file://{repo.path}", "--repository"]
    bundle += [f"oci-layout://{tmp_path}/layout", "--tag", "prod", "--key-secret", "packager"]
    exported = sealift(*bundle, "--export")
    assert yaml.safe_load(exported.out)["spec"]["artifact"]["tags"] == ["prod"] and not list(config.folder.iterdir())
    keys = ["--from-file", f"cosign.key={tmp_path}/key.key", "--from-literal", f"cosign.password={KEY_PASSWORD}"]
    target = ["--bundle", "shop", "--directory", tmp_path / "target"]
    for words in (
        ["create", "secret", "packager", *keys],
        bundle,
        ["create", "hook", "github", "--resource", "bundle/shop"],
        ["create", "policy", "prod", "--match", "**", "--key", tmp_path / "key.pub", "--channel", "prod"],
        ["create", "sync", "shop", *target, "--key", tmp_path / "key.pub"],
    ):
        sealift(*words, *places)
    sealift("check", *places)
    assert "there" not in sealift("get", "all", *places).err
    daemon = serve()
    applied(daemon, released(daemon, repo.head)["digest"])
    daemon.wait_ready_of("Hook", "github")
    repo.commit({"web.yaml": config_map("web", color="blue")})
    assert "delivered" in sealift("trigger", "github", "--to", daemon.hook_url, *places).err
    released(daemon, repo.head)


def test_exported_objects_can_be_applied(sealift: Sealift, config: Config, tmp_path: Path) -> None:
    places = ["--config", config.folder, "--state", tmp_path / "state"]
    words = ["create", "bundle", "shop", "--url", "https://git.example.com/x.git", "--repository"]
    exported = sealift(*words, "oci://registry.example.com/x", "--tag", "prod", "--key-secret", "k", "--export").out
    (tmp_path / "all.yaml").write_text(exported + "---\n" + exported.replace("name: shop", "name: second"))
    sealift("apply", "-f", tmp_path / "all.yaml", *places)
    assert len(sealift("get", "bundles", "-o", "json", *places).json()["items"]) == 2
    (tmp_path / "all.yaml").write_text(exported.replace("shop", "third") + "---\n" + exported.replace("url:", "uri:"))
    refused = sealift.fails("apply", "-f", tmp_path / "all.yaml", *places)
    assert "all.yaml:" in refused.err and "uri" in refused.err
    assert len(sealift("get", "bundles", "-o", "json", *places).json()["items"]) == 2
    sealift("delete", "bundle", "second", *places)
    assert sealift("get", "bundles", "-o", "name", *places).out == "bundle.sealift.dev/shop\n"


def test_export_leaves_out_defaults_in_lists(sealift: Sealift, config: Config, tmp_path: Path) -> None:
    sealift("keygen", "--output-prefix", tmp_path / "key", env={"COSIGN_PASSWORD": ""})
    keys = [{"name": "key", "pem": (tmp_path / "key.pub").read_text()}]
    entry = {"name": "gate", "threshold": 1, "attests": True, "approves": False, "anyRepository": False, "keys": keys}
    policy = {"apiVersion": "sealift.dev/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "prod"}}
    policy["spec"] = {"match": {"repositories": ["**"]}, "require": [entry]}
    (config.folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    exported = sealift("export", "policy", "prod", "--config", config.folder, "--state", tmp_path / "state").out
    assert yaml.safe_load(exported)["spec"]["require"] == [{"name": "gate", "attests": True, "keys": keys}]


def test_suspend_shows(world: World) -> None:
    said = world.run("suspend", "bundle", "shop", "-o", "json")
    assert said.json()["spec"]["suspend"] is True
    assert world.run("get", "bundle", "shop", "-o", "json").json()["spec"]["suspend"] is True
    refused = world.sealift.fails(*world.at("reconcile", "bundle", "shop"))
    assert "sealift resume" in refused.err
    assert world.run("resume", "bundle", "shop", "-o", "name").out == "bundle.sealift.dev/shop\n"
    assert world.run("reconcile", "bundle", "shop", "-o", "json").json()["status"]["conditions"]
    world.run("reconcile", "bundle", "shop")
    assert world.sealift.fails(*world.at("suspend", "hook", "shop")).code == 1
    assert "nothing to wait for" in world.sealift.fails(*world.at("reconcile", "hook", "shop")).err
    assert "say -n default" in world.sealift.fails(*world.at("get", "sync", "shop", "-n", "empty")).err
    assert "another with -n" in world.sealift.fails(*world.at("get", "sync", "ship", "-n", "empty")).err


@pytest.mark.quick
def test_reference_is_the_committed_one(sealift: Sealift) -> None:
    assert sealift("reference").out == (CHECKOUT / "docs/api.md").read_text()


def documented_commands(text: str) -> list[str]:
    """What follows `sealift` in commands, each on one line and without what it is piped into."""
    text = re.sub(r"\\\n\s*", " ", text)
    found = re.findall(r"(?:^|`|\$\(|&& )(?:kubectl )?sealift ([a-z][^\n`#]*)", text, re.M)
    return [re.split(r" (?:\||&&|>) ", line)[0] for line in found]


def test_documents_name_options_that_there_are(sealift: Sealift) -> None:
    helps = {" ".join(command): sealift(*command, "--help").out for command in commands(sealift)}
    seen = 0
    for document in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]:
        for line in documented_commands(document.read_text()):
            words = line.split()
            names = [name for name in (" ".join(words[:2]), words[0]) if name in helps]
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line) if names else []:
                seen += 1
                assert re.search(rf"{option}(?![\w-])", helps[names[0]]), f"{document.name}: sealift {line}"
    assert seen > 100


# Terminals


def in_terminal(sealift: Sealift, *words: Any, **env: str) -> str:
    """Output of the command on a terminal of its own."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        sealift.words(*words), env={**sealift.env, "TERM": "xterm", **env},
        stdin=follower, stdout=follower, stderr=follower, cwd=sealift.home,
    )  # fmt: skip
    os.close(follower)
    said = b""
    try:
        while select.select([leader], [], [], 20)[0]:
            piece = os.read(leader, 65536)
            if not piece:
                break
            said += piece
    except OSError:
        pass  # the other end closed
    finally:
        os.close(leader)
    assert process.wait(20) == 0, said.decode()
    return said.decode()


def test_color_and_progress(world: World, sealift: Sealift, reference: str, key: Path, tmp_path: Path) -> None:
    """Colour and progress on a terminal only; NO_COLOR and --quiet are heard."""
    verify = ["verify", reference, "--key", key.with_suffix(".pub")]
    assert "►" in in_terminal(sealift, *verify) and ESCAPE in in_terminal(sealift, *verify)
    assert ESCAPE not in in_terminal(sealift, *verify, NO_COLOR="1")
    assert in_terminal(sealift, *verify, "--quiet").startswith("sha256:")
    piped = sealift(*verify)
    assert "►" not in piped.err and ESCAPE not in piped.err + piped.out
    assert sealift(*verify, "-q").err == ""
    table = world.at("get", "syncs")
    assert ESCAPE in in_terminal(sealift, *table) and ESCAPE not in sealift(*table).out


def test_full_disk_behind_stdout(sealift: Sealift) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(sealift.words("help"), stdout=full, stderr=subprocess.PIPE, env=sealift.env)
    assert done.returncode == 1 and b"No space left" in done.stderr
    with open("/dev/full", "w") as full:
        done = subprocess.run(sealift.words("version"), stdout=full, stderr=subprocess.PIPE, env=sealift.env)
    assert done.returncode == 1 and b"No space left" in done.stderr


def test_serve_refuses_what_cannot_work(sealift: Sealift, config: Config, tmp_path: Path, serve: Serve) -> None:
    places = ["--config", config.folder, "--state", tmp_path / "state"]
    assert "HOST:PORT" in sealift.fails("serve", *places, "--listen", "8080").err
    daemon = serve()
    taken = sealift.fails("serve", *places, "--listen", f"127.0.0.1:{daemon.hook_port}", "--health-listen", "127.0.0.1:0")
    assert taken.code == 1 and "--listen" in taken.err and "in use" in taken.err


def test_two_processes_share_a_state(world: World, serve: Serve) -> None:
    """The second waits for the leases, and goes on when the first is killed."""
    second = serve()
    assert not second.lines(msg="packager holds its lease")
    world.daemon.kill()
    for role in ("packager", "controller"):
        second.wait_line(msg=f"{role} holds its lease")
    commit = world.repo.commit({"web.yaml": config_map("web", color="blue")})
    world.run("reconcile", "bundle", "shop")
    applied(second, released(second, commit)["digest"])


def test_create_secret_leaves_out_the_line_break_of_a_password(sealift: Sealift, tmp_path: Path) -> None:
    for name, text in (("word", "s3cret\n"), ("pem", "a key\n"), ("lines", "a\nb\n")):
        (tmp_path / name).write_text(text)
    words = ("--from-file", f"password={tmp_path}/word", "--from-file", f"ca.crt={tmp_path}/pem")
    made = sealift("create", "secret", "login", *words, "--from-file", f"token={tmp_path}/lines", "--export")
    data = {key: base64.b64decode(value) for key, value in yaml.safe_load(made.out)["data"].items()}
    assert data == {"password": b"s3cret", "ca.crt": b"a key\n", "token": b"a\nb\n"}
    assert "word ends in a line break" in made.err and "s3cret" not in made.err


def test_push_publishes_no_credentials_of_the_source(sealift: Sealift, folder: Path, key: Path, tmp_path: Path) -> None:
    layout = tmp_path / "published"
    words = ("--key", key, "--source", "https://ada:hunter2@git.example.com/acme/config.git")
    words += ("--revision", "main@sha1:" + "1" * 40)
    sealift("push", folder, f"oci-layout://{layout}:prod", *words, env={"COSIGN_PASSWORD": KEY_PASSWORD})
    blobs = [path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()]
    payloads = [json.loads(blob)["dsseEnvelope"]["payload"] for blob in blobs if b"dsseEnvelope" in blob]
    texts = blobs + [base64.b64decode(payload) for payload in payloads]
    assert not any(b"hunter2" in text for text in texts)
    assert any(b"git+https://git.example.com/acme/config.git@refs/heads/main" in text for text in texts)


def test_what_is_printed_of_a_layout_can_be_given_back(sealift: Sealift, reference: str) -> None:
    repository = sealift("inspect", reference, "-o", "json").json()["repository"]
    assert repository.startswith("oci-layout:/")
    assert sealift("inspect", f"{repository}:prod", "-o", "json").json()["repository"] == repository


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not Debian")
def test_getting_started_names_the_libraries(sealift: Sealift) -> None:
    dynamic = subprocess.run(["readelf", "-d", sealift.program], capture_output=True, text=True, check=True).stdout
    document = (CHECKOUT / "docs" / "getting-started.md").read_text()
    for library in re.findall(r"NEEDED.*\[(lib[^]]+)\]", dynamic):
        found = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True).stdout
        packages = [line.split(":")[0] for line in found.splitlines()]
        if not any(re.match(r"libc6$|libgcc-s1$|lib(a|ub|t)san|gcc", package) for package in packages):
            assert any(package in document for package in packages), f"{library} is in {packages}, which a host needs"
