"""Keys that stay where they are: in a PKCS#11 token, and with a program that speaks docs/signers.md."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable

import pytest

from parts.cosign import Cosign
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, applied, config_map, released
from parts.need import CHECKOUT
from parts.objects import Config
from parts.oci_registry import OciRegistry
from parts.sealift import Daemon, Sealift
from parts.token import Token

Serve = Callable[..., Daemon]
EXAMPLE = CHECKOUT / "deploy/examples/signer-openssl"
CURVE = ("-algorithm", "EC", "-pkeyopt")


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return Token(tmp_path / "token")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    (made / "web.yaml").write_text(config_map("web"))
    return made


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir()
    return made


def make_pem(keys: Path, name: str, *kind: str) -> None:
    words = ["openssl", "genpkey", *kind, "-out", str(keys / f"{name}.pem")]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def test_token_signs_and_cosign_verifies(
    sealift: Sealift, registry: OciRegistry, repository: str, cosign: Cosign, token: Token, folder: Path, tmp_path: Path
) -> None:
    token.make("packager", "EC:prime256v1")
    token.make("approver", "rsa:2048")
    reference, env = registry.oci(f"{repository}:prod"), token.env
    public = tmp_path / "packager.pub"
    public.write_text(sealift("keygen", "--public", "--key", token.uri("packager", pin=False), env=env).out)
    digest = sealift("push", folder, reference, "--key", token.uri("packager"), env=env).out.strip()
    for old in (False, True):
        cosign.verify(registry.repository(f"{repository}@{digest}"), public, old)
    assert sealift("verify", reference, "--key", public).out.strip() == digest
    named = token.uri("packager", pin=False)
    assert sealift("verify", reference, "--key", named, env=env).out.strip() == digest
    # RSA by PKCS#1 v1.5, and the PIN by its other ways.
    uri = token.uri("approver", pin=False)
    sealift("sign", reference, "--key", uri, env={**env, "SEALIFT_PKCS11_PIN": token.pin})
    sealift("approve", reference, "--key", uri, "--password-file", token.pin_file, "--yes", env=env)
    other = tmp_path / "approver.pub"
    other.write_text(sealift("keygen", "--public", "--key", uri, env=env).out)
    for old in (False, True):
        cosign.verify(registry.repository(f"{repository}@{digest}"), other, old)


@pytest.mark.parametrize(
    "kind, flags",
    [
        ("EC:secp384r1", ()),
        ("EC:secp521r1", ()),
        ("rsa:4096", ()),
        ("rsa:2048", ("--allowed-mechanisms", "RSA-PKCS-PSS,SHA256-RSA-PKCS-PSS")),
    ],
    ids=["p384", "p521", "rsa4096", "pss"],
)
def test_kinds_of_keys_in_a_token(
    sealift: Sealift, token: Token, tmp_path: Path, kind: str, flags: tuple[str, ...]
) -> None:
    token.make("key", kind, *flags)
    data, bundle, public = tmp_path / "data", tmp_path / "bundle.json", tmp_path / "key.pub"
    data.write_text("sealed")
    public.write_text(sealift("keygen", "--public", "--key", token.uri("key", pin=False), env=token.env).out)
    sealift("sign-bundle", data, "--bundle", bundle, "--key", token.uri("key"), env=token.env)
    sealift("verify-bundle", data, "--bundle", bundle, "--key", public)


def test_token_that_refuses(sealift: Sealift, token: Token, tmp_path: Path) -> None:
    """Each sentence says what to do, and none of them the PIN."""
    token.make("key", "EC:prime256v1")
    data, bundle, wrong = tmp_path / "data", tmp_path / "bundle.json", "wrong-pin-98765"
    data.write_text("sealed")
    plain = token.uri("key", pin=False)

    def refused(uri: str, **env: str) -> str:
        err = sealift.fails("sign-bundle", data, "--bundle", bundle, "--key", uri, env={**token.env, **env}).err
        assert wrong not in err and token.pin not in err
        return err

    assert "PIN incorrect" in refused(f"{plain}&pin-value={wrong}")
    assert "PIN incorrect" in refused(plain, SEALIFT_PKCS11_PIN=wrong)
    assert "no PIN was given" in refused(plain)
    assert "pkcs11-tool" in refused(token.uri("other"))
    assert "module-path" in refused(token.uri("key").replace(token.module, "/nowhere.so"))
    assert "libengine-pkcs11-openssl" in refused(token.uri("key"), OPENSSL_ENGINES=str(tmp_path))
    assert "absolute path" in refused(f"pkcs11:object=key?pin-source={wrong}")
    assert "pin-source" in refused(f"pkcs11:object=key?pin-source=file:{tmp_path}/nowhere")
    # Three wrong PINs in a row would have locked many a token; this one still signs.
    sealift("sign-bundle", data, "--bundle", bundle, "--key", token.uri("key"), env=token.env)


@pytest.mark.parametrize(
    "kind, env, cosign_verifies",
    [
        ((*CURVE, "ec_paramgen_curve:P-256"), {}, True),
        ((*CURVE, "ec_paramgen_curve:P-384"), {}, True),
        ((*CURVE, "ec_paramgen_curve:P-384"), {"SIGNER_HASH": "SHA384"}, False),
        ((*CURVE, "ec_paramgen_curve:P-521"), {"SIGNER_HASH": "SHA512"}, False),
        (("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), {}, True),
        (("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), {"SIGNER_PADDING": "pss"}, False),
        (("-algorithm", "ED25519"), {}, True),
    ],
    ids=["p256", "p384", "p384-sha384", "p521-sha512", "rsa", "pss", "ed25519"],
)
def test_program_signs(
    sealift: Sealift, referrers_registry: OciRegistry, repository: str, cosign: Cosign, folder: Path, keys: Path,
    tmp_path: Path, kind: tuple[str, ...], env: dict[str, str], cosign_verifies: bool,
) -> None:  # fmt: skip
    make_pem(keys, "packager", *kind)
    env = {"SIGNER_KEYS": str(keys), **env}
    signer = ("--signer", EXAMPLE, "--key", "packager")
    public = tmp_path / "packager.pub"
    public.write_text(sealift("keygen", "--public", *signer, env=env).out)
    reference = referrers_registry.oci(f"{repository}:prod")
    digest = sealift("push", folder, reference, *signer, env=env).out.strip()
    assert sealift("verify", reference, "--key", public).out.strip() == digest
    assert sealift("verify", reference, *signer, env=env).out.strip() == digest
    for old in (False, True) if cosign_verifies else ():
        cosign.verify(referrers_registry.repository(f"{repository}@{digest}"), public, old)


def test_bundle_signs_elsewhere(
    sealift: Sealift, config: Config, serve: Serve, repo: GitRepo, git_server: GitHttpServer, registry: OciRegistry,
    repository: str, cosign: Cosign, token: Token, keys: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """One Bundle with a token, one with a program, which gives a namespace its own keys; the Sync follows the first."""
    mine = keys / "default"
    mine.mkdir()
    make_pem(mine, "packager", *CURVE, "ec_paramgen_curve:P-256")
    token.make("packager", "EC:prime256v1")
    journey = Journey(sealift, config, tmp_path)
    url = f"{git_server.url}/config.git"
    config.secret("pin", pkcs11__pin=token.pin)
    in_token = {"pkcs11": f"pkcs11:token={token.label};object=packager", "secretRef": {"name": "pin"}}
    journey.bundle(url, registry.oci(repository), sign=in_token)
    source = {"git": {"url": url, "ref": {"branch": "main"}}}
    artifact = {"repository": registry.oci(repository + "/other"), "tags": ["prod"]}
    command = {"program": str(EXAMPLE), "key": "packager"}
    config.bundle("other", source=source, artifact=artifact, sign={"command": command})
    public = tmp_path / "token.pub"
    public.write_text(sealift("keygen", "--public", "--key", token.uri("packager", pin=False), env=token.env).out)
    config.secret("packager-pub", cosign__pub=public)
    journey.sync()
    commit = repo.commit({"web.yaml": config_map("web")})
    repo.push()
    signing = {"SIGNER_KEYS": str(keys), "SIGNER_NAMESPACES": "1"}
    daemon = serve("--pkcs11-module", token.module, env={**token.env, **signing})
    artifact, other = released(daemon, commit), released(daemon, commit, "other")
    applied(daemon, artifact["digest"])
    cosign.verify(registry.repository(f"{repository}@{artifact['digest']}"), public)
    env = {"SIGNER_KEYS": str(mine)}
    theirs = tmp_path / "program.pub"
    theirs.write_text(sealift("keygen", "--public", "--signer", EXAMPLE, "--key", "packager", env=env).out)
    cosign.verify(registry.repository(f"{repository}/other@{other['digest']}"), theirs)
    assert token.pin not in daemon.output
