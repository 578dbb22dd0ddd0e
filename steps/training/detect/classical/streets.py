"""Pictures of streets: photographs that hold no signs, and drawn ones whose signs are known."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from steps.detect.boxes import Box
from steps.detect.classical import pyramid
from steps.stepkit import Json, camera, photograph
from steps.stepkit.arrays import Image

_FAR = 80.0
_PANORAMA = {"model": "equirectangular"}


def without(image: Image, hidden: Sequence[Box]) -> Image:
    """The image, BGR, shape (height, width, 3), with boxes (COCO edges in pixels) painted over in their mean colour."""
    painted = image.copy()
    for x, y, width, height in hidden:
        rows = slice(max(0, int(y) - 4), max(0, int(y + height) + 5))
        columns = slice(max(0, int(x) - 4), max(0, int(x + width) + 5))
        if painted[rows, columns].size:
            painted[rows, columns] = painted[rows, columns].mean(axis=(0, 1)).astype(np.uint8)
    return painted


def photographs(realdata: Path) -> Iterator[Image]:
    """Photographs of streets that hold (next to) no signs: municipal panoramas' horizons, whole and halved.

    BGR, shape (height, width, 3). Raises BadInput for a file that is no photograph.
    """
    for path in sorted((realdata / "amsterdam").glob("*.jpg")):
        panorama = photograph.read(path)
        horizon = panorama[panorama.shape[0] * 3 // 10 : panorama.shape[0] * 5 // 8]
        yield horizon
        yield pyramid.halved(horizon)
    for path in sorted((realdata / "exif_photos").glob("*.jpg")):
        yield photograph.read(path)


def batch(folder: Path) -> Iterator[tuple[Image, list[Box]]]:
    """Pictures of a drawn batch (``python -m images.render``) and generous boxes around its true signs.

    BGR, shape (height, width, 3); boxes are COCO edges in pixels. Raises OSError for a folder that is no batch.
    """
    features = json.loads((folder / "truth.geojson").read_text())["features"]
    objects = [feature["properties"] for feature in features]
    with (folder / "recordings.csv").open() as table:
        for row in csv.DictReader(table):
            image = photograph.read(folder / row["image"])
            height, width = image.shape[:2]
            if row["camera"] == "equirectangular":
                horizon = slice(height * 3 // 10, height * 5 // 8)
                around = [_seen_around(row, one, _PANORAMA, width, height) for one in objects]
                yield image[horizon], [(x, y - horizon.start, w, h) for x, y, w, h in around if w > 0]
            else:
                lens = {"model": "pinhole", **{name: float(row[name]) for name in ("fx", "fy", "cx", "cy")}}
                around = [_seen_around(row, one, lens, width, height) for one in objects]
                yield image, [box for box in around if box[2] > 0]


def _seen_around(row: dict[str, str], sign: Json, lens: Json, width: int, height: int) -> Box:
    """A box twice as large as the sign would be seen; empty if it lies behind the camera or far away."""
    away = np.array([float(sign[axis]) - float(row[axis]) for axis in "xyz"])
    distance = float(np.linalg.norm(away))
    turn = camera.rotation(*(float(row[angle]) for angle in ("heading", "pitch", "roll")))
    (u, v), *_ = camera.rays_to_pixels(lens, width, height, away @ turn)
    if not np.isfinite(u + v) or distance > _FAR:
        return 0.0, 0.0, 0.0, 0.0
    focal = width / (2 * math.pi) if lens == _PANORAMA else float(lens["fx"])
    side = 2 * float(sign["size"]) * focal / distance
    return float(u) - side / 2, float(v) - side / 2, side, side
