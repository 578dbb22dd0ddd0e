"""One reader of parameters for all steps: each parameter has a check, and messages say what to change."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from steps.detect import settings
from steps.position import params as position
from steps.recognise import params as recognise
from steps.stepkit import BadInput
from steps.stepkit.parameters import (
    Check,
    Reader,
    choice,
    flag,
    names,
    number,
    positive,
    positive_whole,
    whole,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Parameters of a step that is none."""

    share: float = 0.5
    most: int = 3


READER = Reader(
    kind=Wanted,
    unknown="unknown {name!r}; known are {known}",
    checks={"share": number(0, 1), "most": whole(1)},
)


def test_what_is_not_given_has_its_default() -> None:
    assert READER.read({}) == Wanted()
    assert READER.read({"most": 7}) == Wanted(most=7)


@pytest.mark.parametrize("check", [number(0, 1e9), positive], ids=["number", "positive"])
@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), 10**400])
def test_what_no_double_holds_is_no_number(check: Check, value: Any) -> None:
    with pytest.raises(BadInput, match="parameter 'share' must be"):
        check("parameter 'share'", value)


def test_a_number_is_kept_as_one_with_a_fraction() -> None:
    assert repr(READER.read({"share": 1})) == "Wanted(share=1.0, most=3)"


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(BadInput, match=r"^unknown 'other'; known are most, share$"):
        READER.read({"share": 7, "other": 1})


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (number(0, 1), 1.5, "it must be a number from 0 to 1, not 1.5"),
        (number(0, 1), float("nan"), "it must be a number from 0 to 1, not nan"),
        (number(0, 1), True, "it must be a number from 0 to 1, not True"),
        (whole(1), 0, "it must be a whole number of 1 or more, not 0"),
        (whole(1, 9), 10, "it must be a whole number from 1 to 9, not 10"),
        (whole(1, 9), 2.0, "it must be a whole number from 1 to 9, not 2.0"),
        (whole(1), True, "it must be a whole number of 1 or more, not True"),
        (positive, "1", "it must be a number, not '1'"),
        (positive, float("inf"), "it must be finite and above 0, not inf"),
        (positive_whole, 1.5, "it must be a whole number, not 1.5"),
        (positive_whole, 0, "it must be finite and above 0, not 0"),
        (flag, 1, "it must be true or false, not 1"),
        (choice("a", "b"), "c", "it must be one of a, b, not 'c'"),
        (choice("a", "b"), ["a"], "it must be one of a, b, not ['a']"),
        (names(), "a", "it must be a list of names, not 'a'"),
        (names(), [1], "it must be a list of names, not [1]"),
        (names("a", "b"), ["a", "c"], "it may hold a, b, not 'c'"),
    ],
)
def test_what_cannot_be_used_is_told(check: Any, value: object, message: str) -> None:
    with pytest.raises(BadInput) as told:
        check("it", value)
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("kind", "reader"),
    [
        (settings.Settings, settings._READER),
        (position.Params, position._READER),
        (recognise.Params, recognise._READER),
    ],
)
def test_every_parameter_of_a_step_has_a_check(kind: Any, reader: Reader[Any]) -> None:
    assert {field.name for field in dataclasses.fields(kind)} == reader.checks.keys()
