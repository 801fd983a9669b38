"""The roles as their Pods run them: the arguments of the manifests, user 65534 without capabilities, a root that is
read-only, the account's token where a kubelet puts it, and the probes."""

# pylint: disable=cell-var-from-loop  # each is asked before the next turn

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from parts.api_proxy import Relay
from parts.cluster import GROUP, PLURALS
from parts.control_plane import ControlPlane
from parts.need import CHECKOUT, missing, need_program
from parts.net import free_port, http
from parts.sealift import default_program, sanitizer_report
from parts.server import Server
from parts.wait import wait_for

SYSTEM = "sealift-system"
ROLES = ("receiver", "packager", "controller")
SECRETS = "/run/secrets/kubernetes.io/serviceaccount"

# Everything that is written goes to /tmp and /var/cache/sealift, as the Deployments mount them.
CONTAINER = f"""
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p {SECRETS}
cp "$1"/* {SECRETS}/
chmod -R a+rX {SECRETS}
cp "$2" /run/sealift
mount -t tmpfs -o mode=755 tmpfs /var/cache
mkdir -m 700 /var/cache/sealift
chown 65534:65534 /var/cache/sealift
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,ro,bind /
shift 2
cd /
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    need_program("setpriv", "util-linux")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        missing("a read-only root needs root, and mounts of its own")
    with ControlPlane(tmp_path_factory.mktemp("pod")) as made:
        made.kubectl("apply", "--server-side", "-k", str(CHECKOUT / "deploy/overlays/multi-tenant"))
        for plural in PLURALS.values():
            wait_for(plural, lambda: made.api("GET", f"{GROUP}/{plural}").status == 200)
        made.namespace("shop")
        yield made


class Pod:
    """One role, and what its kubelet would ask it."""

    def __init__(self, plane: ControlPlane, folder: Path, role: str, relay: Relay) -> None:
        deployment = plane.get("deployment", f"sealift-{role}", "-n", SYSTEM)
        pod = deployment["spec"]["template"]["spec"]
        self.container: dict[str, Any] = pod["containers"][0]
        self.ports: dict[Any, int] = {one["name"]: free_port() for one in self.container["ports"]}
        account = folder / role
        account.mkdir()
        (account / "token").write_text(plane.account_token(SYSTEM, pod["serviceAccountName"]))
        (account / "ca.crt").write_bytes(plane.ca.read_bytes())
        (account / "namespace").write_text(SYSTEM)
        address = urlsplit(relay.url)
        env = {"HOME": "/tmp", "NAMESPACE": SYSTEM, "PATH": os.environ["PATH"]}
        env |= {"KUBERNETES_SERVICE_HOST": str(address.hostname), "KUBERNETES_SERVICE_PORT": str(address.port)}
        env |= {name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name}
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", CONTAINER, "sh", str(account)]
        words += [str(default_program()), "/run/sealift", *map(self._argument, self.container["args"])]
        self.server = Server(role, words, folder / f"{role}.log", env)

    def _argument(self, word: str) -> str:
        for one in self.container["ports"]:
            if word.endswith(f"=:{one['containerPort']}"):
                return word.replace(str(one["containerPort"]), str(self.ports[one["name"]]))
        return word.replace("$(NAMESPACE)", SYSTEM)

    def probe(self, name: str, timeout: float = 5) -> int:
        """What the kubelet gets; 0 when nothing comes."""
        get = self.container[name]["httpGet"]
        try:
            return http("GET", f"http://127.0.0.1:{self.ports[get['port']]}{get['path']}", timeout=timeout).status
        except OSError:
            return 0


def test_in_their_pods(plane: ControlPlane, tmp_path: Path) -> None:
    for kind, name in (("Bundle", "bundle"), ("Hook", "hook"), ("Sync", "sync")):
        plane.apply({"apiVersion": "sealift.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
                     "spec": SPECS[kind]})  # fmt: skip

    def says(kind: str, reason: str) -> bool:
        whole = plane.api("GET", f"{GROUP}/namespaces/shop/{PLURALS[kind]}/{kind.lower()}").json()
        ready = next(one for one in whole["status"]["conditions"] if one["type"] == "Ready")
        assert ready["reason"] == reason, ready
        return True

    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(Relay())
        pods = {role: Pod(plane, tmp_path, role, relay) for role in ROLES}
        for pod in pods.values():
            stack.enter_context(pod.server)
        # Alive, but of no use, while there is no API server.
        for role, pod in pods.items():
            wait_for(f"the {role} to live", lambda: pod.probe("livenessProbe") == 200)
            assert pod.probe("readinessProbe") == 503, role
        relay.ports = [urlsplit(plane.url).port or 0]
        for role, pod in pods.items():
            wait_for(f"the {role} to be ready", lambda: pod.probe("readinessProbe") == 200)
        for kind, reason in REASONS.items():
            wait_for(f"word of the {kind}", lambda: says(kind, reason))
        # One that hangs is found out.
        for role, pod in pods.items():
            status = Path(f"/proc/{pod.server.pid}/status").read_text()
            assert "Uid:\t65534\t65534\t65534\t65534" in status and "CapEff:\t0000000000000000" in status
            os.kill(pod.server.pid, signal.SIGSTOP)
            assert pod.probe("livenessProbe", 1) == pod.probe("readinessProbe", 1) == 0, role
            os.kill(pod.server.pid, signal.SIGCONT)
            wait_for(f"the {role} to live", lambda: pod.probe("livenessProbe") == 200)
        for role, pod in pods.items():
            assert pod.server.stop(timeout=20) == 0, role
            said = pod.server.output()
            assert "Read-only file system" not in said and "Permission denied" not in said
            assert not sanitizer_report(said)


KEY = {"name": "packager", "secretRef": {"name": "packager"}}
SPECS: dict[str, Any] = {
    "Bundle": {
        "source": {"git": {"url": "https://git.example.invalid/acme/config.git"}},
        "artifact": {"repository": "oci://registry.example.invalid/acme/shop", "tags": ["prod"]},
        "sign": {"secretRef": {"name": "packager"}},
    },
    "Hook": {"provider": "github", "secretRef": {"name": "hook"}, "resources": [{"kind": "Bundle", "name": "bundle"}]},
    "Sync": {"bundleRef": {"name": "bundle"}, "verify": {"keys": [KEY]}},
}
# As far as each gets without Secrets.
REASONS = {"Bundle": "GitFailed", "Hook": "SecretDenied", "Sync": "BundleNotReady"}
