"""The workers that jobs share: whose turn it is, how much a worker holds, how a job is stopped."""

from __future__ import annotations

import threading
from typing import Any

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.schedule.threads import Sink
from coordinator.service.pool import JobExecutor, Pool
from coordinator.service.rotation import Rotation
from tests.unit.builders import error, item, request, success, task


class FakeWorker:
    """Holds its tasks until the test says that they are done."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.tasks: list[StepTask] = []
        self.is_open = True
        self.ended: list[str] = []
        self.abandoned: list[str] = []
        self.at_once: tuple[TaskError | None] | None = None

    def submit(self, task: StepTask) -> None:
        self.tasks.append(task)
        if self.at_once is not None:
            threading.Thread(target=self.finish, args=self.at_once).start()

    def answer_at_once(self, result: TaskError | None) -> None:
        """As a lane does it: from a thread of its own."""
        self.at_once = (result,)

    def finish(self, result: TaskError | None = None) -> str:
        done = self.tasks.pop(0)
        self.sink([Outcome(task=done.id, result=result or success(done.id))])
        return done.id

    def abandon(self, task_id: str) -> None:
        self.abandoned.append(task_id)

    def cancel(self) -> None:
        self.ended.append("cancelled")

    def close(self) -> None:
        self.ended.append("closed")

    def join(self) -> None:
        self.ended.append("joined")


class Shop:
    """A pool of fake workers."""

    def __init__(self, workers: int, **limits: Any) -> None:
        self.workers: list[FakeWorker] = []
        self.seen: list[Outcome] = []
        self.pool = Pool(self._open, workers, self.seen.append, **limits)

    def _open(self, sink: Sink) -> FakeWorker:
        self.workers.append(FakeWorker(sink))
        return self.workers[-1]

    def executor(self, job: str, tasks: int) -> JobExecutor:
        made = JobExecutor(self.pool, job)
        for number in range(tasks):
            submit(made, f"{job}/{number}")
        return made


def submit(executor: JobExecutor, task_id: str) -> None:
    submitted = named(task_id)
    seat = executor.seat(submitted.step)
    assert seat is not None
    executor.submit(submitted, seat)


def named(task_id: str) -> StepTask:
    return task(request(task_id, [item("a")]))


class TestRotation:
    def test_owners_take_turns_and_each_keeps_its_order(self) -> None:
        rotation: Rotation[str] = Rotation()
        for owner, thing in ("a1", "a2", "a3", "b1", "c1", "c2"):
            rotation.push(owner, owner + thing)
        assert len(rotation) == 6
        assert [rotation.pop() for _ in range(7)] == ["a1", "b1", "c1", "a2", "c2", "a3", None]

    def test_who_comes_again_comes_last(self) -> None:
        rotation: Rotation[int] = Rotation()
        rotation.push("a", 1)
        rotation.push("b", 2)
        assert rotation.pop() == 1
        rotation.push("a", 3)
        assert [rotation.pop(), rotation.pop()] == [2, 3]

    def test_an_owner_withdraws(self) -> None:
        rotation: Rotation[int] = Rotation()
        for number in range(4):
            rotation.push("ab"[number % 2], number)
        assert rotation.withdraw("a") == [0, 2]
        assert rotation.withdraw("a") == []
        assert [rotation.pop(), rotation.pop(), rotation.pop()] == [1, 3, None]


class TestPool:
    def test_a_job_that_comes_late_has_its_turn_before_the_rest_of_a_large_one(self) -> None:
        shop = Shop(workers=1)
        shop.executor("large", 10)
        shop.executor("small", 1)
        order = [shop.workers[0].finish() for _ in range(11)]
        assert (
            order.index("small/0") == 3
        )  # behind the two that the worker had, and one turn of the large job

    def test_a_worker_has_two_tasks_at_most_and_the_one_with_least_to_do_gets_the_next(self) -> None:
        shop = Shop(workers=2)
        shop.executor("a", 7)
        assert [len(worker.tasks) for worker in shop.workers] == [2, 2]
        assert shop.pool.waiting == 3
        shop.workers[1].finish()
        shop.workers[1].finish()
        assert [len(worker.tasks) for worker in shop.workers] == [2, 2]
        assert shop.pool.waiting == 1

    def test_idle_workers(self) -> None:
        shop = Shop(workers=3)
        assert shop.pool.idle == 3
        shop.executor("a", 2)
        assert shop.pool.idle == 1
        shop.executor("b", 9)
        assert shop.pool.idle == 0
        shop.workers[0].is_open = False
        assert (shop.pool.size, shop.pool.alive) == (3, 2)

    def test_every_outcome_goes_to_its_own_job(self) -> None:
        shop = Shop(workers=2)
        one, other = shop.executor("a", 1), shop.executor("b", 1)
        shop.workers[1].finish(error(ErrorKind.CRASH))
        shop.workers[0].finish()
        (first,), (second,) = one.wait(0), other.wait(0)
        assert (first.task, isinstance(first.result, Success)) == ("a/0", True)
        assert (second.task, isinstance(second.result, TaskError)) == ("b/0", True)
        assert [outcome.task for outcome in shop.seen] == ["b/0", "a/0"]

    def test_a_stopped_job_gets_back_what_no_worker_has_and_others_go_on(self) -> None:
        shop = Shop(workers=1)
        stopped = shop.executor("a", 5)
        shop.executor("b", 1)
        stopped.cancel()
        kinds = [getattr(outcome.result, "kind", None) for outcome in stopped.wait(0)]
        assert kinds == [ErrorKind.CANCELLED] * 3
        submit(stopped, "a/late")
        (late,) = stopped.wait(0)
        assert late.task == "a/late"
        assert [shop.workers[0].finish() for _ in range(3)] == ["a/0", "a/1", "b/0"]

    def test_waking_ends_the_waiting(self) -> None:
        executor = Shop(workers=1).executor("a", 1)
        executor.wake()
        assert executor.wait(None) == []

    def test_warming_up_opens_every_worker_and_tells_what_is_wrong(self) -> None:
        shop = Shop(workers=2)

        for number, worker in enumerate(shop.workers):
            wrong = error(ErrorKind.CRASH, "no such file") if number else None
            worker.answer_at_once(wrong)
        problems = shop.pool.warm_up([named("w/0"), named("w/1")])
        assert [problem.message for problem in problems] == ["no such file"]
        assert shop.pool.idle == 2

    def test_closing_waits_for_every_worker(self) -> None:
        shop = Shop(workers=2)
        shop.pool.cancel()
        shop.pool.close()
        assert [worker.ended for worker in shop.workers] == [["cancelled", "closed", "joined"]] * 2
