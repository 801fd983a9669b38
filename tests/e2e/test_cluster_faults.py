"""A controller in a cluster that does not behave: API servers and etcd that go and come, answers that are lost, watches
that are cut, tokens that are changed, leases that are taken, and a controller that is killed at every stage."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
import yaml

from parts.api_proxy import ApiFault, ApiProxy, Relay, kubeconfig_through
from parts.cluster import Rights, definition_of, install_kinds
from parts.control_plane import ControlPlane
from parts.journey import make_key, maps
from parts.sealift import Sealift
from parts.site import Site
from parts.wait import stays, wait_for

PART_OF = "applyset.kubernetes.io/part-of"


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Of these tests alone: they kill its servers."""
    with ControlPlane(tmp_path_factory.mktemp("faults")) as plane:
        install_kinds(plane, Sealift(tmp_path_factory.mktemp("home")))
        yield plane


@pytest.fixture(scope="module")
def rights(control_plane: ControlPlane) -> Rights:
    return Rights(control_plane, control_plane.namespace("sealift-system"))


@pytest.fixture
def site(control_plane: ControlPlane, rights: Rights, sealift: Sealift, tmp_path: Path, namespace: str) -> Iterator[Site]:
    made = Site(control_plane, rights, sealift, tmp_path, namespace)
    made.account()
    yield made
    made.clear()


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[ApiProxy]:
    with ApiProxy(control_plane) as server:
        yield server


def numbered(count: int, **data: str) -> dict[str, str]:
    return maps(*(f"m{number}" for number in range(count)), **data)


def behind(site: Site, proxy: ApiProxy) -> Path:
    return kubeconfig_through(proxy.url, site.rights.kubeconfig("controller"))


# Answers


def test_retry_after(site: Site, proxy: ApiProxy) -> None:
    """Asked to wait, it waits, and asks for that object only."""
    busy = {"Retry-After": "1"}
    proxy.fail(ApiFault("PATCH .*/configmaps/b", status=429, headers=busy, times=2))
    proxy.fail(ApiFault("GET .*/namespaces/[^/]*/syncs/shop", status=503, headers=busy, times=1))
    site.ship(maps("a", "b", "c"))
    with site.controller(kubeconfig=behind(site, proxy)):
        began = time.monotonic()
        site.ready()
        assert time.monotonic() - began >= 2
        assert site.names() == {"a", "b", "c"}
        assert [proxy.count(f"PATCH .*/configmaps/{name}") for name in "abc"] == [1, 3, 1]


def test_stop_while_the_api_server_keeps_silent(site: Site, proxy: ApiProxy) -> None:
    """It ends within the time that a Pod has for it, and without a word of complaint."""
    never = threading.Event()
    proxy.fail(ApiFault("GET .*/namespaces/[^/]*/syncs/shop", before=lambda: never.wait(60)))
    site.ship(maps("a"))
    with site.controller(kubeconfig=behind(site, proxy)) as controller:
        wait_for("the silence", lambda: proxy.count("GET .*/syncs/shop"))
        controller.stop()
        assert [line["msg"] for line in controller.log if line["level"] in ("warn", "error")] == []
    never.set()


def test_lost_answers(site: Site, proxy: ApiProxy) -> None:
    """What was done, and not told, is done once."""
    site.ship(maps("a", "b", "c", "d"))
    proxy.fail(ApiFault("PATCH .*/configmaps/[ab]", lost=True, times=2))
    proxy.fail(ApiFault("PATCH .*/syncs/shop", lost=True, times=2))
    with site.controller(kubeconfig=behind(site, proxy)):
        status = site.ready()
        assert status["inventory"]["objects"] == 4 and site.names() == {"a", "b", "c", "d"}
        proxy.fail(ApiFault("DELETE .*/configmaps/", lost=True, times=1))
        site.ship(maps("a", "b", "c"))
        assert site.ready()["inventory"]["objects"] == 3
        assert site.names() == {"a", "b", "c"}
        # Nobody but us wrote: it is no drift, and no fight.
        assert not [event for event in site.events() if event["type"] == "Warning"]


def test_answers_that_are_none(site: Site, proxy: ApiProxy) -> None:
    """Something between us and the API server that speaks for itself."""
    proxy.fail(ApiFault("PATCH .*/configmaps/b", status=502, body=b"<html>Bad Gateway</html>", times=1))
    proxy.fail(ApiFault("PATCH .*/configmaps/c", status=200, body=b"<html>Please log in</html>", times=1))
    site.ship(maps("a", "b", "c"))
    with site.controller(kubeconfig=behind(site, proxy)):
        site.ready()
        assert site.names() == {"a", "b", "c"}
        told = [event["note"] for event in site.events() if event["reason"] == "ApplyFailed"]
        assert told and "2 of 3" in told[0], told


def test_a_refused_secret_is_not_quoted(site: Site) -> None:
    """The API server repeats what it does not understand; a status, an event and a log are no place for that."""
    head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {}\n"
    number = head.format("number") + "stringData:\n  pin: 4711471147\n"
    flat = head.format("flat") + "data: open-sesame\n"
    key = head.format("key") + "stringData:\n  a/b: open-sesame\n"
    site.sync(site.push({"number.yaml": number, "flat.yaml": flat, "key.yaml": key}, "--allow-secrets"))
    with site.controller() as daemon:
        message = site.becomes("False", "ApplyFailed")
        assert "3 of 3" in message and "is not repeated here" in message, message
        told = message + daemon.output + json.dumps(site.events()) + json.dumps(site.object())
        assert "4711471147" not in told and "open-sesame" not in told


def test_drift_that_cannot_be_looked_at_is_not_healed(site: Site, proxy: ApiProxy) -> None:
    """Report touches nothing, also where the look fails."""
    site.ship(maps("a", "b"), drift="Report")
    with site.controller(kubeconfig=behind(site, proxy)):
        site.ready()
        proxy.fail(ApiFault("GET .*/configmaps/b", status=500, times=1))
        site.change("b", color="blue")
        site.becomes("True", "Drifted")
        assert proxy.count("GET .*/configmaps/b") == 2
        assert site.data("b") == {"color": "blue"}


def test_a_sync_that_became_invalid_clears_up(site: Site, control_plane: ControlPlane, sealift: Sealift) -> None:
    """As where its kind was loosened, or another version of the controller asks for more."""
    site.ship(maps("a"))
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    kind = control_plane.get("crd", "syncs.sealift.dev")
    kind["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": loose}
    loosened = {key: kind[key] for key in ("apiVersion", "kind", "spec")}
    loosened["metadata"] = {"name": "syncs.sealift.dev"}
    spoil = ("patch", "sync", "shop", "-n", site.namespace, "--type=merge", "-p", '{"spec":{"interval":"soon"}}')
    with site.controller():
        site.ready()
    try:
        control_plane.apply(loosened)
        wait_for("the loose kind", lambda: control_plane.try_kubectl(*spoil).returncode == 0)
        with site.controller():  # which knows nothing of when it was valid
            site.becomes("False", "InvalidSpec")
            assert site.names() == {"a"}
            control_plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=30s")
            assert site.map("a") is None
    finally:
        install_kinds(control_plane, sealift)


# Watches


def test_watch_cut_in_the_middle_of_an_event(site: Site, proxy: ApiProxy) -> None:
    site.ship(maps("a", "b"))
    watch = "GET .*/configmaps.*watch=1"
    proxy.fail(ApiFault(watch, cut_after=150, times=1))
    with site.controller(kubeconfig=behind(site, proxy)):
        site.ready()
        wait_for("the watch", lambda: proxy.count(watch))
        for color in ("green", "blue", "grey"):
            site.change("a", color=color)
            wait_for("red", lambda: site.data("a") == {"color": "red"})
        wait_for("another watch", lambda: proxy.count(watch) > 1)


def test_watch_that_expired(site: Site, proxy: ApiProxy) -> None:
    gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version"}  # fmt: skip
    watch = "GET .*/configmaps.*watch=1"
    event = json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"
    proxy.fail(ApiFault(watch, line=event, times=1))
    proxy.fail(ApiFault(watch, status=410, body=json.dumps(gone).encode(), times=1))
    site.ship(maps("a", "b"))
    with site.controller(kubeconfig=behind(site, proxy)):
        site.ready()
        wait_for("two more lists", lambda: proxy.count(watch, 200) >= 1)
        site.change("a", color="green")
        wait_for("red", lambda: site.data("a") == {"color": "red"})


def test_drift_while_the_watch_was_down(site: Site, control_plane: ControlPlane) -> None:
    port = int(control_plane.url.rsplit(":", 1)[1])
    with Relay(port) as relay:
        kubeconfig = kubeconfig_through(relay.url, site.rights.kubeconfig("controller"))
        site.ship(maps("a", "b", "c"))
        with site.controller(kubeconfig=kubeconfig):
            site.ready()
            relay.ports = []
            relay.cut()
            site.change("a", color="green")
            site.plane.kubectl("delete", "configmap", "b", "-n", site.namespace)
            site.plane.kubectl("label", "configmap", "c", "-n", site.namespace, f"{PART_OF}-")
            relay.ports = [port]
            wait_for("red", lambda: site.data("a") == {"color": "red"}, 40)
            wait_for("all of them", lambda: site.names() == {"a", "b", "c"}, 40)
            site.ready()


def lose(site: Site, deleted: str, unlabelled: str) -> None:
    """As somebody else. Without kubectl: it is called from threads of the proxy."""
    maps_of = f"/api/v1/namespaces/{site.namespace}/configmaps"
    patch = {"Content-Type": "application/merge-patch+json"}
    assert site.plane.api("DELETE", f"{maps_of}/{deleted}").status == 200
    label = {"metadata": {"labels": {PART_OF: None}}}
    assert site.plane.api("PATCH", f"{maps_of}/{unlabelled}", label, headers=patch).status == 200


def test_drift_before_the_first_list_of_a_watch(site: Site, proxy: ApiProxy) -> None:
    """What goes between our apply and the list that the watch begins with: no event tells of it, ever."""
    first = f"GET /api/v1/configmaps[?].*{PART_OF.replace('/', '%2F')}(&|$)"
    proxy.fail(ApiFault(first, times=1, before=lambda: lose(site, "b", "c")))
    site.ship(maps("a", "b", "c"))
    with site.controller(kubeconfig=behind(site, proxy)):
        wait_for("the list", lambda: proxy.count(first))
        wait_for("all of them", lambda: site.map("b") is not None and site.names() == {"a", "b", "c"})
        site.ready()


def test_drift_before_the_answers_are_looked_at(site: Site, proxy: ApiProxy) -> None:
    """What is new, and goes while others of its batch are still on their way: the watch tells of it before the worker
    knows that it was made."""
    watch = "GET /api/v1/configmaps.*watch=1"
    site.ship(maps("a"))
    with site.controller(kubeconfig=behind(site, proxy)):
        site.ready()
        wait_for("the watch", lambda: proxy.count(watch, 200))

        def hold() -> None:
            wait_for("both", lambda: site.map("b") is not None and site.map("c") is not None)
            lose(site, "b", "c")

        proxy.fail(ApiFault("PATCH .*/configmaps/d", times=1, before=hold))
        site.ship(maps("a", "b", "c", "d"))
        site.ready()
        wait_for("all of them", lambda: site.names() == {"a", "b", "c", "d"})


# Servers


def test_two_api_servers(site: Site, control_plane: ControlPlane) -> None:
    """Behind one address that leads to either, while connections break, and one goes away for good. That one takes few
    requests at a time, and answers the others with 429."""
    port = int(control_plane.url.rsplit(":", 1)[1])
    few = ("--enable-priority-and-fairness=false", "--max-mutating-requests-inflight=2")
    with control_plane.second_api_server(*few) as (url, _, server), Relay(port) as relay:
        kubeconfig = kubeconfig_through(relay.url, site.rights.kubeconfig("controller"))
        site.ship(numbered(60))
        second = int(url.rsplit(":", 1)[1])
        relay.ports = [port, second]
        with site.controller(kubeconfig=kubeconfig) as controller:
            site.ready()
            for color in ("green", "blue"):
                relay.cut()
                site.ship(numbered(60, color=color))
                site.ready(40)
                assert site.data("m59") == {"color": color}
                site.change("m7", color="drifted")
                wait_for("m7", lambda: site.data("m7") == {"color": color}, 20)  # pylint: disable=W0640
            # As in an upgrade: it says goodbye, and waits for those that watch it.
            relay.ports = [port]
            os.kill(server.pid, signal.SIGTERM)
            site.change("m8", color="drifted")
            wait_for("m8", lambda: site.data("m8") == {"color": "blue"}, 20)
            server.kill()
            site.change("m9", color="drifted")
            wait_for("m9", lambda: site.data("m9") == {"color": "blue"}, 20)
            site.ship(numbered(50, color="blue"))
            assert site.ready(40)["inventory"]["objects"] == 50
            assert len(site.names()) == 50
            assert "lost its lease" not in controller.output
        # Nobody but the test changed anything.
        assert "Contested" not in [event["reason"] for event in site.events()]


def test_api_server_killed_in_the_middle_of_an_apply(site: Site, control_plane: ControlPlane) -> None:
    site.ship(numbered(300))
    with site.controller():
        wait_for("the first objects", lambda: site.map("m0") is not None)
        control_plane.api_server.kill()
        control_plane.api_server.start()
        control_plane.wait()
        status = site.ready(60)
        assert status["inventory"] == {"objects": 300, "ready": 300, "drifted": 0}
        assert len(site.names()) == 300
        control_plane.kubectl("delete", "configmap", "m7", "-n", site.namespace)
        wait_for("m7 again", lambda: site.map("m7") is not None, 40)


def test_etcd_away_for_a_while(site: Site, control_plane: ControlPlane) -> None:
    site.ship(maps("a", "b"))
    with site.controller():
        site.ready()
        control_plane.etcd.kill()
        time.sleep(3)
        control_plane.etcd.start()
        control_plane.wait()
        wait_for("a write", lambda: site.change("a", color="green") is None, 20)
        wait_for("red", lambda: site.data("a") == {"color": "red"}, 30)
        site.ship(maps("a", "b", "c"))
        site.ready(40)
        assert site.names() == {"a", "b", "c"}


def test_discovery_that_fails_in_part(site: Site, control_plane: ControlPlane) -> None:
    """A group whose server does not answer: nothing of it is taken for gone, and the rest goes on."""
    group = "boats.example.com"
    definition = definition_of("Boat", group, "v1")
    control_plane.apply(definition)
    control_plane.kubectl("wait", "--for=condition=Established", f"crd/boats.{group}")
    boat = f"apiVersion: {group}/v1\nkind: Boat\nmetadata: {{name: one}}\n"
    boats = f"/apis/{group}/v1/namespaces/{site.namespace}/boats"
    path = f"{boats}/one"

    def kinds() -> str:
        return str(site.object()["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"])

    with site.controller():
        site.sync(site.push({"boat.yaml": boat.replace("one", "two")}), "gone")
        site.becomes("True", name="gone")
        site.ship({**maps("a", "b", "c"), "boat.yaml": boat})
        site.ready()
        assert kinds() == f"Boat.{group},ConfigMap"
    # The same group, by a server that is not there.
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "service": {"name": "nobody", "namespace": "default"},
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "insecureSkipTLSVerify": True,
        },
    }
    control_plane.kubectl("label", "apiservice", f"v1.{group}", "kube-aggregator.kubernetes.io/automanaged-")
    control_plane.apply(service)
    wait_for("it to be away", lambda: control_plane.api("GET", path).status == 503)
    with site.controller():
        site.ship(maps("a", "b"))
        site.ready()
        assert site.names() == {"a", "b"}  # what can be seen is pruned
        assert kinds() == f"Boat.{group},ConfigMap"  # and what cannot is not forgotten
        control_plane.kubectl("delete", "sync", "gone", "-n", site.namespace, "--wait=false")
        wait_for("word of it", lambda: "RemoveFailed" in [event["reason"] for event in site.events("gone")])
        wait_for("its status", lambda: "RemoveFailed" in str(site.object(name="gone").get("status")))
        control_plane.kubectl("delete", "apiservice", f"v1.{group}")
        wait_for("it to be back", lambda: control_plane.api("GET", path).status == 200, 30)
        words = ["reconcile", "sync", "shop", "-n", site.namespace, "--kubeconfig", control_plane.kubeconfig]
        site.sealift(*words)
        wait_for("the boat to go", lambda: control_plane.api("GET", path).status == 404, 20)
        wait_for("one kind", lambda: kinds() == "ConfigMap")
        wait_for("the other Sync to go", lambda: site.object(name="gone")["kind"] == "Status", 30)
        assert control_plane.api("GET", f"{boats}/two").status == 404
    control_plane.kubectl("delete", "crd", f"boats.{group}", "--wait=false")


# What is suspended meanwhile


def test_suspended_in_the_middle_of_a_run(site: Site, proxy: ApiProxy) -> None:
    """It is finished, its status says what it did, and nothing comes after it."""
    site.ship(maps("a", "b"))
    path = f"/apis/sealift.dev/v1alpha1/namespaces/{site.namespace}/syncs/shop"
    merge = {"Content-Type": "application/merge-patch+json"}

    def suspend() -> None:
        assert site.plane.api("PATCH", path, {"spec": {"suspend": True}}, headers=merge).status == 200

    proxy.fail(ApiFault("PATCH .*/configmaps/b", before=suspend, times=1))
    with site.controller(kubeconfig=behind(site, proxy)):
        wait_for("the status of that run", lambda: site.object().get("status", {}).get("artifact"))
        assert site.names() == {"a", "b"}
        whole = site.object()
        assert whole["spec"]["suspend"] is True
        (ready,) = [one for one in whole["status"]["conditions"] if one["type"] == "Ready"]
        assert ready["reason"] == "Applied" and ready["observedGeneration"] == whole["metadata"]["generation"] - 1
        site.ship(maps("a", "b", "c"))
        site.change("a", color="green")
        stays("what is suspended", lambda: site.names() == {"a", "b"} and site.data("a") == {"color": "green"}, 1)
        assert site.object()["status"] == whole["status"]


# What nobody holds


FINALIZER = "sealift.dev/sync"


@pytest.mark.parametrize("how", ("refused", "suspended", "restored"))
def test_finalizer_that_was_taken_off(site: Site, how: str) -> None:
    """By an uninstall, or because the Sync is a copy of kubectl's that was put back; the next controller applies
    nothing of it."""
    site.ship(maps("a", "b"))
    with site.controller():
        site.ready()
    assert site.object()["metadata"]["finalizers"] == [FINALIZER]
    copy = site.object()
    copy["metadata"] = {key: copy["metadata"][key] for key in ("name", "namespace", "annotations", "labels")}
    path = f"/apis/sealift.dev/v1alpha1/namespaces/{site.namespace}/syncs/shop"
    merge = {"Content-Type": "application/merge-patch+json"}
    refused = {"verify": {"keys": [{"name": "site", "pem": stranger(site)}]}}
    spec = {"suspend": True} if how == "suspended" else refused
    assert site.plane.api("PATCH", path, {"metadata": {"finalizers": None}, "spec": spec}, headers=merge).status == 200
    if how == "restored":
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace)
        site.plane.apply({**copy, "spec": {**copy["spec"], **refused}})
    assert site.names() == {"a", "b"} and "finalizers" not in site.object()["metadata"]
    with site.controller():
        wait_for("the finalizer", lambda: site.object()["metadata"].get("finalizers") == [FINALIZER])
        if how != "suspended":
            site.becomes("False")  # Revoked where it is known that it ran, else Unverified
        assert site.names() == {"a", "b"}
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=30s")
        assert site.names() == set()


@pytest.mark.parametrize("suspend", (False, True))
def test_finalizer_that_cannot_be_put_back(site: Site, proxy: ApiProxy, suspend: bool) -> None:
    """Deleted then, it would leave behind what it applied: somebody is told."""
    site.ship(maps("a"))
    with site.controller():
        site.ready()
    path = f"/apis/sealift.dev/v1alpha1/namespaces/{site.namespace}/syncs/shop"
    merge = {"Content-Type": "application/merge-patch+json"}
    patch = {"metadata": {"finalizers": None}, "spec": {"suspend": suspend}}
    assert site.plane.api("PATCH", path, patch, headers=merge).status == 200
    before = site.object()["status"]
    proxy.fail(ApiFault("PATCH .*/syncs/shop(\\?|$)", status=403))
    with site.controller(kubeconfig=behind(site, proxy)):
        wait_for("an event", lambda: "FinalizerMissing" in [event["reason"] for event in site.events()])
        if suspend:
            assert site.object()["status"] == before
        else:
            assert "what Sync " in site.becomes("False", "FinalizerMissing")
        proxy.heal()
        wait_for("the finalizer", lambda: site.object()["metadata"].get("finalizers") == [FINALIZER])
        if not suspend:
            site.ready()


def stranger(site: Site) -> str:
    """The public half of a key that signed nothing."""
    _, public = make_key(site.sealift, site.folder / "stranger")
    return public.read_text()


# Who we are


def test_token_that_is_changed(site: Site, proxy: ApiProxy, tmp_path: Path) -> None:
    """In the file, as a kubelet does it; the old one is refused from then on."""
    file = tmp_path / "token"
    old = site.plane.account_token(site.rights.namespace, "controller")
    file.write_text(old)
    config = yaml.safe_load(behind(site, proxy).read_text())
    config["users"][0]["user"] = {"tokenFile": str(file)}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    site.ship(maps("a", "b"))
    with site.controller(kubeconfig=kubeconfig) as controller:
        site.ready()
        file.write_text(site.plane.account_token(site.rights.namespace, "controller"))
        proxy.fail(ApiFault("", status=401, body=b"Unauthorized", token=old))
        wait_for("a request with the old one", lambda: proxy.count("", 401))
        site.ship(maps("a", "b", "c"))
        site.ready()
        site.change("a", color="green")
        wait_for("red", lambda: site.data("a") == {"color": "red"})
        assert "401" not in controller.output and not controller.lines(level="warn")


def test_lease_taken_by_another(site: Site, control_plane: ControlPlane) -> None:
    """It stops at once, and takes over when the other does not renew."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{site.rights.namespace}/leases/sealift-controller"
    site.ship(maps("a", "b"))
    with site.controller() as controller:
        site.ready()
        lease = control_plane.api("GET", path).json()
        lease["spec"] |= {"holderIdentity": "somebody", "leaseDurationSeconds": 5}

        def take() -> bool:
            lease["metadata"]["resourceVersion"] = control_plane.api("GET", path).json()["metadata"]["resourceVersion"]
            return control_plane.api("PUT", path, lease).status == 200

        wait_for("the lease", take)
        wait_for("word of it", lambda: "lost its lease" in controller.output)
        site.change("a", color="green")
        site.ship(maps("a", "b", "c"))
        stays("nothing is written", lambda: site.data("a") == {"color": "green"} and site.map("c") is None, 2)
        wait_for("red", lambda: site.data("a") == {"color": "red"}, 20)
        site.ready()


def test_only_one_controller_writes(site: Site, control_plane: ControlPlane) -> None:
    """One that slept while another took over does nothing when it wakes up."""
    site.ship(maps("a", "b"))
    with site.controller() as first, site.controller(fresh=False) as second:
        site.ready()
        assert "holds its lease" not in second.output
        os.kill(first.pid, signal.SIGSTOP)
        asleep = time.monotonic()
        try:
            control_plane.kubectl("delete", "lease", "sealift-controller", "-n", site.rights.namespace)
            wait_for("the second", lambda: "holds its lease" in second.output)
            site.ship(maps("a", "b", "c"))
            site.ready()
            # Its own lease, as it knows it, must have come to its end.
            time.sleep(max(0, asleep + 10.5 - time.monotonic()))
        finally:
            os.kill(first.pid, signal.SIGCONT)
        site.change("a", color="green")
        wait_for("red", lambda: site.data("a") == {"color": "red"})
        wait_for("the first to know", lambda: "lost its lease" in first.output)
        assert "drift healed" not in first.output and "drift healed" in second.output


# A controller that is killed


def test_killed_again_and_again(site: Site, proxy: ApiProxy) -> None:
    """kill -9 while it applies, prunes and clears up; the next process goes on from there."""
    kubeconfig = behind(site, proxy)
    controllers = [site.controller(kubeconfig=kubeconfig)]
    kills: list[str] = []

    def killing(*moments: str) -> None:
        for moment in moments:

            def kill(moment: str = moment) -> None:
                kills.append(moment)
                controllers[-1].kill()

            proxy.fail(ApiFault(moment, before=kill, times=1))

    def until(what: str, done: Callable[[], object]) -> None:
        def look() -> object:
            if len(controllers) <= len(kills):
                controllers.append(site.controller(kubeconfig=kubeconfig))
            return done()

        wait_for(what, look, 30)

    def holds(count: int) -> bool:
        status = site.object()["status"]
        fine = site.condition()["status"] == "True" and status["inventory"]["objects"] == count
        return fine and site.names() == {f"m{number}" for number in range(count)}

    try:
        killing("PATCH .*/configmaps/m20", "PATCH .*/syncs/shop/status")
        site.ship(numbered(44))
        wait_for("the first end", lambda: len(kills) == 1)
        # The next one finds more than it was told of, and no word of what there was.
        site.ship(numbered(40))
        until("40 objects", lambda: holds(40))
        killing("DELETE .*/configmaps/m33")
        site.ship(numbered(30, color="blue"))
        until("30 objects", lambda: holds(30))
        assert len(site.object()["status"]["history"]) == 2
        killing("DELETE .*/configmaps/m12")
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--wait=false")
        until("nothing", lambda: not site.names() and site.object()["kind"] == "Status")
        assert len(kills) == 4, kills
    finally:
        controllers[-1].kill()
