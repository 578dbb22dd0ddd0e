"""Pictures of what is no traffic sign, cut from photographs of streets: backgrounds, and mistakes to learn from."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect import classical
from steps.detect.boxes import Box
from steps.stepkit import photograph
from steps.stepkit.arrays import Image
from steps.training.recognise.augment import CANVAS
from steps.training.recognise.sample import Sample
from steps.training.recognise.scenes import Scene, apart

_SMALLEST, _LARGEST = 14.0, 400.0
_BAND = (0.25, 0.7)
"""The part of an equirectangular image's height that is nearly flat and holds the signs."""


def street(scene: Scene) -> tuple[Image, Scene]:
    """The scene's photograph as a nearly flat picture, and the scene with its boxes moved accordingly.

    BGR, shape (height, width, 3). Raises BadInput for a photograph that cannot be read.
    """
    image = photograph.read(scene.path)
    if scene.camera is None or scene.camera["model"] != "equirectangular":
        return image, scene
    top, bottom = (round(part * image.shape[0]) for part in _BAND)
    signs = [
        dataclasses.replace(sign, bbox=(sign.bbox[0], sign.bbox[1] - top, *sign.bbox[2:]))
        for sign in scene.signs
    ]
    return image[top:bottom], dataclasses.replace(scene, camera=None, signs=tuple(signs))


def mistaken(rng: Generator, image: Image, scene: Scene, most: int) -> list[Box]:
    """Up to ``most`` boxes that the classical detector proposes for what is no sign: the hard cases.

    ``image`` is BGR, shape (height, width, 3); boxes are COCO edges in its pixels.
    """
    proposed = [one.box for one in classical.propose(image, _SMALLEST, _LARGEST)]
    found = [box for box in proposed if apart(box, scene)]
    return [found[i] for i in rng.permutation(len(found))[:most]]


def anywhere(rng: Generator, image: Image, scene: Scene, count: int) -> list[Box]:
    """Up to ``count`` random boxes in an image of shape (height, width, 3), about square, away from the signs."""
    height, width = image.shape[:2]
    sides = np.exp(rng.uniform(math.log(_SMALLEST), math.log(min(width, height) / 3), (count, 1)))
    sides = sides * rng.uniform(0.7, 1.0, (count, 2))
    corners = rng.uniform(0, 1, (count, 2)) * ([width, height] - sides)
    boxes = [(x, y, w, h) for (x, y), (w, h) in zip(corners.tolist(), sides.tolist(), strict=True)]
    return [box for box in boxes if apart(box, scene)]


def cut_out(image: Image, bbox: Box, category: int) -> Sample:
    """The box with as much again around it, so that a sample does not keep its whole photograph, (height, width, 3)."""
    x, y, w, h = bbox
    left, top = max(0, math.floor(x - w / 2)), max(0, math.floor(y - h / 2))
    part = image[top : math.ceil(y + h * 1.5), left : math.ceil(x + w * 1.5)].copy()
    return Sample(image=part, bbox=(x - left, y - top, w, h), category=category)


def backdrop(image: Image, bbox: Box) -> Image:
    """What a box of an image, (height, width, 3), shows, as a background for a drawn sign, (CANVAS, CANVAS, 3)."""
    x, y, w, h = (round(value) for value in bbox)
    part = image[y : y + h, x : x + w]
    return np.asarray(cv2.resize(part, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
