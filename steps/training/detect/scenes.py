"""Scenes to learn from: drawn signs laid over photographs of streets, seen as a camera would."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from images.render.signs import faces
from steps.detect.boxes import Box
from steps.stepkit.arrays import F32, F64, Image

_SCENE = (640, 480)
_HIDDEN = _MOVING = 0.25


def scene(background: Image, rng: Generator) -> tuple[Image, list[tuple[Box, int]]]:
    """A background cut-out with signs laid in, and their (box, category).

    Pictures are BGR, shape (height, width, 3); boxes are COCO edges in the cut-out's pixels.
    """
    image = _cut(background, rng).astype(np.float32)
    laid: list[tuple[Box, int]] = []
    for _ in range(rng.integers(2, 6)):
        size = float(np.exp(rng.uniform(np.log(12), np.log(170))))
        x, y = rng.uniform(0, _SCENE[0]), rng.uniform(0, _SCENE[1] * 0.9)
        view = random_view(rng)
        light = random_light(rng)
        if any(np.hypot(x - bx - bw / 2, y - by - bh / 2) < size + bh for (bx, by, bw, bh), _ in laid):
            continue
        for _ in range(rng.choice([1, 1, 2, 3])):
            category = (
                int(rng.integers(43))
                if rng.random() < 0.75
                else int(rng.choice([6, 12, 13, 14, 17, 32, 41, 42]))
            )
            box = lay(image, category, (x, y), size, view, light, rng)
            if box is None:
                break
            laid.append((box, category))
            y += box[3] * rng.uniform(0.98, 1.15)
    return _camera(image, rng), laid


def _cut(background: Image, rng: Generator) -> Image:
    scale = float(rng.uniform(0.6, 1.4))
    width, height = (min(round(s * scale), b) for s, b in zip(_SCENE, background.shape[1::-1], strict=True))
    x = int(rng.integers(background.shape[1] - width + 1))
    y = int(rng.integers(background.shape[0] - height + 1))
    cut = background[y : y + height, x : x + width]
    return np.asarray(
        cv2.resize(cut[:, :: int(rng.choice([-1, 1]))], _SCENE, interpolation=cv2.INTER_AREA), np.uint8
    )


def random_view(rng: Generator) -> F64:
    """A matrix of shape (2, 2): turned about the pole (squeezed), rolled a little, sheared a little."""
    turn = np.cos(np.radians(min(abs(rng.normal(0, 32)), 68)))
    roll = np.radians(rng.normal(0, 4))
    spin = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray(spin @ np.array([[turn, 0], [rng.normal(0, 0.04), 1]]))


def random_light(rng: Generator) -> F32:
    """Gain, offset and fading of each channel, shape (3, 3): exposure, colour of the light, haze, faded paint."""
    gain = np.exp(rng.uniform(np.log(0.18), np.log(1.25))) * np.exp(rng.normal(0, 0.09, 3))
    haze = rng.uniform(0, 60) * rng.random()
    return np.stack([gain, np.full(3, haze), np.full(3, rng.uniform(0, 0.45))]).astype(np.float32)


def lay(
    image: F32,
    category: int,
    at: tuple[float, float],
    size: float,
    view: F64,
    light: F32,
    rng: Generator,
) -> Box | None:
    """Blend a sign into an image, BGR, shape (height, width, 3), in place: its box, or None if it is not all inside.

    It is ``size`` pixels high, at ``at``, seen as :func:`random_view` and in :func:`random_light`.
    """
    left, top = (int(c - 0.8 * size) for c in at)
    side = int(1.6 * size) + 2
    window = image[top : top + side, left : left + side] if min(left, top) >= 0 else image[:0]
    if window.shape[:2] != (side, side):
        return None
    face = _squeezed(category, size, view, (at[0] - left, at[1] - top), side)
    alpha = face[..., 3:] / 255
    rows, columns = np.flatnonzero(alpha.max(axis=(1, 2)) > 0.5), np.flatnonzero(alpha.max(axis=(0, 2)) > 0.5)
    if len(rows) < 8 or len(columns) < 5:
        return None
    paint = face[..., :3]
    grey = paint.mean(axis=2, keepdims=True)
    paint = (paint + (grey - paint) * light[2]) * light[0] + alpha * light[1]
    slope = 1 + rng.uniform(-0.3, 0.3) * (np.arange(side, dtype=np.float32) / side - 0.5)
    paint = paint * slope[None, :, None]
    width, height = len(columns), len(rows)
    if rng.random() < _HIDDEN:
        seen = _seen(side, (columns[0], rows[0], width, height), rng)
        alpha, paint = alpha * seen, paint * seen
    window *= 1 - alpha
    window += paint
    return float(left + columns[0]), float(top + rows[0]), float(width), float(height)


def _squeezed(category: int, size: float, view: F64, at: tuple[float, float], side: int) -> F32:
    """A sign's face as the camera sees it: BGRA, colours multiplied by alpha, shape (side, side, 4)."""
    drawn = int(2 ** np.ceil(np.log2(max(size, 16) * 1.5)))
    face = faces.draw(category, drawn).astype(np.float32)
    face[..., :3] *= face[..., 3:] / 255
    matrix = np.zeros((2, 3))
    matrix[:, :2] = view * (size / drawn)
    matrix[:, 2] = np.asarray(at) - matrix[:, :2] @ np.full(2, (drawn - 1) / 2)
    face = np.asarray(cv2.GaussianBlur(face, (0, 0), 0.4 * drawn / size), np.float32)
    return np.asarray(cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_LINEAR), np.float32)


def _seen(side: int, box: tuple[int, int, int, int], rng: Generator) -> F32:
    """1 where the box is seen, 0 along a strip across it (a twig, a pole) or its edge (a wall, a leaf)."""
    x, y, w, h = box
    mask = np.ones((side, side, 1), np.float32)
    angle, thick = rng.uniform(0, np.pi), rng.uniform(0.05, 0.22) * h
    away = rng.choice([0.0, 0.35, 0.45]) * h
    centre = np.array([x + w / 2, y + h / 2]) + away * np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-np.sin(angle), np.cos(angle)]) * 2 * h
    start, end = ((int(c[0]), int(c[1])) for c in (centre - along, centre + along))
    cv2.line(mask, start, end, 0, max(1, round(thick)))
    return mask


def _camera(drawn: F32, rng: Generator) -> Image:
    """Blur, noise and JPEG as a camera would add them."""
    blur = float(rng.choice([0.0, 0.5, 0.8, 1.1]))
    image = np.asarray(cv2.GaussianBlur(drawn, (0, 0), blur) if blur else drawn, np.float32)
    if rng.random() < _MOVING:
        length = int(rng.integers(2, 6))
        image = np.asarray(cv2.blur(image, (length, 1)), np.float32)
    noisy = np.clip(image + rng.normal(0, rng.uniform(0, 4), image.shape), 0, 255).astype(np.uint8)
    quality = int(rng.integers(55, 97))
    coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
