"""Other projects' clients read what sealift writes, and sealift what they write: Flux's artifact client, oras-go, regctl,
helm."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from parts.cosign import Cosign
from parts.gitea import Gitea
from parts.journey import applied
from parts.line import Line
from parts.need import need_part, need_program
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.wait import wait_for

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {greeting: hello}\n"


def client(
    *words: object, program: str = "clients", part: str = "clients", home: Path = Path("/nonexistent")
) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_CONFIG": str(home)}
    done = subprocess.run([need_part(part, program), *map(str, words)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{program} {words}: {done.stderr}"
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG_MAP)
    return path


@pytest.fixture
def pushed(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> str:
    """Signed; its digest."""
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "key")
    ref = registry.oci(f"{repository}:prod")
    return str(sealift("push", folder, ref, "--key", tmp_path / "key.key", "-o", "json").json()["digest"])


def test_flux_pulls_ours(pushed: str, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    out = tmp_path / "flux"
    assert pushed in client("flux-pull", registry.repository(f"{repository}:prod"), out)
    assert "greeting: hello" in (out / "shop/ConfigMap/shop.yaml").read_text()


def test_we_pull_what_flux_pushes(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    digest = client("flux-push", folder, registry.repository(f"{repository}:flux"))
    ref = registry.oci(f"{repository}:flux")
    described = sealift("inspect", ref, "-o", "json").json()
    assert described["digest"] == digest and described["files"] == ["config.yaml"]
    sealift("pull", ref, "--output", tmp_path / "out")
    assert (tmp_path / "out" / "config.yaml").read_text() == CONFIG_MAP


def test_argo_s_format(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    """What Argo CD asks of an artifact: one layer, of a type that it takes by default. Flux and sealift read it, too."""
    digest = sealift("push", folder, registry.oci(f"{repository}:argo"), "--unsigned", "--format", "Argo").out.strip()
    manifest = registry.manifest(repository, "argo")
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar+gzip"]
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["artifactType"] == "application/vnd.dev.sealift.bundle.v1"
    assert digest in client("flux-pull", registry.repository(f"{repository}:argo"), tmp_path / "flux")
    sealift("pull", registry.oci(f"{repository}:argo"), "--output", tmp_path / "ours")
    for out in ("flux", "ours"):
        assert "greeting: hello" in (tmp_path / out / "shop/ConfigMap/shop.yaml").read_text()
    words = ("push", folder, registry.oci(f"{repository}:flux"), "--unsigned", "--format", "Flux")
    assert sealift(*words).out.strip() != digest
    assert registry.manifest(repository, "flux")["layers"][0]["digest"] == manifest["layers"][0]["digest"]


def test_a_bundle_changes_its_format(line: Line, serve: Callable[..., Daemon]) -> None:
    """The same files under other media types are another artifact, which is released, applied and kept."""
    line.start(serve)
    first = line.daemon.status("Bundle", "shop")["artifact"]
    line.journey.bundle(line.url, line.repository, artifact={"format": "Argo"})
    argo = wait_for("the Bundle in the other format", lambda: other_than(line, first["digest"]))
    assert argo["sequence"] > first["sequence"]
    applied(line.daemon, argo["digest"])
    described = line.journey.sealift("inspect", f"{line.repository}@{argo['digest']}", "-o", "json").json()
    assert described["type"] == "application/vnd.dev.sealift.bundle.v1"
    line.journey.run("reconcile", "bundle", "shop")
    assert line.daemon.status("Bundle", "shop")["artifact"]["digest"] == argo["digest"]
    line.goes_on("blue")


def other_than(line: Line, digest: str) -> Any:
    found = line.daemon.status("Bundle", "shop")["artifact"]
    return found if found["digest"] != digest else None


def test_we_pull_what_oras_pushes(
    sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str
) -> None:
    digest = client("oras-push", folder, registry.repository(f"{repository}:oras"))
    ref = registry.oci(f"{repository}:oras")
    described = sealift("inspect", ref, "-o", "json").json()
    assert described["digest"] == digest and described["type"] == "application/vnd.example.config"
    sealift("pull", ref, "--output", tmp_path / "out")
    assert (tmp_path / "out" / "manifests" / "config.yaml").read_text() == CONFIG_MAP


@pytest.mark.parametrize("signed", [False, True], ids=["chart", "with its provenance file"])
def test_we_read_what_helm_pushes(
    sealift: Sealift, cosign: Cosign, tmp_path: Path, registry: OciRegistry, repository: str, signed: bool
) -> None:
    """A chart in a registry is an artifact as any: it is shown, unpacked, copied, and judged by who signed it."""
    helm = functools.partial(client, program="helm", part="helm", home=tmp_path)
    helm("create", tmp_path / "shop")
    helm("package", tmp_path / "shop", "--version", "1.2.3+build", "--destination", tmp_path)
    package = next(tmp_path.glob("shop-1.2.3*.tgz"))
    if signed:
        # helm looks for the file, and leaves its signature to whoever pulls.
        package.with_name(package.name + ".prov").write_text("-----BEGIN PGP SIGNED MESSAGE-----\n")
    helm("push", package, registry.oci(repository), "--plain-http")
    chart, tag = f"{repository}/shop", "1.2.3_build"
    digest = registry.digest(chart, tag)
    assert digest and len(registry.manifest(chart, tag)["layers"]) == 1 + signed
    described = sealift("inspect", registry.oci(f"{chart}:{tag}"), "-o", "json").json()
    assert described["digest"] == digest and described["type"] == "application/vnd.cncf.helm.config.v1+json"
    assert "shop/Chart.yaml" in described["files"]
    sealift("pull", registry.oci(f"{chart}:{tag}"), "--output", tmp_path / "out")
    assert "version: 1.2.3+build" in (tmp_path / "out/shop/Chart.yaml").read_text()
    cosign.sign(registry.repository(f"{chart}@{digest}"), cosign.key().private)
    sealift("copy", registry.oci(f"{chart}:{tag}"), f"oci-layout://{tmp_path / 'layout'}")
    place = ("--identity", registry.repository(chart), "--no-attest")
    copied = f"oci-layout://{tmp_path / 'layout'}:{tag}"
    assert sealift("verify", copied, "--key", cosign.key().public, *place).out.strip() == digest
    sealift.fails("verify", copied, "--key", cosign.key("other").public, *place)


def test_oras_copies_ours_with_its_signatures(
    sealift: Sealift, pushed: str, tmp_path: Path, registry: OciRegistry, repository: str
) -> None:
    """oras follows referrers (not .sig tags), and the copy verifies as a mirror of the original."""
    copied = f"oras/{repository}"
    assert client("oras-copy", registry.repository(f"{repository}:prod"), registry.repository(f"{copied}:prod")) == pushed
    ours = {entry["digest"] for entry in registry.referrers(repository, pushed)}
    assert {entry["digest"] for entry in registry.referrers(copied, pushed)} == ours and len(ours) >= 2


def test_regctl_reads_ours(pushed: str, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    home = tmp_path / "regctl"
    home.mkdir()
    settings = {"hosts": {registry.host: {"tls": "disabled"}}}
    (home / ".regctl").mkdir()
    (home / ".regctl" / "config.json").write_text(json.dumps(settings))
    reference = registry.repository(f"{repository}:prod")
    assert client("image", "digest", reference, program="regctl", home=home) == pushed
    listed = json.loads(client("artifact", "list", reference, "--format", "{{json .}}", program="regctl", home=home))
    found = {entry["digest"] for entry in listed.get("descriptors", listed.get("Descriptors", []))}
    assert found == {entry["digest"] for entry in registry.referrers(repository, pushed)}


def test_regctl_copies_our_layout(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    """The layout on disk, read by yet another implementation."""
    home = tmp_path / "regctl"
    (home / ".regctl").mkdir(parents=True)
    (home / ".regctl" / "config.json").write_text(json.dumps({"hosts": {registry.host: {"tls": "disabled"}}}))
    answer = sealift("push", folder, f"oci-layout://{tmp_path / 'layout'}:prod", "--unsigned", "-o", "json").json()
    target = registry.repository(f"{repository}:prod")
    client("image", "copy", f"ocidir://{tmp_path / 'layout'}:prod", target, program="regctl", home=home)
    assert registry.digest(repository, "prod") == answer["digest"]


def by_name(gitea: Gitea) -> str:
    """Google's client asks no token server whose address is given as this machine's number."""
    return f"localhost:{gitea.port}"


@pytest.fixture
def forge_login(gitea: Gitea, cosign: Cosign, tmp_path: Path) -> Path:
    """A home folder in which every client finds the login of the forge."""
    home = tmp_path / "home"
    (home / ".regctl").mkdir(parents=True)
    host = by_name(gitea)
    auth = base64.b64encode(f"{gitea.user}:{gitea.password}".encode()).decode()
    for path in (home / "config.json", Path(cosign.env["DOCKER_CONFIG"]) / "config.json"):
        path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    regctl = {"hosts": {host: {"tls": "disabled", "user": gitea.user, "pass": gitea.password}}}
    (home / ".regctl" / "config.json").write_text(json.dumps(regctl))
    return home


def test_all_of_them_on_a_forge(
    sealift: Sealift, folder: Path, tmp_path: Path, gitea: Gitea, cosign: Cosign, forge_login: Path
) -> None:
    """Gitea's registry: Bearer tokens, no referrers API. Everybody reads ours, we read what everybody pushes."""
    host = by_name(gitea)
    name = f"{host}/{gitea.user}/clients"
    login = ("--docker-config", forge_login / "config.json")
    run = functools.partial(client, home=forge_login)
    key = cosign.key()
    digest = sealift(
        "push", folder, f"oci://{name}:prod", "--key", key.private, *login, "-o", "json", env={"COSIGN_PASSWORD": ""}
    ).json()["digest"]
    assert digest in run("flux-pull", f"{name}:prod", tmp_path / "flux")
    assert run("oras-copy", f"{name}:prod", f"{name}:oras-copy") == digest
    assert run("digest", f"{name}:prod", program="crane", part="crane") == digest
    assert run("image", "digest", f"{name}:prod", program="regctl") == digest
    skopeo = [need_program("skopeo", "skopeo"), "--insecure-policy", "copy", "-q", "--src-tls-verify=false"]
    words = (f"--src-authfile={forge_login / 'config.json'}", f"docker://{name}:prod", f"oci:{tmp_path / 'skopeo'}:prod")
    subprocess.run([*skopeo, *words], check=True, capture_output=True)
    for old in (False, True):
        cosign.verify(f"{name}@{digest}", key.public, old)
        cosign.sign(f"{name}@{digest}", cosign.key(f"theirs-{old}").private, old)
        sealift("verify", f"oci://{name}:prod", "--key", cosign.key(f"theirs-{old}").public, "--no-attest", *login)
    pushed = {"flux": run("flux-push", folder, f"{name}:flux"), "oras": run("oras-push", folder, f"{name}:oras")}
    for tag, theirs in pushed.items():
        sealift("pull", f"oci://{name}:{tag}", "--output", tmp_path / tag, *login)
        assert sealift("inspect", f"oci://{name}:{tag}", "-o", "json", *login).json()["digest"] == theirs
    helm = functools.partial(run, program="helm", part="helm")
    helm("create", tmp_path / "chart")
    helm("package", tmp_path / "chart", "--destination", tmp_path)
    config = ("--registry-config", forge_login / "config.json", "--plain-http")
    helm("push", next(tmp_path.glob("chart-*.tgz")), f"oci://{host}/{gitea.user}", *config)
    sealift("pull", f"oci://{host}/{gitea.user}/chart:0.1.0", "--output", tmp_path / "pulled", *login)
    assert (tmp_path / "pulled/chart/Chart.yaml").exists()
