"""From a scene to a picture as a camera model sees it: one pinhole view, or six faces stitched to a panorama."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from images.batchfiles import Pose
from images.render.camera.raster import View
from steps.stepkit import camera as geometry
from steps.stepkit.arrays import F32, F64, U8

Draw = Callable[[View], U8]

_FACE_MARGIN = 4
_FACE_OVERSAMPLING = 1.2
_FACE_TURNS = (
    (0.0, 0.0),
    (90.0, 0.0),
    (180.0, 0.0),
    (270.0, 0.0),
    (0.0, 90.0),
    (0.0, -90.0),
)
"""Heading and pitch in degrees of a panorama's six faces in the panorama's own frame."""


def photograph(draw: Draw, camera: dict[str, Any], width: int, height: int, pose: Pose) -> U8:
    """The picture, shape (height, width, 3), that ``camera`` takes at ``pose`` of what ``draw`` draws.

    ``camera`` is an item's camera without distortion. Raises ValueError for an unknown camera model.
    """
    eye = np.array([pose.x, pose.y, pose.z])
    turn = geometry.rotation(pose.heading, pose.pitch, pose.roll)
    if camera["model"] == "pinhole":
        lens = (camera["fx"], camera["fy"], camera["cx"], camera["cy"])
        return draw(View(eye, turn, width, height, *lens))
    if camera["model"] == "equirectangular":
        faces = [draw(view) for view in _face_views(eye, turn, width)]
        atlas_x, atlas_y = _atlas_map(width, height)
        return np.asarray(cv2.remap(np.vstack(faces), atlas_x, atlas_y, cv2.INTER_LINEAR), dtype=np.uint8)
    raise ValueError(f"unknown camera model {camera['model']!r}; known are equirectangular and pinhole")


def _face_views(eye: F64, turn: F64, width: int) -> list[View]:
    focal, side = _face_size(width)
    centre = (side - 1) / 2
    return [View(eye, turn @ own, side, side, focal, focal, centre, centre) for own in _face_rotations()]


def _face_rotations() -> list[F64]:
    """Rotations from each face's camera frame to the panorama's camera frame."""
    level = geometry.rotation(0.0)
    return [level.T @ geometry.rotation(heading, pitch) for heading, pitch in _FACE_TURNS]


def _face_size(width: int) -> tuple[float, int]:
    """Focal length and side in pixels of a face that spans a right angle and a margin."""
    focal = width / (2 * np.pi) * _FACE_OVERSAMPLING
    return focal, int(np.ceil(2 * focal)) + 2 * _FACE_MARGIN


@functools.lru_cache(maxsize=4)
def _atlas_map(width: int, height: int) -> tuple[F32, F32]:
    """Where every panorama pixel lies in the six faces stacked one below the other."""
    u, v = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    rays = geometry.pixels_to_rays({"model": "equirectangular"}, width, height, pixels)
    focal, side = _face_size(width)
    ahead = np.stack([rays @ turn[:, 2] for turn in _face_rotations()])
    chosen = np.argmax(ahead, axis=0)
    atlas = np.empty((len(rays), 2), np.float32)
    for face, turn in enumerate(_face_rotations()):
        here = chosen == face
        local = rays[here] @ turn
        atlas[here] = focal * local[:, :2] / local[:, 2:] + (side - 1) / 2
        atlas[here, 1] += face * side
    return atlas[:, 0].reshape(height, width), atlas[:, 1].reshape(height, width)
