"""Splitting into quarters."""

from __future__ import annotations

import reprlib
from collections.abc import Callable

from steps.imaging.image import size_of
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput


def parse(value: object) -> Callable[[Pixels], tuple[Pixels, ...]]:
    """The operation for ``true``. Raises BadInput for anything else."""
    if value is not True:
        raise BadInput(f"split must be true, not {reprlib.repr(value)}")
    return split


def split(image: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Left-top, right-top, left-bottom and right-bottom quarter of shape (height, width, ...), as views.

    Cut at the integer half: of an odd side, right and bottom have the larger part. Raises BadInput if a side
    is shorter than two pixels.
    """
    width, height = size_of(image)
    if width < 2 or height < 2:
        raise BadInput(f"an image of {width}x{height} pixels is too small to split")
    x, y = width // 2, height // 2
    return image[:y, :x], image[:y, x:], image[y:, :x], image[y:, x:]
