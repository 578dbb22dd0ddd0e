"""What recordings beside one another tell of each other: the direction of travel, and a height where one has none.

Recordings come in the order of the batch (a table's rows, files by name), which is taken for that of the drive; where
times say that two of them were taken the other way round, or long after each other, they count. Only those that lack
something wait for the ones behind them; the others pass through at once.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.formats.remarks import Remark

_MAX_WAITING = 1000
"""Recordings that are held back for the sake of a neighbour."""
_MIN_STEP, _MAX_STEP = 0.5, 50.0
"""Metres between two recordings that tell a direction: below, noise does; above, the road may have turned."""
_MAX_SECONDS = 300.0
"""Between two recordings that tell a direction: longer than at any traffic light, it is another drive."""
_MAX_HEIGHT_STEP = 100.0
"""Metres to the neighbour whose height is taken."""
_MAX_TURN = 60.0
"""Degrees between the way here and the way on, beyond which neither is where the car looked."""

Found = Recording | BadRecording


def completed(found: Iterable[Found]) -> Iterator[Found]:
    """The same recordings in the same order; those with a position have a heading and a height where one can be told.

    A batch of which no recording has a height is flat: all stand at 0 m.
    """
    return _Stream().pass_on(found)


class _Stream:
    def __init__(self) -> None:
        self._waiting: deque[Found] = deque()
        self._heights: deque[Place] = deque()
        """The places among those that have a height."""
        self._behind: Place | None = None
        """The last place that was passed on."""
        self._height_behind: Place | None = None
        """The last of them that had a height by itself."""
        self._is_flat = False
        """Whether no recording has a height, as far as can be seen."""

    def pass_on(self, found: Iterable[Found]) -> Iterator[Found]:
        for one in found:
            if not self._waiting and _is_complete(one):
                if (place := _place(one)) is not None:
                    self._behind = self._height_behind = place
                    self._is_flat = False
                yield one
                continue
            self._waiting.append(one)
            if (place := _place(one)) is not None and place.z is not None:
                self._heights.append(place)
            while self._waiting and self._can_tell(self._waiting[0]):
                yield self._next()
        self._is_flat = self._is_flat or not (self._height_behind or self._heights)
        while self._waiting:
            yield self._next()

    def _next(self) -> Found:
        one = self._waiting.popleft()
        if self._heights and self._heights[0] is _place(one):
            self._heights.popleft()
        return self._passed(one, self._told(one))

    def _passed(self, given: Found, told: Found) -> Found:
        self._behind = _place(told) or self._behind
        own = _place(given)
        if own is not None and own.z is not None:
            self._height_behind, self._is_flat = own, False
        return told

    def _can_tell(self, one: Found) -> bool:
        """Whether what comes behind ``one`` is known as far as it is asked for."""
        place = _place(one)
        if place is None:
            return True
        if len(self._waiting) > _MAX_WAITING:
            self._is_flat = not (self._height_behind or self._heights)
            return True
        lacks_height = place.z is None and not (self._is_flat or self._heights)
        return not lacks_height and (place.heading is not None or self._ahead(1) is not None)

    def _told(self, one: Found) -> Found:
        place = _place(one)
        if isinstance(one, BadRecording) or place is None or _is_complete(one):
            return one
        remarks: list[Remark] = []
        if place.heading is None and (way := _travel(self._behind, place, self._ahead(0))) is not None:
            east, north, length = way
            known = place.accuracy and place.accuracy.travelling(length)
            heading = math.degrees(math.atan2(east, north)) % 360.0
            place = replace(place, heading=heading, accuracy=known)
            remarks.append(Remark.HEADING_FROM_TRAVEL)
        if place.z is None:
            z, remark = self._height(place)
            place = replace(place, z=z)
            remarks += [remark] if remark else []
        return one.at(place, *remarks)

    def _height(self, place: Place) -> tuple[float | None, Remark | None]:
        """The height of the nearer neighbour that has one; 0 if none of the batch has."""
        known = [other for other in (self._height_behind, *self._heights) if other is not None][:2]
        nearest = min(known, key=lambda other: _distance(place, other), default=None)
        if nearest is None and self._is_flat:
            return 0.0, Remark.FLAT
        if nearest is None or _distance(place, nearest) > _MAX_HEIGHT_STEP:
            return None, Remark.NO_HEIGHT
        return nearest.z, Remark.HEIGHT_FROM_NEIGHBOUR

    def _ahead(self, start: int) -> Place | None:
        """The first place among those that wait, from ``start`` on."""
        waiting = itertools.islice(self._waiting, start, None)
        return next((place for one in waiting if (place := _place(one)) is not None), None)


def _place(one: Found) -> Place | None:
    return one.place if isinstance(one, Recording) else None


def _is_complete(one: Found) -> bool:
    place = _place(one)
    return place is None or (place.heading is not None and place.z is not None)


def _travel(behind: Place | None, place: Place, ahead: Place | None) -> tuple[float, float, float] | None:
    """East and north of the car's direction: from the place before to the one behind, or along the one way that tells.

    The third is the length of that way in metres.
    """
    ways = [way for way in (_way(behind, place), _way(place, ahead)) if way is not None]
    if len(ways) == 2:
        (x, y, _), (u, v, _) = ways
        turn = math.degrees(abs(math.atan2(x * v - y * u, x * u + y * v)))
        if turn > _MAX_TURN:
            return None
    if not ways:
        return None
    east, north, length = (sum(part) for part in zip(*ways, strict=True))
    return east, north, length


def _way(start: Place | None, end: Place | None) -> tuple[float, float, float] | None:
    """East and north of a step that tells a direction, as parts of its length, and that in metres."""
    if start is None or end is None:
        return None
    distance = _distance(start, end)
    if not _MIN_STEP <= distance <= _MAX_STEP:
        return None
    if start.taken is not None and end.taken is not None and start.taken != end.taken:
        if abs(end.taken - start.taken) > _MAX_SECONDS:
            return None
        if end.taken < start.taken:
            start, end = end, start
    return (end.x - start.x) / distance, (end.y - start.y) / distance, distance


def _distance(a: Place, b: Place) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)
