"""The lines of a step's input, one by one or as many as wait there: nothing is waited for once there is a line."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

_CHUNK = 256 * 1024


class Lines:
    """Reads lines from a descriptor that nobody else reads from."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN | select.POLLHUP)
        self._waiting: list[bytes] = []
        self._pieces: list[bytes] = []
        """Of the line that has not ended yet."""
        self._ended = False

    def groups(self, most: int) -> Iterator[list[bytes]]:
        """Until the input ends: the lines that are there, one at least and ``most`` of them at the most.

        Blank lines are left out. A last line without an end counts.
        """
        while group := self._take(most):
            yield group

    def _take(self, most: int) -> list[bytes]:
        while len(self._waiting) < most and not self._ended and (not self._waiting or self._poll.poll(0)):
            self._read()
        group, self._waiting = self._waiting[:most], self._waiting[most:]
        return group

    def _read(self) -> None:
        data = os.read(self._descriptor, _CHUNK)
        self._ended = not data
        *ends, rest = data.split(b"\n")
        if ends:
            ends[0] = b"".join([*self._pieces, ends[0]])
            self._pieces.clear()
        self._pieces.append(rest)
        if self._ended:
            ends = [b"".join(self._pieces)]
        self._waiting += [line for line in ends if line.strip()]
