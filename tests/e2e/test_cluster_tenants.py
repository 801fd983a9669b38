"""Tenants of one cluster: what one of them may try, what becomes of the others, and controllers that may see less."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from parts.api_proxy import ApiFault, ApiProxy, kubeconfig_through
from parts.cluster import ClusterDaemon, Rights, definition_of
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, config_map, maps
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Sealift
from parts.site import Site
from parts.wait import stays, wait_for

PART_OF = "applyset.kubernetes.io/part-of"


@pytest.fixture(scope="module")
def rights(plane: ControlPlane) -> Rights:
    return Rights(plane, plane.namespace("tenants-system"))


@pytest.fixture
def neighbour(site: Site, plane: ControlPlane) -> Iterator[Site]:
    """Another tenant, whose account may do everything in the site's namespace, too."""
    where = plane.namespace(f"{site.namespace[:50]}-neighbour")
    made = Site(plane, site.rights, site.sealift, site.folder, where)
    made.account()
    account = ["--role=sealift", f"--serviceaccount={where}:sealift"]
    plane.kubectl("create", "rolebinding", "neighbour", "-n", site.namespace, *account)
    yield made
    made.clear()


def object_of(kind: str, name: str, namespace: str, version: str = "v1", **parts: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **parts}


# Leaving the namespace


def test_a_tenant_stays_where_it_is(site: Site, plane: ControlPlane) -> None:
    victim = plane.namespace(f"{site.namespace[:50]}-victim")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": site.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "sealift", "namespace": site.namespace}],
    }
    plain = site.push(maps("a"))
    far = site.push({"far.yaml": config_map("far", victim)})
    root = site.push({"root.yaml": yaml.safe_dump(binding)})
    spec = {"artifact": {"repository": "oci://r.example.com/acme/shop", "tags": ["prod"]},
            "source": {"git": {"url": "https://git.example.com/acme/config.git"}},
            "sign": {"secretRef": {"name": "key"}}}  # fmt: skip
    plane.apply(object_of("Bundle", "shop", victim, "sealift.dev/v1alpha1", spec=spec))
    plane.apply(object_of("ServiceAccount", "sealift", victim))
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    kubeconfigs = {
        "token-file": {"tokenFile": token},
        "plugin": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "id"}},
        "nobody": {},
    }
    for name, user in kubeconfigs.items():
        config = yaml.safe_load(plane.kubeconfig.read_text())
        config["users"][0]["user"] = user
        plane.apply(object_of("Secret", name, site.namespace, stringData={"value": yaml.safe_dump(config)}))

    def cluster(name: str) -> dict[str, Any]:
        return {"target": {"kubeConfig": {"secretRef": {"name": name}}}}

    account = f"system:serviceaccount:{site.namespace}:sealift"
    tries: dict[str, tuple[str, str, dict[str, Any]]] = {
        "namespace": ("ApplyFailed", account, {"targetNamespace": victim}),
        "named": ("ApplyFailed", "spec.allowNamespaces", {"artifact": {"tag": far}}),
        "allowed": ("ApplyFailed", account, {"artifact": {"tag": far}, "allowNamespaces": [victim]}),
        "cluster": ("ApplyFailed", account, {"artifact": {"tag": root}}),
        "nobody": ("NoServiceAccount", "kubectl create serviceaccount", {"serviceAccountName": "root"}),
        "bundle": ("NotExported", "to spec.exportTo of Bundle ", {"artifact": None, "bundleRef": {"name": "shop", "namespace": victim}}),
        "layout": ("LocalPathRefused", "allow-local-path", {"artifact": {"repository": "oci-layout:///etc"}}),
        "files": ("TargetRefused", "allow-local-path", {"target": {"directory": {"path": "/etc/cron.d"}}}),
        "token-file": ("TargetRefused", "tokenFile", cluster("token-file")),
        "plugin": ("TargetRefused", "exec", cluster("plugin")),
        "anonymous": ("ApplyFailed", "system:anonymous", cluster("nobody")),
    }
    for name, (_, _, changes) in tries.items():
        site.sync(plain, name, **changes)
    with site.controller():
        for name, (reason, part, _) in tries.items():
            assert part in site.becomes("False", reason, name), name
    items = plane.get("configmaps", "-n", victim)["items"]
    assert {item["metadata"]["name"] for item in items} <= {"kube-root-ca.crt"}
    assert plane.try_kubectl("get", "clusterrolebinding", site.namespace).returncode != 0


def test_policies_and_the_host_are_out_of_reach(site: Site, plane: ControlPlane) -> None:
    match = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
             "repositories": ["registry.example.com/acme/*"]}  # fmt: skip
    key = {"name": "site", "pem": site.public.read_text()}
    spec = {"match": match, "require": [{"name": "packager", "attests": True, "keys": [key]}]}
    policy = {"apiVersion": "sealift.dev/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": site.namespace}}
    plane.apply({**policy, "spec": spec})
    try:
        site.ship(maps("a"))
        plane.apply(object_of("Secret", "own", site.namespace, stringData={"value": plane.kubeconfig.read_text()}))
        site.sync("v1", "own", target={"kubeConfig": {"secretRef": {"name": "own"}}})
        with site.controller():
            assert "have one of them list it" in site.becomes("False", "RepositoryNotAllowed")
            assert site.map("a") is None
            # Policies say how they are.
            wait = ["wait", "trustpolicy", site.namespace, "--for=condition=Ready", "--timeout=20s"]
            plane.kubectl(*wait)
            spec["require"] = [{"name": "other", "keys": [{"name": "other", "secretRef": {"name": "other"}}]}]
            plane.apply({**policy, "spec": spec})
            plane.kubectl(*[word.replace("Ready", "Ready=false") for word in wait])
            assert "there is no Secret" in plane.kubectl("get", "trustpolicy", site.namespace)
            secret = object_of("Secret", "other", site.rights.namespace, stringData={"cosign.pub": key["pem"]})
            plane.apply(secret)
            plane.kubectl(*wait)
        plane.kubectl("delete", "trustpolicy", site.namespace)
        # An address of the host, where objects may not lead to it.
        with site.controller(loopback=False):
            site.ready()
            assert "loopback" in site.becomes("False", "", "own")
    finally:
        plane.try_kubectl("delete", "trustpolicy", site.namespace)


def test_forged_membership(site: Site, plane: ControlPlane, rights: Rights, sealift: Sealift, tmp_path: Path) -> None:
    """Objects that a neighbour labels as ours, under our field manager's name: they disturb nothing, and stay."""
    neighbour = plane.namespace(f"{site.namespace[:50]}-neighbour")
    with site.controller() as controller:
        site.ship(maps("a", "b", "c"))
        site.ready()
        label = (site.map("a") or {})["metadata"]["labels"]
        forged = [object_of("ConfigMap", f"f{number}", neighbour, data={"a": "b"}) for number in range(9)]
        for one in forged:
            one["metadata"]["labels"] = label
        plane.apply(forged, "sealift")
        # In our namespace somebody may have the label, and not our manager's name.
        here = object_of("ConfigMap", "here", site.namespace, data={"a": "b"})
        here["metadata"]["labels"] = label
        plane.apply(here, "stranger")
        site.ship(maps("a", "b"))
        site.ready()
        assert site.map("c") is None and site.map("here") is not None
        controller.stop()
        controller.start()
        site.ship(maps("a", "b", color="blue"))
        site.ready()
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
        assert site.map("a") is None and site.map("here") is not None
    assert len([one for one in forged if site.map(one["metadata"]["name"], neighbour)]) == 9


def set_of(name: str, namespace: str) -> str:
    """The id of a Sync's set, by KEP-3659."""
    digest = hashlib.sha256(f"{name}.{namespace}.Sync.sealift.dev".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def test_tags_are_told_to_whom_they_are_shown(
    site: Site, sealift: Sealift, tmp_path: Path, referrers_registry: ReferrersRegistry, repository: str
) -> None:
    """By the login of the host a tenant would read what others push: it gets a command instead."""
    login = tmp_path / "docker"
    login.mkdir()
    auth = base64.b64encode(b"host:host-password").decode()
    (login / "config.json").write_text(json.dumps({"auths": {"registry.example.com": {"auth": auth}}}))
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.yaml").write_text(config_map("a"))
    reference = referrers_registry.oci(repository)
    words = ["--key", site.key, "--password-file", site.password, "--insecure"]
    sealift("push", source, f"{reference}:stable", *words)
    sealift.env["DOCKER_CONFIG"] = str(login)
    command = f"by your own login: skopeo list-tags docker://{referrers_registry.repository(repository)}"
    with site.controller():
        site.sync("stabel", artifact={"repository": reference, "insecure": True})
        said = site.becomes("False", "PullFailed")
        assert command in said and "stable" not in said, said
        secret = object_of("Secret", "login", site.namespace)
        site.plane.apply({**secret, "stringData": {"username": "ada", "password": "x"}})
        site.sync("stabel", artifact={"repository": reference, "insecure": True, "secretRef": {"name": "login"}})
        wait_for("its own login", lambda: "did you mean stable?" in site.condition()["message"])


def test_a_neighbour_that_applies_the_same(site: Site, neighbour: Site) -> None:
    """Two Syncs name each other; one that does not write here is not named, whatever a label says."""
    quiet, ours = set_of("quiet", neighbour.namespace), set_of("shop", site.namespace)

    def label_of_b() -> str:
        return str((site.map("b") or {})["metadata"]["labels"][PART_OF])

    with site.controller() as controller:
        tag = site.push(maps("a", "b"))
        site.sync(tag)
        site.ready()
        neighbour.sync(tag, "quiet", suspend=True)
        for _ in range(3):
            site.plane.kubectl("label", "configmap", "b", "-n", site.namespace, "--overwrite", f"{PART_OF}={quiet}")
            wait_for("our label", lambda: label_of_b() == ours)
        line = controller.wait_line(msg="object is contested", name="shop")
        assert line["by"].startswith(f"the ApplySet {quiet}"), line
        neighbour.sync(tag, "ship", targetNamespace=site.namespace)
        for one, name, rival in (
            (site, "shop", f"Sync {neighbour.namespace}/ship"),
            (neighbour, "ship", f"Sync {site.namespace}/shop"),
        ):
            controller.wait_line(msg="object is contested", name=name, by=rival)
            wait_for("the condition", lambda: f"by {rival}" in one.condition(name)["message"])
            events = site.plane.get("events.events.k8s.io", "-n", one.namespace)["items"]
            notes = [event["note"] for event in events if event["reason"] == "Contested"]
            assert any(f"by {rival};" in note for note in notes), notes


def test_a_namespace_that_is_left(site: Site, plane: ControlPlane) -> None:
    """What was applied to a namespace that the spec names no more goes, where the account may still delete there."""
    old = plane.namespace(f"{site.namespace[:50]}-old")
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "sealift", "namespace": site.namespace}
    binding = {"roleRef": reference, "subjects": [subject]}
    plane.apply(object_of("RoleBinding", "sealift", old, "rbac.authorization.k8s.io/v1", **binding))
    with site.controller():
        site.ship({**maps("a", "b", "c"), "old.yaml": config_map("old", old)}, allowNamespaces=[old])
        site.ready()
        assert site.map("old", old) is not None
        site.ship(maps("a", "b", "c"))
        site.ready()
        wait_for("the old one to go", lambda: site.map("old", old) is None)


# Drift


CONTAINER = {"name": "main", "image": "registry.example.com/web:1",
             "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}  # fmt: skip


def workload(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def patched(name: str, site: Site, patch: Any, kind: str = "deployment", form: str = "strategic") -> None:
    words = ["patch", kind, name, "-n", site.namespace, f"--type={form}", "-p", json.dumps(patch)]
    site.plane.kubectl(*words)


def containers(**changes: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", **changes}]}}}}


ENV = "/spec/template/spec/containers/0/env"
DRIFTS = {
    "reordered": [{"op": "replace", "path": ENV, "value": CONTAINER["env"][::-1]}],  # type: ignore[index]
    "added-twice": [{"op": "add", "path": f"{ENV}/-", "value": {"name": "A", "value": "3"}}],
    "respelled": [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:1"}],
}
NO_DRIFTS: dict[str, Any] = {
    "sidecar": {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}},
    "more-env": containers(env=[{"name": "C", "value": "3"}]),
    "annotated": {"metadata": {"annotations": {"note": "x"}}},
    "same": containers(image="registry.example.com/web:1"),
}


def test_more_kinds_of_drift(site: Site, plane: ControlPlane) -> None:
    """Reported first: each is seen, and left alone. Then healed. What others add is neither."""
    names = ["reordered", "added-twice", "respelled", *NO_DRIFTS]
    files = {f"{name}.yaml": yaml.safe_dump(workload(name)) for name in names}

    def specs() -> dict[str, Any]:
        items = plane.get("deployments", "-n", site.namespace)["items"]
        return {item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"] for item in items}

    with site.controller() as controller:
        tag = site.push({**files, **maps("reverted", "taken")})
        site.sync(tag, drift="Report")
        site.ready()
        applied = specs()
        for name in ("reordered", "added-twice", "respelled"):
            patched(name, site, DRIFTS[name], form="json")
        for name, patch in NO_DRIFTS.items():
            patched(name, site, patch)
        # The value is the same in the end, and not ours any more.
        site.change("reverted", color="green")
        site.change("reverted", color="red")
        plane.apply(object_of("ConfigMap", "taken", site.namespace, data={"color": "green"}), "rival")
        changed = specs()
        site.becomes("True", "Drifted")
        wait_for("all of it", lambda: site.object()["status"]["inventory"]["drifted"] == 4)
        assert specs() == changed and site.data("taken") == {"color": "green"}
        assert not controller.lines(msg="drift healed")
        site.sync(tag, drift="Heal")
        site.ready()
        wait_for("the heal", lambda: site.data("taken") == {"color": "red"})
        healed = specs()
        for name in ("reordered", "respelled"):
            assert healed[name] == applied[name], name
        assert {one["name"]: one["value"] for one in healed["added-twice"][0]["env"]} == {"A": "1", "B": "2"}
        for name in NO_DRIFTS:
            assert healed[name] == changed[name], name
        # Dropped from the artifact it goes, unless somebody else wants the same.
        site.ship({**files, **maps("reverted", "taken", shape="round")})
        site.ready()
        assert site.data("taken") == {"shape": "round"}
        assert site.data("reverted") == {"shape": "round", "color": "red"}


# Prune


def test_pruned_while_somebody_writes_it(site: Site, plane: ControlPlane) -> None:
    with ApiProxy(plane) as proxy:
        kubeconfig = kubeconfig_through(proxy.url, site.rights.kubeconfig("controller"))
        with site.controller(kubeconfig=kubeconfig):
            site.ship(maps("a", "b", "c"))
            site.ready()
            written = iter(range(100))
            busy = ApiFault("DELETE .*/configmaps/c", before=lambda: site.change("c", note=str(next(written))), times=2)
            proxy.fail(busy)
            site.ship(maps("a", "b"))
            site.ready()
            assert site.map("c") is None and proxy.count("DELETE .*/configmaps/c") == 3


def test_mass_prune_waits_for_a_word(site: Site, plane: ControlPlane) -> None:
    with site.controller():
        site.ship(maps("a", "b", "c"))
        site.ready()
        site.ship(maps("a"))
        message = site.becomes("False", "PruneHeld")
        assert site.names() == {"a", "b", "c"}
        digest = message.rsplit(" ", 1)[1]
        words = ["reconcile", "sync", "shop", "-n", site.namespace, "--confirm-prune", digest]
        site.sealift(*words, "--kubeconfig", plane.kubeconfig)
        site.ready()
        assert site.names() == {"a"}


def test_an_object_that_is_held_by_others(site: Site, plane: ControlPlane) -> None:
    """Deleted by somebody, and not gone yet: it is made again when it is."""
    with site.controller():
        site.ship(maps("a", "b"))
        site.ready()
        hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
        plane.kubectl("patch", "configmap", "a", "-n", site.namespace, "--type=merge", "-p", hold)
        plane.kubectl("delete", "configmap", "a", "-n", site.namespace, "--wait=false")
        uid = (site.map("a") or {})["metadata"]["uid"]
        site.ship(maps("a", "b", color="blue"))
        assert "being deleted" in site.becomes("False", "ApplyFailed")
        plane.kubectl("patch", "configmap", "a", "-n", site.namespace, "--type=merge", "-p", hold.replace('"example.com/hold"', ""))
        site.ready(30)
        again = site.map("a") or {}
        assert again["data"] == {"color": "blue"} and again["metadata"]["uid"] != uid


# Controllers that may see less


def test_without_watching_secrets(site: Site, plane: ControlPlane, sealift: Sealift) -> None:
    """Rights to get Secrets in one namespace only."""
    system = plane.namespace(f"{site.namespace[:50]}-system")
    limited = Rights(plane, system, watched=("configmaps", "serviceaccounts", "namespaces"))
    limited.may_get_secrets("controller", site.namespace)
    secret = yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}})
    own = Site(plane, limited, sealift, site.folder, site.namespace)
    other = yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "stringData": {"a": "b"}})
    tag = own.push({**maps("a", "b"), "s.yaml": secret, "t.yaml": other}, "--allow-secrets")
    plane.apply(object_of("Secret", "key", site.namespace, stringData={"cosign.pub": site.public.read_text()}))
    keys = {"keys": [{"name": "site", "secretRef": {"name": "key"}}]}
    with own.controller("--watch-secrets=false") as controller:
        own.sync(tag, verify=keys)
        own.ready()
        own.change("a", color="green")
        wait_for("red", lambda: own.data("a") == {"color": "red"})
        patch = '{"data":{"a":"eA=="}}'
        plane.kubectl("patch", "secret", "s", "-n", site.namespace, "--type=merge", "-p", patch)
        stays("what nobody watches", lambda: plane.get("secret", "s", "-n", site.namespace)["data"]["a"] == "eA==", 0.5)
        sealift("reconcile", "sync", "shop", "-n", site.namespace, "--kubeconfig", plane.kubeconfig)
        assert plane.get("secret", "s", "-n", site.namespace)["data"]["a"] == "Yg=="
        warned = [line for line in controller.lines(level="warn") if "ecret" in json.dumps(line)]
        assert not warned, warned
    # What may not be listed everywhere is found where it was applied.
    with own.controller("--watch-secrets=false"):
        own.sync(own.push({**maps("a", "b"), "s.yaml": secret}, "--allow-secrets"), verify=keys)
        own.ready()
        assert plane.try_kubectl("get", "secret", "t", "-n", site.namespace).returncode != 0


def test_first_start_is_quiet(
    site: Site,
    plane: ControlPlane,
    rights: Rights,
    sealift: Sealift,
    git_server: GitHttpServer,
    repo: GitRepo,
) -> None:
    """A Sync whose Bundle is about to be built says no word of warning, nor does a packager that may watch no Secrets."""
    journey = Journey(sealift, Config(site.folder / "config", site.namespace), site.folder)
    journey.bundle(f"{git_server.url}/config.git", site.layout)
    keys = {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]}
    journey.config.sync("shop", bundleRef={"name": "shop"}, verify=keys, interval="24h")
    for file in sorted(journey.config.folder.glob("*.yaml")):
        plane.apply(file)
    rights.may_get_secrets("packager", site.namespace)
    repo.commit(maps("a"))
    repo.push()
    with site.controller() as controller:
        waiting = site.becomes("Unknown", "BundleNotReady")
        assert "not built yet" in waiting
        words = ["--allow-loopback", "--allow-local-path", site.folder]
        with ClusterDaemon(
            sealift, plane, rights.kubeconfig("packager"), rights.namespace, *words, roles="packager"
        ) as packager:
            site.ready()
            assert not [event for event in site.events() if event["type"] == "Warning"]
            for daemon in (controller, packager):
                warned = [line for line in daemon.lines(level="warn") if line.get("namespace") in (None, site.namespace)]
                assert not warned, warned
            assert len([line for line in packager.lines() if "Secrets may not be watched" in line["msg"]]) == 1


# Kinds that change


def test_a_kind_that_moves_to_another_version(site: Site, plane: ControlPlane) -> None:
    """The version that its objects were applied by is not served any more: they are watched and pruned by the new."""
    group = "ships.example.com"

    def ship(name: str, version: str) -> str:
        return yaml.safe_dump(object_of("Ship", name, site.namespace, f"{group}/{version}", spec={"sails": 2}))

    def exists(name: str) -> bool:
        return plane.try_kubectl("get", f"ships.{group}", name, "-n", site.namespace).returncode == 0

    plane.apply(definition_of("Ship", group, "v1beta1"))
    plane.kubectl("wait", "--for=condition=Established", f"crd/ships.{group}")
    with site.controller():
        site.ship({**maps("a", "b"), "one.yaml": ship("one", "v1beta1"), "two.yaml": ship("two", "v1beta1")})
        site.ready()
        plane.apply(definition_of("Ship", group, "v1beta1", "v1"))
        wait_for("the new version", lambda: plane.api("GET", f"/apis/{group}/v1").status == 200)
        wait_for("the end of the old", lambda: plane.api("GET", f"/apis/{group}/v1beta1").status == 404)
        site.ship({**maps("a", "b"), "one.yaml": ship("one", "v1"), "two.yaml": ship("two", "v1")})
        site.sealift(*("reconcile", "sync", "shop", "-n", site.namespace, "--kubeconfig", plane.kubeconfig))
        site.ready(30)
        plane.kubectl("delete", f"ships.{group}", "one", "-n", site.namespace)
        wait_for("it to be healed", lambda: exists("one"), 20)
        site.ship({**maps("a", "b"), "one.yaml": ship("one", "v1")})
        site.ready()
        assert exists("one") and not exists("two")
        plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
        assert not exists("one")
    plane.kubectl("delete", "crd", f"ships.{group}", "--wait=false")


# What people see


def test_kubectl_understands(site: Site, plane: ControlPlane) -> None:
    with site.controller():
        site.ship(maps("a", "b"))
        plane.kubectl("wait", "sync/shop", "-n", site.namespace, "--for=condition=Ready", "--timeout=20s")
        head, row = plane.kubectl("get", "syncs", "-n", site.namespace).splitlines()
        assert head.split() == ["NAME", "READY", "SUSPENDED", "STATUS", "REVISION", "AGE"]
        assert row.split()[:2] == ["shop", "True"] and "applied v1" in row
        # Not before the new spec was seen to.
        site.ship({**maps("a", "b"), "c.yaml": config_map("c", "elsewhere")})
        waited = plane.try_kubectl(
            *("wait", "sync/shop", "-n", site.namespace, "--for=condition=Ready", "--timeout=3s")
        )
        assert waited.returncode != 0
        plane.kubectl("wait", "sync/shop", "-n", site.namespace, "--for=condition=Ready=false", "--timeout=20s")
        assert "False" in plane.kubectl("get", "sync", "shop", "-n", site.namespace)


# Another cluster


class Connect(threading.Thread):
    """An HTTP proxy that knows CONNECT, and its clients' password."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://ada:secret@127.0.0.1:{self._listener.getsockname()[1]}"
        self.start()

    def run(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.decode())
        host, port = head.split()[1].decode().split(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        self._copy(server, client)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()


def test_another_cluster_by_a_proxy(site: Site, plane: ControlPlane) -> None:
    """With an account of one namespace there, which may list and watch nothing beyond it."""
    proxy = Connect()
    there = plane.namespace(f"{site.namespace[:50]}-there")
    site.account("remote", there)
    config = yaml.safe_load(plane.kubeconfig_of(there, "remote").read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = proxy.url
    plane.apply(object_of("Secret", "there", site.namespace, stringData={"value": yaml.safe_dump(config)}))
    spec = {"targetNamespace": there, "target": {"kubeConfig": {"secretRef": {"name": "there"}}}}
    with site.controller():
        site.ship(maps("a", "b", "c"), **spec)
        site.ready()
        assert site.map("a", there) is not None and site.map("a") is None
        assert proxy.asked and "Proxy-Authorization: Basic " in proxy.asked[0]
    with site.controller() as controller:
        site.ship(maps("a", "b"), **spec)
        site.ready()
        assert site.map("c", there) is None and site.map("b", there) is not None
        assert "secret" not in controller.output.replace("Secret", "").replace("secretRef", "").replace("secrets", "")
        plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=20s")
        assert site.map("a", there) is None
