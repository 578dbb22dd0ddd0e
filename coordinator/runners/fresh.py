"""The ``fresh`` rung: one container per task. Create, attach, start, write, half-close, read, wait, remove.

With ``prestart``, containers of the step are created and started before their input is there; a step's
program waits for its input anyway, and what it does until then (imports, a model) is done meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor

from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.runners.api import has_ended
from coordinator.runners.attempt import Judged, attempt, converse
from coordinator.runners.containers import Started
from coordinator.runners.isolation import Isolation
from coordinator.schedule.threads import Clock, Sink, Threads


class FreshRunner:
    """Runs every task in a container of its own."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        self._isolation = isolation
        self._containers = isolation.containers
        self._threads = Threads(sink, size=concurrency)
        self._ahead: defaultdict[str, deque[Future[Started]]] = defaultdict(deque)
        self._starters = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="prestart")
        self._lock = threading.Lock()

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Starts one attempt, from the creation of its container to its removal, and returns at once."""
        self._threads.submit(
            task.id, lambda: attempt(task, self._isolation, lambda clock: self._run(task, seat.grant, clock))
        )

    def close_lane(self, lane: int) -> None:
        """A lane of this rung ends with its task."""

    def cancel(self) -> None:
        """Ends every container at once; their tasks end as cancelled."""
        self._containers.cancel()

    def close(self) -> None:
        """Waits until every task has ended and every container is on its way out."""
        self._threads.close()
        for future in [future for line in self._ahead.values() for future in line]:
            with contextlib.suppress(EngineError, OSError):  # of starts that nobody has asked for any more
                self._discard(future.result())
        self._starters.shutdown()

    def _run(self, task: StepTask, grant: Grant, clock: Clock) -> Judged:
        with clock.measure("start"):
            started = self._take(task, grant)
        try:
            answer = converse(self._isolation.engine, started, task, clock, spill=self._isolation.files.work)
        except BaseException:
            self._containers.remove_now(started.id)  # it may be running
            raise
        self._containers.remove(started.id)
        return answer

    def _take(self, task: StepTask, grant: Grant) -> Started:
        """A started container: one made for this task, or with prestart the one that has waited longest."""
        if not task.step.prestart:
            return self._isolation.start_for(task, grant)
        while True:
            started = self._next_ahead(task, grant).result()
            if not has_ended(started.connection):
                return started
            self._discard(started)  # ended from outside, or with an engine that was started again

    def _next_ahead(self, task: StepTask, grant: Grant) -> Future[Started]:
        with self._lock:
            line = self._ahead[task.step.name]
            while len(line) <= task.step.prestart:
                line.append(self._starters.submit(self._isolation.start_kept, task, grant))
            return line.popleft()

    def _discard(self, started: Started) -> None:
        started.connection.close()
        self._containers.remove_now(started.id)
