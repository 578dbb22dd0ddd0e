"""How well boxes agree with a truth, by COCO's method: average precision, recall and false positives.

Source: COCO's detection evaluation (https://cocodataset.org/#detection-eval) and its code, pycocotools'
``cocoeval.py``: boxes are matched image by image, the surest first, each to the free true box it overlaps most;
precision is made to fall with recall and read at 101 recalls. Areas are those of the boxes, all boxes count (COCO takes
the best 100 of an image), and classes of size do not overlap: what is just 32 is in the one that begins there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
IOUS: Floats = np.linspace(0.5, 0.95, 10)
_RECALLS: Floats = np.linspace(0, 1, 101)


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Some boxes of one image: COCO's ``[x, y, width, height]`` in pixels, shape (n, 4); scores (n,); labels."""

    boxes: Floats
    scores: Floats
    labels: tuple[str | None, ...]

    def only(self, chosen: Sequence[bool] | Mask) -> Boxes:
        mask = np.asarray(chosen, bool)
        return Boxes(
            boxes=self.boxes[mask],
            scores=self.scores[mask],
            labels=tuple(label for label, kept in zip(self.labels, mask.tolist(), strict=True) if kept),
        )

    def of_label(self, label: str) -> Boxes:
        return self.only([one == label for one in self.labels])


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One image with what was found in it and what is true. ``turn`` is the width after which a panorama repeats."""

    name: str
    found: Boxes
    true: Boxes
    turn: float | None = None


@dataclass(frozen=True, kw_only=True)
class Size:
    """A class of size: boxes that measure from ``low`` to less than ``high``."""

    name: str
    low: float
    high: float
    measure: Callable[[Floats], Floats]

    def holds(self, boxes: Boxes) -> Mask:
        measured = self.measure(boxes.boxes)
        held: Mask = (measured >= self.low) & (measured < self.high)
        return held


def _area(boxes: Floats) -> Floats:
    area: Floats = boxes[:, 2] * boxes[:, 3]
    return area


def _side(boxes: Floats) -> Floats:
    side: Floats = boxes[:, 2:].max(axis=1, initial=0)
    return side


_SIDES = (16, 20, 24, 32, 48, 96)
PIXELS = (
    Size(name=f"below {_SIDES[0]} px", low=0, high=_SIDES[0], measure=_side),
    *(Size(name=f"{a}-{b} px", low=a, high=b, measure=_side) for a, b in pairwise(_SIDES)),
    Size(name=f"{_SIDES[-1]} px and more", low=_SIDES[-1], high=math.inf, measure=_side),
)
"""By a box's larger side."""
COCO = (
    Size(name="small", low=0, high=32.0**2, measure=_area),
    Size(name="medium", low=32.0**2, high=96.0**2, measure=_area),
    Size(name="large", low=96.0**2, high=math.inf, measure=_area),
)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What became of some images' boxes, all images together.

    ``hits`` (IoUs, found) says at which overlap a found box has a true one, ``ignored`` (IoUs, found) which do not
    count; ``scores`` (found,). ``met`` (IoUs, true) says which true boxes are found, ``wanted`` (true,) which count.
    """

    hits: Mask
    ignored: Mask
    scores: Floats
    met: Mask
    wanted: Mask

    def precisions(self) -> Floats | None:
        """Average precision at each overlap, shape (IoUs,); None where there is nothing to be found."""
        wanted = int(self.wanted.sum())
        if not wanted:
            return None
        order = np.argsort(-self.scores, kind="mergesort")
        found = [
            _average(hits[order][~ignored[order]], wanted)
            for hits, ignored in zip(self.hits, self.ignored, strict=True)
        ]
        return np.array(found)


def match(images: Sequence[Judged], size: Size | None = None, ious: Floats = IOUS) -> Matched:
    """Matches the found boxes of each image to its true ones, whatever their labels.

    With a ``size``, true boxes of another one do not count, and neither do found ones that match such, or that match
    none and are of another size themselves.
    """
    parts = [_match_one(image, size, ious) for image in images]

    def joined(take: Callable[[Matched], NDArray[np.generic]]) -> NDArray[np.generic]:
        return np.concatenate([take(part) for part in parts], axis=-1)

    return Matched(
        hits=joined(lambda part: part.hits).astype(bool),
        ignored=joined(lambda part: part.ignored).astype(bool),
        scores=joined(lambda part: part.scores).astype(np.float64),
        met=joined(lambda part: part.met).astype(bool),
        wanted=joined(lambda part: part.wanted).astype(bool),
    )


def _match_one(image: Judged, size: Size | None, ious: Floats) -> Matched:
    found, true = image.found, image.true
    wanted = np.ones(len(true.boxes), bool) if size is None else size.holds(true)
    other = np.zeros(len(found.boxes), bool) if size is None else ~size.holds(found)
    overlaps = overlap(found.boxes, true.boxes, image.turn)
    hits = np.zeros((len(ious), len(found.boxes)), bool)
    ignored = np.repeat(other[None], len(ious), axis=0)
    met = np.zeros((len(ious), len(true.boxes)), bool)
    # Most of what is found with a low score is nowhere near anything.
    near = overlaps.max(axis=1, initial=0) >= ious.min() - 1e-9
    in_order = [one for one in np.argsort(-found.scores, kind="mergesort") if near[one]]
    for row, least in enumerate(ious):
        for one in in_order:
            mine = _best(overlaps[one], least, ~met[row], wanted)
            if mine is not None:
                met[row, mine] = True
                hits[row, one] = wanted[mine]
                ignored[row, one] = not wanted[mine]
    return Matched(hits=hits, ignored=ignored, scores=found.scores, met=met, wanted=wanted)


def _best(overlaps: Floats, least: float, free: Mask, wanted: Mask) -> int | None:
    """The free true box that is overlapped most, and by ``least`` at least; one that counts goes before any other."""
    for group in (free & wanted, free & ~wanted):
        candidates = np.flatnonzero(group & (overlaps >= min(least, 1 - 1e-10)))
        if len(candidates):
            # Of equal ones the last, as COCO has it.
            return int(candidates[::-1][overlaps[candidates[::-1]].argmax()])
    return None


def overlap(found: Floats, true: Floats, turn: float | None = None) -> Floats:
    """Intersection over union of every found with every true box, shape (found, true).

    ``turn`` is the width after which x repeats: of the places that a box then has, the one that overlaps most counts.
    """
    shifts = (0.0,) if turn is None else (-turn, 0.0, turn)
    moved = [found + np.array([shift, 0, 0, 0]) for shift in shifts]
    best: Floats = np.max([_overlap(boxes, true) for boxes in moved], axis=0)
    return best


def _overlap(found: Floats, true: Floats) -> Floats:
    a, b = found[:, None, :], true[None, :, :]
    far = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    sides = np.clip(far - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = sides.prod(axis=-1)
    union = _area(found)[:, None] + _area(true)[None, :] - shared
    ratio: Floats = shared / union
    return ratio


def _average(hits: Mask, wanted: int) -> float:
    """Precision, made to fall with recall, in the mean of 101 recalls; ``hits`` are in the order of falling scores."""
    if not len(hits):
        return 0.0
    right = np.cumsum(hits)
    recall = right / wanted
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.where(at < len(falling), falling[np.minimum(at, len(falling) - 1)], 0.0).mean())
