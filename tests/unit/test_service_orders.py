"""What a request may ask for, and that the service and the step that carries it out mean the same by it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service.orders import BLURS, MAX_OPERATIONS, MAX_SPLITS, OUTPUTS, Order, parse_order
from coordinator.service.refusal import Refused
from steps.imaging import plan, write
from steps.stepkit import BadInput
from tests.unit.builders import PROPERTY


def actions(**fields: Any) -> bytes:
    return json.dumps({"operations": [], "output": "jpg", **fields}).encode()


def test_an_order() -> None:
    asked = [["resize", "200x300"], ["split", True], ["blur", "gaussian"]]
    order = parse_order(actions(operations=asked, output="png", paths=["a/b.jpg"]))
    assert order == Order(
        operations=(("resize", "200x300"), ("split", True), ("blur", "gaussian")),
        output="png",
        paths=("a/b.jpg",),
    )
    assert order.results == 4


def test_no_operation_only_changes_the_format() -> None:
    assert parse_order(actions()).operations == ()


@pytest.mark.parametrize(
    ("raw", "field", "message"),
    [
        (b"", "actions", "not JSON at character 0"),
        (b"\xff{}", "actions", "not UTF-8 at byte 0"),
        (b"[]", "actions", "must be a JSON object"),
        (b"[" * 100_000, "actions", "nested too deeply"),
        (b'{"output": 1e999}', "actions", "not finite"),
        (b'{"output": ' + b"9" * 5000 + b"}", "actions", "5000 digits"),
        (b'{"output": "\\ud800"}', "actions", "half of a UTF-16 pair"),
        (actions(colour="red"), "actions.'colour'", "unknown; known are operations, output, paths"),
        (b'{"output": "jpg"}', "actions.operations", 'missing; give a list such as [["resize", "200x300"]]'),
        (actions(operations={}), "actions.operations", "must be a list of at most 99"),
        (actions(operations=[["split", True]] * 100), "actions.operations", "must be a list of at most 99"),
        (
            actions(operations=["split"]),
            "actions.operations[0]",
            "must be a pair of name and value, not 'split'",
        ),
        (actions(operations=[["split"]]), "actions.operations[0]", "must be a pair"),
        (actions(operations=[[1, 2]]), "actions.operations[0]", "must be a pair"),
        (
            actions(operations=[["split", True], ["rotate", 90]]),
            "actions.operations[1]",
            "unknown operation 'rotate'; known are resize, split, blur",
        ),
        (actions(operations=[["write", "jpg"]]), "actions.operations[0]", "unknown operation 'write'"),
        (actions(operations=[["split", 1]]), "actions.operations[0]", "split must be true, not 1"),
        (
            actions(operations=[["blur", "box"]]),
            "actions.operations[0]",
            "blur must be one of gaussian, updown",
        ),
        (actions(operations=[["blur", ["median"]]]), "actions.operations[0]", "blur must be one of"),
        (actions(operations=[["resize", "0x5"]]), "actions.operations[0]", "resize must be like 200x300"),
        (actions(operations=[["resize", "x"]]), "actions.operations[0]", "must be like 200x300"),
        (actions(operations=[["resize", "-5%"]]), "actions.operations[0]", "must be like 200x300"),
        (actions(operations=[["resize", 50]]), "actions.operations[0]", "must be like 200x300"),
        (
            actions(operations=[["resize", "40000x1"]]),
            "actions.operations[0]",
            "at most 32,767 pixels a side",
        ),
        (actions(operations=[["resize", "20000x20000"]]), "actions.operations[0]", "100,000,000 in all"),
        (actions(operations=[["split", True]] * 7), "actions.operations", "may hold split 6 times at most"),
        (
            actions(operations=[["fit", "50%"]]),
            "actions.operations[0]",
            "fit must be like 200x300, 200x or x300",
        ),
        (
            actions(operations=[["crop", "5x5+1"]]),
            "actions.operations[0]",
            "crop must be like 200x300 or 200x",
        ),
        (
            actions(operations=[["quality", 101]]),
            "actions.operations[0]",
            "quality must be a whole number from",
        ),
        (
            actions(operations=[["quality", True]]),
            "actions.operations[0]",
            "quality must be a whole number from",
        ),
        (
            actions(operations=[["quality", 5], ["quality", 5]]),
            "actions.operations[1]",
            "quality may be given once",
        ),
        (
            actions(operations=[["quality", 5]], output="png"),
            "actions.operations[0]",
            "quality is for jpg and webp; png loses nothing",
        ),
        (actions(output="gif"), "actions.output", "must be one of jpg, png, webp, not 'gif'"),
        (actions(output=["jpg"]), "actions.output", "must be one of jpg, png"),
        (actions(bad_files="skip"), "actions.bad_files", "must be refuse or fail, not 'skip'"),
        (actions(bad_files=["fail"]), "actions.bad_files", "must be refuse or fail"),
        (actions(paths="a.jpg"), "actions.paths", "must be a list of paths"),
        (actions(paths=["a.jpg", 3]), "actions.paths[1]", "must be the path of an image, not 3"),
        (actions(paths=["a\0b"]), "actions.paths[0]", "must be the path of an image"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
)
def test_what_is_refused_says_which_part_and_why(raw: bytes, field: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_order(raw)
    assert refused.value.field == field
    assert message in refused.value.message
    assert len(refused.value.message) < 200


SIZES = st.from_regex(r"[0-9]{0,6}x?[0-9]{0,6}|[0-9]{1,6}(\.[0-9]{1,7})?%", fullmatch=True)


@PROPERTY
@given(SIZES | st.text(max_size=8))
def test_the_step_takes_every_size_that_the_service_takes_and_no_other(text: str) -> None:
    try:
        parse_order(actions(operations=[["resize", text]]))
        refused = ""
    except Refused as found:
        refused = found.message
    try:
        plan.parse({"operations": [["resize", text]]})
        assert not refused or "pixels" in refused  # an output too large is refused before there is an image
    except BadInput:
        assert refused


def test_the_step_knows_the_same_names_and_limits() -> None:
    assert tuple(write.FORMATS) == OUTPUTS
    assert (plan.MAX_OPERATIONS, plan.MAX_SPLITS) == (MAX_OPERATIONS + 1, MAX_SPLITS)
    for blur in BLURS:
        plan.parse({"operations": [["blur", blur]]})
