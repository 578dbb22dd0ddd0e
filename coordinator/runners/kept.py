"""A program that is kept: what a lane asks of it, whatever it runs in, and how it ended."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Protocol

_GRACE = 10.0
"""Seconds a program gets to end by itself after its input has ended."""
_CHUNK = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended. ``exit_code`` is None if that could not be learnt."""

    exit_code: int | None = None
    stderr: bytes = b""
    out_of_memory: bool | None = None
    container: str | None = None
    command: str | None = None


class Program(Protocol):
    """A program that answers line after line, behind one socket."""

    connection: socket.socket

    def encode(self, request: bytes) -> bytes:
        """A request line as this program is to see it."""
        ...

    def decode(self, data: bytes) -> bytes:
        """What of the bytes from the socket is stdout. Raises EngineError if the engine itself speaks."""
        ...

    def decode_line(self, line: bytes) -> bytes:
        """A response line as every rung would give it."""
        ...

    def end(self, *, kill: bool) -> Ending:
        """Ends the program, at once or after its input has ended, and leaves nothing of it behind.

        Raises EngineError if it cannot be learnt how it ended.
        """
        ...


def end_input(connection: socket.socket) -> None:
    """Ends a program's input and waits until it has ended its output, for a while, whatever it still says."""
    deadline = time.monotonic() + _GRACE
    try:
        connection.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(_CHUNK):
                return
    except OSError:
        return  # it has gone, or does not end: what follows kills it
