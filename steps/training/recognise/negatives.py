"""Pictures of what is no traffic sign, cut from photographs of streets: backgrounds, and mistakes to learn from."""

from __future__ import annotations

import dataclasses

from numpy.random import Generator

from steps.detect.boxes import Box
from steps.detect.classical import finder
from steps.stepkit import photograph
from steps.stepkit.arrays import Image
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
    proposed = [one.box for one in finder.propose(image, _SMALLEST, _LARGEST)]
    found = [box for box in proposed if apart(box, scene)]
    return [found[i] for i in rng.permutation(len(found))[:most]]
