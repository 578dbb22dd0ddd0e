"""A job of one task: no journal, no folder and no thread of its own. The registry alone knows of it.

Most requests are such jobs, and a run of the coordinator costs more than the work on a small image. Should this process
end, the task is simply done again: there is nothing between its beginning and its end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.paths import WORK_MOUNT
from coordinator.core.retries import Tries, retry
from coordinator.core.tasks import Outcome, StepTask
from coordinator.service.budget import weight
from coordinator.service.execution import Ended, WorkerSpec, item_of
from coordinator.service.jobs import File, Job
from coordinator.service.pool import Pool
from coordinator.service.stages import in_order
from coordinator.service.store import Store
from coordinator.service.told import as_told

_LOG = logging.getLogger("coordinator.service")
_LAST_WORDS = 2000
"""Bytes of a failed worker's stderr that the log is told."""

TellEnded = Callable[[Ended | None], None]
"""Is told what the job has come to, None if it was stopped before, in whatever thread that is found out."""


class SingleTask:
    """The task on its way through the pool; its methods may be called from any thread."""

    def __init__(self, job: Job, store: Store, program: WorkerSpec, pool: Pool) -> None:
        self.job = job
        self.done = 0
        """The tasks that have ended."""
        self._store, self._pool = store, pool
        (stage,) = job.stages
        self._step = program.step(stage)
        self._number = next(number for number, file in enumerate(job.files) if file.is_image)
        """Of the only file that there is something to do with; others were no images."""
        item = item_of(job, self._number, store)
        self._task = StepTask(
            request=Request(
                task=f"{stage.name}/{item['id']}",
                step=stage.name,
                params=self._step.params,
                items=[item],
                region=None,
                work_dir=str(WORK_MOUNT / job.id),
            ),
            step=self._step,
            image_id=program.image_id,
        )
        self._tries = Tries()
        self._lock = threading.Lock()
        self._stopped = False
        self._timer: threading.Timer | None = None
        self._tell: TellEnded | None = None

    def begin(self, tell: TellEnded) -> None:
        """Queues the task; ``tell`` is called once."""
        self._tell = tell
        self._submit()

    def go_on_after(self, pause: float, tell: TellEnded) -> None:
        """Begins once more, so many seconds from now."""
        self._tell = tell
        self._submit_after(pause)

    def stop(self) -> None:
        """Ends it, before long if a worker has it; at once, if it waits."""
        with self._lock:
            self._stopped = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            self._end(None)
        self._pool.withdraw(self.job.id)

    def _submit(self) -> None:
        with self._lock:
            self._timer = None
            stopped = self._stopped
        if stopped:
            self._end(None)
        else:
            self._pool.submit(self.job.id, self._task, self._take, weight(self.job.files[self._number].cost))

    def _submit_after(self, pause: float) -> None:
        with self._lock:
            if not self._stopped:
                self._timer = threading.Timer(pause, self._submit)
                self._timer.daemon = True
                self._timer.start()
                return
        self._end(None)

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        """What becomes of an attempt."""
        (outcome,) = outcomes
        result = outcome.result
        file = self.job.files[self._number]
        if isinstance(result, Success):
            images = tuple(item["image"] for item in in_order(result.items))
            self.done = 1
            self._end(self._ended(replace(file, results=len(images)), images))
        elif result.kind is ErrorKind.CANCELLED:
            self._end(None)
        elif again := retry(result, self._tries, self._step.retries):
            self._tries = again.tries
            self._submit_after(again.pause)
        else:
            self._log(outcome, result)
            self.done = 1
            failed = file.with_error(as_told(result, file, self._store))
            self._end(self._ended(failed, ()))

    def _ended(self, done: File, images: tuple[str, ...]) -> Ended:
        """What the job has come to, with its other files as they are."""
        files = [done if number == self._number else file for number, file in enumerate(self.job.files)]
        return Ended(
            files=tuple(files),
            images=tuple(images if number == self._number else () for number in range(len(files))),
        )

    def _end(self, ended: Ended | None) -> None:
        with self._lock:
            tell, self._tell = self._tell, None
        if tell is not None:
            tell(ended)

    def _log(self, outcome: Outcome, error: TaskError) -> None:
        """There is no folder for evidence: what the operator may want to know goes to the log."""
        words = outcome.evidence.stderr[-_LAST_WORDS:].decode(errors="replace").strip()
        _LOG.warning(
            "job %s: %s: %s%s", self.job.id, error.kind, error.message, f"\n{words}" if words else ""
        )
