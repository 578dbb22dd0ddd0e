"""How many tasks of each step wait or run: an observer of the run that counts, and passes on what it is told."""

from __future__ import annotations

from collections import Counter

from coordinator.contract import TaskError
from coordinator.record.journal import Status
from coordinator.schedule.plan import Observer


class Demand:
    """Stands between the scheduler and whoever watches it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._open: Counter[str] = Counter()

    def backlog(self, step: str) -> int:
        """Tasks of the step that are known of and have not ended."""
        return max(0, self._open[step])

    def expect(self, step: str, tasks: int) -> None:
        self._open[step] += tasks
        self._observer.expect(step, tasks)

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        self._open[step] -= 1
        self._observer.ended(step, status, reused=reused)

    def failed(self, task: str, error: TaskError) -> None:
        self._observer.failed(task, error)
