"""What is to go on after a pause: by the clock, without a thread and without sleeping."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Pauses:
    """Calls that wait until they are due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives the seconds by which pauses are measured."""
        self._clock = clock
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def after(self, pause: float, resume: Callable[[], None]) -> None:
        """Calls ``resume`` once the pause (seconds) is over, at once if there is none."""
        if pause == 0.0:
            resume()
        else:
            heapq.heappush(self._waiting, (self._clock() + pause, next(self._numbers), resume))

    def until_due(self) -> float | None:
        """Seconds until the next one is due; None if there is none to wait for."""
        return max(0.0, self._waiting[0][0] - self._clock()) if self._waiting else None

    def resume_due(self) -> None:
        """Calls everything that is due."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            heapq.heappop(self._waiting)[2]()
