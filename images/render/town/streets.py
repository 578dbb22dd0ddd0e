"""The street network of a drawn municipality and the survey vehicle's way along it: pure geometry.

Local metres: x east, y north, the ground at z = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from images.batchfiles import Pose
from steps.stepkit.arrays import F64

SPACING = 5.0
"""Metres between recordings along a street."""

_GRIDS = (
    (1, 1),
    (1, 2),
    (2, 2),
    (2, 3),
    (3, 3),
    (3, 4),
    (4, 4),
    (4, 5),
    (5, 5),
    (6, 6),
    (7, 7),
    (8, 8),
    (10, 10),
)
_BLOCK = 68.0
_SMALLEST_BLOCK = 34.0
_ARM = 0.6
"""How far a street goes on past its last crossing, in blocks."""
_LENS_HEIGHT = 2.45


@dataclass(frozen=True, eq=False)
class Street:
    """A straight street: carriageway of ``half_width`` to either side of its centre line, then the pavement."""

    start: F64
    end: F64
    half_width: float
    pavement: float

    @property
    def length(self) -> float:
        """Metres from start to end."""
        return float(np.linalg.norm(self.end - self.start))

    @property
    def along(self) -> F64:
        """Unit vector from start to end, shape (2,)."""
        unit: F64 = (self.end - self.start) / self.length
        return unit

    @property
    def right(self) -> F64:
        """Unit vector to the right of the way from start to end, shape (2,)."""
        return np.array([self.along[1], -self.along[0]])

    def at(self, distance: float, offset: float) -> F64:
        """The point ``distance`` metres from the start, ``offset`` metres to the right of the centre line."""
        point: F64 = self.start + self.along * distance + self.right * offset
        return point

    def gap(self, points: F64) -> F64:
        """Metres from points of shape (N, 2) to the centre line."""
        relative = points - self.start
        lengthwise = np.clip(relative @ self.along, 0, self.length)
        gaps: F64 = np.linalg.norm(relative - lengthwise[:, None] * self.along, axis=1)
        return gaps


def network(random: np.random.Generator, recordings: int) -> tuple[Street, ...]:
    """Streets in a loose grid, long enough for ``recordings`` at about SPACING metres."""
    rows, columns = min(_GRIDS, key=lambda grid: abs(_block(recordings, *grid) - _BLOCK))
    block = max(_SMALLEST_BLOCK, _block(recordings, rows, columns))
    turn = math.radians(random.uniform(8, 80))
    lines = [_line(random, block, i, rows, columns, upright=False) for i in range(rows)]
    lines += [_line(random, block, i, columns, rows, upright=True) for i in range(columns)]
    rotate = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return tuple(
        Street(rotate @ start, rotate @ end, float(random.uniform(4.0, 4.6)), float(random.uniform(2.2, 3.0)))
        for start, end in lines
    )


def drive(random: np.random.Generator, streets: Sequence[Street], recordings: int) -> list[Pose]:
    """Poses along every street in its right lane, one about every SPACING metres, with a vehicle's small sway."""
    total = sum(street.length for street in streets)
    spacing = min(SPACING, total / recordings)
    poses: list[Pose] = []
    travelled = spacing / 2
    for street in streets:
        way = (
            street
            if random.random() < 0.5
            else Street(street.end, street.start, street.half_width, street.pavement)
        )
        while travelled < street.length and len(poses) < recordings:
            poses.append(_sway(random, way, travelled + float(random.uniform(-0.4, 0.4))))
            travelled += spacing
        travelled -= street.length
    while len(poses) < recordings:
        poses.append(_sway(random, streets[-1], float(random.uniform(0, streets[-1].length))))
    return poses


def _block(recordings: int, rows: int, columns: int) -> float:
    in_blocks = rows * (columns - 1 + 2 * _ARM) + columns * (rows - 1 + 2 * _ARM)
    return recordings * SPACING / in_blocks


def _line(
    random: np.random.Generator, block: float, index: int, count: int, crossed: int, *, upright: bool
) -> tuple[F64, F64]:
    middle = (index - (count - 1) / 2) * block + random.uniform(-0.06, 0.06) * block
    slope = random.uniform(-0.05, 0.05) * block
    reach = ((crossed - 1) / 2 + _ARM) * block
    ends = np.array([[-reach, middle - slope], [reach, middle + slope]])
    start, end = ends[:, ::-1] if upright else ends
    return start, end


def _sway(random: np.random.Generator, street: Street, distance: float) -> Pose:
    x, y = street.at(distance, 1.35 + float(random.normal(0, 0.15)))
    heading = math.degrees(math.atan2(street.along[0], street.along[1]))
    return Pose(
        x=float(x),
        y=float(y),
        z=_LENS_HEIGHT + float(random.normal(0, 0.02)),
        heading=(heading + float(random.normal(0, 1.5))) % 360.0,
        pitch=float(random.normal(0, 0.8)),
        roll=float(random.normal(0, 0.8)),
    )
