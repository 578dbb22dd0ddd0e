"""Which lane serves the next task: what a kept lane holds, how many tasks it takes, when it makes room."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.resources import Gpu, Inventory, Ledger
from coordinator.core.seating import Seat, Seating
from coordinator.pipeline import Resources, Rung, Step

GIB = 1024**3
JOBS = 100


def _step(name: str, rung: Rung, *, cpus: float = 1.0, memory: int = GIB, gpus: float = 0.0) -> Step:
    resources = Resources(cpus=cpus, memory=memory, gpus=gpus)
    return Step(name=name, image_ref=name, rung=rung, resources=resources)


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
    assert {_take(lanes, 0).lane, _take(lanes, 0).lane}.isdisjoint({seat.lane})
    assert lanes.seat(0) is None  # what the spoilt lane held was given back, once


def test_a_lane_of_one_program_stays_because_it_gets_a_new_program() -> None:
    lanes = _lanes(_step("a", Rung.RESIDENT))
    seat = _take(lanes, 0)
    lanes.give_back(seat, 1.0, spoilt=True)
    assert (lanes.closed(), _take(lanes, 0).lane) == ([], seat.lane)


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
    assert lanes.seat(1) is not None
    assert lanes.closed() == [seat.lane]
    assert lanes.closed() == []


def test_a_lane_keeps_its_gpu_from_task_to_task() -> None:
    gpus = (Gpu(uuid="GPU-a", memory=GIB), Gpu(uuid="GPU-b", memory=GIB))
    lanes = _lanes(_step("a", Rung.RESIDENT, gpus=1.0), gpus=gpus)
    first, second = _take(lanes, 0), _take(lanes, 0)
    assert {first.grant.gpu_uuids, second.grant.gpu_uuids} == {("GPU-a",), ("GPU-b",)}
    lanes.give_back(first, 1.0)
    assert _take(lanes, 0).grant.gpu_uuids == first.grant.gpu_uuids


STEPS = (
    _step("a", Rung.FRESH, memory=3 * GIB),
    _step("b", Rung.RESIDENT, cpus=0.5, memory=2 * GIB, gpus=0.5),
    _step("c", Rung.EXEC, cpus=1.5, memory=GIB),
)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60))
def test_lanes_never_hold_more_than_the_machine_has(moves: list[tuple[int, bool]]) -> None:
    ledger = Ledger(Inventory(cpus=2.0, memory=6 * GIB, gpus=(Gpu(uuid="GPU-a", memory=GIB),)))
    lanes = Lanes(ledger, STEPS)
    seats: list[Seat] = []
    for step, take in moves:
        if take:
            if (seat := lanes.seat(step)) is not None:
                seats.append(seat)
        elif seats:
            lanes.give_back(seats.pop(step % len(seats)), 0.5)
        working = {seat.lane: seat.step.resources for seat in seats}
        assert sum(resources.cpus for resources in working.values()) <= 2.0
        assert sum(resources.memory for resources in working.values()) <= 6 * GIB
        assert sum(resources.gpus for resources in working.values()) <= 1.0
        assert lanes.busy == len(working)
    for seat in seats:
        lanes.give_back(seat, 0.5)
    assert lanes.busy == 0
    assert all(lanes.seat(step) is not None for step in (0, 1))


def test_at_most_so_many_lanes_work_at_a_time_and_a_kept_ones_further_seats_are_none() -> None:
    fresh = Lanes(Ledger(Inventory(cpus=9, memory=99 * GIB)), [_step("a", Rung.FRESH)], jobs=2)
    assert [fresh.seat(0) is None for _ in range(4)] == [False, False, True, True]
    kept = Lanes(Ledger(Inventory(cpus=9, memory=99 * GIB)), [_step("a", Rung.RESIDENT)], jobs=2)
    assert {_take(kept, 0).lane for _ in range(4)} == {1, 2}
    assert kept.seat(0) is None
