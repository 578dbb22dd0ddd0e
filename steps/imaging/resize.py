"""Resizing by OpenCV's area interpolation."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from functools import partial

import cv2

from steps.imaging.image import check_size, size_of
from steps.imaging.transparency import weighted
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

Target = Callable[[int, int], tuple[int, int]]
"""From an image's (width, height) to that of the result."""

_SIDES = re.compile(r"([1-9][0-9]{0,4})?x([1-9][0-9]{0,4})?")
_PERCENT = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,6})?)%")


def parse(value: object) -> Callable[[Pixels], Pixels]:
    """The operation for ``200x300``, ``200x``, ``x300`` or ``50%``. Raises BadInput for anything else."""
    target = _target(value) if isinstance(value, str) else None
    if target is None:
        raise BadInput(f"resize must be like 200x300, 200x, x300 or 50%, not {reprlib.repr(value)}")
    return partial(resize, target=target)


def parse_fit(value: object) -> Callable[[Pixels], Pixels]:
    """The operation for ``200x300``, ``200x`` or ``x300`` to fit into. Raises BadInput for anything else."""
    sides = _SIDES.fullmatch(value) if isinstance(value, str) and value != "x" else None
    if sides is None:
        raise BadInput(f"fit must be like 200x300, 200x or x300, not {reprlib.repr(value)}")
    wide, high = (int(side) if side else 0 for side in sides.groups())
    return partial(fit, wide=wide, high=high)


def fit(image: Pixels, wide: int, high: int) -> Pixels:
    """An image, shape (height, width, ...), in its proportions, at most so wide and high; 0 is any.

    It is never enlarged: one that fits is as it was.
    """
    width, height = size_of(image)
    factor = min(wide / width if wide else 1.0, high / height if high else 1.0)
    if factor >= 1:
        return image
    return resize(image, lambda width, height: (_whole(width * factor), _whole(height * factor)))


def resize(image: Pixels, target: Target) -> Pixels:
    """An image, shape (height, width, ...), in another size. Raises BadInput if that is larger than an image may be."""
    width, height = target(*size_of(image))
    check_size("the result of resize", width, height)
    return weighted(image, partial(cv2.resize, dsize=(width, height), interpolation=cv2.INTER_AREA))


def _target(value: str) -> Target | None:
    if (percent := _PERCENT.fullmatch(value)) and (factor := float(percent[1]) / 100):
        return lambda width, height: (_whole(width * factor), _whole(height * factor))
    if not (sides := _SIDES.fullmatch(value)) or value == "x":
        return None
    wide, high = (int(side) if side else 0 for side in sides.groups())
    if not high:
        return lambda width, height: (wide, _whole(height * wide / width))
    if not wide:
        return lambda width, height: (_whole(width * high / height), high)
    return lambda width, height: (wide, high)


def _whole(side: float) -> int:
    """To the nearest pixel, and one at least."""
    return max(1, round(side))
