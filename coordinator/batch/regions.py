"""Positions to regions: a grid or the user's polygons, each with a half-open core and a halo.

All coordinates are metres in the batch's projected CRS. A point on an edge between two cores belongs to
exactly one of them (the even-odd crossing rule is half-open), so the cores partition the ground.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Protocol

from coordinator.contract import MAX_METRES, RegionMessage
from coordinator.strictjson import Json

Point = tuple[float, float]
Ring = Sequence[Sequence[float]]

WHOLE = "all"
"""The one region of a batch without positions."""


class Regions(Protocol):
    """How a batch's ground is divided."""

    def around(self, position: Point | None) -> tuple[str, ...]:
        """The ids of the regions whose core or halo holds ``position``."""
        ...

    def message(self, region_id: str) -> RegionMessage | None:
        """What a step is told of the region; None if it is everything there is."""
        ...


@dataclass(frozen=True)
class Undivided:
    """Everything is one region."""

    def around(self, position: Point | None) -> tuple[str, ...]:
        return (WHOLE,)

    def message(self, region_id: str) -> RegionMessage | None:
        return None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Square cores of ``size`` metres; the core of cell (i, j) is [i, i+1) x [j, j+1) times ``size``.

    A cell whose own core holds no recording is a region, too, when its halo does: an object may stand there.
    """

    size: float
    halo: float

    def around(self, position: Point | None) -> tuple[str, ...]:
        if position is None:
            return ()
        (x, y), halo, size = position, self.halo, self.size
        return _cells(
            math.floor((x - halo) / size),
            math.floor((x + halo) / size),
            math.floor((y - halo) / size),
            math.floor((y + halo) / size),
        )

    def message(self, region_id: str) -> RegionMessage:
        column, row = (int(part) for part in region_id.split("_"))
        x0, x1 = column * self.size, (column + 1) * self.size
        y0, y1 = row * self.size, (row + 1) * self.size
        ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
        return RegionMessage(id=region_id, core={"type": "Polygon", "coordinates": [ring]}, halo=self.halo)


@lru_cache(maxsize=1024)
def _cells(left: int, right: int, low: int, high: int) -> tuple[str, ...]:
    """The ids of a grid's cells, which one recording after the other shares."""
    return tuple(f"{column}_{row}" for column in range(left, right + 1) for row in range(low, high + 1))


@dataclass(frozen=True, kw_only=True)
class Polygons:
    """The user's regions: GeoJSON Polygon or MultiPolygon geometries by id, in the batch's CRS."""

    cores: dict[str, Json]
    halo: float

    def around(self, position: Point | None) -> tuple[str, ...]:
        if position is None:
            return ()
        x, y = position
        near = (
            name
            for name, (x0, y0, x1, y1) in self._bounds.items()
            if x0 - self.halo <= x <= x1 + self.halo and y0 - self.halo <= y <= y1 + self.halo
        )
        return tuple(name for name in near if _within(self.cores[name], position, self.halo))

    @cached_property
    def _bounds(self) -> dict[str, tuple[float, float, float, float]]:
        """The least and the largest coordinates of each core: most positions lie far from most regions."""
        return {name: bounds(core) for name, core in self.cores.items()}

    def message(self, region_id: str) -> RegionMessage:
        return RegionMessage(id=region_id, core=self.cores[region_id], halo=self.halo)


def as_json(regions: Regions) -> Json | None:
    """The division as ``run.json`` keeps it, for who looks at the run later; None if everything is one region."""
    if isinstance(regions, Grid):
        return {"size": regions.size, "halo": regions.halo}
    return {"cores": regions.cores, "halo": regions.halo} if isinstance(regions, Polygons) else None


def from_json(told: Json | None) -> Regions:
    """The division that :func:`as_json` told of."""
    if told is None:
        return Undivided()
    if "size" in told:
        return Grid(size=told["size"], halo=told["halo"])
    return Polygons(cores=told["cores"], halo=told["halo"])


def point_of(item: Json) -> Point | None:
    """Where an item says that it is: an object by its ``position``, a recording by its ``pose``; None if by neither."""
    for name in ("position", "pose"):
        place = item.get(name)
        if isinstance(place, dict) and _is_metres(place.get("x")) and _is_metres(place.get("y")):
            return float(place["x"]), float(place["y"])
    return None


def _is_metres(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= MAX_METRES


def rings(geometry: Json) -> Iterable[Ring]:
    """All rings, outer and holes, of a Polygon or MultiPolygon."""
    coordinates = geometry["coordinates"]
    polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    return [ring for polygon in polygons for ring in polygon]


def bounds(geometry: Json) -> tuple[float, float, float, float]:
    """The least x and y and the largest x and y of a Polygon or MultiPolygon."""
    xs, ys = zip(*((point[0], point[1]) for ring in rings(geometry) for point in ring), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def holds(geometry: Json, point: Point) -> bool:
    """Whether the half-open area holds the point (even-odd crossings of a ray towards +x).

    Source: W. Randolph Franklin, PNPOLY: an edge counts its lower end and not its upper one. An edge's ends are
    ordered before any arithmetic, so that the polygons on its two sides compute the same bits.
    """
    x, y = point
    inside = False
    for ring in rings(geometry):
        for a, b in pairwise(ring):
            (y0, x0), (y1, x1) = sorted(((a[1], a[0]), (b[1], b[0])))
            if y0 <= y < y1 and (x1 - x0) * (y - y0) > (x - x0) * (y1 - y0):
                inside = not inside
    return inside


def _within(geometry: Json, point: Point, distance: float) -> bool:
    edges = (edge for ring in rings(geometry) for edge in pairwise(ring))
    return holds(geometry, point) or any(_to_edge(point, a, b) <= distance for a, b in edges)


def _to_edge(point: Point, a: Sequence[float], b: Sequence[float]) -> float:
    """Metres from the point to the segment a-b."""
    px, py, dx, dy = point[0] - a[0], point[1] - a[1], b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    t = min(1.0, max(0.0, (px * dx + py * dy) / length2)) if length2 else 0.0
    return math.hypot(px - t * dx, py - t * dy)
