"""What cannot come of an image is told before work, and of nothing that the step does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.service.orders import Order
from coordinator.service.outcome import WEBP_SIDE, check_outcome
from coordinator.service.photographs import Photograph
from coordinator.service.refusal import Refused
from coordinator.service.sizes import after
from steps.imaging import blur, crop, resize, split, write
from steps.imaging.image import size_of
from steps.stepkit import BadInput
from tests.unit.builders import PROPERTY

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


def test_behind_a_split_the_step_tells() -> None:
    check_outcome(photograph(), order(("split", True), ("crop", "1x1+80+0"), output="webp"), "files[0]")


SIDES = st.integers(1, 300)
VALUES = {
    "resize": st.one_of(
        st.builds("{}x{}".format, SIDES, SIDES),
        st.builds("{}x".format, SIDES),
        st.builds("x{}".format, SIDES),
        st.builds("{}%".format, st.sampled_from(["0.01", "3", "33.3", "50", "99.999", "100", "250"])),
    ),
    "fit": st.one_of(
        st.builds("{}x{}".format, SIDES, SIDES),
        st.builds("{}x".format, SIDES),
        st.builds("x{}".format, SIDES),
    ),
    "crop": st.one_of(
        st.builds("{}x{}".format, SIDES, SIDES),
        st.builds("{}x{}+{}+{}".format, SIDES, SIDES, st.integers(0, 300), st.integers(0, 300)),
    ),
    "split": st.just(True),
    "blur": st.just("median"),
}
PARSE = {
    "resize": resize.parse,
    "fit": resize.parse_fit,
    "crop": crop.parse,
    "split": split.parse,
    "blur": blur.parse,
}


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
@settings(PROPERTY, max_examples=100)
def test_the_size_that_is_left_is_the_steps_to_the_pixel(name: str, data: st.DataObject) -> None:
    value, width, height = data.draw(VALUES[name]), data.draw(SIDES), data.draw(SIDES)
    try:
        made: Any = PARSE[name](value)(np.zeros((height, width), np.uint8))
    except BadInput:
        with pytest.raises(Refused):
            check_outcome(photograph(width, height), order((name, value)), "files[0]")
        return
    check_outcome(photograph(width, height), order((name, value)), "files[0]")
    largest = max(made, key=np.size) if name == "split" else made
    assert after((name, value), (width, height)) == size_of(largest)


@pytest.mark.parametrize(
    ("size", "value", "made"),
    [
        ((40_000, 2), "100%", "40000x2"),
        ((30_000, 3), "110%", "33000x3"),
        ((3, 30_000), "9x", "9x90000"),
        ((9000, 9000), "120%", "10800x10800"),
    ],
)
def test_a_resize_to_more_than_there_may_be(size: tuple[int, int], value: str, made: str) -> None:
    with pytest.raises(
        Refused, match=f"{size[0]}x{size[1]} where resize {value} would make it {made}; at most"
    ) as told:
        check_outcome(photograph(*size), order(("resize", value)), "files[0]")
    assert told.value.status == 413


def test_a_webp_has_no_longer_sides() -> None:
    assert WEBP_SIDE == write._WEBP_SIDE
    check_outcome(photograph(WEBP_SIDE, 2), order(output="webp"), "files[0]")
    check_outcome(photograph(WEBP_SIDE + 1, 2), order(), "files[0]")
    check_outcome(photograph(WEBP_SIDE + 1, 2), order(("crop", "9x2"), output="webp"), "files[0]")
    with pytest.raises(
        Refused, match="would become a webp of 16384x2, which has at most 16,383 pixels a side"
    ):
        check_outcome(photograph(WEBP_SIDE + 1, 2), order(output="webp"), "files[0]")
