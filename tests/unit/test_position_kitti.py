"""Real rays: KITTI's hand-drawn sign boxes against positions measured by LiDAR (opt-in, needs the data)."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from images import kitti
from steps.position.locate import locate
from steps.position.params import Params
from tests.unit.synthetic_scene import Json, grid_regions

_REALDATA = os.environ.get("COORDINATOR_REALDATA")


def _batch(sequence: str, folder: Path) -> tuple[list[Json], list[list[float]]]:
    """A sequence's recordings with their detections, and the true positions."""
    kitti.convert(Path(str(_REALDATA)) / "kitti_signs", folder, sequence)
    coco = json.loads((folder / "detections.json").read_text())
    file_of = {image["id"]: image["file_name"] for image in coco["images"]}
    boxes: dict[str, list[Json]] = {}
    for annotation in coco["annotations"]:
        boxes.setdefault(file_of[annotation["image_id"]], []).append(
            {"bbox": annotation["bbox"], "score": 1.0}
        )
    with (folder / "recordings.csv").open() as table:
        items = [_recording(row, boxes[row["image"]]) for row in csv.DictReader(table)]
    truth = json.loads((folder / "truth.geojson").read_text())["features"]
    return items, [[sign["properties"][axis] for axis in "xyz"] for sign in truth]


def _recording(row: dict[str, str], boxes: list[Json]) -> Json:
    lens = {name: float(row[name]) for name in ("fx", "fy", "cx", "cy")}
    pose = {name: float(row[name]) for name in ("x", "y", "z", "heading", "pitch", "roll")}
    size = {"width": int(row["width"]), "height": int(row["height"])}
    camera = {"model": "pinhole", **lens}
    return {
        "id": row["id"],
        "image": row["image"],
        **size,
        "camera": camera,
        "pose": pose,
        "detections": boxes,
    }


pytestmark = pytest.mark.skipif(_REALDATA is None, reason="COORDINATOR_REALDATA is not set")


def test_as_many_signs_are_found_as_the_boxes_allow(tmp_path: Path) -> None:
    found, errors = {}, []
    for sequence in ("00", "02", "06"):
        items, truth = _batch(sequence, tmp_path / sequence)
        objects = np.array(
            [[thing["position"][axis] for axis in "xyz"] for thing in locate(items, None, Params())]
        )
        nearest = np.linalg.norm(np.array(truth)[:, None] - objects[None], axis=2).min(axis=1)
        found[sequence] = int((nearest <= 2.0).sum())
        errors += nearest[nearest <= 2.0].tolist()
    assert found["00"] >= 14
    assert found["02"] >= 8
    assert found["06"] >= 2
    assert np.median(errors) <= 0.4


def test_regions_give_the_objects_of_one_region(tmp_path: Path) -> None:
    items, _ = _batch("00", tmp_path)
    whole = locate(items, None, Params())
    parts = [
        thing
        for region, members in grid_regions(items, 50.0, 60.0)
        for thing in locate(members, region, Params())
    ]
    assert sorted(parts, key=lambda thing: str(thing["id"])) == whole
