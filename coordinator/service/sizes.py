"""The size that an operation leaves of an image, to the pixel, as the step ``imaging`` will make it. Pure.

Values have the forms that an order has; another is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from coordinator.service.orders import Operation

Size = tuple[int, int]
"""Width and height in pixels."""

_SIDES = re.compile(r"([0-9]+)?x([0-9]+)?")
_AREA = re.compile(r"([0-9]+)x([0-9]+)(?:\+([0-9]+)\+([0-9]+))?")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


def after(operation: Operation, size: Size) -> Size:
    """The size that is left of one; of the quarters of a split the largest one's.

    A crop that begins outside leaves one pixel, so that whoever goes on has something to go on with (:func:`outside`).
    """
    name, value = operation
    follow = _FOLLOWED.get(name)
    return follow(str(value), size) if follow else size


def outside(operation: Operation, size: Size) -> Size | None:
    """Where a crop begins (left, top), if that is outside of the image; None for what is not, and no crop."""
    area = _AREA.fullmatch(str(operation[1])) if operation[0] == "crop" else None
    if area is None or area[3] is None:
        return None
    left, top = int(area[3]), int(area[4])
    return (left, top) if left >= size[0] or top >= size[1] else None


def _resized(value: str, size: Size) -> Size:
    width, height = size
    if percent := _PERCENT.fullmatch(value):
        factor = float(percent[1]) / 100
        return _whole(width * factor), _whole(height * factor)
    wide, high = _sides(value)
    if wide and high:
        return wide, high
    if wide:
        return wide, _whole(height * wide / width)
    return (_whole(width * high / height), high) if high else size


def _fitted(value: str, size: Size) -> Size:
    width, height = size
    wide, high = _sides(value)
    factor = min(wide / width if wide else 1.0, high / height if high else 1.0)
    return size if factor >= 1 else (_whole(width * factor), _whole(height * factor))


def _cropped(value: str, size: Size) -> Size:
    area = _AREA.fullmatch(value)
    if area is None:
        return size
    left, top = (int(area[3]), int(area[4])) if area[3] else (0, 0)
    # Without a corner it is the middle, which is as large as from the edge.
    return max(1, min(int(area[1]), size[0] - left)), max(1, min(int(area[2]), size[1] - top))


def _largest_quarter(value: str, size: Size) -> Size:
    width, height = size
    return max(1, width - width // 2), max(1, height - height // 2)


def _sides(value: str) -> Size:
    """The sides that a value gives; 0 for one that it leaves open."""
    sides = _SIDES.fullmatch(value)
    return (int(sides[1] or 0), int(sides[2] or 0)) if sides else (0, 0)


def _whole(side: float) -> int:
    """To the nearest pixel, and one at least."""
    return max(1, round(side))


_FOLLOWED: Mapping[str, Callable[[str, Size], Size]] = {
    "resize": _resized,
    "fit": _fitted,
    "crop": _cropped,
    "split": _largest_quarter,
}
