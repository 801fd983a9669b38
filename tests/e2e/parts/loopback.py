"""An HTTP(S) server in a thread of the tests, for the fakes among the parts."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterable, Optional

from .certificates import Certificate

Headers = Iterable[tuple[str, str]]


class LoopbackHandler(BaseHTTPRequestHandler):
    """Calls answer() for every method, with the body read (chunked or not)."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes; without this each answer waits 40 ms for a delayed acknowledgement.
    disable_nagle_algorithm = True
    body: bytes
    owner: LoopbackServer

    def answer(self) -> None:
        raise NotImplementedError

    def lower_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def reply(self, status: int, headers: Headers = (), content: bytes = b"", sent: Optional[int] = None) -> None:
        """Answers; with `sent`, promises all of `content`, sends that many bytes and closes."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else content[:sent])
            self.wfile.flush()
        if sent is not None:
            self.close_connection = True

    def stall(self) -> None:
        """Takes the request and never answers it."""
        self.owner.closing.wait(300)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def _take(self) -> None:
        self.body = self._read_body()
        self.answer()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take

    def _read_body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def handle_expect_100(self) -> bool:
        return True  # _read_body answers it


class LoopbackServer:
    """Listens on 127.0.0.1, or another 127.x.x.x that `host` names, until close(). A subclass names its handler; handlers reach it as `self.owner`. stop() and
    start() keep the port."""

    handler: type[LoopbackHandler]

    def __init__(self, tls: Optional[Certificate] = None, host: str = "127.0.0.1") -> None:
        self.lock = threading.Lock()
        self.port = 0
        self._tls = tls
        self._address = host if host.startswith("127.") else "127.0.0.1"
        self.start()
        self.authority = f"{host}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.authority}"

    def start(self) -> None:
        self.closing = threading.Event()
        handler = type("Bound", (self.handler,), {"owner": self})
        self._server = _QuietServer((self._address, self.port), handler)
        if self._tls is not None:
            # The handshake is left to the connection's own thread: a client that dawdles stops nobody.
            self._server.socket = self._tls.server_context().wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more, and open connections are cut."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()

    def close(self) -> None:
        self.stop()

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[LoopbackHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: socket.socket, address: object) -> None:  # type: ignore[override]
        self._open.add(request)
        super().process_request(request, address)  # type: ignore[arg-type]

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it went by itself

    def handle_error(self, *_: object) -> None:
        """A client that went away, or did not like our certificate, is the test's business."""
