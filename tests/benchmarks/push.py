"""Push to applied: from the hook's first byte to the last file in place, when one object of many changed.

git is served over HTTP by git's own http-backend, the registry is Debian's docker-registry (no referrers API) or an
OCI layout on disk, the target is a folder in the layout Tree; all on loopback.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Iterator

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.objects import Config
from parts.oci_registry import DockerRegistry, ReferrersRegistry
from parts.sealift import Daemon, Sealift
from parts.webhook import hook_path, push_payload, send_github

TOKEN = b"0123456789abcdef0123456789abcdef"


def manifest(number: int, value: str) -> str:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: object-{number}\n  namespace: shop\n"
        f'data:\n  value: "{value}"\n  text: "{"x" * 400}"\n'
    )


@contextlib.contextmanager
def repository(kind: str, folder: Path) -> Iterator[str]:
    if kind == "layout":
        yield f"oci-layout://{folder}/layout"
        return
    registry = DockerRegistry(folder / "registry") if kind == "docker" else ReferrersRegistry(folder / "registry")
    with registry:
        yield f"oci://{registry.host}/acme/shop"


class Installation:
    """One Bundle of `objects` objects, one Sync, one Hook, served by one process."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, objects: int, registry: str) -> None:
        self.target = folder / "target"
        self.objects = objects
        sealift = Sealift(folder / "home")
        sealift("keygen", "--output-prefix", folder / "key", env={"COSIGN_PASSWORD": ""})
        self.server = stack.enter_context(GitHttpServer(folder / "git"))
        self.repo = GitRepo(folder / "clone", origin=self.server.create("config"))
        self.url = self.repo.git("remote", "get-url", "origin").strip()
        self.repo.commit({f"app/{n}.yaml": manifest(n, "0") for n in range(objects)})
        self.repo.push()
        place = stack.enter_context(repository(registry, folder))
        config = Config(folder / "config")
        config.secret("key", cosign__key=folder / "key.key", cosign__password="")
        config.secret("hook", token=TOKEN.decode())
        plain = {} if registry == "layout" else {"insecure": True}
        config.bundle(
            "shop",
            source={"git": {"url": self.url, "ref": {"branch": "main"}}},
            path="app",
            artifact={"repository": place, "tags": ["prod"], **plain},
            sign={"secretRef": {"name": "key"}},
        )
        config.sync(
            "shop",
            bundleRef={"name": "shop"},
            **({"artifact": plain} if plain else {}),
            verify={"keys": [{"name": "packager", "pem": (folder / "key.pub").read_text()}]},
            target={"directory": {"path": str(self.target)}},
        )
        config.hook("github", provider="github", secretRef={"name": "hook"}, resources=[{"kind": "Bundle", "name": "shop"}])
        self.daemon = stack.enter_context(Daemon(sealift, config.folder, folder / "state"))
        self.wait_for_value(objects - 1, "0", 60)

    def wait_for_value(self, number: int, value: str, timeout: float) -> float:
        file = self.target / "shop" / "ConfigMap" / f"object-{number}.yaml"
        wanted = f'value: "{value}"'
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if wanted in file.read_text():
                    return time.monotonic()
            time.sleep(0.0005)
        raise SystemExit(f"{file} did not change in {timeout} s:\n{self.daemon.output[-3000:]}")

    def push_once(self, round_number: int) -> tuple[float, float]:
        """Seconds until the hook was answered, and until the file is in place."""
        value = str(round_number)
        number = round_number % self.objects
        commit = self.repo.commit({f"app/{number}.yaml": manifest(number, value)})
        self.repo.push()
        url = self.daemon.hook_url.replace("localhost", "127.0.0.1") + hook_path(TOKEN, "default", "github")
        began = time.monotonic()
        answer = send_github(url, push_payload(self.url, str(commit)), TOKEN)
        answered = time.monotonic()
        assert answer.status == 202 or answer.status == 200, answer
        return answered - began, self.wait_for_value(number, value, 30) - began

    def stages(self, message: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for line in self.daemon.lines(msg=message)[1:]:  # the first is the start, not a push
            for part in line["stages_ms"].split():
                name, _, ms = part.partition("=")
                found.setdefault(name, []).append(float(ms))
        return found


def show(name: str, values: list[float]) -> None:
    print(f"  {name:<28} {statistics.median(values):8.1f} {min(values):8.1f} {max(values):8.1f}")


def measure(objects: int, registry: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        installation = Installation(stack, Path(name), objects, registry)
        hook, total = [], []
        for number in range(1, rounds + 1):
            answered, applied = installation.push_once(number)
            hook.append(answered * 1000)
            total.append(applied * 1000)
            time.sleep(0.05)
        print(f"\npush to applied, 1 object of {objects} changed, registry: {registry}, {rounds} pushes")
        print(f"  {'ms':<28} {'median':>8} {'min':>8} {'max':>8}")
        show("hook until 2xx", hook)
        for stage, values in installation.stages("bundle released").items():
            show(f"packager {stage}", values)
        for stage, values in installation.stages("sync applied").items():
            show(f"controller {stage}", values)
        show("hook's first byte to file", total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, action="append", help="objects in the bundle (default: 10 and 1000)")
    parser.add_argument("--registry", choices=["layout", "docker", "referrers"], action="append")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for registry in options.registry or ["docker", "layout"]:
        for objects in options.objects or [10, 1000]:
            measure(objects, registry, options.rounds)


if __name__ == "__main__":
    main()
