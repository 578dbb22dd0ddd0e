"""Where tasks run: the seam behind which a distributed engine can stand, and this machine as its first form."""

from __future__ import annotations

import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from coordinator import __version__
from coordinator.batch.imageheader import MAX_BYTES
from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import FetchTask, Outcome, StepTask, Task
from coordinator.pipeline import Rung
from coordinator.record.runfolder import RunFolder
from coordinator.schedule.threads import Inbox, Sink, Threads

_FETCH_SILENCE, _FETCH_TIMEOUT = 60.0, 600.0
"""Seconds without a byte, and for a whole image."""
_ASK_AGAIN = {408, 425, 429}
"""The server's refusals that may pass: too slow, too early, too often."""
_CHUNK = 1024 * 1024
_FETCH_THREADS = 4


class Runner(Protocol):
    """How a step's tasks run; outcomes go to the sink it was made with, from whatever thread."""

    def submit(self, task: StepTask) -> None:
        """Starts one attempt and returns at once."""
        ...

    def close_lane(self, lane: int) -> None:
        """What was kept for this lane is needed no more."""
        ...

    def cancel(self) -> None:
        """Makes every running attempt end soon, as cancelled."""
        ...

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        ...


class Executor(Protocol):
    """Takes tasks that are plain data and gives back their outcomes, in whatever order they end."""

    def submit(self, task: Task) -> None:
        """Starts one attempt and returns at once."""
        ...

    def close_lane(self, lane: int) -> None:
        """What was kept for this lane is needed no more."""
        ...

    def wait(self, timeout: float | None) -> list[Outcome]:
        """The outcomes since the last call: at least one, unless time is up or :meth:`wake` was called."""
        ...

    def wake(self) -> None:
        """Makes :meth:`wait` return; safe in a signal handler."""
        ...


class LocalExecutor:
    """Runs tasks on this machine: each rung's runner is made when its first task comes."""

    def __init__(self, make_runner: Callable[[Rung, Sink], Runner], folder: RunFolder) -> None:
        self._make_runner = make_runner
        self._folder = folder
        self._runners: dict[Rung, Runner] = {}
        self._ended = Inbox()
        self._fetches = Threads(self._ended.put, size=_FETCH_THREADS)
        self._cancelled = threading.Event()

    def submit(self, task: Task) -> None:
        if isinstance(task, FetchTask):
            self._fetches.submit(task, lambda: self._fetch(task))
            return
        rung = task.step.rung
        if rung not in self._runners:
            self._runners[rung] = self._make_runner(rung, self._ended.put)
        self._runners[rung].submit(task)

    def close_lane(self, lane: int) -> None:
        for runner in self._runners.values():
            runner.close_lane(lane)

    def wait(self, timeout: float | None) -> list[Outcome]:
        return self._ended.wait(timeout)

    def wake(self) -> None:
        self._ended.wake()

    def cancel(self) -> None:
        """Makes everything that runs end soon."""
        self._cancelled.set()
        for runner in tuple(self._runners.values()):
            runner.cancel()

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        self._fetches.close()
        for runner in self._runners.values():
            runner.close()

    def _fetch(self, task: FetchTask) -> Outcome:
        result = fetch(task.url, self._folder.local(task.path), self._cancelled)
        return Outcome(task=task, result=result or Success(task=task.id, items=[]))


def fetch(url: str, path: Path, cancelled: threading.Event) -> TaskError | None:
    """Brings the file behind ``url`` to ``path``, whole or not at all; says why if it could not."""
    aside = path.with_name(f".{path.name}.part")
    request = urllib.request.Request(url, headers={"User-Agent": f"coordinator/{__version__}"})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(request, timeout=_FETCH_SILENCE) as source, aside.open("wb") as target:
            if fault := _copy(source, target, cancelled):
                return fault.model_copy(update={"message": f"{url}: {fault.message}"})
            expected = source.headers.get("Content-Length")
            received = target.tell()
            target.flush()
            os.fsync(target.fileno())
        if expected is not None and received != int(expected):
            raise OSError(f"{received} of {expected} bytes arrived")
        aside.replace(path)
    except urllib.error.HTTPError as error:
        for_good = 400 <= error.code < 500 and error.code not in _ASK_AGAIN
        kind = ErrorKind.BAD_INPUT if for_good else ErrorKind.INTERNAL
        return TaskError(kind=kind, message=f"{url}: the server said {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return TaskError(kind=ErrorKind.INTERNAL, message=f"{url}: {type(error).__name__}: {error}")
    finally:
        aside.unlink(missing_ok=True)
    return None


def _copy(source: http.client.HTTPResponse, target: BinaryIO, cancelled: threading.Event) -> TaskError | None:
    """Copies what comes until it ends, is too much, takes too long or is wanted no more."""
    deadline = time.monotonic() + _FETCH_TIMEOUT
    while data := source.read1(_CHUNK):
        target.write(data)
        if cancelled.is_set():
            return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
        if target.tell() > MAX_BYTES:
            return TaskError(kind=ErrorKind.BAD_INPUT, message=f"more than {MAX_BYTES:,} bytes")
        if time.monotonic() > deadline:
            message = f"only {target.tell()} bytes within {_FETCH_TIMEOUT:g} s"
            return TaskError(kind=ErrorKind.TIMEOUT, message=message)
    return None
