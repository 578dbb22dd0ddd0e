"""Towns of ``images.render`` without pictures: the boxes are the signs' projections, with a detector's noise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from images.batchfiles import Recording, TrueObject, write_settings, write_truth
from images.render.municipality import CRS, ORIGIN, Options, plan, truth
from images.render.town.sight import Survey
from images.render.town.things import Municipality
from images.render.town.things import Sign as Shown
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation
from tests.unit.synthetic_scene import Sign, _box

Json = dict[str, Any]
_REACH_M, _PIXELS = 30.0, 1.0


@dataclass(frozen=True, kw_only=True)
class Town:
    """``items`` are its recordings with exact poses and the boxes that they see, ``truth`` its signs."""

    items: list[Json]
    truth: list[TrueObject]


def draw(
    seed: int,
    *,
    recordings: int = 120,
    signs: int = 24,
    shows: Callable[[int], bool] | None = None,
    day: int = 0,
    missed: float = 0.1,
) -> Town:
    """A town. ``shows`` says of a sign, by its number, whether it has been put up; the rest stays as it is.

    On another ``day`` the same recordings see the same signs, but boxes have other errors and others are ``missed``.
    """
    drive, town = plan(Options(recordings=recordings, signs=signs, seed=seed))
    every = [sign for pole in town.poles for sign in pole.signs]
    kept = [place for place in range(len(every)) if shows is None or shows(place)]
    found = _seen(drive, town, [(place, every[place]) for place in kept], (seed, day), missed)
    known = truth(town)
    return Town(
        items=[_item(one, boxes) for one, boxes in zip(drive, found, strict=True)],
        truth=[known[place] for place in kept],
    )


def write(town: Town, folder: Path) -> Path:
    """The town as a batch for ``run --from position``: a table, COCO detections and the truth."""
    folder.mkdir(parents=True)
    rows = ({name: value for name, value in item.items() if name != "detections"} for item in town.items)
    flat = ({**row, **row.pop("pose"), "camera": row["camera"]} for row in rows)
    (folder / "recordings.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in flat), encoding="utf-8"
    )
    images = [{"id": number, "file_name": item["image"]} for number, item in enumerate(town.items)]
    annotations = [
        {**{name: box[name] for name in ("bbox", "score")}, "id": f"{number}/{place}", "image_id": number}
        for number, item in enumerate(town.items)
        for place, box in enumerate(item["detections"])
    ]
    (folder / "detections.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    write_settings(folder, folder.name, CRS, region_size=100, halo=60)
    write_truth(folder, town.truth, CRS)
    return folder


def _seen(
    drive: list[Recording],
    town: Municipality,
    signs: list[tuple[int, Shown]],
    draws: tuple[int, int],
    missed: float,
) -> list[list[Json]]:
    """The boxes of every recording. What is drawn of a sign is its own: it does not depend on the others."""
    solid = [house.box for house in town.houses] + [poster.box for poster in town.posters]
    eyes = np.array([[one.pose.x, one.pose.y, one.pose.z] for one in drive])
    found: list[list[Json]] = [[] for _ in drive]
    for number, sign in signs:
        random = np.random.default_rng([*draws, 5, number])
        near = np.flatnonzero(np.linalg.norm(eyes - sign.centre, axis=1) <= _REACH_M).tolist()
        others = [other.body() for _, other in signs if other is not sign]
        for at in Survey(drive).unobstructed(near, sign.centre, sign.normal, sign.size, solid + others):
            box = _boxed(sign, drive[at])
            if box is not None and random.random() >= missed and min(box[2:] - box[:2]) > 10:
                left, top, right, bottom = (box + random.normal(size=4) * _PIXELS).tolist()
                bbox = [left % drive[at].width, top, right - left, bottom - top]
                found[at].append({"bbox": bbox, "score": 0.9, "face": True, "kind": str(sign.category)})
    return found


def _boxed(sign: Shown, one: Recording) -> F64 | None:
    x, y, z = sign.centre.tolist()
    square = Sign(centre=(x, y, z), side=sign.size, facing=_facing(sign), label="")
    turn = rotation(one.pose.heading, one.pose.pitch, one.pose.roll)
    view = {"camera": one.camera, "width": one.width, "height": one.height}
    return _box(square, np.array([one.pose.x, one.pose.y, one.pose.z]), turn, view)


def _facing(sign: Shown) -> float:
    return math.degrees(math.atan2(sign.normal[0], sign.normal[1])) % 360


def _item(one: Recording, boxes: list[Json]) -> Json:
    pose = {"x": one.pose.x + ORIGIN[0], "y": one.pose.y + ORIGIN[1], "z": one.pose.z + ORIGIN[2]}
    angles = {"heading": one.pose.heading, "pitch": one.pose.pitch, "roll": one.pose.roll}
    return {
        "id": one.id,
        "image": one.image,
        "width": one.width,
        "height": one.height,
        "camera": one.camera,
        "time": one.time,
        "pose": {**pose, **angles},
        "detections": boxes,
    }
