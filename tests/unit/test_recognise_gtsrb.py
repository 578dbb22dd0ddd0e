"""The committed weights on real sign crops they were not trained on (needs COORDINATOR_REALDATA)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steps.signs.judging import WEIGHTS
from steps.training.recognise.gtsrb import read_gtsrb
from steps.training.recognise.measure import judged, let_through, nudged, proposals
from steps.training.recognise.pool import split

REALDATA = os.environ.get("COORDINATOR_REALDATA")


needs_data = pytest.mark.skipif(not REALDATA, reason="COORDINATOR_REALDATA names no folder with real data")


@needs_data
def test_views_of_held_out_tracks_are_right_and_as_sure_as_they_are_right() -> None:
    _, _, crops = split(read_gtsrb(Path(str(REALDATA)) / "gtsrb_train.tar"))
    signs = [crop.sample for crop in crops]
    found = judged(signs, WEIGHTS)
    assert found.right >= 0.99
    assert found.calibration_error < 0.01
    assert judged(nudged(signs[::5]), WEIGHTS).right >= 0.985


@needs_data
def test_what_a_detector_proposes_and_is_no_sign_is_not_let_through() -> None:
    assert let_through(judged(proposals(Path(str(REALDATA)), 1), WEIGHTS))["let_through"] < 0.03
