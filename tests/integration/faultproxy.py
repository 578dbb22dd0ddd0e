"""A proxy on the engine's socket that fails as it is told: delays, lost answers, cut streams, refusals.

It makes a connection to the engine for every request, so all its answers end their connection.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 65536


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way: the client's connection, and all that the client has sent."""

    client: socket.socket
    line: str
    request: bytes
    engine: Callable[[], socket.socket]

    @property
    def upgrades(self) -> bool:
        return b"\r\nupgrade: tcp" in self.request.lower()


Fault = Callable[[Call], None]


class FaultProxy:
    """Listens at ``path`` and passes everything on to the engine's socket, but for the faults that were asked for."""

    def __init__(self, path: Path, engine: str) -> None:
        self.path = path
        self.calls: list[str] = []
        self._engine = engine
        self._faults: list[tuple[re.Pattern[str], Fault, Iterator[bool]]] = []
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.up()

    def fail(self, call: str, fault: Fault, *, first: int = 1, times: int = 1) -> None:
        """Fails the calls whose "METHOD /path" ``call`` is found in: from the ``first``, ``times`` of them."""
        turns = (number >= first - 1 and number < first - 1 + times for number in range(10**9))
        self._faults.append((re.compile(call), fault, turns))

    def up(self) -> None:
        """Begins to listen, again after :meth:`down`."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Refuses connections from now on, and cuts those that there are."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink()
        with self._lock:
            clients, self._clients = self._clients, set()
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with self._lock:
                    self._clients.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = _read_request(client)
            line = re.sub(r" /v[\d.]+/", " /", request.split(b" HTTP/", 1)[0].decode())
            call = Call(client=client, line=line, request=request, engine=self._connect)
            if request:
                with self._lock:
                    self.calls.append(line)
                    fault = self._fault(line)
                fault(call)
        with self._lock:
            self._clients.discard(client)

    def _fault(self, line: str) -> Fault:
        for pattern, fault, turns in self._faults:
            if pattern.search(line) and next(turns):
                return fault
        return pass_on

    def _connect(self) -> socket.socket:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        engine.connect(self._engine)
        return engine


# -- faults -------------------------------------------------------------------------------------------------


def pass_on(call: Call) -> None:
    """No fault."""
    _stream(call) if call.upgrades else call.client.sendall(_ask(call))


def drop(call: Call) -> None:
    """The connection ends before the engine has heard anything."""


def hang(call: Call) -> None:
    """The engine hears nothing, and the client gets no answer."""
    _wait_for_client(call)


def lose_answer(call: Call) -> None:
    """The engine does what it is asked to; the client waits for an answer that does not come."""
    with contextlib.closing(call.engine()) if call.upgrades else contextlib.nullcontext() as engine:
        engine.sendall(call.request) if engine else _ask(call)
        _wait_for_client(call)


def refuse(call: Call) -> None:
    """The engine hears nothing; the client gets a 500."""
    body = b'{"message": "something went wrong"}'
    head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
    call.client.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def garble(call: Call) -> None:
    """What comes back is no HTTP."""
    call.client.sendall(b"\x00\x01 what is this?\r\n\r\n")


def drip(call: Call) -> None:
    """The answer comes so slowly that it never ends, and never stops."""
    call.client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        call.client.sendall(b" ")
        time.sleep(0.05)


def join_frame(words: bytes) -> Fault:
    """A stream whose first frame, ``words`` on stderr, comes in one piece with the reply before it."""
    return lambda call: _stream(call, first=struct.pack(">BxxxL", 2, len(words)) + words)


def split_frames(call: Call) -> None:
    """A stream that comes byte by byte."""
    _stream(call, piece=1)


def cut_stream_after(count: int) -> Fault:
    """A stream that ends ``count`` bytes behind the reply."""
    return lambda call: _stream(call, limit=count)


# -- how it is done -----------------------------------------------------------------------------------------


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        data = client.recv(_CHUNK)
        if not data:
            return b""
        request += data
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head.lower())
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        data = client.recv(missing)
        request += data
        missing -= len(data)
    return request


def _ask(call: Call) -> bytes:
    """The engine's whole answer."""
    head, _, body = call.request.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    answer = b""
    with call.engine() as engine:
        engine.sendall(b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n" + body)
        while data := engine.recv(_CHUNK):
            answer += data
    return answer


def _wait_for_client(call: Call) -> None:
    """Until it has lost patience."""
    while call.client.recv(_CHUNK):
        continue


def _stream(call: Call, *, first: bytes = b"", piece: int = _CHUNK, limit: int | None = None) -> None:
    """Passes both directions on, and half-closes as well."""
    with call.engine() as engine, selectors.DefaultSelector() as selector:
        engine.sendall(call.request)
        call.client.sendall(_reply(engine) + first)
        selector.register(engine, selectors.EVENT_READ)
        selector.register(call.client, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                data = source.recv(_CHUNK)
                if source is call.client:
                    engine.sendall(data) if data else engine.shutdown(socket.SHUT_WR)
                    if not data:
                        selector.unregister(call.client)
                    continue
                if not data:
                    return
                for at in range(0, len(data[:limit]), piece):
                    call.client.sendall(data[:limit][at : at + piece])
                if limit is not None:
                    limit -= len(data)
                    if limit <= 0:
                        return


def _reply(engine: socket.socket) -> bytes:
    """The engine's reply before the stream."""
    reply = b""
    while b"\r\n\r\n" not in reply and (data := engine.recv(1)):
        reply += data
    return reply
