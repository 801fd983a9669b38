"""What a change, a drift and rest cost: requests to the API server, counted in its audit log, never timed."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from typing import Callable

import pytest

from parts.audit import Audit
from parts.cluster import ClusterDaemon, Rights, apply_config, install_kinds
from parts.control_plane import ControlPlane
from parts.journey import KEY_PASSWORD, NEVER, Journey, config_map
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Sealift
from parts.wait import wait_for

NAMESPACE, SYSTEM = "shop", "sealift-system"


class Installation:
    """A controller alone, on a control plane that writes down what it is asked."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, sealift: Sealift, oci: Callable[[str], str]) -> None:
        self.folder, self.sealift, self.oci = folder, sealift, oci
        self.audit = Audit(folder / "audit")
        self.plane = stack.enter_context(ControlPlane(folder / "plane", *self.audit.flags))
        install_kinds(self.plane, sealift)
        rights = Rights(self.plane, self.plane.namespace(SYSTEM))
        self.plane.namespace(NAMESPACE)
        self.plane.kubectl("create", "serviceaccount", "sealift", "-n", NAMESPACE)
        self.plane.kubectl("create", "role", "sealift", "-n", NAMESPACE, "--verb=*", "--resource=configmaps")
        account = f"--serviceaccount={NAMESPACE}:sealift"
        self.plane.kubectl("create", "rolebinding", "sealift", "-n", NAMESPACE, "--role=sealift", account)
        self.journey = Journey(sealift, Config(folder / "config", NAMESPACE), folder)
        apply_config(self.plane, self.journey.config.folder)
        words = [self.plane, rights.kubeconfig("controller"), SYSTEM, "--allow-loopback"]
        self.controller = stack.enter_context(ClusterDaemon(sealift, *words, roles="controller"))  # type: ignore[arg-type]

    def push(self, name: str, count: int, color: str) -> str:
        """An artifact of so many objects, the first of this colour; its digest."""
        manifests = self.folder / name
        manifests.mkdir(exist_ok=True)
        for n in range(count):
            text = config_map(f"{name}-{n}", color=color if n == 0 else "red")
            (manifests / f"{n}.yaml").write_text(text)
        words = ["push", manifests, f"{self.oci(name)}:prod", "--key", self.journey.private]
        return self.sealift(*words, env={"COSIGN_PASSWORD": KEY_PASSWORD}).out.strip()

    def follow(self, name: str, count: int) -> None:
        """A Sync pinned to the artifact, until it is applied."""
        artifact = {"repository": self.oci(name), "digest": self.push(name, count, "red"), "channel": "prod"}
        keys = {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]}
        spec = {"artifact": artifact, "verify": keys, "interval": NEVER}
        meta = {"name": name, "namespace": NAMESPACE}
        self.plane.apply({"apiVersion": "sealift.dev/v1alpha1", "kind": "Sync", "metadata": meta, "spec": spec})
        self.controller.wait_condition("Sync", name, NAMESPACE, "True", "Applied", timeout=90)

    def color(self, name: str) -> str:
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}-0"
        return str(self.plane.api("GET", path).json()["data"]["color"])

    def cost(self, act: Callable[[], object], done: Callable[[], object]) -> Counter[str]:
        """What the controller asked for, from the act until it is done and nothing follows."""
        mark = self.audit.mark()
        act()
        wait_for("it to be done", done, 60)
        return self.settle(mark)

    def settle(self, mark: int = 0) -> Counter[str]:
        """Until two seconds went by without a request of the controller's."""
        seen = self.requests(mark)
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 2:
            time.sleep(0.2)
            now = self.requests(mark)
            if now != seen:
                seen, quiet_since = now, time.monotonic()
        return seen

    def requests(self, mark: int) -> Counter[str]:
        found = self.audit.requests(mark, SYSTEM, "controller")
        # The lease goes on, and a watch counts when it ends.
        return Counter({what: n for what, n in found.items() if "leases" not in what and not what.startswith("watch")})


@pytest.fixture
def place(
    tmp_path: Path, sealift: Sealift, referrers_registry: ReferrersRegistry, repository: str, stack: contextlib.ExitStack
) -> Installation:
    return Installation(stack, tmp_path, sealift, lambda name: referrers_registry.oci(f"{repository}/{name}"))


def test_cost_follows_what_changed(place: Installation) -> None:
    costs = {}
    for name, count in (("few", 10), ("many", 1000)):
        place.follow(name, count)
        place.settle()
        digest = place.push(name, count, "blue")
        patch = {"spec": {"artifact": {"digest": digest}}}
        path = f"/apis/sealift.dev/v1alpha1/namespaces/{NAMESPACE}/syncs/{name}"
        head = {"Content-Type": "application/merge-patch+json"}
        costs[name] = place.cost(
            lambda: place.plane.api("PATCH", path, patch, headers=head),  # pylint: disable=cell-var-from-loop
            lambda: place.color(name) == "blue",  # pylint: disable=cell-var-from-loop
        )
    assert costs["many"] == costs["few"]
    assert costs["many"]["patch configmaps"] == 1 and costs["many"]["patch syncs/status"] == 1, costs
    assert not [what for what in costs["many"] if what.startswith("list") and "configmaps" in what]

    # Drift is answered by one look at the Sync and its account, and one apply.
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/many-0"
    head = {"Content-Type": "application/merge-patch+json"}
    healed = place.cost(
        lambda: place.plane.api("PATCH", path, {"data": {"color": "green"}}, headers=head),
        lambda: place.color("many") == "blue",
    )
    events = {what: n for what, n in healed.items() if "events" in what}
    assert sum(events.values()) <= 1
    assert healed - Counter(events) == {"get syncs": 1, "get serviceaccounts": 1, "patch configmaps": 1}

    # And at rest there is nothing.
    mark = place.audit.mark()
    time.sleep(10)
    assert not place.requests(mark)
