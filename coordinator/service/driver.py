"""One job from its turn to its end: run, published, written down."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future

from coordinator.contract import ErrorKind, TaskError
from coordinator.service.execution import Ended, Execution
from coordinator.service.jobs import Job, JobState
from coordinator.service.places import Places
from coordinator.service.registry import Registry
from coordinator.service.store import Store
from coordinator.strictjson import Json

_LOG = logging.getLogger("coordinator.service")
_PAUSE = 5.0
"""Seconds before a job that was broken off goes on."""


class LiveJob:
    """A job that has not ended yet. ``ended`` holds the job as it was left, once this process is through with it.

    ``state`` is written by the job's own thread alone, ``cancelled`` and ``turn`` under the manager's lock; any
    thread may read them.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.state = JobState.QUEUED
        self.cancelled = False
        self.turn: Future[None] | None = None
        """Its place in the queue for a thread."""
        self.ended: Future[Job] = Future()

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self.execution.job.in_state(self.state)

    def as_json(self) -> Json:
        """What a client sees of it now."""
        return self.job.as_json(self.execution.done)


class Driver:
    """Drives jobs to their ends, each in the thread that calls :meth:`run`."""

    def __init__(self, registry: Registry, store: Store, places: Places, draining: threading.Event) -> None:
        """``draining`` is set once no job is to begin, or to go on, any more."""
        self._registry, self._store = registry, store
        self._places = places
        self._draining = draining

    def run(self, live: LiveJob) -> Job:
        """Runs the job, and returns it as it is left.

        It is left queued if it was stopped, or never began; its results are published before it is written down as
        ended, so that whatever is interrupted in between is done again.
        """
        started = time.time()
        try:
            if (ended := self._came_to(live)) is None:
                return live.job.in_state(JobState.QUEUED)
            job = self._finish(live.execution.job, ended)
        except Exception:
            _LOG.exception("job %s failed in the service itself", live.job.id)
            return self._give_up(live.execution.job)
        seconds = time.time() - started
        self._places.note(seconds)
        _LOG.info("job %s is %s: %d files, %.2f s", job.id, job.state, len(job.files), seconds)
        return job

    def _came_to(self, live: LiveJob) -> Ended | None:
        """What the job's run comes to; None if it is to come to nothing in this process."""
        if self._draining.is_set():
            return None
        live.state = JobState.RUNNING
        # A run that nobody has stopped, and that comes to no end, has lost its engine: it goes on when that is back.
        while (ended := live.execution.run()) is None and not (live.cancelled or self._draining.is_set()):
            _LOG.warning("job %s was broken off, and goes on", live.job.id)
            self._draining.wait(_PAUSE)
        return None if live.cancelled else ended

    def _finish(self, job: Job, ended: Ended) -> Job:
        self._store.publish(job, zip(ended.files, ended.images, strict=True))
        job = job.ended(ended.files, time.time())
        self._registry.put(job)
        self._store.tidy(job.id)
        return job

    def _give_up(self, job: Job) -> Job:
        """A job that the service itself failed at ends, so that it is not taken up for ever."""
        error = TaskError(kind=ErrorKind.INTERNAL, message="the service failed at this job; its log says why")
        job = job.ended((file.with_error(error) for file in job.files), time.time())
        try:
            self._registry.put(job)
        except Exception:
            _LOG.exception("job %s cannot be written down as failed", job.id)
        return job
