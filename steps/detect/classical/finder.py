"""Signs of one perspective image by colour and shape, without a learned network."""

from __future__ import annotations

import numpy as np

from steps.detect import boxes
from steps.detect.boxes import Box
from steps.detect.classical import colour, pyramid, shape, verify
from steps.detect.classical.shape import Candidate
from steps.detect.detection import Detection
from steps.detect.labels import SHAPES
from steps.detect.settings import Settings
from steps.stepkit.arrays import F32, Image

_SAME = 0.65
"""Boxes of one sign, found at several levels, have a larger IoU than this."""
_WHITE_EDGE = 1.05
"""How much larger a sign is than its red or blue field (StVO: an edge of about 2 % on each side)."""
_LEAST_HALVED = 36
"""The smallest sign looked for in the halved image, in the full one's pixels."""


def find(image: Image, settings: Settings) -> list[Detection]:
    """Signs of a perspective image, BGR, shape (height, width, 3): candidates, verified, doubles merged.

    Boxes are COCO edges in the image's pixels.
    """
    found = propose(image, settings.min_size, settings.max_size)
    descriptors = verify.describe(pyramid.build(image, settings.max_size), found)
    probabilities = verify.load().probabilities(descriptors)
    scores = 1 - probabilities[:, -1]
    best_label = probabilities[:, :-1].argmax(axis=1)
    sure = np.flatnonzero(scores >= settings.threshold)
    merged = merge([found[i].box for i in sure], scores[sure], settings.overlap)
    return [
        Detection(bbox=_with_rim(box, label), score=float(scores[sure[i]]), label=label)
        for i, box in merged
        if (label := SHAPES[best_label[sure[i]]]) in settings.labels
    ]


def _with_rim(box: Box, label: str) -> Box:
    """The box grown from the coloured field to the sign's white edge, which the colour maps do not show."""
    if not label.startswith(("red", "blue")):
        return box
    x, y, width, height = box
    return (
        x - width * (_WHITE_EDGE - 1) / 2,
        y - height * (_WHITE_EDGE - 1) / 2,
        width * _WHITE_EDGE,
        height * _WHITE_EDGE,
    )


def propose(image: Image, min_size: float, max_size: float) -> list[Candidate]:
    """Everything in a BGR image, shape (height, width, 3), that has a sign's colour and outline, at full and half size.

    At half resolution small gaps and bars across a large sign close, and noise goes.
    """
    found = _of_all_colours(image, min_size, max_size, scale=1)
    if min(image.shape[:2]) >= 2:
        found += _of_all_colours(pyramid.halved(image), max(_LEAST_HALVED, min_size), max_size, scale=2)
    return [candidate for candidate in found if min_size <= max(candidate.box[2:]) <= max_size]


def _of_all_colours(image: Image, min_size: float, max_size: float, scale: int) -> list[Candidate]:
    maps = colour.maps(image)
    return [
        one for name in shape.LEVELS for one in shape.candidates(name, maps[name], min_size, max_size, scale)
    ]


def merge(found: list[Box], scores: F32, max_iou: float) -> list[tuple[int, Box]]:
    """Each sign once: the index of its best box, and the mean of all its boxes weighted by score; ``scores`` are (n,).

    The mean ("box voting", Gidaris and Komodakis 2015) is steadier than any one level's outline.
    """
    merged = []
    table = np.asarray(found, np.float64).reshape(-1, 4)
    for i in boxes.nms(found, [float(score) for score in scores], max_iou):
        votes = boxes.iou(table[i], table) > _SAME
        x, y, width, height = np.average(
            table[votes], axis=0, weights=scores[votes].astype(np.float64)
        ).tolist()
        merged.append((i, (x, y, width, height)))
    return merged
