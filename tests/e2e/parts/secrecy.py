"""Known secrets, and the search for them in whatever came out, in the forms in which they might have come out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Iterable, Union
from urllib.parse import quote

SHORTEST = 8  # below that a form would be found by chance


def _base64_parts(value: bytes) -> Iterable[str]:
    """What of base64 text stays the same, wherever in it the value stands."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + value).decode()
        part = text[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        yield part
        yield part.replace("+", "-").replace("/", "_")


def forms(value: bytes) -> set[bytes]:
    text = value.decode()
    found = {text, quote(text, safe=""), quote(text), json.dumps(text)[1:-1], value.hex(), value.hex().upper()}
    found.update(_base64_parts(value))
    return {form.encode() for form in found if len(form) >= SHORTEST}


class Secrecy:
    """`secrecy.add("git", "hunter22")`, and at the end `secrecy.check("the log", text)` for everything there is."""

    def __init__(self) -> None:
        self._forms: dict[bytes, str] = {}  # and whose they are

    def add(self, name: str, *values: Union[str, bytes]) -> None:
        for value in values:
            raw = value.encode() if isinstance(value, str) else value
            assert len(raw) >= SHORTEST, f"{name} is too short to be looked for"
            self._forms.update((form, name) for form in forms(raw))

    def add_login(self, name: str, user: str, password: str) -> None:
        self.add(name, password, f"{user}:{password}")

    def add_private_key(self, name: str, pem: str) -> None:
        """Each of its lines; the last ones may be too short, or padding."""
        lines = [line for line in pem.splitlines() if len(line) > 20 and not line.startswith("-----")]
        assert lines, f"{name} is no key"
        self.add(name, *lines)

    def found_in(self, content: bytes) -> set[str]:
        return {f"{name} as {form.decode()}" for form, name in self._forms.items() if form in content}

    def check(self, where: str, content: Union[str, bytes]) -> None:
        raw = content.encode() if isinstance(content, str) else content
        found = self.found_in(raw)
        assert not found, f"{where} tells {found}:\n{raw[:4000].decode('utf-8', 'replace')}"

    def check_folder(self, folder: Path) -> int:
        """Names and contents of all files; how many there were."""
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        for path in files:
            self.check(f"the name of {path}", str(path.relative_to(folder)))
            self.check(str(path), path.read_bytes())
        return len(files)
