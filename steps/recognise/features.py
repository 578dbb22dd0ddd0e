"""What the classifier sees of a patch: edges (HOG at three cell sizes) and colours on a grid of cells.

Histograms of oriented gradients (Dalal and Triggs, 2005) with signed gradients tell a black digit's edge from a
white one's; block normalisation makes them independent of exposure. The fine ones look at the sign's face only
(leaving the rim out gave four points of accuracy on GTSRB), the coarse one also at what is around the box, which
tells a sign from a poster. Colour is counted cell by cell, because where the red is tells a ring from a disc.
"""

from __future__ import annotations

import cv2
import numpy as np

from steps.recognise.crop import SIDE
from steps.stepkit.arrays import F32, Floats, Image

_FACE = 48
"""Side of the patch's inner part in pixels: four fifths of the box."""
_BINS = 12
_COLOUR_CELLS, _HUES, _LIGHTNESSES = 6, 6, 3
_COARSE_WEIGHT = 0.5


def _hog(side: int, cell: int) -> cv2.HOGDescriptor:
    """Blocks of 2 x 2 cells that overlap by one cell; signed gradients with gamma correction."""
    block, stride, cells = (2 * cell, 2 * cell), (cell, cell), (cell, cell)
    return cv2.HOGDescriptor((side, side), block, stride, cells, _BINS, 1, -1.0, 0, 0.2, True, 64, True)


_FINE, _MIDDLE, _COARSE = _hog(_FACE, 6), _hog(_FACE, 12), _hog(SIDE, 18)


def features(patch: Image) -> F32:
    """The feature vector, shape (D,), of a (SIDE, SIDE, 3) BGR patch: four parts, each of length one or less."""
    rim = (SIDE - _FACE) // 2
    face = np.ascontiguousarray(patch[rim : rim + _FACE, rim : rim + _FACE])
    edges = [_edges(_FINE, face), _edges(_MIDDLE, face), _edges(_COARSE, patch) * np.float32(_COARSE_WEIGHT)]
    return np.concatenate([*edges, _colours(patch)])


def _edges(hog: cv2.HOGDescriptor, picture: Image) -> F32:
    """A HOG of length one."""
    histogram = np.asarray(hog.compute(picture), dtype=np.float32).ravel()
    return histogram / np.float32(np.linalg.norm(histogram) + 1e-6)


def _colours(patch: Image) -> F32:
    """Per cell, a histogram of hue weighted by chroma and one of lightness; square-rooted (Hellinger)."""
    hsv = cv2.cvtColor(_stretched(patch), cv2.COLOR_BGR2HSV_FULL).astype(np.float32)
    chroma = hsv[..., 1] * hsv[..., 2] / np.float32(255 * 255)
    hues = _votes(hsv[..., 0] / 256 * _HUES, _HUES, cyclic=True) * chroma[..., None]
    lightnesses = _votes(hsv[..., 2] / 255 * (_LIGHTNESSES - 1), _LIGHTNESSES, cyclic=False)
    counts = np.concatenate([hues, lightnesses * (1 - chroma)[..., None]], axis=-1)
    size = SIDE // _COLOUR_CELLS
    cells = counts.reshape(_COLOUR_CELLS, size, _COLOUR_CELLS, size, -1).mean(axis=(1, 3))
    return np.asarray(np.sqrt(cells).ravel() / _COLOUR_CELLS, dtype=np.float32)


def _stretched(patch: Image) -> Image:
    """The patch with its brightness spread from black to white."""
    low, high = np.percentile(patch.max(axis=2), (2, 98))
    gain = 255.0 / max(float(high - low), 16.0)
    return np.asarray(((patch.astype(np.float32) - low) * gain).clip(0, 255), dtype=np.uint8)


def _votes(position: Floats, count: int, cyclic: bool) -> F32:
    """Votes shared linearly between the two neighbouring bins: shape (..., count), positions in bins."""
    below = np.floor(position).astype(int)
    part = (position - below).astype(np.float32)[..., None]
    above = below + 1
    first, second = (below % count, above % count) if cyclic else (below, above.clip(max=count - 1))
    bins = np.eye(count, dtype=np.float32)
    votes: F32 = bins[first] * (1 - part) + bins[second] * part
    return votes
