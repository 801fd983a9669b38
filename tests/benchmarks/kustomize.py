"""Rendering of kustomizations beside kustomize's: a small overlay, 100 bases, and flat trees of many objects.

`inside` is one more rendering in a process that runs, as in the packager, from the files to the bytes of every object:
the fastest, the median, and the least time of the processor, which other work on the machine does not lengthen much.
Nothing is kept from one rendering to the next. `whole` is a process from start to exit with its output in a file,
`start` that of a program that only says its version; what is beyond both is told in time of the processor, too.
`memory` is the most that the process held (VmHWM) during these renderings beyond what it held before them, when it had
rendered the tree once, so that code was read, and had given back what was free; also in multiples of the output.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

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
SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: app{n}
spec:
  selector:
    app: app{n}
  ports:
  - port: 80
    targetPort: 8080
"""
CONFIG = """apiVersion: v1
kind: ConfigMap
metadata:
  name: app{n}
data:
  mode: fast
  peers: "app1,app2"
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
    for n in range(100):
        for name, text in (("deployment", OBJECT), ("service", SERVICE), ("config", CONFIG)):
            write(folder / f"app{n}/{name}.yaml", text.format(n=n))
        write(folder / f"app{n}/kustomization.yaml", "resources: [deployment.yaml, service.yaml, config.yaml]\n")
    write(folder / "prod/kustomization.yaml", "namePrefix: prod-\nresources:\n" + "".join(f"- ../app{n}\n" for n in range(100)))
    return folder / "prod"


def monorepo(folder: Path) -> Path:
    subprocess.run([CHECKOUT / "tests/trees/make_monorepo", folder, "100"], check=True)
    return folder / "prod"


def flat(folder: Path, objects: int) -> Path:
    for start in range(0, objects, 1000):
        text = "---\n".join(OBJECT.format(n=n) for n in range(start, min(objects, start + 1000)))
        write(folder / f"part{start}.yaml", text)
    names = "".join(f"- part{start}.yaml\n" for start in range(0, objects, 1000))
    write(folder / "kustomization.yaml", f"namePrefix: p-\nresources:\n{names}")
    return folder


@dataclass
class Run:
    ms: float
    cpu_ms: float


def run(command: list[str], limit: Optional[float] = None) -> Optional[Run]:
    """None when it took longer than `limit` seconds and was stopped."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output)
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG if limit else 0)
            if pid:
                break
            if limit and time.perf_counter() - start > limit:
                process.kill()
                process.wait()
                return None
            time.sleep(0.001)
        took = (time.perf_counter() - start) * 1e3
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{command[0]} failed")
        return Run(took, (used.ru_utime + used.ru_stime) * 1e3)


def fastest(command: list[str], times: int) -> Run:
    runs = [one for one in (run(command) for _ in range(times)) if one is not None]
    return Run(min(one.ms for one in runs), min(one.cpu_ms for one in runs))


def inside(build: Path, folder: Path, times: int) -> dict[str, float]:
    batch = [str(build / "tests/differential/kustomize_batch"), "-n", str(times), str(folder.parent)]
    request = json.dumps({"dir": folder.name}) + "\n"
    answered = subprocess.run(batch, input=request, check=True, text=True, stdout=subprocess.PIPE).stdout
    answer: dict[str, float] = json.loads(answered)
    if "error" in answer:
        raise SystemExit(f"{folder}: {answer['error']}")
    return answer


class Bench:
    def __init__(self, limit: Optional[float]) -> None:
        self.sealift = Path(os.environ["SEALIFT_BIN"])
        self.limit = limit
        self.start = fastest([str(self.sealift), "version"], 20)
        print(f"start of the program: {self.start.ms:.1f} ms ({self.start.cpu_ms:.1f} ms of processor)")

    def report(self, name: str, folder: Path, times: int) -> None:
        here = inside(self.sealift.parents[1], folder, times)
        command = [str(self.sealift), "render", str(folder.parent), "--path", folder.name,
                   "--max-artifact-files", "200000", "--max-unpacked-bytes", "1000000000"]
        whole = fastest(command, min(times, 10))
        print(f"{name}: inside {here['ms']:.2f} ms (median {here['median_ms']:.2f}, processor {here['cpu_ms']:.2f});"
              f" whole {whole.ms:.1f} ms (processor {whole.cpu_ms:.1f}),"
              f" {whole.ms - self.start.ms - here['ms']:+.1f} beyond start and inside"
              f" (processor {whole.cpu_ms - self.start.cpu_ms - here['cpu_ms']:+.1f}); output {here['bytes'] / 1e6:.2f} MB,"
              f" memory {here['memory'] / 1e6:.1f} MB = {here['memory'] / here['bytes']:.1f} times", flush=True)
        if self.limit is not None and self.limit <= 0:
            return
        theirs = run([str(need_part("kustomize")), "build", str(folder)], self.limit)
        if theirs is None and self.limit is not None:
            print(f"    kustomize: stopped after {self.limit:.0f} s; more than {self.limit * 1e3 / whole.ms:.0f} times whole", flush=True)
        elif theirs is not None:
            print(f"    kustomize: {theirs.ms:.1f} ms (processor {theirs.cpu_ms:.1f}), {theirs.ms / whole.ms:.1f} times whole,"
                  f" {theirs.ms / here['ms']:.0f} times inside", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--limit", type=float, default=30, metavar="SECONDS",
                         help="stop kustomize then: it takes minutes for 10,000 objects (default: 30; 0 = do not run it)")
    options.add_argument("--slow", action="store_true", help="let kustomize run to its end")
    args = options.parse_args()
    bench = Bench(None if args.slow else args.limit)
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as temporary:
        root = Path(temporary)
        bench.report("small overlay", small(root / "small"), 50)
        bench.report("100 bases, 300 objects", bases(root / "bases"), 20)
        bench.report("monorepo of 100 apps", monorepo(root / "monorepo"), 10)
        for objects in (1000, 10_000, 100_000):
            bench.report(f"{objects} objects", flat(root / f"flat{objects}/tree", objects), 3)
            if objects >= 10_000 and not args.slow:
                bench.limit = 0


if __name__ == "__main__":
    main()
