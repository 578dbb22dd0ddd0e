"""Which region keeps an object: the half-open core test.

Regions share their edges, so an object on an edge must belong to exactly one of them. The even-odd crossing rule
(Shimrat, "Algorithm 112: Position of point relative to polygon", CACM 5(8), 1962) counts the edges that a
half-line towards +x crosses; an edge owns its lower end only. Two polygons see a shared edge from both ends, so
its ends are ordered before any arithmetic: both get the same bits, and a point is on one side in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from steps.stepkit import BadInput, Json

_Position = Sequence[float]
_Ring = Sequence[_Position]


def core_of(region: Json) -> Json:
    """A region's core. Raises BadInput for a region that has none."""
    core = region.get("core") if isinstance(region, dict) else None
    if not isinstance(core, dict):
        raise BadInput(
            f"a region must be an object with a core, a GeoJSON Polygon or MultiPolygon, not {region!r}"
        )
    return core


def contains(core: Json, x: float, y: float) -> bool:
    """Whether a GeoJSON Polygon or MultiPolygon, half-open, holds (x, y) in the same CRS.

    Raises BadInput for another geometry.
    """
    edges = (edge for ring in _rings(core) for edge in pairwise(ring))
    return sum(_crosses(a, b, x, y) for a, b in edges) % 2 == 1


def _rings(core: Json) -> list[_Ring]:
    kind, coordinates = core.get("type"), core.get("coordinates")
    if kind == "Polygon" and isinstance(coordinates, list):
        return coordinates
    if kind == "MultiPolygon" and isinstance(coordinates, list):
        rings: list[Any] = [ring for polygon in coordinates for ring in polygon]
        return rings
    raise BadInput(f"a region's core must be a GeoJSON Polygon or MultiPolygon, not {kind!r}")


def _crosses(a: _Position, b: _Position, x: float, y: float) -> bool:
    """Whether the half-line from (x, y) towards +x crosses the edge between a and b."""
    low, high = sorted((a, b), key=lambda end: (end[1], end[0]))
    if not low[1] <= y < high[1]:
        return False
    return (high[0] - low[0]) * (y - low[1]) > (x - low[0]) * (high[1] - low[1])
