"""crane: the registry client that is not ours."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Mapping, Optional

from .need import need_part


class Crane:
    """`folder` holds its docker config; `ca` is trusted besides."""

    def __init__(self, folder: Path, ca: Optional[Path] = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._program = need_part("crane")
        self._folder = folder
        self._env = {**os.environ, "DOCKER_CONFIG": str(folder), **({"SSL_CERT_FILE": str(ca)} if ca else {})}

    def run(self, *words: str, stdin: Optional[bytes] = None) -> str:
        done = subprocess.run(
            [self._program, *words], env=self._env, input=stdin, capture_output=True, timeout=60
        )
        assert done.returncode == 0, f"crane {' '.join(words)}: {done.stderr.decode('utf-8', 'replace')}"
        return done.stdout.decode("utf-8", "replace").strip()

    def login(self, host: str, user: str, password: str) -> None:
        self.run("auth", "login", host, "-u", user, "-p", password)

    def push(self, reference: str, files: Mapping[str, str]) -> str:
        """Pushes an image of one layer with `files`; returns its digest."""
        layer = self._folder / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content.encode())
                archive.addfile(member, io.BytesIO(content.encode()))
        self.run("append", "--oci-empty-base", "--new_layer", str(layer), "--new_tag", reference)
        return self.digest(reference)

    def digest(self, reference: str) -> str:
        return self.run("digest", reference)

    def manifest(self, reference: str) -> str:
        return self.run("manifest", reference)

    def copy(self, source: str, target: str) -> None:
        self.run("copy", source, target)

    def tag(self, reference: str, tag: str) -> None:
        self.run("tag", reference, tag)

    def files(self, reference: str) -> dict[str, bytes]:
        """The files of an image, all layers on top of each other."""
        done = subprocess.run(
            [self._program, "export", reference, "-"], env=self._env, capture_output=True, timeout=60
        )
        assert done.returncode == 0, f"crane export {reference}: {done.stderr.decode('utf-8', 'replace')}"
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
