"""The program under test: one command, or `sealift serve` until it is stopped."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence, TypeVar, Union

from .need import CHECKOUT
from .net import Answer, free_port, http
from .server import Server
from .wait import wait_for

# The addresses of `sealift serve`: hooks, and health with metrics.
HOOKS_FLAG = "--listen"
HEALTH_FLAG = "--health-listen"

Word = Union[str, Path]
Self = TypeVar("Self", bound="Serving")


def default_program() -> Path:
    """SEALIFT_BIN, otherwise what the dev preset built."""
    path = Path(os.environ.get("SEALIFT_BIN") or "build/dev/cli/sealift")
    path = path if path.is_absolute() else CHECKOUT / path
    assert path.exists(), f"{path} is not built: cmake --preset dev && cmake --build --preset dev"
    return path


@dataclass(frozen=True)
class Result:
    command: str
    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        return json.loads(self.out)


class Sealift:
    """Runs commands: `sealift("get", "bundles", "--config", folder)` fails the test when the command fails;
    `sealift.fails(...)` when it succeeds. HOME is a folder of the test, so nobody's credentials are found."""

    def __init__(self, home: Path, program: Optional[Path] = None, wrapper: Sequence[Word] = ()) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.program = program or default_program()
        self.home = home
        self.wrapper = [str(word) for word in wrapper]  # such as valgrind and its options
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "SEALIFT_", "DOCKER_"))}
        self.env = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
            "COLUMNS": "4000",  # what is looked for in a table stands on one line
        }

    def words(self, *words: Word) -> list[str]:
        return [*self.wrapper, str(self.program), *map(str, words)]

    def run(
        self,
        *words: Word,
        stdin: Union[str, bytes] = b"",
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[Path] = None,
        timeout: float = 60,
    ) -> Result:
        """Runs it, whatever comes of it; a crash (a signal, or a sanitizer's report) always fails the test."""
        began = time.monotonic()
        done = subprocess.run(
            self.words(*words),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env={**self.env, **(env or {})},
            cwd=cwd or self.home,
            capture_output=True,
            timeout=timeout,
        )
        err = done.stderr.decode("utf-8", "replace")
        result = Result(
            "sealift " + " ".join(map(str, words)),
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            err,
            time.monotonic() - began,
        )
        assert done.returncode >= 0 and not sanitizer_report(err), f"{result.command} crashed: {done.returncode}\n{err}"
        return result

    def __call__(self, *words: Word, **options: Any) -> Result:
        result = self.run(*words, **options)
        assert result.code == 0, f"{result.command} failed with {result.code}:\n{result.err}{result.out}"
        return result

    def fails(self, *words: Word, **options: Any) -> Result:
        result = self.run(*words, **options)
        assert result.code != 0, f"{result.command} should fail, but said:\n{result.out}{result.err}"
        return result


def sanitizer_report(text: str) -> bool:
    return any(mark in text for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error: ",
                                         "WARNING: ThreadSanitizer", "AddressSanitizer:DEADLYSIGNAL"))  # fmt: skip


class Serving:
    """`sealift serve`; ready when the constructor returns.

    stop() asks it to end and expects status 0; kill() is kill -9; start() starts it again on the same ports. Leaving
    the `with` block stops it, and fails when it crashed or a sanitizer complained.
    """

    def __init__(
        self,
        sealift: Sealift,
        *words: Word,
        env: Optional[Mapping[str, str]] = None,
        ready_timeout: float = 20,
        tls_ca: Optional[Path] = None,
    ) -> None:
        self.hook_port, self.health_port = free_port(), free_port()
        self._ca = str(tls_ca) if tls_ca else None
        self.hook_url = f"{'https' if tls_ca else 'http'}://localhost:{self.hook_port}"
        self.health_url = f"http://127.0.0.1:{self.health_port}"
        self._ready_timeout = ready_timeout
        listen = [HOOKS_FLAG, f"127.0.0.1:{self.hook_port}", HEALTH_FLAG, f"127.0.0.1:{self.health_port}"]
        log = sealift.home / f"serve-{len(list(sealift.home.glob('serve-*.log')))}.log"
        log.touch()
        command = sealift.words("serve", *listen, *words)
        self._server = Server("sealift serve", command, log, {**sealift.env, **(env or {})})
        try:
            self.wait_ready()
        except BaseException:
            self._server.kill()
            raise

    # Its life

    def wait_ready(self) -> None:
        self._server.wait_until(
            lambda: http("GET", f"{self.health_url}/readyz", timeout=5).status == 200, self._ready_timeout
        )

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def running(self) -> bool:
        return self._server.running

    def stop(self) -> None:
        if self._server.running:
            code = self._server.stop(timeout=20)
            assert code == 0, f"sealift serve ended with {code}:\n{self.output[-4000:]}"

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()
        self.wait_ready()

    # What it says

    @property
    def output(self) -> str:
        return self._server.output()

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log lines; a line that is no JSON (of a sanitizer, say) becomes {"msg": line, "level": "raw"}."""
        lines = []
        for line in self.output.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"level": "raw", "msg": line})
        return lines

    def lines(self, **wanted: str) -> list[dict[str, Any]]:
        """Log lines with these values: `daemon.lines(kind="Sync", name="shop", msg="applied")`."""
        return [line for line in self.log if all(line.get(key) == value for key, value in wanted.items())]

    def wait_line(self, timeout: float = 15, **wanted: str) -> dict[str, Any]:
        return wait_for(f"a log line with {wanted}", lambda: self.lines(**wanted), timeout)[0]

    def metrics(self) -> dict[str, float]:
        """The samples by `name{labels}`."""
        text = http("GET", f"{self.health_url}/metrics").text
        samples = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def get(self, path: str) -> Answer:
        """GET on the hook port."""
        return http("GET", f"{self.hook_url}{path}", ca=self._ca)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._server.kill()
            return
        self.stop()
        assert not sanitizer_report(self.output), self.output[-6000:]


class Daemon(Serving):
    """Over a --config folder and a --state folder."""

    def __init__(
        self, sealift: Sealift, config: Path, state: Path, *flags: Word, roles: str = "", **options: Any
    ) -> None:
        self.config, self.state = config, state
        words: list[Word] = ["--config", config, "--state", state, *([f"--roles={roles}"] if roles else [])]
        super().__init__(sealift, *words, *flags, **options)

    # What it wrote into its state

    def object(self, kind: str, name: str, namespace: str = "default") -> Path:
        return self.state / kind.lower() / namespace / name

    def status(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        """The object's status; {} before there is one."""
        try:
            return dict(json.loads((self.object(kind, name, namespace) / "status.json").read_text()))
        except FileNotFoundError:
            return {}

    def generation(self, kind: str, name: str, namespace: str = "default") -> Optional[int]:
        """How often its spec changed, as far as the daemon has seen; None before that."""
        try:
            return json.loads((self.object(kind, name, namespace) / "object.json").read_text()).get("generation")
        except FileNotFoundError:
            return None

    def condition(self, kind: str, name: str, type: str = "Ready", namespace: str = "default") -> dict[str, Any]:
        conditions = self.status(kind, name, namespace).get("conditions") or []
        return next((dict(condition) for condition in conditions if condition.get("type") == type), {})

    def wait_status(
        self, kind: str, name: str, probe: Any, what: str = "", namespace: str = "default", timeout: float = 20
    ) -> dict[str, Any]:
        """Waits until probe(status) is true; a KeyError in it means "not yet"."""

        def look() -> dict[str, Any]:
            status = self.status(kind, name, namespace)
            assert status and probe(status), json.dumps(status)[-1500:]
            return status

        try:
            return wait_for(what or f"the status of {kind} {name}", look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output[-3000:]}") from None

    def wait_ready_of(self, kind: str, name: str, namespace: str = "default", timeout: float = 20) -> dict[str, Any]:
        return self.wait_condition(kind, name, "Ready", "True", None, namespace, timeout)

    def wait_condition(
        self,
        kind: str,
        name: str,
        type: str,
        status: str,
        reason: Optional[str] = None,
        namespace: str = "default",
        timeout: float = 20,
    ) -> dict[str, Any]:
        """Waits for a condition that was judged on the newest spec; returns the whole status."""

        def holds(whole: dict[str, Any]) -> bool:
            found = next((one for one in whole["conditions"] if one["type"] == type), {})
            newest = self.generation(kind, name, namespace) in (None, whole.get("observedGeneration"))
            return newest and found.get("status") == status and reason in (None, found.get("reason"))

        wanted = f"{kind} {name}: {type}={status}" + (f" ({reason})" if reason else "")
        return self.wait_status(kind, name, holds, wanted, namespace, timeout)

    def events(self) -> Iterator[dict[str, Any]]:
        try:
            text = (self.state / "events.jsonl").read_text()
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut by a full disk or a kill, or being written now
