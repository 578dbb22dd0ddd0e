"""Measuring and training of the detect step: matching, the table, laid-out scenes, the fit."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect import boxes, settings, verify
from steps.detect.detection import Detection
from steps.detect.labels import LABELS
from steps.training.detect import evaluate, samples, scenes, train


def test_matches_misses_and_false_positives_are_told_apart() -> None:
    true = [(10.0, 10.0, 20.0, 20.0), (100.0, 100.0, 15.0, 15.0)]
    found = [
        Detection(bbox=(12, 10, 20, 20), score=0.9),
        Detection(bbox=(108, 100, 15, 15), score=0.8),
    ]
    outcome = evaluate.compare(found, true, seconds=0.25)
    assert [overlap >= 0.5 for _, overlap in outcome.true] == [True, False]
    assert outcome.false_positives == [found[1]]
    assert outcome.offsets == [pytest.approx(0.1)]
    rows = evaluate.table({"one.jpg": outcome})
    assert "| recall (IoU >= 0.5) | 1 of 2 (0.50) |" in rows
    assert "| recall, signs of at least 20 px | 1 of 1 (1.00) |" in rows
    assert "| false positives per photograph | 1.00 |" in rows


def test_the_benchmarks_corner_pixels_become_edges(tmp_path: Path) -> None:
    (tmp_path / "gt_all900.txt").write_text("00001.ppm;10;20;29;39;13\n00001.ppm;0;0;0;0;1\n")
    assert evaluate.truth(tmp_path) == {"00001": [(10, 20, 20, 20), (0, 0, 1, 1)]}


def test_a_folder_is_measured(tmp_path: Path) -> None:
    image = np.full((200, 200, 3), 110, np.uint8)
    face = cv2.resize(faces.draw(14, 256), (60, 60), interpolation=cv2.INTER_AREA)
    image[50:110, 50:110] = np.where(face[..., 3:] > 127, face[..., :3], image[50:110, 50:110])
    assert cv2.imwrite(str(tmp_path / "00001.png"), image)
    (tmp_path / "gt_all900.txt").write_text("00001.ppm;50;50;109;109;14\n")
    (outcome,) = evaluate.gtsdb(tmp_path, settings.Settings()).values()
    assert [overlap > 0.5 for _, overlap in outcome.true] == [True]


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
    assert set(samples.LABEL_OF_CATEGORY.values()) == set(LABELS)


def test_the_fit_separates_what_can_be_separated() -> None:
    rng = np.random.default_rng(1)
    classes = rng.integers(len(LABELS) + 1, size=400)
    descriptors = np.eye(len(LABELS) + 1, dtype=np.float32)[classes] + rng.normal(0, 0.05, (400, 8))
    verifier = train.fit(samples.Samples(descriptors.astype(np.float32), classes), rounds=100)
    probabilities = verifier.probabilities(descriptors.astype(np.float32))
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    is_sign = classes < len(LABELS)
    assert (probabilities[is_sign, :-1].argmax(axis=1) == classes[is_sign]).all()
    assert probabilities[~is_sign, -1].min() > probabilities[is_sign, -1].max()


def test_the_committed_weights_fit_the_descriptors() -> None:
    described = verify.describe([np.zeros((64, 64, 3), np.uint8)], [])
    assert verify.load().weights.shape == (described.shape[1], len(LABELS) + 1)


def test_true_signs_of_a_drawn_batch_are_no_background() -> None:
    found = np.array([(0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0)])
    true = [((0.0, 0.0, 10.0, 10.0), 14)]
    unsure: list[boxes.Box] = [(45.0, 45.0, 30.0, 30.0)]
    octagon = LABELS.index("red-octagon")
    assert samples._classes(found, true, unsure, 0.68).tolist() == [octagon, -1, octagon]


@pytest.mark.skipif("COORDINATOR_REALDATA" not in os.environ, reason="COORDINATOR_REALDATA is not set")
def test_real_photographs() -> None:
    folder = Path(os.environ["COORDINATOR_REALDATA"]) / "gtsdb"
    outcomes = evaluate.gtsdb(folder, settings.Settings()).values()
    found = sum(overlap >= 0.5 for outcome in outcomes for _, overlap in outcome.true)
    assert found >= 25
    assert sum(len(outcome.false_positives) for outcome in outcomes) <= 1.5 * len(outcomes)
