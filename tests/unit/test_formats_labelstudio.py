"""Label Studio's export: shapes in percents, of uploaded images; rotations are about a corner."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import BatchError
from coordinator.findings import Level
from coordinator.formats import labelstudio
from coordinator.formats.boxes import Found
from tests.unit.reading import Told, boxes, reading

UPLOADED = "/data/upload/1/abcd1234-a.jpg"


def shape(label: str = "stop", kind: str = "rectanglelabels", **value: Any) -> dict[str, Any]:
    numbers = value or {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0}
    return {"id": "s1", "original_width": 200, "original_height": 100, "value": {**numbers, kind: [label]}}


def task(*shapes: Any, image: str = UPLOADED, **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(shapes)}], **more}


def read(folder: Path, *tasks: Any) -> tuple[Found, Told]:
    (folder / "export.json").write_text(json.dumps(tasks))
    return reading(labelstudio.read, folder / "export.json")


def test_rectangles_in_percents(tmp_path: Path) -> None:
    found, told = read(tmp_path, task(shape(), shape("yield", x=0, y=0, width=10, height=10)))
    image = found.images[UPLOADED]
    assert (image.width, image.height, image.normalised) == (200, 100, True)
    assert image.detections == [
        {"bbox": [0.25, 0.5, 0.5, 0.25], "score": 1.0, "label": "stop"},
        {"bbox": pytest.approx([0, 0, 0.1, 0.1]), "score": 1.0, "label": "yield"},
    ]
    assert not told


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        # A rectangle of 100 x 25 pixels, turned about its upper left corner at (50, 50) of 200 x 100.
        (90, [25, 50, 25, 100]),
        (180, [-50, 25, 100, 25]),
        (45, [50 - 25 * math.sqrt(0.5), 50, 125 * math.sqrt(0.5), 125 * math.sqrt(0.5)]),
    ],
)
def test_a_turned_rectangle_gives_the_box_around_it(
    tmp_path: Path, degrees: float, expected: list[float]
) -> None:
    found, told = read(tmp_path, task(shape(x=25, y=50, width=50, height=25, rotation=degrees)))
    ((x, y, w, h),) = boxes(found)[UPLOADED]
    assert [x * 200, y * 100, w * 200, h * 100] == pytest.approx(expected)
    assert told.levels() == {"rotated-boxes": Level.WARNING}


def test_polygons_and_ellipses(tmp_path: Path) -> None:
    polygon = shape(kind="polygonlabels", points=[[10, 20], [50, 30], [20, 60]])
    ellipse = shape(kind="ellipselabels", x=50, y=50, radiusX=10, radiusY=20, rotation=0)
    turned = shape(kind="ellipselabels", x=50, y=50, radiusX=10, radiusY=30, rotation=90)
    found, _ = read(tmp_path, task(polygon, ellipse, turned))
    one, two, three = boxes(found)[UPLOADED]
    assert one == pytest.approx([0.1, 0.2, 0.4, 0.4])
    assert two == pytest.approx([0.4, 0.3, 0.2, 0.4])
    assert three == pytest.approx([0.35, 0.3, 0.3, 0.4])


def test_predictions_count_where_nobody_annotated_and_cancelled_ones_do_not(tmp_path: Path) -> None:
    predicted = {"annotations": [], "predictions": [{"result": [{**shape(), "score": 0.5}]}]}
    cancelled = [{"was_cancelled": True, "result": [shape()]}, {"result": [shape("yield")]}]
    found, _ = read(
        tmp_path,
        task(image="a.jpg", **predicted),
        {"data": {"image": "b.jpg"}, "annotations": cancelled},
    )
    assert found.images["a.jpg"].detections[0]["score"] == 0.5
    assert [one["label"] for one in found.images["b.jpg"].detections] == ["yield"]


def test_the_short_form(tmp_path: Path) -> None:
    drawn = {"x": 25, "y": 50, "width": 50, "height": 25, "rectanglelabels": ["stop"], "original_width": 200}
    found, told = read(
        tmp_path, {"id": 1, "image": "/data/a.jpg", "label": [drawn]}, {"image": "/data/b.jpg"}
    )
    assert boxes(found) == {"/data/a.jpg": [[0.25, 0.5, 0.5, 0.25]], "/data/b.jpg": []}
    assert not told


def test_other_names_of_the_image(tmp_path: Path) -> None:
    local = "/data/local-files/?d=street/a.jpg"
    found, _ = read(tmp_path, {"data": {"text": "x", "photo": local}, "annotations": [{"result": [shape()]}]})
    assert list(found.images) == [local]


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    mask = shape(kind="brushlabels", format="rle", rle=[1, 2])
    bad = shape(x=1, y=2, width=0, height=4)
    missing = shape(x=1, y=None, width=3, height=4)
    choice = {"value": {"choices": ["good"]}}
    open_polygon = shape(kind="polygonlabels", points=[[1, 2], [3], [4, 5]])
    found, told = read(tmp_path, task(mask, bad, missing, choice, open_polygon, shape()), {"data": {}}, 5)
    assert boxes(found) == {UPLOADED: [[0.25, 0.5, 0.5, 0.25]]}
    assert "1 (" in told["other-shapes"].text
    assert "3 (" in told["bad-boxes"].text
    assert "'task number 1', 'task number 2'" in told["images-without-name"].text


@pytest.mark.parametrize("document", [{}, [], [{"a": 1}], [{"data": {"image": "a.jpg"}}], [5]])
def test_a_file_that_is_none(tmp_path: Path, document: Any) -> None:
    (tmp_path / "export.json").write_text(json.dumps(document))
    with pytest.raises(BatchError, match="not a Label Studio export"):
        reading(labelstudio.read, tmp_path / "export.json")
