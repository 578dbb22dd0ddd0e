"""Where tasks run: the seam behind which a distributed engine can stand, and this machine as its first form."""

from __future__ import annotations

import os
import queue
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from coordinator import __version__
from coordinator.messages import ErrorKind, Success, TaskError
from coordinator.pipeline import Rung
from coordinator.runfolder import RunFolder
from coordinator.tasks import FetchTask, Outcome, StepTask, Task
from coordinator.threads import Sink, Threads

_FETCH_TIMEOUT = 60.0
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
        self._ended: queue.SimpleQueue[Sequence[Outcome]] = queue.SimpleQueue()
        self._fetches = Threads(self._ended.put, size=_FETCH_THREADS)

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
        outcomes: list[Outcome] = []
        try:
            outcomes += self._ended.get(timeout=timeout)
            while True:
                outcomes += self._ended.get_nowait()
        except queue.Empty:
            return outcomes

    def wake(self) -> None:
        self._ended.put(())

    def cancel(self) -> None:
        """Makes everything that runs end soon."""
        for runner in tuple(self._runners.values()):
            runner.cancel()

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        self._fetches.close()
        for runner in self._runners.values():
            runner.close()

    def _fetch(self, task: FetchTask) -> Outcome:
        result = fetch(task.url, self._folder.local(task.path))
        return Outcome(task=task, result=result or Success(task=task.id, items=[]))


def fetch(url: str, path: Path) -> TaskError | None:
    """Brings the file behind ``url`` to ``path``, whole or not at all; says why if it could not."""
    # Loaded for those batches only that name images by URL.
    import urllib.error
    import urllib.request

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
