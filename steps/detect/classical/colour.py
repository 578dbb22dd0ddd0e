"""Colourfulness maps: how red, blue or yellow each pixel is, whatever the exposure.

A sign keeps its hue and roughly its chromaticity in sun and shade while its brightness varies tenfold, so
differences of channels are divided by the pixel's own brightness, as in Ruta, Li and Liu, "Real-time traffic
sign recognition from video by class-specific discriminative features" (Pattern Recognition 43, 2010).
Two changes against their maps: what leans from red towards orange (brick, autumn leaves, skin) is weakened
by half of its lean, and red that leans towards purple (shade under a blue sky) is kept.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from steps.stepkit.arrays import U8, Image

UNIT = 96
_DARK = 12
"""Added to the brightness (0..255) that is divided by: sensor noise in the dark must not become colour."""


def maps(image: Image) -> dict[str, U8]:
    """The maps of a BGR image of shape (height, width, 3), by name; each of shape (height, width).

    In the first three UNIT means that the channels' difference equals the pixel's mean brightness.

    ``red``, ``blue`` and ``yellow`` are relative; ``pale`` (high where a pixel is bright and without colour) is
    the least of the three channels and ``bright`` their mean.
    """
    blue, green, red = cv2.split(image)
    bright = _mean(blue, green, red)
    orange = cv2.subtract(green, blue)
    redness = cv2.subtract(cv2.subtract(cv2.subtract(red, green), cv2.subtract(blue, red)), _half(orange))
    blueness = cv2.subtract(cv2.subtract(blue, red), cv2.subtract(green, blue))
    yellowness = cv2.subtract(cv2.subtract(cv2.min(red, green), blue), cv2.subtract(green, red))
    lit = cv2.convertScaleAbs(bright, beta=_DARK)
    return {
        "red": _relative(redness, lit),
        "blue": _relative(blueness, lit),
        "yellow": _relative(yellowness, lit),
        "pale": np.asarray(cv2.min(cv2.min(red, green), blue), dtype=np.uint8),
        "bright": bright,
    }


def _mean(*channels: Any) -> U8:
    return np.asarray(cv2.transform(cv2.merge(channels), np.full((1, 3), 1 / 3)), dtype=np.uint8)


def _half(channel: Any) -> Any:
    return cv2.convertScaleAbs(channel, alpha=0.5)


def _relative(difference: Any, lit: Any) -> U8:
    return np.asarray(cv2.divide(difference, lit, scale=UNIT), dtype=np.uint8)
