"""Packing and pushing 64 MiB of manifests, beside Flux's artifact client, oras-go, and zlib alone.

CPU is that of the whole process, reading its folder included; the registry is Debian's, on loopback. sealift parses and
checks every object before it packs, which the clients do not: `--unsigned` and plain rendering keep the rest alike.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import tempfile
import time
import zlib
from pathlib import Path
from typing import Callable

from parts.need import need_part
from parts.oci_registry import DockerRegistry
from parts.sealift import Sealift

WORDS = "alpha beta gamma delta replicas image labels selector template spec metadata container port volume".split()


def write_manifests(folder: Path, objects: int, size: int) -> int:
    """Text as configuration is: words that repeat, and some that do not."""
    source = random.Random(1)
    for number in range(objects):
        lines = [f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: object-{number}, namespace: shop}}\ndata:"]
        length, line = len(lines[0]), 0
        while length < size:
            text = f'  key-{line}: "{" ".join(source.choices(WORDS, k=8))} {source.getrandbits(48):012x}"'
            lines.append(text)
            length += len(text) + 1
            line += 1
        (folder / f"{number:05}.yaml").write_text("\n".join(lines) + "\n")
    return sum(path.stat().st_size for path in folder.iterdir())


def cost(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock, and of processors in what was run."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu


def measure(name: str, rounds: int, run: Callable[[int], object]) -> tuple[float, float]:
    costs = [cost(lambda number=number: run(number)) for number in range(rounds)]  # type: ignore[misc]
    wall, cpu = (statistics.median(values) for values in zip(*costs))
    print(f"  {name:<28} {wall:8.2f} s {cpu:8.2f} s of CPU")
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=4096)
    parser.add_argument("--size", type=int, default=16 << 10, help="bytes of one manifest")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name:
        folder = Path(name) / "manifests"
        folder.mkdir()
        total = write_manifests(folder, options.objects, options.size)
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {total / (1 << 20):.0f} MiB in {options.objects} files")
        sealift, clients = Sealift(Path(name) / "home"), need_part("clients")
        with DockerRegistry(Path(name) / "registry") as registry:

            def ours(number: int) -> None:
                ref = registry.oci(f"bench/ours-{number}:prod")
                sealift("push", folder, ref, "--unsigned", "--type", "Plain", "--max-artifact-bytes", str(256 << 20), timeout=300)

            def theirs(client: str, number: int) -> None:
                words = [clients, client, folder, registry.repository(f"bench/{client}-{number}:prod")]
                subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DOCKER_CONFIG": name})

            our_wall, our_cpu = measure("sealift push", options.rounds, ours)
            peers = {"Flux's artifact client": "flux-push", "oras-go": "oras-push"}
            costs = {
                title: measure(title, options.rounds, lambda number, client=client: theirs(client, number))
                for title, client in peers.items()
            }
        text = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
        began = time.process_time()
        zlib.compress(text, 6)
        print(f"  {'zlib, level 6, alone':<28} {'':10} {time.process_time() - began:8.2f} s of CPU")
        for title, (wall, cpu) in costs.items():
            print(f"  ratio, {title} : sealift   {wall / our_wall:.1f} by the clock, {cpu / our_cpu:.1f} by CPU")


if __name__ == "__main__":
    main()
