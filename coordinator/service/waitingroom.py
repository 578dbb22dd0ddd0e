"""The service's address while it starts: everybody is told 503 until there is somebody to answer."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from coordinator.errors import UsageError
from coordinator.service.answers import error_json

_RETRY_AFTER = 2
"""Seconds; a start takes about as long."""
_PATIENCE = 5.0
"""Seconds that a client has to say what it wants."""
_BACKLOG = 2048


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets at all addresses of a host, at the same port (any free one for 0), for the server to come.

    Raises UsageError if they cannot be had.
    """
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        try:
            for family, address in _addresses(host):
                made = socket.create_server((address, port), family=family, backlog=_BACKLOG)
                sockets.append(stack.enter_context(made))
                port = made.getsockname()[1]
        except OSError as error:
            reason = error.strerror or error
            message = f"cannot listen on {host} port {port}: {reason}; choose another by --host and --port"
            raise UsageError(message) from error
        yield sockets


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


class WaitingRoom:
    """Answers 503 at sockets until :meth:`close`, which leaves them open for the one who answers then."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        self._servers = [_Server(one) for one in sockets]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Nobody is told 503 any more: who comes from now on waits for the next that takes connections."""
        for server in self._servers:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    """A server on a socket that is there."""

    daemon_threads = True

    def __init__(self, listening: socket.socket) -> None:
        socketserver.BaseServer.__init__(self, listening.getsockname(), _Handler)
        self.socket = listening


class _Handler(BaseHTTPRequestHandler):
    """Tells whoever asks, by whatever method, that the service is starting."""

    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65537)
        if self.raw_requestline and self.parse_request():
            self._tell()

    def _tell(self) -> None:
        body = json.dumps(self._document()).encode()
        self.send_response_only(HTTPStatus.SERVICE_UNAVAILABLE)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", len(body)),
            ("Retry-After", _RETRY_AFTER),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ):
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _document(self) -> dict[str, object]:
        if self.path == "/healthz":
            return {"status": "starting", "workers": 0}
        return error_json("service", "is starting; come again in a moment")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the service keeps no log of requests."""
