"""The batch on its way in: recordings one at a time, each once, some of them fetched first."""

from __future__ import annotations

from collections.abc import Iterator

from coordinator.batch.recording import BadRecording, Recording
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.dataflow import Advance, Dataflow
from coordinator.core.tasks import Outcome
from coordinator.schedule.bookkeeping import Bookkeeping
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.fetches import Arrival, Fetches
from coordinator.schedule.pauses import Pauses
from coordinator.schedule.plan import Plan


class Feed:
    """Takes a batch's recordings into the dataflow."""

    def __init__(
        self,
        recordings: Iterator[Recording | BadRecording],
        *,
        plan: Plan,
        flow: Dataflow,
        journal: Chronicle,
        books: Bookkeeping,
        fetches: Fetches,
        pauses: Pauses,
    ) -> None:
        self._recordings = recordings
        self._regions = plan.regions
        self._flow = flow
        self._journal = journal
        self._books = books
        self._fetches = fetches
        self._pauses = pauses
        self._is_read = False
        self.is_over = False
        """Whether all of the batch has come in, or come to nothing."""

    @property
    def is_waiting(self) -> bool:
        """Whether nothing can be taken now: what is fetched has to arrive first."""
        return not self._fetches.has_room or (self._is_read and bool(self._fetches or self._pauses))

    def take(self) -> Advance:
        """Takes the next recording in, or learns that there is none. Says what that led to."""
        recording = None if self._is_read else next(self._recordings, None)
        if recording is not None:
            return self._admit(recording)
        self._is_read = True
        if self.is_waiting:  # for what is still to enter its regions, perhaps after a pause
            return Advance()
        self.is_over = True
        return self._flow.close()

    def arrive(self, outcome: Outcome) -> Advance | None:
        """An attempt at fetching has ended; None if that was because the run is interrupted."""
        recording, arrival = self._fetches.settle(outcome)
        return None if arrival is Arrival.CANCELLED else self._arrived(recording, arrival)

    def _admit(self, recording: Recording | BadRecording) -> Advance:
        if isinstance(recording, BadRecording):
            self._refuse(recording.id, recording.reason)
            return Advance()
        if not self._journal.admit(recording.id):
            reason = f"the id {recording.id!r} is used twice; give every recording its own"
            self._refuse(recording.id, reason)
            return self._arrived(recording, Arrival.LOST)
        remote = recording.remote
        if remote is None:
            return self._arrived(recording, Arrival.HERE)
        return self._arrived(recording, self._fetches.start(recording, remote))

    def _arrived(self, recording: Recording, arrival: Arrival) -> Advance:
        if arrival is Arrival.UNDERWAY:
            return Advance()
        regions = self._regions.around(recording.position)
        if arrival is Arrival.LOST:
            return self._flow.lose(regions)
        return self._flow.admit(recording.item, regions)

    def _refuse(self, recording: str, reason: str) -> None:
        self._books.bad_recording(recording, TaskError(kind=ErrorKind.BAD_INPUT, message=reason))
