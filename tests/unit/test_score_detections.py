"""``score-detections``: from a run folder or a file and a truth to figures, and what does not match is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from coordinator.cli import main
from coordinator.record.journal import Journal
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

Said = Callable[[], tuple[str, str]]
BOX = [10.0, 20.0, 30.0, 30.0]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: tuple(capsys.readouterr())  # type: ignore[return-value]


def detection(box: Sequence[float] = BOX, score: float = 0.9, **more: object) -> Json:
    return {"bbox": list(box), "score": score, **more}


def photograph(name: str, *detections: Json, **more: Any) -> Json:
    return {
        "id": name,
        "image": f"/batch/{name}",
        "width": 200,
        "height": 100,
        "detections": list(detections),
        **more,
    }


def run_of(tmp_path: Path, *items: Json) -> Path:
    """A run folder whose second step gave these items."""
    folder = RunFolder(tmp_path / "run")
    folder.create()
    with Journal(folder.journal) as journal:
        journal.begin_session()
        journal.note(steps=("resize", "detect", "position"))
        for item in items:
            journal.succeeded(f"resize/{item['id']}", "resize", item["id"], "k", [{"id": item["id"]}])
            journal.succeeded(f"detect/{item['id']}", "detect", item["id"], "k", [item])
        journal.succeeded("position/all", "position", "all", "k", [{"id": "o", "position": {"x": 1, "y": 2}}])
    return folder.path


def truth_of(tmp_path: Path, images: dict[str, list[tuple[list[float], str]]], **size: int) -> Path:
    """A COCO file of boxes with labels by image."""
    labels = sorted({label for boxes in images.values() for _, label in boxes})
    numbers = {name: number for number, name in enumerate(images, start=1)}
    flat = [(name, box, label) for name, boxes in images.items() for box, label in boxes]
    document = {
        "images": [
            {"id": number, "file_name": name, "width": 200, "height": 100, **size}
            for name, number in numbers.items()
        ],
        "categories": [{"id": number, "name": label} for number, label in enumerate(labels)],
        "annotations": [
            {"id": place, "image_id": numbers[name], "category_id": labels.index(label), "bbox": box}
            for place, (name, box, label) in enumerate(flat)
        ],
    }
    (path := tmp_path / "truth.coco.json").write_text(json.dumps(document))
    return path


def score(said: Said, *arguments: object, exit_code: int = 0) -> tuple[Json, str]:
    """The figures and what was told beside them; no figures where it failed."""
    said()
    assert main(["score-detections", *map(str, arguments), "--json"]) == exit_code
    out, err = said()
    return (json.loads(out) if exit_code == 0 else {}), err


class TestRunFolders:
    def test_a_run_that_found_all(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection(label="stop")), photograph("b.jpg"))
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "stop")], "b.jpg": []})
        found, told = score(said, run, truth)
        assert (found["ap50"], found["ap"], found["recall"], found["false_positives"]) == (1, 1, 1, 0)
        assert (found["photographs"], found["empty"], found["labels"][0]["ap50"]) == (2, 1, 1)
        assert told == ""

    def test_for_people(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        assert main(["score-detections", str(run), str(truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}))]) == 0
        assert "AP50                1.000\n" in said()[0]

    def test_the_threshold(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection(score=0.4)))
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        assert score(said, run, truth, "--threshold", 0.4)[0]["recall"] == 1
        assert score(said, run, truth, "--threshold", 0.5)[0]["recall"] == 0

    def test_images_are_matched_by_name_as_import_does(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("drive/A.JPG", detection()))
        found, told = score(said, run, truth_of(tmp_path, {"C:\\photos\\a.jpg": [(BOX, "x")]}))
        assert found["ap50"] == 1
        assert "letters of another case" in told

    def test_a_truth_made_on_smaller_images_is_scaled(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        truth = truth_of(tmp_path, {"a.jpg": [([5, 10, 15, 15], "x")]}, width=100, height=50)
        found, told = score(said, run, truth)
        assert found["ap50"] == 1
        assert "scaled to their size" in told

    def test_a_sign_across_a_panoramas_seam(self, tmp_path: Path, said: Said) -> None:
        camera = {"model": "equirectangular"}
        run = run_of(tmp_path, photograph("a.jpg", detection([190, 20, 30, 30]), camera=camera))
        truth = truth_of(tmp_path, {"a.jpg": [([-10, 20, 30, 30], "x")]})
        assert score(said, run, truth)[0]["ap50"] == 1

    def test_a_truth_of_another_format(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        (labels := tmp_path / "truth" / "labels").mkdir(parents=True)
        (labels / "a.txt").write_text("0 0.125 0.35 0.15 0.3\n")
        assert score(said, run, labels.parent)[0]["ap50"] == 1


class TestFiles:
    def test_a_coco_file_with_scores(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")], "b.jpg": []})
        document = json.loads(truth.read_text())
        document["annotations"] += [{"id": 9, "image_id": 2, "category_id": 0, "bbox": BOX, "score": 0.5}]
        (found_file := tmp_path / "found.json").write_text(json.dumps(document))
        assert score(said, found_file, truth)[0]["precision"] == 0.5

    def test_results_are_numbered_as_the_truth(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")], "b.jpg": [(BOX, "y")]})
        results = [{"image_id": 2, "category_id": 1, "bbox": BOX, "score": 0.9}]
        (found_file := tmp_path / "results.json").write_text(json.dumps(results))
        found, _ = score(said, found_file, truth)
        assert (found["recall"], [one["ap50"] for one in found["labels"]]) == (0.5, [0, 1])

    def test_a_list_of_no_results_has_found_nothing(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        (found_file := tmp_path / "results.json").write_text("[]")
        assert score(said, found_file, truth)[0]["ap50"] == 0


class TestTold:
    def test_images_that_the_run_lacks(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")], "b.jpg": [(BOX, "x"), ([90, 20, 30, 30], "x")]})
        found, told = score(said, run, truth)
        assert (found["photographs"], found["recall"]) == (2, pytest.approx(1 / 3))
        assert (
            "1 of 2 images of the truth are not in the run, or failed there; their 2 objects count as not"
            in told
        )
        found, told = score(said, run, truth, "--common")
        assert (found["photographs"], found["recall"]) == (1, 1)
        assert "are left out: 'b.jpg'" in told

    def test_images_that_the_truth_lacks(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()), photograph("c.jpg", detection()))
        found, told = score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}))
        assert (found["photographs"], found["false_positives"]) == (1, 0)
        assert "1 of 2 images of the run are not in the truth and are left out: 'c.jpg'" in told

    def test_labels_of_another_kind(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection(label="red-circle")))
        found, told = score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "stop")]}))
        assert (found["labels"][0]["recall"], found["labels"][0]["ap50"], found["mean_ap"]) == (1, None, None)
        assert "the run's labels ('red-circle') are none of the truth's ('stop')" in told

    def test_labels_that_the_truth_does_not_know(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection(label="stop"), detection(label="tree")))
        _, told = score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "stop")]}))
        assert "labels of the run are none of the truth's: 'tree'" in told

    @pytest.mark.parametrize(
        ("box", "reason"),
        [
            ([1, 2, 3], "no boxes are left out, in 'a.jpg'"),
            ([180, 10, 30, 30], "boxes of the run lie outside of their images, in 'a.jpg'"),
        ],
    )
    def test_boxes_of_the_run_that_are_none(
        self, tmp_path: Path, said: Said, box: list[float], reason: str
    ) -> None:
        pinhole = {"model": "pinhole", "fx": 1, "fy": 1, "cx": 1, "cy": 1}
        run = run_of(tmp_path, photograph("a.jpg", detection(box), camera=pinhole))
        assert reason in score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}))[1]

    def test_boxes_of_the_truth_that_stick_out(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection([170, 20, 30, 30])))
        found, told = score(said, run, truth_of(tmp_path, {"a.jpg": [([170, 20, 40, 30], "x")]}))
        assert found["ap"] == 1
        assert "cut at the edge" in told


class TestDoubts:
    """Figures that are right and easily taken for what they are not."""

    def results(self, tmp_path: Path, *scores: object) -> Path:
        """COCO results: a box of the truth's place in its first image for each score; without one for None."""
        found = [
            {"image_id": 1, "category_id": 0, "bbox": BOX, **({} if one is None else {"score": one})}
            for one in scores
        ]
        (path := tmp_path / "results.json").write_text(json.dumps(found))
        return path

    @pytest.mark.parametrize(("scores", "told"), [((None, None), "1"), ((0.7, 0.7, 0.7), "0.7")])
    def test_scores_that_rank_nothing(
        self, tmp_path: Path, said: Said, scores: tuple[float | None, ...], told: str
    ) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        _, warned = score(said, self.results(tmp_path, *scores), truth)
        assert (
            f"all {len(scores)} boxes of the run have one score, {told} (boxes without any have 1)" in warned
        )
        assert "nothing ranks them, so that average precision and the best F1 are of one point" in warned

    def test_scores_that_do_are_not_warned_of(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        assert score(said, self.results(tmp_path, 0.7, 0.6), truth)[1] == ""
        assert score(said, self.results(tmp_path, 0.7), truth)[1] == ""

    @pytest.mark.parametrize("given", [None, "high", True])
    def test_boxes_of_a_run_without_a_score(self, tmp_path: Path, said: Said, given: object) -> None:
        run = run_of(tmp_path, photograph("a.jpg", {"bbox": BOX, "score": given}, detection(score=0.5)))
        warned = score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}))[1]
        assert (
            "boxes of the run have no score that is a number, and count as 1, the surest, in 'a.jpg'"
            in warned
        )

    def test_no_box_at_all(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        assert "the run has not a single box in these images" in score(said, self.results(tmp_path), truth)[1]

    def test_no_box_above_the_threshold(self, tmp_path: Path, said: Said) -> None:
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        run = run_of(tmp_path, photograph("a.jpg", detection(score=0.3)))
        warned = score(said, run, truth, "--threshold", 0.5)[1]
        assert "the run has not a single box with a score of 0.5 or more in these images" in warned

    def test_a_truth_of_streets_without_an_object(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        found, warned = score(said, run, truth_of(tmp_path, {"a.jpg": []}))
        assert (found["ap50"], found["false_positives"]) == (None, 1)
        assert "the truth has no object in these images: only false positives can be told" in warned

    @pytest.mark.parametrize("box", [[10, 20, -30, 30], [10, 20, 30], None])
    def test_a_truth_of_which_nothing_is_left_is_refused(self, tmp_path: Path, said: Said, box: Any) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        _, warned = score(said, run, truth_of(tmp_path, {"a.jpg": [(box, "x")]}), exit_code=2)
        assert "not a box is left of the truth; truth.coco.json: " in warned


class TestRefused:
    def test_no_image_in_common(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        _, told = score(said, run, truth_of(tmp_path, {"b.jpg": [(BOX, "x")]}), exit_code=2)
        assert "none of its images is in the run: it has 'b.jpg', the run has 'a.jpg'" in told

    def test_names_that_fit_two_images(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("1/a.jpg"), photograph("2/a.jpg"), photograph("b.jpg"))
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")], "b.jpg": []})
        assert "give paths that tell them apart" in score(said, run, truth, exit_code=2)[1]

    def test_a_truth_made_on_images_of_another_shape(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}, width=100, height=200)
        assert "images of another shape" in score(said, run, truth, exit_code=2)[1]

    def test_a_run_without_detections(self, tmp_path: Path, said: Said) -> None:
        run = run_of(tmp_path)
        _, told = score(said, run, truth_of(tmp_path, {"a.jpg": [(BOX, "x")]}), exit_code=2)
        assert "none of its steps (resize, detect, position) has given detections yet" in told

    @pytest.mark.parametrize("truth", ["nothing.json", "."])
    def test_a_truth_that_is_none(self, tmp_path: Path, said: Said, truth: str) -> None:
        (empty := tmp_path / "empty").mkdir()
        run = run_of(tmp_path, photograph("a.jpg", detection()))
        told = score(said, run, empty / truth, exit_code=2)[1]
        assert "cannot be read" in told or "there are no boxes in this folder" in told

    def test_results_without_a_coco_truth(self, tmp_path: Path, said: Said) -> None:
        (labels := tmp_path / "truth" / "labels").mkdir(parents=True)
        (labels / "a.txt").write_text("0 0.125 0.35 0.15 0.3\n")
        (results := tmp_path / "results.json").write_text("[]")
        assert "must be the COCO file" in score(said, results, labels.parent, exit_code=2)[1]

    def test_no_run_folder(self, tmp_path: Path, said: Said) -> None:
        (empty := tmp_path / "empty").mkdir()
        truth = truth_of(tmp_path, {"a.jpg": [(BOX, "x")]})
        assert "is no run folder" in score(said, empty, truth, exit_code=2)[1]
