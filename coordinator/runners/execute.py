"""The ``exec`` rung: a kept container, and in it a fresh process for every task.

What is kept is the step's own program, waiting for input that never comes: any image will do, even an
otherwise empty one.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.runners.attempt import Judged, attempt, judged
from coordinator.runners.containers import Started
from coordinator.runners.isolation import Isolation
from coordinator.runners.stream import exchange
from coordinator.schedule.threads import Clock, Sink, Threads

_KILLED = 137
_LOOK, _END_TIMEOUT = 0.05, 10.0
"""Seconds between two looks whether a process has ended, behind its streams, and for all of the looks."""


@dataclass(frozen=True)
class _KeptContainer:
    """A lane's container, and what runs in it for each task."""

    container: Started
    command: tuple[str, ...]


class ExecRunner:
    """Runs every task in a process of its own in its lane's container."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        self._isolation = isolation
        self._engine = isolation.engine
        self._containers = isolation.containers
        self._threads = Threads(sink, size=concurrency)
        self._lanes: dict[int, _KeptContainer] = {}
        self._lock = threading.Lock()

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Starts one attempt and returns at once. A lane has one task at a time."""
        self._threads.submit(
            task.id, lambda: attempt(task, self._isolation, lambda clock: self._run(task, seat, clock))
        )

    def close_lane(self, lane: int) -> None:
        """Removes the lane's container, and all processes in it."""
        with self._lock:
            kept = self._lanes.pop(lane, None)
        if kept is not None:
            kept.container.connection.close()
            self._containers.remove_now(kept.container.id)

    def cancel(self) -> None:
        """Ends every container at once, and all processes in it."""
        self._containers.cancel()

    def close(self) -> None:
        """Waits until every task has ended and every container is gone."""
        self._threads.close()
        for lane in tuple(self._lanes):
            self.close_lane(lane)

    def _run(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        try:
            return self._converse(task, seat, clock)
        except EngineError:
            self.close_lane(seat.lane)  # the process may be running
            raise

    def _converse(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        with clock.measure("start"):
            kept = self._kept(task, seat)
            process = self._engine.exec_create(kept.container.id, kept.command)
            connection, received = self._engine.exec_start(process)
        with connection, clock.measure("exchange"):
            answer = exchange(
                connection,
                received,
                task.request.line(),
                deadline=time.monotonic() + task.step.timeout,
                spill=self._isolation.files.work,
            )
        with clock.measure("end"):
            exit_code = None if answer.cut else self._exit_code(process)
            if exit_code in (
                None,
                _KILLED,
            ):  # with its container, or with it now: the engine can kill no process
                self.close_lane(seat.lane)
            exit_code = _KILLED if exit_code is None else exit_code
        return judged(task, answer, exit_code, None, kept.container.id, kept.container.spec)

    def _kept(self, task: StepTask, seat: Seat) -> _KeptContainer:
        """The lane's container, made for its first task, and again once it has ended for whatever reason."""
        with self._lock:
            kept = self._lanes.get(seat.lane)
        if kept is not None and kept.container.has_ended():
            self.close_lane(seat.lane)
            kept = None
        if kept is None:
            self._containers.await_engine()
            command = self._engine.image(task.image_id).command
            kept = _KeptContainer(self._isolation.start_kept(task, seat.grant), command)
            with self._lock:
                self._lanes[seat.lane] = kept
        return kept

    def _exit_code(self, process: str) -> int | None:
        """The exit code of a process that has ended its output; None if it goes on without it."""
        deadline = time.monotonic() + _END_TIMEOUT
        while (code := self._engine.exec_exit_code(process)) is None and time.monotonic() < deadline:
            time.sleep(_LOOK)
        return code
