"""How a camera may show a street: light, colour, blur, noise, JPEG, and the other way round."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator

from steps.stepkit.arrays import F32, F64, Image
from steps.training.detect.data import Street


def photographed(drawn: F32, rng: Generator) -> Image:
    """A picture, BGR, 0..255, shape (height, width, 3), in another light and by another camera."""
    picture = _light(drawn, rng) if rng.random() < 0.85 else drawn
    if rng.random() < 0.25:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2)), np.float32)
    if rng.random() < 0.12:
        length = int(rng.integers(2, 6))
        moved = (length, 1) if rng.random() < 0.7 else (1, length)
        picture = np.asarray(cv2.blur(picture, moved), np.float32)
    if rng.random() < 0.35:
        picture = picture + rng.normal(0, rng.uniform(1, 8), picture.shape).astype(np.float32)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    return _coded(image, int(rng.integers(40, 95))) if rng.random() < 0.3 else image


def _light(drawn: F32, rng: Generator) -> F32:
    """Exposure and colour of the light, and at times contrast, colourfulness and gamma."""
    picture = drawn * float(np.exp(rng.normal(0, 0.3))) * np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
    if rng.random() < 0.4:
        mean = picture.mean()
        picture = (picture - mean) * float(np.exp(rng.normal(0, 0.25))) + mean
    if rng.random() < 0.35:
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.uniform(0.3, 1.5))
    if rng.random() < 0.3:
        gamma = float(np.exp(rng.normal(0, 0.3)))
        picture = 255 * np.clip(picture / 255, 0, 1) ** gamma
    return np.asarray(picture, np.float32)


def _coded(image: Image, quality: int) -> Image:
    stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)


def mirrored(street: Street) -> Street:
    """The street as in a mirror: signs keep their class, arrows and letters or not."""
    width = street.image.shape[1]
    return replace(
        street,
        image=np.ascontiguousarray(street.image[:, ::-1]),
        boxes=_mirrored(street.boxes, width),
        ignored=_mirrored(street.ignored, width),
    )


def _mirrored(boxes: F64, width: int) -> F64:
    turned = boxes.copy()
    turned[:, 0] = width - boxes[:, 0] - boxes[:, 2]
    return turned
