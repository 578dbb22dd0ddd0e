"""How operations become steps, and items find back to their places."""

from __future__ import annotations

import pytest

from coordinator.service.orders import Operation, Order
from coordinator.service.stages import Stage, in_order, item_id, place, stages

RESIZE: Operation = ("resize", "50%")
SPLIT: Operation = ("split", True)
BLUR: Operation = ("blur", "median")
WRITE: Operation = ("write", "png")


def made(*operations: Operation, files: int, workers: int) -> list[tuple[str, int]]:
    found = stages(Order(operations=operations, output="png"), files=files, workers=workers)
    done = [operation for stage in found for operation in stage.operations]
    assert done == [*operations, WRITE]  # whatever the cuts: all operations, in order, written once
    return [(stage.name, stage.tasks) for stage in found]


@pytest.mark.parametrize(
    ("operations", "files", "workers", "expected"),
    [
        ([], 3, 2, [("1-write", 3)]),
        ([RESIZE, BLUR], 1, 8, [("1-resize-blur", 1)]),
        ([RESIZE, SPLIT, BLUR], 1, 2, [("1-resize-split", 1), ("2-blur", 4)]),
        ([RESIZE, SPLIT, BLUR], 2, 2, [("1-resize-split-blur", 2)]),
        ([RESIZE, SPLIT, BLUR], 1, 0, [("1-resize-split-blur", 1)]),
        ([SPLIT, SPLIT, BLUR], 1, 2, [("1-split", 1), ("2-split-blur", 4)]),
        ([SPLIT, SPLIT, BLUR], 1, 5, [("1-split", 1), ("2-split", 4), ("3-blur", 16)]),
        ([BLUR, SPLIT], 1, 8, [("1-blur-split", 1)]),
    ],
)
def test_a_step_ends_after_a_split_while_there_are_too_few_images_for_the_workers(
    operations: list[Operation], files: int, workers: int, expected: list[tuple[str, int]]
) -> None:
    assert made(*operations, files=files, workers=workers) == expected


def test_a_quality_goes_where_the_results_are_written() -> None:
    operations: tuple[Operation, ...] = (("quality", 80), SPLIT, BLUR)
    found = stages(Order(operations=operations, output="jpg"), files=1, workers=4)
    assert [stage.operations for stage in found] == [(SPLIT,), (BLUR, ("quality", 80), ("write", "jpg"))]
    assert [stage.name for stage in found] == ["1-split", "2-blur"]


def test_a_long_chain_keeps_a_name_that_a_step_may_have() -> None:
    ((name, _),) = made(*[BLUR] * 50, files=1, workers=1)
    assert len(name) <= 40
    assert not name.endswith("-")


def test_parameters_are_those_of_the_imaging_step() -> None:
    stage = Stage(name="1-split", operations=(SPLIT, WRITE), tasks=1)
    assert stage.params == {"operations": [["split", True], ["write", "png"]]}


def test_items_lie_by_file_then_by_quarter() -> None:
    ids = [f"{item_id('00ff', file)}{rest}" for file in (10, 2) for rest in ("-3-0", "-0-2", "-0-10", "")]
    found = [item["id"] for item in in_order({"id": name} for name in ids)]
    assert [place(name) for name in found] == sorted(place(name) for name in ids)
    assert place("00ff-10-3-0") == (10, 3, 0)
    assert found[0] == "00ff-2"
