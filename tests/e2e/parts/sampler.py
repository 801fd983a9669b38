"""Looks at a target all the time while something else goes on, and keeps what it saw."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Callable, Optional


class Sampler(threading.Thread):
    """Calls look() again and again until the `with` block ends; `seen` are the different answers. What look() raises
    fails the block, and so does a look() that never came to an answer."""

    def __init__(self, look: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._look = look
        self._end = threading.Event()
        self._error: Optional[BaseException] = None
        self.seen: set[object] = set()

    def run(self) -> None:
        try:
            while not self._end.is_set():
                answer = self._look()
                if answer is not None:
                    self.seen.add(answer)
                time.sleep(0.0005)  # so that it does not take a processor for itself
        except BaseException as error:
            self._error = error

    def __enter__(self) -> "Sampler":
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._end.set()
        self.join()
        if kind is None:
            if self._error is not None:
                raise self._error
            assert self.seen, "nothing was seen"


def snapshot(folder: Path) -> Optional[dict[str, str]]:
    """All visible files of a directory that is exchanged as a whole, as they stood together; None when it was exchanged
    during the look. A directory that is not there raises."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files = {}
        for path, folders, names, at in os.fwalk(".", dir_fd=fd):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith("."):
                    files[os.path.normpath(os.path.join(path, name))] = _read(name, at)
        # What was exchanged never comes back: when it is here now, it was here all the time.
        still = os.fstat(fd).st_ino == os.stat(folder).st_ino
        return files if still else None
    except FileNotFoundError:
        assert os.fstat(fd).st_ino != os.stat(folder).st_ino, f"a file of {folder} went away while it was read"
        return None
    finally:
        os.close(fd)


def _read(name: str, at: int) -> str:
    with open(os.open(name, os.O_RDONLY, dir_fd=at), encoding="utf-8", errors="replace") as file:
        return file.read()
