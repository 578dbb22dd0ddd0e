"""The best views of each object, cut out of their photographs: small enough for a page, or as files beside it.

A photograph is decoded once, whatever it shows, and only as finely as its boxes need. What is cut is bounded in
megapixels of photographs, so that a report takes no longer than a minute: beyond that, and for what cannot be read,
the page cuts the view out of the photograph itself when it is looked at.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.record.files import Files
from coordinator.report.model import Thing, View

PER_OBJECT = 3
"""Views of an object that are cut."""
EMBEDDED = 8 * 1024 * 1024
"""Bytes of crops that are kept in the page; with more, all are files beside it."""
FOLDER = "report"
"""Of the crops, in the run folder."""
_SIDE = 160
"""Pixels of a crop's longer side."""
_AROUND = 2.0
"""A crop's side, in longer sides of the box in its middle."""
_BUDGET = 2_000_000_000
"""Pixels of photographs that are decoded."""
_UNKNOWN = 2_000_000
"""Pixels that a photograph of unknown size counts for."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 82]

Image = NDArray[np.uint8]
Key = tuple[int, int]
"""An object's number, and a view's among its own."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A JPEG, and the box in it: x, y, width, height as parts of its width and height."""

    jpeg: bytes
    box: tuple[float, float, float, float]


def cut(things: Sequence[Thing], files: Files, threads: int = 2) -> dict[Key, Crop]:
    """The crops of the best views of ``things``: the first view of every object before the second of any."""
    wanted = _within_budget(things)
    found: dict[Key, Crop] = {}
    with ThreadPoolExecutor(threads) as pool:
        for crops in pool.map(partial(_cut_photograph, files), wanted.items()):
            found.update(crops)
    return found


def absent(things: Sequence[Thing], files: Files) -> tuple[int, int]:
    """How many of the photographs to cut views out of are not there, and how many they are; none at an address."""
    here = [image for image in _within_budget(things) if image.startswith((f"{MOUNT}/", f"{WORK_MOUNT}/"))]
    return sum(not files.local(image).is_file() for image in here), len(here)


def _within_budget(things: Sequence[Thing]) -> Mapping[str, list[tuple[Key, View]]]:
    """The views to cut, by photograph."""
    wanted: dict[str, list[tuple[Key, View]]] = defaultdict(list)
    left = _BUDGET
    for rank in range(PER_OBJECT):
        for number, thing in enumerate(things):
            if rank >= len(thing.views):
                continue
            view = thing.views[rank]
            if view.image not in wanted:
                left -= view.size[0] * view.size[1] if view.size else _UNKNOWN
                if left < 0:
                    return wanted
            wanted[view.image].append(((number, rank), view))
    return wanted


def _cut_photograph(files: Files, wanted: tuple[str, list[tuple[Key, View]]]) -> dict[Key, Crop]:
    """What is wanted of one photograph; nothing of one that cannot be read."""
    image, views = wanted
    least = min(max(view.box[2:]) for _, view in views)
    photograph = _read(files, image, _reduction(least))
    if photograph is None:
        return {}
    cuts = ((key, _crop(photograph, view)) for key, view in views)
    return {key: crop for key, crop in cuts if crop is not None}


def _reduction(side: float) -> int:
    """By how much a photograph may be reduced so that a box of this side still fills its crop."""
    return next((factor for factor in (8, 4, 2) if side * _AROUND >= factor * _SIDE), 1)


def _read(files: Files, image: str, reduction: int) -> Image | None:
    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    flag = flags.get(reduction, cv2.IMREAD_REDUCED_COLOR_8) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        encoded = np.frombuffer(files.local(image).read_bytes(), np.uint8)
        decoded = cv2.imdecode(encoded, flag) if encoded.size else None
    except (OSError, ValueError, cv2.error):
        return None
    return None if decoded is None else decoded.astype(np.uint8, copy=False)


def _crop(photograph: Image, view: View) -> Crop | None:
    """The view in the middle of a square, as far as the photograph goes.

    Boxes count in the pixels that the recording says its photograph has.
    """
    rows, columns = photograph.shape[:2]
    width, height = view.size or (columns, rows)
    scale_x, scale_y = columns / width, rows / height
    x, y = view.box[0] * scale_x, view.box[1] * scale_y
    across, down = max(1.0, view.box[2] * scale_x), max(1.0, view.box[3] * scale_y)
    side = max(1, round(min(_AROUND * max(across, down), rows, columns)))
    beyond = max(0.0, x + across - columns)  # a box over a panorama's seam is not moved away from it
    left = round(min(max(0.0, x + across / 2 - side / 2), columns - side + beyond))
    top = round(min(max(0.0, y + down / 2 - side / 2), rows - side))
    part = _over_the_seam(photograph, left, left + side)[top : top + side]
    if not part.size:
        return None
    box = ((x - left) / side, (y - top) / side, across / side, down / side)
    shrunk = side >= _SIDE
    sized = cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrunk else cv2.INTER_CUBIC)
    encoded = cv2.imencode(".jpg", sized, _QUALITY)[1].tobytes()
    return Crop(jpeg=encoded, box=(round(box[0], 4), round(box[1], 4), round(box[2], 4), round(box[3], 4)))


def _over_the_seam(photograph: Image, left: int, right: int) -> Image:
    """Its columns from ``left`` to ``right``; a box of a panorama may go on at its other side."""
    columns = photograph.shape[1]
    if right <= columns:
        return photograph[:, left:right]
    return np.concatenate([photograph[:, left:], photograph[:, : right - columns]], axis=1)


def embedded(crops: Mapping[Key, Crop]) -> bool:
    """Whether they are few enough to be kept in the page."""
    return sum(len(crop.jpeg) for crop in crops.values()) <= EMBEDDED


def data_url(crop: Crop) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(crop.jpeg).decode("ascii")


def write_beside(crops: Mapping[Key, Crop], folder: Path) -> Iterator[tuple[Key, str]]:
    """Writes them as files below ``folder`` and gives the name of each, as seen from the page. Raises OSError."""
    for (number, rank), crop in crops.items():
        name = f"{number // 1000}/{number}-{rank}.jpg"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(crop.jpeg)
        yield (number, rank), f"{folder.name}/{name}"
