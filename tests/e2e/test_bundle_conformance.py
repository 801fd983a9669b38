"""The bundle-verify cases of sigstore-conformance, each by path and by digest, with the suite's own command line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from parts.need import CHECKOUT
from parts.sealift import Sealift

DATA = Path(os.environ.get("SEALIFT_CONFORMANCE", CHECKOUT.parent / "shared" / "conformance")) / "sigstore"
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/"
    ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"
CASES = sorted(path for path in DATA.glob("*") if path.is_dir()) if DATA.is_dir() else []


def test_the_cases_are_there() -> None:
    if not CASES:
        pytest.skip(f"no {DATA}: set SEALIFT_CONFORMANCE to the folder of the conformance data")
    assert len(CASES) >= 33


def text_of(path: Path, otherwise: str) -> str:
    return path.read_text().strip() if path.is_file() else otherwise


@pytest.mark.parametrize("by_digest", [False, True], ids=["path", "digest"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bundle_verify(sealift: Sealift, case: Path, by_digest: bool) -> None:
    artifact = case / "artifact" if (case / "artifact").is_file() else DATA / "a.txt"
    root = case / "trusted_root.json"
    arguments = ["verify-bundle", "--bundle", case / "bundle.sigstore.json"]
    if (case / "key.pub").is_file():
        arguments += ["--key", case / "key.pub"]
    else:
        arguments += ["--certificate-identity", text_of(case / "identity", IDENTITY)]
        arguments += ["--certificate-oidc-issuer", text_of(case / "issuer", ISSUER)]
    # The public instance's root is built in; the folder's own is what it was made from.
    arguments += ["--trusted-root", root if root.is_file() else DATA / "trusted_root.json"]
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    arguments.append(f"sha256:{digest}" if by_digest else artifact)
    result = sealift.run(*arguments)
    assert result.code == (1 if case.name.endswith("_fail") else 0), result.err


def test_the_public_root_is_built_in(sealift: Sealift) -> None:
    case = DATA / "happy-path-v0.3"
    if not case.is_dir():
        pytest.skip(f"no {case}")
    sealift(
        "verify-bundle", "--bundle", case / "bundle.sigstore.json",
        "--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER, DATA / "a.txt",
    )  # fmt: skip
