"""Geometries as a GeoPackage keeps them: a header with the bounds, then ISO well-known binary, little-endian.

Source: OGC 12-128r18 (GeoPackage 1.3), 2.1.3 "Geometry Encoding"; OGC 06-103r4, 8.2 "Well-known Binary".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Position = Sequence[float]
"""x and y, and z where it is known: metres in the CRS of the layer."""
Bounds = tuple[float, float, float, float]
"""Least x, least y, largest x, largest y."""

_POINT, _LINE, _POLYGON, _MANY_POLYGONS = 1, 2, 3, 6
_WITH_Z = 1000
_LITTLE_ENDIAN, _ENVELOPE_XY = 0b1, 0b10


@dataclass(frozen=True, slots=True)
class Geometry:
    """A geometry's well-known binary, and the bounds of what it holds."""

    wkb: bytes
    bounds: Bounds

    def blob(self, srs: int) -> bytes:
        """The geometry as it stands in a column; ``srs`` is the number of its CRS in the same file."""
        x0, y0, x1, y1 = self.bounds
        header = struct.pack("<2sBBi4d", b"GP", 0, _LITTLE_ENDIAN | _ENVELOPE_XY, srs, x0, x1, y0, y1)
        return header + self.wkb


def point(at: Position) -> Geometry:
    """A place."""
    return Geometry(_head(_POINT, at) + _packed([at]), (at[0], at[1], at[0], at[1]))


def line(points: Sequence[Position]) -> Geometry:
    """A line through at least two places, all with a height or all without one."""
    body = _head(_LINE, points[0]) + struct.pack("<I", len(points)) + _packed(points)
    return Geometry(body, _bounds(points))


def polygons(parts: Sequence[Sequence[Sequence[Position]]]) -> Geometry:
    """Polygons in the plane, each its outer ring and its holes, as GeoJSON's MultiPolygon has them."""
    flat = [[[corner[:2] for corner in ring] for ring in part] for part in parts]
    body = struct.pack("<BII", _LITTLE_ENDIAN, _MANY_POLYGONS, len(flat)) + b"".join(map(_polygon, flat))
    return Geometry(body, _bounds(list(_corners(flat))))


def _polygon(rings: Sequence[Sequence[Position]]) -> bytes:
    body = struct.pack("<BII", _LITTLE_ENDIAN, _POLYGON, len(rings))
    return body + b"".join(struct.pack("<I", len(ring)) + _packed(ring) for ring in rings)


def _head(kind: int, first: Position) -> bytes:
    return struct.pack("<BI", _LITTLE_ENDIAN, kind + (_WITH_Z if len(first) > 2 else 0))


def _packed(points: Iterable[Position]) -> bytes:
    return b"".join(struct.pack(f"<{len(at)}d", *at) for at in points)


def _corners(parts: Iterable[Iterable[Iterable[Position]]]) -> Iterator[Position]:
    for part in parts:
        for ring in part:
            yield from ring


def _bounds(points: Sequence[Position]) -> Bounds:
    xs, ys = [at[0] for at in points], [at[1] for at in points]
    return min(xs), min(ys), max(xs), max(ys)
