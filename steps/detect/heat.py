"""What the detection network tells of an image: its classes and its maps, and the boxes in them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from steps.detect.boxes import iou
from steps.detect.labels import OTHER
from steps.stepkit.arrays import F32, F64, Index

STRIDE = 8
"""The maps have a place for every 8 x 8 pixels."""
CLASSES = {
    "ring": "red-circle",
    "no entry": "red-circle",
    "danger": "red-triangle",
    "yield": "red-triangle-down",
    "stop": "red-octagon",
    "priority": "yellow-diamond",
    "mandatory": "blue-circle",
    "end": "grey-circle",
    "other": OTHER,
}
"""The network's classes, in its order, and the label of each."""


_LEAST = 1e-6
_REACH, _WARM, _SAME = 2, 0.2, 0.6
"""Places as far away have a vote on a box if they have this share of its heat, and a box of their own of larger IoU."""


@dataclass(frozen=True, kw_only=True)
class Maps:
    """Of one image of height x width pixels, both rounded up to whole places."""

    heat: F32
    """How likely the middle of a sign of each class is at each place, shape (K, h, w), 0..1."""
    edges: F32
    """How far the left, top, right and bottom edge of such a sign is from the place's middle, pixels, (4, h, w)."""


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Signs as the maps show them: COCO boxes (n, 4) in pixels, scores (n,) in 0..1, numbers of classes (n,)."""

    boxes: F64
    scores: F32
    classes: Index


def peaks(maps: Maps, classes: tuple[int, ...], least: float) -> Peaks:
    """Places likelier to be a sign of one of these classes than their eight neighbours, with a score of ``least``.

    The score is that of the likeliest of these classes. The box is the mean of what the places around tell of the
    same sign, weighted by their heat: steadier than any one's ("box voting", Gidaris and Komodakis 2015).
    """
    heat = maps.heat[list(classes)]
    best = heat.max(axis=0)
    around = cv2.dilate(best, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((best >= around) & (best >= max(least, _LEAST)))
    return Peaks(
        boxes=_voted(best, maps.edges, rows, columns),
        scores=best[rows, columns],
        classes=np.asarray(classes, np.intp)[heat[:, rows, columns].argmax(axis=0)],
    )


def _voted(best: F32, edges: F32, rows: Index, columns: Index) -> F64:
    """COCO boxes (n, 4) in pixels of the signs whose middles are at these places."""
    down, across = (offsets.ravel() for offsets in np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1])
    height, width = best.shape
    r, c = rows[:, None] + down, columns[:, None] + across
    there = (r >= 0) & (r < height) & (c >= 0) & (c < width)
    r, c = r.clip(0, height - 1), c.clip(0, width - 1)
    told = _boxes(edges, r, c)
    own = _boxes(edges, rows, columns)
    heat = best[r, c].astype(np.float64)
    votes = there & (heat > _WARM * heat.max(axis=1, keepdims=True)) & (iou(own[:, None], told) > _SAME)
    votes[:, len(down) // 2] = True
    weights = np.where(votes, heat, 0)
    return np.asarray((told * weights[..., None]).sum(axis=1) / weights.sum(axis=1)[:, None])


def _boxes(edges: F32, rows: Index, columns: Index) -> F64:
    """COCO boxes (..., 4) in pixels that the places of the map tell."""
    left, top, right, bottom = edges[:, rows, columns].astype(np.float64)
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    return np.stack([x - left, y - top, left + right, top + bottom], axis=-1)
