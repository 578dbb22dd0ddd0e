"""Where tasks run: the seam behind which a distributed engine can stand, and this machine as its first form."""

from __future__ import annotations

import os
import queue
import shutil
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from coordinator import __version__
from coordinator.messages import ErrorKind, Success, TaskError
from coordinator.runfolder import RunFolder
from coordinator.tasks import FetchTask, Outcome, StepTask, Task

_FETCH_TIMEOUT = 60.0


class Runner(Protocol):
    """How one task of a step runs."""

    def run(self, task: StepTask) -> Outcome:
        """One attempt, to its end. Blocks; called from many threads."""
        ...

    def cancel(self) -> None:
        """Makes every running attempt end soon."""
        ...


class Executor(Protocol):
    """Takes tasks that are plain data and gives back their outcomes, in whatever order they end."""

    def submit(self, task: Task) -> None:
        """Starts one attempt and returns at once."""
        ...

    def wait(self, timeout: float | None) -> list[Outcome]:
        """The outcomes since the last call: at least one, unless the time is up or :meth:`wake` was called."""
        ...

    def wake(self) -> None:
        """Makes :meth:`wait` return; safe in a signal handler."""
        ...

    def cancel(self) -> None:
        """Makes everything that runs end soon."""
        ...


class LocalExecutor:
    """Runs tasks on this machine, each attempt in a thread that mostly waits for its container."""

    def __init__(self, runner: Runner, folder: RunFolder, *, concurrency: int) -> None:
        self._runner = runner
        self._folder = folder
        self._ended: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="task")

    def submit(self, task: Task) -> None:
        self._threads.submit(self._attempt, task, time.perf_counter())

    def wait(self, timeout: float | None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            first = self._ended.get(timeout=timeout)
            outcomes += [first] if first else []
            while True:
                more = self._ended.get_nowait()
                outcomes += [more] if more else []
        except queue.Empty:
            return outcomes

    def wake(self) -> None:
        self._ended.put(None)

    def cancel(self) -> None:
        self._runner.cancel()

    def close(self) -> None:
        self._threads.shutdown()

    def _attempt(self, task: Task, submitted: float) -> None:
        queued = time.perf_counter() - submitted
        try:
            outcome = self._fetch(task) if isinstance(task, FetchTask) else self._runner.run(task)
        except Exception as error:  # a bug or a full disk must end one task, not hang the run
            message = f"the coordinator failed at this task: {type(error).__name__}: {error}"
            outcome = Outcome(task=task, result=TaskError(kind=ErrorKind.ENGINE, message=message))
        outcome.metrics["queue_s"] = round(queued, 6)
        self._ended.put(outcome)

    def _fetch(self, task: FetchTask) -> Outcome:
        result = fetch(task.url, self._folder.local(task.path))
        return Outcome(task=task, result=result or Success(task=task.id, items=[]))


def fetch(url: str, path: Path) -> TaskError | None:
    """Brings the file behind ``url`` to ``path``, whole or not at all; says why if it could not."""
    aside = path.with_name(f".{path.name}.part")
    request = urllib.request.Request(url, headers={"User-Agent": f"coordinator/{__version__}"})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(request, timeout=_FETCH_TIMEOUT) as source, aside.open("wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
            expected = source.headers.get("Content-Length")
            received = target.tell()
            target.flush()
            os.fsync(target.fileno())
        if expected is not None and received != int(expected):
            raise OSError(f"{received} of {expected} bytes arrived")
        aside.replace(path)
    except urllib.error.HTTPError as error:
        kind = ErrorKind.BAD_INPUT if 400 <= error.code < 500 else ErrorKind.INTERNAL
        return TaskError(kind=kind, message=f"{url}: the server said {error.code} {error.reason}")
    except (OSError, ValueError) as error:
        return TaskError(kind=ErrorKind.INTERNAL, message=f"{url}: {error}")
    finally:
        aside.unlink(missing_ok=True)
    return None
