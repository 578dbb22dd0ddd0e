"""Pictures as a street-level camera would have taken them, from drawn signs, real crops and clutter.

Everything is drawn from one random generator, so that a seed fixes the training set. Boxes are moved by up to
a tenth of their side, because a classical detector's boxes are off by about as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box
from steps.stepkit.arrays import F32, F64, U8, Floats, Image
from steps.training.recognise import clutter
from steps.training.recognise.sample import Sample

Behind = Callable[[Generator], Image]
"""Draws a square background, at least CANVAS pixels wide."""

CANVAS = 192
_FACE = 128
_BOX_JITTER = 0.1
_SMALLEST, _LARGEST = 14.0, 90.0

_MIRRORED = {19: 20, 20: 19, 33: 34, 34: 33, 36: 37, 37: 36, 38: 39, 39: 38}
_MIRRORED |= {same: same for same in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)}
"""GTSRB classes whose mirror image is a sign of the class on the right."""


def drawn_view(rng: Generator, face: U8, category: int, behind: Image) -> Sample:
    """A drawn face, shape (N, N, 4) BGRA, put up before a background and photographed from some side.

    ``behind`` is BGR, at least (CANVAS, CANVAS, 3), of which the sample shows that much.
    """
    scene = behind[:CANVAS, :CANVAS].astype(np.float32)
    side = rng.uniform(0.45, 0.62) * CANVAS
    turn = _projection(rng, face.shape[0], side)
    warped = cv2.warpPerspective(_weathered(rng, face), turn, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3:] / 255
    bbox = _extent(alpha[..., 0])
    _put_up_post(rng, scene, bbox)
    scene += (warped[..., :3] - scene) * alpha
    if rng.random() < 0.15:
        _occlude(rng, scene, bbox)
    return Sample(image=scene.clip(0, 255).astype(np.uint8), bbox=bbox, category=category)


def turned_view(rng: Generator, sample: Sample) -> Sample:
    """A real crop, slightly turned and sheared, and mirrored where its mirror image is a sign as well."""
    image, (x, y, w, h), category = sample.image, sample.bbox, sample.category
    if category in _MIRRORED and rng.random() < 0.5:
        image, x, category = image[:, ::-1], image.shape[1] - x - w, _MIRRORED[category]
    centre = (x + w / 2 - 0.5, y + h / 2 - 0.5)
    turn = cv2.getRotationMatrix2D(centre, rng.normal(0, 4), 1.0)
    turn[0, 1] += rng.normal(0, 0.04)
    turn[0, 2] = centre[0] - turn[0, :2] @ centre
    turned = cv2.warpAffine(
        image, turn, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return Sample(image=np.asarray(turned, dtype=np.uint8), bbox=(x, y, w, h), category=category)


def photographed(rng: Generator, sample: Sample) -> Sample:
    """The sample at a random distance, in random light, through a camera's blur, noise and JPEG, its box jittered."""
    image, bbox = _reduced(rng, sample.image, sample.bbox)
    picture = image.astype(np.float32)
    picture = _lit(rng, picture)
    picture = _blurred(rng, picture)
    picture += rng.normal(0, 1, picture.shape) * rng.uniform(0, 9) * rng.random()
    image = picture.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        image = _compressed(image, int(rng.integers(45, 96)))
    return Sample(image=image, bbox=jittered(rng, bbox), category=sample.category)


def _compressed(image: Image, quality: int) -> Image:
    """The picture after JPEG of a quality from 0 to 100."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def jittered(rng: Generator, bbox: Box) -> Box:
    """The box with each of its edges moved by up to a tenth of its side."""
    x, y, w, h = bbox
    left, top, right, bottom = rng.uniform(-_BOX_JITTER, _BOX_JITTER, 4)
    return x + left * w, y + top * h, w * (1 + right - left), h * (1 + bottom - top)


def _projection(rng: Generator, face: int, side: float) -> F64:
    """The homography of a face of ``face`` pixels turned in space and set in the canvas's middle."""
    yaw, pitch = rng.normal(0, math.radians(22)), rng.normal(0, math.radians(6))
    yaw = float(np.clip(yaw, -math.radians(60), math.radians(60)))
    roll = rng.normal(0, math.radians(4))
    spin, _ = cv2.Rodrigues(np.array([pitch, yaw, 0.0]))
    flat, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) @ (spin @ flat).T
    distance = rng.uniform(6, 30)
    seen = corners[:, :2] * (distance / (distance + corners[:, 2:])) * side / 2
    middle = CANVAS / 2 + rng.uniform(-0.05, 0.05, 2) * CANVAS
    source = np.array([[0, 0], [face, 0], [face, face], [0, face]], dtype=np.float32) - 0.5
    return np.asarray(cv2.getPerspectiveTransform(source, (seen + middle).astype(np.float32)))


def _weathered(rng: Generator, face: U8) -> F32:
    """The face with faded, dirty or differently printed colours."""
    colours = face[..., :3].astype(np.float32)
    grey = colours.mean(axis=2, keepdims=True)
    colours = grey + (colours - grey) * rng.uniform(0.5, 1.15)
    black, white = rng.uniform(0, 50), rng.uniform(170, 255)
    colours = black + colours / 255 * (white - black)
    colours += rng.normal(0, 8, 3) * (face[..., :3] < 100)
    if rng.random() < 0.3:
        dirt = cv2.resize(rng.normal(size=(6, 6)), face.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        colours *= 1 - 0.15 * np.abs(dirt)[..., None]
    return np.concatenate([colours.clip(0, 255), face[..., 3:].astype(np.float32)], axis=2).astype(np.float32)


def _extent(alpha: Floats) -> Box:
    """The box of what is at least half covered."""
    rows, columns = np.nonzero((alpha >= 0.5).any(axis=1))[0], np.nonzero((alpha >= 0.5).any(axis=0))[0]
    x, y = float(columns[0]), float(rows[0])
    return x, y, float(columns[-1] + 1) - x, float(rows[-1] + 1) - y


def _put_up_post(rng: Generator, scene: F32, bbox: Box) -> None:
    """Behind the sign a post, and below or above it now and then a plate or the rim of another sign."""
    x, y, w, h = bbox
    middle = x + w / 2
    grey = float(rng.uniform(60, 200))
    if rng.random() < 0.7:
        half = w * rng.uniform(0.03, 0.07)
        cv2.rectangle(
            scene, (round(middle - half), round(y)), (round(middle + half), CANVAS), (grey, grey, grey), -1
        )
    kind = rng.random()
    gap = h * rng.uniform(0.01, 0.1)
    if kind < 0.25:
        top = y + h + gap
        colour = (rng.uniform(150, 255),) * 3
        cv2.rectangle(scene, (round(x), round(top)), (round(x + w), round(top + h / 2)), colour, -1)
        cv2.rectangle(scene, (round(x), round(top)), (round(x + w), round(top + h / 2)), (20, 20, 20), 1)
    elif kind < 0.45:
        colour = ((30.0, 20.0, 180.0), (150.0, 70.0, 20.0))[rng.integers(2)]
        centre_y = y + h * 1.5 + gap if kind < 0.35 else y - h * 0.5 - gap
        cv2.circle(scene, (round(middle), round(centre_y)), round(w / 2), colour, -1, cv2.LINE_AA)


def _occlude(rng: Generator, scene: F32, bbox: Box) -> None:
    """Leaves or an edge over up to a quarter of the sign, coming from one side."""
    x, y, w, h = bbox
    patch = clutter.background(rng, CANVAS).astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    across, along = np.meshgrid((np.arange(CANVAS) - x - w / 2) / w, (np.arange(CANVAS) - y - h / 2) / h)
    ragged = cv2.resize(rng.normal(0, 0.06, (16, 16)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    hidden = across * math.cos(angle) + along * math.sin(angle) + ragged > rng.uniform(0.27, 0.45)
    scene[hidden] = patch[hidden]


def _reduced(rng: Generator, image: Image, bbox: Box) -> tuple[Image, Box]:
    """The picture scaled down so that the box's larger side is log-uniform between 14 and 90 px (never up)."""
    x, y, w, h = bbox
    wanted = math.exp(rng.uniform(math.log(_SMALLEST), math.log(_LARGEST)))
    scale = min(1.0, wanted / max(w, h))
    width, height = max(4, round(image.shape[1] * scale)), max(4, round(image.shape[0] * scale))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    across, along = width / image.shape[1], height / image.shape[0]
    return np.asarray(small, dtype=np.uint8), (x * across, y * along, w * across, h * along)


def _lit(rng: Generator, picture: F32) -> F32:
    """Exposure, gamma, colour cast, haze and a gradient or a shadow's edge."""
    height, width = picture.shape[:2]
    lit = 255 * (picture.clip(0, 255) / 255) ** math.exp(rng.normal(0, 0.2))
    lit = lit * math.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    if rng.random() < 0.35:
        angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(-0.3, 0.3)
        a, b = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        ramp = a * math.cos(angle) + b * math.sin(angle) - offset
        steep = rng.choice([0.5, 8.0])
        lit = lit * (1 + rng.uniform(0, 0.5) * np.tanh(ramp * steep))[..., None]
    if rng.random() < 0.3:
        haze = rng.uniform(0, 0.4)
        lit = lit * (1 - haze) + haze * rng.uniform(60, 255)
    return np.asarray(lit, dtype=np.float32)


def _blurred(rng: Generator, picture: F32) -> F32:
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1)), dtype=np.float32)
    if kind < 0.55:
        length = int(rng.integers(2, 5))
        kernel = np.full((1, length), 1 / length, dtype=np.float32)
        return np.asarray(
            cv2.filter2D(picture, -1, kernel if rng.random() < 0.7 else kernel.T), dtype=np.float32
        )
    return picture
