"""A certificate authority for one test run, made with the openssl program."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .need import need_program

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Certificate:
    cert: Path  # PEM
    key: Path  # PEM, unencrypted
    clients: Optional[Path] = None  # a server with it demands a certificate that this authority signed

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if self.clients is not None:
            context.load_verify_locations(self.clients)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """`authority.cert` is what clients trust; `issue()` makes server or client certificates."""

    def __init__(self, folder: Path, name: str = "sealift tests") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.cert = folder / "ca.crt"
        self._key = folder / "ca.key"
        self._openssl = need_program("openssl", "openssl")
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
            *("-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
            *("-keyout", self._key, "-out", self.cert),
        )

    @property
    def pem(self) -> str:
        return self.cert.read_text()

    def issue(self, *names: str, file: str = "server", days: int = 30) -> Certificate:
        """A certificate for the host names and addresses (default: loopback); days < 0 makes an expired one."""
        made = Certificate(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        request = self._folder / f"{file}.csr"
        extensions = self._folder / f"{file}.ext"
        alternatives = ",".join(f"{_kind(name)}:{name}" for name in names or LOOPBACK)
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={(names or LOOPBACK)[0]}", "-keyout", made.key, "-out", request),
        )
        self._run(
            *("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", days, "-extfile", extensions, "-out", made.cert),
        )
        return made

    def _run(self, *words: object) -> None:
        subprocess.run([self._openssl, *map(str, words)], check=True, capture_output=True)


def _kind(name: str) -> str:
    try:
        ipaddress.ip_address(name)
        return "IP"
    except ValueError:
        return "DNS"
