"""The sign network's weights fit its classes, and what it says are probabilities, patch by patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from images.render.signs import faces
from steps.signs.classes import CLASSES, CODES, GTSRB_CLASSES, NOTHING, OTHER
from steps.signs.judging import AT_ONCE, judge
from steps.signs.patches import SIDE, patch
from steps.stepkit import BadInput
from steps.stepkit.arrays import U8


def drawn(category: int, size: int = 72) -> U8:
    """A patch of a drawn sign before grey."""
    face = faces.draw(category, size).astype(float)
    image = np.full((size + 48, size + 48, 3), 110.0)
    alpha = face[..., 3:] / 255
    image[24 : 24 + size, 24 : 24 + size] = 110 * (1 - alpha) + face[..., :3] * 0.8 * alpha
    rows, columns = (np.nonzero((face[..., 3] > 127).any(axis=axis))[0] for axis in (1, 0))
    box = [24.0 + columns[0], 24.0 + rows[0], float(np.ptp(columns)) + 1, float(np.ptp(rows)) + 1]
    return patch(image.astype(np.uint8), None, box)


@pytest.fixture(scope="module")
def patches() -> U8:
    return np.stack([drawn(category) for category in range(GTSRB_CLASSES)])


def test_classes_are_gtsrbs_then_others_by_their_codes_then_nothing() -> None:
    assert CLASSES[:GTSRB_CLASSES] == tuple(faces.CATEGORIES)
    assert CLASSES[-2:] == (OTHER, NOTHING)
    assert len(set(CLASSES)) == len(CLASSES) == len(CODES) + 2
    assert len(set(CODES.values())) == len(CODES)
    assert CODES["speed_limit_50"] == "DE:274-50"
    assert all(code.startswith("DE:") for code in CODES.values())
    assert all(name == CODES[name] for name in CLASSES[GTSRB_CLASSES:-2])


def test_rows_are_probabilities_of_all_classes(patches: U8) -> None:
    seen = judge(patches)
    assert seen.shape == (GTSRB_CLASSES, len(CLASSES))
    assert seen.sum(axis=1) == pytest.approx(1)
    assert (seen >= 0).all()


def test_drawn_signs_are_what_they_are_and_plain_grey_is_nothing(patches: U8) -> None:
    assert judge(patches).argmax(axis=1).tolist() == list(range(GTSRB_CLASSES))
    grey = np.full((1, SIDE, SIDE, 3), 120, np.uint8)
    assert CLASSES[int(judge(grey).argmax())] == NOTHING


def test_a_patchs_row_does_not_depend_on_its_company(patches: U8) -> None:
    together = judge(patches)
    alone = np.concatenate([judge(patches[number : number + 1]) for number in range(len(patches))])
    many = judge(np.concatenate([patches, patches[::-1]] * (1 + AT_ONCE // len(patches))))
    assert np.abs(together - alone).max() < 1e-4
    assert np.abs(many[: len(patches)] - together).max() < 1e-4
    assert np.array_equal(judge(patches), together)


def test_no_patches_give_no_rows() -> None:
    assert judge(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, len(CLASSES))


def test_patches_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, 48, 48, 3\), not \(2, 72, 72, 3\)"):
        judge(np.zeros((2, 72, 72, 3), np.uint8))


def test_weights_that_cannot_be_loaded_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(b"no network")
    with pytest.raises(BadInput, match=r"weights\.onnx"):
        judge(np.zeros((1, SIDE, SIDE, 3), np.uint8), tmp_path / "weights.onnx")
