"""A GPU that dies in mid-run, on a machine whose GPUs and program are what a test says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.resources import Gpu, Inventory, Ledger
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Rung
from coordinator.record.files import Files
from coordinator.runners.local import LocalExecutor
from coordinator.runners.lostgpus import SUSPICIOUS, GpusGone, LostGpus
from coordinator.schedule.threads import Sink
from tests.unit.builders import error, resources, success, task

GPUS = (Gpu(uuid="GPU-one", memory=8), Gpu(uuid="GPU-two", memory=8))
TASK = task(resources=resources(gpus=1))


class Program:
    """A runner whose program answers at once what the test wants next."""

    def __init__(self, answers: list[Success | TaskError], sink: Sink) -> None:
        self._answers = answers
        self._sink = sink

    def submit(self, task: StepTask, seat: Seat) -> None:
        self._sink([Outcome(task=task.id, result=self._answers.pop())])

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        ended(lane)

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class Machine:
    """An executor over :data:`GPUS`, of which the driver lists those that are ``there``."""

    def __init__(self, folder: Path) -> None:
        self.there = list(GPUS)
        self.looks = 0
        self.told: list[str] = []
        self._answers: list[Success | TaskError] = []
        self.executor = LocalExecutor(
            self._program,
            Files(batch=folder, work=folder),
            Ledger(Inventory(cpus=2, memory=8, gpus=GPUS)),
            jobs=2,
            lost=LostGpus(self._look, self.told.append),
        )

    def attempt(self, answer: Success | TaskError) -> str:
        """Makes one, which comes to ``answer``; the GPU that it was given."""
        seat = self.executor.seat(TASK.step)
        assert seat is not None
        self._answers.append(answer)
        self.executor.submit(TASK, seat)
        self.executor.wait(None)
        (uuid,) = seat.grant.gpu_uuids
        return uuid

    def _look(self) -> list[Gpu]:
        self.looks += 1
        return self.there

    def _program(self, rung: Rung, sink: Sink) -> Program:
        return Program(self._answers, sink)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("kind", sorted(SUSPICIOUS))
def test_the_next_attempt_has_another_one_and_that_is_told_once(machine: Machine, kind: ErrorKind) -> None:
    machine.there = [GPUS[1]]
    assert machine.attempt(error(kind)) == "GPU-one"
    assert machine.attempt(error(kind)) == "GPU-two"
    assert machine.attempt(success()) == "GPU-two"
    assert machine.told == [
        "GPU GPU-one has gone, by its driver's word; no task of this run is given it any more"
    ]


def test_one_that_comes_back_is_not_trusted(machine: Machine) -> None:
    machine.there = [GPUS[1]]
    machine.attempt(error())
    machine.there = list(GPUS)
    assert machine.attempt(error()) == machine.attempt(success()) == "GPU-two"


def test_one_that_is_there_is_given_again(machine: Machine) -> None:
    assert [machine.attempt(error()) for _ in range(2)] == ["GPU-one", "GPU-one"]
    assert not machine.told


def test_the_driver_is_not_asked_for_what_is_no_gpus_fault(machine: Machine) -> None:
    machine.attempt(success())
    machine.attempt(error(ErrorKind.BAD_INPUT))
    assert machine.looks == 0


def test_when_none_is_left_the_run_ends_and_says_why(machine: Machine) -> None:
    machine.there = []
    machine.attempt(error())
    machine.attempt(error())
    with pytest.raises(
        GpusGone, match=r"'detect' asks for 1 GPUs, .* has 0 .*: GPU-one, GPU-two went in mid-run"
    ):
        machine.executor.seat(TASK.step)


def test_while_all_that_are_left_are_taken_it_is_waited_for(machine: Machine) -> None:
    machine.there = [GPUS[1]]
    machine.attempt(error())
    assert machine.executor.seat(TASK.step) is not None
    assert machine.executor.seat(TASK.step) is None
