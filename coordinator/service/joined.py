"""A transport that sends what one turn of the loop writes in one go, and gives up a client that takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_MAX_JOINED = 64 * 1024
"""Bytes of an answer that wait for the turn's end."""
STALLED_SECONDS = 60.0
"""Seconds in which a client has to take some of what waits for it."""


class Joined:
    """A transport that sends an answer's header with its body, and asks before it closes whether the client speaks."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, hears_out: Callable[[], bool]
    ) -> None:
        """``hears_out`` is whether the connection stays for the client to say what it is saying."""
        self._transport, self._loop = transport, loop
        self._hears_out = hears_out
        self._has_ended = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._watch: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._has_ended:
            return
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MAX_JOINED:
            self.flush()

    def write_eof(self) -> None:
        self.flush()
        self._has_ended = True
        self._transport.write_eof()

    def close(self) -> None:
        if self._hears_out():
            return
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self.watch()

    def flush(self) -> None:
        """Sends what has been written."""
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            self._transport.write(data)

    def watch(self) -> None:
        """From now on, cuts the connection when the client takes nothing for too long."""
        self.unwatch()
        left = self._transport.get_write_buffer_size()
        self._watch = self._loop.call_later(STALLED_SECONDS, self._look, left)

    def unwatch(self) -> None:
        """All has been taken, or there is nobody left to take it."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self, left_before: int) -> None:
        if self._transport.get_write_buffer_size() < left_before:
            self.watch()
        else:
            self._transport.abort()
