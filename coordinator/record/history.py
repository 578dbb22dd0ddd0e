"""A journal read from outside, at any time: while a coordinator writes to it (SQLite's WAL), or after it died.

Nothing is written, so it never stands in a coordinator's way.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.errors import RunFolderError
from coordinator.record.facts import Facts, SessionState
from coordinator.record.images import Images
from coordinator.record.journal import FailedTask, Status
from coordinator.record.pools import PoolChange
from coordinator.strictjson import Json

BUSY = "busy_s"
"""The metric of an attempt that says for how many seconds its step was at work on it."""
_STEP_OF_ATTEMPT = "substr(task, 1, instr(task, '/') - 1)"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """So many tasks ended in one state: in the last session, and in earlier ones and not again since."""

    now: int
    before: int


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """The last session's attempts at a step's tasks. Times are seconds since the epoch, ``mean`` is seconds."""

    count: int
    failed: int
    first: float
    last: float
    mean: float

    @property
    def rate(self) -> float | None:
        """Attempts that ended well, a second."""
        return (self.count - self.failed) / (self.last - self.first) if self.last > self.first else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The attempt by which a task succeeded. Times are seconds since the epoch; ``items`` is how many it gave."""

    step: str
    unit: str
    submitted: float
    ended: float
    metrics: Mapping[str, float]
    items: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One attempt at a task. Times are seconds since the epoch; ``error`` is its kind, None if it ended well."""

    task: str
    step: str
    submitted: float
    ended: float
    error: str | None
    metrics: Mapping[str, float]

    @property
    def began(self) -> float:
        """When its step began to work on it, as far as that is known: before, it waited for its container."""
        busy = self.metrics.get(BUSY)
        return self.submitted if busy is None else max(self.submitted, self.ended - busy)


class History:
    """The journal of one run folder as it is at this moment; a context manager."""

    def __init__(self, path: Path) -> None:
        """Opens the journal at ``path``. Raises RunFolderError if there is none that can be read."""
        if not path.is_file():
            raise RunFolderError(f"{str(path.parent)!r} is no run folder: it has no {path.name}")
        self._path = path
        try:
            self._db = _connect(path)
            self._db.execute("BEGIN")  # one moment for all that is read
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        self.facts = Facts.load(dict(self._rows("SELECT name, value FROM facts")))
        self.session = self.facts.session

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def recordings(self) -> int:
        """The number of recordings that the last session has taken in."""
        ((count,),) = self._rows("SELECT COUNT(*) FROM recordings WHERE session = ?", self.session)
        return int(count)

    def tallies(self) -> dict[tuple[str, Status], Tally]:
        """The number of tasks by step and final state."""
        query = "SELECT step, status, SUM(session = ?1), SUM(session <> ?1) FROM tasks GROUP BY step, status"
        return {
            (step, Status(status)): Tally(now=now, before=before)
            for step, status, now, before in self._rows(query, self.session)
        }

    def attempts(self) -> dict[str, Attempts]:
        """The last session's attempts by step."""
        query = (
            f"SELECT {_STEP_OF_ATTEMPT}, COUNT(*), COUNT(error_kind), MIN(submitted), MAX(ended), "
            "AVG(ended - submitted) FROM attempts WHERE session = ? GROUP BY 1"
        )
        return {
            step: Attempts(count=count, failed=failed, first=first, last=last, mean=mean)
            for step, count, failed, first, last, mean in self._rows(query, self.session)
        }

    def taken_in(self) -> int:
        """The number of recordings whose tasks :meth:`done` and :meth:`failures` tell of."""
        ((count,),) = self._rows("SELECT COUNT(*) FROM recordings WHERE session >= ?", self._since())
        return int(count)

    def failed_attempts(self) -> int:
        """The number of attempts that came to nothing, in whatever session, whatever became of their tasks."""
        ((count,),) = self._rows("SELECT COUNT(*) FROM attempts WHERE error_kind IS NOT NULL")
        return int(count)

    def image(self, path: str) -> RemoteImage | None:
        """The image that steps find at ``path``, if the batch names it by URL."""
        rows = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'images'")  # older journals have none
        return Images(self._db, is_there=True).of(path) if list(rows) else None

    def done(self) -> Iterator[Done]:
        """The last attempt of each task that succeeded, in the order of their submission.

        It may have been in an earlier session; the tasks are the last one's, as for :meth:`failures`.
        """
        query = (
            "SELECT step, unit, submitted, ended, metrics, json_array_length(items), MAX(attempts.session) "
            "FROM attempts JOIN tasks ON tasks.id = attempts.task "
            "WHERE attempts.error_kind IS NULL AND status = ? AND tasks.session >= ? "
            "GROUP BY attempts.task ORDER BY submitted"
        )
        for step, unit, submitted, ended, metrics, items, _ in self._rows(
            query, Status.SUCCEEDED, self._since()
        ):
            yield Done(
                step=step,
                unit=unit,
                submitted=submitted,
                ended=ended,
                metrics=json.loads(metrics),
                items=items,
            )

    def pool_changes(self) -> Iterator[tuple[int, PoolChange]]:
        """What became of a cluster's pools, in its order, each with the session in which it did."""
        query = "SELECT session, at, step, size, change, why FROM pools ORDER BY rowid"
        for session, at, step, size, change, why in self._rows(query):
            yield session, PoolChange(at=at, step=step, size=size, change=change, why=why)

    def tried(self) -> Iterator[Tried]:
        """The attempts of the last session that made any, in the order of their submission."""
        query = (
            f"SELECT task, {_STEP_OF_ATTEMPT}, submitted, ended, error_kind, metrics FROM attempts "
            "WHERE session = (SELECT MAX(session) FROM attempts) ORDER BY submitted, task"
        )
        for task, step, submitted, ended, error, metrics in self._rows(query):
            yield Tried(
                task=task,
                step=step,
                submitted=submitted,
                ended=ended,
                error=error,
                metrics=json.loads(metrics),
            )

    def states(self, step: str) -> dict[str, Status]:
        """The final state of each unit that a step's tasks ended with, in whatever session."""
        rows = self._rows("SELECT unit, status FROM tasks WHERE step = ? ORDER BY id", step)
        return {unit: Status(status) for unit, status in rows}

    def failures(self) -> Iterator[FailedTask]:
        """The failed tasks, by id: the last session's, and those that it did not come to if it did not complete."""
        query = (
            "SELECT id, step, unit, error_kind, error_message FROM tasks "
            "WHERE status = ? AND session >= ? ORDER BY id"
        )
        for task, step, unit, kind, message in self._rows(query, Status.FAILED, self._since()):
            error = TaskError(kind=ErrorKind(kind), message=message)
            yield FailedTask(id=task, step=step, unit=unit, error=error)

    def succeeded(self, step: str) -> Iterator[str]:
        """The units that a step's tasks succeeded with, in whatever session."""
        for (unit,) in self._rows(
            "SELECT unit FROM tasks WHERE step = ? AND status = ?", step, Status.SUCCEEDED
        ):
            yield unit

    def items(self, step: str) -> Iterator[Json]:
        """The items that a step's tasks gave, by the tasks' ids: the last session's, as for :meth:`failures`."""
        query = "SELECT items FROM tasks WHERE step = ? AND status = ? AND session >= ? ORDER BY id"
        for (items,) in self._rows(query, step, Status.SUCCEEDED, self._since()):
            yield from json.loads(items)

    def _since(self) -> int:
        """The first session that counts: an earlier one's does where the last one did not come to it."""
        return self.session if self.facts.session_state in (None, SessionState.COMPLETE) else 0

    def _rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> RunFolderError:
        return RunFolderError(f"journal {self._path} cannot be read: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    # A journal at rest is opened as one that nobody writes to, or else SQLite would leave files beside it.
    at_rest = not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if at_rest else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
