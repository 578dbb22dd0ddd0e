"""The committed weights on real sign crops they were not trained on (needs COORDINATOR_REALDATA)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from steps.recognise import classifier
from steps.recognise.crop import patch
from steps.recognise.features import features
from steps.training.recognise.gtsrb import read_gtsrb

REALDATA = os.environ.get("COORDINATOR_REALDATA")


@pytest.mark.skipif(not REALDATA, reason="COORDINATOR_REALDATA names no folder with real data")
def test_single_real_views_are_mostly_right() -> None:
    crops = read_gtsrb(Path(str(REALDATA)) / "gtsrb", "test")
    inputs = np.stack([features(patch(crop.image, None, crop.bbox)) for crop in crops])
    best = classifier.load().log_posteriors(inputs).argmax(axis=1)
    assert (best == [crop.category for crop in crops]).mean() > 0.92
