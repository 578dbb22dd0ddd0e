"""An image and its halvings, to sample large regions coarsely without aliasing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from steps.stepkit.arrays import Image

_LARGEST_STEP = 2.0
"""Samples are at most this many pixels apart (linear interpolation skips what lies between)."""
_SMALLEST = 64


def halved(image: Image) -> Image:
    """The image, shape (height, width, ...), at half its size by means of 2 x 2 pixels; edges at x lie at x / 2.

    An odd last line goes.
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    whole = image[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def build(image: Image, largest: float) -> Sequence[Image]:
    """The image, shape (height, width, 3), and as many halvings as regions of ``largest`` pixels can need."""
    levels = [image]
    while largest > _SMALLEST and min(levels[-1].shape[:2]) > _SMALLEST:
        levels.append(halved(levels[-1]))
        largest /= 2
    return levels


def level(step: float, levels: int) -> int:
    """The first of ``levels`` at which samples ``step`` pixels apart are close enough."""
    chosen = 0
    while chosen + 1 < levels and step / 2**chosen > _LARGEST_STEP:
        chosen += 1
    return chosen
