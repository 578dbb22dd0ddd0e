"""A container's attached streams: write the request, half-close, read the frames to the end, by a deadline.

The SDK's own reader may swallow the first frames behind the engine's 101 reply and takes an end in
mid-frame for a clean one, so the frames are read here. A frame is 8 bytes (stream, 3 unused, length
as a big-endian integer), then the body.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from coordinator.contract import MAX_RESPONSE_BYTES
from coordinator.errors import EngineError
from coordinator.runners.pump import Pump
from coordinator.runners.received import HeadAndTail, Response

_HEADER = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2


class Cut(StrEnum):
    """Why an exchange was given up before the streams came to their own end."""

    TIME = "time was up"
    SIZE = "the response is larger than it may be"
    JUNK = "what comes cannot become a response"
    BROKEN = "the engine or the connection to it failed"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What came back: all of stdout if the streams came to their own end, else its head and tail.

    Of a long stderr there are head and tail. ``broken`` tells more of ``Cut.BROKEN``.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    cut: Cut | None = None
    broken: str = ""


Live = Callable[[bool, bytes], None]
"""Takes what comes as it comes; True stands for stderr."""


class Spoken(Protocol):
    """What comes over a connection, taken apart; ``stderr`` is head and tail of it."""

    stderr: HeadAndTail

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The pieces of stdout in what has come. Raises EngineError if it is none of the program's."""
        ...

    def end(self) -> None:
        """Nothing more comes. Raises EngineError if that cannot be all."""
        ...


def exchange(
    connection: socket.socket,
    received: bytes,
    request: bytes,
    *,
    deadline: float,
    spill: Path | None = None,
    cap: int = MAX_RESPONSE_BYTES,
    live: Live | None = None,
    streams: Spoken | None = None,
) -> Exchange:
    """Writes ``request``, half-closes, and reads until the container's streams end, or further reading is pointless.

    ``received`` is what came behind the engine's reply; ``deadline`` is on the monotonic clock. A step that
    never reads its input is no error here (a full or broken pipe ends the writing, not the reading). A large
    response is held in the folder ``spill`` meanwhile. ``live`` is told of everything as it comes. ``streams`` takes
    apart what comes, which by default are an engine's frames. Raises OSError if the disk is full.
    """
    streams = Streams(live) if streams is None else streams
    with closing(Response(spill, cap)) as response:
        broken = ""
        try:
            cut = _converse(connection, received, request, deadline, streams, response)
        except EngineError as error:
            cut, broken = Cut.BROKEN, str(error)
        stdout = response.evidence() if cut else response.whole()
    return Exchange(stdout=stdout, stderr=bytes(streams.stderr), cut=cut, broken=broken)


def _converse(
    connection: socket.socket,
    received: bytes,
    request: bytes,
    deadline: float,
    streams: Spoken,
    response: Response,
) -> Cut | None:
    """Writes and reads to the end; why that was given up, if it was. Raises EngineError if it broke."""
    cut = _take_in(received, streams, response)
    with Pump(connection) as pump:
        pump.send(request)
        pump.end_output()
        while cut is None:
            if time.monotonic() >= deadline:
                return Cut.TIME
            try:
                data = pump.turn(deadline)
            except OSError as error:
                raise EngineError(f"the connection to the engine broke: {error}") from error
            if data == b"":
                streams.end()
                return None
            cut = _take_in(data or b"", streams, response)
    return cut


def _take_in(data: bytes, streams: Spoken, response: Response) -> Cut | None:
    for piece in streams.feed(data):
        response.add(piece)
    if response.is_too_large:
        return Cut.SIZE
    return Cut.JUNK if response.is_junk else None


class Streams:
    """Takes the multiplexed stream apart, whatever pieces it arrives in; of stderr, head and tail are kept."""

    def __init__(self, live: Live | None = None) -> None:
        self.stderr = HeadAndTail()
        self._live = live
        self._header = bytearray()
        self._stream = _STDOUT
        self._left = 0

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The pieces of stdout. Raises EngineError if the engine itself speaks."""
        view = memoryview(data)
        while view:
            if self._left:
                body, view = view[: self._left], view[self._left :]
                self._left -= len(body)
                if self._is_stdout(body):
                    yield body
                continue
            wanted = _HEADER.size - len(self._header)
            self._header += view[:wanted]
            view = view[wanted:]
            if len(self._header) == _HEADER.size:
                self._stream, self._left = _HEADER.unpack(self._header)
                self._header.clear()

    def end(self) -> None:
        """The stream has ended. Raises EngineError if that was in the middle of a frame."""
        if self._left or self._header:
            raise EngineError("the stream ended in the middle of a frame")

    def _is_stdout(self, body: memoryview) -> bool:
        if self._stream not in (_STDOUT, _STDERR):
            raise EngineError(f"the engine said: {bytes(body[:300]).decode(errors='replace')}")
        if self._live is not None:
            self._live(self._stream == _STDERR, bytes(body))
        if self._stream == _STDERR:
            self.stderr.add(body)
        return self._stream == _STDOUT
