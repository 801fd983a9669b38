"""What the benchmarks of the cluster share: a control plane, the three roles as three processes under their own
accounts, and somebody who watches."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from parts.audit import Audit
from parts.cluster import ClusterDaemon, Rights, install_kinds
from parts.control_plane import ControlPlane
from parts.journey import Journey
from parts.objects import Config
from parts.sealift import Sealift

ROLES = ("receiver", "packager", "controller")
NAMESPACE = "shop"


class Watch(threading.Thread):
    """Hears of a collection's changes as they happen; each is kept with the moment it arrived."""

    def __init__(self, plane: ControlPlane, path: str) -> None:
        super().__init__(daemon=True)
        self._heard = threading.Condition()
        self._events: list[tuple[float, str, dict[str, Any]]] = []
        self._connection = connect(plane)
        listed = send(self._connection, plane, "GET", path)
        version = listed["metadata"]["resourceVersion"]
        self._connection.request(
            "GET", f"{path}?watch=1&resourceVersion={version}", headers={"Authorization": f"Bearer {plane.admin_token}"}
        )
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, path
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for line in iter(self._answer.readline, b""):
                now = time.monotonic()
                event = json.loads(line)
                with self._heard:
                    self._events.append((now, event["type"], event["object"]))
                    self._heard.notify_all()

    def wait(self, wanted: Callable[[str, dict[str, Any]], bool], what: str, since: float = 0, timeout: float = 30) -> float:
        """When the first event since then came that is wanted."""
        looked = 0
        deadline = time.monotonic() + timeout
        with self._heard:
            while True:
                for at, kind, found in self._events[looked:]:
                    if at >= since and wanted(kind, found):
                        return at
                looked = len(self._events)
                left = deadline - time.monotonic()
                if left <= 0 or not self._heard.wait(left):
                    raise SystemExit(f"{what} was not seen in {timeout:g} s")

    def forget(self) -> None:
        with self._heard:
            self._events.clear()


def connect(plane: ControlPlane) -> http.client.HTTPSConnection:
    host, _, port = plane.url.partition("://")[2].partition(":")
    context = ssl.create_default_context(cafile=str(plane.ca))
    return http.client.HTTPSConnection(host, int(port), context=context)


answered = 0.0  # when the last answer to send() began to arrive


def send(
    connection: http.client.HTTPSConnection,
    plane: ControlPlane,
    method: str,
    path: str,
    body: Any = None,
    kind: str = "application/json",
) -> dict[str, Any]:
    """One request over a connection that stays."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {plane.admin_token}", "Content-Type": kind}
    connection.request(method, path, data, headers)
    answer = connection.getresponse()
    global answered
    answered = time.monotonic()
    text = answer.read()
    assert answer.status < 300, f"{method} {path}: {answer.status} {text[:500]!r}"
    return dict(json.loads(text))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":") for line in lines if line.startswith(("VmRSS", "RssAnon", "VmHWM")))
    return {name: int(value.split()[0]) / 1024 for name, value in pairs}


class Installation:
    """`place.start()` starts the roles once the objects are in the cluster."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, whole: bool = False, audit: bool = False) -> None:
        self._stack = stack
        self.folder = folder
        self.audit = Audit(folder / "audit")
        self.plane = stack.enter_context(ControlPlane(folder / "plane", *(self.audit.flags if audit else [])))
        # It would wait for our watches to end.
        stack.callback(self.plane.api_server.kill)
        if whole:
            self.plane.controllers()
        self.sealift = Sealift(folder / "home")
        install_kinds(self.plane, self.sealift)
        self.rights = Rights(self.plane, self.plane.namespace("sealift-system"))
        self.namespace(NAMESPACE)
        self.journey = Journey(self.sealift, Config(folder / "config", NAMESPACE), folder)
        self.connection = connect(self.plane)
        self.daemons: dict[str, ClusterDaemon] = {}

    def namespace(self, name: str, secrets: bool = True) -> str:
        """Where the account of our Syncs may do everything, and the roles may read Secrets."""
        self.plane.namespace(name)
        if name == NAMESPACE:
            self.plane.kubectl("create", "serviceaccount", "sealift", "-n", name)
        kinds = "--resource=configmaps,serviceaccounts,cronjobs.batch,deployments.apps"
        self.plane.kubectl("create", "role", "sealift", "-n", name, "--verb=*", kinds)
        words = ["--role=sealift", f"--serviceaccount={NAMESPACE}:sealift"]
        self.plane.kubectl("create", "rolebinding", "sealift", "-n", name, *words)
        if secrets:
            for role in ("packager", "receiver"):
                self.rights.may_get_secrets(role, name)
        return name

    def start(self, *roles: str) -> None:
        for role in roles or ROLES:
            words = [self.plane, self.rights.kubeconfig(role), self.rights.namespace, "--allow-loopback"]
            flags = ["--default-service-account", "sealift"]
            self.daemons[role] = self._stack.enter_context(
                ClusterDaemon(self.sealift, *words, *flags, roles=role, ready_timeout=60)  # type: ignore[arg-type]
            )

    @property
    def controller(self) -> ClusterDaemon:
        return self.daemons["controller"]

    def server_cpu_seconds(self) -> float:
        return cpu_seconds(self.plane.api_server.pid) + cpu_seconds(self.plane.etcd.pid)

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> dict[str, Any]:
        return send(self.connection, self.plane, method, path, body, kind)

    def stages(self, role: str, message: str, skip: int) -> dict[str, list[float]]:
        """Milliseconds by stage, of the log lines that say `message`, without the first ones."""
        found: dict[str, list[float]] = {}
        for line in self.daemons[role].lines(msg=message)[skip:]:
            for part in line["stages_ms"].split():
                name, _, ms = part.partition("=")
                found.setdefault(name, []).append(float(ms))
        return found


def ready(status: Optional[Mapping[str, Any]]) -> bool:
    conditions = (status or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
