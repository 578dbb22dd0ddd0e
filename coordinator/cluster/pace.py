"""How fast a step goes, and for how much of their time its instances work. Without a clock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_WINDOW = 10.0
"""Seconds that are looked back; where tasks take long, three of them."""
_TASKS = 3
_SHORT = 1.0
"""Seconds of instances below which nothing is told."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``rate`` is tasks that ended a second; ``busy`` the share of their time, 0 to 1, that instances worked."""

    rate: float
    busy: float


@dataclass(frozen=True)
class _Look:
    """What there was by a moment: tasks that had ended, seconds of instances at work, and seconds of instances."""

    at: float
    ended: int = 0
    busy: float = 0.0
    there: float = 0.0


class Pacer:
    """Is shown a pool's counts again and again."""

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque()
        self._first: _Look | None = None

    def look(self, now: float, *, ended: int, busy: float, ready: int, seconds: float) -> None:
        """Takes the counts of tasks that ``ended``, and their ``busy`` seconds, since the run began.

        ``ready`` instances are there since the last look or so; ``seconds`` is what a task takes.
        """
        if self._first is None:
            self._first = _Look(now)
            self._looks.append(self._first)
        last = self._looks[-1]
        self._looks.append(_Look(now, ended, busy, last.there + ready * (now - last.at)))
        window = max(_WINDOW, _TASKS * seconds)
        while len(self._looks) > 2 and self._looks[1].at <= now - window:
            self._looks.popleft()

    @property
    def pace(self) -> Pace | None:
        """Over the last seconds; None if there were no instances to speak of."""
        return _between(self._looks[0], self._looks[-1]) if self._looks else None

    @property
    def whole(self) -> Pace | None:
        """The same since the first look."""
        return _between(self._first, self._looks[-1]) if self._first else None

    @property
    def there_s(self) -> float:
        """Seconds of all instances together."""
        return self._looks[-1].there if self._looks else 0.0


def _between(first: _Look, last: _Look) -> Pace | None:
    there = last.there - first.there
    if there < _SHORT:
        return None
    return Pace(
        rate=(last.ended - first.ended) / (last.at - first.at),
        busy=min(1.0, (last.busy - first.busy) / there),
    )
