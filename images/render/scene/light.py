"""One sun for a whole municipality: how bright a face is, and where shadows fall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from images.render.camera.raster import Shade
from steps.stepkit.arrays import F64


@dataclass(frozen=True, eq=False)
class Sun:
    """``towards`` is the unit vector to the sun, shape (3,)."""

    towards: F64

    def shade(self, normal: F64, ambient: float = 0.62) -> Shade:
        """Lambert's law on a face with unit ``normal`` (3,): bluish skylight and warm sunlight."""
        direct = 0.5 * max(0.0, float(normal @ self.towards))
        return ambient * 1.04 + direct * 0.92, ambient + direct, ambient * 0.97 + direct * 1.06

    def shadow_of(self, points: F64) -> F64:
        """Where the shadows of points (N, 3) fall on the ground, shape (N, 2)."""
        fallen: F64 = points[:, :2] - points[:, 2:] * self.towards[:2] / self.towards[2]
        return fallen


def rise(random: np.random.Generator) -> Sun:
    """A sun on a bright day, 32 to 58 degrees high."""
    azimuth, elevation = random.uniform(0, 2 * math.pi), math.radians(random.uniform(32, 58))
    level = math.cos(elevation)
    return Sun(np.array([level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation)]))
