"""Which lane serves the next task: what a kept lane holds, how many tasks it takes, when it makes room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.resources import Gpu, Inventory, Ledger
from coordinator.core.seating import Seat, Seating
from coordinator.pipeline import Resources, Rung, Step
from tests.unit.builders import PROPERTY

GIB = 1024**3
JOBS = 100


def _step(
    name: str, rung: Rung, *, cpus: float = 1.0, memory: int = GIB, gpus: float = 0.0, chunk: int = 1
) -> Step:
    resources = Resources(cpus=cpus, memory=memory, gpus=gpus)
    return Step(name=name, image_ref=name, rung=rung, resources=resources, chunk=chunk)


class Lanes(Seating):
    """The seating of some steps, taken by their numbers."""

    def __init__(self, ledger: Ledger, steps: Sequence[Step], *, jobs: int = JOBS) -> None:
        super().__init__(ledger, jobs=jobs)
        self.steps = steps

    def seat(self, step: int) -> Seat | None:
        return self.take(self.steps[step])


def _lanes(*steps: Step, cpus: float = 2.0, memory: int = 8 * GIB, gpus: tuple[Gpu, ...] = ()) -> Lanes:
    return Lanes(Ledger(Inventory(cpus=cpus, memory=memory, gpus=gpus)), steps)


def _take(lanes: Lanes, step: int) -> Seat:
    seat = lanes.seat(step)
    assert seat is not None
    return seat


def test_a_fresh_task_is_a_lane_of_its_own_and_holds_all_it_asks_for() -> None:
    lanes = _lanes(_step("a", Rung.FRESH))
    first, second = _take(lanes, 0), _take(lanes, 0)
    assert first.lane != second.lane
    assert lanes.seat(0) is None
    lanes.give_back(first, 1.0)
    assert lanes.seat(0) is not None


def test_free_cpus_open_further_lanes_before_a_lane_takes_a_second_task() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT))
    assert len({_take(lanes, 0).lane for _ in range(2)}) == 2
    third = _take(lanes, 0)
    assert third.lane in (1, 2)


def test_a_seat_that_is_nobody_elses_may_be_asked_for() -> None:
    """As who has several machines does: before a task waits behind another, it goes to another machine."""
    lanes = _lanes(_step("a", Rung.RESIDENT), cpus=1.0)
    assert lanes.take_idle(lanes.steps[0]) is not None
    assert lanes.take_idle(lanes.steps[0]) is None
    assert lanes.join(lanes.steps[0]) is not None


def test_an_idle_lane_is_used_again() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT))
    seat = _take(lanes, 0)
    lanes.give_back(seat, 1.0)
    assert _take(lanes, 0).lane == seat.lane


def test_after_a_task_that_killed_its_step_the_next_one_goes_elsewhere() -> None:
    lanes = _lanes(_step("a", Rung.EXEC))
    seat = _take(lanes, 0)
    lanes.give_back(seat, 1.0, spoilt=True)
    assert lanes.closed() == [seat.lane]
    lanes.ended(seat.lane)
    assert {_take(lanes, 0).lane, _take(lanes, 0).lane}.isdisjoint({seat.lane})
    assert lanes.seat(0) is None  # what the spoilt lane held was given back, once


def test_a_lane_of_one_program_stays_because_it_gets_a_new_program() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT))
    seat = _take(lanes, 0)
    lanes.give_back(seat, 1.0, spoilt=True)
    assert (lanes.closed(), _take(lanes, 0).lane) == ([], seat.lane)


@pytest.mark.parametrize("rung", [Rung.EXEC, Rung.RESIDENT])
def test_a_lane_whose_gpu_may_have_gone_gives_no_more_seats_and_is_closed(rung: Rung) -> None:
    lanes = _lanes(_step("a", rung, gpus=1.0), gpus=(Gpu(uuid="GPU-a", memory=GIB),))
    seat = _take(lanes, 0)
    beside = lanes.seat(0)
    lanes.give_back(seat, 1.0, spoilt=True)
    assert lanes.seat(0) is None
    if rung is Rung.RESIDENT:
        assert beside is not None
        assert lanes.closed() == []  # somebody is served there
        lanes.give_back(beside, 1.0)
    assert lanes.closed() == [seat.lane]
    lanes.ended(seat.lane)
    assert _take(lanes, 0).lane != seat.lane


def test_a_lane_takes_as_many_tasks_as_keep_it_busy() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT), cpus=1)
    lanes.give_back(_take(lanes, 0), 0.001)
    quick = [lanes.seat(0) for _ in range(1000)]
    assert sum(seat is not None for seat in quick) == 100
    slow = _lanes(_step("a", Rung.RESIDENT), cpus=1)
    slow.give_back(_take(slow, 0), 5.0)
    assert sum(slow.seat(0) is not None for _ in range(10)) == 2


def test_a_lane_of_the_exec_rung_has_one_task_at_a_time() -> None:
    lanes = _lanes(_step("a", Rung.EXEC), cpus=1)
    lanes.give_back(_take(lanes, 0), 0.001)
    assert lanes.seat(0) is not None
    assert lanes.seat(0) is None


def test_an_idle_lane_frees_its_cpus_for_another_step_and_stays_loaded() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT), _step("b", Rung.RESIDENT), cpus=1)
    seat = _take(lanes, 0)
    assert lanes.seat(1) is None
    lanes.give_back(seat, 1.0)
    assert lanes.seat(1) is not None
    assert lanes.closed() == []


def test_an_idle_lane_is_closed_when_another_step_needs_its_memory() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT, memory=6 * GIB), _step("b", Rung.RESIDENT, memory=6 * GIB))
    seat = _take(lanes, 0)
    assert lanes.seat(1) is None
    lanes.give_back(seat, 1.0)
    assert lanes.seat(1) is None
    assert lanes.closed() == [seat.lane]
    assert (lanes.seat(1), lanes.seat(0), lanes.closed()) == (None, None, [])  # until it has ended
    lanes.ended(seat.lane)
    assert _take(lanes, 1).lane != seat.lane


def test_as_many_idle_lanes_are_closed_as_are_needed_one_after_the_other() -> None:
    kept = [_step(name, Rung.RESIDENT, memory=2 * GIB) for name in "abc"]
    lanes = _lanes(*kept, _step("d", Rung.FRESH, memory=5 * GIB), cpus=4)
    for number in range(3):
        lanes.give_back(_take(lanes, number), 1.0)
    for lane in (1, 2):
        assert lanes.seat(3) is None
        assert lanes.closed() == [lane]
        lanes.ended(lane)
    assert lanes.seat(3) is not None
    assert _take(lanes, 2).lane == 3


def test_a_lane_keeps_its_gpu_from_task_to_task() -> None:
    gpus = (Gpu(uuid="GPU-a", memory=GIB), Gpu(uuid="GPU-b", memory=GIB))
    lanes = _lanes(_step("a", Rung.RESIDENT, gpus=1.0), gpus=gpus)
    first, second = _take(lanes, 0), _take(lanes, 0)
    assert {first.grant.gpu_uuids, second.grant.gpu_uuids} == {("GPU-a",), ("GPU-b",)}
    lanes.give_back(first, 1.0)
    assert _take(lanes, 0).grant.gpu_uuids == first.grant.gpu_uuids


class TestChunks:
    """A lane that takes so many tasks and is closed then."""

    def quick(self, chunk: int, *, cpus: float = 1.0) -> Lanes:
        """Room for one lane of a step that is known to be so quick that it would take hundreds of tasks at once."""
        lanes = _lanes(_step("a", Rung.FRESH, memory=3 * GIB, chunk=chunk), cpus=cpus, memory=4 * GIB)
        lanes.give_back(_take(lanes, 0), 0.0001)
        return lanes

    def test_a_lane_gives_so_many_seats_and_is_closed_once_all_are_given_back(self) -> None:
        lanes = self.quick(4)
        seats = [_take(lanes, 0) for _ in range(3)]
        assert {seat.lane for seat in seats} == {1}
        assert lanes.seat(0) is None
        for seat in seats:
            assert lanes.closed() == []
            lanes.give_back(seat, 0.0001)
        assert (lanes.closed(), lanes.closed()) == ([1], [])

    def test_what_a_closed_lane_holds_is_free_once_it_has_ended(self) -> None:
        lanes = self.quick(2, cpus=2.0)
        lanes.give_back(_take(lanes, 0), 0.0001)
        assert lanes.closed() == [1]
        assert lanes.seat(0) is None
        lanes.ended(1)
        assert _take(lanes, 0).lane == 2

    def test_a_lane_whose_chunk_is_not_full_stays_for_what_comes(self) -> None:
        lanes = self.quick(3)
        assert lanes.closed() == []
        assert _take(lanes, 0).lane == 1

    def test_a_lane_whose_chunk_is_not_full_makes_room_for_another_step(self) -> None:
        first, second = (_step(name, Rung.FRESH, memory=6 * GIB, chunk=8) for name in "ab")
        lanes = _lanes(first, second)
        lanes.give_back(_take(lanes, 0), 1.0)
        assert lanes.seat(1) is None
        assert lanes.closed() == [1]
        lanes.ended(1)
        assert lanes.seat(1) is not None
        assert lanes.seat(0) is None

    def test_a_lane_that_is_ending_is_closed_only_once(self) -> None:
        chunks, other = (
            _step("a", Rung.FRESH, memory=6 * GIB, chunk=2),
            _step("b", Rung.RESIDENT, memory=6 * GIB),
        )
        lanes = _lanes(chunks, other)
        for seat in [_take(lanes, 0), _take(lanes, 0)]:
            lanes.give_back(seat, 1.0)
        assert lanes.closed() == [1]
        assert lanes.seat(1) is None
        assert lanes.closed() == []
        lanes.ended(1)
        assert lanes.seat(1) is not None

    def test_a_slow_step_has_two_tasks_in_a_lane_as_on_any_that_is_kept(self) -> None:
        lanes = _lanes(_step("a", Rung.FRESH, chunk=8), cpus=2)
        seats = [lanes.seat(0) for _ in range(5)]
        assert [seat.lane for seat in seats if seat] == [1, 2, 1, 2]


STEPS = (
    _step("a", Rung.FRESH, memory=3 * GIB),
    _step("b", Rung.RESIDENT, cpus=0.5, memory=2 * GIB, gpus=0.5),
    _step("c", Rung.EXEC, cpus=1.5, memory=GIB),
    _step("d", Rung.FRESH, cpus=0.5, memory=2 * GIB, gpus=0.5, chunk=3),
)


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_lanes_never_hold_more_than_the_machine_has(moves: list[tuple[int, bool]]) -> None:
    ledger = Ledger(Inventory(cpus=2.0, memory=6 * GIB, gpus=(Gpu(uuid="GPU-a", memory=GIB),)))
    lanes = Lanes(ledger, STEPS)
    seats: list[Seat] = []
    given_by: Counter[int] = Counter()
    opened: dict[int, Step] = {}
    ending: dict[int, Step] = {}
    for step, take in moves:
        if take:
            if (seat := lanes.seat(step)) is not None:
                seats.append(seat)
                given_by[seat.lane] += 1
                opened[seat.lane] = seat.step
        elif ending:
            lanes.ended(ending.popitem()[0])
        elif seats:
            lanes.give_back(seats.pop(step % len(seats)), 0.5)
        ending |= {lane: opened[lane] for lane in lanes.closed()}
        working = {seat.lane: seat.step.resources for seat in seats}
        held = working | {lane: step.resources for lane, step in ending.items()}
        assert sum(resources.cpus for resources in working.values()) <= 2.0
        assert sum(resources.memory for resources in held.values()) <= 6 * GIB
        assert sum(resources.gpus for resources in held.values()) <= 1.0
        assert lanes.busy == len(working)
        assert all(given_by[seat.lane] <= seat.step.chunk for seat in seats if seat.step.takes_chunks)
    for seat in seats:
        lanes.give_back(seat, 0.5)
    assert lanes.busy == 0
    for step in (0, 1):
        while lanes.seat(step) is None:  # until all have ended whose room it needs
            closed = [*ending, *lanes.closed()]
            assert closed
            ending.clear()
            for lane in closed:
                lanes.ended(lane)


def test_at_most_so_many_lanes_work_at_a_time_and_a_kept_ones_further_seats_are_none() -> None:
    fresh = Lanes(Ledger(Inventory(cpus=9, memory=99 * GIB)), [_step("a", Rung.FRESH)], jobs=2)
    assert [fresh.seat(0) is None for _ in range(4)] == [False, False, True, True]
    kept = Lanes(Ledger(Inventory(cpus=9, memory=99 * GIB)), [_step("a", Rung.RESIDENT)], jobs=2)
    assert {_take(kept, 0).lane for _ in range(4)} == {1, 2}
    assert kept.seat(0) is None


class TestAGpuThatHasGone:
    GPUS = (Gpu(uuid="one", memory=GIB), Gpu(uuid="two", memory=GIB))

    @pytest.mark.parametrize("rung", [Rung.FRESH, Rung.RESIDENT])
    def test_it_is_given_to_nobody_any_more(self, rung: Rung) -> None:
        lanes = _lanes(_step("a", rung, gpus=1), gpus=self.GPUS)
        seat = _take(lanes, 0)
        assert seat.grant.gpu_uuids == ("one",)
        lanes.lose({"one"})
        lanes.give_back(seat, 1.0, spoilt=True)
        for lane in lanes.closed():
            lanes.ended(lane)
        assert _take(lanes, 0).grant.gpu_uuids == ("two",)

    def test_what_is_kept_with_it_is_closed(self) -> None:
        lanes = _lanes(
            _step("a", Rung.RESIDENT, gpus=1), _step("b", Rung.RESIDENT, gpus=0.5), cpus=9, gpus=self.GPUS
        )
        idle, other = _take(lanes, 0), _take(lanes, 1)
        lanes.give_back(idle, 1.0)
        lanes.lose({"one"})
        assert lanes.closed() == [idle.lane]
        assert other.grant.gpu_uuids == ("two",)
        assert _take(lanes, 1).grant.gpu_uuids == ("two",)

    def test_one_at_work_takes_no_further_task_and_is_closed_when_it_has_ended(self) -> None:
        lanes = _lanes(_step("a", Rung.RESIDENT, gpus=1), gpus=self.GPUS[:1])
        busy = _take(lanes, 0)
        lanes.lose({"one"})
        assert lanes.seat(0) is None
        lanes.give_back(busy, 1.0)
        assert lanes.closed() == [busy.lane]
