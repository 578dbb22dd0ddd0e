"""Who starts next: later steps first, first fit, and nobody waits for ever."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.admission import ReadyQueue
from coordinator.core.resources import Grant, Inventory, Ledger
from coordinator.pipeline import Resources
from tests.unit.builders import PROPERTY, resources


def filled(*steps: str) -> ReadyQueue[str]:
    queue: ReadyQueue[str] = ReadyQueue(len(steps))
    for step, units in enumerate(steps):
        for unit in units:
            queue.push(step, unit)
    return queue


def drained(queue: ReadyQueue[str], *, unfit: int | None = None) -> str:
    """The units in the order they start, while the step ``unfit`` gets nothing."""
    order = ""
    while (popped := queue.pop(lambda step: None if step == unfit else step)) is not None:
        order += popped[0]
    return order


def test_the_step_nearest_the_end_starts_first_and_a_line_keeps_its_order() -> None:
    assert drained(filled("ab", "cd", "ef")) == "efcdab"


def test_what_does_not_fit_is_passed_by_what_does() -> None:
    queue = filled("ab", "c", "d")
    assert drained(queue, unfit=1) == "dab"
    assert (len(queue), queue.waiting(1)) == (1, 1)


def test_nothing_ready_nothing_started() -> None:
    assert filled("", "").pop(lambda step: step) is None


def test_the_grant_comes_with_the_unit() -> None:
    assert filled("a").pop(lambda step: f"grant {step}") == ("a", "grant 0")


def test_where_steps_have_places_of_their_own_only_a_long_line_holds_earlier_ones_back() -> None:
    queue: ReadyQueue[str] = ReadyQueue(2, longest=3)
    for unit in "x" * 100:
        queue.push(0, unit)
    queue.push(1, "A")
    assert drained(queue, unfit=1) == "x" * 100
    queue.push(0, "x")
    for unit in "BC":
        queue.push(1, unit)
    assert drained(queue, unfit=1) == ""
    assert queue.pop(lambda step: step) == ("A", 1)
    assert drained(queue, unfit=1) == "x"


def test_a_unit_passed_over_too_often_holds_back_the_others_until_it_fits() -> None:
    queue = filled("A", "x" * 1000)
    started = drained(queue, unfit=0)
    assert set(started) == {"x"}
    assert (
        len(started) == 1000
    )  # later steps come first: nothing is held back for an earlier one that waits its turn
    queue = filled("x" * 1000, "A")
    started = drained(queue, unfit=1)
    assert 0 < len(started) < 100
    assert queue.pop(lambda step: step) == ("A", 1)


def simulate(capacity: float, big: float, small: float, arrivals: int, duration: int) -> int | None:
    """The small units started before the big one, with small ones always ready on both sides of it."""
    ledger = Ledger(Inventory(cpus=capacity, memory=10**9))
    wanted = [resources(cpus=small), resources(cpus=big), resources(cpus=small)]
    queue: ReadyQueue[str] = ReadyQueue(3)
    running: deque[Grant] = deque()
    started = 0
    for number in range(arrivals):
        queue.push(0, "small")
        queue.push(2, "small")
        if number == 3:
            queue.push(1, "big")
        while (popped := queue.pop(lambda step: ledger.reserve(wanted[step]))) is not None:
            if popped[0] == "big":
                return started
            started += 1
            running.append(popped[1])
        while running and (len(running) > duration or number % 2):
            ledger.release(running.popleft())
            if number % 2:
                break
    return None


@PROPERTY
@given(st.integers(2, 16), st.integers(1, 16), st.integers(1, 3))
def test_however_many_small_tasks_keep_coming_a_big_one_gets_its_turn(
    cpus: int, small_share: int, hold: int
) -> None:
    small = max(0.25, cpus / small_share)
    started = simulate(float(cpus), float(cpus), min(small, float(cpus)), arrivals=400, duration=hold)
    assert started is not None


def test_a_step_that_fits_is_never_held_back_for_one_that_was_just_served() -> None:
    ledger = Ledger(Inventory(cpus=2, memory=10))
    wanted: list[Resources] = [resources(cpus=1), resources(cpus=2)]
    queue = filled("aaa", "B")
    big = queue.pop(lambda step: ledger.reserve(wanted[step]))
    assert big is not None
    assert big[0] == "B"
    assert queue.pop(lambda step: ledger.reserve(wanted[step])) is None
    ledger.release(big[1])
    assert queue.pop(lambda step: ledger.reserve(wanted[step])) is not None
