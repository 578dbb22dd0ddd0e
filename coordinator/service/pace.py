"""How fast a request must come: bodies that drip are cut off, so that nobody is kept out by who never ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PERIOD = 30.0
"""Seconds, in each of which a body must bring its least rate's worth: a telephone in a tunnel gets so long."""


@dataclass(frozen=True, kw_only=True)
class PaceLimits:
    """``rate`` is the least number of bytes a second, ``seconds`` the most that a whole body may take."""

    rate: int
    seconds: float


class Pace:
    """One body on its way. Moments are seconds of any one clock."""

    def __init__(self, limits: PaceLimits, begun: float) -> None:
        self._owed = int(limits.rate * PERIOD)
        self._last = begun + limits.seconds
        self._next = begun + PERIOD
        self._received = 0

    @property
    def deadline(self) -> float:
        """The moment until which more must have come."""
        return min(self._next, self._last)

    def note(self, received: int, now: float) -> None:
        """So many bytes have come. A period's worth of them begins the next period."""
        self._received += received
        if self._received >= self._owed:
            self._received = 0
            self._next = now + PERIOD
