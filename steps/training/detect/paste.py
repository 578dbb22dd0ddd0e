"""More signs in a training picture: photographed ones cut out along their outlines, and drawn ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box
from steps.detect.heat import CLASSES
from steps.stepkit.arrays import F32, F64
from steps.training.detect import scenes
from steps.training.detect.data import CATEGORIES, Crop, class_of, decoded

Laid = list[tuple[Box, int]]
"""Boxes of signs in a picture, COCO edges in pixels, and their classes."""
_RARE = (6, 12, 13, 14, 17, 32, 41, 42)
"""Kinds whose class has hardly another kind."""
_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "danger": [(0.5, 0), (1, 0.97), (0, 0.97)],
    "yield": [(0, 0.03), (1, 0.03), (0.5, 1)],
    "stop": [(0.29, 0), (0.71, 0), (1, 0.29), (1, 0.71), (0.71, 1), (0.29, 1), (0, 0.71), (0, 0.29)],
    "priority": [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)],
}
"""Corners in a box of side 1; all other signs are round."""
_DRAWN = 64
_SIXTEENTHS = 4
"""Corners are given to OpenCV in parts of a pixel, as a power of two."""


class Paster:
    """Pastes crops of all kinds equally often."""

    def __init__(self, crops: Sequence[Crop]) -> None:
        self._of_kind: dict[int, list[Crop]] = defaultdict(list)
        for crop in crops:
            self._of_kind[crop.category].append(crop)
        self._masks = [_mask(name) for name in CLASSES]

    def paste(self, picture: F32, there: Sequence[Box], rng: Generator) -> Laid:
        """Up to three photographed signs into a picture, BGR, shape (height, width, 3), in place, apart from others."""
        laid: Laid = []
        for _ in range(rng.integers(1, 4)):
            crops = self._of_kind.get(int(rng.integers(CATEGORIES)))
            size = int(_between(13, 90, rng))
            x, y = (int(rng.uniform(0, side - size)) for side in picture.shape[1::-1])
            if not crops or not _is_free((x, y, size, size), [*there, *(box for box, _ in laid)], 4):
                continue
            crop = crops[rng.integers(len(crops))]
            number = class_of(crop.category)
            box = _laid(picture, crop, self._masks[number], (x, y), size, rng)
            if box is not None:
                laid.append((box, number))
        return laid


def draw(picture: F32, there: Sequence[Box], rng: Generator) -> Laid:
    """One or two drawn signs into a picture, BGR, shape (height, width, 3), in place, beside those there."""
    laid: Laid = []
    for _ in range(rng.integers(1, 3)):
        size = _between(13, 120, rng)
        x, y = (rng.uniform(0, side) for side in picture.shape[1::-1])
        wide = (x - 0.6 * size, y - 0.6 * size, 1.2 * size, 1.2 * size)
        if not _is_free(wide, [*there, *(box for box, _ in laid)], 4):
            continue
        category = int(rng.integers(CATEGORIES)) if rng.random() < 0.7 else int(rng.choice(_RARE))
        view, light = scenes.random_view(rng), scenes.random_light(rng)
        box = scenes.lay(picture, category, (x, y), size, view, light, rng)
        if box is not None:
            laid.append((box, class_of(category)))
    return laid


def _between(low: float, high: float, rng: Generator) -> float:
    """A size, its logarithm equally likely everywhere."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _is_free(box: Box, there: Sequence[Box], apart: float) -> bool:
    x, y, w, h = box
    return not any(
        x < left + width + apart and x + w > left - apart and y < top + height + apart and y + h > top - apart
        for left, top, width, height in there
    )


def _laid(picture: F32, crop: Crop, mask: F32, at: tuple[int, int], size: int, rng: Generator) -> Box | None:
    """Blend a crop's sign into the picture, ``size`` pixels high; its box, or None if it does not fit."""
    left, top, width, height = crop.box
    squeezed = float(np.clip(np.exp(rng.normal(0, 0.12)), 0.7, 1.2))
    across = max(int(size * min(squeezed, 1) * min(width / height, 1.15)), 9)
    if max(width, height) * 2.2 < size or across > size * 1.2:
        return None
    window = picture[at[1] : at[1] + size, at[0] : at[0] + across]
    if window.shape[:2] != (size, across):
        return None
    sign = decoded(crop)[int(top) : int(top + height), int(left) : int(left + width)].astype(np.float32)
    how = cv2.INTER_AREA if size < sign.shape[0] else cv2.INTER_LINEAR
    sign = np.asarray(cv2.resize(sign, (across, size), interpolation=how), np.float32)
    alpha = cv2.resize(mask, (across, size), interpolation=cv2.INTER_AREA)
    if size > 24:
        alpha = cv2.erode(alpha, np.ones((2, 2)))
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.5)[..., None]
    gain = 1.0
    if rng.random() < 0.7:
        fitting = float(np.clip((window.mean() + 20) / (sign.mean() + 20), 0.4, 2))
        gain = fitting ** float(rng.uniform(0.2, 0.9))
    window[:] = window * (1 - alpha) + np.clip(sign * gain, 0, 255) * alpha
    return float(at[0]), float(at[1]), float(across), float(size)


def _mask(name: str) -> F32:
    """1 within the outline of a class, shape (64, 64)."""
    mask = np.zeros((_DRAWN, _DRAWN), np.float32)
    side, unit = _DRAWN - 1, 2**_SIXTEENTHS
    if name in _OUTLINES:
        corners: F64 = np.array(_OUTLINES[name]) * side * unit
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0, cv2.LINE_AA, _SIXTEENTHS)
    else:
        middle = side * unit // 2
        cv2.circle(mask, (middle, middle), middle, 1.0, -1, cv2.LINE_AA, _SIXTEENTHS)
    return mask
