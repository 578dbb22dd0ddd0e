"""What will happen in a play, in the order of its time. Nothing waits: the clock jumps to whatever happens next."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Agenda:
    """A clock, and what happens when. Times are seconds of the play."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time: float, happen: Callable[[], None]) -> None:
        """Something happens at that time; what is said first of two things at one time happens first."""
        heapq.heappush(self._events, (time, next(self._numbers), happen))

    @property
    def is_empty(self) -> bool:
        return not self._events

    def go_on(self, until: float | None = None) -> bool:
        """Goes on to what happens next, and to all that happens by then; or ``until`` then, if nothing does before.

        False if nothing happened. The clock may have been put forward by who uses it: what is due happens then.
        """
        if not self._events or (until is not None and self._events[0][0] > until):
            self.now = self.now if until is None else max(self.now, until)
            return False
        self.now = max(self.now, self._events[0][0])
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        return True
