"""Blocking work side by side: a pool of threads around functions from one task to its outcome."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import Outcome, Times

T = TypeVar("T")
Sink = Callable[[Sequence[Outcome]], None]
"""Takes outcomes, from any thread."""
_LOOK = 0.5
"""Seconds after which who waits looks up. Python runs a signal's handler in the main thread, once that runs: a signal
that comes right before it begins to wait, or that the system gives to another thread, does not end the waiting."""


class Inbox(Generic[T]):
    """Outcomes, or what else there is, from any threads on their way to one."""

    def __init__(self) -> None:
        self._outcomes: queue.SimpleQueue[Sequence[T]] = queue.SimpleQueue()
        self.put: Callable[[Sequence[T]], None] = self._outcomes.put

    def wait(self, timeout: float | None) -> list[T]:
        """The outcomes since the last call: at least one, unless time is up or :meth:`wake` was called."""
        outcomes: list[T] = []
        try:
            outcomes += self._next(None if timeout is None else time.monotonic() + timeout)
            while True:
                outcomes += self._outcomes.get_nowait()
        except queue.Empty:
            return outcomes

    def _next(self, deadline: float | None) -> Sequence[T]:
        """What comes next. Raises queue.Empty at the deadline."""
        while True:
            left = _LOOK if deadline is None else min(_LOOK, deadline - time.monotonic())
            if left <= 0:
                return self._outcomes.get_nowait()
            with suppress(queue.Empty):
                return self._outcomes.get(timeout=left)

    def wake(self) -> None:
        """Makes :meth:`wait` return; safe in a signal handler."""
        self._outcomes.put(())


@dataclass
class Clock:
    """Seconds spent by the name of what they were spent on: names of :class:`Times`."""

    _seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = round(time.perf_counter() - started, 6)

    def times(self) -> Times:
        """What was measured so far."""
        return Times(**self._seconds)


class Threads:
    """Attempts tasks side by side and hands their outcomes to a sink."""

    def __init__(self, sink: Sink, *, size: int) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="task")

    def submit(self, task: str, attempt: Callable[[], Outcome]) -> None:
        """Makes one attempt at the task of that id in a thread; an exception in it ends this task only."""
        self._pool.submit(self._attempt, task, attempt, time.perf_counter())

    def close(self) -> None:
        """Waits for all attempts to end."""
        self._pool.shutdown()

    def _attempt(self, task: str, attempt: Callable[[], Outcome], submitted: float) -> None:
        started = time.perf_counter()
        try:
            outcome = attempt()
        except Exception as error:  # a bug or a full disk must end one task, not hang the run
            message = f"the coordinator failed at this task: {type(error).__name__}: {error}"
            outcome = Outcome(task=task, result=TaskError(kind=ErrorKind.INTERNAL, message=message))
        queued, busy = started - submitted, time.perf_counter() - started
        times = replace(outcome.times, queue=round(queued, 6), busy=round(busy, 6))
        self._sink([replace(outcome, times=times)])
