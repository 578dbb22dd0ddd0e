"""The shapes that a plan is drawn with: arrows, ellipses, discs, and how wide words are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from images.pictures.findings import Colour, Mapped
from images.pictures.svg import Point, element, number

_LETTER = 0.6
_LETTERS = {**dict.fromkeys("fijlrt ", 0.37), **dict.fromkeys("mw", 0.9)}
"""Widths of the letters of the wider sans-serif faces, as fractions of their size."""
_NICE = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_ELLIPSE = 15.0
"""How long the middle one of the ellipses' half axes should be drawn."""


def arrow(middle: Point, heading: float, length: float = 10.0) -> list[Point]:
    """The outline of an arrowhead in pixels (y down) that points along ``heading``, degrees clockwise from north."""
    angle = math.radians(heading)
    ahead = (math.sin(angle), -math.cos(angle))
    aside = (-ahead[1], ahead[0])
    shape = ((0.55, 0.0), (-0.45, 0.36), (-0.25, 0.0), (-0.45, -0.36))
    return [
        (
            middle[0] + length * (along * ahead[0] + across * aside[0]),
            middle[1] + length * (along * ahead[1] + across * aside[1]),
        )
        for along, across in shape
    ]


def ellipse_axes(covariance: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The one-sigma ellipse of a covariance of x and y: greater and lesser half axis, and where the greater points.

    Half axes in the covariance's own unit (metres of square metres); the direction in degrees clockwise from
    north, 0 to 180.
    """
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    lesser, greater = np.sqrt(np.maximum(values, 0.0))
    east, north = vectors[:, 1]
    return float(greater), float(lesser), float(np.degrees(np.arctan2(east, north)) % 180.0)


def enlargement(objects: Sequence[Mapped], scale: float) -> int:
    """How many times larger than they are ellipses must be drawn to be seen, at ``scale`` pixels a metre."""
    axes = [ellipse_axes(thing.covariance)[0] * scale for thing in objects if thing.covariance]
    middle = median(axes) if axes else 0.0
    if middle <= 0.0:
        return 1
    return min(_NICE, key=lambda factor: abs(math.log(factor * middle / _ELLIPSE)))


def css(colour: Colour) -> str:
    """A colour as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def width_of(words: str, size: float) -> float:
    """About how wide a text is drawn; nobody knows with which typeface."""
    return size * sum(_LETTERS.get(letter, _LETTER) for letter in words)


def ellipse(middle: Point, axes: tuple[float, float], heading: float, colour: str) -> str:
    """An ellipse in pixels; ``heading`` is where its first half axis points, degrees clockwise from north."""
    x, y = middle
    return element(
        "ellipse",
        cx=x,
        cy=y,
        rx=axes[0],
        ry=axes[1],
        transform=f"rotate({number(heading - 90)} {number(x)} {number(y)})",
        class_="error",
        fill=colour,
        stroke=colour,
    )


def disc(middle: Point, radius: float, colour: str) -> str:
    """An object's mark, in pixels."""
    return element("circle", cx=middle[0], cy=middle[1], r=radius, class_="mark", fill=colour)
