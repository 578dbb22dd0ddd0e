"""The ``exec`` rung: a kept container, and in it a fresh process for every task.

What is kept is the step's own program, waiting for input that never comes: any image will do, even an
otherwise empty one.
"""

from __future__ import annotations

import shlex
import threading
import time
from dataclasses import dataclass

from coordinator.errors import EngineError
from coordinator.messages import Success, TaskError
from coordinator.runners.isolation import Isolation
from coordinator.runners.received import as_evidence
from coordinator.runners.resident import ResidentContainer
from coordinator.runners.stream import Exchange, exchange
from coordinator.runners.verdict import CANCELLED, engine_failed, judge
from coordinator.runners.workfolder import hand_over, prepare
from coordinator.tasks import Evidence, Outcome, StepTask
from coordinator.threads import Clock, Sink, Threads


@dataclass(frozen=True)
class Kept:
    """A lane's container, and what runs in it for each task."""

    container: ResidentContainer
    command: tuple[str, ...]


class ExecRunner:
    """Runs every task in a process of its own in its lane's container."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        self._isolation = isolation
        self._engine = isolation.engine
        self._threads = Threads(sink, size=concurrency)
        self._lanes: dict[int, Kept] = {}
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    def submit(self, task: StepTask) -> None:
        """Starts one attempt and returns at once. A lane has one task at a time."""
        self._threads.submit(task, lambda: self._run(task))

    def close_lane(self, lane: int) -> None:
        """Removes the lane's container."""
        with self._lock:
            kept = self._lanes.pop(lane, None)
        if kept is not None:
            kept.container.end(kill=True)

    def cancel(self) -> None:
        """Ends every container at once, and all processes in it."""
        self._cancelled.set()
        with self._lock:
            lanes = tuple(self._lanes.values())
        for kept in lanes:
            kept.container.kill()

    def close(self) -> None:
        """Waits until every task has ended and every container is gone."""
        self._threads.close()
        for lane in tuple(self._lanes):
            self.close_lane(lane)

    def _run(self, task: StepTask) -> Outcome:
        if self._cancelled.is_set():
            return Outcome(task=task, result=CANCELLED)
        clock = Clock()
        prepare(task, self._isolation.folder)
        result: Success | TaskError
        try:
            with clock.measure("start"):
                kept = self._kept(task)
                process = self._engine.exec_create(kept.container.id, kept.command)
            result, evidence = self._converse(task, kept, process, clock)
        except EngineError as error:
            self.close_lane(task.lane)
            result, evidence = engine_failed(error), Evidence()
        if self._cancelled.is_set() and isinstance(result, TaskError):
            result = CANCELLED
        result = hand_over(task, self._isolation.folder, result)
        told = result.metrics if isinstance(result, Success) else {}
        return Outcome(task=task, result=result, evidence=evidence, metrics={**told, **clock.metrics})

    def _kept(self, task: StepTask) -> Kept:
        """The lane's container, made for its first task and after it had to be ended."""
        with self._lock:
            kept = self._lanes.get(task.lane)
        if kept is None:
            spec = self._isolation.kept_container(task.step, task.image_id, task.grant)
            command = self._engine.image(task.image_id).command
            kept = Kept(ResidentContainer(self._isolation, spec), command)
            with self._lock:
                self._lanes[task.lane] = kept
        return kept

    def _converse(
        self, task: StepTask, kept: Kept, process: str, clock: Clock
    ) -> tuple[Success | TaskError, Evidence]:
        connection, received = self._engine.exec_start(process)
        with connection, clock.measure("exchange"):
            answer = exchange(
                connection,
                received,
                task.request.line(),
                deadline=time.monotonic() + task.step.timeout,
                spill=self._isolation.folder.path,
            )
        with clock.measure("end"):
            exit_code = self._exit_code(task, process, answer)
        evidence = Evidence(
            stdout=as_evidence(answer.stdout),
            stderr=answer.stderr,
            exit_code=exit_code,
            container=kept.container.id,
            command=shlex.join(kept.container.spec.to_command()),
        )
        return judge(task, answer, exit_code, None), evidence

    def _exit_code(self, task: StepTask, process: str, answer: Exchange) -> int:
        """The process's exit code. The engine cannot kill one process, so its container goes with it."""
        code = None if answer.cut else self._engine.exec_exit_code(process)
        if code is None:
            self.close_lane(task.lane)
            return 137
        return code
