"""The path of a change in a cluster, on a real API server and etcd, each role a process under its own account:

  push    from the hook's first byte to the changed object in the API server, stage by stage
  apply   1,000 new objects by a Sync, beside a bare client that sends the same requests
  drift   from the answer to a foreign write to the healed object
  rest    memory and requests of each role, with 1,000 objects in Syncs that follow Bundles
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

import installation
import yaml
from installation import NAMESPACE, ROLES, Installation, Watch, cpu_seconds, memory_mib, ready
from parts.cluster import GROUP, apply_config
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import KEY_PASSWORD, TOKEN
from parts.oci_registry import DockerRegistry
from parts.wait import wait_for
from parts.webhook import hook_path, push_payload, send_github

KEYS = {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]}
PART_OF = "applyset.kubernetes.io/part-of"
FLOOR_LABEL = "applyset.example.invalid/of-us"  # as long, but not what the controller watches
Object = dict[str, Any]


def config_map(name: str, value: str) -> Object:
    data = {"value": value, "text": "x" * 400}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def workload(name: str) -> Object:
    labels = {"app": name}
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}}
    env = [{"name": "COLOR", "value": "red"}]
    image = "registry.example.com/shop/web:1"
    ports = [{"containerPort": 8080, "protocol": "TCP"}]
    container = {"name": "main", "image": image, "env": env, "ports": ports, "resources": resources}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def cron_job(name: str) -> Object:
    container = {"name": "main", "image": "registry.example.com/shop/job:1", "args": ["--quiet"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    spec = {"schedule": "0 4 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}


def account(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def mixed(count: int, prefix: str = "object") -> list[Object]:
    """ConfigMaps, ServiceAccounts, CronJobs and Deployments in turn."""
    makers: list[Callable[[str], Object]] = [lambda name: config_map(name, "0"), account, cron_job, workload]
    return [makers[n % 4](f"{prefix}-{n}") for n in range(count)]


PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}


def path_of(found: Object, namespace: str) -> str:
    return f"{PATHS[found['kind']].format(namespace)}/{found['metadata']['name']}"


def heading(text: str) -> None:
    print(f"\n{text}")
    print(f"  {'ms':<28} {'median':>8} {'min':>8} {'max':>8}")


def show(name: str, values: list[float]) -> None:
    print(f"  {name:<28} {statistics.median(values):8.1f} {min(values):8.1f} {max(values):8.1f}", flush=True)


class GitPath:
    """A repository in git and a registry, for Bundles."""

    def __init__(self, stack: contextlib.ExitStack, place: Installation) -> None:
        self.server = stack.enter_context(GitHttpServer(place.folder / "git"))
        self.repo = GitRepo(place.folder / "clone", origin=self.server.create("config"))
        self.url = f"{self.server.url}/config.git"
        self.registry = stack.enter_context(registry(place.folder))

    def write(self, files: Mapping[str, Object]) -> str:
        commit = self.repo.commit({name: yaml.safe_dump(found) for name, found in files.items()})
        self.repo.push()
        return str(commit)


def registry(folder: Path) -> DockerRegistry:
    (folder / "registry").mkdir()
    return DockerRegistry(folder / "registry")


def wait_synced(place: Installation, names: list[str], namespace: str = NAMESPACE, timeout: float = 600) -> None:
    def all_ready() -> bool:
        items = place.send("GET", f"{GROUP}/namespaces/{namespace}/syncs")["items"]
        fine = {item["metadata"]["name"] for item in items if ready(item.get("status"))}
        return set(names) <= fine

    wait_for(f"the Syncs {names[0]} … to be Ready", all_ready, timeout)


# ---- push ----


def push(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        place = Installation(stack, Path(name), whole=options.controllers)
        git = GitPath(stack, place)
        git.write({f"app/{n}.yaml": config_map(f"object-{n}", "0") for n in range(options.objects)})
        place.journey.bundle(git.url, git.registry.oci("acme/shop"), path="app")
        place.journey.hook()
        place.journey.config.sync("shop", bundleRef={"name": "shop"}, verify=KEYS)
        apply_config(place.plane, place.journey.config.folder)
        place.start()
        wait_synced(place, ["shop"])
        place.daemons["receiver"].wait_condition("Hook", "shop", NAMESPACE, "True", "Listening")
        watch = Watch(place.plane, PATHS["ConfigMap"].format(NAMESPACE))
        answered, total = [], []
        for number in range(1, options.rounds + 1):
            one = push_once(place, git, watch, number, options.objects)
            answered.append(one[0])
            total.append(one[1])
            time.sleep(0.3)
        heading(f"push to applied, 1 object of {options.objects} changed, {options.rounds} pushes")
        show("hook until 2xx", answered)
        for stage, values in place.stages("packager", "bundle released", 1).items():
            show(f"packager {stage}", values)
        for stage, values in place.stages("controller", "sync applied", 1).items():
            show(f"controller {stage}", values)
        show("hook's first byte to object", total)


def push_once(place: Installation, git: GitPath, watch: Watch, number: int, objects: int) -> tuple[float, float]:
    """Milliseconds until the hook was answered, and until the object was seen."""
    name, value = f"object-{number % objects}", str(number)
    commit = git.write({f"app/{number % objects}.yaml": config_map(name, value)})
    url = place.daemons["receiver"].hook_url.replace("localhost", "127.0.0.1") + hook_path(TOKEN, NAMESPACE, "shop")
    watch.forget()
    began = time.monotonic()
    answer = send_github(url, push_payload(git.url, commit), TOKEN)
    answered = time.monotonic()
    assert answer.status in (200, 202), answer
    seen = watch.wait(
        lambda _, found: found["metadata"]["name"] == name and found.get("data", {}).get("value") == value, name
    )
    return (answered - began) * 1000, (seen - began) * 1000


# ---- apply ----


class Floor:
    """The bare client, with the credentials and the headers of the controller."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        config = yaml.safe_load(place.rights.kubeconfig("controller").read_text())
        self.token = config["users"][0]["user"]["token"]

    def run(self, objects: list[Object], namespace: str, streams: int) -> tuple[float, float]:
        """Seconds, and seconds of CPU."""
        head = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            "Content-Type": "application/apply-patch+yaml",
            "Impersonate-User": f"system:serviceaccount:{NAMESPACE}:sealift",
        }
        text = b"".join(f"H {name}: {value}\n".encode() for name, value in head.items())
        for one in objects:
            labels = {**one["metadata"].get("labels", {}), FLOOR_LABEL: f"applyset-{'x' * 43}-v1"}
            body = {**one, "metadata": {**one["metadata"], "namespace": namespace, "labels": labels}}
            data = json.dumps(body, separators=(",", ":")).encode()
            query = "force=true&fieldManager=sealift&fieldValidation=Strict"
            text += f"P {path_of(one, namespace)}?{query} {len(data)}\n".encode() + data + b"\n"
        words = [os.environ["BENCH_FLOOR"], self.place.plane.url, str(self.place.plane.ca), str(streams)]
        done = subprocess.run(words, input=text, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout)
        assert said["answered"] == len(objects)
        return said["seconds"], said["cpu"]


class Shipment:
    """The same objects as an artifact, and Syncs that take it."""

    def __init__(self, place: Installation, oci: str, objects: list[Object], folder: Path) -> None:
        self.place, self.oci = place, oci
        folder.mkdir()
        for one in objects:
            name = f"{one['metadata']['name']}.yaml"
            (folder / name).write_text(yaml.safe_dump(one))
        words = ["push", folder, f"{oci}:prod", "--insecure", "--key", place.journey.private]
        place.sealift(*words, env={"COSIGN_PASSWORD": KEY_PASSWORD})
        self.watch = Watch(place.plane, f"{GROUP}/namespaces/{NAMESPACE}/syncs")

    def run(self, name: str, namespace: str) -> tuple[float, float, float]:
        """Seconds from the Sync's creation until it is Ready, seconds of CPU, and seconds of the stage `apply`."""
        spec = {
            "artifact": {"repository": self.oci, "tag": "prod", "insecure": True},
            "verify": KEYS,
            "targetNamespace": namespace,
            "interval": "24h",
        }
        sync = {"apiVersion": "sealift.dev/v1alpha1", "kind": "Sync", "metadata": {"name": name}, "spec": spec}
        pid = self.place.controller.pid
        cpu = cpu_seconds(pid)
        began = time.monotonic()
        self.place.send("POST", f"{GROUP}/namespaces/{NAMESPACE}/syncs", sync)
        seen = self.watch.wait(
            lambda _, found: found["metadata"]["name"] == name and ready(found.get("status")), f"Sync {name}", timeout=60
        )
        cpu = cpu_seconds(pid) - cpu
        # The log line comes after the status that was waited for.
        lines = wait_for("its log line", lambda: self.place.controller.lines(msg="sync applied", name=name))
        stages = lines[-1]["stages_ms"]
        apply_ms = next(float(part[6:]) for part in stages.split() if part.startswith("apply="))
        return seen - began, cpu, apply_ms / 1000

    def remove(self, name: str) -> float:
        """Seconds until it is gone, with all that it applied."""
        self.watch.forget()
        began = time.monotonic()
        self.place.send("DELETE", f"{GROUP}/namespaces/{NAMESPACE}/syncs/{name}")
        gone = self.watch.wait(lambda kind, found: kind == "DELETED" and found["metadata"]["name"] == name, name)
        return gone - began


def clear(place: Installation, namespace: str) -> None:
    for path in PATHS.values():
        selector = f"?labelSelector={FLOOR_LABEL}"
        place.send("DELETE", path.format(namespace) + selector, {"propagationPolicy": "Background"})


def best_streams(floor: Floor, place: Installation, objects: list[Object], namespace: str) -> int:
    floor.run(objects, namespace, 32)  # the API server's first look at such objects
    clear(place, namespace)
    times = {}
    for streams in (16, 32, 64, 96):
        times[streams], _ = floor.run(objects, namespace, streams)
        clear(place, namespace)
    print("bare client, seconds by streams: " + ", ".join(f"{n}: {t:.2f}" for n, t in times.items()), flush=True)
    return min(times, key=lambda streams: times[streams])


def apply(options: argparse.Namespace) -> None:
    count = options.new_objects
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        place = Installation(stack, Path(name), whole=options.controllers)
        oci = stack.enter_context(registry(place.folder)).oci("acme/many")
        objects = mixed(count)
        apply_config(place.plane, place.journey.config.folder)
        place.start("controller")
        floor, target = Floor(place), place.namespace("target", secrets=False)
        bare = place.namespace("bare", secrets=False)
        # The keys of a Sync are in its own namespace, and so is its account.
        shipment = Shipment(place, oci, objects, place.folder / "manifests")
        streams = best_streams(floor, place, objects, bare)
        shipment.run("warm", target)
        shipment.remove("warm")
        keys = ("bare", "bare cpu", "bare server", "sync", "apply", "cpu", "server", "prune")
        measured: dict[str, list[float]] = {key: [] for key in keys}

        def note(**seconds: float) -> None:
            for key, value in seconds.items():
                measured[key.replace("_", " ")].append(value)

        for turn in range(options.turns):
            server = place.server_cpu_seconds()
            seconds, cpu = floor.run(objects, bare, streams)
            note(bare=seconds, bare_cpu=cpu, bare_server=place.server_cpu_seconds() - server)
            clear(place, bare)
            server = place.server_cpu_seconds()
            seconds, cpu, apply_seconds = shipment.run(f"turn-{turn}", target)
            note(sync=seconds, cpu=cpu, apply=apply_seconds, server=place.server_cpu_seconds() - server)
            note(prune=shipment.remove(f"turn-{turn}"))
        show_apply(measured, count, streams, options)


def show_apply(measured: Mapping[str, list[float]], count: int, streams: int, options: argparse.Namespace) -> None:
    plane = "the whole control plane" if options.controllers else "API server and etcd alone"
    heading(f"{count} new objects, {plane}, in turn, {options.turns} times")
    for key, name in (
        ("bare", f"bare client, {streams} streams"),
        ("bare cpu", "  its CPU"),
        ("bare server", "  CPU of API server and etcd"),
        ("apply", "Sync, stage apply"),
        ("sync", "Sync, created to Ready"),
        ("cpu", "  CPU of the controller"),
        ("server", "  CPU of API server and etcd"),
        ("prune", "Sync, deleted to gone"),
    ):
        show(name, [1000 * value for value in measured[key]])
    for name, key in (("stage apply", "apply"), ("created to Ready", "sync")):
        ratios = [ours / bare for ours, bare in zip(measured[key], measured["bare"])]
        best = min(measured[key]) / min(measured["bare"])
        print(f"  {name} / bare client: median {statistics.median(ratios):.2f}, best by best {best:.2f}")
    # Where the processors are the limit, and others use them too, this says more than the time.
    ours, bare = measured["cpu"] + measured["server"], measured["bare cpu"] + measured["bare server"]
    print(f"  CPU of all, Sync / bare client: {sum(ours) / sum(bare):.2f}")


# ---- drift ----


class Drift:
    """Foreign writes to one object, and what the healed object looks like."""

    def __init__(self, place: Installation, found: Object) -> None:
        self.place, self.found = place, found
        self.name = found["metadata"]["name"]
        self.path = path_of(found, NAMESPACE)

    def write(self, patch: Object) -> Object:
        path = f"{self.path}?fieldManager=stranger"
        return self.place.send("PATCH", path, patch, "application/merge-patch+json")

    def delete(self) -> Object:
        return self.place.send("DELETE", self.path)

    def forget_managers(self) -> Object:
        return self.write({"metadata": {"managedFields": [{}]}})


def is_labelled(found: Object) -> bool:
    return PART_OF in found["metadata"].get("labels", {})


def is_managed(found: Object) -> bool:
    return any(
        entry.get("manager") == "sealift" and entry.get("operation") == "Apply"
        for entry in found["metadata"].get("managedFields", [])
    )


KINDS_OF_DRIFT: list[tuple[str, str, Callable[[Drift], Object], Callable[[Object], bool]]] = [
    (
        "value of a ConfigMap",
        "ConfigMap",
        lambda drift: drift.write({"data": {"value": "foreign"}}),
        lambda found: found["data"]["value"] == "0",
    ),
    (
        "scaled Deployment",
        "Deployment",
        lambda drift: drift.write({"spec": {"replicas": 3}}),
        lambda found: found["spec"]["replicas"] == 1,
    ),
    (
        "image of a Deployment",
        "Deployment",
        lambda drift: drift.write(
            {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example.com/evil:1"}]}}}}
        ),
        lambda found: found["spec"]["template"]["spec"]["containers"][0]["image"].endswith("/shop/web:1"),
    ),
    (
        "label taken off",
        "ConfigMap",
        lambda drift: drift.write({"metadata": {"labels": {PART_OF: None}}}),
        is_labelled,
    ),
    ("managedFields cleared", "ConfigMap", lambda drift: drift.forget_managers(), is_managed),
    ("deleted", "ConfigMap", lambda drift: drift.delete(), is_managed),
]


def drift_once(drift: Drift, watch: Watch, act: Callable[[Drift], Object], is_healed: Callable[[Object], bool]) -> float:
    watch.forget()
    answer = act(drift)
    answered = installation.answered
    version = int(answer["metadata"].get("resourceVersion", 0)) if answer.get("kind") != "Status" else 0

    def healed(kind: str, found: Object) -> bool:
        meta = found["metadata"]
        newer = int(meta["resourceVersion"]) > version
        return meta["name"] == drift.name and newer and kind != "DELETED" and is_healed(found)

    return (watch.wait(healed, f"{drift.name} healed") - answered) * 1000


def drift(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        place = Installation(stack, Path(name), whole=options.controllers)
        oci = stack.enter_context(registry(place.folder)).oci("acme/many")
        # Each object is changed once: what is changed again and again is left alone for a while.
        objects = mixed(4 * options.rounds * len(KINDS_OF_DRIFT))
        apply_config(place.plane, place.journey.config.folder)
        place.start("controller")
        shipment = Shipment(place, oci, objects, place.folder / "manifests")
        shipment.run("many", NAMESPACE)
        watches = {kind: Watch(place.plane, PATHS[kind].format(NAMESPACE)) for kind in ("ConfigMap", "Deployment")}
        fresh = {kind: [one for one in objects if one["kind"] == kind] for kind in watches}
        heading(f"drift healed, {len(objects)} objects in the Sync, from the answer to the foreign write, {options.rounds} each")
        everything = []
        for title, kind, act, is_healed in KINDS_OF_DRIFT:
            times = []
            for _ in range(options.rounds):
                times.append(drift_once(Drift(place, fresh[kind].pop()), watches[kind], act, is_healed))
                time.sleep(0.25)
            show(title, times)
            everything += times
        show("all", everything)
        for stage, values in place.stages("controller", "drift healed", 0).items():
            show(f"controller {stage}", values)


# ---- rest ----


def rest(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="sealift-bench-") as name, contextlib.ExitStack() as stack:
        place = Installation(stack, Path(name), audit=True)
        git = GitPath(stack, place)
        each = options.new_objects // options.syncs
        names = [f"app-{n}" for n in range(options.syncs)]
        files = {f"{app}/{found['metadata']['name']}.yaml": found for app in names for found in mixed(each, app)}
        git.write(files)
        for app in names:
            place.journey.bundle(git.url, git.registry.oci(f"acme/{app}"), app, path=app, interval="10m")
            place.journey.config.sync(app, bundleRef={"name": app}, verify=KEYS)
        place.journey.hook(resources=[{"kind": "Bundle", "name": app} for app in names])
        apply_config(place.plane, place.journey.config.folder)
        place.start()
        wait_synced(place, names)
        print(f"\n{options.syncs} Bundles and Syncs of {each} objects each, at rest")
        time.sleep(options.settle)  # longer than anything idle is kept for
        before = {role: cpu_seconds(place.daemons[role].pid) for role in ROLES}
        mark = place.audit.mark()
        time.sleep(options.seconds)
        print(f"  {'MiB':<28} {'RssAnon':>8} {'VmRSS':>8} {'VmHWM':>8}")
        for role in ROLES:
            found = memory_mib(place.daemons[role].pid)
            print(f"  {role:<28} {found['RssAnon']:8.1f} {found['VmRSS']:8.1f} {found['VmHWM']:8.1f}")
        print(f"  requests in {options.seconds:g} s, and CPU")
        for role in ROLES:
            cpu = (cpu_seconds(place.daemons[role].pid) - before[role]) * 1000
            counted = place.audit.requests(mark, place.rights.namespace, role)
            said = ", ".join(f"{what} {n}" for what, n in sorted(counted.items())) or "none"
            print(f"  {role:<28} {said}; {cpu:.0f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = {"push": push, "apply": apply, "drift": drift, "rest": rest}
    parser.add_argument("parts", nargs="*", metavar="PART", help="push, apply, drift, rest; default: all")
    parser.add_argument("--controllers", action="store_true", help="with the whole control plane (not rest)")
    parser.add_argument("--objects", type=int, default=10, help="push: objects in the Bundle")
    parser.add_argument("--rounds", type=int, default=15, help="push: pushes; drift: writes of each kind")
    parser.add_argument("--new-objects", type=int, default=1000, help="apply, rest: objects")
    parser.add_argument("--turns", type=int, default=7, help="apply: how often each client applies")
    parser.add_argument("--syncs", type=int, default=10, help="rest: Syncs, and Bundles")
    parser.add_argument("--settle", type=float, default=40, help="rest: seconds before it is measured")
    parser.add_argument("--seconds", type=float, default=60, help="rest: how long requests are counted")
    options = parser.parse_args()
    chosen: Optional[list[str]] = options.parts or list(every)
    for part in chosen or []:
        if part not in every:
            parser.error(f"there is no part {part}")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for part in chosen or []:
        every[part](options)


if __name__ == "__main__":
    main()
