"""Boxes: how much they overlap, and non-maximum suppression, on flat images and around a panorama's seam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from steps.stepkit.arrays import F64

Box = tuple[float, float, float, float]
"""COCO edges: x, y, width, height."""

_NESTED = 0.65


def intersection(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """Areas in pixels that boxes, shape (..., 4), share; broadcast over all but the last axis.

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
    """Areas in pixels, shape (...), of boxes of shape (..., 4)."""
    box = np.asarray(boxes, np.float64)
    return np.asarray(box[..., 2] * box[..., 3])


def iou(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """Intersection over union, 0..1, of boxes of shape (..., 4), broadcast as in :func:`intersection`."""
    both = intersection(a, b, turn)
    return np.asarray(both / (areas(a) + areas(b) - both))


def inside(a: ArrayLike, b: ArrayLike, turn: float | None = None) -> F64:
    """The intersection as a share of the smaller of boxes of shape (..., 4), 0..1, as :func:`intersection`."""
    return np.asarray(intersection(a, b, turn) / np.minimum(areas(a), areas(b)))


def within(corners: ArrayLike, width: float, height: float) -> F64:
    """COCO boxes (n, 4) of corners (n, 4), left, top, right and bottom, as far as an image shows them; pixels."""
    edges = np.asarray(corners, np.float64).clip(0, [width, height, width, height])
    return np.concatenate([edges[:, :2], edges[:, 2:] - edges[:, :2]], axis=1)


def nms(
    boxes: Sequence[Box], scores: Sequence[float], max_iou: float, turn: float | None = None
) -> list[int]:
    """Greedy non-maximum suppression of n boxes: the indices kept, best score first.

    Each has an IoU of at most ``max_iou`` with all better ones. ``turn`` is that of :func:`intersection`.
    A box that mostly lies inside a better one, or around it, goes too: signs do not nest, their rims and
    pictograms do.
    """
    table = np.asarray(boxes, np.float64).reshape(-1, 4)
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], boxes[i]))
    kept: list[int] = []
    while left:
        best, rest = left[0], np.asarray(left[1:], np.intp)
        kept.append(best)
        apart = iou(table[best], table[rest], turn) <= max_iou
        apart &= inside(table[best], table[rest], turn) <= _NESTED
        left = rest[apart].tolist()
    return kept
