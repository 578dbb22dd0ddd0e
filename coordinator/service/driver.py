"""One job from its turn to its end: run, and published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future

from coordinator.contract import ErrorKind, TaskError
from coordinator.service.execution import Ended, Execution
from coordinator.service.jobs import Job, JobState
from coordinator.service.places import Places
from coordinator.service.shortage import Lack, lack
from coordinator.service.single import SingleTask
from coordinator.service.store import Store
from coordinator.service.told import NO_ROOM, TOO_MANY_FILES
from coordinator.service.turns import Begin, Turns
from coordinator.strictjson import Json

_LOG = logging.getLogger("coordinator.service")
_PAUSE = 5.0
"""Seconds before a job that was broken off goes on."""
_MANY = 64
"""Results whose files are moved in a thread of their own: this one has other clients, too."""
_FAILED = TaskError(kind=ErrorKind.INTERNAL, message="the service failed at this job; its log says why")


class LiveJob:
    """A job that has not ended yet. ``ended`` holds the job as it was left, once this process is through with it.

    ``stored`` is done once the job is on the disk, and survives the machine. ``begin`` is its turn, in the
    line of ``turns``.
    ``state`` and ``size`` are written by who drives it alone, ``cancelled`` under the manager's lock; any thread may
    read them.
    """

    def __init__(self, execution: Execution | SingleTask) -> None:
        self.execution = execution
        self.state = JobState.QUEUED
        self.size = 0
        """The bytes that are kept of it once it has ended."""
        self.cancelled = False
        self.begin: Begin
        self.turns: Turns
        self.stored: Future[None]
        self.ended: Future[Job] = Future()

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self.execution.job.in_state(self.state)

    def as_json(self) -> Json:
        """What a client sees of it now."""
        return self.job.as_json(self.execution.done)


TellLeft = Callable[[LiveJob, Job], None]
"""Is given a job, and how it is left."""


class Driver:
    """Drives jobs to their ends.

    A job is left queued if it was stopped, or never began; its results are published before it is written down as
    ended, so that whatever is interrupted in between is done again.
    """

    def __init__(self, store: Store, places: Places, threads: Executor, draining: threading.Event) -> None:
        """``threads`` are for jobs of several tasks; ``draining`` is set once no job is to begin any more."""
        self._store = store
        self._places = places
        self._threads = threads
        self._draining = draining

    def begin(self, live: LiveJob, end: TellLeft) -> None:
        """Begins a job, whose turn it is; ``end`` is given it as it is left, in another thread."""
        if self._draining.is_set():
            end(live, live.job)
        elif isinstance(live.execution, SingleTask):
            self._begin_single(live, live.execution, end)
        else:
            self._threads.submit(self._run, live, live.execution, end)

    def _run(self, live: LiveJob, execution: Execution, end: TellLeft) -> None:
        live.state, started = JobState.RUNNING, time.time()
        while (left := self._tried(live, execution, started)) is None:
            self._draining.wait(_PAUSE)
        end(live, left)

    def _tried(self, live: LiveJob, execution: Execution, started: float) -> Job | None:
        try:
            ended = execution.run()
        except Exception as error:
            return self._left_by(live, error)
        return self._left(live, ended, started)

    def _begin_single(self, live: LiveJob, single: SingleTask, end: TellLeft) -> None:
        live.state, started = JobState.RUNNING, time.time()

        def leave(ended: Ended | None) -> None:
            if (left := self._left(live, ended, started)) is None:
                single.go_on_after(_PAUSE, take)
            else:
                end(live, left)

        def take(ended: Ended | None) -> None:
            if ended is not None and sum(map(len, ended.images)) > _MANY:
                self._threads.submit(leave, ended)
            else:
                leave(ended)

        single.begin(take)

    def _left(self, live: LiveJob, ended: Ended | None, started: float) -> Job | None:
        """The job as it is left after it has come to an end, or to none. None if it goes on, after a pause.

        One that nobody has stopped, and that comes to no end, has lost its engine: it goes on with that. So does one
        that lacks open files.
        """
        if live.cancelled or ended is None:
            return self._broken_off(live, "lost its workers")
        if any(file.error == TOO_MANY_FILES for file in ended.files):
            return self._broken_off(live, TOO_MANY_FILES.message)
        try:
            job = self._publish(live, ended)
        except Exception as error:
            return self._left_by(live, error)
        seconds = time.time() - started
        is_small = isinstance(live.execution, SingleTask)
        self._places.note(seconds)
        level = logging.DEBUG if is_small and job.state is JobState.DONE else logging.INFO
        _LOG.log(level, "job %s is %s: %d files, %.2f s", job.id, job.state, len(job.files), seconds)
        return job

    def _broken_off(self, live: LiveJob, why: str) -> Job | None:
        """A job that is broken off goes on, unless it or the service is being ended."""
        if live.cancelled or self._draining.is_set():
            return live.job.in_state(JobState.QUEUED)
        _LOG.warning("job %s was broken off, and goes on: %s", live.job.id, why)
        return None

    def _publish(self, live: LiveJob, ended: Ended) -> Job:
        job, runs = live.execution.job, isinstance(live.execution, Execution)
        live.size = self._store.publish(job, list(zip(ended.files, ended.images, strict=True)), keep=runs)
        if runs:
            self._store.tidy(job.id)
            if not any(file.error for file in ended.files):  # or else the run's folder tells why it failed
                self._store.begin_anew(job.id)
        return job.ended(ended.files, time.time())

    def _left_by(self, live: LiveJob, error: Exception) -> Job | None:
        """The job as it is left after an error of the service's own. It ends, so that it is not taken up for ever,
        unless it goes on when files are closed again."""
        lacking = lack(error, self._store.path)
        if lacking is Lack.FILES:
            return self._broken_off(live, TOO_MANY_FILES.message)
        if lacking is Lack.ROOM:
            _LOG.error("job %s: its results cannot be stored: %s", live.job.id, error)
            self._store.begin_anew(live.job.id)  # what is left of it takes room, too
            return self._failed(live.execution.job, NO_ROOM)
        _LOG.error("job %s failed in the service itself", live.job.id, exc_info=error)
        return self._failed(live.execution.job, _FAILED)

    def _failed(self, job: Job, error: TaskError) -> Job:
        self._store.tidy(job.id)
        return job.ended((file.with_error(error) for file in job.files), time.time())
