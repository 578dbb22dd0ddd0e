"""Small tasks that take far longer than was estimated: from when on they count as large, and who looks for them.

An estimate cannot know of a decoder that hangs. Whoever waits behind such a task, or could only be served where it is,
must not wait until its time is up.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.service.budget import Weight

_TIMES, _LEAST = 10.0, 1.0
"""A small task may take so many times its estimate, and in any case so many seconds."""
_BEGINNING = 15.0
"""Seconds that the first task of a program may take: it is loaded meanwhile, on a busy machine slowly."""
_BETWEEN = 0.1
"""Seconds between two looks."""


def patience(weight: Weight, *, is_first: bool) -> float:
    """Seconds after which a task of that weight counts as large. ``is_first``: its program has answered none before."""
    if weight.is_large:
        return math.inf
    return max(_LEAST, _TIMES * weight.seconds, _BEGINNING if is_first else 0.0)


def is_told(result: Success | TaskError) -> bool:
    """Whether it is a program that says so, and will go on, and not the end of one."""
    return isinstance(result, Success) or result.kind is ErrorKind.BAD_INPUT


class Overseer:
    """A thread that looks again and again, until it is closed."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._live, name="overseer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it, and waits for that."""
        self._closed.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._closed.wait(_BETWEEN):
            self._look()
