"""What cannot come of an image, whatever is in it: told by its size and the operations alone. Pure.

Sizes are followed as far as they are simple: to a split, or a resize in proportion. Behind those the step tells.
"""

from __future__ import annotations

import re

from coordinator.service.orders import Operation, Order
from coordinator.service.photographs import Photograph
from coordinator.service.refusal import Refused

WEBP_SIDE = 16_383
"""Maximum number of pixels of a WebP's side; that format's, and the step's."""
_KEEP_SIZE = ("blur", "quality")
_BOTH_SIDES = re.compile(r"([0-9]+)x([0-9]+)")
_CORNER = re.compile(r".*\+([0-9]+)\+([0-9]+)")

Size = tuple[int, int]
"""Width and height in pixels."""


def check_outcome(photograph: Photograph, order: Order, field: str) -> None:
    """Raises Refused, which blames ``field``, if a crop lies outside of the image, or its result has no such format."""
    size: Size = (photograph.width, photograph.height)
    for operation in order.operations:
        left = _after(operation, size, field)
        if left is None:
            return
        size = left
    if order.output == "webp" and max(size) > WEBP_SIDE:
        width, height = size
        raise Refused(
            field, f"would become a webp of {width}x{height}, which has at most {WEBP_SIDE:,} pixels a side"
        )


def _after(operation: Operation, size: Size, field: str) -> Size | None:
    """The size that an operation leaves; None if it is not followed."""
    name, value = operation
    if name in _KEEP_SIZE:
        return size
    sides = _BOTH_SIDES.match(value) if name in ("crop", "resize") else None
    if sides is None:
        return None
    wide, high = int(sides[1]), int(sides[2])
    return (wide, high) if name == "resize" else _cropped(size, (wide, high), _CORNER.match(value), field)


def _cropped(size: Size, wanted: Size, corner: re.Match[str] | None, field: str) -> Size:
    left, top = (int(corner[1]), int(corner[2])) if corner else (0, 0)
    rest = size[0] - left, size[1] - top
    if min(rest) <= 0:
        raise Refused(field, f"is {size[0]}x{size[1]} where crop begins at {left},{top}, outside of it")
    # Without a corner it is the middle, as large as from the edge.
    return min(wanted[0], rest[0]), min(wanted[1], rest[1])
