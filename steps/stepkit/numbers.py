"""What of JSON's values is a number to reckon with."""

from __future__ import annotations

import math
from typing import TypeGuard


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number: true and false are whole numbers to Python, and none to JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number that a double holds: neither NaN nor infinite, nor whole with hundreds of digits."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False
