"""SIFT features of a photograph, as directions in its camera's frame; kept in a folder, so that nothing is done twice.

Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004; the descriptors' square roots of
Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from steps.align.params import Params
from steps.stepkit import Json, photograph
from steps.stepkit.arrays import F32, F64, U8
from steps.stepkit.camera import pixels_to_rays, sphere

_CONTRAST = 0.02
"""Weakest contrast of a feature; OpenCV's own is twice as much, which leaves little on a grey street."""
_STEEPEST_DEG = 50.0
"""Panoramas are searched this far above and below the horizon: beyond, they are sky, car and stretched pixels."""
_PRECISION = 0.7
"""Standard deviation of a feature's place, in pixels of the scale at which it was sought."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What stands out in one photograph."""

    rays: F32
    """Unit directions in the camera's frame (x right, y down, z forward), shape (n, 3)."""
    descriptors: F32
    """Unit vectors, shape (n, 128)."""
    sd: float
    """Standard deviation of a direction, in radians."""


def features(item: Json, params: Params, folder: Path) -> Features:
    """The features of an item's photograph. Raises BadInput for a photograph or a camera that is none."""
    kept = folder / f"{_key(item, params)}.npz"
    if kept.exists():
        with np.load(kept) as data:
            return Features(rays=data["rays"], descriptors=_unpacked(data["packed"]), sd=float(data["sd"]))
    found, packed = _extract(item, params)
    aside = kept.with_suffix(".part")
    with aside.open("wb") as file:
        np.savez(file, rays=found.rays, packed=packed, sd=np.float64(found.sd))
    aside.replace(kept)
    return found


def _extract(item: Json, params: Params) -> tuple[Features, U8]:
    image = photograph.read(item["image"], (item["width"], item["height"]))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, params.max_side / max(grey.shape))
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # The scales differ a little along the two sides, as sizes are whole.
    per_pixel = np.array([item["width"] / grey.shape[1], item["height"] / grey.shape[0]])
    sift = cv2.SIFT_create(params.features, contrastThreshold=_CONTRAST, enable_precise_upscale=True)  # type: ignore[attr-defined]
    points, descriptors = sift.detectAndCompute(np.asarray(grey, np.uint8), _mask(item, np.asarray(grey)))
    if not points:
        descriptors = np.zeros((0, 128), np.float32)
    pixels = (np.array([point.pt for point in points]).reshape(-1, 2) + 0.5) * per_pixel - 0.5
    rays = pixels_to_rays(item["camera"], item["width"], item["height"], pixels)
    packed = _packed(np.asarray(descriptors, np.float32))
    sd = _PRECISION * float(per_pixel.max()) * radians_per_pixel(item)
    return Features(rays=rays.astype(np.float32), descriptors=_unpacked(packed), sd=sd), packed


def radians_per_pixel(item: Json) -> float:
    """The angle that a pixel in the middle of an item's photograph spans."""
    camera = item["camera"]
    if camera["model"] == "pinhole":
        return 2.0 / (float(camera["fx"]) + float(camera["fy"]))
    return 2.0 * np.pi / sphere(camera, item["width"], item["height"]).width


def _mask(item: Json, grey: U8) -> U8 | None:
    """Where features are sought: everywhere, but for a panorama's poles."""
    if item["camera"]["model"] == "pinhole":
        return None
    rows = np.linspace(0, item["height"] - 1, grey.shape[0])
    pixels = np.stack([np.full_like(rows, item["width"] / 2), rows], axis=1)
    down: F64 = pixels_to_rays(item["camera"], item["width"], item["height"], pixels)[:, 1]
    rows_sought = np.abs(down) <= np.sin(np.radians(_STEEPEST_DEG))
    return np.repeat(rows_sought[:, None], grey.shape[1], axis=1).astype(np.uint8) * 255


def _packed(descriptors: F32) -> U8:
    """Square roots of the shares, in 256 steps: a quarter of the memory."""
    total = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    packed: U8 = np.round(np.sqrt(descriptors / total) * 255).astype(np.uint8)
    return packed


def _unpacked(packed: U8) -> F32:
    values = packed.astype(np.float32)
    norm = np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    return np.asarray(values / norm, np.float32)


def _key(item: Json, params: Params) -> str:
    """Of the photograph's file as it is now, its camera, and what features depend on."""
    stamp = Path(item["image"]).stat()
    told = [item["image"], stamp.st_size, stamp.st_mtime_ns, item["width"], item["height"], item["camera"]]
    told += [params.features, params.max_side, _CONTRAST, _STEEPEST_DEG]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
