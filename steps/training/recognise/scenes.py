"""Photographs of streets whose signs are known: a batch with poses and ``truth.geojson``, whose true objects are
projected into every recording.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steps.detect.boxes import Box, iou
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rays_to_pixels, rotation

_APART = 0.2
"""A box of no larger IoU with a known sign shows something else."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A sign in a photograph: the object's name, its category's name, box and distance in m."""

    name: str
    category: str
    bbox: Box
    distance: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One photograph and everything known to be in it. ``camera`` as in an item, None for a flat photograph."""

    path: Path
    camera: dict[str, Any] | None
    signs: tuple[Seen, ...]


def read_batch(folder: Path, max_range_m: float = 120.0) -> list[Scene]:
    """A batch's recordings with the boxes its true objects would have, faced squarely, nothing in between."""
    truth = json.loads((folder / "truth.geojson").read_text(encoding="utf-8"))
    objects = [feature["properties"] for feature in truth["features"]]
    with (folder / "recordings.csv").open(newline="", encoding="utf-8") as table:
        return [_scene(folder, row, objects, max_range_m) for row in csv.DictReader(table)]


def apart(bbox: Sequence[float], scene: Scene) -> bool:
    """Whether a box touches next to nothing of the scene's known signs, each taken half as large again."""
    x, y, w, h = bbox
    for seen in scene.signs:
        sx, sy, sw, sh = seen.bbox
        grown = (sx - sw / 4, sy - sh / 4, sw * 1.5, sh * 1.5)
        contained = (
            x >= grown[0] and y >= grown[1] and x + w <= grown[0] + grown[2] and y + h <= grown[1] + grown[3]
        )
        if contained or iou(bbox, grown) > _APART:
            return False
    return True


def _scene(folder: Path, row: dict[str, str], objects: list[dict[str, Any]], max_range_m: float) -> Scene:
    numbers = {
        key: float(row[key]) for key in ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3") if row.get(key)
    }
    camera: dict[str, Any] = {"model": row["camera"], **numbers}
    eye = np.array([float(row[axis]) for axis in "xyz"])
    turn = rotation(*(float(row[angle] or 0) for angle in ("heading", "pitch", "roll")))
    width, height = int(row["width"]), int(row["height"])
    seen = []
    for thing in objects:
        away = np.array([thing[axis] for axis in "xyz"]) - eye
        distance = float(np.linalg.norm(away))
        if distance <= max_range_m and (
            box := _box(camera, width, height, away @ turn, float(thing["size"]))
        ):
            seen.append(Seen(name=thing["id"], category=thing["category"], bbox=box, distance=distance))
    return Scene(path=folder / row["image"], camera=camera, signs=tuple(seen))


def _box(camera: dict[str, Any], width: int, height: int, ray: F64, size: float) -> Box | None:
    """The box of a sphere of diameter ``size`` at ``ray`` (camera frame, metres); None out of the picture."""
    u, v = rays_to_pixels(camera, width, height, ray[None])[0].tolist()
    if not (-0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5):
        return None
    if camera["model"] == "equirectangular":
        across = size / max(float(np.hypot(ray[0], ray[2])), 0.1) * width / (2 * np.pi)
        along = size / float(np.linalg.norm(ray)) * height / np.pi
    else:
        across, along = size / float(ray[2]) * camera["fx"], size / float(ray[2]) * camera["fy"]
    return u + 0.5 - across / 2, v + 0.5 - along / 2, across, along
