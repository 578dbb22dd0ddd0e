"""The results that a run writes, from its journal."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.batch.crs import Projection
from coordinator.commands.placed import read_placed
from coordinator.pipeline import Per
from coordinator.record.journal import Journal
from coordinator.record.results import write_results
from tests.unit.builders import item, step

RD = Projection("EPSG:28992")
STEPS = (step("detect"), step("position", Per.REGION), step("recognise"))
SIGN: dict[str, Any] = {
    "position": {"x": 155_000.0, "y": 463_000.0, "z": 2.5},
    "category": "stop",
    "score": 0.9,
    "views": 2,
    "observations": [
        {"recording": "r1", "detection": 0, "bbox": [1, 2, 3, 4], "image": "/batch/r1", "camera": {}}
    ],
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        opened.begin_session()
        yield opened


def written(journal: Journal, out: Path, projection: Projection | None = RD) -> dict[str, Any]:
    files = write_results(journal, STEPS, projection, out)
    return {
        path.name: json.loads(path.read_text()) if path.suffix != ".csv" else path.read_text()
        for path in files
        if path.suffix not in (".gpkg", ".osm")  # which have tests of their own
    }


def test_objects_go_out_in_wgs84_with_their_projected_coordinates(journal: Journal, tmp_path: Path) -> None:
    journal.succeeded("recognise/o1", "recognise", "o1", "k", [item("o1", **SIGN)])
    (found,) = written(journal, tmp_path)["objects.geojson"]["features"]
    assert found["geometry"]["coordinates"] == pytest.approx(RD.to_wgs84(155_000, 463_000), abs=1e-9)
    properties = found["properties"]
    assert [properties[name] for name in ("id", "x", "y", "z", "crs", "category")] == [
        "o1", 155_000.0, 463_000.0, 2.5, "EPSG:28992", "stop",
    ]  # fmt: skip
    assert properties["observations"] == [{"recording": "r1", "detection": 0, "bbox": [1, 2, 3, 4]}]


def test_the_score_command_can_read_them(journal: Journal, tmp_path: Path) -> None:
    journal.succeeded("recognise/o1", "recognise", "o1", "k", [item("o1", **SIGN)])
    written(journal, tmp_path)
    (one,), projection = read_placed(tmp_path / "objects.geojson")
    assert (one.position, one.category, projection) == ((155_000.0, 463_000.0, 2.5), "stop", RD)


def test_the_table_has_one_row_per_object(journal: Journal, tmp_path: Path) -> None:
    journal.succeeded("recognise/o1", "recognise", "o1", "k", [item("o1", **{**SIGN, "category": 'a, "b"'})])
    (row,) = csv.DictReader(written(journal, tmp_path)["objects.csv"].splitlines())
    assert (row["id"], row["x"], row["category"], row["residual"]) == ("o1", "155000.0", 'a, "b"', "")


def test_a_run_without_objects_has_empty_results(journal: Journal, tmp_path: Path) -> None:
    assert written(journal, tmp_path) == {
        "objects.geojson": {"type": "FeatureCollection", "features": []},
        "objects.csv": written(journal, tmp_path)["objects.csv"],
        "recordings.geojson": {"type": "FeatureCollection", "features": []},
    }


def test_a_batch_without_crs_has_no_map(journal: Journal, tmp_path: Path) -> None:
    journal.succeeded("recognise/o1", "recognise", "o1", "k", [item("o1", **SIGN)])
    assert written(journal, tmp_path, projection=None) == {}


def test_detections_go_out_as_coco(journal: Journal, tmp_path: Path) -> None:
    boxes = [{"bbox": [1, 2, 3, 4], "score": 0.5, "label": "red"}, {"bbox": [5, 6, 7, 8], "score": 0.4}]
    for name, found in (("r1", boxes), ("r2", [])):
        entry = item(name, image=f"/batch/s/{name}.jpg", width=8, height=4, detections=found)
        journal.succeeded(f"detect/{name}", "detect", name, "k", [entry])
    coco = written(journal, tmp_path)["detections.json"]
    assert coco["images"] == [
        {"id": 1, "file_name": "s/r1.jpg", "width": 8, "height": 4},
        {"id": 2, "file_name": "s/r2.jpg", "width": 8, "height": 4},
    ]
    assert coco["categories"] == [{"id": 1, "name": "object"}, {"id": 2, "name": "red"}]
    assert coco["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 2,
            "bbox": [1, 2, 3, 4],
            "area": 12,
            "iscrowd": 0,
            "score": 0.5,
        },
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "bbox": [5, 6, 7, 8],
            "area": 56,
            "iscrowd": 0,
            "score": 0.4,
        },
    ]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("recognise", {"position": {"x": "east", "y": 1}}),
        ("recognise", {"position": {"x": None, "y": 1}}),
        ("recognise", {**SIGN, "observations": None}),
        ("detect", {"detections": None, "image": "/batch/r1"}),
        ("detect", {"detections": [{"bbox": [1, 2]}], "image": "/batch/r1"}),
        ("detect", {"detections": []}),
        ("recognise", {"position": {"x": 1e308, "y": 1}}),
        ("recognise", {"position": {"x": 10**900, "y": 1}}),
        ("detect", {"detections": [{"bbox": [0, 0, 1e200, 1e200]}], "image": "/batch/r1"}),
    ],
    ids=[
        "x in words",
        "no x",
        "no observations",
        "null detections",
        "half a box",
        "no image",
        "off the globe",
        "900 digits",
        "an endless box",
    ],
)
def test_an_odd_item_of_a_step_does_not_cost_the_results(
    journal: Journal, tmp_path: Path, name: str, fields: dict[str, Any]
) -> None:
    journal.succeeded("recognise/good", "recognise", "good", "k", [item("good", **SIGN)])
    journal.succeeded(f"{name}/odd", name, "odd", "k", [item("odd", **fields)])
    ids = [one["id"] for one in written(journal, tmp_path)["objects.geojson"]["features"]]
    assert "good" in ids


def test_a_step_per_batch_alone_makes_a_map_of_its_objects_and_none_of_recordings(
    journal: Journal, tmp_path: Path
) -> None:
    steps = (step("align", Per.BATCH),)
    journal.succeeded("align/all", "align", "all", "k", [item("r1", pose={"x": 1.0, "y": 2.0})])
    assert write_results(journal, steps, RD, tmp_path) == []
    journal.succeeded("align/all", "align", "all", "k", [item("o1", **SIGN)])
    assert [path.name for path in write_results(journal, steps, RD, tmp_path)] == [
        "objects.geojson",
        "objects.csv",
        "objects.osm",
        "recordings.geojson",
        "objects.gpkg",
    ]
