"""Four ways to blur. All keep the size, the channels and the depth.

The first two weigh colours by alpha, bilateral leaves alpha as it is, and median takes it for a channel like others.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from steps.imaging.image import ALPHA, has_alpha, size_of
from steps.imaging.transparency import weighted
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

_DIAMETER, _SIGMA_COLOUR, _SIGMA_SPACE = 9, 75, 75
_LEVEL = 257
"""Steps of 16 bit in a step of 8 bit."""


def parse(value: object) -> Callable[[Pixels], Pixels]:
    """The operation by the blur's name. Raises BadInput for an unknown one."""
    blur = BLURS.get(value) if isinstance(value, str) else None
    if blur is None:
        raise BadInput(f"blur must be one of {', '.join(BLURS)}, not {reprlib.repr(value)}")
    return blur


def gaussian(image: Pixels) -> Pixels:
    """5x5 pixels, with the standard deviation that OpenCV takes for that size; any shape of ``Pixels``, kept."""
    return weighted(image, lambda pixels: cv2.GaussianBlur(pixels, (5, 5), 0))


def updownsampling(image: Pixels) -> Pixels:
    """Half the size (of odd sides the larger half) and back to the same shape, by OpenCV's pyramids."""
    return weighted(image, lambda pixels: cv2.pyrUp(cv2.pyrDown(pixels), dstsize=size_of(pixels)))


def bilateral(image: Pixels) -> Pixels:
    """Diameter 9, sigma 75 in space (pixels) and in colour (steps of 8 bit); any shape of ``Pixels``, kept.

    OpenCV filters 8 bit or floats, one channel or three. So 16 bit is filtered as floats in steps of 8 bit, and alpha,
    which is no colour, stays as it is.
    """
    if has_alpha(image):
        return np.dstack((bilateral(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)), image[..., ALPHA]))
    if image.dtype == np.uint16:
        levels = image.astype(np.float32)
        levels /= _LEVEL
        filtered = cv2.bilateralFilter(levels, _DIAMETER, _SIGMA_COLOUR, _SIGMA_SPACE)
        filtered *= _LEVEL
        return np.rint(filtered).astype(np.uint16)
    return cv2.bilateralFilter(image, _DIAMETER, _SIGMA_COLOUR, _SIGMA_SPACE)


def median(image: Pixels) -> Pixels:
    """5x5 pixels, every channel by itself; any shape of ``Pixels``, kept."""
    return cv2.medianBlur(image, 5)


BLURS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "gaussian": gaussian,
    "updownsampling": updownsampling,
    "bilateral": bilateral,
    "median": median,
}
