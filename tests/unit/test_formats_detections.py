"""Which file of a batch holds its detections: found by name and structure, one counts, the others are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import BatchError
from coordinator.findings import Level
from coordinator.formats import detections
from tests.unit.reading import Told

COCO = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}
RESULTS = [{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
TASKS = [{"id": 1, "annotations": [], "data": {"image": "/data/a.jpg"}}]


def write(folder: Path, **files: Any) -> None:
    for name, document in files.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def labels(folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "classes.txt").write_text("stop\n")


def test_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        reconstruction=[{"cameras": {}, "shots": {}}],
        item={"type": "Feature", "stac_version": "1.0.0"},
        records={"data": [{"id": 1}]},
        info={"info": {"maker": "x"}},
    )
    (tmp_path / "broken.json").write_text("{")
    assert detections.find(tmp_path) == []
    assert detections.read(tmp_path, Told()) is None


def test_the_order_of_what_counts(tmp_path: Path) -> None:
    write(tmp_path, instances=COCO, results=RESULTS, tasks=TASKS, detections=COCO)
    labels(tmp_path)
    (tmp_path / "annotations.xml").write_text("<annotations/>")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text("<annotation/>")
    found = [path.relative_to(tmp_path).as_posix() for _, path in detections.find(tmp_path)]
    assert found == [
        "detections.json", "labels", "annotations.xml", "Annotations", "results.json", "tasks.json", "instances.json",
    ]  # fmt: skip


def test_which_files_are_read_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, detections=COCO)
    labels(tmp_path)
    (tmp_path / "labels/train.txt").write_text("a.jpg")
    assert {path.relative_to(tmp_path).as_posix() for path in detections.files(tmp_path)} == {
        "detections.json", "labels/a.txt", "classes.txt",
    }  # fmt: skip


def test_labels_beside_photographs_do_not_make_all_the_batch_read(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("stop\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "poses.csv").write_text("")
    assert {path.name for path in detections.files(tmp_path)} == {"classes.txt", "a.txt"}


def test_the_others_are_named(tmp_path: Path) -> None:
    write(tmp_path, instances=COCO, detections=COCO)
    labels(tmp_path)
    told = Told()
    found = detections.read(tmp_path, told)
    assert found is not None
    assert found.path.name == "detections.json"
    assert told.levels() == {"detections-twice": Level.WARNING}
    assert "'detections.json' and not from 'labels', 'instances.json'" in told["detections-twice"].text


def test_the_data_set_that_results_belong_to_is_no_other(tmp_path: Path) -> None:
    write(tmp_path, instances=COCO, results=RESULTS)
    told = Told()
    found = detections.read(tmp_path, told)
    assert found is not None
    assert (found.path.name, list(found.images)) == ("results.json", ["a.jpg"])
    assert not told


@pytest.mark.parametrize(
    ("document", "form"), [(COCO, "coco"), (RESULTS, "coco-results"), (TASKS, "label-studio")]
)
@pytest.mark.parametrize("name", ["detections", "annotations/instances_default"])
def test_json_of_every_form_by_its_content(tmp_path: Path, name: str, document: Any, form: str) -> None:
    (tmp_path / "annotations").mkdir()
    write(tmp_path, **{name: document})
    found = detections.read(tmp_path, Told())
    assert found is not None
    assert found.format == form


def test_detections_json_must_be_some(tmp_path: Path) -> None:
    write(tmp_path, detections={"boxes": []}, instances=COCO)
    with pytest.raises(BatchError, match=r"detections\.json: not a COCO .* an object with the keys 'boxes'"):
        detections.read(tmp_path, Told())
