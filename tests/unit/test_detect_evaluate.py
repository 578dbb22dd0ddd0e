"""Measuring the detect step on a benchmark: splits, matching, precision over recall, the tables."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect.boxes import Box
from steps.detect.detection import Detection
from steps.detect.settings import Settings
from steps.training.detect import benchmark, evaluate, measure
from steps.training.detect.benchmark import Photograph, Sign
from steps.training.detect.measure import Judged, Measures, Outcome


def sign(box: Box, category: int = 1) -> Sign:
    return Sign(box=box, category=category)


def detection(box: Box, score: float, label: str = "red-circle") -> Detection:
    return Detection(bbox=box, score=score, label=label)


def judged(score: float, right: bool) -> Judged:
    box = (0.0, 0.0, 20.0, 20.0)
    return Judged(found=detection(box, score), sign=sign(box) if right else None)


class TestBenchmark:
    def test_corner_pixels_become_edges(self, tmp_path: Path) -> None:
        (tmp_path / "gt.txt").write_text(
            "00001.ppm;10;20;29;39;13\n00001.ppm;0;0;0;0;1\n00001.ppm;0;0;0;0;1\n"
        )
        assert benchmark.read_truth(tmp_path / "gt.txt") == {
            "00001": [sign((10, 20, 20, 20), 13), sign((0, 0, 1, 1), 1)]
        }

    def test_every_fifth_photograph_is_held_out(self, tmp_path: Path) -> None:
        for number in range(11):
            (tmp_path / f"{number:05}.jpg").touch()
        (tmp_path / "gt.txt").write_text("00005.ppm;10;20;29;39;35\n")
        splits = {name: benchmark.photographs(tmp_path, name) for name in benchmark.SPLITS}
        assert [one.path.stem for one in splits["heldout"]] == ["00000", "00005", "00010"]
        assert len(splits["all"]) == 11
        assert {one.path for one in splits["all"]} == {
            one.path for name in ("train", "heldout") for one in splits[name]
        }
        assert [one.group for one in splits["heldout"][1].signs] == ["mandatory"]

    def test_the_truth_may_lie_beside(self, tmp_path: Path) -> None:
        (tmp_path / "photographs").mkdir()
        (tmp_path / "photographs" / "00001.png").touch()
        with pytest.raises(FileNotFoundError, match=r"gt\.txt is there; say where the truth is"):
            benchmark.photographs(tmp_path / "photographs")
        (tmp_path / "gtsdb").mkdir()
        (tmp_path / "gtsdb" / "gt_all900.txt").write_text("00001.ppm;10;20;29;39;13\n")
        (one,) = benchmark.photographs(tmp_path / "photographs")
        assert one.signs == (sign((10, 20, 20, 20), 13),)
        with pytest.raises(FileNotFoundError, match="no photographs"):
            benchmark.photographs(tmp_path / "gtsdb")


class TestMeasures:
    def test_matches_misses_and_false_positives_are_told_apart(self) -> None:
        near, far = sign((10.0, 10.0, 20.0, 20.0)), sign((100.0, 100.0, 15.0, 15.0))
        found = [
            detection((108, 100, 15, 15), 0.8),
            detection((12, 10, 20, 20), 0.9),
            detection((11, 10, 20, 20), 0.7),
        ]
        told = measure.judge(found, [near, far])
        assert [(one.found.score, one.sign) for one in told] == [(0.9, near), (0.8, None), (0.7, None)]
        assert told[0].iou == pytest.approx(18 / 22)

    def test_average_precision_is_the_area_under_the_falling_curve(self) -> None:
        found = [judged(0.9, True), judged(0.8, False), judged(0.7, True), judged(0.6, True)]
        assert measure.average_precision(found, 4) == pytest.approx((1 + 0.75 + 0.75) / 4)
        assert measure.average_precision([], 4) == 0
        assert np.isnan(measure.average_precision(found, 0))

    def test_recall_stops_before_one_false_positive_too_many(self) -> None:
        found = [
            judged(0.9, True),
            judged(0.8, False),
            judged(0.7, True),
            judged(0.6, False),
            judged(0.5, True),
        ]
        assert measure.recall_at(found, 4, wrong=1) == (0.5, 0.7)
        assert measure.recall_at(found, 4, wrong=5) == (0.75, 0.5)

    def test_the_table_says_what_is_found_of_which_group_and_size(self) -> None:
        small, large = sign((10, 10, 18, 18), 35), sign((100, 100, 50, 50), 18)
        photo = Photograph(path=Path("00001.jpg"), signs=(small, large))
        found = [detection(large.box, 0.9, "red-triangle"), detection((300, 300, 30, 30), 0.6, "blue-circle")]
        outcome = Outcome(photograph=photo, judged=measure.judge(found, photo.signs), seconds=0.25)
        rows = measure.table({"mine": Measures(outcomes=(outcome,), threshold=0.5)}).splitlines()
        assert rows[0] == "| | mine |"
        for row in (
            "| photographs, signs | 1, 2 |",
            "| AP50 | 0.500 |",
            "| AP50 danger | 1.000 of 1 |",
            "| AP50 mandatory | 0.000 of 1 |",
            "| AP50 48 to 96 px | 1.000 of 1 |",
            "| recall at the threshold | 0.500 (at 0.5) |",
            "| recall 16 to 20 px | 0 of 1 |",
            "| false positives a photograph there | 1.00 |",
            "| CPU seconds a photograph, mean and most | 0.250, 0.250 |",
        ):
            assert row in rows


@pytest.mark.parametrize("method", ["network", "classical"])
def test_a_folder_is_measured(tmp_path: Path, method: str) -> None:
    image = np.full((200, 200, 3), 110, np.uint8)
    face = cv2.resize(faces.draw(14, 256), (60, 60), interpolation=cv2.INTER_AREA)
    image[50:110, 50:110] = np.where(face[..., 3:] > 127, face[..., :3], image[50:110, 50:110])
    assert cv2.imwrite(str(tmp_path / "00001.png"), image)
    (tmp_path / "gt_all900.txt").write_text("00001.ppm;50;50;109;109;14\n")
    measures = evaluate.detect(benchmark.photographs(tmp_path), Settings(method=method))
    assert ("AP50", "1.000") in measures.rows()
    assert evaluate._listed(measures) == []


@pytest.mark.skipif("COORDINATOR_REALDATA" not in os.environ, reason="COORDINATOR_REALDATA is not set")
@pytest.mark.parametrize(
    ("method", "most_missed", "most_wrong"), [("network", 1, 0.7), ("classical", 7, 1.5)]
)
def test_real_photographs(method: str, most_missed: int, most_wrong: float) -> None:
    photos = benchmark.photographs(Path(os.environ["COORDINATOR_REALDATA"]) / "gtsdb")
    listed = evaluate._listed(evaluate.detect(photos, Settings(method=method)))
    assert sum(line.startswith("missed") for line in listed) <= most_missed
    assert sum(line.startswith("false") for line in listed) <= most_wrong * len(photos)
