"""Small tasks that hang: others are served all the same. With workers that the test holds, and with real ones."""

from __future__ import annotations

import queue
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.contract import ErrorKind, Success
from coordinator.core.resources import Grant
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Rung
from coordinator.record.files import Files
from coordinator.runners.lane import Lane
from coordinator.runners.process import open_process
from coordinator.service.budget import Weight
from coordinator.service.overdue import Overseer, patience
from coordinator.service.pool import Pool
from tests.unit.builders import error
from tests.unit.test_service_pool import FakeWorker, Shop, named
from tests.waiting import PATIENCE

SMALL = Weight(seconds=0.01)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr("coordinator.service.pool.time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def at(shop: Shop) -> list[list[str]]:
    return [[task.id for task in worker.tasks] for worker in shop.workers]


def submitted(shop: Shop, *names: str, weight: Weight = SMALL) -> list[Outcome]:
    told: list[Outcome] = []
    for name in names:
        shop.pool.submit(name, named(name), told.extend, weight)
    return told


def end(worker: FakeWorker) -> None:
    """As a lane does it whose head is broken off: the rest is lost."""
    head, *behind = worker.tasks
    worker.tasks.clear()
    kinds = {head.id: ErrorKind.CANCELLED, **{task.id: ErrorKind.LOST for task in behind}}
    worker.sink([Outcome(task=name, result=error(kind)) for name, kind in kinds.items()])


class TestRule:
    def test_ten_times_the_estimate_and_a_second_at_least(self) -> None:
        assert [patience(Weight(seconds=s), is_first=False) for s in (0.0, 0.01, 0.5)] == [1.0, 1.0, 5.0]

    def test_the_first_task_of_a_program_has_longer(self) -> None:
        assert patience(SMALL, is_first=True) > 10 * patience(SMALL, is_first=False)

    def test_large_ones_have_their_timeout(self) -> None:
        assert patience(Weight(is_large=True, seconds=5.0), is_first=False) == float("inf")


class TestPool:
    def test_nothing_more_goes_behind_one_that_hangs(self, now: list[float]) -> None:
        shop = Shop(workers=2)
        submitted(shop, "hangs", "quick")
        now[0] += 1.1
        shop.workers[1].finish()
        shop.pool.look()
        submitted(shop, "a", "b", "c")
        assert at(shop) == [["hangs"], ["a", "b"]]
        assert shop.workers[0].abandoned == []

    def test_what_waits_behind_it_is_freed_and_it_is_done_again_alone(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        told = submitted(shop, "hangs", "stuck")
        now[0] += 0.9
        shop.pool.look()
        assert shop.workers[0].abandoned == []
        now[0] += 0.2
        shop.pool.look()
        assert shop.workers[0].abandoned == ["hangs"]
        end(shop.workers[0])
        assert [(one.task, one.result.kind) for one in told if not isinstance(one.result, Success)] == [
            ("stuck", ErrorKind.LOST)
        ]
        submitted(shop, "small")
        assert at(shop) == [["hangs"]]
        now[0] += 1000
        shop.pool.look()
        assert shop.workers[0].abandoned == ["hangs"]

    def test_the_worker_for_small_tasks_keeps_none_that_hangs(self, now: list[float]) -> None:
        shop = Shop(workers=1, with_express=True)
        submitted(shop, "large", weight=Weight(is_large=True))
        submitted(shop, "hangs")
        assert at(shop) == [["large"], ["hangs"]]
        now[0] += 1.1
        shop.pool.look()
        end(shop.workers[1])
        submitted(shop, "small")
        assert at(shop) == [["large"], ["small"]]
        shop.workers[0].finish()
        assert at(shop) == [["hangs"], ["small"]]

    def test_one_that_ends_just_then_has_ended(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        told = submitted(shop, "slow", "behind")
        now[0] += 1.1
        shop.pool.look()
        shop.workers[0].finish()
        shop.workers[0].finish()
        assert [isinstance(one.result, Success) for one in told] == [True, True]

    def test_one_that_is_withdrawn_meanwhile_is_not_done_again(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        told = submitted(shop, "hangs", "behind")
        now[0] += 1.1
        shop.pool.look()
        shop.pool.withdraw("hangs")
        end(shop.workers[0])
        assert [one.task for one in told] == ["hangs", "behind"]
        assert at(shop) == [[]]

    def test_the_time_in_which_a_program_is_opened_does_not_count(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        submitted(shop, "a", "b")
        shop.workers[0].is_open = False
        for _ in range(9):
            now[0] += 1.0
            shop.pool.look()
        shop.workers[0].is_open = True
        shop.pool.look()
        assert shop.workers[0].abandoned == []

    def test_each_has_its_own_time(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        submitted(shop, "a", "b")
        now[0] += 0.9
        shop.workers[0].finish()
        now[0] += 0.9
        submitted(shop, "c")
        shop.pool.look()
        assert shop.workers[0].abandoned == []

    def test_a_program_that_was_opened_anew_has_time_to_load(self, now: list[float]) -> None:
        shop = Shop(workers=1)
        submitted(shop, "a", "b")
        shop.workers[0].finish(error(ErrorKind.CRASH))
        now[0] += 2.0
        shop.pool.look()
        assert shop.workers[0].abandoned == []
        submitted(shop, "c")
        shop.workers[0].finish()
        now[0] += 2.0
        submitted(shop, "d")
        shop.pool.look()
        assert shop.workers[0].abandoned == ["c"]


PROGRAM = """
import json, sys, time
for line in sys.stdin:
    task = json.loads(line)["task"]
    if task.startswith("hangs"):
        time.sleep(600)
    print(json.dumps({"task": task, "items": []}), flush=True)
"""


def test_small_ones_are_served_beside_as_many_that_hang_as_there_are_workers(tmp_path: Path) -> None:
    """Through lanes and processes: those that went behind one that hangs, too, and the next ones at once."""
    (tmp_path / "worker.py").write_text(textwrap.dedent(PROGRAM))
    files = Files(batch=tmp_path, work=tmp_path)
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def take(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            ended.put(outcome)

    def made(name: str) -> StepTask:
        one = named(name)
        step = one.step.model_copy(
            update={"rung": Rung.PROCESS, "command": (sys.executable, str(tmp_path / "worker.py"))}
        )
        return replace(one, step=step)

    def open_program(task: StepTask) -> Any:
        return open_process(files, Grant(resources=task.step.resources), task)

    pool = Pool(lambda sink: Lane(open_program, files, sink), 2, lambda outcome: None, with_express=True)
    assert pool.warm_up([made(f"warm-up/{number}") for number in range(3)]) == []
    try:
        with closing(Overseer(pool.look)):
            for name in ("hangs/0", "hangs/1", "stuck/0", "stuck/1"):
                pool.submit(name, made(name), take, SMALL)
            lost = [ended.get(timeout=PATIENCE) for _ in range(2)]
            for outcome in lost:
                pool.submit(outcome.task, made(outcome.task), take, SMALL)
            served = [ended.get(timeout=PATIENCE) for _ in range(2)]
            assert {one.task for one in lost} == {one.task for one in served} == {"stuck/0", "stuck/1"}
            for number in range(20):
                pool.submit(f"next/{number}", made(f"next/{number}"), take, SMALL)
            assert all(isinstance(ended.get(timeout=PATIENCE).result, Success) for _ in range(20))
    finally:
        pool.cancel()
        pool.close()
