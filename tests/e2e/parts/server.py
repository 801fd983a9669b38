"""A child process that serves until it is stopped, with its output in a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence

from .wait import wait_for


class Server:
    """Runs `command` in a process group of its own. It dies with the thread that started it, should the tests be
    killed, so start it from pytest's thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[object],
        log: Path,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[Path] = None,
    ) -> None:
        self.name = name
        self.log = log
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._command = [str(word) for word in command]
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self.start()

    def start(self) -> None:
        """Starts it (again, after stop() or kill())."""
        assert self._process is None, f"{self.name} runs already"
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*prefix, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait_until(self, ready: Callable[[], object], timeout: float = 15) -> None:
        def probe() -> object:
            if not self.running:
                raise RuntimeError(f"{self.name} ended early and said:\n{self.output()[-4000:]}")
            return ready()

        try:
            wait_for(f"{self.name} to be ready", probe, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()[-4000:]}") from None

    def stop(self, timeout: float = 10) -> int:
        """SIGTERM, then what is left of the group is killed; the exit status."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """kill -9 of the process and its children, as a power cut would."""
        self._end(signal.SIGKILL, 5)

    def _end(self, first: signal.Signals, timeout: float) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            process.send_signal(first)
            if first == signal.SIGKILL:
                self._kill_group(process.pid)
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s of {first.name}") from None
        finally:
            self._kill_group(process.pid)
            process.wait()

    @staticmethod
    def _kill_group(pid: int) -> None:
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
