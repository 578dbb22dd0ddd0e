"""Random fields the drawn textures are made of."""

from __future__ import annotations

import cv2
import numpy as np

from steps.stepkit.arrays import F32, U8


def cloudy(random: np.random.Generator, width: int, height: int, coarsest: float, octaves: int = 5) -> F32:
    """Smooth noise of several octaves, shape (height, width), about 0 +- 1 (value noise, Perlin-like).

    ``coarsest`` is the size in pixels of the largest blobs.
    """
    total = np.zeros((height, width), np.float32)
    cell, strength = float(coarsest), 1.0
    for _ in range(octaves):
        grid = random.normal(size=(max(2, int(height / cell) + 3), max(2, int(width / cell) + 3))).astype(
            np.float32
        )
        fine = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.float32(strength) * np.asarray(fine, dtype=np.float32)
        cell, strength = cell / 2, strength * 0.55
        if cell < 1:
            break
    return np.asarray((total - total.mean()) / (total.std() + 1e-6), dtype=np.float32)


def speckled(picture: U8, random: np.random.Generator, strength: float, grain: int = 1) -> U8:
    """A copy of a BGR picture with grey noise of ``strength`` levels added."""
    height, width = picture.shape[:2]
    shape = (height // grain + 1, width // grain + 1)
    field = np.float32(strength) * random.standard_normal(shape, dtype=np.float32)
    if grain > 1:
        field = np.asarray(
            cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32
        )
    mixed = picture + field[:height, :width, None]
    return np.asarray(np.clip(mixed, 0, 255, out=mixed), dtype=np.uint8)
