"""Streets of rendered towns (``python -m images.render``), whose signs are known.

The truth says where signs are, not whether something hides them nor how they are turned. So a sign's box is what the
classical detector sees where it must be; where that sees nothing, nothing is learned.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from images.render.signs import faces
from steps.detect import boxes
from steps.detect.boxes import Box
from steps.detect.classical import finder
from steps.detect.settings import Settings
from steps.detect.tiles import Tile, tiles
from steps.stepkit import Json, photograph
from steps.stepkit.arrays import F64, Image
from steps.stepkit.camera import rays_to_pixels, rotation, sphere
from steps.training.detect.data import Street, class_of

_FAR = 70.0
_SEEN = Settings(threshold=0.1, method="classical")
_MATCH, _LEAST, _TOO_SMALL = 0.45, 11, 7
"""IoU from which the detector's box is the sign's, and sizes in pixels to be a sign, and to be worth ignoring."""
_ELEVATION = (-30.0, 40.0)
_KEPT_EMPTY = 0.3
"""Of a panorama's tiles without signs so many are kept."""
_EQUIRECTANGULAR = {"model": "equirectangular"}
Expected = tuple[int, Box]
"""A sign's kind, by GTSRB's number, and about where it must be."""


def streets(folder: Path, seed: int = 1) -> list[Street]:
    """All pictures of a batch; panoramas as the tiles that detect looks at. Raises OSError if it is no such batch."""
    rng = np.random.default_rng(seed)
    features = json.loads((folder / "truth.geojson").read_text(encoding="utf-8"))["features"]
    signs = [feature["properties"] for feature in features]
    with (folder / "recordings.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    return [
        _street(image, expected)
        for row in rows
        for image, expected in _views(photograph.read(folder / row["image"]), row, signs)
        if expected or row["camera"] == "pinhole" or rng.random() < _KEPT_EMPTY
    ]


def _views(
    image: Image, row: dict[str, str], signs: Sequence[Json]
) -> Iterator[tuple[Image, list[Expected]]]:
    eye = np.array([float(row[axis]) for axis in "xyz"])
    turn = rotation(*(float(row[angle]) for angle in ("heading", "pitch", "roll")))
    away = [(sign, (np.array([float(sign[axis]) for axis in "xyz"]) - eye) @ turn) for sign in signs]
    near = [(sign, ray) for sign, ray in away if np.linalg.norm(ray) <= _FAR]
    if row["camera"] == "pinhole":
        lens = {"model": "pinhole", **{name: float(row[name] or 0) for name in ("fx", "fy", "cx", "cy")}}
        yield image, _expected(near, lens, image.shape[1::-1])
        return
    for tile in tiles(image, sphere(_EQUIRECTANGULAR, *image.shape[1::-1]), _ELEVATION):
        ahead = _turned(tile, [ray for _, ray in near])
        seen = zip([sign for sign, _ in near], ahead, strict=True)
        yield tile.image, _expected(list(seen), tile.pinhole, tile.image.shape[1::-1])


def _turned(tile: Tile, rays: Sequence[F64]) -> list[F64]:
    """Rays in the panorama's frame, in that of the tile's camera."""
    angle = 2 * np.pi * tile.shift / tile.whole.width
    across, ahead = np.cos(angle), np.sin(angle)
    turn = np.array([[across, 0, -ahead], [0, 1, 0], [ahead, 0, across]])
    return [turn @ ray for ray in rays]


def _expected(signs: Sequence[tuple[Json, F64]], lens: Json, size: tuple[int, ...]) -> list[Expected]:
    """Where the signs at these rays are in a view, as far as their middles are in it, if they face it."""
    found = []
    for sign, ray in signs:
        u, v = rays_to_pixels(lens, size[0], size[1], ray[None])[0].tolist()
        if ray[2] > 0 and 0 <= u + 0.5 < size[0] and 0 <= v + 0.5 < size[1]:
            side = float(sign["size"]) / float(ray[2]) * lens["fx"]
            box = (u + 0.5 - side / 2, v + 0.5 - side / 2, side, side)
            found.append((faces.CATEGORIES.index(sign["category"]), box))
    return found


def _street(image: Image, expected: Sequence[Expected]) -> Street:
    """The view, with what is seen where signs are expected, each once."""
    seen = finder.find(image, _SEEN)
    found: list[Expected] = []
    ignored: list[Box] = []
    for category, box in expected:
        size = max(box[2:])
        best = max(seen, key=lambda one: float(boxes.iou(one.bbox, box)), default=None)
        if best is not None and float(boxes.iou(best.bbox, box)) > _MATCH and size >= _LEAST:
            if all(boxes.iou(best.bbox, other) <= 0.6 for _, other in found):
                found.append((category, best.bbox))
        elif size >= _TOO_SMALL:
            x, y, w, h = box
            ignored.append((x - 0.2 * w, y - 0.2 * h, 1.4 * w, 1.4 * h))
    return Street(
        image=image,
        boxes=np.array([box for _, box in found], np.float64).reshape(-1, 4),
        classes=np.array([class_of(category) for category, _ in found], np.intp),
        ignored=np.array(ignored, np.float64).reshape(-1, 4),
    )
