"""Notation: its own library as the oracle, and certificates, revocation lists and timestamps for it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional, Sequence

from .need import need_part, need_program

CONFIG = """
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
[revocable]
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
crlDistributionPoints = URI:http://crl.example.com/acme.crl
[server]
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[stamps]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[lists]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
[tsa]
default_tsa = own
[own]
serial = {folder}/tsa-serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
IDENTITY = "x509.subject: C=US, ST=WA, O=acme"
KINDS = {
    "p256": ("ec", "ec_paramgen_curve:prime256v1"),
    "p384": ("ec", "ec_paramgen_curve:secp384r1"),
    "p521": ("ec", "ec_paramgen_curve:secp521r1"),
    "rsa2048": ("rsa:2048", "rsa_keygen_bits:2048"),
    "rsa3072": ("rsa:3072", "rsa_keygen_bits:3072"),
}
LARGE_KINDS = {"rsa4096": ("rsa:4096", "rsa_keygen_bits:4096")}


@dataclass(frozen=True)
class Signer:
    key: Path
    cert: Path
    chain: Path  # the signer's first, then the root
    subject: str


class Notation:
    """`folder` is as notation's own: trustpolicy.json and truststore/. Its authority is trusted as `ca:acme`."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        (folder / "newcerts").mkdir(parents=True)
        self.folder = folder
        self._openssl = need_program("openssl", "openssl")
        self._config = folder / "openssl.cnf"
        self._config.write_text(CONFIG.format(folder=folder))
        for file, text in (("index.txt", ""), ("crlnumber", "01\n"), ("tsa-serial", "01\n")):
            (folder / file).write_text(text)
        self.root, self._root_key = folder / "root.crt", folder / "root.key"
        self._run(
            *("req", "-x509", "-newkey", *self._kind("p256"), "-nodes", "-days", "30", "-config", self._config),
            *("-extensions", "ca", "-subj", f"/C=US/ST=WA/O=acme/CN={name}", "-keyout", self._root_key),
            *("-out", self.root),
        )
        self.store("ca", "acme", self.root)
        self.policy()

    @staticmethod
    def _kind(kind: str) -> Sequence[str]:
        algorithm, option = {**KINDS, **LARGE_KINDS}[kind]
        return (algorithm, "-pkeyopt", option)

    def _run(self, *words: object) -> None:
        done = subprocess.run([self._openssl, *map(str, words)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"openssl {words}: {done.stderr}"

    # Who signs

    def signer(self, name: str = "release", kind: str = "p256", use: str = "leaf", days: int = 20) -> Signer:
        """A key with a certificate of the authority; `use` is a section of CONFIG; days < 0 makes an expired one."""
        at = self.folder / name
        made = Signer(at.with_suffix(".key"), at.with_suffix(".crt"), at.with_suffix(".pem"), "")
        self._run(
            *("req", "-new", "-newkey", *self._kind(kind), "-nodes", "-config", self._config),
            *("-subj", f"/C=US/ST=WA/O=acme/CN={name}", "-keyout", made.key, "-out", at.with_suffix(".csr")),
        )
        self._run(
            *("x509", "-req", "-in", at.with_suffix(".csr"), "-CA", self.root, "-CAkey", self._root_key),
            *("-CAcreateserial", "-days", str(days), "-extfile", self._config, "-extensions", use, "-out", made.cert),
        )
        made.chain.write_text(made.cert.read_text() + self.root.read_text())
        return Signer(made.key, made.cert, made.chain, f"CN={name},O=acme,ST=WA,C=US")

    def certify(self, public: Path, name: str) -> Signer:
        """A certificate for a key that is elsewhere: `public` is its public half. There is no key file."""
        at = self.folder / name
        self._run(
            *("x509", "-new", "-force_pubkey", public, "-subj", f"/C=US/ST=WA/O=acme/CN={name}", "-days", "20"),
            *("-CA", self.root, "-CAkey", self._root_key, "-CAcreateserial"),
            *("-extfile", self._config, "-extensions", "leaf", "-out", at.with_suffix(".crt")),
        )
        at.with_suffix(".pem").write_text(at.with_suffix(".crt").read_text() + self.root.read_text())
        subject = f"CN={name},O=acme,ST=WA,C=US"
        return Signer(Path("/nowhere"), at.with_suffix(".crt"), at.with_suffix(".pem"), subject)

    def crl(self, *revoked: Signer) -> Path:
        """The authority's list with these on it."""
        keys = ("-config", self._config, "-name", "lists", "-cert", self.root, "-keyfile", self._root_key)
        for signer in revoked:
            self._run("ca", *keys, "-revoke", signer.cert)
        made = self.folder / "acme.crl"
        self._run("ca", *keys, "-gencrl", "-crldays", "7", "-out", made)
        return made

    # What is trusted

    def store(self, kind: str, name: str, cert: Path) -> None:
        folder = self.folder / "truststore/x509" / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / cert.name).write_bytes(cert.read_bytes())

    def policy(
        self,
        *identities: str,
        scopes: Sequence[str] = ("*",),
        stores: Sequence[str] = ("ca:acme",),
        level: str = "strict",
        **verification: Any,
    ) -> Path:
        statement = {
            "name": "tests",
            "registryScopes": list(scopes),
            "signatureVerification": {"level": level, **verification},
            "trustStores": list(stores),
            "trustedIdentities": list(identities or (IDENTITY,)),
        }
        made = self.folder / "trustpolicy.json"
        made.write_text(json.dumps({"version": "1.0", "trustPolicies": [statement]}))
        return made

    # The oracle

    def try_run(self, *words: object) -> subprocess.CompletedProcess[str]:
        program = need_part("notation")
        return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=90)

    def sign(self, reference: str, signer: Signer, form: str = "jws", *flags: object) -> None:
        done = self.try_run("sign", "-key", signer.key, "-chain", signer.chain, "-format", form, *flags, reference)
        assert done.returncode == 0, done.stderr

    def verify(self, reference: str) -> str:
        done = self.try_run("verify", "-config", self.folder, reference)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def fails(self, reference: str) -> str:
        done = self.try_run("verify", "-config", self.folder, reference)
        assert done.returncode != 0, done.stdout
        return done.stderr


class StampServer:
    """A timestamping authority over HTTP, certified by `authority`, with the openssl program behind it."""

    def __init__(self, authority: Notation) -> None:
        self._openssl = need_program("openssl", "openssl")
        self._signer = authority.signer("stamps", use="stamps")
        self._authority = authority
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = owner._reply(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread: Optional[threading.Thread] = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _reply(self, query: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            asked, said = Path(folder) / "asked", Path(folder) / "said"
            asked.write_bytes(query)
            config = self._authority.folder / "openssl.cnf"
            words: tuple[object, ...] = (
                *("ts", "-reply", "-config", config, "-section", "own", "-queryfile", asked, "-out", said),
                *("-signer", self._signer.cert, "-inkey", self._signer.key, "-chain", self._authority.root),
            )
            subprocess.run([self._openssl, *map(str, words)], check=True, capture_output=True, timeout=30)
            return said.read_bytes()

    def __enter__(self) -> "StampServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
