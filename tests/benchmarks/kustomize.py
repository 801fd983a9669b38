"""Rendering of kustomizations beside kustomize's: a small overlay, 100 bases, and flat trees of many objects.

`whole` is a process from start to exit with its output on a pipe (the fastest of some), `inside` one more rendering in
a process that runs, as in the packager. kustomize's flat tree takes minutes at 10,000 objects: --slow asks for it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from parts.need import CHECKOUT, need_part

OBJECT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: app{n}, labels: {{app: app{n}}}}}
spec:
  selector: {{matchLabels: {{app: app{n}}}}}
  template:
    metadata: {{labels: {{app: app{n}}}}}
    spec: {{containers: [{{name: main, image: nginx, envFrom: [{{configMapRef: {{name: none}}}}]}}]}}
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def small(folder: Path) -> Path:
    write(folder / "base/app.yaml", OBJECT.format(n=1))
    write(folder / "base/kustomization.yaml", "resources: [app.yaml]\nconfigMapGenerator:\n- {name: c, literals: [a=b]}\n")
    write(folder / "prod/kustomization.yaml", "resources: [../base]\nnamePrefix: prod-\nimages: [{name: nginx, newTag: '1'}]\n")
    return folder / "prod"


def bases(folder: Path) -> Path:
    subprocess.run([CHECKOUT / "tests/trees/make_monorepo", folder, "100"], check=True)
    return folder / "prod"


def flat(folder: Path, objects: int) -> Path:
    for start in range(0, objects, 1000):
        text = "---\n".join(OBJECT.format(n=n) for n in range(start, min(objects, start + 1000)))
        write(folder / f"part{start}.yaml", text)
    names = "".join(f"- part{start}.yaml\n" for start in range(0, objects, 1000))
    write(folder / "kustomization.yaml", f"namePrefix: p-\nresources:\n{names}")
    return folder


def whole(command: list[str], times: int) -> tuple[float, int]:
    """Milliseconds and bytes of output."""
    fastest, size = float("inf"), 0
    for _ in range(times):
        start = time.perf_counter()
        size = len(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        fastest = min(fastest, (time.perf_counter() - start) * 1e3)
    return fastest, size


def inside(build: Path, folder: Path, times: int) -> tuple[str, int]:
    """Milliseconds, and the most memory of the process in KiB."""
    batch = subprocess.Popen([build / "tests/differential/kustomize_batch", "-n", str(times), folder.parent],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    answer = json.loads(batch.communicate(json.dumps({"dir": folder.name}) + "\n")[0])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (f"{answer['ms']:.2f}" if "ms" in answer else answer["error"]), peak


def report(name: str, folder: Path, times: int, with_kustomize: bool) -> None:
    sealift = Path(os.environ["SEALIFT_BIN"])
    took, peak = inside(sealift.parents[1], folder, times)
    program, size = whole([str(sealift), "render", str(folder.parent), "--path", folder.name], times)
    line = f"{name:24} inside {took:>9} ms   whole {program:9.1f} ms   output {size / 1e6:6.2f} MB   memory {peak / 1024:7.1f} MB"
    if with_kustomize:
        theirs, _ = whole([str(need_part("kustomize")), "build", str(folder)], min(times, 3))
        line += f"   kustomize {theirs:9.1f} ms"
    print(line, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--slow", action="store_true", help="also kustomize's 10,000 objects, which takes minutes")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as temporary:
        root = Path(temporary)
        report("small overlay", small(root / "small"), 20, True)
        report("100 bases, 400 objects", bases(root / "bases"), 10, True)
        for objects in (1000, 10_000):
            report(f"{objects} objects", flat(root / f"flat{objects}/tree", objects), 3, objects <= 1000 or args.slow)


if __name__ == "__main__":
    main()
