"""Where a batch's recordings lie: their extent, those far from the others, and the stops of a standing car."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from coordinator.batch.recording import Place
from coordinator.batch.regions import Point

_CELL = 10_000.0
"""Metres; far off is what lies several cells from where most recordings lie."""
_FAR = 5
_STANDING = 0.25
"""Metres from one recording to the next, within which a car stands."""
_SAME_HEADING = 5.0
_MAX_SAMPLE = 1000
_NAMED = 3


@dataclass
class _Cell:
    count: int = 0
    names: list[str] = field(default_factory=list)


class Ground:
    """What was seen so far."""

    def __init__(self) -> None:
        self.count = 0
        self.box = (math.inf, math.inf, -math.inf, -math.inf)
        """The smallest and the largest x and y: min_x, min_y, max_x, max_y."""
        self.heights = (math.inf, -math.inf)
        """The lowest and the highest."""
        self.at_zero_height = 0
        self.steps = 0
        """Steps from one recording to the next that were looked at."""
        self.standing = 0
        """Those that led nowhere, with the same heading: the recording adds no baseline."""
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._cell = _Cell()
        self._bounds = (math.inf, math.inf, -math.inf, -math.inf)
        self._before: Place | None = None
        self._sample: list[Point] = []
        self._stride = 1

    def see(self, name: str, place: Place) -> None:
        """Takes notice of where a recording lies."""
        x, y, z = place.x, place.y, place.z
        self.count += 1
        left, low, right, high = self.box
        if x < left or x > right or y < low or y > high:
            self.box = (min(left, x), min(low, y), max(right, x), max(high, y))
        left, low, right, high = self._bounds
        if not (left <= x < right and low <= y < high):
            self._enter_cell(x, y)
        cell = self._cell
        cell.count += 1
        if cell.count <= _NAMED:
            cell.names.append(name)
        if z is not None:
            if z == 0.0:
                self.at_zero_height += 1
            if not self.heights[0] <= z <= self.heights[1]:
                self.heights = (min(self.heights[0], z), max(self.heights[1], z))
        if self.count % self._stride == 0:
            self._keep((x, y))

    def see_step(self, place: Place) -> None:
        """Takes notice of the way from the recording before."""
        before, self._before = self._before, place
        if before is None:
            return
        self.steps += 1
        if abs(place.x - before.x) > _STANDING or abs(place.y - before.y) > _STANDING:
            return
        if (
            place.heading is None
            or before.heading is None
            or _angle(place.heading, before.heading) < _SAME_HEADING
        ):
            self.standing += 1

    @property
    def spread(self) -> float:
        """Metres across all of it."""
        left, low, right, high = self.box
        return math.hypot(right - left, high - low) if self.count else 0.0

    def _enter_cell(self, x: float, y: float) -> None:
        column, row = math.floor(x / _CELL), math.floor(y / _CELL)
        self._cell = self._cells.setdefault((column, row), _Cell())
        self._bounds = (column * _CELL, row * _CELL, (column + 1) * _CELL, (row + 1) * _CELL)

    def _keep(self, point: Point) -> None:
        self._sample.append(point)
        if len(self._sample) > _MAX_SAMPLE:
            del self._sample[::2]
            self._stride *= 2

    def middle(self) -> Point | None:
        """The median place: of x, and of y."""
        if not self._sample:
            return None
        half = len(self._sample) // 2
        return sorted(x for x, _ in self._sample)[half], sorted(y for _, y in self._sample)[half]

    def far_off(self) -> tuple[int, list[str]]:
        """How many recordings lie tens of kilometres from where most of them lie, and some of their names."""
        if len(self._cells) < 2:
            return 0, []
        most = max(self._cells, key=lambda key: self._cells[key].count)
        far = [
            cell
            for key, cell in self._cells.items()
            if max(abs(key[0] - most[0]), abs(key[1] - most[1])) > _FAR
        ]
        return sum(cell.count for cell in far), [name for cell in far for name in cell.names]


def _angle(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)
