"""Features that two photographs have in common, by their looks alone."""

from __future__ import annotations

import numpy as np

from steps.stepkit.arrays import F32, I64

_RATIO = 0.85
"""The angle to the best partner may be this share of the angle to the second best (Lowe 2004, who has 0.8: geometry
sees through what more that lets in)."""
_FARTHEST = 0.75
"""Largest angle between partners, radians."""
_FINEST = float(np.cos(0.004))
"""Cosines above it, of a product of 128 numbers in 32 bits, may be one rounding apart, which the angle magnifies."""


def match(one: F32, other: F32) -> I64:
    """Places of features that are each other's best partner by far, shape (m, 2).

    ``one`` and ``other`` are unit vectors, shape (n, 128).
    """
    if len(one) < 2 or len(other) < 2:
        return np.zeros((0, 2), np.int64)
    likeness = one @ other.T
    rows = np.arange(len(one))
    best = likeness.argmax(axis=1)
    back = likeness.argmax(axis=0)
    first = likeness[rows, best].copy()
    likeness[rows, best] = -1.0
    second = likeness.max(axis=1)
    angle, next_angle = (_angles(value) for value in (first, second))
    kept = (angle <= _FARTHEST) & (angle < _RATIO * next_angle) & (back[best] == rows)
    return np.stack([rows[kept], best[kept]], axis=1).astype(np.int64)


def _angles(cosines: F32) -> F32:
    """In radians. Of angles below the finest that a product in 32 bits tells, one is not smaller than another."""
    return np.arccos(np.clip(cosines, -1.0, _FINEST))
