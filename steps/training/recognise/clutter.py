"""Drawn street clutter: what stands behind signs, and what a detector may take for a sign.

Backgrounds are coarse stand-ins for foliage, façades, sky and asphalt. Distractors are plain shapes in sign
colours (blank discs and plates, tail lights, backs of signs, advertisements), because those and not
bare walls are what a classifier of detections has to refuse.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from steps.stepkit.arrays import F64, Image

Colour = tuple[float, float, float]
_SIGN_COLOURS: tuple[Colour, ...] = (
    (30, 20, 200),
    (170, 70, 20),
    (20, 180, 240),
    (235, 235, 235),
    (110, 110, 110),
)


def background(rng: Generator, size: int) -> Image:
    """A picture of drawn clutter, BGR, shape (size, size, 3)."""
    draw: Callable[[Generator, int], Image] = (_foliage, _facade, _sky, _foliage)[rng.integers(4)]
    return draw(rng, size)


def distractor(rng: Generator, behind: Image) -> tuple[Image, tuple[float, float, float, float]]:
    """``behind``, BGR, shape (N, N, 3), with a figure in a sign's colours that is no sign, and its box in pixels."""
    image = behind.copy()
    if rng.random() < 0.1:
        return image, _wheel(rng, image)
    size = image.shape[0]
    half = size * rng.uniform(0.15, 0.3)
    centre = rng.uniform(0.4, 0.6, 2) * size
    stretch = rng.uniform(0.6, 1.4)
    reach = np.array([half * stretch, half / stretch])
    shape = _shape(rng) * reach + centre
    _fill(image, shape, _colour(rng))
    if rng.random() < 0.4:
        # Never white or yellow: a white disc on a red one would be a sign after all.
        _fill(
            image, (shape - centre) * rng.uniform(0.3, 0.85) + centre, tuple(rng.uniform(0, 130, 3).tolist())
        )
    if rng.random() < 0.3:
        _scribble(rng, image, centre, reach)
    if rng.random() < 0.2:
        post = np.round(centre[0] + np.array([-1, 1]) * reach[0] * rng.uniform(0.05, 0.15)).astype(int)
        cv2.rectangle(image, (int(post[0]), 0), (int(post[1]), size), _colour(rng), -1)
    low, high = shape.min(axis=0), shape.max(axis=0)
    return image, (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))


def _wheel(rng: Generator, image: Image) -> tuple[float, float, float, float]:
    """Draw a tyre round a light rim, with or without spokes; its box."""
    size = image.shape[0]
    half, middle = size * rng.uniform(0.15, 0.3), rng.uniform(0.4, 0.6, 2) * size
    reach = np.array([half * rng.uniform(0.5, 1.0), half])
    angles = np.arange(48) / 48 * 2 * np.pi
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1) * reach
    dark, light = rng.uniform(10, 60), rng.uniform(110, 230)
    _fill(image, middle + ring, (dark, dark, dark))
    _fill(image, middle + ring * rng.uniform(0.5, 0.8), (light, light, light))
    for corner in ring[:: int(rng.choice([6, 8, 12, 48]))] * 0.6:
        ends = np.round(np.stack([middle, middle + corner])).astype(int)
        cv2.line(
            image,
            ends[0].tolist(),
            ends[1].tolist(),
            (dark, dark, dark),
            max(1, round(half / 12)),
            cv2.LINE_AA,
        )
    (x, y), (w, h) = (middle - reach).tolist(), (2 * reach).tolist()
    return x, y, w, h


def _shape(rng: Generator) -> F64:
    """Corners, shape (N, 2), of a disc, a triangle, a rectangle or a blob around (0, 0) with radius about one."""
    corners = int(rng.choice([3, 4, 4, 8, 24, 24]))
    start = rng.choice([0.0, 0.5]) + rng.normal(0, 0.03)
    angles = (np.arange(corners) + start) / corners * 2 * np.pi
    radius = rng.uniform(0.6, 1.0, corners) if rng.random() < 0.3 else np.ones(corners)
    return np.stack([np.sin(angles) * radius, np.cos(angles) * radius], axis=1)


def _colour(rng: Generator) -> Colour:
    base = (
        np.array(_SIGN_COLOURS[rng.integers(len(_SIGN_COLOURS))])
        if rng.random() < 0.8
        else rng.uniform(0, 255, 3)
    )
    blue, green, red = (base * rng.uniform(0.5, 1.1) + rng.normal(0, 12, 3)).clip(0, 255)
    return float(blue), float(green), float(red)


def _fill(image: Image, corners: F64, colour: Colour) -> None:
    cv2.fillPoly(image, [np.round(corners * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def _scribble(rng: Generator, image: Image, centre: F64, reach: F64) -> None:
    """A few strokes like lettering or a logo."""
    colour = _colour(rng)
    for _ in range(int(rng.integers(2, 7))):
        ends = np.round(centre + rng.uniform(-0.7, 0.7, (2, 2)) * reach).astype(int)
        thickness = int(rng.integers(1, 1 + max(2, round(reach[0] / 5))))
        cv2.line(image, ends[0].tolist(), ends[1].tolist(), colour, thickness, cv2.LINE_AA)


def _noise(rng: Generator, size: int) -> F64:
    """Noise of several scales, shape (size, size), about zero with spread one."""
    total = np.zeros((size, size))
    for cells in (3, 8, 24, 64):
        layer = rng.normal(size=(cells, cells))
        total += cv2.resize(layer, (size, size), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.2, 1.0)
    spread: F64 = total / (total.std() + 1e-6)
    return spread


def _foliage(rng: Generator, size: int) -> Image:
    green = np.array([rng.uniform(20, 70), rng.uniform(60, 130), rng.uniform(40, 110)])
    light = 1 + 0.5 * _noise(rng, size)[..., None] + 0.1 * rng.normal(size=(size, size, 3))
    return np.asarray((green * light).clip(0, 255), dtype=np.uint8)


def _sky(rng: Generator, size: int) -> Image:
    top, bottom = (
        np.array([rng.uniform(150, 255), rng.uniform(140, 240), rng.uniform(120, 240)]),
        rng.uniform(90, 255, 3),
    )
    ramp = np.linspace(0, 1, size)[:, None, None]
    clouds = rng.uniform(0, 20) * _noise(rng, size)[..., None]
    image = np.asarray((top * (1 - ramp) + bottom * ramp + clouds).clip(0, 255), dtype=np.uint8)
    if rng.random() < 0.5:
        skyline = int(size * rng.uniform(0.3, 0.9))
        image[skyline:] = _facade(rng, size)[skyline:]
    return image


def _facade(rng: Generator, size: int) -> Image:
    wall = rng.uniform(60, 200) + rng.normal(0, 20, 3)
    image = np.asarray((wall + 8 * _noise(rng, size)[..., None]).clip(0, 255), dtype=np.uint8)
    for _ in range(int(rng.integers(3, 14))):
        x, y = rng.integers(-size // 8, size, 2)
        w, h = rng.integers(size // 24, size // 2, 2)
        colour = (rng.uniform(20, 255) + rng.normal(0, 15, 3)).clip(0, 255).tolist()
        thickness = int(rng.choice([-1, -1, 1, 2, 4]))
        cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), colour, thickness)
    return image
