"""Which recordings show a sign: the rule by which the signs of a drawn municipality are sampled.

A recording *shows* a sign when the lens is at most 25 m away and less than 65 degrees off the face's normal,
the whole face lies in the picture, it is at least 20 pixels high and 11 wide there, and nothing solid (house,
van, tree crown, poster) crosses the line of sight. A sign is only put up where at least four recordings
show it and two of their lines of sight cross at 12 degrees or more: what fewer recordings show, nobody
could map from this batch, so it is no part of the truth either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from images.batchfiles import Recording
from steps.stepkit import camera as geometry
from steps.stepkit.arrays import F64, Mask

REACH = 25.0
STEEPEST = 65.0
LEAST_PIXELS_HIGH = 20.0
LEAST_PIXELS_WIDE = 11.0
LEAST_RECORDINGS = 4
LEAST_CROSSING = 12.0


@dataclass(frozen=True, eq=False)
class Box:
    """A solid upright box: its ground rectangle by centre, unit vector along its width, width and depth."""

    centre: F64
    along: F64
    width: float
    depth: float
    bottom: float
    top: float

    def corners(self, margin: float = 0.0) -> F64:
        """The ground rectangle's corners, shape (4, 2), grown by ``margin`` metres."""
        across = np.array([-self.along[1], self.along[0]])
        u = self.along * (self.width / 2 + margin)
        v = across * (self.depth / 2 + margin)
        return np.array([self.centre - u - v, self.centre + u - v, self.centre + u + v, self.centre - u + v])

    def local(self, points: F64) -> F64:
        """Points of shape (..., 2 or 3) as (along, across, height) from the box's middle, shape (..., 3)."""
        across = np.array([-self.along[1], self.along[0]])
        flat = points[..., :2] - self.centre
        height = (
            points[..., 2]
            if points.shape[-1] == 3
            else np.full(flat.shape[:-1], (self.bottom + self.top) / 2)
        )
        return np.stack([flat @ self.along, flat @ across, height - (self.bottom + self.top) / 2], axis=-1)

    def crossed_by(self, starts: F64, end: F64) -> Mask:
        """Whether the segments from ``starts`` (N, 3) to ``end`` (3,) pass through the box (slab method)."""
        a, b = self.local(starts), self.local(end)
        half = np.array([self.width / 2, self.depth / 2, (self.top - self.bottom) / 2])
        step = np.where(np.abs(b - a) < 1e-9, 1e-9, b - a)
        first, second = (-half - a) / step, (half - a) / step
        enter = np.minimum(first, second).max(axis=1)
        leave = np.maximum(first, second).min(axis=1)
        return np.asarray((enter < leave) & (leave > 0) & (enter < 1))


class Survey:
    """The recordings of a batch as arrays, to ask which of them show a sign."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings
        self._eyes = np.array([[r.pose.x, r.pose.y, r.pose.z] for r in recordings])

    def candidates(self, centre: F64, normal: F64, size: float) -> list[int]:
        """Recordings that would show a face at ``centre`` (3,) with unit ``normal`` (2,) if nothing stood between."""
        towards = self._eyes - centre
        distance = np.linalg.norm(towards, axis=1)
        facing = towards[:, :2] @ normal / np.maximum(distance, 1e-9)
        near = np.flatnonzero((distance <= REACH) & (facing >= math.cos(math.radians(STEEPEST))))
        return [int(i) for i in near if self._large_enough(int(i), centre, normal, size)]

    def unobstructed(
        self, indices: Sequence[int], centre: F64, normal: F64, size: float, obstacles: Sequence[Box]
    ) -> list[int]:
        """Those of ``indices`` whose lines of sight to the face's middle and flanks no obstacle crosses."""
        if not indices:
            return []
        eyes = self._eyes[list(indices)]
        free = np.ones(len(indices), bool)
        aside = np.array([-normal[1], normal[0], 0.0]) * size * 0.35
        before = centre + np.array([*normal, 0.0]) * 0.03  # in front of the face's own body
        for obstacle in obstacles:
            if np.hypot(*(obstacle.centre - centre[:2])) < REACH + obstacle.width + obstacle.depth:
                for point in (before, before - aside, before + aside):
                    free &= ~obstacle.crossed_by(eyes, point)
        return [index for index, is_free in zip(indices, free, strict=True) if is_free]

    def suffices(self, indices: Sequence[int], centre: F64) -> bool:
        """Whether these recordings are enough, and far enough apart, to map a sign at ``centre``."""
        if len(indices) < LEAST_RECORDINGS:
            return False
        rays = centre - self._eyes[list(indices)]
        rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return bool((rays @ rays.T).min() <= math.cos(math.radians(LEAST_CROSSING)))

    def _large_enough(self, index: int, centre: F64, normal: F64, size: float) -> bool:
        recording, pose = self._recordings[index], self._recordings[index].pose
        right = np.array([-normal[1], normal[0], 0.0]) * size / 2
        up = np.array([0.0, 0.0, size / 2])
        corners = np.array(
            [centre - right + up, centre + right + up, centre + right - up, centre - right - up]
        )
        rays = (corners - self._eyes[index]) @ geometry.rotation(pose.heading, pose.pitch, pose.roll)
        pixels = geometry.rays_to_pixels(recording.camera, recording.width, recording.height, rays)
        if recording.camera["model"] == "equirectangular":
            pixels[:, 0] = (
                pixels[0, 0] + (pixels[:, 0] - pixels[0, 0] + recording.width / 2) % recording.width
            )
        elif not (np.isfinite(pixels).all() and _inside(pixels, recording.width, recording.height)):
            return False
        sides = np.linalg.norm(np.roll(pixels, -1, axis=0) - pixels, axis=1)
        return bool(sides[[1, 3]].min() >= LEAST_PIXELS_HIGH and sides[[0, 2]].min() >= LEAST_PIXELS_WIDE)


def _inside(pixels: F64, width: int, height: int) -> bool:
    return bool((pixels > 1).all() and (pixels[:, 0] < width - 2).all() and (pixels[:, 1] < height - 2).all())
