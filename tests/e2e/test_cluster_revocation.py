"""Revocation and going back on a Kubernetes API server: what is held, what is healed, and what is kept where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator

import pytest

from parts.cluster import Rights, install_kinds
from parts.control_plane import ControlPlane
from parts.journey import config_map, make_key
from parts.sealift import Sealift
from parts.site import Site
from parts.wait import wait_for


@pytest.fixture(scope="module")
def rights(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Rights:
    install_kinds(control_plane, Sealift(tmp_path_factory.mktemp("home")))
    return Rights(control_plane, control_plane.namespace("revocation-system"))


@pytest.fixture
def site(control_plane: ControlPlane, rights: Rights, sealift: Sealift, tmp_path: Path, namespace: str) -> Iterator[Site]:
    made = Site(control_plane, rights, sealift, tmp_path, namespace)
    made.account()
    yield made
    made.clear()
    control_plane.try_kubectl("delete", "trustpolicy", namespace)


class Channel:
    """Artifacts under the tag prod, by `ada` and by `grace`, and the policy that says whose word counts."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.keys = {name: make_key(site.sealift, site.folder / name) for name in ("ada", "grace")}

    def signer(self, key: str) -> list[Any]:
        return ["--key", self.keys[key][0], "--password-file", self.site.password]

    def push(self, key: str, color: str, *more: str) -> str:
        source = self.site.folder / "source"
        source.mkdir(exist_ok=True)
        for old in source.iterdir():
            old.unlink()
        (source / "a.yaml").write_text(config_map("a", color=color))
        for name in more:
            (source / f"{name}.yaml").write_text(config_map(name, color=color))
        return self.site.sealift("push", source, f"{self.site.layout}:prod", *self.signer(key)).out.strip()

    def policy(self, *keys: str, **spec: Any) -> None:
        listed = [{"name": key, "pem": self.keys[key][1].read_text()} for key in keys]
        match = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": self.site.namespace}}}
        whole = {"match": match, "require": [{"name": "packager", "attests": True, "keys": listed}], **spec}
        meta = {"name": self.site.namespace}
        self.site.plane.apply({"apiVersion": "sealift.dev/v1alpha1", "kind": "TrustPolicy", "metadata": meta, "spec": whole})

    def follow(self) -> None:
        self.site.sync("prod", verify=None)

    def look(self) -> None:
        self.site.plane.kubectl("annotate", "--overwrite", "sync", "shop", "-n", self.site.namespace, f"sealift.dev/requestedAt=at-{id(object())}")

    def has(self, color: str) -> None:
        wait_for(f"{color} in the cluster", lambda: (self.site.data("a") or {}).get("color") == color)


def adoptions(site: Site) -> list[dict[str, Any]]:
    """The records of what this namespace's Syncs adopted."""
    items = site.plane.get("configmaps", "-n", site.rights.namespace)["items"]
    found = [json.loads(text) for item in items for text in (item.get("data") or {}).values() if text.startswith("{")]
    return [record for record in found if record.get("namespace") == site.namespace and "history" in record]


def test_revoked_rolled_back_and_restored(site: Site) -> None:
    channel = Channel(site)
    channel.policy("ada", "grace")
    first = channel.push("ada", "red", "b")
    channel.follow()
    controller = site.controller()
    with controller:
        site.ready()
        second = channel.push("grace", "blue", "b", "c")
        channel.look()
        channel.has("blue")
        site.ready()

        # Held: somebody's change stays, and nothing is removed.
        channel.policy("ada")
        told = site.becomes("False", "Revoked")
        assert second in told and "nothing of it is applied or healed" in told
        site.change("a", color="green")
        channel.look()
        wait_for("an event", lambda: any(event["reason"] == "Revoked" for event in site.events()))
        site.becomes("False", "Revoked")
        assert site.data("a") == {"color": "green"} and site.names() == {"a", "b", "c"}

        # Rolled back: what the revoked one brought is pruned, and drift is healed again.
        channel.policy("ada", onRevoke="Rollback")
        told = site.becomes("False", "RolledBack")
        assert first in told
        channel.has("red")
        wait_for("the prune", lambda: site.names() == {"a", "b"})
        site.change("a", color="green")
        channel.has("red")
        controller.kill()

    # Another process goes on from what the first one kept.
    (record,) = adoptions(site)
    assert record["revoked"]["digest"] == second and record["revoked"]["rolledBackTo"] == first
    assert [entry["digest"] for entry in record["history"]] == [first, second]
    site.change("a", color="green")
    with site.controller():
        channel.has("red")
        site.becomes("False", "RolledBack")
        channel.policy("ada", "grace", onRevoke="Rollback")
        site.ready()
        channel.has("blue")
        assert "revoked" not in adoptions(site)[0]
        site.plane.kubectl("delete", "sync", "shop", "-n", site.namespace, "--timeout=30s")
        wait_for("the record to go", lambda: adoptions(site) == [])


def test_rollback_command(site: Site, control_plane: ControlPlane) -> None:
    channel = Channel(site)
    channel.policy("ada")
    first = channel.push("ada", "red")
    channel.follow()
    with site.controller():
        site.ready()
        second = channel.push("ada", "blue")
        channel.look()
        channel.has("blue")
        site.ready()
        words = ["rollback", "sync/shop", "-n", site.namespace, "--kubeconfig", control_plane.kubeconfig, *channel.signer("ada")]
        result = site.sealift(*words, "--reason", "blue is broken", "--yes", "-o", "json")
        assert json.loads(result.out)["to"]["digest"] == first
        channel.has("red")
        site.ready()
        history = site.object()["status"]["history"]
        assert [entry["digest"] for entry in history] == [first, second, first]
        assert all(entry["verifiedBy"] == ["packager: ada"] for entry in history)
        table = site.sealift("get", "sync", "shop", "-o", "wide", "-n", site.namespace, "--kubeconfig", control_plane.kubeconfig)
        assert first[:15] in table.out or first[7:19] in table.out, table.out
