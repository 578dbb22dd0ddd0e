"""Where labels go: greedily, the nearest free place around what they name.

After the point-feature labelling of Christensen, Marks and Shieber (ACM Transactions on Graphics, 1995), in its
simplest form: discrete candidates, one label after the other, no going back. All lengths in pixels, y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from steps.stepkit.arrays import F64

_DISTANCES = (6.0, 14.0, 26.0, 42.0, 60.0, 84.0, 112.0, 150.0, 200.0, 260.0)
_DIRECTIONS = 24
_POINT_COST = 5.0
_CROSSING_COST = 25.0
"""What a point to avoid costs, and every 4 pixels of a label's line that run over something else."""
_CLEAR = 6.0
"""How near to a label a point to avoid may be."""


@dataclass(frozen=True)
class Box:
    """An upright rectangle from its top-left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def grown(self, margin: float) -> Box:
        return Box(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def meets(self, other: Box) -> bool:
        """Whether the two share any area."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def within(self, other: Box) -> bool:
        return (
            self.x >= other.x
            and self.y >= other.y
            and self.x + self.width <= other.x + other.width
            and self.y + self.height <= other.y + other.height
        )

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """The point of the box that is nearest to ``point``."""
        x = min(max(point[0], self.x), self.x + self.width)
        y = min(max(point[1], self.y), self.y + self.height)
        return x, y


def place(
    anchor: Box,
    size: tuple[float, float],
    *,
    bounds: Box,
    taken: Sequence[Box],
    avoided: F64,
    reach: float = _DISTANCES[-1],
) -> Box | None:
    """The best free box of ``size`` (width, height) near ``anchor``, or None if there is none within ``bounds``.

    It meets no box of ``taken``. It would rather not lie on the points of ``avoided``, and the straight line to
    it rather not cross a box of ``taken`` (the anchor itself may be one of them). ``reach`` is how far away it may be.
    """
    best: tuple[float, Box] | None = None
    for distance, box in _candidates(anchor, size):
        if distance > reach or (best is not None and distance >= best[0]):
            continue
        if not box.within(bounds) or any(box.meets(other) for other in taken):
            continue
        others = [other for other in taken if other != anchor]
        cost = (
            distance
            + _POINT_COST * _inside(box.grown(_CLEAR), avoided)
            + _CROSSING_COST * _crossed(anchor, box, others)
        )
        if best is None or cost < best[0]:
            best = (cost, box)
    return best[1] if best else None


def line(anchor: Box, label: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of the line from what is named to its label: the points where the two are nearest."""
    start = anchor.nearest(label.middle)
    return start, label.nearest(start)


def _candidates(anchor: Box, size: tuple[float, float]) -> Iterator[tuple[float, Box]]:
    """Boxes around the anchor and their distance from it."""
    width, height = size
    x, y = anchor.middle
    for distance in _DISTANCES:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            across, down = math.cos(angle), math.sin(angle)
            reach_x = (anchor.width + width) / 2 + distance
            reach_y = (anchor.height + height) / 2 + distance
            scale = min(reach_x / max(abs(across), 1e-9), reach_y / max(abs(down), 1e-9))
            yield (
                distance,
                Box(x + across * scale - width / 2, y + down * scale - height / 2, width, height),
            )


def _crossed(anchor: Box, label: Box, taken: Sequence[Box]) -> int:
    """How many points, one every 4 pixels, of the line to the label lie in other boxes."""
    start, end = line(anchor, label)
    points = np.linspace(start, end, math.ceil(math.dist(start, end) / 4) + 1)
    return sum(_inside(other, points) for other in taken)


def _inside(box: Box, points: F64) -> int:
    x, y = points[:, 0], points[:, 1]
    return int(
        np.count_nonzero((x >= box.x) & (x <= box.x + box.width) & (y >= box.y) & (y <= box.y + box.height))
    )
