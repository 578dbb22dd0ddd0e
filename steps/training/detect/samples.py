"""Training pictures: squares cut out of streets around signs, around what looks like one, and anywhere."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box
from steps.detect.heat import CLASSES
from steps.stepkit.arrays import F64, Index
from steps.training.detect import looks, paste
from steps.training.detect.data import OTHER, Material, Street

SIDE = 256
"""Of a training picture, pixels."""
_TOWN, _PLAIN = 0.16, 0.02
"""Shares of pictures of rendered towns and of streets without signs; the rest are photographs."""
_SIGNED, _HARD, _SIGNED_TOWN = 0.62, 0.45, 0.7
"""Shares around signs, of the rest around what looks like one, and around signs in towns."""
_OFF = 0.42
"""By up to so many sides the sign lies off the middle."""
_LEAST, _MOST = 13.0, 180.0
"""Sizes in pixels between which signs are brought."""
_SMALL = 28
"""Signs that are smaller are shown half as often again."""
_SHRINKING = 0.8
"""Below this scale pixels are averaged first."""


class Samples:
    """An endless row of training pictures, the same for the same material and seed."""

    def __init__(self, material: Material, seed: int) -> None:
        self._material = material
        self._rng = np.random.default_rng(seed)
        self._paster = paste.Paster(material.crops)
        # Those of no class of their own come along with others, and need not be sought.
        self._signs = [
            (i, j)
            for i, street in enumerate(material.streets)
            for j in range(len(street.boxes))
            if street.classes[j] != OTHER
        ]
        self._shares = self._weights()
        self._town_signs = [(i, j) for i, town in enumerate(material.towns) for j in range(len(town.boxes))]

    def _weights(self) -> F64:
        """How often each sign of the photographs is shown: those of rare classes and small ones more often."""
        classes = np.array([self._material.streets[i].classes[j] for i, j in self._signs], np.intp)
        counts = np.bincount(classes, minlength=len(CLASSES))
        sizes = np.array([self._material.streets[i].boxes[j, 2:].max() for i, j in self._signs])
        weights = np.where(sizes < _SMALL, 1.5, 1.0) / np.sqrt(counts[classes])
        return np.asarray(weights / weights.sum())

    def next(self) -> Street:
        """The next picture, shape (SIDE, SIDE, 3), with what is in it."""
        while True:
            kind = self._rng.random()
            if self._material.towns and kind < _TOWN:
                cut, pasted = self._of_town(), 0.25
            elif kind < _TOWN + _PLAIN and self._material.plain:
                plain = self._material.plain[self._rng.integers(len(self._material.plain))]
                cut, pasted = self._anywhere(plain, self._rng.uniform(0.5, 1.6)), 0.45
            else:
                cut, pasted = self._of_photograph(), 0.45
            if cut is not None:
                return self._finished(cut, pasted)

    def _of_photograph(self) -> Street | None:
        rng, material = self._rng, self._material
        if rng.random() < _SIGNED:
            i, j = self._signs[rng.choice(len(self._signs), p=self._shares)]
            return self._around_sign(material.streets[i], j, _between(0.35, 2.2, rng))
        if material.hard and rng.random() < _HARD:
            i, x, y = material.hard[rng.integers(len(material.hard))]
            scale = _between(0.5, 1.8, rng)
            off = rng.uniform(-0.4, 0.4, 2) * SIDE / scale
            return self._cut(material.streets[i], (x + off[0], y + off[1]), scale)
        street = material.streets[rng.integers(len(material.streets))]
        return self._anywhere(street, _between(0.4, 1.8, rng))

    def _of_town(self) -> Street | None:
        rng = self._rng
        if rng.random() < _SIGNED_TOWN and self._town_signs:
            i, j = self._town_signs[rng.integers(len(self._town_signs))]
            return self._around_sign(self._material.towns[i], j, _between(0.5, 1.8, rng))
        town = self._material.towns[rng.integers(len(self._material.towns))]
        return self._anywhere(town, _between(0.5, 1.6, rng))

    def _around_sign(self, street: Street, number: int, scale: float) -> Street | None:
        x, y, w, h = street.boxes[number].tolist()
        size = max(w, h)
        scale = min(max(scale, _LEAST / size), _MOST / size)
        off = self._rng.uniform(-_OFF, _OFF, 2) * SIDE / scale
        return self._cut(street, (x + w / 2 + off[0], y + h / 2 + off[1]), scale)

    def _anywhere(self, street: Street, scale: float) -> Street | None:
        height, width = street.image.shape[:2]
        half = SIDE / scale / 2
        x = self._rng.uniform(half, max(width - half, half + 1))
        y = self._rng.uniform(min(half, height * 0.2), height * 0.95)
        return self._cut(street, (x, y), scale)

    def _cut(self, street: Street, at: tuple[float, float], scale: float) -> Street | None:
        """The square around a point; None if it shows next to nothing of the picture."""
        across = scale * float(np.exp(self._rng.normal(0, 0.06)))
        left, top = at[0] - SIDE / across / 2, at[1] - SIDE / scale / 2
        border = cv2.BORDER_REFLECT_101 if self._rng.random() < 0.3 else cv2.BORDER_CONSTANT
        return cut(street, (left, top), (across, scale), border)

    def _finished(self, street: Street, pasted: float) -> Street:
        """With more signs in it, and as a camera may show it."""
        rng = self._rng
        picture = street.image.astype(np.float32)
        there: list[Box] = [(x, y, w, h) for x, y, w, h in street.boxes.tolist()]
        laid: paste.Laid = []
        if rng.random() < pasted:
            laid += self._paster.paste(picture, there, rng)
        if rng.random() < 0.22:
            laid += paste.draw(picture, [*there, *(box for box, _ in laid)], rng)
        boxes = np.array([*there, *(box for box, _ in laid)]).reshape(-1, 4)
        classes: Index = np.concatenate([street.classes, np.array([number for _, number in laid], np.intp)])
        made = replace(street, image=looks.photographed(picture, rng), boxes=boxes, classes=classes)
        return looks.mirrored(made) if rng.random() < 0.5 else made


def _between(low: float, high: float, rng: Generator) -> float:
    """A scale, its logarithm equally likely everywhere."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def cut(
    street: Street, corner: tuple[float, float], scale: tuple[float, float], border: int
) -> Street | None:
    """The square of SIDE pixels whose left and top edge lie at ``corner``, enlarged by ``scale`` across and down.

    Shapes are (SIDE, SIDE, 3) for the picture and those of the street for its boxes. ``border`` is OpenCV's rule for
    what lies outside of the street. None if it shows less than eight pixels of it.
    """
    image, (left, top), (across, down) = street.image, corner, scale
    moved = (left, top), (across, down)
    if down < _SHRINKING:
        height, width = image.shape[:2]
        first = max(int(left) - 4, 0), max(int(top) - 4, 0)
        last = min(int(left + SIDE / across) + 5, width), min(int(top + SIDE / down) + 5, height)
        if last[0] - first[0] < 8 or last[1] - first[1] < 8:
            return None
        part = image[first[1] : last[1], first[0] : last[0]]
        size = max(round(part.shape[1] * across), 1), max(round(part.shape[0] * down), 1)
        image = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        shrunk = size[0] / part.shape[1], size[1] / part.shape[0]
        moved = (
            ((left - first[0]) * shrunk[0], (top - first[1]) * shrunk[1]),
            (across / shrunk[0], down / shrunk[1]),
        )
    picture = cv2.warpAffine(image, _matrix(*moved), (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=border)
    stretch = np.array([across, down, across, down])
    origin = np.array([left, top, 0, 0])
    return replace(
        street,
        image=np.asarray(picture, np.uint8),
        boxes=(street.boxes - origin) * stretch,
        ignored=(street.ignored - origin) * stretch,
    )


def _matrix(corner: tuple[float, float], scale: tuple[float, float]) -> F64:
    """OpenCV's, between middles of pixels, of what brings edges at ``corner`` to 0 and enlarges by ``scale``."""
    return np.array(
        [[s if i == j else 0 for j in range(2)] + [(0.5 - corner[i]) * s - 0.5] for i, s in enumerate(scale)]
    )
