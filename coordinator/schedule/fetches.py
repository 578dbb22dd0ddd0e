"""Images that the batch names by their URLs, on their way into the run folder: as if by a step before the first.

Where whoever runs a task fetches its images himself, as the nodes of a cluster do, they are only put down here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from coordinator.batch.recording import Recording
from coordinator.contract import ErrorKind, Success
from coordinator.core.paths import FETCH
from coordinator.core.retries import Tries, retry
from coordinator.core.tasks import FetchTask, Outcome, RemoteImage
from coordinator.record.journal import Status
from coordinator.schedule.bookkeeping import Bookkeeping, Moment
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.executor import Executor
from coordinator.schedule.pauses import Pauses
from coordinator.schedule.plan import Observer
from coordinator.schedule.reuse import Reuse

_RETRIES = 2


class Arrival(Enum):
    """What has become of a recording's image."""

    HERE = "here"
    LOST = "lost"
    UNDERWAY = "underway"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class _Fetching:
    recording: Recording
    task: FetchTask
    submitted: Moment
    tries: Tries = field(default_factory=Tries)


class Fetches:
    """Fetches images, a few at a time, and tries again what may yet come."""

    def __init__(
        self,
        executor: Executor[Any],
        reuse: Reuse,
        journal: Chronicle,
        books: Bookkeeping,
        observer: Observer,
        pauses: Pauses,
    ) -> None:
        self._executor = executor
        self._reuse = reuse
        self._journal = journal
        self._books = books
        self._observer = observer
        self._pauses = pauses
        self._fetching: dict[str, _Fetching] = {}

    def __len__(self) -> int:
        return len(self._fetching)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._fetching

    @property
    def has_room(self) -> bool:
        return not self._executor.fetches or len(self._fetching) < self._executor.fetches

    def start(self, recording: Recording, image: RemoteImage) -> Arrival:
        """Sends for the recording's image, unless an earlier session has it, or could not get it."""
        self._journal.images.name(image)
        if not self._executor.fetches:
            return Arrival.HERE
        url = image.url
        task = FetchTask(id=f"{FETCH}/{recording.id}", image=image)
        if self._reuse.is_fetched(task.id, url, image.path):
            return Arrival.HERE
        self._observer.expect(FETCH, 1)
        if self._reuse.stays_unfetched(FETCH, task.id, url):
            self._observer.ended(FETCH, Status.FAILED)
            return Arrival.LOST
        self._submit(_Fetching(recording=recording, task=task, submitted=self._books.now()))
        return Arrival.UNDERWAY

    def settle(self, outcome: Outcome) -> tuple[Recording, Arrival]:
        """What an attempt came to, and of which recording."""
        fetching = self._fetching.pop(outcome.task)
        recording, task = fetching.recording, fetching.task
        self._books.attempted(outcome, task.attempt, fetching.submitted)
        if isinstance(outcome.result, Success):
            for path, stamp in outcome.fetched:
                self._journal.images.fetched(path, stamp, self._journal.session)
            self._books.succeeded(task.id, FETCH, recording.id, task.image.url, [])
            return recording, Arrival.HERE
        if outcome.result.kind is ErrorKind.CANCELLED:
            return recording, Arrival.CANCELLED
        if again := retry(outcome.result, fetching.tries, _RETRIES):
            waiting = replace(fetching, tries=again.tries, task=replace(task, attempt=again.tries.attempt))
            self._pauses.after(again.pause, lambda: self._submit(waiting))
            return recording, Arrival.UNDERWAY
        self._books.refused(task.id, FETCH, recording.id, outcome.result, key=task.image.url)
        return recording, Arrival.LOST

    def _submit(self, fetching: _Fetching) -> None:
        self._fetching[fetching.task.id] = replace(fetching, submitted=self._books.now())
        self._executor.fetch(fetching.task)
