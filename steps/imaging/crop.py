"""Cutting out a part of an image."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from functools import partial

from steps.imaging.image import size_of
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

_AREA = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})(?:\+([0-9]{1,5})\+([0-9]{1,5}))?")


def parse(value: object) -> Callable[[Pixels], Pixels]:
    """The operation for ``200x300`` (the middle) or ``200x300+10+20`` (from left, top). Raises BadInput."""
    area = _AREA.fullmatch(value) if isinstance(value, str) else None
    if area is None:
        raise BadInput(f"crop must be like 200x300 or 200x300+10+20, not {reprlib.repr(value)}")
    width, height = int(area[1]), int(area[2])
    corner = (int(area[3]), int(area[4])) if area[3] else None
    return partial(crop, width=width, height=height, corner=corner)


def crop(image: Pixels, width: int, height: int, corner: tuple[int, int] | None) -> Pixels:
    """The part of an image, shape (height, width, ...), that begins ``corner`` (x, y) from its left top, as a view.

    Without a corner, the middle; of an odd rest right and bottom lose more. What the image has not is not there: the
    result is smaller then. Raises BadInput if nothing of it is.
    """
    wide, high = size_of(image)
    left, top = corner or (max(0, wide - width) // 2, max(0, high - height) // 2)
    if left >= wide or top >= high:
        raise BadInput(f"crop begins at {left},{top}, outside of an image of {wide}x{high} pixels")
    return image[top : top + height, left : left + width]
