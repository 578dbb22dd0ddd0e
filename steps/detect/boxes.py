"""Boxes: overlap and suppression of doubles, on flat images and around a panorama's seam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from steps.stepkit.arrays import F64

Box = tuple[float, float, float, float]
"""COCO edges: x, y, width, height."""


_NESTED = 0.65


def shared(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """Areas that boxes share, broadcast over all but the last axis (4 long).

    ``turn`` is the width after which x repeats (a panorama's), if it does.
    """
    ax, ay, aw, ah = np.moveaxis(np.asarray(a, np.float64), -1, 0)
    bx, by, bw, bh = np.moveaxis(np.asarray(b, np.float64), -1, 0)
    if turn is not None:
        bx = bx + turn * np.round((ax + aw / 2 - bx - bw / 2) / turn)
    width = np.minimum(ax + aw, bx + bw) - np.maximum(ax, bx)
    height = np.minimum(ay + ah, by + bh) - np.maximum(ay, by)
    both: F64 = np.maximum(width, 0) * np.maximum(height, 0)
    return both


def areas(boxes: ArrayLike) -> F64:
    """Areas of boxes, shape (...,) for boxes of shape (..., 4)."""
    box = np.asarray(boxes, np.float64)
    return np.asarray(box[..., 2] * box[..., 3])


def overlap(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """Intersection over union, broadcast as in :func:`shared`."""
    both = shared(a, b, turn)
    return np.asarray(both / (areas(a) + areas(b) - both))


def inside(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """The shared area as a share of the smaller box, broadcast as in :func:`shared`."""
    return np.asarray(shared(a, b, turn) / np.minimum(areas(a), areas(b)))


def suppress(
    boxes: Sequence[Box], scores: Sequence[float], most: float, turn: float | None = None
) -> list[int]:
    """Greedy non-maximum suppression: indices kept, best first, none overlapping a better one by > ``most``.

    A box that mostly lies inside a better one, or around it, goes too: signs do not nest, their rims and
    pictograms do.
    """
    table = np.asarray(boxes, np.float64).reshape(-1, 4)
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], boxes[i]))
    kept: list[int] = []
    while left:
        best, rest = left[0], np.asarray(left[1:], np.intp)
        kept.append(best)
        apart = overlap(table[best], table[rest], turn) <= most
        apart &= inside(table[best], table[rest], turn) <= _NESTED
        left = rest[apart].tolist()
    return kept
