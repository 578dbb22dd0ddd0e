"""COCO as people have it: data sets and results; what is wrong loses itself and is told with its name."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import BatchError
from coordinator.findings import Level
from coordinator.formats.boxes import Found
from coordinator.formats.detections import read_json
from tests.unit.reading import Told, boxes, reading


def image(number: Any, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, **more}


def box(image_id: Any, bbox: Any = (1, 2, 3, 4), **more: Any) -> dict[str, Any]:
    return {"image_id": image_id, "bbox": bbox, **more}


def read(folder: Path, document: Any, name: str = "detections.json") -> tuple[Found, Told]:
    (folder / name).write_text(json.dumps(document))
    return reading(read_json, folder / name)


def data_set(folder: Path, *annotations: Any, **more: Any) -> tuple[Found, Told]:
    return read(
        folder, {"images": [image(1, "a.jpg"), image(2, "b.jpg")], "annotations": annotations, **more}
    )


class TestDataSet:
    def test_boxes_by_image_with_sizes_labels_and_scores(self, tmp_path: Path) -> None:
        document = {
            "images": [image(1, "a.jpg", width=20, height=10), image(2, "b.jpg")],
            "categories": [{"id": 5, "name": "red-circle"}],
            "annotations": [box(1, id=1, category_id=5, score=0.5), box(1, [0.5, 0, 1, 1], id=2)],
        }
        found, told = read(tmp_path, document)
        assert (found.images["a.jpg"].width, found.images["a.jpg"].height) == (20, 10)
        assert found.images["a.jpg"].detections == [
            {"bbox": [1, 2, 3, 4], "score": 0.5, "label": "red-circle"},
            {"bbox": [0.5, 0, 1, 1], "score": 1.0},
        ]
        assert found.images["b.jpg"].detections == []
        assert not told

    @pytest.mark.parametrize(
        "bad",
        [
            [1, 2, -3, 4], [1, 2, 3, 0], [1, 2, 3], [1, 2, 3, float("nan")], [1, 2, 3, float("inf")],
            ["1", 2, 3, 4], [True, 2, 3, 4], None, 5, {}, [1, 2, 3, 10**400],
        ],
    )  # fmt: skip
    def test_a_bad_box_loses_itself_and_is_named(self, tmp_path: Path, bad: Any) -> None:
        found, told = data_set(tmp_path, box(1, bad, id=17), box(1), box(2))
        assert boxes(found) == {"a.jpg": [[1, 2, 3, 4]], "b.jpg": [[1, 2, 3, 4]]}
        assert told.levels() == {"bad-boxes": Level.WARNING}
        assert "1 ('annotation 17 of a.jpg')" in told["bad-boxes"].text

    def test_each_kind_is_told_once_with_a_few_names(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1), *(box(2, [0, 0, 0, 0], id=i) for i in range(9)))
        assert boxes(found)["b.jpg"] == []
        assert "9 ('annotation 0 of b.jpg'" in told["bad-boxes"].text
        assert told["bad-boxes"].text.endswith("and 6 more)")

    @pytest.mark.parametrize("score", ["high", float("nan"), -0.5, [1]])
    def test_a_bad_score_loses_its_box(self, tmp_path: Path, score: Any) -> None:
        found, told = data_set(tmp_path, box(1, score=score), box(2, score=None))
        assert boxes(found) == {"a.jpg": [], "b.jpg": [[1, 2, 3, 4]]}
        assert told.levels() == {"bad-scores": Level.WARNING}

    def test_scores_in_percent_are_said(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1, score=87), box(2, score=0.5))
        assert found.images["a.jpg"].detections[0]["score"] == pytest.approx(0.87)
        assert told.levels() == {"scores-in-percent": Level.WARNING}

    def test_a_score_beyond_any_scale_loses_its_box(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1, score=1e6), box(2, score=0.5))
        assert boxes(found) == {"a.jpg": [], "b.jpg": [[1, 2, 3, 4]]}
        assert "a.jpg" in told["bad-scores"].text

    def test_an_image_that_is_not_listed(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1), box(7, id=3), box(None, id=4), box([1], id=5))
        assert boxes(found) == {"a.jpg": [[1, 2, 3, 4]], "b.jpg": []}
        assert "'annotation 3 with image_id 7'" in told["unknown-image-ids"].text
        assert "3 (" in told["unknown-image-ids"].text

    def test_ids_as_text_are_the_same_as_numbers_and_that_is_said(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box("1"), box("2"))
        assert boxes(found) == {"a.jpg": [[1, 2, 3, 4]], "b.jpg": [[1, 2, 3, 4]]}
        assert told.levels() == {"ids-as-text": Level.NOTE}
        document = {"images": [image("1", "a.jpg")], "annotations": [box(1)]}
        assert boxes(read(tmp_path, document)[0]) == {"a.jpg": [[1, 2, 3, 4]]}

    def test_a_category_that_is_not_listed_costs_the_label_only(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1, category_id=9), categories=[{"id": 1, "name": "x"}])
        assert found.images["a.jpg"].detections == [{"bbox": [1, 2, 3, 4], "score": 1.0}]
        assert told.levels() == {"unknown-categories": Level.WARNING}

    def test_no_list_of_categories_is_noted(self, tmp_path: Path) -> None:
        assert data_set(tmp_path, box(1, category_id=9))[1].levels() == {"no-categories": Level.NOTE}

    def test_one_id_for_two_images_is_an_error(self, tmp_path: Path) -> None:
        document = {"images": [image(1, "a.jpg"), image(1, "b.jpg")], "annotations": [box(1)]}
        _, told = read(tmp_path, document)
        assert told.levels() == {"image-ids-twice": Level.ERROR}
        assert "a.jpg and b.jpg" in told["image-ids-twice"].text

    def test_an_image_listed_twice_has_the_boxes_of_both(self, tmp_path: Path) -> None:
        document = {"images": [image(1, "a.jpg"), image(2, "a.jpg")], "annotations": [box(1), box(2)]}
        found, told = read(tmp_path, document)
        assert len(found.images["a.jpg"].detections) == 2
        assert told.levels() == {"images-merged": Level.WARNING}

    def test_an_image_listed_twice_with_two_sizes_is_an_error(self, tmp_path: Path) -> None:
        images = [image(1, "a.jpg", width=4, height=2), image(2, "a.jpg", width=2, height=1)]
        _, told = read(tmp_path, {"images": images, "annotations": [box(1)]})
        assert told.levels()["images-twice"] is Level.ERROR

    def test_annotation_ids_twice(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1, id=3), box(2, id=3))
        assert told.levels() == {"annotation-ids-twice": Level.WARNING}
        assert boxes(found) == {"a.jpg": [[1, 2, 3, 4]], "b.jpg": [[1, 2, 3, 4]]}

    def test_a_segmentation_alone_gives_the_box_around_it(self, tmp_path: Path) -> None:
        polygon = {"image_id": 1, "segmentation": [[5, 1, 9, 4, 2, 6], [3, 3, 4, 8, 5, 5]]}
        masks = {"image_id": 2, "segmentation": {"size": [4, 4], "counts": "abc"}}
        odd = {"image_id": 2, "segmentation": [[1, 2, 3, 4, "x", 6]]}
        found, told = data_set(tmp_path, polygon, masks, odd)
        assert boxes(found) == {"a.jpg": [[2, 1, 7, 7]], "b.jpg": []}
        assert "2 (" in told["bad-boxes"].text

    def test_crowds_are_left_out(self, tmp_path: Path) -> None:
        found, told = data_set(tmp_path, box(1), box(2, iscrowd=1))
        assert boxes(found)["b.jpg"] == []
        assert told.levels() == {"crowds": Level.WARNING}

    def test_entries_that_are_nothing(self, tmp_path: Path) -> None:
        images = [image(1, "a.jpg"), {}, 5, {"id": [2], "file_name": "b"}, {"id": 3, "file_name": "\ud800"}]
        found, told = read(tmp_path, {"images": images, "annotations": [box(1), "x", None]})
        assert list(found.images) == ["a.jpg"]
        assert "4 (" in told["images-without-name"].text
        assert "2 (" in told["no-annotations-object"].text

    @pytest.mark.parametrize("annotations", [[], [box(1, [1, 2, 0, 0])], [box(9)]])
    def test_without_any_box_there_can_be_no_map(self, tmp_path: Path, annotations: list[Any]) -> None:
        assert data_set(tmp_path, *annotations)[1].levels()["no-detections"] is Level.ERROR


class TestResults:
    def test_the_images_come_from_the_data_set_beside(self, tmp_path: Path) -> None:
        truth = {
            "info": {},
            "images": [image(1, "a.jpg", width=20, height=10)],
            "annotations": [],
            "categories": [{"id": 5, "name": "yield"}],
        }
        (tmp_path / "instances.json").write_text(json.dumps(truth))
        found, told = read(tmp_path, [box(1, category_id=5, score=0.5)], "results.json")
        assert found.images["a.jpg"].width == 20
        assert found.images["a.jpg"].detections[0]["label"] == "yield"
        assert not told

    def test_without_one_the_ids_are_names(self, tmp_path: Path) -> None:
        found, told = read(tmp_path, [box(12, score=0.5), box("street/b", score=0.25), box(12, [0, 0, 1, 1])])
        assert boxes(found) == {"12": [[1, 2, 3, 4], [0, 0, 1, 1]], "street/b": [[1, 2, 3, 4]]}
        assert not told


class TestFilesThatAreNone:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "is empty"),
            (b"  \n", "is empty"),
            (b'{"images": [],\n "annotations": [1,,2]}', "not JSON: .* at line 2, column 20"),
            (b'{"images": [', "is the file complete"),
            (b"\xff\xd8\xff\xe0 a photograph", "is not JSON: byte 0"),
            (b"[" * 200_000, "cannot be read as JSON"),
            (b"{}", "an empty object"),
            (b"[]", "an empty list"),
            (b"5", "but a number"),
            (b'{"type": "x", "features": []}', "an object with the keys 'type', 'features'"),
            (b'{"images": [], "annotations": 5}', "'annotations' is a number, not a list"),
            (
                b'{"images": {"a": 1}, "annotations": []}',
                "'images' is an object with the keys 'a', not a list",
            ),
        ],
    )
    def test_they_are_refused_in_words(self, tmp_path: Path, content: bytes, told: str) -> None:
        (tmp_path / "detections.json").write_bytes(content)
        with pytest.raises(BatchError, match=told) as refused:
            reading(read_json, tmp_path / "detections.json")
        assert "detections.json" in str(refused.value)
        assert "Error:" not in str(refused.value)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    def test_any_unicode_is_read(self, tmp_path: Path, encoding: str) -> None:
        text = json.dumps({"images": [image(1, "ä.jpg")], "annotations": [box(1)]}, ensure_ascii=False)
        (tmp_path / "detections.json").write_bytes(text.encode(encoding))
        assert boxes(reading(read_json, tmp_path / "detections.json")[0]) == {"ä.jpg": [[1, 2, 3, 4]]}

    def test_a_mark_alone_is_empty(self, tmp_path: Path) -> None:
        (tmp_path / "detections.json").write_bytes(codecs.BOM_UTF8)
        with pytest.raises(BatchError, match="not JSON: Expecting value at line 1"):
            reading(read_json, tmp_path / "detections.json")

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="cannot be read: No such file"):
            reading(read_json, tmp_path / "detections.json")
