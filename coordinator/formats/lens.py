"""Cameras whose lengths are parts of the image's longer side, as OpenSfM and Mapillary have them, in pixels.

OpenSfM's models: https://opensfm.org/docs/geometry.html. Its normalised coordinates have their origin in the middle
of the image, and its distortion is OpenCV's.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.formats import upright
from coordinator.strictjson import Json

_RATIO = 0.02
"""Relative difference of two images' aspect ratios up to which one may be the other resized."""


@dataclass(frozen=True, kw_only=True)
class Lens:
    """A pinhole camera with OpenCV's distortion; ``fx, fy, cx, cy`` are parts of the longer side."""

    fx: float
    fy: float
    cx: float = 0.0
    cy: float = 0.0
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    def pinhole(self, width: int, height: int, orientation: int = 1) -> Json:
        """The upright image's camera; ``width`` and ``height`` are the upright image's, in pixels."""
        stored_width, stored_height = upright.upright_size(width, height, orientation)
        side = max(width, height)
        camera: Json = {
            "model": "pinhole",
            "fx": self.fx * side,
            "fy": self.fy * side,
            "cx": (stored_width - 1) / 2 + self.cx * side,
            "cy": (stored_height - 1) / 2 + self.cy * side,
            **{name: getattr(self, name) for name in ("k1", "k2", "p1", "p2", "k3")},
        }
        return upright.upright_pinhole(camera, stored_width, stored_height, orientation)


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether an image of the one size may be one of the other size, resized."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= _RATIO * one[0] * other[1]
