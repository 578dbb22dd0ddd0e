"""What cannot come of an image is told before work, and of nothing that the step does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coordinator.service.orders import Order
from coordinator.service.outcome import WEBP_SIDE, check_outcome
from coordinator.service.photographs import Photograph
from coordinator.service.refusal import Refused
from steps.imaging import crop, write
from steps.stepkit import BadInput

ENLARGED = ("resize", "81x60")


def order(*operations: tuple[str, Any], output: str = "png") -> Order:
    return Order(operations=operations, output=output)


def photograph(width: int = 80, height: int = 60) -> Photograph:
    return Photograph(suffix=".png", width=width, height=height)


@pytest.mark.parametrize(
    "area", ["1x1+80+0", "1x1+0+60", "9x9+99999+99999", "1x1+79+59", "500x500+0+0", "90x70"]
)
def test_a_crop_is_refused_if_and_only_if_the_step_refuses_it(area: str) -> None:
    try:
        crop.parse(area)(np.zeros((60, 80), np.uint8))
    except BadInput:
        with pytest.raises(Refused, match=r"80x60 where crop begins at .*, outside of it"):
            check_outcome(photograph(), order(("crop", area)), "files[0]")
    else:
        check_outcome(photograph(), order(("crop", area)), "files[0]")


@pytest.mark.parametrize(
    "before", [("blur", "median"), ("quality", 9), ("crop", "90x70"), ("crop", "500x500+0+0")]
)
def test_what_keeps_the_size_is_followed(before: tuple[str, Any]) -> None:
    with pytest.raises(Refused, match="outside"):
        check_outcome(photograph(), order(before, ("crop", "1x1+80+0")), "files[0]")
    check_outcome(photograph(), order(before, ENLARGED, ("crop", "1x1+80+0")), "files[0]")


@pytest.mark.parametrize("before", [("split", True), ("resize", "200%"), ("resize", "x90"), ("fit", "9x9")])
def test_behind_the_others_the_step_tells(before: tuple[str, Any]) -> None:
    check_outcome(photograph(), order(before, ("crop", "1x1+80+0"), output="webp"), "files[0]")


def test_a_webp_has_no_longer_sides() -> None:
    assert WEBP_SIDE == write._WEBP_SIDE
    check_outcome(photograph(WEBP_SIDE, 2), order(output="webp"), "files[0]")
    check_outcome(photograph(WEBP_SIDE + 1, 2), order(), "files[0]")
    check_outcome(photograph(WEBP_SIDE + 1, 2), order(("crop", "9x2"), output="webp"), "files[0]")
    with pytest.raises(
        Refused, match="would become a webp of 16384x2, which has at most 16,383 pixels a side"
    ):
        check_outcome(photograph(WEBP_SIDE + 1, 2), order(output="webp"), "files[0]")
