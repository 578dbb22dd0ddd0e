"""The figures of score-detections: by hand, and beside pycocotools where that is installed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.commands.boxfigures import Figures, figures, lines
from coordinator.commands.boxscore import COCO, PIXELS, Boxes, Judged, match, overlap
from coordinator.strictjson import Json
from tests.unit.builders import PROPERTY

Row = tuple[list[float], float, str | None]


def boxes(*rows: Row) -> Boxes:
    return Boxes(
        boxes=np.array([box for box, _, _ in rows], float).reshape(-1, 4),
        scores=np.array([score for _, score, _ in rows], float),
        labels=tuple(label for _, _, label in rows),
    )


def at(x: float, score: float = 1.0, label: str | None = None, side: float = 10.0) -> Row:
    """A square box ``x`` to the right: two that are 2 apart overlap by 8/12, 5 apart by a third."""
    return [x, 0.0, side, side], score, label


def image(found: Sequence[Row], true: Sequence[Row], turn: float | None = None) -> Judged:
    return Judged(name="a", found=boxes(*found), true=boxes(*true), turn=turn)


def judge(*images: Judged, labels: Sequence[str] = ()) -> Figures:
    return figures(images, labels, comparable=bool(labels))


class TestOverlap:
    def test_by_hand(self) -> None:
        found = np.array([[0, 0, 10, 10], [20, 0, 10, 10]], float)
        true = np.array([[2, 0, 10, 10], [0, 5, 10, 10], [20, 0, 5, 10]], float)
        assert overlap(found, true) == pytest.approx(np.array([[8 / 12, 5 / 15, 0], [0, 0, 0.5]]))

    def test_across_a_panoramas_seam(self) -> None:
        found, true = np.array([[95.0, 0, 10, 10]]), np.array([[-5.0, 0, 10, 10]])
        assert overlap(found, true)[0, 0] == 0
        assert overlap(found, true, 100.0)[0, 0] == 1
        assert overlap(true, found, 100.0)[0, 0] == 1


class TestByHand:
    def test_all_found_and_nothing_else(self) -> None:
        found = judge(image([at(0, 0.9), at(50, 0.8)], [at(0), at(50)]), image([], []))
        assert (found.ap50, found.ap, found.recall, found.precision, found.false_positives) == (1, 1, 1, 1, 0)
        assert (found.photographs, found.empty, found.objects) == (2, 1, 2)

    def test_one_of_two_found_and_a_false_one_first(self) -> None:
        """Precision is 1/2 up to a recall of 1/2 and 0 beyond: 51 of 101 recalls."""
        found = judge(image([at(200, 0.9), at(0, 0.8)], [at(0), at(50)]))
        assert found.ap50 == pytest.approx(51 / 101 / 2)
        assert (found.recall, found.precision, found.false_positives) == (0.5, 0.5, 1)

    def test_a_true_box_is_found_once(self) -> None:
        """The surer of two takes it; the other is false, but comes behind all that is to be found."""
        found = judge(image([at(0, 0.9), at(1, 0.8)], [at(0)]))
        assert (found.ap50, found.precision, found.false_positives) == (1, 0.5, 1)

    def test_how_well_a_box_fits_counts_for_ap(self) -> None:
        """An overlap of 8/12 is enough for 0.50, 0.55, 0.60 and 0.65: four of ten."""
        found = judge(image([at(2, 0.9)], [at(0)]))
        assert (found.ap50, found.ap) == pytest.approx((1, 0.4))

    def test_images_are_judged_together_the_surest_box_first(self) -> None:
        """False at 0.9 in one image, right at 0.8 in the other: half at every recall."""
        assert judge(image([at(0, 0.9)], []), image([at(0, 0.8)], [at(0)])).ap50 == pytest.approx(0.5)

    def test_nothing_found_and_nothing_true(self) -> None:
        assert judge(image([], [at(0)])).ap50 == 0
        found = judge(image([at(0, 0.7)], []))
        assert (found.ap50, found.recall, found.precision, found.false_positives) == (None, None, 0, 1)
        assert found.best is None

    def test_the_best_threshold(self) -> None:
        """Two right, one false between them, and ten false below: from 0.7 on F1 is 4/5."""
        bad = [at(200 + 20 * n, 0.1) for n in range(10)]
        best = judge(image([at(0, 0.9), at(100, 0.8), at(50, 0.7), *bad], [at(0), at(50)])).best
        assert best is not None
        assert (best.threshold, best.f1, best.recall, best.false_positives) == pytest.approx((0.7, 0.8, 1, 1))

    def test_boxes_of_one_score_are_in_or_out_together(self) -> None:
        best = judge(image([at(0, 0.5), at(100, 0.5)], [at(0)])).best
        assert best is not None
        assert best.f1 == pytest.approx(2 / 3)

    def test_across_the_seam(self) -> None:
        assert judge(image([at(95, 0.9)], [at(-5)], turn=100.0)).ap50 == 1


class TestGroups:
    def test_sizes(self) -> None:
        """A small one found, a small one missed, a large one found, a false small one that is surer than all."""
        found = judge(
            image(
                [at(0, 0.8), at(300, 0.9), at(500, 0.7, side=40)],
                [at(0), at(100), at(500, side=40)],
            )
        )
        by_name = {one.name: one for one in found.sizes}
        below, above = by_name["below 16 px"], by_name["32-48 px"]
        assert (below.objects, below.recall, below.false_positives) == (2, 0.5, 1)
        assert below.ap50 == pytest.approx(51 / 101 / 2)
        assert (above.objects, above.recall, above.ap50, above.false_positives) == (1, 1, 1, 0)
        assert sum(one.objects for one in found.sizes) == sum(one.objects for one in found.coco) == 3
        assert by_name["96 px and more"].recall is None

    def test_a_box_of_another_size_on_a_true_one_of_another_size_is_no_fault(self) -> None:
        """17 px found for 15 px: false in neither class."""
        found = judge(image([at(0, 0.9, side=17)], [at(0, side=15)]))
        assert [(one.ap50, one.false_positives) for one in found.sizes[:2]] == [(1, 0), (None, 0)]

    def test_labels(self) -> None:
        """Stop is found and called yield: recall counts it, and the average precisions of both suffer."""
        found = judge(
            image(
                [at(0, 0.9, "yield"), at(50, 0.8, "yield"), at(90, 0.7, "other")],
                [at(0, label="stop"), at(50, label="yield")],
            ),
            labels=("stop", "yield"),
        )
        stop, give_way = found.labels
        assert (stop.recall, stop.ap50, stop.false_positives) == (1, 0, 0)
        assert (give_way.recall, give_way.ap50, give_way.false_positives) == (1, 0.5, 1)
        assert (found.mean_ap50, found.ap50) == pytest.approx((0.25, 1))

    def test_labels_that_cannot_be_compared_have_their_recall(self) -> None:
        (one,) = figures([image([at(0, 0.9, "x")], [at(0, label="stop")])], ["stop"], comparable=False).labels
        assert (one.recall, one.ap50, one.ap) == (1, None, None)

    def test_every_figure_is_printed(self) -> None:
        text = "\n".join(lines(judge(image([at(0, 0.9, "a")], [at(0, label="a")]), labels=("a",))))
        assert "AP50                1.000" in text
        assert "false positives     0.000 a photograph" in text
        assert "below 16 px" in text
        assert "medium" in text


ANY = st.lists(
    st.tuples(
        st.integers(0, 60), st.integers(0, 60), st.integers(5, 120), st.integers(5, 120), st.integers(1, 9)
    ),
    max_size=8,
)


def random_image(found: Sequence[tuple[int, ...]], true: Sequence[tuple[int, ...]]) -> Judged:
    def rows(side: Sequence[tuple[int, ...]]) -> list[Row]:
        return [([float(x), float(y), w + 0.5, h + 0.25], n / 10, None) for x, y, w, h, n in side]

    return image(rows(found), rows(true))


@PROPERTY
@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=4))
def test_a_true_box_and_a_found_one_are_a_pair_or_neither(sides: Any) -> None:
    images = [random_image(*pair) for pair in sides]
    for size in (None, COCO[0], PIXELS[3]):
        matched = match(images, size)
        counted = matched.hits.sum(axis=1)
        assert (counted == (matched.met & matched.wanted).sum(axis=1)).all()
        assert not (matched.hits & matched.ignored).any()


@pytest.fixture(scope="module")
def cocoeval() -> Any:
    pytest.importorskip("pycocotools", reason="pip install pycocotools, to compare with COCO's own figures")
    from pycocotools import coco, cocoeval

    return coco.COCO, cocoeval.COCOeval


@PROPERTY
@given(
    st.lists(st.tuples(ANY, ANY), min_size=1, max_size=4).filter(lambda sides: any(true for _, true in sides))
)
def test_average_precision_is_cocos(cocoeval: Any, sides: Any) -> None:
    images = [random_image(*pair) for pair in sides]
    expected = _by_coco(cocoeval, images)
    for size, want in zip((None, *COCO), expected, strict=True):
        precisions = match(images, size).precisions()
        if precisions is None:
            assert want == -1
        else:
            assert precisions.mean() == pytest.approx(want, abs=1e-9)


def _by_coco(cocoeval: Any, images: Sequence[Judged]) -> list[float]:
    """AP of all and of small, medium and large boxes, by pycocotools."""
    make, evaluate = cocoeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth, results, listed = make(), list[Json](), list[Json]()
        for number, one in enumerate(images, start=1):
            for kind, side in (("true", one.true), ("found", one.found)):
                for box, score in zip(side.boxes.tolist(), side.scores.tolist(), strict=True):
                    entry = {"image_id": number, "category_id": 1, "bbox": box, "score": score}
                    if kind == "found":
                        results.append(entry)
                    else:
                        listed.append({**entry, "id": len(listed) + 1, "area": box[2] * box[3], "iscrowd": 0})
        truth.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(1, len(images) + 1)],
            "categories": [{"id": 1, "name": "object"}],
            "annotations": listed,
        }
        truth.createIndex()
        if not results:
            return [0.0, *(0.0 if size.holds(_all_true(images)).any() else -1.0 for size in COCO)]
        judged = evaluate(truth, truth.loadRes(results), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return [float(judged.stats[place]) for place in (0, 3, 4, 5)]


def _all_true(images: Sequence[Judged]) -> Boxes:
    return boxes(*((box, 1.0, None) for one in images for box in one.true.boxes.tolist()))


def test_sizes_leave_no_gap() -> None:
    for sizes in (PIXELS, COCO):
        assert [one.high for one in sizes[:-1]] == [one.low for one in sizes[1:]]
        assert (sizes[0].low, sizes[-1].high) == (0, np.inf)
