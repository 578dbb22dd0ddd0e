"""Camera geometry: pixels to rays in the world and back, for pinhole and equirectangular cameras.

Frames
    World: metres in a projected CRS; x east, y north, z up.
    Camera: x right, y down, z forward.
    Pixel: OpenCV's convention, the centre of the top-left pixel is (0, 0). A bounding box is COCO's
    ``[x, y, width, height]``, whose x and y are the *edges* of pixels: the box that covers the whole
    image is ``[0, 0, W, H]`` and its centre is the pixel ``((W - 1) / 2, (H - 1) / 2)``. In an
    equirectangular image a box may cross the seam: then ``x + width`` exceeds the image's width.

Angles are degrees in JSON and radians in code. Heading turns clockwise from grid north and belongs to the
image's centre, pitch is positive upwards, roll is positive clockwise as the camera sees it. An image that is a
part of a panorama has the pose of the whole one, and looks where its pixels lie in that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steps.stepkit.arrays import F64
from steps.stepkit.loop import BadInput
from steps.stepkit.numbers import is_finite

# Columns: where the camera's x, y and z axes point in the world at heading = pitch = roll = 0 (looking north).
_LOOKING_NORTH: F64 = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_MODELS = ("equirectangular", "pinhole")
_ROUNDED = 1.0
"""Pixels by which an image may be larger than the whole panorama that it is part of: sides are rounded when scaled."""


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """Where an equirectangular image lies in the panorama of 360 x 180 degrees, in pixels of the image's own scale."""

    width: float
    """Of the whole panorama."""
    height: float
    left: float
    """The image's left edge, from that of the whole one."""
    top: float
    middle: float
    """The column in the middle of the image."""
    is_part: bool
    closed: bool
    """Whether the image goes all the way round, so that its last column is followed by its first."""

    def nearest(self, columns: F64) -> F64:
        """Columns, any shape, moved by whole turns to where they are nearest to the image's middle."""
        moved: F64 = columns - np.round((columns - self.middle) / self.width) * self.width
        return moved


def read_model(given: Any, called: str) -> dict[str, Any] | None:
    """An item's or an observation's ``camera``, one whose pixels can be looked at; None for a photograph without one.

    ``called`` is what a message calls the item. Raises BadInput for what is no camera of a known model.
    """
    if given is None:
        return None
    if not isinstance(given, dict) or "model" not in given:
        raise BadInput(f"{called}: camera must be null or an object with a model, not {given!r}")
    if given["model"] not in _MODELS:
        raise BadInput(f"{called}: {_unknown(given['model'])}")
    return given


def sphere(camera: dict[str, Any], width: float, height: float) -> Sphere:
    """The part of a panorama that an equirectangular camera's image of ``width`` x ``height`` pixels is.

    Raises ValueError for a crop that is none: numbers missing or not finite, the whole smaller than the image.
    """
    crop = camera.get("crop")
    middle = (width - 1) / 2
    if crop is None:
        return Sphere(
            width=width, height=height, left=0.0, top=0.0, middle=middle, is_part=False, closed=True
        )
    if not isinstance(crop, dict):
        raise ValueError(f"crop must be an object with full_width, full_height, left and top, not {crop!r}")
    full_width, full_height, left, top = (
        _finite(crop, name) for name in ("full_width", "full_height", "left", "top")
    )
    fits = width <= full_width + _ROUNDED and top + height <= full_height + _ROUNDED
    if not fits or not 0 <= left <= full_width or top < 0:
        raise ValueError(
            f"the {width}x{height} image does not lie in the whole panorama that its crop tells: {crop!r}"
        )
    return Sphere(
        width=full_width,
        height=full_height,
        left=left,
        top=top,
        middle=middle,
        is_part=True,
        closed=width > full_width - _ROUNDED,
    )


def _finite(crop: dict[str, Any], name: str) -> float:
    value = crop.get(name)
    if not is_finite(value):
        raise ValueError(f"crop {name} must be a finite number, not {value!r}")
    return float(value)


def rotation(heading: float, pitch: float = 0.0, roll: float = 0.0) -> F64:
    """The rotation from camera to world, shape (3, 3), for a pose's angles in degrees."""
    h, p, r = np.radians([heading, pitch, roll])
    about_up = np.array([[np.cos(h), np.sin(h), 0], [-np.sin(h), np.cos(h), 0], [0, 0, 1]])
    # Pitch and roll turn about the camera's own axes: right (x), then forward (z).
    about_right = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_forward = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned: F64 = about_up @ _LOOKING_NORTH @ about_right @ about_forward
    return turned


def box_centre(bbox: ArrayLike) -> F64:
    """Pixel centres, shape (..., 2), of COCO boxes, shape (..., 4)."""
    box = np.asarray(bbox, dtype=np.float64)
    return np.stack([box[..., 0] + box[..., 2] / 2 - 0.5, box[..., 1] + box[..., 3] / 2 - 0.5], axis=-1)


def pixels_to_rays(camera: dict[str, Any], width: float, height: float, pixels: ArrayLike) -> F64:
    """Unit rays in the camera frame, shape (N, 3), through pixels of shape (N, 2).

    ``camera`` is an item's ``camera``: ``{"model": "equirectangular"}`` (the image spans 360 x 180 degrees
    over ``width`` x ``height``, or the part that its ``crop`` tells, see :func:`sphere`) or
    ``{"model": "pinhole", "fx", "fy", "cx", "cy"}`` in pixels with OpenCV's optional distortion
    ``k1, k2, p1, p2, k3``. Raises ValueError for any other model, and for a crop that is none.
    """
    uv = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    if camera["model"] == "equirectangular":
        whole = sphere(camera, width, height)
        azimuth = ((uv[:, 0] + 0.5 + whole.left) / whole.width - 0.5) * 2 * np.pi
        elevation = (0.5 - (uv[:, 1] + 0.5 + whole.top) / whole.height) * np.pi
        level = np.cos(elevation)
        return np.stack([level * np.sin(azimuth), -np.sin(elevation), level * np.cos(azimuth)], axis=1)
    if camera["model"] == "pinhole":
        x = (uv[:, 0] - camera["cx"]) / camera["fx"]
        y = (uv[:, 1] - camera["cy"]) / camera["fy"]
        x, y = _undistort(camera, x, y)
        rays = np.stack([x, y, np.ones_like(x)], axis=1)
        unit: F64 = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit
    raise ValueError(_unknown(camera["model"]))


def rays_to_pixels(camera: dict[str, Any], width: float, height: float, rays: ArrayLike) -> F64:
    """Pixels, shape (N, 2), of rays in the camera frame, shape (N, 3) of any length.

    Rays that pass beside an image have pixels outside it; those of a part of a panorama lie where the way round is
    shortest. Rays that a pinhole camera cannot see (behind it) give NaN. Raises ValueError as :func:`pixels_to_rays`.
    """
    ray = np.asarray(rays, dtype=np.float64).reshape(-1, 3)
    if camera["model"] == "equirectangular":
        azimuth = np.arctan2(ray[:, 0], ray[:, 2])
        elevation = np.arctan2(-ray[:, 1], np.hypot(ray[:, 0], ray[:, 2]))
        whole = sphere(camera, width, height)
        u = (azimuth / (2 * np.pi) + 0.5) * whole.width - 0.5 - whole.left
        v = (0.5 - elevation / np.pi) * whole.height - 0.5 - whole.top
        if whole.is_part:
            u = whole.nearest(u)
        return np.stack([u, v], axis=1)
    if camera["model"] == "pinhole":
        depth = np.where(ray[:, 2] > 0, ray[:, 2], np.nan)
        x, y = _distort(camera, ray[:, 0] / depth, ray[:, 1] / depth)
        return np.stack([x * camera["fx"] + camera["cx"], y * camera["fy"] + camera["cy"]], axis=1)
    raise ValueError(_unknown(camera["model"]))


def _unknown(model: object) -> str:
    return f"unknown camera model {model!r}; known are {' and '.join(_MODELS)}"


def _distort(camera: dict[str, Any], x: F64, y: F64) -> tuple[F64, F64]:
    """OpenCV's radial and tangential distortion of normalised coordinates (z = 1)."""
    k1, k2, p1, p2, k3 = (float(camera.get(name) or 0.0) for name in ("k1", "k2", "p1", "p2", "k3"))
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def _undistort(camera: dict[str, Any], x: F64, y: F64) -> tuple[F64, F64]:
    """The inverse of :func:`_distort` by fixed-point iteration, as in OpenCV's undistortPoints."""
    if not any(camera.get(name) for name in ("k1", "k2", "p1", "p2", "k3")):
        return x, y
    ideal_x, ideal_y = x, y
    for _ in range(20):
        distorted_x, distorted_y = _distort(camera, ideal_x, ideal_y)
        ideal_x, ideal_y = ideal_x + (x - distorted_x), ideal_y + (y - distorted_y)
    return ideal_x, ideal_y
