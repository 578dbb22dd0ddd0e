"""Mixing pixels of which some are transparent: what cannot be seen must not colour what can. Pure."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from steps.imaging.image import ALPHA, has_alpha
from steps.stepkit.arrays import Pixels

_NEXT_TO_NOTHING = 1e-6
"""In place of a weight of 0, by which a colour of 0 is divided then."""


def weighted(image: Pixels, mix: Callable[[Pixels], Pixels]) -> Pixels:
    """``mix`` of an image, shape (height, width, ...), where each pixel's colour counts by its alpha.

    ``mix`` makes each channel's pixels from weighted means of those before. Without weights, the colour that lies
    unseen in transparent pixels would come out as a halo around what is opaque. One channel after the other, as
    copies of large images are what memory goes to.
    """
    if not has_alpha(image):
        return mix(image)
    alpha = cv2.extractChannel(image, ALPHA)
    opaque = int(np.iinfo(image.dtype).max)
    if alpha.min() == opaque:
        return mix(image)
    mixed_alpha = mix(alpha)
    # A product of two numbers of 8 bit has 16.
    depth = cv2.CV_16U if image.dtype == np.uint8 else cv2.CV_32F
    weights = mix(np.multiply(alpha, opaque, dtype=np.uint16 if depth == cv2.CV_16U else np.float32))
    if depth == cv2.CV_32F:
        np.maximum(weights, _NEXT_TO_NOTHING, out=weights)
    made = np.empty((*mixed_alpha.shape, ALPHA + 1), image.dtype)
    made[..., ALPHA] = mixed_alpha
    for channel in range(ALPHA):
        seen = mix(cv2.multiply(cv2.extractChannel(image, channel), alpha, dtype=depth))
        made[..., channel] = cv2.divide(
            seen, weights, scale=opaque, dtype=cv2.CV_8U if opaque == 255 else cv2.CV_16U
        )
    return made
