"""Memory at rest: all roles in one process, after one push to each of 100 Bundles that 100 Syncs follow."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

from parts.git_repo import GitRepo
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.webhook import hook_path, push_payload, send_github
from push import TOKEN, manifest

COUNT = 100
REST_SECONDS = 40  # longer than anything idle is kept for

EMPTY_PROGRAM = "#include <unistd.h>\nint main(void){pause();return 0;}\n"
LIBRARIES = ["libcurl", "libarchive", "openssl", "jansson", "libgit2", "libevent", "yaml-0.1"]


def figures(pid: int) -> dict[str, float]:
    """MiB by name, as /proc says."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":") for line in lines if line.startswith(("VmRSS", "RssAnon", "RssFile", "VmHWM")))
    return {name: int(value.split()[0]) / 1024 for name, value in pairs}


def empty_program(folder: Path) -> dict[str, float]:
    """The same libraries, and nothing else: what loading them costs."""
    source, program = folder / "empty.c", folder / "empty"
    source.write_text(EMPTY_PROGRAM)
    flags = subprocess.check_output(["pkg-config", "--libs", *LIBRARIES], text=True).split()
    subprocess.run(["gcc", str(source), "-o", str(program), "-Wl,--no-as-needed", *flags], check=True)
    with subprocess.Popen([str(program)]) as process:
        time.sleep(0.5)
        found = figures(process.pid)
        process.kill()
    return found


def configure(folder: Path, sealift: Sealift, url: str) -> Config:
    sealift("keygen", "--output-prefix", folder / "key", env={"COSIGN_PASSWORD": ""})
    config = Config(folder / "config")
    config.secret("key", cosign__key=folder / "key.key", cosign__password="")
    config.secret("hook", token=TOKEN.decode())
    config.hook("github", provider="github", secretRef={"name": "hook"},
                resources=[{"kind": "Bundle", "name": f"app-{n}"} for n in range(COUNT)])  # fmt: skip
    for n in range(COUNT):
        config.bundle(
            f"app-{n}",
            source={"git": {"url": url, "ref": {"branch": "main"}}},
            path=f"apps/{n}",
            artifact={"repository": f"oci-layout://{folder}/layouts/{n}", "tags": ["prod"]},
            sign={"secretRef": {"name": "key"}},
        )
        config.sync(
            f"app-{n}",
            bundleRef={"name": f"app-{n}"},
            verify={"keys": [{"name": "packager", "pem": (folder / "key.pub").read_text()}]},
            target={"directory": {"path": str(folder / "targets" / str(n))}},
        )
    return config


def wait_for_all(folder: Path, value: str) -> None:
    deadline = time.monotonic() + 300
    files = [folder / "targets" / str(n) / "shop" / "ConfigMap" / f"object-{n}.yaml" for n in range(COUNT)]
    while files:
        assert time.monotonic() < deadline, f"{len(files)} Syncs are not applied, the first: {files[0]}"
        with contextlib.suppress(OSError):
            if f'value: "{value}"' in files[0].read_text():
                files.pop(0)
                continue
        time.sleep(0.02)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        sealift = Sealift(folder / "home")
        repo = GitRepo(folder / "clone")
        repo.commit({f"apps/{n}/object.yaml": manifest(n, "0") for n in range(COUNT)})
        config = configure(folder, sealift, f"file://{folder}/clone")
        daemon = stack.enter_context(Daemon(sealift, config.folder, folder / "state", ready_timeout=120))
        wait_for_all(folder, "0")
        commit = repo.commit({f"apps/{n}/object.yaml": manifest(n, "1") for n in range(COUNT)})
        url = daemon.hook_url.replace("localhost", "127.0.0.1") + hook_path(TOKEN, "default", "github")
        began = time.monotonic()
        send_github(url, push_payload(f"file://{folder}/clone", str(commit)), TOKEN)
        wait_for_all(folder, "1")
        print(f"\n{COUNT} Bundles and {COUNT} Syncs, one push to all: {time.monotonic() - began:.1f} s")
        time.sleep(REST_SECONDS)
        ours, empty = figures(daemon.pid), empty_program(folder)
        print("memory at rest, MiB              sealift   empty program with the same libraries")
        for key in ("RssAnon", "VmRSS", "VmHWM"):
            print(f"  {key:<28} {ours[key]:9.1f}   {empty[key]:9.1f}")


if __name__ == "__main__":
    main()
