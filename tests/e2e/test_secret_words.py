"""A Secret that is missing, or lacks a key: the sentence names object, field, Secret and keys, and its command works as
it is printed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterable

from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, Journey, config_map
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

MISSING = re.compile(
    r"there is no Secret (?P<secret>\S+), from which (?P<field>\S+) of (?P<object>\w+ \S+) takes (?P<keys>[^;]+); "
    r"create it: (?P<command>sealift create secret .*?)(?: \([^()]*\))?$"
)
LACKS = re.compile(
    r"Secret (?P<secret>\S+) has no (?P<keys>.+?)(?:, which|;) (?P<field>\S+) of (?P<object>\w+ \S+) takes .*"
    r"; write it anew, with all that it is to hold: (?P<command>sealift create secret .*?)(?: \([^()]*\))?$"
)


class Desk:
    """Where somebody pastes the commands: the program is in the path, and the files have the names of the sentences."""

    def __init__(self, sealift: Sealift, config: Config, folder: Path) -> None:
        self.folder = folder / "desk"
        self.folder.mkdir()
        (self.folder / "sealift").symlink_to(sealift.program.resolve())
        for name in ("FILE", "ca.crt", "ca.crl", "tls.crt", "tls.key", "cosign.key", "cosign.pub", "trusted_root.json"):
            (self.folder / name).write_text("x\n")
        places = {"SEALIFT_CONFIG": str(config.folder), "SEALIFT_STATE": str(folder / "state")}
        path = f"{self.folder}:{sealift.env['PATH']}"
        self.env = {**sealift.env, **places, "PATH": path, "COSIGN_PASSWORD": KEY_PASSWORD}

    def paste(self, command: str) -> None:
        done = subprocess.run(["sh", "-euc", command], cwd=self.folder, env=self.env, capture_output=True, timeout=30)
        assert done.returncode == 0, (command, done.stderr)


def parsed(pattern: re.Pattern[str], sentences: Iterable[str]) -> dict[tuple[str, str], re.Match[str]]:
    found = filter(None, map(pattern.search, sentences))
    return {(match["object"], match["field"]): match for match in found}


def named(name: str) -> dict[str, Any]:
    return {"secretRef": {"name": name}}


def everything(config: Config) -> dict[tuple[str, str], tuple[str, str]]:
    """Objects that name Secrets everywhere; by object and field the Secret and a key that it needs."""
    repository = "oci://registry.example.com/shop"
    artifact = {
        "repository": repository,
        **named("login"),
        "certSecretRef": {"name": "authority"},
        "proxySecretRef": {"name": "proxy"},
    }
    config.bundle(
        "web",
        source={"git": {"url": "ssh://git@git.example.com/web.git", "ref": {"branch": "main"}, **named("ssh")}},
        artifact={**artifact, "tags": ["prod"]},
        sign={**named("key"), "notation": named("chain")},
        rollback={"keys": [{"name": "ada", **named("ada")}]},
        notify=[{"url": "https://hooks.example.com/x", **named("told")}],
    )
    config.bundle(
        "token",
        source={"git": {"url": "https://git.example.com/web.git", "ref": {"branch": "main"}, **named("git")}},
        artifact={"repository": repository, "tags": ["prod"]},
        sign={"pkcs11": "pkcs11:token=release;object=packager", **named("pin")},
    )
    config.sync(
        "shop",
        artifact={**artifact, "tag": "prod"},
        verify={"keys": [{"name": "packager", **named("public")}]},
        target={"kubeConfig": named("cluster")},
    )
    config.policy(
        "prod",
        require=[{"name": "packager", "attests": True, "keys": [{"name": "one", **named("policy-key")}]}],
        attestations=[{"name": "scan", "type": "https://example.com/scan", "keys": [{"name": "s", **named("scanner")}]}],
        trustedRoot=named("root"),
    )
    config.hook("web", provider="github", **named("hook"), resources=[{"kind": "Bundle", "name": "web"}])
    bundle, token, sync, policy = "Bundle default/web", "Bundle default/token", "Sync default/shop", "TrustPolicy prod"
    return {
        (bundle, "spec.source.git.secretRef"): ("default/ssh", "identity"),
        (token, "spec.source.git.secretRef"): ("default/git", "username"),
        **{(who, "spec.artifact.secretRef"): ("default/login", "password") for who in (bundle, sync)},
        **{(who, "spec.artifact.certSecretRef"): ("default/authority", "ca.crt") for who in (bundle, sync)},
        **{(who, "spec.artifact.proxySecretRef"): ("default/proxy", "address") for who in (bundle, sync)},
        (bundle, "spec.sign.secretRef"): ("default/key", "cosign.key"),
        (token, "spec.sign.secretRef"): ("default/pin", "pkcs11.pin"),
        (bundle, "spec.sign.notation.secretRef"): ("default/chain", "tls.crt"),
        (bundle, "spec.rollback.keys[].secretRef"): ("default/ada", "cosign.pub"),
        (bundle, "spec.notify[].secretRef"): ("default/told", "token"),
        (sync, "spec.verify.keys[].secretRef"): ("default/public", "cosign.pub"),
        (sync, "spec.target.kubeConfig.secretRef"): ("default/cluster", "value"),
        (policy, "spec.require[].keys[].secretRef"): ("sealift-system/policy-key", "cosign.pub"),
        (policy, "spec.attestations[].keys[].secretRef"): ("sealift-system/scanner", "cosign.pub"),
        (policy, "spec.trustedRoot.secretRef"): ("sealift-system/root", "trusted_root.json"),
        ("Hook default/web", "spec.secretRef"): ("default/hook", "token"),
    }


def test_check_names_what_each_secret_is_for(sealift: Sealift, config: Config, tmp_path: Path) -> None:
    desk = Desk(sealift, config, tmp_path)
    expected = everything(config)

    def problems() -> list[str]:
        words = ["check", "-o", "json", "--config", config.folder, "--state", tmp_path / "state"]
        return [str(problem) for problem in sealift.run(*words).json()["problems"]]

    said = problems()
    missing = parsed(MISSING, said)
    assert missing.keys() == expected.keys(), said
    for place, match in missing.items():
        secret, key = expected[place]
        assert match["secret"] == secret and key in match["keys"] and f"{key}=" in match["command"], match[0]
    # Those that hold something else.
    needed = {place: pair for place, pair in expected.items() if place[1] not in ANY}
    for secret, _ in expected.values():
        namespace, name = secret.split("/")
        config.secret(name, namespace, other="x")
    said = problems()
    lacking = parsed(LACKS, said)
    assert lacking.keys() == needed.keys(), said
    for place, match in lacking.items():
        secret, key = needed[place]
        assert match["secret"] == secret and match["keys"].startswith(key), match[0]
        assert match["command"] == missing[place]["command"]
    for match in missing.values():
        desk.paste(match["command"])
    said = problems()
    assert not [problem for problem in said if "Secret" in problem], said


def test_trigger_names_the_secret_of_the_hook(sealift: Sealift, config: Config, tmp_path: Path) -> None:
    desk = Desk(sealift, config, tmp_path)
    config.hook("web", provider="github", **named("hook"), resources=[{"kind": "Bundle", "name": "web"}])

    def said(pattern: re.Pattern[str]) -> re.Match[str]:
        words = ["trigger", "web", "--to", "http://127.0.0.1:1", "--config", config.folder, "--state", tmp_path / "state"]
        failed = sealift.fails(*words).err
        [(place, match)] = parsed(pattern, [failed]).items() or [(failed, None)]
        assert match and place == ("Hook default/web", "spec.secretRef") and match["secret"] == "default/hook", failed
        return match

    missing = said(MISSING)
    config.secret("hook", other="x")
    assert said(LACKS)["command"] == missing["command"]
    desk.paste(missing["command"])
    failed = sealift.fails("trigger", "web", "--to", "http://127.0.0.1:1", env=desk.env).err
    assert "the receiver that --to names" in failed, failed


POLICY_KEY = "sealift-system/policy-key"
# Of these one of several keys is enough, and `check` does not ask which.
ANY = ("spec.source.git.secretRef", "spec.artifact.secretRef", "spec.artifact.certSecretRef",
       "spec.target.kubeConfig.secretRef")  # fmt: skip


def test_conditions_name_what_each_secret_is_for(
    sealift: Sealift, config: Config, tmp_path: Path, serve: Callable[..., Daemon]
) -> None:
    desk = Desk(sealift, config, tmp_path)
    journey = Journey(sealift, config, tmp_path)
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"web.yaml": config_map("web")})
    url, layout = f"file://{repo.path}", f"oci-layout://{tmp_path}/layout"
    journey.bundle(url, layout)
    bundles: dict[str, dict[str, Any]] = {
        "git": {"source": {"git": named("git")}},
        "login": {"artifact": named("login")},
        "authority": {"artifact": {"certSecretRef": {"name": "authority"}}},
        "proxy": {"artifact": {"proxySecretRef": {"name": "proxy"}}},
        "key": {"sign": named("key")},
        "chain": {"sign": {"notation": named("chain")}},
    }
    for name, spec in bundles.items():
        journey.bundle(url, layout, name, **{**spec, "artifact": {"tags": [name], **spec.get("artifact", {})}})
    journey.bundle(url, layout, "told", artifact={"tags": ["told"]},
                   notify=[{"url": "http://127.0.0.1:9/x", **named("told")}])  # fmt: skip
    syncs: dict[str, dict[str, Any]] = {
        "public": {"verify": {"keys": [{"name": "packager", **named("public")}]}},
        "pull": {"artifact": {"repository": layout, "tag": "prod", **named("pull")}},
    }
    for name, spec in syncs.items():
        journey.sync(name, target=tmp_path / name, **spec)
    config.policy("prod", require=[{"name": "p", "attests": True, "keys": [{"name": "one", **named("policy-key")}]}])
    daemon = serve()
    cases = [("Bundle", name, f"default/{name}") for name in bundles] + [("Sync", "pull", "default/pull")]
    cases += [("Sync", "public", POLICY_KEY), ("TrustPolicy", "prod", POLICY_KEY)]

    def message(kind: str, name: str) -> str:
        conditions = journey.run("get", kind, name, "-o", "json").json().get("status", {}).get("conditions", [])
        condition = next(one for one in [*conditions, {"type": "Ready"}] if one["type"] == "Ready")
        return f"{condition.get('reason')}: {condition.get('message')}"

    def missing(kind: str, name: str, secret: str) -> re.Match[str]:
        match = MISSING.search(message(kind, name))
        assert match and match["secret"] == secret, message(kind, name)
        return match

    said = [wait_for(f"{kind} {name}", lambda: missing(kind, name, secret)) for kind, name, secret in cases]
    for (kind, name, secret), match in zip(cases, said):
        owner = "TrustPolicy prod" if secret == POLICY_KEY else f"{kind} default/{name}"
        assert match["object"] == owner and match["field"].endswith("ecretRef"), match[0]
        assert match.string.startswith("SecretNotUsable: "), match.string
    for name in bundles:
        config.secret(name, other="x")
        lacks = "names no proxy" if name == "proxy" else LACKS.pattern
        wait_for(f"{name} again", lambda: re.search(lacks, message("Bundle", name)))
    for match in said:
        desk.paste(match["command"])
    # What there is now is no key and no login, and that is another sentence.
    for kind, name, _ in cases:
        wait_for(f"{name} to go on", lambda: not re.search("there is no Secret|Secret .* has no ", message(kind, name)))
    notes = [event["note"] for event in daemon.events() if event["reason"] == "NotifyFailed"]
    [told] = parsed(MISSING, notes).values()
    assert told["secret"] == "default/told" and told["command"].endswith("--from-file token=FILE"), told[0]
