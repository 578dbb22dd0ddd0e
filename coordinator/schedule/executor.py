"""The seam behind which tasks run: this machine, the image service's workers, one day a cluster.

An executor owns what it runs tasks with: how much of it there is, who holds what, and how it is left behind. Whoever
schedules asks for a seat, and gives a task to whoever sits there:

    seat   = executor.seat(step)        None: nothing is free for this step now
             executor.submit(task, seat)    every seat is used, for a task of its step
    ...    = executor.wait(timeout)     every task that was submitted comes back once, whatever happens

A seat is taken when it is given, and free again when its task's outcome has been handed out. So capacity can be
counted by whoever has it, in whatever unit: CPUs, memory and GPUs here, workers there.

Threads: one thread calls everything, except :meth:`Executor.wake` and :meth:`Executor.cancel`, which any thread and a
signal handler may call.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from coordinator.core.tasks import FetchTask, Outcome, StepTask
from coordinator.pipeline import Step

S = TypeVar("S")
"""A seat: what it is, only its executor knows."""


class Executor(Protocol[S]):
    """Takes tasks that are plain data and gives back their outcomes, in whatever order they end."""

    @property
    def fetches(self) -> int:
        """Maximum number of images that are fetched at a time; 0 if whoever runs a task fetches its images himself."""
        ...

    def ahead(self, step: Step) -> int:
        """So many of the step's tasks should be ready and waiting, so that nobody waits for a task."""
        ...

    @property
    def longest(self) -> int | None:
        """So many of a step's tasks may wait before earlier steps wait for it; None if steps share their seats."""
        ...

    def seat(self, step: Step) -> S | None:
        """A place for one more task of ``step``; None if there is none now, which an outcome may change."""
        ...

    def submit(self, task: StepTask, seat: S) -> None:
        """Starts one attempt and returns at once."""
        ...

    def fetch(self, task: FetchTask) -> None:
        """Starts to fetch an image and returns at once; its outcome comes like a task's. Not called if 0 are."""
        ...

    def wait(self, timeout: float | None) -> list[Outcome]:
        """The outcomes since the last call: at least one, unless time is up or :meth:`wake` was called."""
        ...

    def wake(self) -> None:
        """Makes :meth:`wait` return."""
        ...

    def cancel(self) -> None:
        """Lets go of all tasks as soon as it can: those that no program works on yet end as cancelled at once."""
        ...

    def close(self) -> None:
        """Waits for what still runs, and leaves nothing of it behind."""
        ...
