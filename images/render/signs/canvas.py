"""A drawing board for sign faces: filled polygons, discs and strokes with flat ends, antialiased.

Coordinates are the sign's own: x right and y down from -1 to 1, whatever the size in pixels. The board is
supersampled and averaged once at the end, so that every shape has the same soft edge.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np

from steps.stepkit.arrays import I32, U8

Point = tuple[float, float]
Colour = tuple[int, int, int]
"""Blue, green, red."""

WHITE: Colour = (248, 248, 248)
BLACK: Colour = (24, 22, 22)
RED: Colour = (28, 18, 193)
BLUE: Colour = (140, 74, 14)
YELLOW: Colour = (11, 186, 247)
GREY: Colour = (104, 100, 98)

_SUBPIXEL_BITS = 6
_FINE_SIDE = 512


class Canvas:
    """A square board of ``size`` x ``size`` pixels whose outline starts empty (transparent)."""

    def __init__(self, size: int, background: Colour = WHITE) -> None:
        """Raises ValueError for a size below one pixel."""
        if size < 1:
            raise ValueError(f"a canvas is at least 1 pixel wide, not {size}")
        self._size = size
        self._fine = size * max(3, math.ceil(_FINE_SIDE / size))
        self._colour = np.full((self._fine, self._fine, 3), background, np.uint8)
        self._outline = np.zeros((self._fine, self._fine), np.uint8)

    def outline(self, points: Sequence[Point], colour: Colour = WHITE) -> None:
        """Add a polygon to the face's outline (its alpha) and fill it."""
        cv2.fillPoly(self._outline, [self._fixed(points)], 255, cv2.LINE_8, _SUBPIXEL_BITS)
        self.polygon(points, colour)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self._colour, [self._fixed(points)], colour, cv2.LINE_8, _SUBPIXEL_BITS)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        self.polygon(arc(centre, radius, 0, 360), colour)

    def ring(self, centre: Point, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle's line, ``width`` wide and centred on ``radius``."""
        self.stroke(arc(centre, radius, 0, 360), width, colour)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw an open line with round joints and flat ends."""
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            nx, ny = (y0 - y1) / length * width / 2, (x1 - x0) / length * width / 2
            self.polygon(
                [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)], colour
            )
        for joint in points[1:-1]:
            self.disc(joint, width / 2, colour)

    def finish(self) -> U8:
        """The board as BGRA, shape (size, size, 4)."""
        fine = np.dstack([self._colour, self._outline])
        small = cv2.resize(fine, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)

    def _fixed(self, points: Sequence[Point]) -> I32:
        """Fixed-point pixels; pixel centres are whole numbers, hence the half pixel."""
        pixels = (np.asarray(points, dtype=np.float64) + 1) / 2 * self._fine - 0.5
        return np.asarray(np.rint(pixels * 2**_SUBPIXEL_BITS), dtype=np.int32)


def arc(centre: Point, radius: float | Point, start: float, end: float, steps: int = 0) -> list[Point]:
    """Points on a circle or ellipse from angle ``start`` to ``end`` in degrees, clockwise from the right."""
    rx, ry = radius if isinstance(radius, tuple) else (radius, radius)
    count = steps or max(4, int(abs(end - start) / 4))
    angles = (math.radians(start + (end - start) * i / count) for i in range(count + 1))
    return [(centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles]


def regular(sides: int, radius: float, start: float, centre: Point = (0.0, 0.0)) -> list[Point]:
    """A regular polygon's corners; the first lies at ``start`` degrees, clockwise from the right."""
    return arc(centre, radius, start, start + 360, sides)[:-1]


def rounded(points: Sequence[Point], cut: float) -> list[Point]:
    """A polygon whose corners are rounded from ``cut`` before each corner to ``cut`` after it."""
    result: list[Point] = []
    count = len(points)
    for i, corner in enumerate(points):
        a = _towards(corner, points[i - 1], cut)
        b = _towards(corner, points[(i + 1) % count], cut)
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            weights = ((1 - t) ** 2, 2 * t * (1 - t), t * t)
            result.append(
                (
                    weights[0] * a[0] + weights[1] * corner[0] + weights[2] * b[0],
                    weights[0] * a[1] + weights[1] * corner[1] + weights[2] * b[1],
                )
            )
    return result


def box(x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    """An upright rectangle's corners."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def mirrored(points: Sequence[Point]) -> list[Point]:
    """The points mirrored from left to right."""
    return [(-x, y) for x, y in points]


def _towards(start: Point, end: Point, distance: float) -> Point:
    length = math.hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    step = min(distance / length, 0.5)
    return (start[0] + (end[0] - start[0]) * step, start[1] + (end[1] - start[1]) * step)
