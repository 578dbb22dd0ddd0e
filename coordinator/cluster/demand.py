"""How many tasks of each step wait or run: an observer of the run that counts, and passes on what it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coordinator.contract import TaskError
from coordinator.pipeline import Per, Step
from coordinator.record.journal import Status
from coordinator.schedule.plan import Observer

LINE = 1024
"""So many tasks of a step wait at most; then what makes more of them waits, so that memory does not grow."""


class Demand:
    """Stands between the scheduler and whoever watches it."""

    def __init__(self, observer: Observer, steps: Sequence[Step], total: Mapping[str, int]) -> None:
        """``total`` is the number of tasks of those steps of which it is known in advance."""
        self._observer = observer
        self._chains = {step.name: _chain(steps, number) for number, step in enumerate(steps)}
        self._total = total
        self._open: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()

    def backlog(self, step: str) -> int:
        """Tasks of the step that are known of and have not ended; if its line is full, those too that are to come.

        A line that is not full is no bottleneck: more instances would wait for what is in front of them.
        """
        line = self._open[step]
        if line < LINE:
            return line
        chain = self._chains[step]
        to_come = self._total.get(chain[0], 0) - self._expected[chain[0]]
        return max(0, to_come) + sum(self._open[one] for one in chain)

    def expect(self, step: str, tasks: int) -> None:
        self._open[step] += tasks
        self._expected[step] += tasks
        self._observer.expect(step, tasks)

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        self._open[step] -= 1
        self._observer.ended(step, status, reused=reused)

    def failed(self, task: str, error: TaskError) -> None:
        self._observer.failed(task, error)

    def engine_failed(self, step: str, task: str, error: TaskError) -> None:
        self._observer.engine_failed(step, task, error)


def _chain(steps: Sequence[Step], number: int) -> tuple[str, ...]:
    """The step, and those before it whose items go straight on to it, one by one; the first of them first."""
    start = number
    while start and steps[start].per is Per.ITEM and steps[start - 1].per is Per.ITEM:
        start -= 1
    return tuple(step.name for step in steps[start : number + 1])
