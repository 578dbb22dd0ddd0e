"""Candidates: outlines in a colourfulness map that are an ellipse, a triangle or a diamond.

Each map is cut at several levels (a coarse form of maximally stable regions: a sign in front of a wall of
nearly its own colour comes loose at a higher level, a faded one already shows at a lower), each cut once
opened (thin whiskers go: poles, branches) and once closed (gaps in a ring go: twigs, glare). Both the outer
outline of a coloured region and the outlines of its holes are looked at: the hole of a red ring stays whole
where the ring itself has grown together with a second sign on the same pole or with a red wall.

A region's convex hull is compared with the three shapes by the affine moment invariant
``I = (mu20 mu02 - mu11^2) / mu00^4`` (Flusser and Suk 1993; Rosin, "Measuring shape: ellipticity,
rectangularity, and triangularity", Machine Vision and Applications 14, 2003), which no oblique view changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.stepkit.arrays import F32, U8

LEVELS = {
    "red": (8, 13, 20, 32, 52, 80),
    "blue": (14, 24, 40, 64, 100),
    "yellow": (16, 26, 42, 68),
    "pale": (50, 75, 105, 140, 175, 210),
}
"""Where each map is cut: of ``pale`` in grey values, of the others in colour.UNIT."""

_ELLIPSE, _TRIANGLE, _DIAMOND = 1 / (16 * math.pi**2), 1 / 108, 1 / 144


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of a sign that a cut may show, and what makes a region that part.

    ``size`` is the part's least height relative to the smallest sign, ``boxy`` the largest share of its
    bounding box, ``edge`` how far outside the contour's pixel centres its true edge lies (a hole's contour
    runs outside the hole), ``rim`` how much larger than the part the sign is (None: looked for in the map).
    """

    shapes: tuple[float, ...]
    likeness: float
    filled: float
    narrowest: float = 0.28
    widest: float = 1.7
    boxy: float = 1.0
    size: float = 1.0
    edge: float = 0.5
    rim: float | None = 1.0

    def fits(self, width: int, height: int, min_size: float, max_size: float) -> bool:
        """Whether a region of this size in pixels can be the part."""
        return self.size * min_size <= height <= max_size and self.narrowest <= width / height <= self.widest


_ANY = (_ELLIPSE, _TRIANGLE, _DIAMOND)
_PARTS = {
    ("red", False): Part(shapes=(_ELLIPSE, _TRIANGLE), likeness=0.8, filled=0.5),
    ("red", True): Part(
        shapes=(_ELLIPSE, _TRIANGLE), likeness=0.8, filled=0.5, size=0.45, edge=-0.5, rim=None
    ),
    ("blue", False): Part(shapes=(_ELLIPSE,), likeness=0.85, filled=0.5),
    ("yellow", False): Part(
        shapes=(_DIAMOND,), likeness=0.88, filled=0.7, narrowest=0.3, widest=1.5, boxy=0.7, size=0.45, rim=1.6
    ),
    ("pale", False): Part(shapes=_ANY, likeness=0.9, filled=0.75, widest=1.4, boxy=0.84),
    ("pale", True): Part(shapes=_ANY, likeness=0.9, filled=0.75, widest=1.4, boxy=0.84, edge=-0.5),
}
"""By map and whether the part is a hole. A dark hole in ``pale`` is a sign against a bright sky."""

_LEAST_EXTENT = 0.35
"""A hull fills at least this share of its bounding box (a triangle half, an oblique one less)."""
_RIM_SCALES = np.linspace(1.0, 2.0, 21, dtype=np.float32)
_EVEN = np.arange(32) / 32
_RING_PEAK, _RING_DROP, _RING_GUESS = 13, 0.5, 3
_VARIANTS = (
    (cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))),
    (cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))),
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A convex outline that may be a sign's outer rim, by its box.

    ``likeness`` says how well the region is an ellipse, triangle or parallelogram (1 = exactly), ``filled``
    is the region's share of its hull, ``colour`` the map it was found in, ``support`` how many cuts gave
    (nearly) the same box: a sign's edge stays where it is from level to level, a shadow's moves.
    """

    colour: str
    box: Box
    likeness: float
    filled: float
    support: int = 1


Cell = tuple[int, ...]


def candidates(
    colour: str, colourfulness: U8, min_size: float, max_size: float, scale: int = 1
) -> list[Candidate]:
    """All candidates in one map, shape (height, width), near-duplicates of other levels counted but not repeated.

    Sizes and the candidates' boxes are those of an image ``scale`` times as large as the map.
    """
    kept: dict[Cell, Candidate] = {}
    support: dict[Cell, int] = {}
    seen: dict[tuple[float, ...], Cell | None] = {}
    for contour, part in _regions(colour, colourfulness, min_size / scale):
        around = cv2.boundingRect(contour)
        if not part.fits(around[2] * scale, around[3] * scale, min_size, max_size):
            continue
        key = (*around, part.edge)
        if key not in seen:
            candidate = _candidate(colour, part, colourfulness, contour, scale)
            seen[key] = None if candidate is None else _cell(candidate.box)
            if candidate is not None:
                kept.setdefault(_cell(candidate.box), candidate)
        cell = seen[key]
        if cell is not None:
            support[cell] = support.get(cell, 0) + 1
    return [replace(candidate, support=support[cell]) for cell, candidate in kept.items()]


def _regions(colour: str, colourfulness: U8, min_size: float) -> Iterator[tuple[Any, Part]]:
    """Outlines of regions and holes, at every level, that are long enough for the part they would be."""
    parts = [_PARTS.get((colour, hole)) for hole in (False, True)]
    shortest = [math.inf if part is None else 2 * part.size * min_size for part in parts]
    least = min(shortest)
    for level in LEVELS[colour]:
        mask = cv2.threshold(colourfulness, level - 1, 255, cv2.THRESH_BINARY)[1]
        for operation, kernel in _VARIANTS:
            cut = cv2.morphologyEx(mask, operation, kernel)
            contours, hierarchy = cv2.findContours(cut, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            for index, contour in enumerate(contours):
                if len(contour) >= least:
                    hole = int(hierarchy[0, index, 3] >= 0)
                    part = parts[hole]
                    if part is not None and len(contour) >= shortest[hole]:
                        yield contour, part


def _cell(box: Box) -> Cell:
    """Boxes that agree to about a tenth of their size share a cell."""
    x, y, width, height = box
    step = max(width, height) / 10
    scale, shape = math.log2(max(width, height)), math.log2(width / height)
    return round((x + width / 2) / step), round((y + height / 2) / step), round(8 * scale), round(8 * shape)


def _candidate(colour: str, part: Part, colourfulness: U8, contour: Any, scale: int) -> Candidate | None:
    width, height = cv2.boundingRect(contour)[2:]
    own = cv2.contourArea(contour)
    if own < _LEAST_EXTENT * part.filled * width * height:
        return None
    hull = cv2.convexHull(contour)
    moments = cv2.moments(hull)
    area = moments["m00"]
    if not _LEAST_EXTENT * width * height < area < part.boxy * width * height or own < part.filled * area:
        return None
    invariant = (moments["mu20"] * moments["mu02"] - moments["mu11"] ** 2) / area**4
    likeness = max([min(invariant / value, value / invariant) for value in part.shapes])
    if likeness < part.likeness:
        return None
    centre = np.array([moments["m10"] / area, moments["m01"] / area], np.float32)
    spread = hull[:, 0].astype(np.float32) - centre
    spread *= 1 + part.edge / np.maximum(np.hypot(spread[:, :1], spread[:, 1:]), 1)
    rim = _rim_scale(colourfulness, centre, spread) if part.rim is None else part.rim
    # From pixel centres to edges: half a pixel more.
    left, top = (scale * (centre + rim * spread.min(axis=0) + 0.5)).tolist()
    right, bottom = (scale * (centre + rim * spread.max(axis=0) + 0.5)).tolist()
    box = (left, top, right - left, bottom - top)
    return Candidate(colour=colour, box=box, likeness=likeness, filled=own / area)


def _rim_scale(colourfulness: U8, centre: F32, spread: F32) -> float:
    """How much larger than a ring's hole the ring's outer edge is: where the colour falls to half its peak."""
    height, width = colourfulness.shape
    sampled = np.rint(centre + _even(spread) * _RIM_SCALES[:, None, None]).astype(np.intp)
    columns = np.minimum(np.maximum(sampled[..., 0], 0), width - 1)
    rows = np.minimum(np.maximum(sampled[..., 1], 0), height - 1)
    profile = colourfulness[rows, columns].mean(axis=1)
    peak = int(profile[:_RING_PEAK].argmax())
    below = np.flatnonzero(profile[peak:] < _RING_DROP * profile[peak])
    end = peak + (int(below[0]) if len(below) else _RING_GUESS)
    return float(_RIM_SCALES[min(end, len(_RIM_SCALES) - 1)])


def _even(points: F32) -> F32:
    """32 points, shape (32, 2), evenly spaced along a closed outline whose corners are (n, 2), in pixels."""
    closed = np.concatenate([points, points[:1]])
    steps = closed[1:] - closed[:-1]
    along = np.zeros(len(closed))
    np.cumsum(np.hypot(steps[:, 0], steps[:, 1]), out=along[1:])
    at = along[-1] * _EVEN
    evened = np.empty((len(_EVEN), 2), np.float32)
    evened[:, 0], evened[:, 1] = np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])
    return evened
