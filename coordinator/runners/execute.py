"""The ``exec`` rung: a kept container, and in it a fresh process for every task.

What is kept is the step's own program, waiting for input that never comes: any image will do, even an
otherwise empty one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.runners.attempt import ContainerRunner, Judged, converse
from coordinator.runners.containers import Started
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import Isolation
from coordinator.runners.kept import Ending
from coordinator.schedule.threads import Clock, Sink

_KILLED = 137
_LOOK, _END_TIMEOUT = 0.05, 10.0
"""Seconds between two looks whether a process has ended, behind its streams, and for all of the looks."""


@dataclass(frozen=True)
class _KeptContainer:
    """A lane's container, and what runs in it for each task."""

    container: Started
    command: tuple[str, ...]


class ExecProcess:
    """A process that was started for one task, in a container that is kept."""

    def __init__(self, engine: Engine, kept: _KeptContainer) -> None:
        """Starts it. Raises EngineError."""
        self._engine = engine
        self._kept = kept
        self._process = engine.exec_create(kept.container.id, kept.command)
        self.connection, self.received = engine.exec_start(self._process)

    def end(self, *, kill: bool) -> Ending:
        """Tells how it ended; one that is to be killed counts as killed, and ends with its container (see run)."""
        exit_code = None if kill else self._exit_code()
        return Ending(
            exit_code=_KILLED if exit_code is None else exit_code,
            container=self._kept.container.id,
            command=self._kept.container.command,
        )

    def _exit_code(self) -> int | None:
        """The exit code of a process that has ended its output; None if it goes on without it."""
        deadline = time.monotonic() + _END_TIMEOUT
        while (code := self._engine.exec_exit_code(self._process)) is None and time.monotonic() < deadline:
            time.sleep(_LOOK)
        return code


class ExecRunner(ContainerRunner):
    """Runs every task in a process of its own in its lane's container; a lane has one task at a time."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        super().__init__(isolation, sink, concurrency=concurrency)
        self._engine = isolation.engine
        self._lanes: dict[int, _KeptContainer] = {}
        self._lock = threading.Lock()

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        """Removes the lane's container, and all processes in it."""
        self._end_lane(lane)
        ended(lane)

    def _end_lane(self, lane: int) -> None:
        with self._lock:
            kept = self._lanes.pop(lane, None)
        if kept is not None:
            kept.container.connection.close()
            self.containers.remove_now(kept.container.id)

    def close(self) -> None:
        """Waits until every task has ended and every container is gone."""
        super().close()
        for lane in tuple(self._lanes):
            self._end_lane(lane)

    def run(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        """Raises EngineError if the engine fails. No process outlives its task: else its container goes with it."""
        try:
            with clock.measure("start"):
                process = ExecProcess(self._engine, self._kept(task, seat))
            result, evidence = converse(process, task, clock, spill=self.files.work)
        except EngineError:
            self._end_lane(seat.lane)  # the process may be running
            raise
        if evidence.exit_code == _KILLED:  # with its container, or now: the engine can kill no single process
            self._end_lane(seat.lane)
        return result, evidence

    def _kept(self, task: StepTask, seat: Seat) -> _KeptContainer:
        """The lane's container, made for its first task, and again once it has ended for whatever reason."""
        with self._lock:
            kept = self._lanes.get(seat.lane)
        if kept is not None and kept.container.has_ended():
            self._end_lane(seat.lane)
            kept = None
        if kept is None:
            self.containers.await_engine()
            command = self._engine.image(task.image_id).command
            kept = _KeptContainer(self.isolation.start_kept(task, seat.grant), command)
            with self._lock:
                self._lanes[seat.lane] = kept
        return kept
