"""Cutting a view out of its photograph: one square, upright, undistorted patch for each box.

A patch is sampled through a grid of pixel positions. On a flat photograph the grid is the box itself, made
square; on an equirectangular one it is what a perspective camera turned to the box would see, so that neither
the stretching away from the horizon nor the seam at +-180 degrees reaches the classifier. Stretching the box to
a square also undoes most of the foreshortening of a sign seen from the side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from steps.stepkit.arrays import F64, Image
from steps.stepkit.camera import box_centre, pixels_to_rays, rays_to_pixels, sphere

SIDE = 48
"""Width and height of a patch in pixels."""
MARGIN = 0.1
"""What a patch shows around the box on every side, as a part of the box's side."""
_MAX_OVERSAMPLING = 8
_LEAST_SHOWN = 0.5
"""Share of a box that the image must show."""


def patch(image: Image, camera: dict[str, Any] | None, bbox: Sequence[float]) -> Image:
    """The (SIDE, SIDE, 3) patch of ``image``, BGR, shape (height, width, 3), around ``bbox``, a COCO box in pixels.

    ``camera`` is an observation's, of a known model; None is a flat photograph. What this takes of memory grows with
    the box, so that one of a stranger goes through :func:`shown` first. Large boxes are sampled several times denser
    and averaged, so that fine strokes do not alias. Positions outside the image repeat its border.
    Raises ValueError if the box lies outside the image or the camera's crop is none.
    """
    height, width = image.shape[:2]
    spherical = _spherical(camera)
    wraps = _wraps(camera, width, height)
    _check_is_inside(bbox, width, height, wraps)
    span = max(bbox[2], bbox[3]) * (1 + 2 * MARGIN)
    dense = SIDE * min(_MAX_OVERSAMPLING, max(1, math.ceil(span / SIDE)))
    grid = _perspective_grid(spherical, width, height, bbox, dense) if spherical else _flat_grid(bbox, dense)
    sampled = _sample(image, grid, wraps)
    return np.asarray(cv2.resize(sampled, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shown(
    camera: dict[str, Any] | None, width: int, height: int, bbox: Sequence[float]
) -> tuple[float, float, float, float]:
    """A COCO box as far as a photograph of ``width`` x ``height`` pixels shows it; all in its pixels.

    Where a panorama goes all the way round, a box may lie across the seam. Raises ValueError, with the reason, for a
    box of which less than half is shown or with a side below a pixel, and for a camera's crop that is none.
    """
    x, y, w, h = bbox
    crosses = _wraps(camera, width, height) and x < width and x + w > 0
    left, right = (x, x + min(w, width)) if crosses else (max(x, 0.0), min(x + w, width))
    top, bottom = max(y, 0.0), min(y + h, height)
    across, down = max(right - left, 0.0), max(bottom - top, 0.0)
    # Not their product, which may be too large for a number.
    if across / w * (down / h) < _LEAST_SHOWN:
        raise ValueError(
            f"of box {list(bbox)} the {width}x{height} image shows less than half; is it this image's?"
        )
    if min(across, down) < 1:
        raise ValueError(
            f"box {list(bbox)} has a side of less than a pixel; boxes are in pixels of the image"
        )
    return left, top, across, down


def _spherical(camera: dict[str, Any] | None) -> dict[str, Any] | None:
    """The camera, if it is that of a panorama."""
    return camera if camera and camera["model"] == "equirectangular" else None


def _wraps(camera: dict[str, Any] | None, width: int, height: int) -> bool:
    """Whether the last column is followed by the first."""
    spherical = _spherical(camera)
    return spherical is not None and sphere(spherical, width, height).closed


def _check_is_inside(bbox: Sequence[float], width: int, height: int, wraps: bool) -> None:
    x, y, w, h = bbox
    inside = y < height and y + h > 0 and (wraps or (x < width and x + w > 0))
    if not inside:
        raise ValueError(f"box {list(bbox)} lies outside the {width}x{height} image")


def _offsets(count: int) -> F64:
    """Sample positions over a side as parts of the box's half side: -1 and 1 are the box's edges."""
    steps: F64 = ((np.arange(count) + 0.5) / count * 2 - 1) * (1 + 2 * MARGIN)
    return steps


def _flat_grid(bbox: Sequence[float], count: int) -> F64:
    """Pixel positions, shape (count, count, 2), of a box on a flat photograph."""
    centre = box_centre(bbox)
    offsets = _offsets(count)
    u = centre[0] + offsets * bbox[2] / 2
    v = centre[1] + offsets * bbox[3] / 2
    return np.stack(np.meshgrid(u, v), axis=-1)


def _perspective_grid(
    camera: dict[str, Any], width: int, height: int, bbox: Sequence[float], count: int
) -> F64:
    """Pixel positions, shape (count, count, 2), of the rays of a perspective camera turned to the box."""
    x, y, w, h = bbox
    u, v = box_centre(bbox)
    middles = [(u, v), (x - 0.5, v), (x + w - 0.5, v), (u, y - 0.5), (u, y + h - 0.5)]
    forward, left, right, top, bottom = pixels_to_rays(camera, width, height, middles)
    across = np.array([forward[2], 0.0, -forward[0]])
    across /= max(float(np.linalg.norm(across)), 1e-9)
    down = np.cross(forward, across)
    half_w = math.tan(min(_angle(left, right), 2.0) / 2)
    half_h = math.tan(min(_angle(top, bottom), 2.0) / 2)
    offsets = _offsets(count)
    a, b = np.meshgrid(offsets * half_w, offsets * half_h)
    rays = forward + a[..., None] * across + b[..., None] * down
    pixels = rays_to_pixels(camera, width, height, rays.reshape(-1, 3))
    turn = sphere(camera, width, height).width
    pixels[:, 0] = u + (pixels[:, 0] - u + turn / 2) % turn - turn / 2
    return pixels.reshape(count, count, 2)


def _angle(one: F64, other: F64) -> float:
    """The angle in radians between two unit rays."""
    return 2 * math.asin(min(1.0, float(np.linalg.norm(one - other)) / 2))


def _sample(image: Image, grid: F64, wrap: bool) -> Image:
    """``image`` at the grid's positions, bilinear; columns wrap around or, like rows, repeat the border.

    Only the part the grid needs is handed to OpenCV, whose remap refuses sides of 32768 pixels and more.
    """
    height, width = image.shape[:2]
    # Each axis by itself: numpy takes ten times as long over an innermost axis of two.
    low = np.array([math.floor(grid[..., axis].min()) for axis in (0, 1)])
    high = np.array([math.ceil(grid[..., axis].max()) + 1 for axis in (0, 1)])
    columns, rows = np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)
    columns = columns % width if wrap else columns.clip(0, width - 1)
    part = image[rows.clip(0, height - 1)[:, None], columns]
    local = (grid - low).astype(np.float32)
    return np.asarray(cv2.remap(part, local[..., 0], local[..., 1], cv2.INTER_LINEAR), dtype=np.uint8)
