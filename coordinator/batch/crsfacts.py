"""What a register says of a coordinate reference system: where it is used, and how well it fits WGS84."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_KM_IN_DEGREE = 111.2


@dataclass(frozen=True)
class Area:
    """Between two meridians and two parallels, in degrees; across the antimeridian, ``west`` is the larger one."""

    west: float
    south: float
    east: float
    north: float

    def __str__(self) -> str:
        return f"longitude {self.west:g} to {self.east:g}, latitude {self.south:g} to {self.north:g}"

    @property
    def width(self) -> float:
        """Degrees of longitude."""
        return (self.east - self.west) % 360.0 or 360.0

    @property
    def middle(self) -> tuple[float, float]:
        """(longitude, latitude) in degrees."""
        longitude = self.west + self.width / 2.0
        return (longitude + 180.0) % 360.0 - 180.0, (self.south + self.north) / 2.0

    def beyond(self, longitude: float, latitude: float) -> float:
        """Kilometres from a place to the area, 0 inside; infinite for what is no place."""
        if not math.isfinite(longitude + latitude):
            return math.inf
        from_west = (longitude - self.west) % 360.0
        aside = 0.0 if from_west <= self.width else min(from_west - self.width, 360.0 - from_west)
        up = max(self.south - latitude, latitude - self.north, 0.0)
        return _KM_IN_DEGREE * math.hypot(aside * math.cos(math.radians(latitude)), up)

    def holds(self, longitude: float, latitude: float) -> bool:
        return self.beyond(longitude, latitude) == 0.0


_AXES = " (with axis order normalized for visualization)"
"""What PROJ from 9.8 on has behind its operations' names: longitude comes before latitude, as here always."""


@dataclass(frozen=True)
class Operation:
    """A way between a CRS and WGS84. ``accuracy`` is EPSG's figure in metres, None if there is none."""

    name: str
    accuracy: float | None
    grids: tuple[str, ...] = ()
    """Files of grids that are not installed."""

    @classmethod
    def of(cls, steps: str, accuracy: float, grids: Iterable[Any] = ()) -> Operation:
        """From pyproj's words, numbers and grids: the change of datum, without what is projected or put first."""
        told = [step.removesuffix(_AXES) for step in steps.split(" + ") if " to " in step]
        missing = tuple(grid.short_name for grid in grids if not grid.available)
        return cls(" + ".join(told), accuracy if accuracy >= 0.0 else None, missing)

    @property
    def is_ballpark(self) -> bool:
        """PROJ knows nothing of the datum, and leaves the degrees as they are."""
        return "Ballpark" in self.name
