"""A working tree and what one does in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Mapping, Optional, Union

Files = Mapping[str, Union[str, bytes]]

# Commits are the same in each run: same content, same identifier.
_FIRST_COMMIT = 1_767_225_600  # 2026-01-01T00:00:00Z


def git_environment(extra: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    """The surroundings without anybody's git configuration, proxies and repositories."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
        "no_proxy": "127.0.0.1,localhost",
        **(extra or {}),
    }


class GitRepo:
    """`repo.commit({"a.yaml": "..."})` writes and commits; `repo.push()` sends the branch to `origin`."""

    def __init__(self, path: Path, branch: str = "main", origin: Optional[str] = None) -> None:
        self.path = path
        self.branch = branch
        self.env: dict[str, str] = {}  # for clients: GIT_SSH_COMMAND, GIT_SSL_CAINFO
        self._commits = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", branch)
        if origin is not None:
            self.git("remote", "add", "origin", origin)

    def git(self, *words: str) -> str:
        """Runs git in the working tree; a failure carries what git said."""
        when = f"{_FIRST_COMMIT + 60 * self._commits} +0000"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            env=git_environment({**dates, **self.env}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0, f"git {' '.join(words)} failed: {said}"
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, files: Files) -> None:
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def remove(self, *names: str) -> None:
        for name in names:
            path = self.path / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def commit(self, files: Optional[Files] = None, message: str = "Change") -> str:
        """Writes `files`, commits everything, returns the commit's identifier."""
        self.write(files or {})
        self._commits += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def amend(self, files: Optional[Files] = None, message: str = "Changed history") -> str:
        """Replaces the newest commit, for a force-push."""
        self.write(files or {})
        self._commits += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--amend", "-m", message)
        return self.head

    def tag(self, name: str, message: Optional[str] = None) -> None:
        """A lightweight tag, or with a message an annotated one."""
        self.git("tag", *(["-a", "-m", message] if message else []), name)

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str, force: bool = False) -> str:
        """Pushes `refs` (default: the branch) to origin; returns the newest commit."""
        self.git("push", "-q", *(["--force"] if force else []), "origin", *(refs or (self.branch,)))
        return self.head
