"""The tasks that a kept program has been asked and has not answered: whose turn it is, until when, and who pays.

The program works on the task that has waited longest, the head; what it says is about any of them. Pure: the clock is
whoever calls.
"""

from __future__ import annotations

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import StepTask
from coordinator.runners.verdict import ABANDONED, LOST

_SHARED = (ErrorKind.CANCELLED, ErrorKind.LOST)
"""What befalls all of them alike: nobody has failed."""


class Pending:
    """Tasks by their id, in the order in which they were asked."""

    def __init__(self) -> None:
        self._tasks: dict[str, StepTask] = {}
        self._head_since = 0.0
        self._opening: float | None = None
        self._unwanted: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def head(self) -> StepTask:
        """The one that the program works on; there must be one."""
        return next(iter(self._tasks.values()))

    @property
    def deadline(self) -> float | None:
        """When the head's time is up; None if nothing is pending."""
        if not self._tasks:
            return None
        until = self._head_since + self.head.step.timeout
        return min(until, self._unwanted.get(self.head.id, until))

    def add(self, task: StepTask, now: float) -> None:
        """``task`` is asked, behind the others."""
        if not self._tasks:
            self._head_since = now
        self._tasks[task.id] = task

    def abandon(self, task_id: str, until: float) -> None:
        """Nobody wants the task's results any more: as the head it has time until then. It may be answered already."""
        if task_id in self._tasks:
            self._unwanted[task_id] = until

    @property
    def is_unwanted(self) -> bool:
        """Whether nobody wants the head's results any more."""
        return self.head.id in self._unwanted

    def begin(self, now: float, opening: float) -> None:
        """The program is there only now: the ``opening`` seconds that it took are not the head's time."""
        self._head_since = now
        self._opening = opening

    def opening(self) -> float | None:
        """Seconds that the program took to open, told once: for the first of its answers."""
        opening, self._opening = self._opening, None
        return opening

    def find(self, task_id: str) -> StepTask | None:
        return self._tasks.get(task_id)

    def remove(self, task_id: str) -> None:
        """The task has been answered."""
        del self._tasks[task_id]
        self._unwanted.pop(task_id, None)

    def shares(self, answers: int, now: float) -> float:
        """Seconds that each of so many answers took, which have come together; the next head's time begins."""
        share = (now - self._head_since) / answers
        self._head_since = now
        return share

    def fail(self, error: TaskError) -> list[tuple[StepTask, TaskError]]:
        """Nothing is pending any more: the head fails of ``error``, which costs those behind it no attempt."""
        others = error if error.kind in _SHARED and error is not ABANDONED else LOST
        failed = [(task, others if number else error) for number, task in enumerate(self._tasks.values())]
        self._tasks.clear()
        self._unwanted.clear()
        return failed
