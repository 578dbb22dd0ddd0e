"""What cannot come of an image, whatever is in it: told by its size and the operations alone. Pure.

Sizes are followed to a split, whose quarters differ by a pixel. Behind it the step tells.
"""

from __future__ import annotations

from coordinator.service.orders import MAX_RESULT_PIXELS, MAX_SIDE, Operation, Order
from coordinator.service.photographs import Photograph
from coordinator.service.refusal import TOO_LARGE, Refused
from coordinator.service.sizes import Size, after, outside

WEBP_SIDE = 16_383
"""Maximum number of pixels of a WebP's side; that format's, and the step's."""


def check_outcome(photograph: Photograph, order: Order, field: str) -> None:
    """Raises Refused, which blames ``field``, for what the step would refuse.

    That is a crop that begins outside of the image, a resize to more than an image may have, a split of less than two
    pixels, and a result that has no such format.
    """
    size: Size = (photograph.width, photograph.height)
    for operation in order.operations:
        _check(operation, size, field)
        if operation[0] == "split":
            return
        size = after(operation, size)
    if order.output == "webp" and max(size) > WEBP_SIDE:
        width, height = size
        raise Refused(
            field, f"would become a webp of {width}x{height}, which has at most {WEBP_SIDE:,} pixels a side"
        )


def _check(operation: Operation, size: Size, field: str) -> None:
    name, value = operation
    is_now = f"is {size[0]}x{size[1]} where"
    if corner := outside(operation, size):
        raise Refused(field, f"{is_now} crop begins at {corner[0]},{corner[1]}, outside of it")
    if name == "split" and min(size) < 2:
        raise Refused(field, f"{is_now} split begins, too small for it")
    width, height = after(operation, size)
    if name == "resize" and (max(width, height) > MAX_SIDE or width * height > MAX_RESULT_PIXELS):
        most = f"at most {MAX_RESULT_PIXELS:,} pixels are allowed, and {MAX_SIDE:,} a side"
        raise Refused(field, f"{is_now} resize {value} would make it {width}x{height}; {most}", TOO_LARGE)
