"""cosign 3: the oracle for signatures, in both of its forms."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .need import need_part


@dataclass(frozen=True)
class CosignKey:
    private: Path  # encrypted; the password is Cosign.password
    public: Path


class Cosign:
    """sign() and verify() take REPOSITORY@DIGEST; `old` means the .sig tag, otherwise the bundle as a referrer."""

    def __init__(self, folder: Path, password: str = "", ca: Optional[Path] = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.program = need_part("cosign")
        self._folder = folder
        self.password = password
        self.env = {
            **os.environ,
            "COSIGN_PASSWORD": password,
            "DOCKER_CONFIG": str(folder),
            "HOME": str(folder),
            "TUF_ROOT": str(folder / "tuf"),
            **({"SSL_CERT_FILE": str(ca)} if ca else {}),
        }
        # Neither transparency log nor timestamp service: the tests talk to loopback only.
        self._no_services = folder / "signing-config.json"
        self.run("signing-config", "create", "--out", str(self._no_services))

    def try_run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *words],
            **{"env": self.env, "cwd": self._folder, "capture_output": True, "text": True, "timeout": 90},
        )

    def run(self, *words: str) -> str:
        done = self.try_run(*words)
        assert done.returncode == 0, f"cosign {' '.join(words)}: {done.stderr}"
        return done.stdout

    def key(self, name: str = "cosign") -> CosignKey:
        """Makes a key pair (or returns the one of that name)."""
        made = CosignKey(self._folder / f"{name}.key", self._folder / f"{name}.pub")
        if not made.private.exists():
            self.run("generate-key-pair", "--output-key-prefix", str(self._folder / name))
        return made

    def sign(self, reference: str, key: Path, old: bool = False, *more: str) -> None:
        form = ("--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false")
        if not old:
            form = ("--signing-config", str(self._no_services))  # type: ignore[assignment]
        self.run("sign", "--key", str(key), *form, *more, "--allow-http-registry", "-y", reference)

    def sign_as_referrer(self, reference: str, key: Path) -> None:
        """The older form, without a tag: cosign's experimental OCI 1.1 mode."""
        form = ("--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false")
        mode = ("--registry-referrers-mode=oci-1-1", "--allow-http-registry", "-y", reference)
        self.env["COSIGN_EXPERIMENTAL"] = "1"
        self.run("sign", "--key", str(key), *form, *mode)
        del self.env["COSIGN_EXPERIMENTAL"]

    def sign_blob(self, data: Path, key: Path, bundle: Path) -> None:
        form = ("--signing-config", str(self._no_services), "--bundle", str(bundle))
        self.run("sign-blob", "--key", str(key), *form, "-y", str(data))

    def verify(self, reference: str, key: Path, old: bool = False) -> str:
        """Fails the test when cosign refuses."""
        done = self.try_verify(reference, key, old)
        assert done.returncode == 0, f"cosign verify {reference}: {done.stderr}"
        return done.stdout

    def try_verify(self, reference: str, key: Path, old: bool = False) -> subprocess.CompletedProcess[str]:
        form = ("--new-bundle-format=false",) if old else ()
        common = ("--insecure-ignore-tlog", "--allow-http-registry", reference)
        return self.try_run("verify", "--key", str(key), *form, *common)

    def verify_saved(self, layout: Path, key: Path) -> subprocess.CompletedProcess[str]:
        """An OCI layout on disk. Which form of signature is cosign's own choice."""
        return self.try_run("verify", "--key", str(key), "--insecure-ignore-tlog", "--local-image", str(layout))

    def attest(self, reference: str, key: Path, predicate: Path, kind: str, old: bool = False) -> None:
        """A signed in-toto statement of predicate type `kind`: as a bundle referrer, or under the .att tag."""
        form = ("--signing-config", str(self._no_services))
        if old:
            form = ("--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false")  # type: ignore
        common = ("--allow-http-registry", "-y", reference)
        self.run("attest", "--key", str(key), "--predicate", str(predicate), "--type", kind, *form, *common)

    def verify_attestation(self, reference: str, key: Path, kind: str, old: bool = False) -> str:
        form = ("--new-bundle-format=false",) if old else ()
        common = (*form, "--insecure-ignore-tlog", "--allow-http-registry", reference)
        return self.run("verify-attestation", "--key", str(key), "--type", kind, *common)
