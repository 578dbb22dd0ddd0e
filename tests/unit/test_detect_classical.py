"""Training of the detector without a network: laid-out scenes, the fit."""

from __future__ import annotations

import numpy as np
import pytest

from images.render.signs import faces
from steps.detect import boxes
from steps.detect.classical import verify
from steps.detect.labels import SHAPES
from steps.training.detect import scenes
from steps.training.detect.classical import samples, train


def test_laid_out_scenes_are_repeatable_and_their_boxes_hold_signs() -> None:
    background = np.full((600, 800, 3), 120, np.uint8)
    first, laid = scenes.scene(background, np.random.default_rng(4))
    again, laid_again = scenes.scene(background, np.random.default_rng(4))
    assert np.array_equal(first, again)
    assert laid == laid_again
    assert laid
    for (x, y, width, height), category in laid:
        assert x >= 0
        assert y >= 0
        assert x + width <= first.shape[1]
        assert y + height <= first.shape[0]
        assert 0 <= category < len(faces.CATEGORIES)


def test_every_category_has_a_label() -> None:
    assert set(samples.LABEL_OF_CATEGORY) == set(range(len(faces.CATEGORIES)))
    assert set(samples.LABEL_OF_CATEGORY.values()) == set(SHAPES)


def test_the_fit_separates_what_can_be_separated() -> None:
    rng = np.random.default_rng(1)
    classes = rng.integers(len(SHAPES) + 1, size=400)
    descriptors = np.eye(len(SHAPES) + 1, dtype=np.float32)[classes] + rng.normal(0, 0.05, (400, 8))
    verifier = train.fit(samples.Samples(descriptors.astype(np.float32), classes), rounds=100)
    probabilities = verifier.probabilities(descriptors.astype(np.float32))
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    is_sign = classes < len(SHAPES)
    assert (probabilities[is_sign, :-1].argmax(axis=1) == classes[is_sign]).all()
    assert probabilities[~is_sign, -1].min() > probabilities[is_sign, -1].max()


def test_the_committed_weights_fit_the_descriptors() -> None:
    described = verify.describe([np.zeros((64, 64, 3), np.uint8)], [])
    assert verify.load().weights.shape == (described.shape[1], len(SHAPES) + 1)


def test_true_signs_of_a_drawn_batch_are_no_background() -> None:
    found = np.array([(0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0)])
    true = [((0.0, 0.0, 10.0, 10.0), 14)]
    unsure: list[boxes.Box] = [(45.0, 45.0, 30.0, 30.0)]
    octagon = SHAPES.index("red-octagon")
    assert samples._classes(found, true, unsure, 0.68).tolist() == [octagon, -1, octagon]
