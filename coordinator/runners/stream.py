"""A container's attached streams: write the request, half-close, read the frames to the end, by a deadline.

The SDK's own reader may swallow the first frames behind the engine's 101 reply and takes an end in
mid-frame for a clean one, so the frames are read here. A frame is 8 bytes (stream, 3 unused, length
as a big-endian integer), then the body.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_HEADER = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_CHUNK = 256 * 1024
_KEPT_STDERR = 64 * 1024
"""Bytes kept of stderr's head, and as many of its tail."""


@dataclass
class Exchange:
    """What came back. Exactly one of ``timed_out``, ``overflow`` and ``broken`` is set if it did not end well."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr_head: bytearray = field(default_factory=bytearray)
    stderr_tail: bytearray = field(default_factory=bytearray)
    stderr_size: int = 0
    timed_out: bool = False
    overflow: bool = False
    broken: str | None = None

    @property
    def ended_well(self) -> bool:
        """Whether the streams came to their own end."""
        return not (self.timed_out or self.overflow or self.broken)

    @property
    def stderr(self) -> bytes:
        """All of stderr, or its head and tail with a note between them."""
        left_out = self.stderr_size - len(self.stderr_head) - len(self.stderr_tail)
        note = f"\n... {left_out} bytes left out ...\n".encode() if left_out else b""
        return bytes(self.stderr_head) + note + bytes(self.stderr_tail)

    def _add_stderr(self, data: memoryview) -> None:
        self.stderr_size += len(data)
        room = _KEPT_STDERR - len(self.stderr_head)
        self.stderr_head += data[:room]
        if len(data) > room:
            self.stderr_tail += data[max(room, len(data) - _KEPT_STDERR) :]
            del self.stderr_tail[:-_KEPT_STDERR]


Live = Callable[[bool, bytes], None]
"""Takes what comes as it comes; True stands for stderr."""


def exchange(
    connection: socket.socket,
    received: bytes,
    request: bytes,
    *,
    deadline: float,
    stdout_cap: int,
    live: Live | None = None,
) -> Exchange:
    """Writes ``request``, half-closes, and reads until the container's streams end.

    ``received`` is what came behind the engine's reply; ``deadline`` is on the monotonic clock. A step that
    never reads its input is no error here (a full or broken pipe ends the writing, not the reading). ``live``
    is told of everything as it comes.
    """
    result = Exchange()
    frames = Frames(result, stdout_cap, live)
    frames.feed(received)
    outgoing = memoryview(request)
    connection.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                result.timed_out = True
                return result
            for _, events in selector.select(remaining):
                if events & selectors.EVENT_READ:
                    ended = _read(connection, frames, result)
                    if ended or result.overflow or result.broken:
                        return result
                if events & selectors.EVENT_WRITE and outgoing is not None:
                    outgoing = _write(connection, outgoing)
                    if not outgoing:
                        selector.modify(connection, selectors.EVENT_READ)


def _read(connection: socket.socket, frames: Frames, result: Exchange) -> bool:
    """Reads once; True at the end of the stream."""
    try:
        data = connection.recv(_CHUNK)
    except BlockingIOError:
        return False
    except OSError as error:
        result.broken = f"the connection to the engine broke: {error}"
        return True
    if not data:
        if frames.unfinished:
            result.broken = "the stream ended in the middle of a frame"
        return True
    frames.feed(data)
    return False


def _write(connection: socket.socket, outgoing: memoryview) -> memoryview:
    """Writes once, and half-closes behind the last byte; returns what is left."""
    try:
        sent = connection.send(outgoing[:_CHUNK])
    except BlockingIOError:
        return outgoing
    except OSError:
        return outgoing[:0]
    if sent == len(outgoing):
        _half_close(connection)
    return outgoing[sent:]


def _half_close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the step has ended without reading: not our failure


class Frames:
    """Takes the multiplexed stream apart, whatever pieces it arrives in."""

    def __init__(self, result: Exchange, stdout_cap: int, live: Live | None = None) -> None:
        self._result = result
        self._live = live
        self._cap = stdout_cap
        self._header = bytearray()
        self._stream = _STDOUT
        self._left = 0

    @property
    def unfinished(self) -> bool:
        return bool(self._left or self._header)

    def feed(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._left:
                body, view = view[: self._left], view[self._left :]
                self._left -= len(body)
                self._deliver(body)
                continue
            wanted = _HEADER.size - len(self._header)
            self._header += view[:wanted]
            view = view[wanted:]
            if len(self._header) == _HEADER.size:
                self._stream, self._left = _HEADER.unpack(self._header)
                self._header.clear()

    def _deliver(self, body: memoryview) -> None:
        if self._live is not None and self._stream in (_STDOUT, _STDERR):
            self._live(self._stream == _STDERR, bytes(body))
        if self._stream == _STDERR:
            self._result._add_stderr(body)
        elif self._stream != _STDOUT:
            self._result.broken = f"the engine said: {bytes(body[:300]).decode(errors='replace')}"
        elif len(self._result.stdout) + len(body) > self._cap:
            self._result.overflow = True
        else:
            self._result.stdout += body
