"""What a detector proposes in photographs of streets and is none of GTSRB's signs: no sign at all, or another sign.

``windows.csv`` lists boxes in the training photographs of GTSDB (Houben et al., "Detection of traffic signs in
real-world images", IJCNN 2013): the best proposals, away from all true boxes, of a detector that was still being
trained. In the photographs to learn from these are a first round, of which the best 480 were looked at one by one,
and a second one of those that a network after the first took for signs; the 780 most like signs were looked at. In
the photographs held out all 518 were looked at. Other signs got their class, what could not be told was left out.
Where rounds disagree the later one holds, and no class means to leave the window out.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box, iou
from steps.signs.classes import CLASSES, NOTHING
from steps.stepkit.arrays import Image
from steps.training import gtsdb
from steps.training.recognise.sample import Sample

WINDOWS = Path(__file__).with_name("windows.csv")
HELD_OUT = 5
"""Every so many of the photographs, by name, is kept to measure with."""
_PARTLY = 0.3
"""A window that shares less than this (IoU) with a sign's box does not show the sign."""
_LARGEST = 96


def learnable(photographs: Path) -> list[Path]:
    """The photographs that are not held out, by name."""
    return [path for path in sorted(photographs.glob("*.jpg")) if not is_held_out(path.name)]


def is_held_out(name: str) -> bool:
    """Whether a photograph, whose name is its number, is kept to measure with."""
    return int(Path(name).stem) % HELD_OUT == 0


def listed(
    photographs: Path, *, held_out: bool, rounds: int = 2, table: Path = WINDOWS
) -> dict[str, list[Sample]]:
    """The windows of so many rounds by photograph, each with something around it.

    Raises OSError for a missing photograph.
    """
    boxes: dict[str, dict[Box, str]] = {}
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if is_held_out(row["file"]) == held_out and int(row["round"]) <= rounds:
                box = (float(row["x"]), float(row["y"]), float(row["w"]), float(row["h"]))
                boxes.setdefault(row["file"], {})[box] = row["class"]
    found = {}
    for name, windows in sorted(boxes.items()):
        image = _read(photographs / name)
        chosen = [(box, CLASSES.index(category)) for box, category in windows.items() if category]
        found[name] = [cut_out(image, box, category) for box, category in chosen]
    return found


def beside_signs(rng: Generator, photographs: Path, truth: Path, unused: Path, count: int) -> list[Sample]:
    """``count`` windows that show a sign in part, beside, far too large or far too small: no signs, all of them.

    ``truth`` is GTSDB's table of boxes. Those that ``unused`` lists are left alone: their crops stand in GTSRB's test
    set.
    """
    signs = _signs(truth, unused)
    names = [path.name for path in learnable(photographs) if path.stem in signs]
    found: list[Sample] = []
    for name in names:
        image, boxes = _read(photographs / name), signs[Path(name).stem]
        for box in boxes:
            for _ in range(math.ceil(count / sum(len(signs[Path(one).stem]) for one in names))):
                window = _shifted(rng, box)
                if all(iou(window, other) < _PARTLY for other in boxes) and _inside(window, image):
                    found.append(cut_out(image, window, CLASSES.index(NOTHING)))
    return found


def anywhere(rng: Generator, photographs: Path, truth: Path, count: int) -> tuple[list[Sample], list[Image]]:
    """``count`` windows at random in a photograph each, away from signs, and what backgrounds look like, (192, 192,
    3)."""
    signs, paths = _signs(truth, None), learnable(photographs)
    found, backdrops = [], []
    for path in (paths[i] for i in rng.permutation(len(paths))[: max(1, count // 8)]):
        image = _read(path)
        for _ in range(8):
            side = math.exp(rng.uniform(math.log(14), math.log(160)))
            x, y = rng.uniform(0, image.shape[1] - side), rng.uniform(0, image.shape[0] - side)
            box = (x, y, side, side * rng.uniform(0.7, 1.0))
            if all(iou(box, other) == 0 for other in signs.get(path.stem, [])):
                found.append(cut_out(image, box, CLASSES.index(NOTHING)))
                part = image[round(y) : round(y + side), round(x) : round(x + side)]
                backdrops.append(np.asarray(cv2.resize(part, (192, 192)), np.uint8))
    return found, backdrops


def cut_out(image: Image, bbox: Box, category: int) -> Sample:
    """The box with half of it around, so that a sample does not keep its whole photograph, (height, width, 3)."""
    x, y, w, h = bbox
    left, top = max(0, math.floor(x - w / 2)), max(0, math.floor(y - h / 2))
    part = image[top : math.ceil(y + h * 1.5), left : math.ceil(x + w * 1.5)]
    scale = min(1.0, _LARGEST / max(w, h))
    size = max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    fx, fy = size[0] / part.shape[1], size[1] / part.shape[0]
    return Sample(image=small, bbox=((x - left) * fx, (y - top) * fy, w * fx, h * fy), category=category)


def read_signs(truth: Path, unused: Path | None = None) -> dict[str, list[tuple[Box, int]]]:
    """GTSDB's boxes with their classes by photograph's stem, without those that ``unused`` lists.

    What the table has twice comes twice: another number of boxes would draw other windows from the same seed.
    """
    left_out = set()
    if unused is not None:
        with unused.open(newline="", encoding="utf-8") as file:
            left_out = {(Path(r["file"]).stem, float(r["x1"]), float(r["y1"])) for r in csv.DictReader(file)}
    signs: dict[str, list[tuple[Box, int]]] = {}
    for stem, box, category in gtsdb.listed(truth):
        if (stem, *box[:2]) not in left_out:
            signs.setdefault(stem, []).append((box, category))
    return signs


def _signs(truth: Path, unused: Path | None) -> dict[str, list[Box]]:
    return {stem: [box for box, _ in boxes] for stem, boxes in read_signs(truth, unused).items()}


def _shifted(rng: Generator, box: Box) -> Box:
    """A window of another size, about the sign or beside it."""
    x, y, w, h = box
    scale = math.exp(rng.uniform(math.log(0.35), math.log(2.6)))
    middle = np.array([x + w / 2, y + h / 2]) + rng.uniform(-0.9, 0.9, 2) * (w, h) * max(1.0, scale) * 0.8
    return float(middle[0] - w * scale / 2), float(middle[1] - h * scale / 2), w * scale, h * scale


def _inside(box: Box, image: Image) -> bool:
    x, y, w, h = box
    return x > -w / 3 and y > -h / 3 and x + w < image.shape[1] + w / 3 and y + h < image.shape[0] + h / 3


def _read(path: Path) -> Image:
    image = cv2.imread(str(path))
    if image is None:
        raise OSError(f"the photograph {path} cannot be read")
    return np.asarray(image, np.uint8)
