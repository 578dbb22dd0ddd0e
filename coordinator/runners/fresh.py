"""The ``fresh`` rung: one container per task. Create, attach, start, write, half-close, read, wait, remove.

With ``prestart``, containers of the step are created and started before their input is there; a step's
program waits for its input anyway, and what it does until then (imports, a model) is done meanwhile.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from coordinator.errors import EngineError
from coordinator.messages import Success, TaskError
from coordinator.runners.container import ContainerSpec
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import Isolation
from coordinator.runners.received import as_evidence
from coordinator.runners.stream import Exchange, exchange
from coordinator.runners.verdict import CANCELLED, engine_failed, judge
from coordinator.runners.workfolder import hand_over, prepare
from coordinator.tasks import Evidence, Outcome, StepTask
from coordinator.threads import Clock, Sink, Threads

_END_TIMEOUT = 10.0
"""Seconds a container gets to end after its streams have ended."""


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A container that has started and waits for its input."""

    id: str
    spec: ContainerSpec
    connection: socket.socket
    received: bytes


class FreshRunner:
    """Runs every task in a container of its own."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        self._isolation = isolation
        self._engine = isolation.engine
        self._threads = Threads(sink, size=concurrency)
        self._remover = Remover(isolation.engine)
        self._ahead: defaultdict[str, deque[Future[_Started]]] = defaultdict(deque)
        self._starters = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="prestart")
        self._live: set[str] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    def submit(self, task: StepTask) -> None:
        """Starts one attempt, from the creation of its container to its removal, and returns at once."""
        self._threads.submit(task, lambda: self._run(task))

    def close_lane(self, lane: int) -> None:
        """A lane of this rung ends with its task."""

    def cancel(self) -> None:
        """Ends every container at once; their tasks end as cancelled."""
        self._cancelled.set()
        with self._lock:
            live = tuple(self._live)
        for container in live:
            self._engine.kill(container)

    def close(self) -> None:
        """Waits until every task has ended and every container is gone."""
        self._threads.close()
        for future in [future for line in self._ahead.values() for future in line]:
            with contextlib.suppress(EngineError):
                self._discard(future.result())
        self._starters.shutdown()
        self._remover.close()

    def _run(self, task: StepTask) -> Outcome:
        if self._cancelled.is_set():
            return Outcome(task=task, result=CANCELLED)
        clock = Clock()
        prepare(task, self._isolation.folder)
        try:
            with clock.measure("start"):
                started = self._take(task)
            result, evidence = self._converse(task, started, clock)
        except EngineError as error:
            result, evidence = engine_failed(error), Evidence()
        if self._cancelled.is_set() and isinstance(result, TaskError):
            result = CANCELLED
        result = hand_over(task, self._isolation.folder, result)
        told = result.metrics if isinstance(result, Success) else {}
        return Outcome(task=task, result=result, evidence=evidence, metrics={**told, **clock.metrics})

    def _take(self, task: StepTask) -> _Started:
        """A started container: one made for this task, or with prestart the one that has waited longest."""
        step = task.step
        if not step.prestart:
            work_dir = task.request.work_dir
            return self._start(self._isolation.task_container(step, task.image_id, task.grant, work_dir))
        with self._lock:
            line = self._ahead[step.name]
            while len(line) <= step.prestart:
                spec = self._isolation.kept_container(step, task.image_id, task.grant)
                line.append(self._starters.submit(self._start, spec))
            waiting = line.popleft()
        return waiting.result()

    def _start(self, spec: ContainerSpec) -> _Started:
        container = self._engine.create(spec)
        with self._lock:
            self._live.add(container)
        try:
            connection, received = self._engine.attach(container)
            with self._isolation.starting():
                self._engine.start(container)
        except BaseException:
            self._remove(container)
            raise
        return _Started(id=container, spec=spec, connection=connection, received=received)

    def _converse(
        self, task: StepTask, started: _Started, clock: Clock
    ) -> tuple[Success | TaskError, Evidence]:
        try:
            with started.connection, clock.measure("exchange"):
                answer = exchange(
                    started.connection,
                    started.received,
                    task.request.line(),
                    deadline=time.monotonic() + task.step.timeout,
                    spill=self._isolation.folder.path,
                )
            with clock.measure("end"):
                exit_code = self._exit_code(started.id, answer)
            out_of_memory = None if exit_code == 0 else self._engine.ran_out_of_memory(started.id)
        finally:
            self._remove(started.id)
        evidence = Evidence(
            stdout=as_evidence(answer.stdout),
            stderr=answer.stderr,
            exit_code=exit_code,
            out_of_memory=out_of_memory,
            container=started.id,
            command=shlex.join(started.spec.to_command()),
        )
        return judge(task, answer, exit_code, out_of_memory), evidence

    def _exit_code(self, container: str, answer: Exchange) -> int:
        if answer.cut:
            self._engine.kill(container)
        return self._engine.wait(container, _END_TIMEOUT)

    def _discard(self, started: _Started) -> None:
        started.connection.close()
        self._remove(started.id)

    def _remove(self, container: str) -> None:
        with self._lock:
            self._live.discard(container)
        self._remover.remove(container)


class Remover:
    """Removes containers beside the tasks, so that no task waits for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="remove")

    def remove(self, container: str) -> None:
        """Removes the container soon."""
        self._pool.submit(self._remove, container)

    def close(self) -> None:
        """Waits until all are gone, or the engine has refused: the next run's sweep takes those."""
        self._pool.shutdown()

    def _remove(self, container: str) -> None:
        with contextlib.suppress(EngineError):
            self._engine.remove(container)
