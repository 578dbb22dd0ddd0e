"""The page's plane: metres around the middle of what it shows, and how a base map's plane lies on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from coordinator.batch.crs import Projection
from coordinator.report.model import Frame

_ACROSS = 5
"""Control points along each side: 25 for the 6 coefficients of each coordinate."""
_LEAST = 200.0
"""Metres around what is shown, at the least, in which the base map fits."""


def frame_around(projection: Projection, xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """A frame for places in a projection's metres; its origin is a whole number of metres."""
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    origin = float(round((left + right) / 2)), float(round((low + high) / 2))
    reach = max(right - left, high - low) / 2 + _LEAST
    return Frame(crs=projection.name, origin=origin, to_mercator=_to_mercator(projection, origin, reach))


def _to_mercator(
    projection: Projection, origin: tuple[float, float], reach: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The polynomial that :class:`Frame` tells of, fitted to places up to ``reach`` metres from the origin."""
    steps = np.linspace(-reach, reach, _ACROSS)
    rows, us, vs = [], [], []
    for x in steps:
        for y in steps:
            u, v = mercator(*projection.to_wgs84(origin[0] + x, origin[1] + y))
            if math.isfinite(u + v):
                rows.append((1.0, x / reach, y / reach, (x / reach) ** 2, x * y / reach**2, (y / reach) ** 2))
                us.append(u)
                vs.append(v)
    scale = np.array([1.0, reach, reach, reach**2, reach**2, reach**2])
    if len(rows) < len(scale):  # beyond the projection's end there is no base map
        return (0.0,) * 6, (0.0,) * 6
    fitted = np.linalg.lstsq(np.array(rows), np.array([us, vs]).T, rcond=None)[0].T / scale
    return tuple(fitted[0].tolist()), tuple(fitted[1].tolist())


def mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """Web mercator's plane (EPSG:3857) with the world from 0 to 1, u to the east and v to the south.

    >>> mercator(0.0, 0.0)
    (0.5, 0.5)
    """
    if not abs(latitude) < 90:
        return math.nan, math.nan
    v = math.asinh(math.tan(math.radians(latitude))) / (2 * math.pi)
    return longitude / 360 + 0.5, 0.5 - v
