"""IoU and non-maximum suppression of boxes, on flat images and around the seam."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.detect import boxes
from tests.unit.builders import PROPERTY

edge = st.floats(-200, 1200)
side = st.floats(1, 400)
box = st.tuples(edge, edge, side, side)


@PROPERTY
@given(box, box)
def test_iou_is_symmetric_and_a_share(a: boxes.Box, b: boxes.Box) -> None:
    assert 0 <= boxes.iou(a, b) <= 1 + 1e-9
    assert boxes.iou(a, b) == pytest.approx(boxes.iou(b, a))


@PROPERTY
@given(box)
def test_a_box_overlaps_itself_a_turn_further(a: boxes.Box) -> None:
    assert boxes.iou(a, (a[0] + 1000, *a[1:]), turn=1000) == pytest.approx(1)


def test_iou_across_the_seam() -> None:
    assert boxes.iou((990, 0, 20, 10), (0, 0, 10, 10)) == 0
    assert boxes.iou((990, 0, 20, 10), (0, 0, 10, 10), turn=1000) == pytest.approx(0.5)


def test_inside_is_the_share_of_the_smaller() -> None:
    assert boxes.inside((0, 0, 10, 10), (2, 2, 5, 5)) == pytest.approx(1)
    assert boxes.inside((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(0.5)
    assert boxes.inside((0, 0, 10, 10), (50, 0, 10, 10)) == 0


def test_suppression_keeps_the_best_and_drops_what_nests() -> None:
    found = [(0.0, 0.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0), (2.0, 2.0, 4.0, 4.0), (0.0, 11.0, 10.0, 10.0)]
    assert boxes.nms(found, [0.6, 0.9, 0.8, 0.7], 0.3) == [1, 3]


def test_equal_scores_are_kept_in_order_of_place() -> None:
    found = [(50.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 10.0)]
    assert boxes.nms(found, [0.5, 0.5], 0.3) == [1, 0]
