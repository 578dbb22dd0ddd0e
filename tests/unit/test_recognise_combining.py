"""How the views of one object are put together."""

from __future__ import annotations

import numpy as np
import pytest

from steps.recognise.combining import combined
from steps.signs.classes import CLASSES as NAMES
from steps.stepkit.arrays import F64

CLASSES = len(NAMES)
NOTHING = CLASSES - 1


def view(**probabilities: float) -> list[float]:
    """A posterior by class number (``c3=0.7``), the rest spread evenly."""
    given = {int(name[1:]): value for name, value in probabilities.items()}
    rest = (1 - sum(given.values())) / (CLASSES - len(given))
    return [given.get(number, rest) for number in range(CLASSES)]


def together(*views: list[float], sizes: list[float] | None = None) -> F64:
    return combined(np.array(views), np.array(sizes or [50.0] * len(views)))


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
    certain = np.zeros((3, CLASSES))
    certain[:, 5] = 1.0
    posterior = combined(certain, np.array([20.0, 300.0, 14.0]))
    assert posterior.sum() == pytest.approx(1)
    assert np.isfinite(posterior).all()


def test_one_clear_view_keeps_its_probabilities() -> None:
    seen = together(view(c3=0.7, c4=0.2))
    assert seen[3] == pytest.approx(0.7, abs=0.05)
    assert seen[4] == pytest.approx(0.2, abs=0.05)
    assert together(view(**{f"c{NOTHING}": 0.9}))[NOTHING] == pytest.approx(0.8, abs=0.1)
