"""What programs say, held in little memory however much it is.

A legal response may be large, and a broken program may write for ever: a response lies in memory while it is small and
in a file without a name beyond that, and of what is only evidence the middle is left out.
"""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path

from coordinator.contract import MAX_RESPONSE_BYTES

_KEPT_OUTPUT = 64 * 1024
_KEPT_RESPONSE = 512 * 1024
"""Bytes kept of the head of what is evidence, and as many of its tail."""
_JUNK = 64 * 1024
"""So much is read of what cannot become a response before it is given up: a crash may follow that tells more."""

Bytes = bytes | bytearray | memoryview


class HeadAndTail:
    """The first and the last bytes of an output of any length, with a note between them if some are missing."""

    def __init__(self, kept: int = _KEPT_OUTPUT) -> None:
        """``kept`` is bytes of the head, and as many of the tail."""
        self._kept = kept
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def add(self, data: Bytes) -> None:
        self._size += len(data)
        room = self._kept - len(self._head)
        self._head += data[:room]
        if len(data) > room:
            self._tail += data[max(room, len(data) - self._kept) :]
            del self._tail[: -self._kept]

    def __bytes__(self) -> bytes:
        left_out = self._size - len(self._head) - len(self._tail)
        note = f"\n... {left_out} bytes left out ...\n".encode() if left_out else b""
        return bytes(self._head) + note + bytes(self._tail)


def as_evidence(response: bytes) -> bytes:
    """A response as it is kept of a failed attempt: whole, or its head and tail."""
    kept = HeadAndTail(_KEPT_RESPONSE)
    kept.add(response)
    return bytes(kept)


class Response:
    """One response while it comes in."""

    def __init__(self, folder: Path | None, cap: int = MAX_RESPONSE_BYTES) -> None:
        """A response that is large is held in a file in ``folder``; more than ``cap`` bytes are too many."""
        self._cap = cap
        self._size = 0
        self._first = b""
        self._evidence = HeadAndTail(_KEPT_RESPONSE)
        spill = str(folder) if folder else None
        self._file = tempfile.SpooledTemporaryFile(2 * _KEPT_RESPONSE, dir=spill)  # noqa: SIM115

    def __len__(self) -> int:
        return self._size

    def add(self, data: Bytes) -> None:
        """Raises OSError if the disk is full."""
        self._size += len(data)
        self._first = self._first or bytes(data).lstrip()[:1]
        self._evidence.add(data)
        if not self.is_too_large:
            self._file.write(data)

    @property
    def is_too_large(self) -> bool:
        return self._size > self._cap

    @property
    def is_junk(self) -> bool:
        """Whether there is much of it, and its first byte shows that it is no JSON object."""
        return self._size > _JUNK and self._first not in (b"", b"{")

    def evidence(self) -> bytes:
        """Its head and tail."""
        return bytes(self._evidence)

    def whole(self) -> bytes:
        """All of it; nothing can be added any more."""
        with self._file:
            self._file.seek(0)
            return self._file.read()

    def close(self) -> None:
        self._file.close()


class Lines:
    """A program's stdout taken apart into lines; blank ones are passed over."""

    def __init__(self, folder: Path) -> None:
        """A line that is large is held in a file in ``folder`` until it has ended."""
        self._folder = folder
        self._begun = Response(folder)
        self._ended: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        """Lines that have ended and were not taken."""
        return len(self._ended)

    def feed(self, data: bytes) -> None:
        """Raises OSError if the disk is full."""
        self._size += len(data)
        *ends, rest = data.split(b"\n")
        for end in ends:
            line = self._end(end) if len(self._begun) else end
            if line.strip():
                self._ended.append(line)
        if rest:
            self._begun.add(rest)

    def take(self) -> bytes:
        """The next line."""
        line = self._ended.popleft()
        if not self._ended:
            self._size = len(self._begun)
        return line

    @property
    def size(self) -> int:
        """Bytes that have come since the last line was taken, blank ones among them."""
        return self._size

    @property
    def is_junk(self) -> bool:
        """Whether the line that has not ended yet is long, and can be no JSON object."""
        return self._begun.is_junk

    def evidence(self) -> bytes:
        """What has come and was not taken: its head and tail."""
        kept = HeadAndTail(_KEPT_RESPONSE)
        for line in self._ended:
            kept.add(line + b"\n")
        kept.add(self._begun.evidence())
        return bytes(kept)

    def close(self) -> None:
        self._begun.close()

    def _end(self, end: bytes) -> bytes:
        begun, self._begun = self._begun, Response(self._folder)
        begun.add(end)
        return begun.whole()
