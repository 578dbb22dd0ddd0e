"""Detections made elsewhere meet the batch: names without guessing, boxes in its pixels, every loss told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from coordinator.batch.boxfit import Fitted, Sphere, are_parts, fitted, like_corners
from coordinator.batch.detections import Detections, read_detections
from coordinator.batch.imagenames import How, Names, match
from coordinator.findings import Finding, Level
from coordinator.formats.boxes import Found, ImageDetections


def paired(theirs: Iterable[str], ours: Iterable[str]) -> tuple[dict[str, str], Names]:
    """The file's name by the batch's."""
    names = match(theirs, ours)
    return {mine: other for mine, (other, _) in names.pairs.items()}, names


class TestNames:
    @pytest.mark.parametrize(
        ("theirs", "ours", "how"),
        [
            ("a.jpg", "a.jpg", How.EXACT),
            ("100%25.jpg", "100%25.jpg", How.EXACT),
            ("./street/a.jpg", "street/a.jpg", How.PATH),
            ("street\\a.jpg", "street/a.jpg", How.PATH),
            ("/street//a.jpg", "street/a.jpg", How.PATH),
            ("x/../a.jpg", "a.jpg", How.PATH),
            ("my%20street.jpg", "my street.jpg", How.PATH),
            ("https://x.test/a.jpg?sig=1", "a.jpg", How.PATH),
            ("/data/local-files/?d=street/a.jpg", "street/a.jpg", How.PATH),
            ("u\u0308.jpg", "\u00fc.jpg", How.PATH),
            ("images/a.jpg", "a.jpg", How.END),
            ("a.jpg", "images/a.jpg", How.END),
            ("C:\\photos\\street\\a.jpg", "street/a.jpg", How.END),
            ("https://x.test/b/street/a.jpg", "street/a.jpg", How.END),
            ("s3://bucket/a.jpg", "a.jpg", How.PATH),
            ("a.jpg", "https://x.test/b/a.jpg", How.END),
            ("train/a.jpg", "images/a.jpg", How.END),
            ("A.JPG", "a.jpg", How.CASE),
            ("IMAGES/A.jpg", "a.jpg", How.CASE),
            ("/data/upload/1/abcd1234-a.jpg", "a.jpg", How.EXPORT),
            ("a_jpg.rf.0123abcd.jpg", "a.jpg", How.EXPORT),
            ("a", "a.jpg", How.ENDING),
            ("a.png", "a.jpg", How.ENDING),
            ("train/a", "images/train/a.jpg", How.ENDING),
            ("12", "000000000012.jpg", How.ENDING),
            ("a.v2", "a.v2.jpg", How.ENDING),
        ],
    )
    def test_one_image_by_two_names(self, theirs: str, ours: str, how: How) -> None:
        names = match([theirs], [ours, "other.jpg"])
        assert names.pairs == {ours: (theirs, how)}
        assert not names.ambiguous
        assert not names.unmatched

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            (["a.jpg"], ["x/a.jpg", "y/a.jpg"]),
            (["x/a.jpg", "y/a.jpg"], ["a.jpg"]),
            (["A.jpg"], ["a.jpg", "a.JPG"]),
            (["a"], ["a.jpg", "a.png"]),
            (["7"], ["07.jpg", "007.jpg"]),
        ],
    )
    def test_between_two_nobody_guesses(self, theirs: list[str], ours: list[str]) -> None:
        names = match(theirs, ours)
        assert names.pairs == {}
        assert names.ambiguous == tuple(theirs)

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [("a.jpg", "ba.jpg"), ("street/a", "a/street.jpg"), ("b.jpg", "a.jpg"), ("", "a.jpg")],
    )
    def test_two_images(self, theirs: str, ours: str) -> None:
        names = match([theirs], [ours])
        assert (names.pairs, names.unmatched) == ({}, (theirs,))

    def test_the_longest_common_end_decides(self) -> None:
        ours = ["cam1/a.jpg", "cam2/a.jpg"]
        pairs, names = paired(["out/cam1/a.jpg", "out/cam2/a.jpg"], ours)
        assert pairs == {"cam1/a.jpg": "out/cam1/a.jpg", "cam2/a.jpg": "out/cam2/a.jpg"}
        assert not names.ambiguous

    def test_who_fits_better_is_no_longer_there_for_others(self) -> None:
        pairs, names = paired(["a.jpg", "images/a.jpg"], ["a.jpg"])
        assert pairs == {"a.jpg": "a.jpg"}
        assert names.unmatched == ("images/a.jpg",)

    def test_folders_that_contradict_each_other_are_two_where_others_agree(self) -> None:
        pairs, names = paired(["cam1/a.jpg", "cam2/b.jpg"], ["cam1/a.jpg", "cam1/b.jpg"])
        assert pairs == {"cam1/a.jpg": "cam1/a.jpg"}
        assert names.unmatched == ("cam2/b.jpg",)

    def test_a_name_without_a_folder_is_before_one_of_another_folder(self) -> None:
        assert paired(["y/a.jpg", "a.jpg"], ["x/a.jpg"])[0] == {"x/a.jpg": "a.jpg"}

    def test_ours_are_counted_and_gone_through_once(self) -> None:
        names = match(["a.jpg"], (name for name in ("b.jpg", "a.jpg", "c.jpg")))
        assert (names.batch, names.example) == (3, "b.jpg")


def image(*found: list[float], size: tuple[int, int] | None = None, parts: bool = False) -> ImageDetections:
    width, height = size or (None, None)
    every: list[dict[str, Any]] = [{"bbox": box, "score": 0.5} for box in found]
    return ImageDetections(name="a.jpg", width=width, height=height, detections=every, normalised=parts)


def fit(found: ImageDetections, width: int, height: int, *, wraps: bool = False) -> list[list[float]] | str:
    result = fitted(found, width, height, sphere=Sphere(width=width, height=height) if wraps else None)
    return [one["bbox"] for one in result.detections] if isinstance(result, Fitted) else result


class TestFit:
    def test_of_a_part_of_a_panorama_the_whole_one_holds_them(self) -> None:
        """A detector saw the whole one: its boxes may lie beyond the part's edges, and across the seam."""
        sphere = Sphere(width=200, height=100, left=50, top=25)
        boxes: list[list[float]] = [[-40, 10, 8, 8], [10, 10, 8, 8], [140, 10, 20, 8], [0, 90, 8, 8]]
        result = fitted(image(*boxes, size=(100, 50)), 100, 50, sphere=sphere)
        assert isinstance(result, Fitted)
        assert [one["bbox"] for one in result.detections] == boxes[:3]
        assert result.outside == 1

    @pytest.mark.parametrize("size", [None, (200, 100)])
    def test_boxes_of_the_same_size_stay_as_they_are(self, size: tuple[int, int] | None) -> None:
        found = image([1.5, 2, 3, 4], size=size)
        result = fitted(found, 200, 100)
        assert result == Fitted(detections=found.detections)

    def test_those_of_a_smaller_image_are_scaled(self) -> None:
        assert fit(image([1, 2, 3, 4], size=(100, 50)), 200, 100) == [[2, 4, 6, 8]]
        assert fit(image([10, 20, 30, 40], size=(400, 200)), 200, 100) == [[5, 10, 15, 20]]

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ((1024, 683), (6000, 4000)),
            ((1024, 682), (6000, 4000)),
            ((6000, 4000), (1024, 683)),
            ((333, 250), (400, 300)),
        ],
    )
    def test_a_pixel_of_rounding_is_the_same_shape(
        self, theirs: tuple[int, int], ours: tuple[int, int]
    ) -> None:
        result = fitted(image([0, 0, theirs[0], theirs[1]], size=theirs), *ours)
        assert isinstance(result, Fitted)
        (box,) = (one["bbox"] for one in result.detections)
        assert box == pytest.approx([0, 0, *ours])

    @pytest.mark.parametrize(
        ("theirs", "told"),
        [
            ((640, 640), "the file has it as 640x640, the image is 200x100"),
            ((100, 60), "the file has it as 100x60, the image is 200x100"),
            ((100, 200), "the image is 200x100 when it is turned upright"),
            ((50, 100), "the image is 200x100 when it is turned upright"),
        ],
    )
    def test_another_shape_is_refused(self, theirs: tuple[int, int], told: str) -> None:
        for parts in (False, True):
            assert told in fit(image([0, 0, 1, 1], size=theirs, parts=parts), 200, 100)

    def test_parts_of_the_image_become_pixels(self) -> None:
        assert fit(image([0.25, 0.5, 0.5, 0.25], parts=True), 200, 100) == [[50, 50, 100, 25]]
        assert fit(image([0.25, 0.5, 0.5, 0.25], size=(100, 50), parts=True), 200, 100) == [[50, 50, 100, 25]]

    def test_without_the_photographs_size(self) -> None:
        unknown = fitted(image([0, 0, 1, 1], parts=True), None, None)
        assert unknown == "its size is not known, and the boxes are parts of it"
        found = image([5, 5, 900, 1])
        assert fitted(found, None, 100) == Fitted(detections=found.detections)

    @pytest.mark.parametrize(
        ("box", "cut"),
        [
            ([-1, 5, 10, 10], [0, 5, 9, 10]),
            ([195, 95, 6, 6], [195, 95, 5, 5]),
            ([5, -2, 10, 10], [5, 0, 10, 8]),
        ],
    )
    def test_what_sticks_out_a_little_is_cut(self, box: list[float], cut: list[float]) -> None:
        result = fitted(image(box, [1, 1, 2, 2]), 200, 100)
        assert isinstance(result, Fitted)
        assert [one["bbox"] for one in result.detections] == [cut, [1, 1, 2, 2]]
        assert (result.cut, result.outside) == (1, 0)

    @pytest.mark.parametrize("box", [[200, 5, 10, 10], [-10, 5, 5, 5], [5, 500, 10, 10], [195, 5, 20, 10]])
    def test_what_is_mostly_outside_is_left_out(self, box: list[float]) -> None:
        result = fitted(image(box, [1, 1, 2, 2]), 200, 100)
        assert isinstance(result, Fitted)
        assert [one["bbox"] for one in result.detections] == [[1, 1, 2, 2]]
        assert (result.cut, result.outside) == (0, 1)

    @pytest.mark.parametrize(
        ("box", "expected"),
        [([195, 5, 20, 10], [195, 5, 20, 10]), ([-5, 5, 20, 10], [195, 5, 20, 10]), ([205, 5, 20, 10], [5, 5, 20, 10])],
    )  # fmt: skip
    def test_across_a_panoramas_seam_boxes_are_whole(self, box: list[float], expected: list[float]) -> None:
        result = fitted(image(box), 200, 100, sphere=Sphere(width=200, height=100))
        assert result == Fitted(detections=[{"bbox": expected, "score": 0.5}])

    def test_a_panoramas_top_and_bottom_are_edges(self) -> None:
        assert fit(image([195, 95, 20, 8], [5, 200, 10, 10]), 200, 100, wraps=True) == [[195, 95, 20, 5]]

    def test_parts_of_an_image_are_known_by_all_boxes(self) -> None:
        assert are_parts([image([0.1, 0.2, 0.3, 0.4]), image([0, 0, 1, 1])])
        assert not are_parts([image([0.1, 0.2, 0.3, 0.4]), image([5, 0, 1, 1])])
        assert not are_parts([image([0, 0, 1, 1])])
        assert not are_parts([image()])

    def test_corners_are_known_by_all_boxes(self) -> None:
        corners: list[list[float]] = [[10, 20, 30, 40], [100, 5, 120, 9]]
        assert like_corners([image(*corners)]) == (True, False)
        assert like_corners([image(*corners, *corners, *corners)]) == (True, True)
        assert like_corners([image(*corners, [50, 20, 30, 40])]) == (False, False)
        assert like_corners([image(*corners, parts=True)]) == (False, False)


def coco(folder: Path, images: list[Any], annotations: list[Any]) -> Path:
    document = {"images": images, "annotations": annotations}
    (folder / "detections.json").write_text(json.dumps(document))
    return folder


def one(name: str, number: int = 1, **size: int) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 8, "height": 4, **size}


def box(bbox: list[float], image: int = 1) -> dict[str, Any]:
    return {"image_id": image, "bbox": bbox}


def read(folder: Path, *ours: str) -> Detections:
    found = read_detections(folder, ours)
    assert found is not None
    return found


def told(found: Detections) -> dict[str, Finding]:
    every = found.findings()
    kinds = {finding.kind: finding for finding in every}
    assert len(kinds) == len(every), "a kind is told once"
    return kinds


def levels(found: Detections) -> dict[str, Level]:
    return {kind: finding.level for kind, finding in told(found).items()}


class TestDetections:
    def test_none(self, tmp_path: Path) -> None:
        assert read_detections(tmp_path, ["a.jpg"]) is None

    def test_exact_names_and_sizes_say_nothing(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("a.jpg", width=8, height=4)], [box([1, 1, 2, 2])]), "a.jpg")
        assert found.take("a.jpg", 8, 4) == [{"bbox": [1, 1, 2, 2], "score": 1.0}]
        assert found.take("b.jpg", 8, 4) == []
        assert not told(found)

    def test_no_name_matches(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("x/other.jpg")], [box([1, 1, 2, 2])]), "a.jpg", "b.jpg")
        assert levels(found) == {"detections-unmatched": Level.ERROR}
        text = told(found)["detections-unmatched"].text
        assert text.startswith(
            "detections.json: none of the 1 images in it is in the batch: it names 'x/other.jpg'"
        )
        assert "the batch has 'a.jpg'" in text

    def test_some_match(self, tmp_path: Path) -> None:
        images = [one("sub/a.jpg"), one("gone.jpg", 2)]
        found = read(coco(tmp_path, images, [box([1, 1, 2, 2])]), "a.jpg", "b.jpg", "c.jpg")
        assert levels(found) == {
            "detections-unmatched": Level.WARNING,
            "detections-by-name": Level.NOTE,
            "images-without-detections": Level.WARNING,
        }
        assert (
            "1 of 2 images in it are not in the batch: 'gone.jpg'" in told(found)["detections-unmatched"].text
        )
        assert "('sub/a.jpg' is 'a.jpg')" in told(found)["detections-by-name"].text
        assert "2 of 3 images of the batch" in told(found)["images-without-detections"].text

    def test_ambiguous_names_are_refused_by_name(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("a.jpg")], [box([1, 1, 2, 2])]), "x/a.jpg", "y/a.jpg")
        assert levels(found) == {"detections-ambiguous": Level.ERROR}
        assert "'a.jpg'" in told(found)["detections-ambiguous"].text
        assert found.take("x/a.jpg", 8, 4) == []

    def test_label_files_have_no_endings_and_need_not_be_there(self, tmp_path: Path) -> None:
        (tmp_path / "labels").mkdir()
        (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
        (tmp_path / "classes.txt").write_text("stop\n")
        found = read(tmp_path, "images/a.jpg", "images/b.jpg")
        assert found.take("images/a.jpg", 8, 4) == [{"bbox": [2, 1, 4, 2], "score": 1.0, "label": "stop"}]
        assert levels(found) == {"images-without-detections": Level.NOTE}

    def test_scaled_boxes_are_noted_with_both_sizes(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("a.jpg", width=4, height=2)], [box([1, 1, 2, 1])]), "a.jpg")
        assert found.take("a.jpg", 8, 4)[0]["bbox"] == [2, 2, 4, 2]
        assert levels(found) == {"detections-scaled": Level.NOTE}
        assert "'a.jpg: 4x2 to 8x4'" in told(found)["detections-scaled"].text

    def test_another_shape_is_an_error_if_all_have_it(self, tmp_path: Path) -> None:
        images = [one("a.jpg", width=40, height=40), one("b.jpg", 2, width=8, height=4)]
        folder = coco(tmp_path, images, [box([1, 1, 2, 1]), box([1, 1, 2, 1], 2)])
        found = read(folder, "a.jpg", "b.jpg")
        assert [len(found.take(name, 8, 4)) for name in ("a.jpg", "b.jpg")] == [0, 1]
        assert levels(found) == {"detections-other-size": Level.WARNING}
        both = read(coco(tmp_path, images[:1], [box([1, 1, 2, 1])]), "a.jpg")
        both.take("a.jpg", 8, 4)
        assert levels(both) == {"detections-other-size": Level.ERROR}
        assert "as 40x40, the image is 8x4" in told(both)["detections-other-size"].text

    def test_boxes_in_parts_are_noted(self, tmp_path: Path) -> None:
        found = read(
            coco(tmp_path, [one("a.jpg", width=8, height=4)], [box([0.25, 0.5, 0.5, 0.25])]), "a.jpg"
        )
        assert found.take("a.jpg", 8, 4)[0]["bbox"] == [2, 2, 4, 1]
        assert levels(found) == {"detections-in-parts": Level.NOTE}

    def test_boxes_outside(self, tmp_path: Path) -> None:
        folder = coco(tmp_path, [one("a.jpg")], [box([90, 1, 2, 1]), box([6, 1, 3, 2]), box([1, 1, 1, 1])])
        found = read(folder, "a.jpg")
        assert len(found.take("a.jpg", 8, 4)) == 2
        assert levels(found) == {"boxes-outside": Level.WARNING, "boxes-cut": Level.NOTE}
        alone = read(coco(tmp_path, [one("a.jpg")], [box([90, 1, 2, 1])]), "a.jpg")
        assert alone.take("a.jpg", 8, 4) == []
        assert levels(alone) == {"boxes-outside": Level.ERROR}

    def test_a_file_without_sizes_is_noted(self, tmp_path: Path) -> None:
        plain = {"id": 1, "file_name": "a.jpg"}
        assert levels(read(coco(tmp_path, [plain], [box([1, 1, 2, 2])]), "a.jpg")) == {
            "detections-without-size": Level.NOTE
        }

    def test_two_corners_are_suspected(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("a.jpg")], [box([4, 2, 8, 4])]), "a.jpg")
        assert "boxes-like-corners" not in told(found)
        found.take("a.jpg", 8, 4)
        assert levels(found)["boxes-like-corners"] is Level.WARNING
        many = read(coco(tmp_path, [one("a.jpg")], [box([1, 1, 2, 2])] * 5), "a.jpg")
        assert levels(many) == {"boxes-like-corners": Level.WARNING}

    def test_a_second_pass_changes_nothing(self, tmp_path: Path) -> None:
        folder = coco(tmp_path, [one("a.jpg", width=4, height=2)], [box([3, 1, 2, 1]), box([1, 1, 1, 1])])
        found = read(folder, "a.jpg")
        first = found.take("a.jpg", 8, 4), found.findings()
        assert (found.take("a.jpg", 8, 4), found.findings()) == first

    def test_what_the_reader_noticed_comes_first(self, tmp_path: Path) -> None:
        found = read(coco(tmp_path, [one("a.jpg")], [box([1, 1, 0, 0]), box([1, 1, 1, 1])]), "a.jpg")
        assert list(told(found)) == ["bad-boxes"]

    def test_of_takes_a_found_and_names(self) -> None:
        found = Found(format="x", path=Path("x.json"), images={"a.jpg": image([1, 1, 2, 2])})
        assert len(Detections.of(found, ["a.jpg"]).take("a.jpg", 8, 4)) == 1
