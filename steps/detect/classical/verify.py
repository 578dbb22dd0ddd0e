"""Verification: which of the candidates are signs, and of what shape and colour.

A candidate's surroundings are resampled to a square of 32 pixels (which undoes most of an oblique view) and
described by histograms of oriented gradients (Dalal and Triggs 2005) and a coarse grid of colourfulness. A
linear softmax over the labels and "background", trained by ``steps.training.detect.train``, gives the probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.detect.classical import colour, pyramid, shape
from steps.detect.classical.shape import Candidate
from steps.stepkit.arrays import F32, Image

WEIGHTS = Path(__file__).with_name("weights.npz")

_SIDE = 32
_GRID = 8
_MARGIN = 1.3
"""The patch is this much wider than the box, so that what is around a sign counts."""
_OUTLINE = 5 + len(shape.LEVELS)


def describe(halvings: Sequence[Image], candidates: Sequence[Candidate]) -> F32:
    """Descriptors, shape (n, d), of n candidates in an image.

    ``halvings`` are the image, BGR, shape (height, width, 3), and its halvings by :mod:`steps.detect.pyramid`; the
    candidates' boxes are in pixels of the first.
    """
    if not candidates:
        return np.zeros((0, int(_hog().getDescriptorSize()) + 4 * _GRID**2 + _OUTLINE), np.float32)
    patches = [_patch(halvings, candidate.box) for candidate in candidates]
    hog = _hog()
    gradients = np.stack([np.sqrt(hog.compute(patch).ravel()) for patch in patches])
    return np.concatenate([gradients, _colours(patches), _outlines(candidates)], axis=1)


def _outlines(candidates: Sequence[Candidate]) -> F32:
    """What the candidate's outline says, shape (n, _OUTLINE)."""
    return np.array(
        [
            [
                one.likeness,
                one.filled,
                math.log2(one.support),
                math.log2(max(one.box[2:])),
                one.box[2] / one.box[3],
                *(float(one.colour == name) for name in shape.LEVELS),
            ]
            for one in candidates
        ],
        np.float32,
    )


def _patch(halvings: Sequence[Image], box: Box) -> Any:
    x, y, width, height = box
    level = pyramid.level(max(width, height) * _MARGIN / _SIDE, len(halvings))
    step_x, step_y = width * _MARGIN / _SIDE, height * _MARGIN / _SIDE
    # Pixel centres of the patch, in the frame of edges, then the level's own pixel centres.
    left, top = x + width / 2 - step_x * (_SIDE - 1) / 2, y + height / 2 - step_y * (_SIDE - 1) / 2
    shrink = 2.0**-level
    inverse = np.array(
        [[step_x * shrink, 0, left * shrink - 0.5], [0, step_y * shrink, top * shrink - 0.5]], np.float64
    )
    return cv2.warpAffine(
        halvings[level],
        inverse,
        (_SIDE, _SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _colours(patches: Sequence[Any]) -> F32:
    """Red, blue, yellow and normalised brightness on a grid, shape (n, 4 * 64)."""
    maps = colour.maps(np.concatenate(patches))
    block = _SIDE // _GRID
    grids = []
    for name in ("red", "blue", "yellow", "bright"):
        cells = (
            maps[name].reshape(len(patches), _GRID, block, _GRID, block).astype(np.float32).mean(axis=(2, 4))
        )
        grids.append(cells.reshape(len(patches), -1))
    bright = grids[3]
    spread = bright.std(axis=1, keepdims=True) + 8
    grids[3] = 0.5 * (bright - bright.mean(axis=1, keepdims=True)) / spread
    for i in range(3):
        grids[i] = np.sqrt(grids[i] / colour.UNIT)
    return np.concatenate(grids, axis=1)


@lru_cache(maxsize=1)
def _hog() -> Any:
    return cv2.HOGDescriptor((_SIDE, _SIDE), (16, 16), (8, 8), (8, 8), 9)


@dataclass(frozen=True)
class Verifier:
    """A linear softmax: ``weights`` (d, labels + 1) and ``bias`` (labels + 1,); background is last."""

    weights: F32
    bias: F32

    def probabilities(self, descriptors: F32) -> F32:
        """Of each class, shape (n, labels + 1), for descriptors of shape (n, d); rows add up to one."""
        logits = descriptors @ self.weights + self.bias
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exp / exp.sum(axis=1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def load() -> Verifier:
    """The trained weights. Raises OSError if they are not there."""
    with np.load(WEIGHTS) as stored:
        return Verifier(stored["weights"].astype(np.float32), stored["bias"].astype(np.float32))
