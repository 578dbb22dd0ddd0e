"""Parameters are checked before any work, and the message says what to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steps.position.params import Params, read_params
from steps.stepkit import BadInput


def test_nothing_given_means_the_defaults() -> None:
    assert read_params({}) == Params()


def test_given_values_are_taken_and_whole_numbers_serve_as_metres() -> None:
    assert read_params({"max_range_m": 30}) == Params(max_range_m=30)


def test_who_asks_for_views_gets_them_where_recordings_are_sparse_too() -> None:
    assert read_params({"min_views": 4}) == Params(min_views=4, sparse=0)
    assert read_params({"min_views": 4, "sparse": 9}) == Params(min_views=4, sparse=9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"range": 30}, "unknown parameter 'range'; position knows angle_sigma_deg, "),
        ({"max_range_m": "30"}, "'max_range_m' must be a number, not '30'"),
        ({"max_range_m": float("inf")}, "'max_range_m' must be finite and above 0"),
        ({"gate": 0}, "'gate' must be finite and above 0, not 0"),
        ({"min_views": 2.5}, "'min_views' must be a whole number, not 2.5"),
        ({"min_views": True}, "'min_views' must be a whole number, not True"),
        ({"min_views": 1}, "'min_views' must be at least 2"),
        ({"max_uncertainty_m": 1e200}, "'max_uncertainty_m' must be a number from 1e-06 to 1e+06"),
        ({"min_parallax_deg": 90}, "'min_parallax_deg' must be below 90"),
        ({"min_size_m": 3}, "min_size_m 3 must be below max_size_m 2.5"),
        ({"min_baseline_m": 60}, "min_baseline_m 60 must be below max_range_m 50"),
    ],
)
def test_what_cannot_be_used_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as told:
        read_params(given)
    assert message in str(told.value)


def test_a_rays_variance_grows_with_distance_from_that_of_the_position() -> None:
    params = Params(position_sigma_m=0.3, angle_sigma_deg=np.degrees(0.01))
    assert np.allclose(np.sqrt(params.variance(np.array([0.0, 40.0]))), [0.3, 0.5])
