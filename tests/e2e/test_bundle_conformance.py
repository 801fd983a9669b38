"""The bundle-verify cases of sigstore-conformance, each by path and by digest, with the suite's own command line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable

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


# Cases of the suite that are made from others of its cases; those the folder has not.


def made(folder: Path, case: str, bundle: Callable[[Any], None] = lambda _: None, root: Callable[[Any], None] = lambda _: None) -> list[Any]:
    """The command for a case with its bundle and its trusted root changed."""
    source = DATA / case
    if not source.is_dir():
        pytest.skip(f"no {source}")
    own_root = source / "trusted_root.json"
    words: list[Any] = ["verify-bundle"]
    for option, change, path in (
        ("--bundle", bundle, source / "bundle.sigstore.json"),
        ("--trusted-root", root, own_root if own_root.is_file() else DATA / "trusted_root.json"),
    ):
        document = json.loads(path.read_text())
        change(document)
        (folder / path.name).write_text(json.dumps(document))
        words += [option, folder / path.name]
    who = ("--certificate-identity", text_of(source / "identity", IDENTITY))
    return [*words, *who, "--certificate-oidc-issuer", text_of(source / "issuer", ISSUER), DATA / "a.txt"]


def test_two_intermediates_of_one_name(sealift: Sealift, tmp_path: Path) -> None:
    """Who issued the certificate is found by the signature, not by the name: so the promise of the log is good."""
    (tmp_path / "req.cnf").write_text("[req]\nstring_mask = nombstr\ndistinguished_name = dn\nprompt = no\n[dn]\n"
                                      "O = sigstore.dev\nCN = sigstore-intermediate\n")  # fmt: skip
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "9999"]
    words += ["-config", "req.cnf", "-keyout", "decoy.key", "-outform", "DER", "-out", "decoy.der"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    decoy = base64.b64encode((tmp_path / "decoy.der").read_bytes()).decode()

    def add(root: Any) -> None:
        authorities = root["certificateAuthorities"]
        ours = authorities[-1]
        certificates = [{"rawBytes": decoy}, *ours["certChain"]["certificates"][1:]]
        subjects = {
            subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject_hash"], input=base64.b64decode(raw), check=True, capture_output=True).stdout
            for raw in (decoy, ours["certChain"]["certificates"][0]["rawBytes"])
        }  # fmt: skip
        assert len(subjects) == 1, "the decoy has the other's name"
        authorities.insert(0, {**ours, "certChain": {"certificates": certificates}})

    sealift(*made(tmp_path, "happy-path-v0.3", root=add))


def test_every_timestamp_counts(sealift: Sealift, tmp_path: Path) -> None:
    """One within the certificate's time does not make up for one after it."""
    late = json.loads((DATA / "rekor2-timestamp-with-incorrect-time_fail/bundle.sigstore.json").read_text()) if CASES else {}

    def add(bundle: Any) -> None:
        def stamps(of: Any) -> Any:
            return of["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]

        stamps(bundle).extend({"signedTimestamp": "".join(s["signedTimestamp"].split())} for s in stamps(late))

    sealift(*made(tmp_path, "rekor2-happy-path"))
    sealift.fails(*made(tmp_path, "rekor2-happy-path", bundle=add))


def test_no_authority_lends_its_time(sealift: Sealift, tmp_path: Path) -> None:
    """The window that a timestamp must be in is that of the authority that made it."""
    window = {"start": "2025-06-01T00:00:00Z", "end": "2025-07-01T00:00:00Z"}
    other = {"subject": {}, "uri": "https://tsa.example.com", "certChain": {"certificates": []}, "validFor": window}
    case = "rekor2-timestamp-outside-trust-root-tsa-validity_fail"
    sealift.fails(*made(tmp_path, case, root=lambda root: root["timestampAuthorities"].append(other)))
    whole = [entry for entry in json.loads((DATA / "trusted_root.json").read_text())["certificateAuthorities"]][0]
    lender = {**other, "certChain": whole["certChain"]}
    sealift.fails(*made(tmp_path, case, root=lambda root: root["timestampAuthorities"].append(lender)))
