"""The engine's HTTP API where it has to be fast: a pool of plain connections, and raw ones for streams.

The SDK spends a millisecond of CPU on every call and its stream reader can lose frames, so the calls of a
container's life go through the standard library's HTTP client; the SDK does everything else.
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
from typing import Any
from urllib.parse import urlsplit

from coordinator.errors import EngineError

TIMEOUT = 60.0
_UPGRADE = "Host: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"


class ApiError(EngineError):
    """The engine refused a call; ``status`` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """Calls to one engine; safe to use from many threads."""

    def __init__(self, address: str, version: str) -> None:
        """``address`` is unix://PATH or tcp://HOST:PORT. Raises EngineError for any other kind."""
        parts = urlsplit(address)
        if parts.scheme not in ("unix", "http+unix", "tcp", "http"):
            raise EngineError(
                f"an engine at {address} is not supported; forward its socket "
                "(ssh -L ./docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix://$PWD/docker.sock"
            )
        self._unix_path = (parts.path or parts.netloc) if "unix" in parts.scheme else None
        self._host, self._port = parts.hostname or "localhost", parts.port or 2375
        self._prefix = f"/v{version}"
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()

    def call(self, method: str, path: str, body: Any = None, *, timeout: float = TIMEOUT) -> Any:
        """The decoded JSON of the engine's answer, None without one.

        Raises ApiError if the engine refuses, EngineError if it cannot be reached or does not answer in time.
        """
        connection = self._connection()
        try:
            status, answer = self._exchange(connection, method, path, body, timeout)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineError(f"{method} {path}: {type(error).__name__}: {error}") from error
        self._idle.put(connection)
        if status >= 400:
            raise ApiError(status, f"{method} {path}: the engine said {status}: {_message(answer)}")
        return json.loads(answer) if answer.strip() else None

    def hijack(self, path: str, body: Any = None) -> tuple[socket.socket, bytes]:
        """POSTs and takes the connection over: the raw socket, and the bytes that came behind the reply."""
        payload = json.dumps(body).encode() if body is not None else b""
        head = f"POST {self._prefix}{path} HTTP/1.1\r\n{_UPGRADE}Content-Length: {len(payload)}\r\n\r\n"
        try:
            connection = self._raw_connection()
        except OSError as error:
            raise EngineError(f"POST {path}: {error}") from error
        try:
            connection.sendall(head.encode() + payload)
            reply = b""
            while b"\r\n\r\n" not in reply:
                data = connection.recv(65536)
                if not data:
                    raise EngineError(f"POST {path}: the engine closed the connection after {reply!r}")
                reply += data
            status, _, received = reply.partition(b"\r\n\r\n")
            if status.split(b" ", 2)[1] not in (b"101", b"200"):
                raise ApiError(
                    int(status.split(b" ", 2)[1]), f"POST {path}: the engine said {_message(received)}"
                )
        except OSError as error:
            connection.close()
            raise EngineError(f"POST {path}: {error}") from error
        except EngineError:
            connection.close()
            raise
        return connection, received

    def close(self) -> None:
        """Closes the connections that are idle."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any, timeout: float
    ) -> tuple[int, bytes]:
        payload = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(timeout)
        connection.request(method, self._prefix + path, payload, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            if self._unix_path is not None:
                return _UnixConnection(self._unix_path)
            return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)

    def _raw_connection(self) -> socket.socket:
        if self._unix_path is None:
            return socket.create_connection((self._host, self._port), timeout=TIMEOUT)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(TIMEOUT)
        try:
            connection.connect(self._unix_path)
        except OSError:
            connection.close()
            raise
        return connection


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()
