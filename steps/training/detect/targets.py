"""What the network ought to tell of a training picture: heat where signs' middles are, and where their edges are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.detect.heat import CLASSES, STRIDE
from steps.stepkit.arrays import F32, F64
from steps.training.detect.data import Street

SMALLEST, LARGEST = 12, 230
"""Signs whose larger side is smaller or larger, in pixels, are neither learned nor held against the network."""
_SHOWN = 0.7
"""Nor are those of which a smaller share lies in the picture."""
_SPREAD, _LEAST_SPREAD = 0.14, 3.2
"""Standard deviation of a sign's heat, in its sides, and the least in pixels."""
_COLD, _WARM = 0.02, 0.25
"""Heat below the first is none; places of more than the second learn the edges."""
_AROUND = 4


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Of one picture of 8 h x 8 w pixels."""

    heat: F32
    """Shape (K, h, w), 0..1; 1 at the place that holds a sign's middle."""
    counts: F32
    """1 where the heat is learned, 0 where it is not known, shape (h, w)."""
    edges: F32
    """Distances of the left, top, right and bottom edge from a place's middle, pixels, shape (4, h, w)."""
    weights: F32
    """How much a place's edges count, shape (h, w); those of a sign add up to one."""
    signs: int


def targets(street: Street) -> Targets:
    """The targets of a picture whose sides are multiples of eight."""
    height, width = (side // STRIDE for side in street.image.shape[:2])
    grid = _Grid(height, width)
    for box in street.ignored:
        grid.ignore(box)
    order = np.argsort(-street.boxes[:, 2:].prod(axis=1), kind="stable")
    signs = sum(grid.learn(street.boxes[i], int(street.classes[i])) for i in order)
    return Targets(heat=grid.heat, counts=grid.counts, edges=grid.edges, weights=grid.weights, signs=signs)


class _Grid:
    """Maps that signs are entered into, large ones first, so that a small one before it is not lost."""

    def __init__(self, height: int, width: int) -> None:
        self.heat = np.zeros((len(CLASSES), height, width), np.float32)
        self.counts = np.ones((height, width), np.float32)
        self.edges = np.zeros((4, height, width), np.float32)
        self.weights = np.zeros((height, width), np.float32)
        self.rows, self.columns = np.mgrid[:height, :width]
        self.x, self.y = (self.columns + 0.5) * STRIDE, (self.rows + 0.5) * STRIDE

    def ignore(self, box: F64) -> None:
        """Nothing is known of what lies in the box or up to 4 pixels beside it."""
        x, y, w, h = box
        across = (self.x > x - _AROUND) & (self.x < x + w + _AROUND)
        self.counts[across & (self.y > y - _AROUND) & (self.y < y + h + _AROUND)] = 0

    def learn(self, box: F64, number: int) -> bool:
        """Enter a sign of this class; whether it is one to learn."""
        x, y, w, h = box
        height, width = self.heat.shape[1] * STRIDE, self.heat.shape[2] * STRIDE
        shown = max(0, min(x + w, width) - max(x, 0)) * max(0, min(y + h, height) - max(y, 0)) / (w * h)
        if shown <= 0:
            return False
        if shown < _SHOWN or not SMALLEST <= max(w, h) <= LARGEST:
            self.ignore(box)
            return False
        middle = (self.columns == (x + w / 2) // STRIDE) & (self.rows == (y + h / 2) // STRIDE)
        spread = np.maximum(np.array([w, h]) * _SPREAD, _LEAST_SPREAD)
        off = ((self.x - x - w / 2) / spread[0]) ** 2 + ((self.y - y - h / 2) / spread[1]) ** 2
        heat = np.exp(-off / 2).astype(np.float32)
        heat[heat < _COLD] = 0
        heat[middle] = 1
        self.heat[number] = np.maximum(self.heat[number], heat)
        self.counts[middle] = 1
        self._learn_edges(box, heat, middle)
        return True

    def _learn_edges(self, box: F64, heat: F32, middle: F64) -> None:
        x, y, w, h = box
        distances = np.stack([self.x - x, self.y - y, x + w - self.x, y + h - self.y])
        chosen = ((heat > _WARM) & (distances > 0.5).all(axis=0)) | middle.astype(bool)
        self.edges[:, chosen] = distances[:, chosen].clip(1)
        self.weights[chosen] = heat[chosen] / heat[chosen].sum()
