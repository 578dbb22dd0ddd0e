"""Which worker takes what: that small tasks find one beside any number of large ones, and memory holds for all."""

from __future__ import annotations

import pytest

from coordinator.core.tasks import StepTask
from coordinator.service.budget import Weight
from coordinator.service.floor import Floor
from coordinator.service.pool import JobExecutor
from coordinator.service.rotation import Rotation
from tests.unit.test_service_pool import Shop, named, submit

SMALL, LARGE = Weight(), Weight(is_large=True)


def big(extra: int) -> Weight:
    return Weight(is_large=True, extra=extra)


class TestFloor:
    def test_nothing_goes_behind_a_large_task(self) -> None:
        floor = Floor(2, with_express=False, shared=0.0)
        assert [floor.take(LARGE), floor.take(SMALL), floor.take(SMALL)] == [0, 1, 1]
        assert not floor.round()(SMALL)

    @pytest.mark.parametrize("workers", [1, 2, 5])
    def test_beside_large_tasks_on_all_workers_small_ones_have_their_own(self, workers: int) -> None:
        floor = Floor(workers, with_express=True, shared=0.0)
        assert [floor.take(LARGE) for _ in range(workers)] == list(range(workers))
        assert not floor.round()(LARGE)
        assert [floor.take(SMALL), floor.take(SMALL)] == [workers, workers]

    def test_the_worker_for_small_tasks_helps_only_when_no_other_can(self) -> None:
        floor = Floor(2, with_express=True, shared=0.0)
        assert [floor.take(SMALL) for _ in range(6)] == [0, 1, 0, 1, 2, 2]

    def test_the_idle_ones_are_counted_without_it(self) -> None:
        floor = Floor(2, with_express=True, shared=0.0)
        assert (floor.size, floor.idle) == (3, 2)
        floor.take(LARGE)
        assert floor.idle == 1
        floor.leave(0, LARGE)
        assert floor.idle == 2

    def test_tasks_go_to_work_while_their_memory_is_there(self) -> None:
        floor = Floor(3, with_express=False, shared=100.0)
        floor.take(big(60))
        assert floor.round()(big(40))
        assert not floor.round()(big(41))
        floor.leave(0, big(60))
        assert floor.round()(big(41))

    def test_one_that_was_let_in_goes_alone_whatever_it_needs(self) -> None:
        floor = Floor(2, with_express=False, shared=10.0)
        assert floor.round()(big(500))
        floor.take(big(500))
        assert not floor.round()(big(1))

    def test_who_waits_for_memory_is_not_passed_by_who_needs_some(self) -> None:
        floor = Floor(3, with_express=False, shared=100.0)
        floor.take(big(60))
        may_go = floor.round()
        assert [may_go(big(90)), may_go(big(10)), may_go(SMALL)] == [False, False, True]


def test_whose_thing_may_not_go_keeps_their_turn() -> None:
    rotation: Rotation[str] = Rotation()
    for thing in ("a1", "b1", "c1"):
        rotation.push(thing[0], thing)
    assert rotation.pop(lambda thing: thing != "a1") == "b1"
    assert [rotation.pop(), rotation.pop(lambda thing: False), rotation.pop()] == ["a1", None, "c1"]


def executor(shop: Shop, job: str, weight: Weight, tasks: int) -> JobExecutor:
    def weigh(task: StepTask) -> Weight:
        return weight

    made = JobExecutor(shop.pool, job, weigh)
    for number in range(tasks):
        submit(made, f"{job}/{number}")
    return made


class TestPool:
    def test_a_small_job_beside_many_large_ones_is_done_at_once(self) -> None:
        shop = Shop(workers=2, with_express=True)
        for job in "abcdefgh":
            executor(shop, job, LARGE, 8)
        small = executor(shop, "small", SMALL, 1)
        assert shop.workers[2].finish() == "small/0"
        assert [outcome.task for outcome in small.wait(0)] == ["small/0"]

    def test_large_ones_go_on_however_many_small_ones_come(self) -> None:
        shop = Shop(workers=1, with_express=True)
        executor(shop, "small", SMALL, 50)
        executor(shop, "large", LARGE, 1)
        served = [shop.workers[0].finish() for _ in range(5)]
        assert "large/0" in served

    def test_a_stopped_job_s_tasks_at_workers_are_abandoned_and_no_others(self) -> None:
        shop = Shop(workers=2)
        executor(shop, "a", LARGE, 1)
        executor(shop, "b", LARGE, 1).cancel()
        assert [worker.abandoned for worker in shop.workers] == [[], ["b/0"]]

    def test_what_waited_for_memory_behind_a_stopped_job_goes_on(self) -> None:
        shop = Shop(workers=3, shared=100.0)
        executor(shop, "a", big(60), 1)
        waits = executor(shop, "b", big(90), 1)
        executor(shop, "c", big(10), 1)
        assert [len(worker.tasks) for worker in shop.workers] == [1, 0, 0]
        waits.cancel()
        assert [len(worker.tasks) for worker in shop.workers] == [1, 1, 0]

    def test_warming_up_opens_the_worker_for_small_tasks_too(self) -> None:
        shop = Shop(workers=1, with_express=True)
        for worker in shop.workers:
            worker.answer_at_once(None)
        assert not shop.pool.warm_up([named(f"w/{number}") for number in range(shop.pool.lanes)])
        assert (shop.pool.size, shop.pool.lanes) == (1, 2)
