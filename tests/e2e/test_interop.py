"""Other people's clients read what we write: crane and skopeo, from a registry and from a layout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from parts.crane import Crane
from parts.journey import KEY_PASSWORD, config_map, make_key, object_file, tree
from parts.need import need_program
from parts.oci_registry import OciRegistry
from parts.sealift import Sealift


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    for name in ("web", "api", "n" * 240):  # the last needs a shortened name
        (made / f"{name[:20]}.yaml").write_text(config_map(name, "shop", color="red"))
    return made


def push(sealift: Sealift, folder: Path, tmp_path: Path, reference: str) -> str:
    private, _ = make_key(sealift, tmp_path / "key")
    words = ("--key", private, "--source", "https://git.example.com/acme/config.git")
    words += ("--revision", "main@sha1:" + "1" * 40, "--path", ".", "--created", "2026-01-31T12:00:00Z")
    return sealift("push", folder, reference, *words, env={"COSIGN_PASSWORD": KEY_PASSWORD}).out.strip()


def skopeo(*words: object) -> str:
    program = need_program("skopeo", "skopeo")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"skopeo {words}: {done.stderr}"
    return done.stdout


def test_crane(
    sealift: Sealift, registry: OciRegistry, repository: str, crane: Crane, folder: Path, tmp_path: Path
) -> None:
    digest = push(sealift, folder, tmp_path, registry.oci(f"{repository}:prod"))
    reference = registry.repository(f"{repository}@{digest}")
    assert crane.digest(registry.repository(f"{repository}:prod")) == digest
    manifest = json.loads(crane.manifest(reference))
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.flux.config.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.cncf.flux.content.v1.tar+gzip"]
    assert manifest["annotations"]["org.opencontainers.image.created"] == "2026-01-31T12:00:00Z"
    assert manifest["annotations"]["org.opencontainers.image.revision"] == "main@sha1:" + "1" * 40
    crane.run("validate", "--remote", reference)
    crane.run("pull", "--format", "oci", reference, str(tmp_path / "pulled"))
    blob = crane.run("blob", f"{registry.repository(repository)}@{manifest['layers'][0]['digest']}")
    assert blob


def test_files_as_tar_reads_them(sealift: Sealift, folder: Path, tmp_path: Path, docker_registry: OciRegistry, repository: str) -> None:
    """Debian's tar unpacks the layer; owner, times and modes are the fixed ones."""
    push(sealift, folder, tmp_path, docker_registry.oci(f"{repository}:prod"))
    layer = docker_registry.manifest(repository, "prod")["layers"][0]["digest"]
    (tmp_path / "layer.tgz").write_bytes(docker_registry.blob(repository, layer))
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "layer.tgz", "-C", out], check=True)
    sealift("pull", docker_registry.oci(f"{repository}:prod"), "--output", tmp_path / "pulled")
    assert tree(out) == tree(tmp_path / "pulled") and object_file("web", "shop") in tree(out)
    assert {yaml.safe_load(text)["metadata"]["name"] for text in tree(out).values()} == {"web", "api", "n" * 240}
    words = ["tar", "-tvzf", tmp_path / "layer.tgz", "--numeric-owner", "--utc"]
    listed = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    files = [line for line in listed if line.startswith("-")]
    assert len(files) == 3 and all(line.startswith("-rw-r--r-- 0/0") and "1970-01-01 00:00" in line for line in files)


def test_skopeo_between_layout_and_registry(
    sealift: Sealift, registry: OciRegistry, repository: str, folder: Path, tmp_path: Path
) -> None:
    """A layout that we wrote is copied to a registry, and back; the digest stays, and we read both."""
    layout = tmp_path / "layout"
    digest = push(sealift, folder, tmp_path, f"oci-layout://{layout}:prod")
    target = f"docker://{registry.repository(repository)}:prod"
    skopeo("copy", "-q", "--dest-tls-verify=false", "--preserve-digests", f"oci:{layout}:prod", target)
    assert registry.digest(repository, "prod") == digest
    back = tmp_path / "back"
    skopeo("copy", "-q", "--src-tls-verify=false", "--preserve-digests", target, f"oci:{back}:prod")
    for reference in (registry.oci(f"{repository}:prod"), f"oci-layout://{back}:prod"):
        described = sealift("inspect", reference, "-o", "json").json()
        assert described["digest"] == digest and len(described["files"]) == 3
    raw = skopeo("inspect", "--raw", "--tls-verify=false", target)
    assert json.loads(raw) == registry.manifest(repository, "prod")


def test_a_copy_under_another_name_is_refused(
    sealift: Sealift, registry: OciRegistry, repository: str, crane: Crane, folder: Path, tmp_path: Path
) -> None:
    """crane moves an artifact with its .sig tag to another registry path: without the right name it is refused."""
    digest = push(sealift, folder, tmp_path, registry.oci(f"{repository}:prod"))
    public = tmp_path / "key.pub"
    sealift("verify", registry.oci(f"{repository}:prod"), "--key", public)
    elsewhere = f"{repository}-elsewhere"
    for tag in [tag for tag in registry.tags(repository) if tag == "prod" or tag.startswith("sha256-")]:
        crane.copy(registry.repository(f"{repository}:{tag}"), registry.repository(f"{elsewhere}:{tag}"))
    assert registry.digest(elsewhere, "prod") == digest
    refused = sealift.fails("verify", registry.oci(f"{elsewhere}:prod"), "--key", public)
    assert repository in refused.err or "repository" in refused.err or "sign" in refused.err
