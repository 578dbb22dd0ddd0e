"""The engine's HTTP API where it has to be fast: a pool of plain connections, and raw ones for streams.

The SDK spends a millisecond of CPU on every call and its stream reader can lose frames, so the calls of a
container's life go through the standard library's HTTP client; the SDK does everything else.

A call without an answer may have taken effect all the same. So none is made twice here: whoever made it starts anew
with another container, and whatever the call may have left goes with the run (containers.py).
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
import time
from email.message import Message
from typing import Any

from coordinator.errors import EngineError
from coordinator.runners.line import Line

_UPGRADE = "Host: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
_MAX_REPLY = 64 * 1024
"""Maximum number of bytes of an engine's reply before a stream; more is no engine's."""


class ApiError(EngineError):
    """The engine refused a call; ``status`` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Calls to one engine; safe to use from many threads."""

    def __init__(self, line: Line, timeout: float) -> None:
        """A call may take ``timeout`` seconds in all."""
        self._line = line
        self._prefix = ""
        self._timeout = timeout
        self._idle: queue.LifoQueue[_Connection] = queue.LifoQueue()
        self.is_silent = False
        """Whether the engine gave no answer to the last call that has ended."""

    def speak(self, version: str) -> None:
        """Every call is in this version of the API from now on; before, in the one that the engine takes by itself."""
        self._prefix = f"/v{version}"

    def call(self, method: str, path: str, body: Any = None, *, timeout: float | None = None) -> Any:
        """The decoded JSON of the engine's answer, None without one.

        Raises ApiError if the engine refuses, EngineError if it cannot be reached or does not answer in time.
        """
        return self._call(method, path, body, timeout)[0]

    def header(self, path: str, name: str) -> str:
        """A header of the engine's answer to HEAD, empty if it has none. Raises as :meth:`call` does."""
        return self._call("HEAD", path, None, None)[1].get(name, "")

    def _call(self, method: str, path: str, body: Any, timeout: float | None) -> tuple[Any, Message]:
        deadline = time.monotonic() + (timeout or self._timeout)
        connection = self._idle_connection()
        try:
            if connection is None:
                connection = _Connection(self._connect(deadline))
            response, answer = self._exchange(connection, method, path, body, deadline)
            status = response.status
            document = json.loads(answer) if status < 400 and answer.strip() else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection is not None:
                connection.close()
            raise self._no_answer(method, path, error) from error
        self.is_silent = False
        self._idle.put(connection)
        if status >= 400:
            raise ApiError(status, f"{method} {path}: the engine said {status}: {_message(answer)}")
        return document, response.headers

    def hijack(self, path: str, body: Any = None) -> tuple[socket.socket, bytes]:
        """POSTs and takes the connection over: the raw socket, and the bytes that came behind the reply.

        Raises as :meth:`call` does.
        """
        payload = json.dumps(body).encode() if body is not None else b""
        head = f"POST {self._prefix}{path} HTTP/1.1\r\n{_UPGRADE}Content-Length: {len(payload)}\r\n\r\n"
        connection = None
        try:
            connection = self._connect(time.monotonic() + self._timeout)
            connection.sendall(head.encode() + payload)
            status, received = _reply(connection)
        except (OSError, ValueError, IndexError) as error:
            if connection is not None:
                connection.close()
            raise self._no_answer("POST", path, error) from error
        self.is_silent = False
        if status not in (101, 200):
            connection.close()
            raise ApiError(status, f"POST {path}: the engine said {status}: {_message(received)}")
        return socket.socket(fileno=connection.detach()), received

    def close(self) -> None:
        """Closes the connections that are idle."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _no_answer(self, method: str, path: str, error: Exception) -> EngineError:
        self.is_silent = True
        self.close()  # the others are most likely of no use either
        because = f" ({complaint})" if (complaint := self._line.complaint()) else ""
        return EngineError(
            f"{method} {path}: no answer from the engine: {type(error).__name__}: {error}{because}"
        )

    def _exchange(
        self, connection: _Connection, method: str, path: str, body: Any, deadline: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        payload = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        connection.socket.deadline = deadline
        connection.request(method, self._prefix + path, payload, headers)
        response = connection.getresponse()
        return response, response.read()

    def _idle_connection(self) -> _Connection | None:
        """One that was used before and that the engine has not closed since."""
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return None
            if not has_ended(connection.socket):
                return connection
            connection.close()

    def _connect(self, deadline: float) -> _TimedSocket:
        timed = _TimedSocket(fileno=self._line.connect(deadline).detach())
        timed.deadline = deadline
        return timed


class _TimedSocket(socket.socket):
    """A socket whose reads and writes end by one deadline, into however small pieces its peer cuts them."""

    deadline = float("inf")

    def limit(self) -> None:
        """Raises TimeoutError if the deadline has passed."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self.settimeout(remaining)

    def recv_into(self, *arguments: Any) -> int:
        self.limit()
        return super().recv_into(*arguments)

    def recv(self, *arguments: Any) -> bytes:
        self.limit()
        return super().recv(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.limit()
        super().sendall(*arguments)


class _Connection(http.client.HTTPConnection):
    """A connection that is there already, and is not made anew when the engine closes it."""

    auto_open = 0

    def __init__(self, connected: _TimedSocket) -> None:
        super().__init__("engine")
        self.socket = connected
        self.sock = connected


def has_ended(connection: socket.socket) -> bool:
    """Whether the peer has closed a connection on which there is nothing more to read."""
    try:
        connection.setblocking(False)
        return not socket.socket.recv(connection, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _reply(connection: socket.socket) -> tuple[int, bytes]:
    """The status of the engine's reply, and what came behind it. Raises OSError or ValueError without a whole one."""
    reply = b""
    while b"\r\n\r\n" not in reply:
        data = connection.recv(65536)
        if not data or len(reply) > _MAX_REPLY:
            raise ConnectionError(f"the connection ended after {reply[:300]!r}")
        reply += data
    head, _, received = reply.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), received


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()
