"""A task that nobody wants any more ends before long, and costs those behind it no attempt."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.record.files import Files
from coordinator.runners.lane import Lane
from coordinator.runners.looplane import LoopLane
from coordinator.runners.pending import Pending
from coordinator.runners.verdict import ABANDONED
from coordinator.service.eventloop import running_loop
from tests.unit.test_lane import PATIENCE, Echo, asked


@contextmanager
def lane(
    folder: Path, programs: list[Echo], is_threaded: bool
) -> Iterator[tuple[Lane | LoopLane, Callable[[], Outcome]]]:
    """A lane that opens these programs in turn, and a way to wait for its next outcome."""
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    coming = iter(programs)

    def open_program(task: StepTask) -> Echo:
        return next(coming)

    def take(ended: Sequence[Outcome]) -> None:
        for one in ended:
            outcomes.put(one)

    files = Files(batch=folder, work=folder)
    with running_loop() as loop, ThreadPoolExecutor(1) as threads:
        made = (
            Lane(open_program, files, take)
            if is_threaded
            else LoopLane(loop, threads, open_program, files, take)
        )
        try:
            yield made, lambda: outcomes.get(timeout=PATIENCE)
        finally:
            made.cancel()
            made.close()
            made.join()


def kind(outcome: Outcome) -> tuple[str, ErrorKind | None]:
    return outcome.task, outcome.result.kind if isinstance(outcome.result, TaskError) else None


@pytest.mark.parametrize("is_threaded", [True, False], ids=["in a thread", "in a loop"])
def test_the_head_is_ended_and_what_is_behind_it_is_lost(tmp_path: Path, is_threaded: bool) -> None:
    with lane(tmp_path, [Echo([])], is_threaded) as (made, outcome):
        made.submit(asked("a"))
        made.submit(asked("b"))
        made.abandon("step/a")
        assert kind(outcome()) == ("step/a", ErrorKind.CANCELLED)
        assert kind(outcome()) == ("step/b", ErrorKind.LOST)


@pytest.mark.parametrize("is_threaded", [True, False], ids=["in a thread", "in a loop"])
def test_the_next_task_has_a_program_again(tmp_path: Path, is_threaded: bool) -> None:
    with lane(tmp_path, [Echo([]), Echo(["b"])], is_threaded) as (made, outcome):
        made.submit(asked("a"))
        made.abandon("step/a")
        assert kind(outcome()) == ("step/a", ErrorKind.CANCELLED)
        made.submit(asked("b"))
        assert kind(outcome()) == ("step/b", None)


@pytest.mark.parametrize("is_threaded", [True, False], ids=["in a thread", "in a loop"])
def test_one_that_has_ended_by_itself_harms_nobody(tmp_path: Path, is_threaded: bool) -> None:
    with lane(tmp_path, [Echo(["a", "b"])], is_threaded) as (made, outcome):
        made.submit(asked("a"))
        made.submit(asked("b"))
        ended = [kind(outcome()), kind(outcome())]
        made.abandon("step/a")
        assert ended == [("step/a", None), ("step/b", None)]


def test_one_behind_the_head_waits_for_its_turn() -> None:
    pending = Pending()
    for name in "ab":
        pending.add(asked(name), now=0.0)
    pending.abandon("step/b", until=1.0)
    assert (pending.deadline, pending.is_unwanted) == (600.0, False)
    pending.remove("step/a")
    assert (pending.deadline, pending.is_unwanted) == (1.0, True)
    ((task, error),) = pending.fail(ABANDONED)
    assert (task.id, error.kind) == ("step/b", ErrorKind.CANCELLED)


def test_what_is_not_pending_is_not_kept() -> None:
    pending = Pending()
    pending.abandon("step/a", until=1.0)
    pending.add(asked("a"), now=0.0)
    assert not pending.is_unwanted
