"""All jobs: which of them run, how each ends, and who is told.

A job is written down before it begins, and runs again after a restart until it has ended.

    admission --> accept --> queued --> running --> done, failed
                               |           |
                               +-- cancel -+----> cancelled: removed

Who calls what, and from which thread
    The event loop's thread looks (``look``, ``live``, ``count``, ``is_draining``), waits for ``ended`` and ``stored``,
    and accepts small jobs, of which nothing is synced there. It must not be held up: what else touches the disk (large
    images, ``kept``, ``cancel``) is called from threads it lends. Such a thread goes on to its end even if its
    request has gone, so no job is accepted by half. Who waits for a future does so by ``done`` (eventloop.py): a waiter
    that is cancelled would cancel it for all others, too.
    ``drain`` is called by the handler of a signal, in the main thread, between any two instructions, which may have a
    lock in their hands. So it asks for none, and leaves the work to a thread of its own.
    ``close`` is called once, when the event loop has ended, and with it all threads that could still accept a job.
    A job of several tasks has a thread while it runs; one of a single task begins in the thread of whoever gives it its
    turn, and ends in the event loop's, which talks with the workers. ``stored`` may be done in the registry's writing
    thread, which must not wait for itself: removing is done in another one.

From hand to hand
    A place is the request handler's until ``accept``, and the job's from there to ``_leave``. A job that ``accept`` has
    put into the registry runs after any restart until it has ended, whatever becomes of this process.
    ``_live`` holds the jobs that this process is not through with. A job waits in ``_turns``, or has had its turn.
    Whoever withdraws it from there ends it (``_leave``), and only one can; or else its driver does (``_end``).
    ``cancel`` marks a job while it is live; ``_leave`` looks for the mark when it takes the job out, under one lock.
    So a job that ends at the moment in which it is cancelled is either marked, and removed then, or no longer live, and
    removed by ``cancel``.
    A job that has begun is told to stop, and its driver ends it once its running tasks have ended. It may be told
    before its scheduler is there: then its executor takes none of its tasks.
    A job that was admitted before a drain and is accepted after it is queued; when it is its turn, nothing is to begin
    any more, and it stays in the registry for the next process.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from functools import partial

from coordinator.service.driver import Driver, LiveJob
from coordinator.service.eventloop import in_loop
from coordinator.service.execution import Execution, WorkerSpec
from coordinator.service.jobs import Job, JobState
from coordinator.service.metrics import Metrics
from coordinator.service.places import Places
from coordinator.service.pool import Pool
from coordinator.service.registry import Registry
from coordinator.service.resuming import taken_up
from coordinator.service.securing import Images
from coordinator.service.single import SingleTask
from coordinator.service.store import Store
from coordinator.service.sweeper import Limits, Sweeper
from coordinator.service.turns import Lines

_LOG = logging.getLogger("coordinator.service")
_REMOVERS = 2
"""Threads beside those of running jobs, to remove what was cancelled."""


class Manager:
    """Has jobs driven to their ends, some at a time, the oldest first; safe to use from many threads, as told above."""

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
        keep: Limits,
        grace: float,
    ) -> None:
        """``keep`` is how long and how much of finished jobs; running ones may go on ``grace`` seconds at the end."""
        self._registry, self._store, self._pool, self._program = registry, store, pool, program
        self.places = Places(running=running, waiting=waiting)
        self._grace, self._metrics = grace, metrics
        self._lock, self._draining = threading.Lock(), threading.Event()
        self._live: dict[str, LiveJob] = {}
        self.lines = Lines(running)
        self._threads = ThreadPoolExecutor(self.lines.most + _REMOVERS, thread_name_prefix="job")
        self._driver = Driver(store, self.places, self._threads, self._draining)
        self._sweeper = Sweeper(registry, store, keep, self._remove, self._draining)

    def start(self) -> None:
        """Takes up what an earlier process left, and removes what belongs to nobody."""
        for job in taken_up(self._registry, self._store):
            self.places.take()
            self._launch(job)
        self._sweeper.start()

    # -- letting in ---------------------------------------------------------------------------------------

    def admission(self) -> AbstractContextManager[None]:
        """Holds a place until :meth:`accept` takes it over. Raises Refused if none is free."""
        return self.places.admission()

    def look(self) -> None:
        """Raises Refused if no place is free now: then there is no use in reading a request."""
        self.places.look()

    def accept(self, job: Job, images: Images, *, lasting: bool = True) -> LiveJob:
        """Takes a job on, inside of :meth:`admission`: when this returns, it survives this process.

        Once its ``stored`` is done, it survives the machine; somebody waits for that if it is to be ``lasting``. It
        begins before: disk and workers do not wait for each other. Raises OSError if it cannot be written.
        """
        if in_loop() and job.tasks == 1:
            live = self._launch(job)  # a worker begins while it is written; it ends in a later turn
            try:
                written = self._registry.put(job, images.kept, presses=lasting)
            except OSError:
                self.places.take()  # for the job, which leaves it; the caller leaves its own
                self.cancel(job.id)
                raise
        else:
            written = self._registry.put(job, images.kept, presses=lasting)
            live = self._launch(job)
        live.stored = images.synced(written)
        live.stored.add_done_callback(lambda stored: self._drop(live, stored.exception()))
        return live

    def _launch(self, job: Job) -> LiveJob:
        kind = SingleTask if job.tasks == 1 else Execution
        live = LiveJob(kind(job, self._store, self._program, self._pool))
        live.begin = partial(self._driver.begin, live, self._end)
        live.turns = self.lines.of(job)
        with self._lock:
            self._live[job.id] = live
        live.turns.enter(live.begin)
        return live

    # -- looking ------------------------------------------------------------------------------------------

    def live(self, job_id: str) -> LiveJob | None:
        """The job, if it has not ended."""
        return self._live.get(job_id)

    def kept(self, job_id: str) -> Job | None:
        """The job as the registry has it, if it is still kept."""
        return self._registry.get(job_id)

    def owner(self, job_id: str) -> str | None:
        """Whose job it is; None if it is nobody's, or there is none."""
        job = live.job if (live := self._live.get(job_id)) else self._registry.get(job_id)
        return job.owner if job else None

    def count(self, state: JobState) -> int:
        """The jobs that wait, or run."""
        with self._lock:
            return sum(live.state is state for live in self._live.values())

    @property
    def is_draining(self) -> bool:
        return self._draining.is_set()

    # -- ending -------------------------------------------------------------------------------------------

    def _end(self, live: LiveJob, left: Job) -> None:
        """A job that had its turn is left so."""
        self._leave(live, left)
        live.turns.leave()

    def _leave(self, live: LiveJob, left: Job) -> None:
        """This process is through with the job."""
        with self._lock:
            self._live.pop(left.id, None)
            if left.state.is_final and not live.cancelled:
                self._registry.end(left, live.size)
        self.places.leave()
        if live.cancelled:  # not in this thread: it may be the one that writes, for which removing waits
            self._threads.submit(self._remove_left, live, left.in_state(JobState.CANCELLED))
        else:
            self._tell(live, left)

    def _remove_left(self, live: LiveJob, left: Job) -> None:
        try:
            self._remove(left.id)
        except OSError as error:
            _LOG.error("job %s was cancelled and cannot be removed: %s", left.id, error)
        finally:
            self._tell(live, left)

    def _tell(self, live: LiveJob, left: Job) -> None:
        if left.state.is_final:
            self._metrics.jobs.labels(str(left.state)).inc()
        live.ended.set_result(left)

    def _stop(self, live: LiveJob) -> None:
        """Ends the job as soon as its running tasks have; at once, if it is not yet running."""
        if live.turns.withdraw(live.begin):
            self._leave(live, live.job)
        else:
            live.execution.stop()

    def _drop(self, live: LiveJob, error: BaseException | None) -> None:
        """Ends a job that could not be made to last, and leaves nothing of it; one that has ended stays as it is."""
        if error is None:
            return
        _LOG.error("job %s cannot be synced: %s", live.job.id, error)
        with self._lock:
            live.cancelled |= (goes := live.job.id in self._live)
        if goes:
            self._stop(live)

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
        if (job := self._registry.get(job_id)) is None:
            return None
        self._remove(job_id)
        removed: Future[Job] = Future()
        removed.set_result(job)
        return removed

    def _remove(self, job_id: str) -> None:
        """The registry forgets it first: what lies there of no job is removed at the next start."""
        self._registry.remove(job_id)
        self._store.remove(job_id)

    # -- the end ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Lets nothing more in and ends what waits; after the grace, also what runs. Returns at once."""
        if self._draining.is_set():
            return
        self._draining.set()
        self.places.close()
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
        with self._lock:
            left = [live.ended for live in self._live.values()]
        wait(left)
        self._threads.shutdown()
        self._sweeper.join()
