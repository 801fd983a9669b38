"""What stands between sealift and an API server, and does not always behave.

ApiProxy ends TLS and passes requests on, over HTTP/1.1, one by one, until told otherwise:

    proxy.fail(ApiFault("PATCH .*/configmaps/b", status=429, headers={"Retry-After": "1"}, times=2))
    proxy.fail(ApiFault("GET .*watch=1", cut_after=700))        # in the middle of an event

Relay passes bytes on to one of several API servers, in turn, as a load balancer does: HTTP/2 stays what it is.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Optional
from urllib.parse import urlsplit

import yaml

from .certificates import Certificate
from .control_plane import ControlPlane
from .loopback import LoopbackHandler, LoopbackServer

_HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


@dataclass
class ApiFault:
    """What happens to requests whose "METHOD path?query" `match` finds."""

    match: str
    status: int = 0  # answer this, without asking the API server
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False  # let the API server do it, and close the connection instead of answering
    cut_after: int = -1  # pass on so many bytes of the answer's body, and close the connection
    line: bytes = b""  # pass on nothing but this event, and end well
    token: str = ""  # only requests that come with it
    accept: str = ""  # pass on with this header instead
    before: Optional[Callable[[], object]] = None  # is called first
    times: int = -1  # how often; -1 means until heal()


@dataclass
class ApiRequest:
    text: str  # "METHOD path?query"
    user: str  # whom it was made as; "" = the client itself
    authorization: str
    status: int = 0


class _ApiHandler(LoopbackHandler):
    owner: ApiProxy
    _upstream: Optional[http.client.HTTPSConnection] = None

    def answer(self) -> None:
        seen = ApiRequest(
            f"{self.command} {self.path}",
            self.headers.get("Impersonate-User", ""),
            self.headers.get("Authorization", ""),
        )
        fault = self.owner.note(seen)
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.status:
            seen.status = fault.status
            self.reply(fault.status, fault.headers.items(), fault.body)
            return
        if fault is not None and fault.line:
            self.reply(200, [("Content-Type", "application/json")], fault.line)
            return
        if fault is not None and fault.accept:
            self.headers.replace_header("Accept", fault.accept)
        try:
            with self._ask() as reply:
                seen.status = reply.status
                if fault is not None and fault.lost:
                    reply.read()
                    self.close_connection = True
                else:
                    self._pass_on(reply, fault.cut_after if fault is not None else -1)
        except (OSError, http.client.HTTPException):
            self._upstream = None
            self.close_connection = True

    def _ask(self) -> http.client.HTTPResponse:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        for last in (False, True):
            if self._upstream is None:
                self._upstream = self.owner.connect()
                last = True
            try:
                self._upstream.request(self.command, self.path, self.body or None, headers)
                return self._upstream.getresponse()
            except (OSError, http.client.HTTPException):
                self._upstream = None
                if last:
                    raise
        raise AssertionError("not reached")

    def _pass_on(self, reply: http.client.HTTPResponse, cut_after: int) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        passed = 0
        while data := reply.read1(65536):
            if 0 <= cut_after < passed + len(data):
                data = data[: cut_after - passed]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if data else b"")
                self.close_connection = True
                raise ConnectionAbortedError
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            passed += len(data)
        self.wfile.write(b"0\r\n\r\n")


class ApiProxy(LoopbackServer):
    handler = _ApiHandler

    def __init__(self, plane: ControlPlane) -> None:
        self.requests: list[ApiRequest] = []
        self._faults: list[ApiFault] = []
        self._upstreams: list[socket.socket] = []
        self._plane = plane
        self._trust = ssl.create_default_context(cafile=str(plane.ca))
        super().__init__(Certificate(plane.folder / "apiserver.crt", plane.folder / "apiserver.key"))

    def connect(self) -> http.client.HTTPSConnection:
        upstream = urlsplit(self._plane.url)
        assert upstream.hostname is not None
        made = http.client.HTTPSConnection(upstream.hostname, upstream.port, context=self._trust, timeout=600)
        made.connect()
        with self.lock:
            self._upstreams.append(made.sock)
        return made

    def stop(self) -> None:
        super().stop()
        with self.lock:  # an API server does not end while it is watched
            for one in self._upstreams:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._upstreams.clear()

    def fail(self, *faults: ApiFault) -> None:
        with self.lock:
            self._faults += faults

    def heal(self) -> None:
        with self.lock:
            self._faults.clear()

    def note(self, request: ApiRequest) -> Optional[ApiFault]:
        with self.lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.times != 0 and fault.token in request.authorization and re.search(fault.match, request.text):
                    fault.times -= 1
                    return fault
        return None

    def count(self, match: str, status: int = 0) -> int:
        with self.lock:
            return sum(
                1
                for request in self.requests
                if re.search(match, request.text) and status in (0, request.status)
            )


class Relay:
    """Listens on `url`; new connections go to the `ports` in turn. With none they are closed at once."""

    def __init__(self, *ports: int) -> None:
        self.ports = list(ports)
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._lock:
                    port = self.ports[self.connections % len(self.ports)] if self.ports else 0
                    self.connections += 1
                server = socket.create_connection(("127.0.0.1", port), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._shovel, args=(client, server), daemon=True).start()

    def _shovel(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        try:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    other[source].sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            client.close()
            server.close()

    def cut(self) -> None:
        """Resets every connection."""
        with self._lock:
            for one in self._open:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()


def kubeconfig_through(url: str, kubeconfig: Path, name: str = "through") -> Path:
    """The same kubeconfig with another address."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = url
    path = kubeconfig.with_name(f"{kubeconfig.name}-{name}")
    path.write_text(yaml.safe_dump(config))
    return path
