"""A release statement that ends (`notAfter`): who writes it, and that the packager is in time with the next one."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from parts.journey import KEY_PASSWORD, Journey, config_map, released
from parts.notation import Notation
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from test_bundle import git_repository

RELEASE = "https://sealift.dev/release/v1"
Serve = Callable[..., Daemon]


def releases(layout: Path) -> list[Any]:
    """What the release statements in a layout say, the oldest first."""
    found = []
    for path in (layout / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        if b"dsseEnvelope" not in data[:1_000_000] or not data.startswith(b"{"):
            continue
        statement = json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
        if statement["predicateType"] == RELEASE:
            found.append(statement["predicate"])
    return sorted(found, key=lambda release: int(release["sequence"]))


def lasts(release: Any) -> Optional[timedelta]:
    issued, end = (datetime.fromisoformat(release.get(name, release["issuedAt"])[:19]) for name in ("issuedAt", "notAfter"))
    return end - issued if "notAfter" in release else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "src"
    made.mkdir()
    (made / "web.yaml").write_text(config_map("web"))
    return made


def test_push_and_sign(sealift: Sealift, tmp_path: Path, folder: Path) -> None:
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    layout, key = tmp_path / "layout", ("--key", tmp_path / "key.key")
    reference = f"oci-layout://{layout}:prod"
    sealift("push", folder, reference, *key, "--sequence", "1", "--expiry", "48h")
    sealift("sign", reference, *key, "--channel", "prod", "--sequence", "2", "--expiry", "90m")
    sealift("sign", reference, *key, "--channel", "prod", "--sequence", "3")
    assert [lasts(release) for release in releases(layout)] == [timedelta(hours=48), timedelta(minutes=90), None]
    sealift("verify", reference, "--key", tmp_path / "key.pub")


def test_nothing_that_could_end(sealift: Sealift, tmp_path: Path, folder: Path) -> None:
    """No statement is made, so none can end: said before anything is written."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    reference = f"oci-layout://{tmp_path / 'layout'}:prod"
    told = sealift.fails("push", folder, reference, "--unsigned", "--expiry", "1h").err
    assert "--expiry" in told and "--unsigned" in told and not (tmp_path / "layout").exists()
    sealift("push", folder, reference, "--unsigned")
    told = sealift.fails("sign", reference, "--key", tmp_path / "key.key", "--expiry", "1h").err
    assert "--channel" in told and "--notation" in told
    assert releases(tmp_path / "layout") == []


def age(state: Path, seconds: int, *path: str) -> None:
    """As if the last statement (or what stands at `path` of the artifact's status) had been made so long ago."""
    *parents, name = path or ("renewedAt",)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
    found = [path for path in state.rglob("*") if path.is_file() and b'"renewedAt"' in path.read_bytes()]
    assert found, os.listdir(state)
    for path in found:
        value = json.loads(path.read_text())
        place = (value.get("status") or value)["artifact"]
        for parent in parents:
            place = place[parent]
        place[name] = when
        path.write_text(json.dumps(value))


def test_packager(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """It makes the next one when half is over, not before, whatever artifact.renew says."""
    journey = Journey(sealift, config, tmp_path)
    layout = tmp_path / "layout"
    commit = git_repository(tmp_path / "repo", {b"web.yaml": config_map("web")})
    sign = {"secretRef": {"name": "packager-key"}, "expiry": "2h"}
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{layout}", sign=sign)
    daemon = serve(roles="packager")
    first = released(daemon, commit)
    (release,) = releases(layout)
    assert lasts(release) == timedelta(hours=2)
    daemon.stop()
    for minutes, renewed in ((50, False), (61, True)):
        age(tmp_path / "state", 60 * minutes)
        with Daemon(sealift, config.folder, tmp_path / "state", roles="packager") as again:
            journey.run("reconcile", "bundle", "shop")
            artifact = again.status("Bundle", "shop")["artifact"]
        assert artifact["digest"] == first["digest"]
        assert (artifact["sequence"] > first["sequence"]) == renewed, minutes
    # It does not wait for the interval.
    age(tmp_path / "state", 3600 - 3)
    with Daemon(sealift, config.folder, tmp_path / "state", roles="packager") as again:
        before = int(artifact["sequence"])
        status = again.wait_status("Bundle", "shop", lambda status: status["artifact"]["sequence"] > before, "the next one")
    newest = releases(layout)[-1]
    assert newest["sequence"] == status["artifact"]["sequence"] and lasts(newest) == timedelta(hours=2)


def test_rollback(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """Its statement ends as those of the Bundle do, or as --expiry says."""
    journey = Journey(sealift, config, tmp_path)
    layout = tmp_path / "layout"
    repository = tmp_path / "repo"
    first = git_repository(repository, {b"web.yaml": config_map("web")})
    sign = {"secretRef": {"name": "packager-key"}, "expiry": "2h"}
    journey.bundle(f"file://{repository}", f"oci-layout://{layout}", sign=sign)
    daemon = serve(roles="packager")
    back = released(daemon, first)["digest"]
    (repository / "web.yaml").write_text(config_map("web", color="blue"))
    git = ("git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run([*git, "commit", "-qam", "blue"], check=True)
    journey.run("reconcile", "bundle", "shop")
    assert daemon.status("Bundle", "shop")["artifact"]["digest"] != back
    daemon.stop()
    key = ("--key", journey.private, "--yes")
    sealift(*journey.at("rollback", "bundle/shop", *key), env={"COSIGN_PASSWORD": KEY_PASSWORD})
    assert lasts(releases(layout)[-1]) == timedelta(hours=2) and "supersedes" in releases(layout)[-1]
    sealift("rollback", f"oci-layout://{layout}:prod", *key, "--expiry", "90m", env={"COSIGN_PASSWORD": KEY_PASSWORD})
    assert lasts(releases(layout)[-1]) == timedelta(minutes=90)


def test_notation_signature(sealift: Sealift, config: Config, serve: Serve, tmp_path: Path) -> None:
    """A Notation signature is renewed in time, too, however long the interval is."""
    journey, notation = Journey(sealift, config, tmp_path), Notation(tmp_path / "notation")
    signer = notation.signer()
    config.secret("release", tls__crt=signer.chain, tls__key=signer.key)
    sign = {
        "secretRef": {"name": "packager-key"},
        "notation": {"secretRef": {"name": "release"}, "expiry": "2h"},
    }
    commit = git_repository(tmp_path / "repo", {b"web.yaml": config_map("web")})
    journey.bundle(f"file://{tmp_path}/repo", f"oci-layout://{tmp_path / 'layout'}", sign=sign, interval="24h")
    daemon = serve(roles="packager")
    released(daemon, commit)
    daemon.stop()
    age(tmp_path / "state", 3600 - 3, "notation", "signedAt")
    with Daemon(sealift, config.folder, tmp_path / "state", roles="packager") as again:
        before = again.status("Bundle", "shop")["artifact"]["notation"]["signature"]
        again.wait_status(
            "Bundle", "shop", lambda status: status["artifact"]["notation"]["signature"] != before, "the next one"
        )
