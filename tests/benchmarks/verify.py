"""CPU of one verification: in the process, and as whole processes beside cosign on the same bundles.

Prints verifications per second and core for a bundle by a key and for keyless ones, then CPU milliseconds of `sealift
verify-bundle` and `cosign verify-blob`, and their ratio."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from parts.cosign import Cosign
from parts.sigstore import ISSUER, SUBJECT

ROUNDS = 10


def cpu_ms(words: list[str], env: dict[str, str]) -> float:
    """The CPU of one run, on average."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(ROUNDS):
        subprocess.run(words, env=env, check=True, capture_output=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / ROUNDS


def main() -> None:
    program, bench = os.environ["SEALIFT_BIN"], os.environ["BENCH_VERIFY"]
    who = ["--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        figures = json.loads(subprocess.run([bench, folder], check=True, capture_output=True, text=True).stdout)
        for name, rate in figures.items():
            print(f"{name:18} {rate:8.0f} /s and core, {1000 / rate:.3f} ms")
        try:
            cosign = Cosign(folder / "cosign")
        except pytest.skip.Exception as why:
            print(f"no comparison: {why}", file=sys.stderr)
            return
        root = ["--trusted-root", str(folder / "trusted_root.json")]
        for name, file, words in (
            ("keyed", "keyed.json", ["--key", str(folder / "key.pub")]),
            ("keyless, Rekor v1", "rekor1.json", who),
            ("keyless, Rekor v2", "rekor2.json", who),
        ):
            common = ["--bundle", str(folder / file), *root, *words, str(folder / "artifact")]
            ours = cpu_ms([program, "verify-bundle", *common], dict(os.environ))
            theirs = cpu_ms([str(cosign.program), "verify-blob", *common], cosign.env)
            print(f"{name:18} process: sealift {ours:.1f} ms, cosign {theirs:.1f} ms, ratio {theirs / ours:.0f}")


main()
