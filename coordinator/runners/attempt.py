"""One attempt at a task that has a program to itself: its folder, the exchange, the end, what it came to.

The rungs differ in where the program runs and how it is ended: in a container of its own (:class:`OwnContainer`), as
one more process of a kept one (execute.py), or of one beside this one (sidecarrunner.py). What is done with it is the
same for all of them.
"""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from coordinator.contract import Success, TaskError
from coordinator.core.seating import Seat
from coordinator.core.tasks import Evidence, Outcome, StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.containers import Started
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import Isolation
from coordinator.runners.kept import Ending
from coordinator.runners.received import as_evidence
from coordinator.runners.stream import Live, exchange
from coordinator.runners.verdict import CANCELLED, engine_failed, judge
from coordinator.runners.workfolder import hand_over, prepare
from coordinator.schedule.threads import Clock, Sink, Threads

Judged = tuple[Success | TaskError, Evidence]


class Process(Protocol):
    """A program that has started and waits for one request; ``received`` are the first bytes of its streams."""

    connection: socket.socket
    received: bytes

    def end(self, *, kill: bool) -> Ending:
        """Waits until it has ended, or ends it. Raises EngineError if it cannot be learnt how it ended."""
        ...


class OwnContainer:
    """The program of a container that is one task's; whoever started it removes it."""

    def __init__(self, engine: Engine, started: Started) -> None:
        self._engine = engine
        self._started = started
        self.connection = started.connection
        self.received = started.received

    def end(self, *, kill: bool) -> Ending:
        """Raises EngineError if it cannot be learnt how it ended."""
        container = self._started.id
        if kill:
            self._engine.kill(container)
        exit_code = self._engine.exit_code(container)
        return Ending(
            exit_code=exit_code,
            out_of_memory=None if exit_code == 0 else self._engine.ran_out_of_memory(container),
            container=container,
            command=self._started.command,
        )


def converse(
    process: Process, task: StepTask, clock: Clock, *, spill: Path, live: Live | None = None
) -> Judged:
    """The task from its request to its program's end: what that came to, and the evidence of it.

    A large response is held in the folder ``spill``; ``live`` is told of everything as it comes. Raises EngineError
    if it cannot be learnt how the program ended, and OSError if the disk is full.
    """
    with process.connection, clock.measure("exchange"):
        answer = exchange(
            process.connection,
            process.received,
            task.request.line(),
            deadline=time.monotonic() + task.step.timeout,
            spill=spill,
            live=live,
        )
    with clock.measure("end"):
        ending = replace(process.end(kill=answer.cut is not None), stderr=answer.stderr)
    result = judge(task, answer, ending.exit_code, ending.out_of_memory)
    return result, Evidence(stdout=as_evidence(answer.stdout), **vars(ending))


class AttemptRunner:
    """A runner that makes every attempt in a thread of its own; how one is made, its rung says."""

    def __init__(self, files: Files, sink: Sink, *, concurrency: int) -> None:
        """At most ``concurrency`` attempts are made at a time; outcomes go to ``sink``."""
        self.files = files
        self._threads = Threads(sink, size=concurrency)

    @property
    def is_cancelled(self) -> bool:
        """Whether everything is to end."""
        raise NotImplementedError

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Starts one attempt, from the start of its program to its end, and returns at once."""
        self._threads.submit(task.id, lambda: self._attempt(task, seat))

    def close(self) -> None:
        """Waits until every task has ended, and leaves nothing behind."""
        self._threads.close()

    def run(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        """Runs the task, whose folder is ready. What this fails of with an EngineError is the engine's failure."""
        raise NotImplementedError

    def _attempt(self, task: StepTask, seat: Seat) -> Outcome:
        clock = Clock()
        if self.is_cancelled:
            return Outcome(task=task.id, result=CANCELLED)
        prepare(task, self.files)
        result: Success | TaskError
        try:
            result, evidence = self.run(task, seat, clock)
        except EngineError as error:
            result, evidence = engine_failed(error), Evidence()
        if self.is_cancelled and isinstance(result, TaskError):
            result = CANCELLED
        result = hand_over(task, self.files, result)
        return Outcome(task=task.id, result=result, evidence=evidence, times=clock.times())


class ContainerRunner(AttemptRunner):
    """The same in a run's containers."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        """At most ``concurrency`` attempts are made at a time; outcomes go to ``sink``."""
        super().__init__(isolation.files, sink, concurrency=concurrency)
        self.isolation = isolation
        self.containers = isolation.containers

    @property
    def is_cancelled(self) -> bool:
        return self.containers.is_cancelled

    def cancel(self) -> None:
        """Ends every container at once, with all that runs in it; their tasks end as cancelled."""
        self.containers.cancel()
