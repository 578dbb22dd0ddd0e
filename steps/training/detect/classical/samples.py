"""Samples to learn from: the detector's own candidates in a picture, and whether they are signs."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect import boxes
from steps.detect.boxes import Box
from steps.detect.classical import finder, pyramid, verify
from steps.detect.labels import SHAPES
from steps.stepkit.arrays import F32, F64, Image, Index

LABEL_OF_CATEGORY = {
    **dict.fromkeys(range(43), "red-circle"),
    **dict.fromkeys((6, 32, 41, 42), "grey-circle"),
    **dict.fromkeys((11, *range(18, 32)), "red-triangle"),
    **dict.fromkeys(range(33, 41), "blue-circle"),
    12: "yellow-diamond",
    13: "red-triangle-down",
    14: "red-octagon",
}
_MATCH, _APART, _TOUCH = 0.68, 0.4, 0.3
"""IoU from which a candidate is the sign, up to which it is background, and share that touches."""
_LEAST_SIGN, _MOST_SIGN = 12, 400
BACKGROUND = len(SHAPES)


@dataclass(frozen=True)
class Samples:
    """Descriptors (n, d) and their classes (n,): an index into SHAPES, or len(SHAPES) for background."""

    descriptors: F32
    classes: Index


def samples_of(
    image: Image,
    true: Sequence[tuple[Box, int]],
    unsure: Sequence[Box],
    rng: Generator,
    keep: int = 10**9,
    match: float = _MATCH,
) -> Samples:
    """The image's candidates as samples: a sign's label where they match one, background where they are apart.

    ``image`` is BGR, shape (height, width, 3); boxes are COCO edges in its pixels.
    Candidates that touch an ``unsure`` box are left out; of background at most ``keep`` are taken.
    """
    found = finder.propose(image, _LEAST_SIGN, _MOST_SIGN)
    classes = _classes(np.array([one.box for one in found]).reshape(-1, 4), true, unsure, match)
    background = rng.permutation(np.flatnonzero(classes == BACKGROUND))[:keep]
    picked = np.concatenate([np.flatnonzero((classes >= 0) & (classes < BACKGROUND)), background])
    descriptors = verify.describe(pyramid.build(image, _MOST_SIGN), [found[i] for i in picked])
    return Samples(descriptors, classes[picked])


def _classes(found: F64, true: Sequence[tuple[Box, int]], unsure: Sequence[Box], match: float) -> Index:
    """The class of each box of shape (n, 4); -1 for those to leave out."""
    classes = np.full(len(found), BACKGROUND, np.intp)
    if unsure:
        classes[boxes.inside(found[:, None], unsure).max(axis=1) > _TOUCH] = -1
    if true:
        ious = boxes.iou(found[:, None], [sign for sign, _ in true])
        best, whose = ious.max(axis=1), ious.argmax(axis=1)
        labels = np.array([SHAPES.index(LABEL_OF_CATEGORY[category]) for _, category in true], np.intp)
        classes[best > _APART] = -1
        classes[best >= match] = labels[whose[best >= match]]
    return classes


def gtsrb(folder: Path, rng: Generator) -> Iterator[Samples]:
    """Samples of real sign crops: a folder with ``labels.csv`` and ``gtsrb_sample_png.zip``."""
    frame = 6
    with zipfile.ZipFile(folder / "gtsrb_sample_png.zip") as archive, (folder / "labels.csv").open() as rows:
        for row in csv.DictReader(rows):
            stored = np.frombuffer(archive.read(row["file"]), np.uint8)
            crop = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
            image = np.pad(crop, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            x1, y1, x2, y2 = (int(row[corner]) for corner in ("x1", "y1", "x2", "y2"))
            box = (x1 + frame, y1 + frame, x2 - x1 + 1, y2 - y1 + 1)
            # A crop holds hardly any background, and its box is drawn by hand.
            yield samples_of(image, [(box, int(row["class_id"]))], [], rng, keep=0, match=0.6)
