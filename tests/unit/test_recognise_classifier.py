"""How the views of one object are put together, and that the stored weights fit the rest of the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from images.render.signs import faces
from steps.recognise import classifier
from steps.recognise.classifier import BACKGROUND, combined
from steps.recognise.crop import SIDE
from steps.recognise.features import features
from steps.stepkit.arrays import F64

CLASSES = len(faces.CATEGORIES) + 1
NOTHING = CLASSES - 1


def view(**probabilities: float) -> list[float]:
    """A posterior by class number (``c3=0.7``), the rest spread evenly."""
    given = {int(name[1:]): value for name, value in probabilities.items()}
    rest = (1 - sum(given.values())) / (CLASSES - len(given))
    return [given.get(number, rest) for number in range(CLASSES)]


def together(*views: list[float], sizes: list[float] | None = None) -> F64:
    return combined(np.log(np.array(views)), np.array(sizes or [50.0] * len(views)))


def test_the_sum_of_views_beats_a_single_bad_one() -> None:
    bad, fair = view(c7=0.9999), view(c3=0.6, c4=0.3)
    assert together(bad)[7] > 0.9
    assert together(bad, fair, fair, fair).argmax() == 3


def test_agreeing_views_are_surer_than_one_but_less_than_independent_ones() -> None:
    one = together(view(c3=0.6, c4=0.3))[3]
    four = together(*[view(c3=0.6, c4=0.3)] * 4)[3]
    independent = 0.6**4 / (0.6**4 + 0.3**4)
    assert one < four < independent


def test_views_of_a_signs_back_do_not_outvote_its_face() -> None:
    face, back = view(c3=0.98), view(**{f"c{NOTHING}": 0.999})
    assert together(face, face, back, back, back).argmax() == 3
    assert together(back, back, back).argmax() == NOTHING
    assert together(back).argmax() == NOTHING


def test_a_tiny_view_has_less_of_a_vote() -> None:
    views = [view(c3=0.8), view(c4=0.9)]
    assert together(*views).argmax() == 4
    assert together(*views, sizes=[40.0, 8.0]).argmax() == 3


def test_posteriors_are_probabilities_whatever_the_views() -> None:
    certain = np.full((3, CLASSES), -1000.0)
    certain[:, 5] = 0.0
    posterior = combined(certain, np.array([20.0, 300.0, 14.0]))
    assert posterior.sum() == pytest.approx(1)
    assert np.isfinite(posterior).all()


def test_stored_weights_name_the_drawn_categories_and_fit_the_features() -> None:
    stored = classifier.load()
    assert stored.categories == (*faces.CATEGORIES, BACKGROUND)
    length = features(np.zeros((SIDE, SIDE, 3), dtype=np.uint8)).shape[0]
    assert stored.weights.shape == (length, CLASSES)
    assert stored.bias.shape == (CLASSES,)
    assert np.isfinite(stored.weights).all()
    assert classifier.WEIGHTS.stat().st_size < 2_000_000


def test_weights_survive_saving(tmp_path: Path) -> None:
    first = classifier.load()
    classifier.save(first, tmp_path / "weights.npz")
    again = classifier.load(tmp_path / "weights.npz")
    assert again.categories == first.categories
    assert np.array_equal(again.weights, first.weights)
    assert (tmp_path / "weights.npz").read_bytes() == classifier.WEIGHTS.read_bytes()
