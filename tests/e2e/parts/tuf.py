"""A TUF repository of go-tuf's making, and the server that people fetch it from."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Optional

from .certificates import Certificate
from .loopback import LoopbackHandler, LoopbackServer
from .need import need_part


def make_repository(folder: Path, target: Path) -> Path:
    """Two states of one repository, `1` and `2`, with `target` as trusted_root.json."""
    subprocess.run([need_part("tuf"), folder, target], check=True, timeout=60)
    return folder


class _Handler(LoopbackHandler):
    owner: Mirror

    def answer(self) -> None:
        owner, name = self.owner, self.path.lstrip("/")
        owner.asked.append(name)
        file = owner.folder / name
        if name == owner.endless:
            self.reply(200, content=b"{" + b" " * (64 << 20))
        elif ".." in name or not file.is_file():
            self.reply(404, content=b"no such file")
        else:
            self.reply(200, content=file.read_bytes())


class Mirror(LoopbackServer):
    """Serves `folder`, which may be changed meanwhile; the file that `endless` names is 64 MiB of spaces."""

    handler = _Handler

    def __init__(self, folder: Path, tls: Optional[Certificate] = None) -> None:
        self.folder = folder
        self.endless = ""
        self.asked: list[str] = []
        super().__init__(tls)
