"""What people who come from other controllers do to objects of a Sync, and expect of it."""

from __future__ import annotations

import email.utils
import select
import socket
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from parts.api_proxy import ApiFault, ApiProxy, kubeconfig_through
from parts.cluster import Rights
from parts.control_plane import ControlPlane
from parts.journey import config_map, maps
from parts.sealift import Sealift
from parts.site import Site
from parts.wait import stays, wait_for


@pytest.fixture(scope="module")
def rights(plane: ControlPlane) -> Rights:
    return Rights(plane, plane.namespace("habits-system"))


def annotated(name: str, annotations: dict[str, str], **data: str) -> str:
    body = {"metadata": {"name": name, "annotations": annotations}, "data": data or {"color": "red"}}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", **body})


def kubeconfig_secret(site: Site, namespace: str) -> dict[str, Any]:
    """To another cluster, as an account of one namespace there."""
    text = site.plane.kubeconfig_of(namespace, "remote").read_text()
    metadata = {"name": "there", "namespace": site.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"value": text}}


def reconcile(site: Site, *words: str) -> None:
    site.sealift(*("reconcile", "sync", "shop", "-n", site.namespace, "--kubeconfig", site.plane.kubeconfig), *words)


# Left alone


def test_drift_that_is_ignored(site: Site) -> None:
    """Nothing puts it back: no watch, no look at everything, no restart, no reconcile. A new content does."""
    mine = {"mine.yaml": annotated("mine", {"sealift.dev/drift": "ignore"})}
    gone = {"gone.yaml": annotated("gone", {"sealift.dev/drift": "ignore"})}
    with site.controller() as controller:
        site.ship({**mine, **gone, **maps("a", "b", "c")})
        site.ready()
        site.change("mine", color="green")
        site.plane.kubectl("delete", "configmap", "gone", "-n", site.namespace)
        site.change("a", color="green")
        wait_for("the other to be healed", lambda: site.data("a") == {"color": "red"})
        assert site.data("mine") == {"color": "green"}
        assert site.map("gone") is None
        # Asked for all of it, what is missing is made again.
        reconcile(site)
        wait_for("what is missing", lambda: site.map("gone") is not None)
        assert site.data("mine") == {"color": "green"}
        controller.stop()
        controller.start()
        site.change("a", color="green")
        wait_for("the other to be healed", lambda: site.data("a") == {"color": "red"})
        stays("what somebody changed", lambda: site.data("mine") == {"color": "green"}, 1)
        site.ship({**mine, **gone, **maps("a", "b", "c", "d")})
        site.ready()
        assert site.data("mine") == {"color": "green"}
        mine = {"mine.yaml": annotated("mine", {"sealift.dev/drift": "ignore"}, color="blue")}
        site.ship({**mine, **gone, **maps("a", "b", "c", "d")})
        site.ready()
        assert site.data("mine") == {"color": "blue"}
        # Dropped it goes, like all others.
        site.ship({**gone, **maps("a", "b", "c", "d")})
        site.ready()
        assert site.map("mine") is None


def test_prune_of_a_sync_that_leaves_all(site: Site) -> None:
    with site.controller():
        site.ship(maps("a", "b"), prune=False)
        site.ready()
        site.ship(maps("a"), prune=False)
        site.ready()
        assert site.names() == {"a", "b"}
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
        assert site.names() == {"a", "b"}


def test_what_stays_when_a_sync_is_deleted(site: Site) -> None:
    with site.controller():
        site.ship({**maps("a", "b"), "kept.yaml": annotated("kept", {"sealift.dev/prune": "disabled"})})
        site.ready()
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
        assert site.names() == {"kept"}


# Fields that cannot be changed


RBAC = "rbac.authorization.k8s.io"
LABELS = {"app": "x"}


def template(command: str = "run", **spec: str) -> dict[str, Any]:
    container = {"name": "a", "image": "registry.example.com/a:1", "command": [command]}
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [container], **spec}}


def fixed(kind: str, version: str, **parts: Any) -> str:
    return yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": {"name": kind.lower()}, **parts})


# Before and after: other words of the API server each time.
FIXED: dict[str, Callable[[str], str]] = {
    "Job": lambda v: fixed("Job", "batch/v1", spec={"template": template(v, restartPolicy="Never")}),
    "StatefulSet": lambda v: fixed(
        "StatefulSet", "apps/v1", spec={"serviceName": v, "selector": {"matchLabels": LABELS}, "template": template()}
    ),
    "RoleBinding": lambda v: fixed(
        "RoleBinding",
        f"{RBAC}/v1",
        roleRef={"apiGroup": RBAC, "kind": "Role", "name": "sealift" if v == "one" else "other"},
        subjects=[{"apiGroup": RBAC, "kind": "User", "name": "ada"}],
    ),
    "Service": lambda v: fixed(
        "Service",
        "v1",
        spec={"ports": [{"port": 80, "protocol": "TCP"}], **({} if v == "one" else {"clusterIP": "None"})},
    ),
    "Secret": lambda v: fixed("Secret", "v1", type=f"example.com/{v}"),
    "ConfigMap": lambda v: fixed("ConfigMap", "v1", immutable=True, data={"a": v}),
    "Pod": lambda v: fixed("Pod", "v1", spec=template(v)["spec"]),
}


@pytest.mark.parametrize("kind", FIXED)
def test_fields_that_cannot_be_changed(site: Site, kind: str) -> None:
    """What to do is said, and works."""
    with site.controller():
        site.ship({**maps("a"), "it.yaml": FIXED[kind]("one")})
        site.ready()
        uid = site.plane.get(kind, kind.lower(), "-n", site.namespace)["metadata"]["uid"]
        site.ship({**maps("a"), "it.yaml": FIXED[kind]("two")})
        message = site.becomes("False", "ApplyFailed")
        assert "sealift.dev/force: recreate" in message, message
        forced = yaml.safe_load(FIXED[kind]("two"))
        forced["metadata"]["annotations"] = {"sealift.dev/force": "recreate"}
        site.ship({**maps("a"), "it.yaml": yaml.safe_dump(forced)})
        site.ready(40)
        assert site.plane.get(kind, kind.lower(), "-n", site.namespace)["metadata"]["uid"] != uid


# Hooks and Jobs that clear up after themselves


def test_hook_runs_once(site: Site, cluster: ControlPlane) -> None:
    """A Job that was cleared up is run again by no restart, no look at everything, no artifact with the same."""

    def job(version: int, **spec: Any) -> str:
        container = {"name": "main", "image": f"registry.example.com/migrate:{version}"}
        pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        meta = {"name": "migrate", "annotations": {"sealift.dev/hook": "before"}}
        body = {"metadata": meta, "spec": {"template": pod, **spec}}
        return yaml.safe_dump({"apiVersion": "batch/v1", "kind": "Job", **body})

    def runs() -> int:
        items = cluster.get("events", "-n", site.namespace)["items"]
        made = [one for one in items if one["involvedObject"]["kind"] == "Job" and one["reason"] == "SuccessfulCreate"]
        return len({one["involvedObject"]["uid"] for one in made})

    def clear_up() -> None:
        cluster.kubectl("delete", "job", "migrate", "-n", site.namespace)

    with site.controller() as controller:
        site.ship({**maps("a", "b"), "job.yaml": job(1)})
        site.ready(40)
        clear_up()
        site.change("a", color="green")
        wait_for("the heal", lambda: site.data("a") == {"color": "red"})
        site.ship({**maps("a", "b", color="blue"), "job.yaml": job(1)})
        site.ready(40)
        controller.stop()
        controller.start()
        site.change("a", color="green")
        wait_for("the heal", lambda: site.data("a") == {"color": "blue"})
        assert runs() == 1 and not cluster.get("jobs", "-n", site.namespace)["items"]
        # Another one runs, and so does one that somebody asks for.
        site.ship({**maps("a", "b", color="blue"), "job.yaml": job(2)})
        site.ready(40)
        assert runs() == 2
        clear_up()
        reconcile(site)
        wait_for("it to run again", lambda: runs() == 3)
        site.ship({**maps("a", "b", color="blue"), "job.yaml": job(3, ttlSecondsAfterFinished=0)})
        assert "write at least 10" in site.becomes("False", "ApplyFailed")


def test_place_where_nothing_is_ours(site: Site) -> None:
    """A cluster that was made anew gets all of the artifact, though the status says that it was applied."""
    gone = {"gone.yaml": annotated("gone", {"sealift.dev/drift": "ignore"})}
    with site.controller() as controller:
        site.ship({**gone, **maps("a", "b")})
        site.ready()
        controller.stop()
        site.plane.kubectl("delete", "configmap", "a", "b", "gone", "-n", site.namespace)
        controller.start()
        wait_for("what nobody ignores", lambda: site.names() >= {"a", "b"})
        wait_for("what is new there", lambda: site.map("gone") is not None)


# Health


def test_wait_without_the_right_to_watch(site: Site, cluster: ControlPlane) -> None:
    """Who may not watch a kind everywhere hears of its health all the same."""
    there = cluster.namespace(f"{site.namespace[:50]}-there")
    site.account("remote", there)
    cluster.apply(kubeconfig_secret(site, there))
    web = fixed("Deployment", "apps/v1", spec={"selector": {"matchLabels": LABELS}, "template": template()})
    spec = {"targetNamespace": there, "wait": True, "target": {"kubeConfig": {"secretRef": {"name": "there"}}}}
    with site.controller():
        site.ship({**maps("a"), "web.yaml": web}, **spec)
        site.ready(40)


# What others applied before


def test_what_kubectl_applied_before(site: Site, plane: ControlPlane) -> None:
    """Taken over: what the artifact has, and later has no more, goes with it."""
    before = config_map("a", site.namespace, color="red", shape="round")
    plane.kubectl("apply", "-f", "-", stdin=before)
    with site.controller():
        site.ship(maps("a", "b", color="blue", shape="round"))
        site.ready()
        assert site.data("a") == {"color": "blue", "shape": "round"}
        site.ship(maps("a", "b", color="blue"))
        site.ready()
        assert site.data("a") == {"color": "blue"}


def test_kind_that_gets_another_version_with_defaults(site: Site, plane: ControlPlane) -> None:
    """What was applied by the version of before is applied by the new one, with fields that the old one had not."""
    group = "boats.example.com"

    def version(name: str, **fields: Any) -> dict[str, Any]:
        spec = {"type": "object", "properties": {"sails": {"type": "integer"}, **fields}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        return {"name": name, "served": True, "storage": not fields, "schema": schema}

    def definition(*versions: dict[str, Any]) -> dict[str, Any]:
        names = {"kind": "Boat", "plural": "boats"}
        spec = {"group": group, "names": names, "scope": "Namespaced", "versions": list(versions)}
        metadata = {"name": f"boats.{group}"}
        api = "apiextensions.k8s.io/v1"
        return {"apiVersion": api, "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}

    def boat(name: str, **spec: Any) -> str:
        body = {"metadata": {"name": "one", "namespace": site.namespace}, "spec": {"sails": 2, **spec}}
        return yaml.safe_dump({"apiVersion": f"{group}/{name}", "kind": "Boat", **body})

    old = version("v1")
    hull = {"type": "object", "default": {"color": "red"}, "properties": {"color": {"type": "string"}}}
    new = {**version("v2", hull=hull), "storage": True}
    plane.apply(definition(old))
    plane.kubectl("wait", "--for=condition=Established", f"crd/boats.{group}")
    try:
        with site.controller():
            site.ship({**maps("a"), "boat.yaml": boat("v1")})
            site.ready()
            plane.apply(definition({**old, "storage": False}, new))
            wait_for("the new version", lambda: plane.api("GET", f"/apis/{group}/v2").status == 200)
            plane.kubectl("annotate", f"boats.{group}", "one", "-n", site.namespace, "note=x")
            site.ship({**maps("a"), "boat.yaml": boat("v2", hull={"color": "blue"})})
            reconcile(site)
            site.ready(30)
            plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
    finally:
        plane.kubectl("delete", "crd", f"boats.{group}", "--wait=false")


@pytest.mark.parametrize("back", [True, False], ids=["found", "left"])
def test_another_cluster_that_is_lost(site: Site, plane: ControlPlane, back: bool) -> None:
    """A Sync whose kubeconfig is gone is not let go before what it applied; it says why, and how to let it go."""
    there = plane.namespace(f"{site.namespace[:50]}-there")
    site.account("remote", there)
    secret = kubeconfig_secret(site, there)
    plane.apply(secret)
    spec = {"targetNamespace": there, "target": {"kubeConfig": {"secretRef": {"name": "there"}}}}
    with site.controller() as controller:
        site.ship(maps("a", "b"), **spec)
        site.ready()
        plane.kubectl("delete", "secret", "there", "-n", site.namespace)
        controller.stop()
        controller.start()
        plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--wait=false")
        wait_for("the way out", lambda: "set its spec.prune to false" in site.becomes("False"))
        assert "create it: sealift create secret there" in site.becomes("False")
        assert site.map("a", there) is not None
        if back:
            plane.apply(secret)
        else:
            plane.kubectl("patch", "sync/shop", "-n", site.namespace, "--type=merge", "-p", '{"spec": {"prune": false}}')
        plane.kubectl("wait", "sync/shop", "-n", site.namespace, "--for=delete", "--timeout=30s")
        assert (site.map("a", there) is None) is back


# Answers


def test_retry_after_a_date(site: Site, plane: ControlPlane) -> None:
    """As a load balancer may write it."""
    due: list[int] = []
    busy: dict[str, str] = {}

    def set_date() -> None:
        due.append(int(time.time()) + 3)
        busy["Retry-After"] = email.utils.formatdate(due[0], usegmt=True)

    with ApiProxy(plane) as proxy:
        proxy.fail(ApiFault("PATCH .*/configmaps/b", status=429, headers=busy, before=set_date, times=1))
        site.ship(maps("a", "b"))
        with site.controller(kubeconfig=kubeconfig_through(proxy.url, site.rights.kubeconfig("controller"))):
            site.ready()
            assert time.time() >= due[0]
            assert [proxy.count(f"PATCH .*/configmaps/{name}") for name in "ab"] == [1, 2]


def test_discovery_in_the_older_form(site: Site, plane: ControlPlane) -> None:
    """Of an API server, or something before it, that does not aggregate: one request per group and version."""
    with ApiProxy(plane) as proxy:
        proxy.fail(ApiFault("GET /apis?$", accept="application/json"))
        with site.controller(kubeconfig=kubeconfig_through(proxy.url, site.rights.kubeconfig("controller"))):
            site.ship(maps("a", "b", "c"))
            site.ready()
            assert proxy.count("GET /api/v1$") and proxy.count("GET /apis/apps/v1$")
            site.change("a", color="green")
            wait_for("the heal", lambda: site.data("a") == {"color": "red"})
            site.ship(maps("a", "b"))
            site.ready()
            assert site.map("c") is None


class Socks(threading.Thread):
    """A SOCKS5 proxy for one connection at a time, that resolves names itself and wants no password."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[tuple[str, int]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socks5://127.0.0.1:{self._listener.getsockname()[1]}"
        self.start()

    def run(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client, client.makefile("rb") as reader:
                reader.read(reader.read(2)[1])
                client.sendall(b"\x05\x00")
                _, _, _, form = reader.read(4)
                name = reader.read(reader.read(1)[0]).decode() if form == 3 else socket.inet_ntoa(reader.read(4))
                port = int.from_bytes(reader.read(2), "big")
                self.asked.append((name, port))
                with socket.create_connection(("127.0.0.1", port)) as server:
                    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
                    self._shovel({client: server, server: client})

    @staticmethod
    def _shovel(other: dict[socket.socket, socket.socket]) -> None:
        while True:
            for source in select.select(list(other), [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                other[source].sendall(data)


def test_kubeconfig_with_a_socks_proxy(sealift: Sealift, plane: ControlPlane, tmp_path: Path) -> None:
    """Names are the proxy's to resolve, as in Go's clients."""
    proxy = Socks()
    config = yaml.safe_load(plane.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    port = cluster["server"].rsplit(":", 1)[1]
    cluster |= {"proxy-url": proxy.url, "server": f"https://api.example.invalid:{port}", "tls-server-name": "localhost"}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    sealift("get", "syncs", "-A", "--kubeconfig", kubeconfig)
    assert set(proxy.asked) == {("api.example.invalid", int(port))}


# A namespace that goes


def test_namespace_that_is_deleted_with_its_sync(site: Site, cluster: ControlPlane) -> None:
    """In whatever order account, rights, objects and Sync go, nothing holds it up."""
    with site.controller() as controller:
        site.ship(maps("a", "b"))
        site.ready()
        cluster.kubectl("delete", "namespace", site.namespace, "--timeout=60s")
        controller.wait_line(msg="sync removed")
    cluster.namespace(site.namespace)


# Conditions


def test_kubectl_waits_for_every_condition(site: Site, plane: ControlPlane) -> None:
    def wait(what: str) -> None:
        plane.kubectl("wait", "sync/shop", "-n", site.namespace, f"--for={what}", "--timeout=20s")

    with site.controller():
        site.ship({"far.yaml": config_map("far", "elsewhere"), **maps("a")})
        wait("condition=Reconciling")
        wait("condition=Ready=False")
        wait("jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=ApplyFailed")
        site.ship({"far.yaml": config_map("far", "elsewhere"), **maps("a")}, serviceAccountName="nobody")
        wait("condition=Stalled")
        site.ship(maps("a"), serviceAccountName="sealift")
        wait("condition=Ready")
        whole = site.object()
        assert [one["type"] for one in whole["status"]["conditions"]] == ["Ready"]
