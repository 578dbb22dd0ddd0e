"""Colours and the few drawing calls that drawn textures share. A picture is (height, width, 3 or 4): BGR or BGRA."""

from __future__ import annotations

import cv2
import numpy as np

from steps.stepkit.arrays import U8

Colour = tuple[int, int, int]
"""Blue, green, red."""

AWNINGS: tuple[Colour, ...] = ((40, 34, 176), (150, 76, 20), (60, 120, 50), (70, 160, 200), (90, 90, 90))
PAINT: tuple[Colour, ...] = (
    (36, 30, 168),
    (28, 22, 140),
    (150, 74, 26),
    (130, 60, 20),
    (60, 58, 56),
    (30, 30, 30),
    (200, 200, 200),
    (235, 235, 235),
    (160, 160, 158),
    (96, 92, 88),
    (70, 96, 60),
    (170, 130, 80),
)


def rectangle(
    picture: U8, x0: float, y0: float, x1: float, y1: float, colour: Colour, thickness: int = -1
) -> None:
    """Fill a rectangle between two corners in texels, or draw its line ``thickness`` wide."""
    cv2.rectangle(picture, (round(x0), round(y0)), (round(x1), round(y1)), colour, thickness)


def choice(random: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours."""
    return colours[int(random.integers(len(colours)))]


def shaded(colour: Colour, factor: float) -> Colour:
    """The colour made darker or, above 1, lighter."""
    b, g, r = (int(min(255, max(0, channel * factor))) for channel in colour)
    return b, g, r
