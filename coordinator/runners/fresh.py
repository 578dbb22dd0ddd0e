"""The ``fresh`` rung: one container per task. Create, attach, start, write, half-close, read, wait, remove.

With ``prestart``, containers of the step are created and started before their input is there; a step's
program waits for its input anyway, and what it does until then (imports, a model) is done meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.runners.api import has_ended
from coordinator.runners.attempt import ContainerRunner, Judged, OwnContainer, converse
from coordinator.runners.containers import Started
from coordinator.runners.isolation import Isolation
from coordinator.schedule.threads import Clock, Sink


class FreshRunner(ContainerRunner):
    """Runs every task in a container of its own."""

    def __init__(self, isolation: Isolation, sink: Sink, *, concurrency: int) -> None:
        super().__init__(isolation, sink, concurrency=concurrency)
        self._ahead: defaultdict[str, deque[Future[Started]]] = defaultdict(deque)
        self._starters = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="prestart")
        self._lock = threading.Lock()

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        """A lane of this rung ends with its task."""

    def close(self) -> None:
        """Waits until every task has ended and every container is on its way out."""
        super().close()
        for future in [future for line in self._ahead.values() for future in line]:
            with contextlib.suppress(EngineError, OSError):  # of starts that nobody has asked for any more
                self._discard(future.result())
        self._starters.shutdown()

    def run(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        """Raises EngineError if the engine fails; the container does not outlive its task."""
        with clock.measure("start"):
            started = self._take(task, seat.grant)
        container = OwnContainer(self.isolation.engine, started)
        try:
            judged = converse(container, task, clock, spill=self.files.work)
        except BaseException:
            self.containers.remove_now(started.id)  # it may be running
            raise
        self.containers.remove(started.id)
        return judged

    def _take(self, task: StepTask, grant: Grant) -> Started:
        """A started container: one made for this task, or with prestart the one that has waited longest."""
        if not task.step.prestart:
            return self.isolation.start_for(task, grant)
        while True:
            started = self._next_ahead(task, grant).result()
            if not has_ended(started.connection):
                return started
            self._discard(started)  # ended from outside, or with an engine that was started again

    def _next_ahead(self, task: StepTask, grant: Grant) -> Future[Started]:
        with self._lock:
            line = self._ahead[task.step.name]
            while len(line) <= task.step.prestart:
                line.append(self._starters.submit(self.isolation.start_kept, task, grant))
            return line.popleft()

    def _discard(self, started: Started) -> None:
        started.connection.close()
        self.containers.remove_now(started.id)
