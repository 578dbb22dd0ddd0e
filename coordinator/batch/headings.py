"""Whether the headings of a batch go with the way it was driven: sums over the steps from one recording to the next."""

from __future__ import annotations

import math

from coordinator.batch.recording import Place

_MIN_STEP, _MAX_STEP = 1.0, 50.0
"""Metres of a step that tells a direction."""
_ENOUGH = 4
"""Steps from which something is said."""
_STEADY, _LOOSE = 0.9, 0.5
"""Lengths of the mean direction, of 1 if all are the same and of about 0 if they are anyhow."""
_MAX_RADIANS = 10.0
"""Degrees: a turn in radians, and the convergence that was taken off."""
_NEAR = math.radians(10.0)


class Headings:
    """Sums over what was seen so far.

    Source: the mean of directions and its length, K. V. Mardia and P. E. Jupp, Directional Statistics (2000), 2.2.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.largest = 0.0
        """Of the headings, in degrees from -180 to 180."""
        self._before: Place | None = None
        self._sums = [0.0] * 6

    def see(self, place: Place) -> None:
        before, self._before = self._before, place
        heading = place.heading
        if before is None or heading is None:
            return
        east, north = place.x - before.x, place.y - before.y
        if not _MIN_STEP <= math.hypot(east, north) <= _MAX_STEP:
            return
        self.steps += 1
        signed = heading if heading < 180.0 else heading - 360.0
        self.largest = max(self.largest, abs(signed))
        way = math.atan2(east, north)
        off = math.radians(heading) - way
        for place_of_sum, angle in ((0, off), (2, 4.0 * off), (4, signed - way)):
            self._sums[place_of_sum] += math.cos(angle)
            self._sums[place_of_sum + 1] += math.sin(angle)

    def are_radians(self, convergence: float) -> bool:
        """Whether they go with the way if they are taken for radians, and not as degrees.

        ``convergence`` in degrees was taken off those that counted from true north, as if they were degrees.
        """
        if self.steps < _ENOUGH or self.largest > _MAX_RADIANS or self._length(4) < _STEADY:
            return False
        as_told = (self._mean(4), math.remainder(self._mean(4) + convergence, math.tau))
        as_degrees, as_radians = abs(self._mean(0)), min(map(abs, as_told))
        return as_radians < _NEAR and (self._length(0) < _STEADY or as_degrees > max(_NEAR, 3.0 * as_radians))

    @property
    def are_adrift(self) -> bool:
        """Whether they have nothing to do with the way, not even as those of cameras that look to all four sides."""
        return self.steps >= _ENOUGH and self._length(0) < _LOOSE and self._length(2) < _LOOSE

    @property
    def are_all_zero(self) -> bool:
        """Whether every one is 0 although the way is not to the north: most likely they are not known."""
        return self.steps >= _ENOUGH and self.largest == 0.0 and abs(self._mean(0)) > _NEAR / 2.0

    @property
    def steady_offset(self) -> float | None:
        """Degrees from the way to where all cameras look; None if they do not look in one direction."""
        if self.steps < _ENOUGH or self._length(0) < _STEADY:
            return None
        return math.degrees(self._mean(0))

    def _length(self, first: int) -> float:
        return math.hypot(self._sums[first], self._sums[first + 1]) / self.steps

    def _mean(self, first: int) -> float:
        return math.atan2(self._sums[first + 1], self._sums[first])
