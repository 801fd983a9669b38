"""Pushing to and pulling from registries, real ones and one that misbehaves."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Optional

import pytest

from parts.certificates import Authority
from parts.crane import Crane
from parts.faulty_registry import HTML, FaultyRegistry, RegistryFault, Stored
from parts.gitea import Gitea
from parts.line import Line
from parts.need import need_program
from parts.oci_registry import DockerRegistry, OciRegistry, ReferrersRegistry
from parts.sealift import Daemon, Sealift
from parts.token_server import TokenServer

CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: shop}
data: {greeting: hello}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG_MAP)
    return path


def login(tmp_path: Path, host: str, user: str, password: str) -> Path:
    path = tmp_path / f"docker-{user}.json"
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return path


def push(sealift: Sealift, folder: Path, ref: str, *flags: object) -> str:
    """Returns the digest."""
    answer = sealift("push", folder, ref, "--unsigned", "-o", "json", *map(str, flags)).json()
    return str(answer["digest"])


def refused(sealift: Sealift, folder: Path, ref: str, *flags: object) -> str:
    return sealift.fails("push", folder, ref, "--unsigned", *map(str, flags)).err


def test_push_and_pull(sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str) -> None:
    ref = registry.oci(repository) + ":prod"
    digest = push(sealift, folder, ref)
    assert push(sealift, folder, ref) == digest, "the same files must give the same digest"
    assert registry.digest(repository, "prod") == digest
    manifest = registry.manifest(repository, "prod")
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.flux.config.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.cncf.flux.content.v1.tar+gzip"]

    with tarfile.open(fileobj=io.BytesIO(registry.blob(repository, manifest["layers"][0]["digest"]))) as layer:
        for member in layer:
            assert (member.uid, member.gid, member.mtime, member.uname) == (0, 0, 0, "")
            assert member.mode == (0o755 if member.isdir() else 0o644)
        names = [member.name for member in layer if member.isfile()]
    assert names == ["shop/ConfigMap/shop.yaml"]

    out = tmp_path / "out"
    sealift("pull", ref, "--output", out)
    assert "greeting: hello" in (out / names[0]).read_text()


def test_other_clients_read_it(
    sealift: Sealift, folder: Path, tmp_path: Path, registry: OciRegistry, repository: str, crane: Crane
) -> None:
    digest = push(sealift, folder, registry.oci(repository) + ":prod")
    assert crane.digest(registry.repository(repository) + ":prod") == digest
    copy = f"oci:{tmp_path / 'copy'}:prod"
    skopeo = need_program("skopeo", "skopeo")
    source = f"docker://{registry.repository(repository)}:prod"
    subprocess.run([skopeo, "--insecure-policy", "copy", "--src-tls-verify=false", source, copy], check=True)
    assert push(sealift, folder, f"oci-layout://{tmp_path / 'layout'}:prod") == digest
    sealift("inspect", f"oci-layout://{tmp_path / 'copy'}:prod")


@pytest.mark.parametrize("kind", ["docker", "referrers"])
def test_basic_over_tls(
    sealift: Sealift, folder: Path, tmp_path: Path, authority: Authority, stack: ExitStack, kind: str
) -> None:
    certificate = authority.issue("localhost", file=f"registry-{kind}")
    made = DockerRegistry if kind == "docker" else ReferrersRegistry
    registry = stack.enter_context(made(tmp_path / "registry", "ada", "secret", tls=certificate))
    ref = registry.oci("acme/shop") + ":prod"
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    good = login(tmp_path, registry.host, "ada", "secret")
    push(sealift, folder, ref, "--ca-file", ca, "--docker-config", good)

    other = tmp_path / "other-ca.pem"
    other.write_text(Authority(tmp_path / "other").pem)
    assert "not trusted" in refused(sealift, folder, ref, "--ca-file", other, "--docker-config", good)
    assert "no credentials were given" in refused(sealift, folder, ref, "--ca-file", ca)
    wrong = login(tmp_path, registry.host, "eve", "guess")
    said = refused(sealift, folder, ref, "--ca-file", ca, "--docker-config", wrong)
    assert "refused to push acme/shop (401" in said and "check the registry Secret" in said
    assert "guess" not in said


def test_bearer_tokens(sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack) -> None:
    tokens = stack.enter_context(TokenServer(tmp_path / "tokens", "ada", "secret"))
    registry = stack.enter_context(DockerRegistry(tmp_path / "registry", token_server=tokens))
    ref = registry.oci("acme/shop") + ":prod"
    push(sealift, folder, ref, "--docker-config", login(tmp_path, registry.host, "ada", "secret"))
    assert tokens.scopes_asked == [["repository:acme/shop:pull,push"]], "one token for one push"
    said = refused(sealift, folder, ref, "--docker-config", login(tmp_path, registry.host, "eve", "guess"))
    assert "refused to give a token for acme/shop" in said


def test_forge_with_two_challenges(sealift: Sealift, folder: Path, tmp_path: Path, gitea: Gitea) -> None:
    ref = f"oci://{gitea.registry_host}/{gitea.user}/two-challenges:prod"
    account = login(tmp_path, gitea.registry_host, gitea.user, gitea.password)
    push(sealift, folder, ref, "--docker-config", account)
    sealift("pull", ref, "--output", tmp_path / "out", "--docker-config", account)
    # Signed there and verified from there, by the list under a tag: it has no referrers API.
    sealift.env["COSIGN_PASSWORD"] = ""
    sealift("keygen", "--output-prefix", tmp_path / "forge")
    sealift("push", folder, ref, "--key", tmp_path / "forge.key", "--docker-config", account)
    verify = ("verify", ref, "--docker-config", account, "--key")
    sealift(*verify, tmp_path / "forge.pub")
    sealift("keygen", "--output-prefix", tmp_path / "other")
    assert "no signature by a key of this entry" in sealift.fails(*verify, tmp_path / "other.pub").err


def test_token_that_expires_on_the_way(sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack) -> None:
    registry = stack.enter_context(FaultyRegistry("ada", "secret", bearer=True))
    challenge = f'Bearer realm="{registry.url}/token",service="tests",scope="repository:acme/shop:pull,push"'
    registry.fail(RegistryFault(status=401, challenge=challenge, match="PUT /v2/acme/shop/manifests", times=1))
    account = login(tmp_path, registry.host, "ada", "secret")
    push(sealift, folder, registry.oci("acme/shop") + ":prod", "--docker-config", account)


@pytest.mark.parametrize(
    "fault",
    [
        RegistryFault(status=429, headers={"Retry-After": "0"}, times=2),
        RegistryFault(status=503, times=2),
        RegistryFault(status=500, match="PUT", times=1),
    ],
    ids=["429", "503", "500 while uploading"],
)
def test_faults_that_pass(sealift: Sealift, folder: Path, faulty_registry: FaultyRegistry, fault: RegistryFault) -> None:
    faulty_registry.fail(fault)
    push(sealift, folder, faulty_registry.oci("acme/shop") + ":prod")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (RegistryFault(status=403, body=b'{"errors":[{"code":"DENIED","message":"not yours"}]}'), "DENIED not yours"),
        (RegistryFault(status=404, match="manifests"), "has no acme/shop:prod"),
        (RegistryFault(status=200, body=HTML, content_type="text/html", match="manifests"), "registry"),
        (RegistryFault(corrupt=True, match="/blobs/"), "other bytes"),
        (RegistryFault(corrupt=True, match="GET /v2/acme/shop/manifests"), "other bytes"),
        (RegistryFault(half=True, match="/blobs/"), "registry"),
        (RegistryFault(status=401, challenge='Bearer realm="https://evil.example.com/token"'), "not of its domain"),
    ],
    ids=["denied", "gone", "html", "corrupt blob", "corrupt manifest", "half a blob", "evil realm"],
)
def test_faults_that_stay(
    sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry, fault: RegistryFault, says: str
) -> None:
    ref = faulty_registry.oci("acme/shop") + ":prod"
    push(sealift, folder, ref)
    faulty_registry.fail(fault)
    account = login(tmp_path, faulty_registry.host, "ada", "secret")
    out = tmp_path / "out"
    said = sealift.fails("pull", ref, "--output", out, "--docker-config", account, "--timeout", "20s").err
    assert says in said
    assert not out.exists() or not any(out.iterdir()), "a refused artifact leaves nothing behind"


WARNING = '299 - "acme/* moves to \\"new\\" \x1b[31mon Monday"'


def test_warnings_are_told_once(sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack) -> None:
    """What the registry says to its users, and only the registry: not the storage that it sends on to."""
    registry, storage = (stack.enter_context(FaultyRegistry()) for _ in range(2))
    registry.warnings = [WARNING, '199 - "no", 299 - "short of disk"', '299 - "cut']
    storage.warnings = ['299 - "of the storage"']
    ref = registry.oci("acme/shop:prod")
    said = sealift("push", folder, ref, "--unsigned").err
    assert said.count('warns: acme/* moves to "new"  [31mon Monday\n') == 1 and said.count("short of disk\n") == 1
    assert said.count("warns") == 2
    storage.blobs.update(registry.blobs)
    registry.redirect_blobs_to = storage.url
    copied = sealift("copy", ref, registry.oci("acme/copy:prod")).err
    assert copied.count("warns") == 2, "two handles of one registry, told once"
    pulled = sealift("pull", ref, "--output", tmp_path / "out").err
    assert pulled.count("warns") == 2 and storage.requests
    assert "warns" not in sealift("pull", ref, "--output", tmp_path / "quiet", "--quiet").err


def test_warnings_in_the_log(line: Line, serve: Callable[..., Daemon], faulty_registry: FaultyRegistry) -> None:
    """Once for each text, however often it comes; a registry that never says the same twice is heard no more."""
    line.repository = faulty_registry.oci("acme/shop")
    line.bundle = line.sync = {"artifact": {"insecure": True}}
    faulty_registry.warnings = ['299 - "moves on Monday"']
    line.start(serve)
    faulty_registry.on_request = lambda request: faulty_registry.warnings.__setitem__(
        slice(None), ['299 - "moves on Monday"', f'299 - "{len(faulty_registry.requests)} requests"']
    )
    line.goes_on("blue")
    told = line.daemon.lines(msg="a registry warns")
    assert sum(entry["warning"] == "moves on Monday" for entry in told) == 1 and 1 < len(told) <= 4
    assert {(entry["level"], entry["registry"]) for entry in told} == {("warn", faulty_registry.host)}


def test_a_redirect_gets_no_credentials(sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack) -> None:
    store = stack.enter_context(FaultyRegistry(host="localhost"))
    registry = stack.enter_context(FaultyRegistry("ada", "secret"))
    account = login(tmp_path, registry.host, "ada", "secret")
    ref = registry.oci("acme/shop") + ":prod"
    push(sealift, folder, ref, "--docker-config", account)
    store.blobs.update(registry.blobs)
    registry.redirect_blobs_to = store.url
    sealift("pull", ref, "--output", tmp_path / "out", "--docker-config", account)
    assert store.requests and all("authorization" not in request.headers for request in store.requests)


def test_a_digest_is_not_taken_on_trust(
    sealift: Sealift, folder: Path, tmp_path: Path, faulty_registry: FaultyRegistry
) -> None:
    ref = faulty_registry.oci("acme/shop") + ":prod"
    digest = push(sealift, folder, ref)
    faulty_registry.claimed_digest = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    sealift.fails("pull", ref, "--output", tmp_path / "out")


def pushed_layer(faulty: FaultyRegistry, members: list[tarfile.TarInfo], zeros: int = 0) -> str:
    """An artifact with such a layer, written as it stands; returns its reference."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
        if zeros:
            member = tarfile.TarInfo("zeros")
            member.size = zeros
            archive.addfile(member, io.BytesIO(bytes(zeros)))
    layer = content.getvalue()
    def descriptor(media_type: str, data: bytes) -> dict[str, object]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        faulty.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [descriptor("application/vnd.cncf.flux.content.v1.tar+gzip", layer)],
        }
    ).encode()
    stored = Stored(manifest, "application/vnd.oci.image.manifest.v1+json")
    faulty.manifests["acme/shop", stored.digest] = faulty.manifests["acme/shop", "prod"] = stored
    return faulty.oci("acme/shop") + ":prod"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), 'entry "link" is a symbolic link'),
        (member("link", tarfile.LNKTYPE, "other"), 'entry "link" is a hard link'),
        (member("../up"), '"../up"'),
        (member("/etc/passwd"), '"/etc/passwd" is absolute'),
        (member("null", tarfile.CHRTYPE), 'entry "null" is a device'),
        (None, "the limit is"),
    ],
    ids=["symlink", "hard link", "dot dot", "absolute", "device", "1 GB of zeros"],
)
def test_hostile_layers(
    sealift: Sealift, tmp_path: Path, faulty_registry: FaultyRegistry, entry: Optional[tarfile.TarInfo], says: str
) -> None:
    ref = pushed_layer(faulty_registry, [entry] if entry else [], zeros=0 if entry else 1_000_000_000)
    out = tmp_path / "out"
    assert says in sealift.fails("pull", ref, "--output", out).err
    assert not out.exists() or not any(out.iterdir())
