"""All jobs: which of them run, how each ends, and who is told.

A job is durable before it is accepted, and runs again after a restart until it has ended.

    admission --> accept --> queued --> running --> done, failed
                               |           |
                               +-- cancel -+----> cancelled: removed

Threads
    Requests come from any thread (admission, accept, live, kept, cancel). Each job has one of ``running`` threads
    while it runs (``_work``); a sweeper removes what has been kept long enough; ``drain`` makes one to wind down.
    ``_live`` holds the jobs that this process is not through with. Whoever takes a job out of it, under the lock, ends
    it (``_end``), and nobody else does: that is the job's own thread, or ``_stop`` if it could still withdraw the job
    from the line for a thread (``Future.cancel`` is what decides between the two).
    A cancel marks the job first and stops it then: the job's thread looks at the mark behind its last step, so
    whichever comes first, the job is removed once, and ``ended`` is set after that.
    A drain that has begun is looked at before a job starts: it stays queued in the registry for the next process.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from coordinator.contract import ErrorKind, TaskError
from coordinator.service.execution import Execution, WorkerSpec
from coordinator.service.jobs import Job, JobState
from coordinator.service.metrics import Metrics
from coordinator.service.places import Places
from coordinator.service.pool import Pool
from coordinator.service.registry import Registry
from coordinator.service.store import Store
from coordinator.strictjson import Json

_LOG = logging.getLogger("coordinator.service")
_SWEEP_SECONDS = 60.0
_PAUSE = 5.0
"""Seconds before a job that was broken off goes on."""


class Live:
    """A job that has not ended yet. ``ended`` holds the job as it was left, once this process is through with it."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.state = JobState.QUEUED
        self.cancelled = False
        self.turn: Future[None] | None = None
        """Its place in the queue for a thread."""
        self.ended: Future[Job] = Future()

    @property
    def job(self) -> Job:
        return self.execution.job.in_state(self.state)

    def as_json(self) -> Json:
        """What a client sees of it now."""
        return self.job.as_json(self.execution.done)


class Manager:
    """Drives jobs to their ends, some at a time, the oldest first."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        pool: Pool,
        program: WorkerSpec,
        metrics: Metrics,
        running: int,
        waiting: int,
        keep: float,
        grace: float,
    ) -> None:
        """``keep`` and ``grace`` are seconds: finished jobs stay so long, running ones may go on so long at the end."""
        self._registry, self._store, self._pool, self._program = registry, store, pool, program
        self._places = Places(running=running, waiting=waiting)
        self._keep, self._grace, self._metrics = keep, grace, metrics
        self._lock = threading.Lock()
        self._live: dict[str, Live] = {}
        self._draining = threading.Event()
        self._threads = ThreadPoolExecutor(max_workers=running, thread_name_prefix="job")
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)

    def start(self) -> None:
        """Takes up what an earlier process left, and removes what belongs to nobody."""
        self._store.remove_all_but(self._registry.ids())
        anew = self._store.machine_has_restarted()
        for job in self._registry.unfinished():
            _LOG.info("job %s %s", job.id, "begins anew" if anew else "is resumed")
            if anew:
                self._store.begin_anew(job.id)
            self._places.take()
            self._launch(job)
        self._store.note_machine()
        self._sweeper.start()

    # -- letting in ---------------------------------------------------------------------------------------

    def admission(self) -> AbstractContextManager[None]:
        """Holds a place while a request is read, until :meth:`accept` takes it over. Raises Refused if none is free."""
        return self._places.admission()

    def accept(self, job: Job) -> Live:
        """Takes a job on, inside of :meth:`admission`: when this returns, it survives this process.

        Raises sqlite3.Error if it cannot be written down.
        """
        self._registry.put(job)
        return self._launch(job)

    def _launch(self, job: Job) -> Live:
        live = Live(Execution(job, self._store, self._program, self._pool))
        with self._lock:
            self._live[job.id] = live
            live.turn = self._threads.submit(self._work, live)
        return live

    # -- looking ------------------------------------------------------------------------------------------

    def live(self, job_id: str) -> Live | None:
        """The job, if it has not ended."""
        return self._live.get(job_id)

    def kept(self, job_id: str) -> Job | None:
        """The job as the registry has it, if it is still kept."""
        return self._registry.get(job_id)

    def count(self, state: JobState) -> int:
        """The jobs that wait, or run."""
        with self._lock:
            return sum(live.state is state for live in self._live.values())

    @property
    def is_draining(self) -> bool:
        return self._draining.is_set()

    # -- a job's own thread -------------------------------------------------------------------------------

    def _work(self, live: Live) -> None:
        try:
            left = self._run(live)
        except Exception:
            job = live.execution.job
            _LOG.exception("job %s failed in the service itself", job.id)
            left = self._give_up(job)
        self._end(live, left)

    def _end(self, live: Live, left: Job) -> None:
        """This process is through with the job, and leaves it so."""
        with self._lock:
            self._live.pop(left.id, None)
        self._places.leave()
        try:
            if live.cancelled:
                self._remove(left.id)
                left = left.in_state(JobState.CANCELLED)
            if left.state.is_final:
                self._metrics.jobs.labels(str(left.state)).inc()
        finally:
            live.ended.set_result(left)

    def _stop(self, live: Live) -> None:
        """Ends the job as soon as its running tasks have; at once, if it is not yet running."""
        with self._lock:
            waited = live.turn is not None and live.turn.cancel()
            never_ran = waited and self._live.pop(live.job.id, None) is live
        if never_ran:
            self._end(live, live.job)
        else:
            live.execution.stop()

    def _run(self, live: Live) -> Job:
        """Runs the job; it comes back as it was if it was stopped, or never started."""
        if self._draining.is_set():
            return live.job
        live.state = JobState.RUNNING
        started = time.time()
        # A run that nobody has stopped, and that comes to no end, has lost its engine: it goes on when that is back.
        while (ended := live.execution.run()) is None and not (live.cancelled or self._draining.is_set()):
            _LOG.warning("job %s was broken off, and goes on", live.job.id)
            self._draining.wait(_PAUSE)
        if ended is None or live.cancelled:
            return live.job.in_state(JobState.QUEUED)
        job = live.execution.job
        self._store.publish(job, zip(ended.files, ended.images, strict=True))
        job = job.ended(ended.files, time.time())
        self._registry.put(job)
        self._store.tidy(job.id)
        seconds = time.time() - started
        self._places.note(seconds)
        _LOG.info("job %s is %s: %d files, %.2f s", job.id, job.state, len(job.files), seconds)
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

    # -- removing -----------------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> Future[Job] | None:
        """Ends and removes the job. The future is done once nothing of it is left; None if there is no such job."""
        with self._lock:
            live = self._live.get(job_id)
            if live is not None:
                live.cancelled = True
        if live is not None:
            self._stop(live)
            return live.ended
        job = self._registry.get(job_id)
        if job is None:
            return None
        self._remove(job_id)
        removed: Future[Job] = Future()
        removed.set_result(job)
        return removed

    def _remove(self, job_id: str) -> None:
        """The row goes last: what is interrupted here is removed at the next start."""
        self._store.remove(job_id)
        self._registry.remove(job_id)

    def _sweep(self) -> None:
        """Removes jobs that have been kept long enough."""
        while not self._draining.wait(_SWEEP_SECONDS):
            for job_id in self._registry.finished_before(time.time() - self._keep):
                self._remove(job_id)

    # -- the end ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Lets nothing more in and ends what waits; after the grace, also what runs. Returns at once."""
        if self._draining.is_set():
            return
        self._draining.set()
        self._places.close()
        threading.Thread(target=self._wind_down, name="drain", daemon=True).start()

    def _wind_down(self) -> None:
        with self._lock:
            live = list(self._live.values())
        for one in live:
            if one.state is JobState.QUEUED:
                self._stop(one)
        if wait([one.ended for one in live], timeout=self._grace).not_done:
            self._pool.cancel()
            for one in live:
                self._stop(one)

    def close(self) -> None:
        """Waits until no job runs any more; what has not ended is resumed at the next start."""
        self.drain()
        self._threads.shutdown()
        if self._sweeper.is_alive():
            self._sweeper.join()
