"""What a camera and a detector make of a sign: one random patch of a sample, as the network will see patches.

The box is moved by a tenth of its side and more, as detectors' boxes are; the sign is turned and seen from the side,
brought to the few pixels that far signs have, lit, blurred, hidden in part, and written as JPEG. All of it at the
resolution of the camera: only then is the patch brought to the network's size, as :func:`steps.signs.patches.patch`
does it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box
from steps.signs.patches import MARGIN, SIDE
from steps.stepkit.arrays import F32, F64, Image
from steps.training.recognise.sample import Sample

_MIRRORED = {19: 20, 20: 19, 33: 34, 34: 33, 36: 37, 37: 36, 38: 39, 39: 38}
_MIRRORED |= {same: same for same in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)}
"""GTSRB classes whose mirror image is a sign of the class on the right."""
_CORNERS = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
_FEWEST, _MOST = 11.0, 56.0
"""Pixels across a patch as the camera took it."""


def varied(rng: Generator, sample: Sample, move: float = 0.13) -> tuple[Image, int]:
    """A patch, BGR, shape (SIDE, SIDE, 3), of the sample, and its class.

    ``move`` is how far, as a part of the box's side, its edges are moved at most; a few are moved half as far again.
    """
    image, box, category = sample.image, sample.bbox, sample.category
    if category in _MIRRORED and rng.random() < 0.5:
        image = image[:, ::-1]
        box, category = (image.shape[1] - box[0] - box[2], *box[1:]), _MIRRORED[category]
    box = moved(rng, box, move * (1.5 if rng.random() < 0.15 else 1.0))
    seen = _taken(rng, image, box)
    seen = _lit(rng, _blurred(rng, seen))
    if rng.random() < 0.12:
        _hide(rng, seen)
    if rng.random() < 0.4:
        seen += rng.normal(0, rng.uniform(1, 12), seen.shape).astype(np.float32)
    patch = seen.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        patch = _compressed(patch, int(rng.integers(40, 95)))
    return np.asarray(cv2.resize(patch, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8), category


def moved(rng: Generator, bbox: Box, most: float) -> Box:
    """The box with each of its edges moved by up to ``most`` of its side, all distances equally probable."""
    x, y, w, h = bbox
    left, top, right, bottom = rng.uniform(-most, most, 4)
    return x + left * w, y + top * h, w * (1 + right - left), h * (1 + bottom - top)


def _taken(rng: Generator, image: Image, box: Box) -> F32:
    """The box and its margin, turned and foreshortened, in as many pixels as a camera might have had for it."""
    x, y, w, h = box
    across = max(w, h) * (1 + 2 * MARGIN)
    wanted = math.exp(rng.uniform(math.log(_FEWEST), math.log(_MOST))) if rng.random() < 0.6 else _MOST
    side = round(min(_MOST, max(8.0, min(wanted, across * 1.1))))
    shrink = side * 1.3 / across
    if shrink < 0.75:
        # A warp takes single pixels, and would leave out most of a large picture.
        size = max(2, round(image.shape[1] * shrink)), max(2, round(image.shape[0] * shrink))
        fx, fy = size[0] / image.shape[1], size[1] / image.shape[0]
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        x, y, w, h = x * fx, y * fy, w * fx, h * fy
    corners = _turned(rng) * (np.array([w, h]) / 2 * (1 + 2 * MARGIN)) + (x + w / 2 - 0.5, y + h / 2 - 0.5)
    grid = (_CORNERS + 1) / 2 * side - 0.5
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), grid.astype(np.float32))
    seen = cv2.warpPerspective(
        image, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(seen, np.float32)


def _turned(rng: Generator) -> F64:
    """The corners of a square of half side one after a little roll and perspective, shape (4, 2)."""
    angle = rng.normal(0, math.radians(6))
    cosine, sine = math.cos(angle), math.sin(angle)
    turned: F64 = _CORNERS @ np.array([[cosine, sine], [-sine, cosine]]) + rng.normal(0, 0.04, (4, 2))
    return turned


def _blurred(rng: Generator, seen: F32) -> F32:
    kind = rng.random()
    if kind < 0.25:
        return np.asarray(cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 1.3)), np.float32)
    if kind < 0.4:
        length = int(rng.integers(2, max(3, seen.shape[0] // 7)))
        return np.asarray(cv2.blur(seen, (length, 1) if rng.random() < 0.7 else (1, length)), np.float32)
    return seen


def _lit(rng: Generator, seen: F32) -> F32:
    """Exposure, gamma, colour cast, saturation, haze, and now and then a shadow's edge."""
    lit = seen
    if rng.random() < 0.4:
        gamma = np.float32(math.exp(rng.normal(0, 0.3)))
        lit = np.asarray(255 * (lit.clip(0, 255) / 255) ** gamma, np.float32)
    if rng.random() < 0.8:
        lit = lit * np.exp(rng.normal(0, 0.35) + rng.normal(0, 0.06, 3)).astype(np.float32)
        lit = lit + np.float32(rng.uniform(-20, 20))
    if rng.random() < 0.3:
        grey = lit.mean(axis=2, keepdims=True)
        lit = grey + (lit - grey) * np.float32(rng.uniform(0.1, 1.4))
    if rng.random() < 0.2:
        haze = np.float32(rng.uniform(0, 0.5))
        lit = lit * (1 - haze) + haze * np.float32(rng.uniform(60, 255))
    if rng.random() < 0.15:
        angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(-0.4, 0.4)
        place = np.linspace(-1, 1, seen.shape[0])
        side = place[None] * math.cos(angle) + place[:, None] * math.sin(angle) > offset
        lit = lit * np.where(side, 1.0, rng.uniform(0.35, 0.9))[..., None].astype(np.float32)
    return np.asarray(lit, np.float32)


def _hide(rng: Generator, seen: F32) -> None:
    """Something of one colour before a part of the sign, up to a third as wide and high."""
    size = seen.shape[0]
    width, height = rng.integers(max(2, size // 8), max(3, size // 3), 2)
    x, y = rng.integers(0, size - width), rng.integers(0, size - height)
    seen[y : y + height, x : x + width] = rng.uniform(0, 255, 3)


def _compressed(image: Image, quality: int) -> Image:
    """The picture after JPEG of a quality from 0 to 100."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
