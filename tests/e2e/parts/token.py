"""A PKCS#11 token: SoftHSM with keys that were made in it and never leave it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Mapping

from .need import missing, need_program

LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


class Token:
    """`token.uri("packager")` names a key; `token.env` is what programs need to find the token."""

    def __init__(self, folder: Path, label: str = "release", pin: str = "a-pin-0123456789") -> None:
        self._util = need_program("softhsm2-util", "softhsm2")
        self._tool = need_program("pkcs11-tool", "opensc")
        found = [path for path in LIBRARIES if Path(path).exists()]
        if not found:
            missing("SoftHSM's library is missing: apt-get install softhsm2")
        if not list(Path("/usr/lib").glob("*/engines-3/pkcs11.so")):
            missing("OpenSSL's engine pkcs11 is missing: apt-get install libengine-pkcs11-openssl")
        self.module, self.label, self.pin = found[0], label, pin
        (folder / "tokens").mkdir(parents=True)
        settings = folder / "softhsm2.conf"
        settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.env: Mapping[str, str] = {"SOFTHSM2_CONF": str(settings)}
        self._run(self._util, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "so-" + pin)
        self.pin_file = folder / "pin"
        self.pin_file.write_text(pin + "\n")

    def _run(self, *words: str) -> None:
        env = {**os.environ, **self.env}
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"

    def make(self, name: str, kind: str, *flags: str) -> None:
        """`kind` as pkcs11-tool has it: EC:prime256v1, rsa:2048."""
        login = ("--module", self.module, "--token-label", self.label, "--login", "--pin", self.pin)
        self._run(self._tool, *login, "--keypairgen", "--key-type", kind, "--label", name, "--usage-sign", *flags)

    def uri(self, name: str, pin: bool = True) -> str:
        source = f"&pin-source=file:{self.pin_file}" if pin else ""
        return f"pkcs11:token={self.label};object={name}?module-path={self.module}{source}"
