"""YOLO's label files: boxes in parts of the image, classes by number, names without endings."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.errors import BatchError
from coordinator.findings import Level
from coordinator.formats import yolo
from coordinator.formats.boxes import Found
from tests.unit.reading import Told, boxes, reading


def labels(
    folder: Path, text: str, *, name: str = "labels/a.txt", classes: str | None = "stop\nyield\n"
) -> Path:
    if classes is not None:
        (folder / "classes.txt").write_text(classes)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return (folder / name).parent


def read(folder: Path, text: str, classes: str | None = "stop\nyield\n") -> tuple[Found, Told]:
    return reading(yolo.read, labels(folder, text, classes=classes))


def test_boxes_by_their_middle_with_names_of_classes(tmp_path: Path) -> None:
    found, told = read(tmp_path, "1 0.5 0.5 0.25 0.5\n\n0 0.25 0.75 0.5 0.5 0.875\n")
    (image,) = found.images.values()
    assert image.name == "a"
    assert image.normalised
    assert image.detections == [
        {"bbox": [0.375, 0.25, 0.25, 0.5], "score": 1.0, "label": "yield"},
        {"bbox": [0, 0.5, 0.5, 0.5], "score": 0.875, "label": "stop"},
    ]
    assert not told


def test_polygons_are_taken_by_the_box_around_them(tmp_path: Path) -> None:
    found, _ = read(tmp_path, "0 0.5 0.25 0.75 0.5 0.25 0.75\n")
    assert boxes(found) == {"a": [[0.25, 0.25, 0.5, 0.5]]}


@pytest.mark.parametrize(
    "line",
    ["0 0.5 0.5 0 0.5", "0 0.5 0.5 -1 0.5", "0 nan 0.5 0.1 0.1", "0 0.5 0.5 0.1", "Car 0 0 0 0 0", "0.5 0 0 0.1 0.1",
     "0 0.5 0.5 0.5 0.5 0.5 0.5 0.5"],
)  # fmt: skip
def test_a_bad_line_loses_itself(tmp_path: Path, line: str) -> None:
    found, told = read(tmp_path, f"0 0.5 0.5 0.5 0.5\n{line}\n")
    assert boxes(found) == {"a": [[0.25, 0.25, 0.5, 0.5]]}
    assert told.levels() == {"bad-boxes": Level.WARNING}
    assert "'line 2 of a.txt'" in told["bad-boxes"].text


def test_boxes_in_pixels_are_not_taken_for_parts(tmp_path: Path) -> None:
    found, told = read(tmp_path, "0 120 50 20 20\n")
    assert boxes(found) == {"a": []}
    assert told.levels() == {"not-normalised": Level.WARNING, "no-detections": Level.ERROR}


def test_a_class_without_a_name(tmp_path: Path) -> None:
    found, told = read(tmp_path, "7 0.5 0.5 0.5 0.5\n")
    assert found.images["a"].detections == [{"bbox": [0.25, 0.25, 0.5, 0.5], "score": 1.0}]
    assert "'line 1 of a.txt with class 7'" in told["unknown-categories"].text


def test_no_names_at_all_are_told(tmp_path: Path) -> None:
    found, told = read(tmp_path, "7 0.5 0.5 0.5 0.5\n", classes=None)
    assert told.levels() == {"no-categories": Level.WARNING}
    assert "label" not in found.images["a"].detections[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("obj.names", "stop\nyield\n"),
        ("data.yaml", "names: [stop, yield]\n"),
        ("data.yaml", "names:\n  0: stop\n  1: yield\n"),
        ("labels/classes.txt", "stop\nyield\n"),
    ],
)
def test_where_the_names_of_classes_stand(tmp_path: Path, name: str, text: str) -> None:
    place = labels(tmp_path, "1 0.5 0.5 0.5 0.5\n", classes=None)
    (tmp_path / name).write_text(text)
    found, told = reading(yolo.read, place)
    assert list(found.images) == ["a"]
    assert found.images["a"].detections[0]["label"] == "yield"
    assert not told


def test_a_yaml_that_is_none(tmp_path: Path) -> None:
    place = labels(tmp_path, "1 0.5 0.5 0.5 0.5\n", classes=None)
    (tmp_path / "data.yaml").write_text("names: [")
    with pytest.raises(BatchError, match=r"data\.yaml: not valid YAML"):
        reading(yolo.read, place)


def test_folders_below_are_part_of_the_name_and_empty_files_have_no_boxes(tmp_path: Path) -> None:
    labels(tmp_path, "0 0.5 0.5 0.5 0.5\n", name="labels/train/a.txt")
    labels(tmp_path, "", name="labels/train/b.v2.txt")
    found, told = reading(yolo.read, tmp_path / "labels")
    assert boxes(found) == {"train/a": [[0.25, 0.25, 0.5, 0.5]], "train/b.v2": []}
    assert not told


class TestFind:
    def test_the_usual_folders(self, tmp_path: Path) -> None:
        assert yolo.find(tmp_path) is None
        (tmp_path / "labels").mkdir()
        assert yolo.find(tmp_path) is None
        labels(tmp_path, "", name="obj_train_data/a.txt", classes=None)
        assert yolo.find(tmp_path) == tmp_path / "obj_train_data"
        labels(tmp_path, "", classes=None)
        assert yolo.find(tmp_path) == tmp_path / "labels"

    def test_beside_the_photographs_only_with_a_list_of_classes(self, tmp_path: Path) -> None:
        labels(tmp_path, "0 0.5 0.5 0.5 0.5\n", name="a.txt", classes=None)
        (tmp_path / "readme.txt").write_text("hello")
        assert yolo.find(tmp_path) is None
        (tmp_path / "classes.txt").write_text("stop\n")
        (tmp_path / "licence.txt").write_text("MIT\n")
        assert yolo.find(tmp_path) == tmp_path
        assert list(reading(yolo.read, tmp_path)[0].images) == ["a"]

    def test_a_folder_without_labels_is_refused_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="not a YOLO folder"):
            reading(yolo.read, tmp_path)
