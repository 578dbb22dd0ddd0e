"""One instance of a step: what a Ray actor does on its node, with the runners of a single host.

An instance is one lane: a container or a process that is kept, or containers one after the other. It takes messages of
several tasks and answers each when all of its tasks have ended. Everything that it leaves behind carries its own label,
so that two instances on one engine leave each other's containers alone.

Threads: Ray calls :meth:`Instance.run` for three messages at a time, so that the lane never waits, and
:meth:`Instance.cancel` beside them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.cluster.messages import pack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted, look
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.resources import Grant
from coordinator.core.retries import DEADLY
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import host_inventory
from coordinator.runners.rungs import Rungs
from coordinator.strictjson import Json

THREADS = 4
"""Calls that an instance serves at a time: three messages, and a cancel."""


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """What an instance is made with. ``label`` is on all of its containers and on nobody else's."""

    step: Step
    image_id: str
    files: Files
    owner: Path
    label: str
    wanted: Wanted


class _Message:
    """The tasks of one message that have not ended."""

    def __init__(self, tasks: int) -> None:
        self._left = tasks
        self.outcomes: list[Outcome] = []
        self.ended = threading.Event()

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == self._left:
            self.ended.set()


class Instance:
    """Runs the tasks of one step on this machine."""

    def __init__(self, spec: InstanceSpec, gpus: Sequence[str]) -> None:
        """``gpus`` are the devices that the cluster gave it. Raises EngineError, and leaves nothing behind then."""
        self._spec = spec
        self._messages: dict[str, _Message] = {}
        self._lock = threading.Lock()
        self._lane = 1
        self._cancelled = False
        self._grant = Grant(resources=spec.step.resources, gpu_uuids=tuple(gpus))
        with ExitStack() as stack:
            is_local = spec.step.rung is Rung.PROCESS
            engine = None if is_local else stack.enter_context(closing(Engine()))
            rungs = Rungs(engine, spec.files, spec.owner, spec.label, jobs=1, starts=1)
            stack.enter_context(closing(rungs))
            self._runner = rungs.runner(spec.step.rung, self._take)
            stack.enter_context(closing(self._runner))
            self._stack = stack.pop_all()

    def look(self) -> Json:
        """What its node is like: a node that has joined in mid-run may differ from the others."""
        return look(self._spec.wanted)

    def run(self, packed: bytes) -> bytes:
        """Runs the tasks of a message; returns their outcomes."""
        tasks = unpack_tasks(packed, self._spec.step, self._spec.image_id)
        message = _Message(len(tasks))
        with self._lock:
            self._messages.update((task.id, message) for task in tasks)
        for task in tasks:
            self._runner.submit(task, Seat(lane=self._lane, step=task.step, grant=self._grant))
        message.ended.wait()
        return pack_outcomes(message.outcomes)

    def cancel(self) -> None:
        """Ends all that runs, as cancelled."""
        self._cancelled = True
        self._runner.cancel()

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        self._stack.close()

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        """Takes what its runner says of tasks, from any thread."""
        for outcome in map(self._as_seen_from_afar, outcomes):
            result = outcome.result
            if isinstance(result, TaskError) and result.kind in DEADLY:
                self._leave_lane()
            with self._lock:
                message = self._messages.pop(outcome.task)
                message.add(outcome)

    def _leave_lane(self) -> None:
        """What was kept for a task that killed its step serves nobody else; a lane of one program has a new one."""
        if self._spec.step.rung is Rung.EXEC:
            spoilt, self._lane = self._lane, self._lane + 1
            self._runner.close_lane(spoilt, _nobody_waits)

    def _as_seen_from_afar(self, outcome: Outcome) -> Outcome:
        """An engine that has been given up ends a run on a single host; here it is this node that has gone."""
        result = outcome.result
        given_up = (
            isinstance(result, TaskError) and result.kind is ErrorKind.CANCELLED and not self._cancelled
        )
        if not given_up:
            return outcome
        assert isinstance(result, TaskError)
        return replace(outcome, result=TaskError(kind=ErrorKind.NODE, message=result.message))


def _nobody_waits(_lane: int) -> None:
    """An instance keeps its seats as long as it is there."""


def granted_gpus(numbers: Sequence[str]) -> list[str]:
    """The UUIDs of the devices that Ray granted, which it names by number or, if it was told to, by UUID."""
    if not numbers:
        return []
    devices = host_inventory().gpus
    return [number if not number.isdecimal() else devices[int(number)].uuid for number in numbers]
