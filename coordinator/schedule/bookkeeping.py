"""How tasks end, put down in one place: in the journal, as evidence, and for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.contract import Request, Success, TaskError
from coordinator.core.tasks import Outcome
from coordinator.record.evidence import FailureFolder
from coordinator.record.journal import BATCH, GATHERED, Attempt, Status
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.plan import Observer
from coordinator.strictjson import Json


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day (seconds since the epoch) and the clock's: days may jump, and what lasted is told by the clock."""

    day: float
    clock: float


class Bookkeeping:
    """Notes attempts and final states."""

    def __init__(
        self, journal: Chronicle, failures: FailureFolder, observer: Observer, clock: Callable[[], float]
    ) -> None:
        self._journal = journal
        self._failures = failures
        self._observer = observer
        self._clock = clock

    def now(self) -> Moment:
        return Moment(time.time(), self._clock())

    def attempted(
        self, outcome: Outcome, number: int, submitted: Moment, gathered: int | None = None
    ) -> None:
        """One attempt has ended, whatever it came to; it was at so many ``gathered`` items, if at a region or batch."""
        result = outcome.result
        told = dict(result.metrics) if isinstance(result, Success) else {}
        if gathered is not None:
            told[GATHERED] = gathered
        self._journal.attempted(
            Attempt(
                task=outcome.task,
                number=number,
                submitted=submitted.day,
                ended=submitted.day + self._clock() - submitted.clock,
                container=outcome.evidence.container,
                error=result if isinstance(result, TaskError) else None,
                metrics={**told, **outcome.times.as_metrics()},
            )
        )

    def succeeded(self, task_id: str, step: str, unit: str, key: str, items: list[Json]) -> None:
        self._journal.succeeded(task_id, step, unit, key, items)
        self._observer.ended(step, Status.SUCCEEDED)

    def skipped(self, task_id: str, step: str, unit: str) -> None:
        self._journal.skipped(task_id, step, unit)
        self._observer.expect(step, 1)
        self._observer.ended(step, Status.SKIPPED)

    def refused(self, task_id: str, step: str, unit: str, error: TaskError, key: str | None = None) -> None:
        """A task failed that never came to a step, or that is no step's."""
        self._fail(task_id, step, unit, error, key, lambda: self._failures.keep(task_id, error))

    def failed(
        self, request: Request, unit: str, error: TaskError, attempt: int, outcome: Outcome, key: str
    ) -> None:
        """A step's task failed for good; what is known of its last attempt is kept."""

        def keep() -> object:
            return self._failures.keep_attempt(request, error, attempt, outcome.evidence)

        self._fail(request.task, request.step, unit, error, key, keep)

    def bad_recording(self, recording: str, error: TaskError) -> None:
        """Something in the batch is no usable recording."""
        self.refused(f"{BATCH}/{recording}", BATCH, recording, error)

    def _fail(
        self,
        task_id: str,
        step: str,
        unit: str,
        error: TaskError,
        key: str | None,
        keep: Callable[[], object],
    ) -> None:
        try:
            keep()
        except OSError as trouble:
            message = f"{error.message} (its evidence could not be kept: {trouble.strerror})"
            error = error.model_copy(update={"message": message})
        self._journal.failed(task_id, step, unit, error, key)
        self._observer.ended(step, Status.FAILED)
        self._observer.failed(task_id, error)
