"""The images that an instance's tasks need and the batch names by URL: they come before the task, and stay with it.

A task waits for its images without anybody waiting for it: whoever works on the instance's lane has other tasks
meanwhile. What cannot be fetched is tried again here, a few times; then the task fails of it.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from coordinator.cluster.nodecache import NodeCache
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import FETCH
from coordinator.core.retries import Tries, retry
from coordinator.core.tasks import Outcome, RemoteImage, StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.record.permissions import make_folder
from coordinator.runners.imagecache import ImageCache

_AT_A_TIME = 8
"""Images that an instance fetches side by side."""
_RETRIES = 2


@dataclass
class _Task:
    """A task with the images that it has, and how many are still to come."""

    task: StepTask
    left: int
    since: float
    fetched: list[tuple[str, str]] = field(default_factory=list)
    error: TaskError | None = None
    seconds: float = 0.0


class Runs(Protocol):
    """Who runs tasks that have all of their images, and is told of those that never will."""

    def submit(self, task: StepTask) -> None: ...

    def fail(self, outcome: Outcome) -> None: ...


class NodeImages:
    """Fetches for one instance."""

    def __init__(self, cache: ImageCache | None, runs: Runs, fault: str = "") -> None:
        """Without a cache, ``fault`` is why; then tasks that need images fail of it."""
        self._cache = cache
        self._fault = fault
        self._runs = runs
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._tasks: dict[str, _Task] = {}
        self._pool = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="images")

    @classmethod
    def opened(cls, place: NodeCache | None, run: str, runs: Runs) -> NodeImages:
        """With a cache that is opened there. Never raises: most runs need none."""
        if place is None:
            return cls(None, runs, "it was given no image cache")
        try:
            return cls(ImageCache(place.on_this_node(), place.limit, run), runs)
        except OSError as error:
            return cls(
                None, runs, f"its image cache cannot be used: {error}; name another one with --node-cache"
            )

    def add_to(self, files: Files) -> Files:
        """The files of its tasks, with the images that it fetches. Raises EngineError if steps cannot find them."""
        if self._cache is None:
            return files
        try:
            make_folder(files.work / FETCH)  # a mount needs a folder to be mounted on
        except OSError as error:
            raise EngineError(f"{files.work / FETCH} cannot be made: {error.strerror}") from error
        return replace(files, fetched=self._cache.view)

    def submit(self, task: StepTask) -> None:
        """Passes the task on once its images are there."""
        waiting = _Task(task, left=len(task.images), since=time.monotonic())
        with self._lock:
            self._tasks[task.id] = waiting
        for image in task.images:
            self._pool.submit(self._bring, image, waiting)

    def ended(self, outcome: Outcome) -> Outcome:
        """A task has ended and needs its images no more; the outcome with what was fetched for it."""
        with self._lock:
            had = self._tasks.pop(outcome.task, None)
        if had is None:
            return outcome
        if self._cache is None:
            return outcome
        for path, _ in had.fetched:
            self._cache.let_go(path)
        times = replace(outcome.times, fetch=round(had.seconds, 6))
        return replace(outcome, fetched=tuple(had.fetched), times=times, note=self._cache.excess())

    def cancel(self) -> None:
        """What is still to come does not."""
        self._cancelled.set()

    def close(self) -> None:
        """Waits for nothing that comes, and lets go of everything."""
        self._cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._cache is not None:
            self._cache.close()

    def _bring(self, image: RemoteImage, waiting: _Task) -> None:
        came = self._tried(image) if waiting.error is None else None
        with self._lock:
            if isinstance(came, TaskError):
                waiting.error = came
            elif came is not None:
                waiting.fetched.append((image.path, came))
            waiting.left -= 1
            if waiting.left:
                return
            waiting.seconds = time.monotonic() - waiting.since
        if waiting.error is None:
            self._runs.submit(waiting.task)
        else:
            self._runs.fail(Outcome(task=waiting.task.id, result=waiting.error))

    def _tried(self, image: RemoteImage) -> str | TaskError:
        if self._cache is None:
            return TaskError(
                kind=ErrorKind.INTERNAL, message=f"{image.url}: this node fetches nothing: {self._fault}"
            )
        tries = Tries()
        while True:
            came = self._cache.bring(image, self._cancelled)
            if not isinstance(came, TaskError):
                return came
            again = retry(came, tries, _RETRIES)
            if again is not None and self._cancelled.wait(again.pause):
                return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
            if again is None:
                # Nobody has killed the step, which has not seen the task.
                kind = ErrorKind.INTERNAL if came.kind is ErrorKind.TIMEOUT else came.kind
                return came.model_copy(update={"kind": kind})
            tries = again.tries
