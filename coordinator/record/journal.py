"""What happened in a run: SQLite, written by the scheduler alone; resume, results and reports read it.

A task has one row with its final state and its response; every attempt at it has a row of its own. Items
that wait in a region for a gathering step lie here, too, so that memory does not grow with the batch.

Rows of tasks and attempts are written in groups. What was said since the last :meth:`Journal.commit` is not yet there
for anybody else, nor after a kill; a task's final state and its last attempt enter in one transaction, in any case.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.retries import DEADLY
from coordinator.errors import RunFolderError
from coordinator.record.facts import Facts, SessionState
from coordinator.record.images import Images
from coordinator.record.pools import PoolChange
from coordinator.record.schema import KILLS, PUT_ATTEMPT, PUT_TASK, SCHEMA
from coordinator.strictjson import Json

BATCH = "batch"
"""Under this name the journal keeps what is wrong with the batch itself."""
GATHERED = "items"
"""The metric of an attempt at a region or the batch that says how many items it was at."""

_MAX_ASIDE = 1000
"""Maximum number of rows that are put aside; a long stretch of bad recordings has no commit in it."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Status(StrEnum):
    """The final states of a task."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


_SUCCEEDED, _FAILED, _SKIPPED = (
    status.value for status in Status
)  # plain strings, which SQLite takes as they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One try at a task; times are seconds since the epoch, metrics are seconds by name."""

    task: str
    number: int
    submitted: float
    ended: float
    container: str | None
    error: TaskError | None
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRow:
    """The row of a task that has ended, in this session or an earlier one."""

    session: int
    status: Status
    key: str | None
    items: str | None

    def load(self) -> list[Json]:
        """The items of a success."""
        items: list[Json] = json.loads(self.items or "[]")
        return items


@dataclass(frozen=True, kw_only=True)
class FailedTask:
    """A task that failed for good. ``kills`` is how often it has killed its step, in all sessions."""

    id: str
    step: str
    unit: str
    error: TaskError
    kills: int = 0

    @property
    def is_quarantined(self) -> bool:
        """Whether it has failed for killing its step, and not for what the step or the engine said."""
        return self.error.kind in DEADLY


class Journal:
    """The journal of one run folder, open for one session (one invocation of the coordinator)."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Opens or creates the journal at ``path``. Raises RunFolderError if that cannot be done.

        One that is not ``durable`` outlives this process, but not the machine: nothing is synced, which makes a
        short run's journal ten times as quick.
        """
        self._path = path
        self._tasks: dict[str, tuple[Any, ...]] = {}
        self._attempts: list[tuple[Any, ...]] = []
        try:
            self._db = sqlite3.connect(path, isolation_level="DEFERRED")
            synchronous = "NORMAL" if durable else "OFF"
            self._db.executescript(f"PRAGMA synchronous = {synchronous}; PRAGMA journal_mode = WAL; {SCHEMA}")
            self.images = Images(self._db)
            self.facts = Facts.load(dict(self._db.execute("SELECT name, value FROM facts")))
        except sqlite3.Error as error:
            raise RunFolderError(
                f"journal {path}: {error}; is the disk full, or the file damaged?"
            ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._flush()
            self._db.commit()
        except sqlite3.Error:
            if error is None:  # else that is what went wrong, of which this is only a consequence
                raise
        finally:
            self._db.close()

    @property
    def session(self) -> int:
        """The number of this session, from 1 on."""
        return self.facts.session

    @property
    def is_first(self) -> bool:
        """Whether no session came before this one: then nothing is known but what this one has said."""
        return self.session <= 1

    def begin_session(self) -> None:
        """A new invocation takes over: what waited in regions is gathered anew from the tasks' responses."""
        self.note(session=self.session + 1, session_state=SessionState.BEGUN)
        self._db.execute("DELETE FROM gathered")
        self._flush()
        self._db.commit()

    def note(self, **changes: Any) -> None:
        """Notes facts of the run: fields of :class:`Facts`."""
        self.facts = replace(self.facts, **changes)
        noted = self.facts.dump()
        rows = [(name, noted[name]) for name in changes if name in noted]
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def commit(self) -> None:
        """Makes everything said so far durable. Raises RunFolderError if the journal's file has gone."""
        self._flush()
        self._db.commit()
        if not self._path.exists():  # SQLite would write on, to a file that nobody can find
            raise RunFolderError(f"journal {self._path} has been removed while the run went on")

    def _flush(self) -> None:
        """Writes the rows that were put aside."""
        if self._tasks:
            self._db.executemany(PUT_TASK, self._tasks.values())
            self._tasks.clear()
        if self._attempts:
            self._db.executemany(PUT_ATTEMPT, self._attempts)
            self._attempts.clear()

    def pool_changed(self, change: PoolChange) -> None:
        """A cluster's pool has changed; that is durable at once, for nothing else may happen for long."""
        row = (self.session, change.at, change.step, change.size, change.change, change.why)
        self._db.execute("INSERT INTO pools VALUES (?, ?, ?, ?, ?, ?)", row)
        self.commit()

    # -- recordings -----------------------------------------------------------------------------------

    def knows(self, recording: str) -> bool:
        """Whether any session has seen a recording with that id, be it a bad one."""
        self._flush()
        query = "SELECT 1 FROM recordings WHERE id = ?1 UNION ALL SELECT 1 FROM tasks WHERE id = ?2"
        return self._db.execute(query, (recording, f"{BATCH}/{recording}")).fetchone() is not None

    def admit(self, recording: str) -> bool:
        """Takes note of a recording; False if this session has already seen one with that id."""
        query = (
            "INSERT INTO recordings VALUES (?1, ?2) "
            "ON CONFLICT (id) DO UPDATE SET session = ?2 WHERE session <> ?2"
        )
        return self._db.execute(query, (recording, self.session)).rowcount > 0

    # -- tasks ----------------------------------------------------------------------------------------

    def succeeded(self, task: str, step: str, unit: str, key: str, items: list[Json]) -> None:
        self._end((task, step, unit, _SUCCEEDED, self.session, key, _ENCODER.encode(items), None, None))

    def failed(self, task: str, step: str, unit: str, error: TaskError, key: str | None = None) -> None:
        self._end((task, step, unit, _FAILED, self.session, key, None, error.kind.value, error.message))

    def skipped(self, task: str, step: str, unit: str) -> None:
        self._end((task, step, unit, _SKIPPED, self.session, None, None, None, None))

    def _end(self, row: tuple[Any, ...]) -> None:
        """Puts a task's row aside. What is written before the commit stays in its transaction."""
        self._tasks[row[0]] = row
        if len(self._tasks) >= _MAX_ASIDE:
            self._flush()

    def attempted(self, attempt: Attempt) -> None:
        kind, message = (attempt.error.kind.value, attempt.error.message) if attempt.error else (None, None)
        self._attempts.append(
            (
                attempt.task,
                self.session,
                attempt.number,
                attempt.container,
                attempt.submitted,
                attempt.ended,
                kind,
                message,
                _ENCODER.encode(attempt.metrics),
            )
        )

    def find(self, task: str) -> TaskRow | None:
        """What is known of a task that has ended, in whatever session."""
        if task in self._tasks:
            self._flush()
        query = "SELECT session, status, key, items FROM tasks WHERE id = ?"
        row = self._db.execute(query, (task,)).fetchone()
        return row and TaskRow(session=row[0], status=Status(row[1]), key=row[2], items=row[3])

    def keep(self, task: str) -> None:
        """A task's row of an earlier session serves again: it now counts as this session's."""
        self._db.execute("UPDATE tasks SET session = ? WHERE id = ?", (self.session, task))

    def forget(self, task: str) -> None:
        """The task is to run again, and its work folder to be emptied: an earlier result holds no more."""
        self._flush()
        if self._db.execute("DELETE FROM tasks WHERE id = ?", (task,)).rowcount:
            self._db.commit()

    # -- items that wait, in a region or in the batch's one place -----------------------------------------

    def gather(self, step: int, region: str, item: Json) -> bool:
        """Keeps an item until its region is complete; False if one of the same id waits there already."""
        row = (step, region, item["id"], _ENCODER.encode(item))
        return self._db.execute("INSERT OR IGNORE INTO gathered VALUES (?, ?, ?, ?)", row).rowcount > 0

    def gathered(self, step: int, region: str) -> list[Json]:
        """All items that wait for ``step`` in ``region``, ordered by id."""
        query = "SELECT item FROM gathered WHERE step = ? AND region = ? ORDER BY item_id"
        return [json.loads(row[0]) for row in self._db.execute(query, (step, region))]

    def gathered_bytes(self, step: int, region: str) -> int:
        """The size of all items that wait for ``step`` in ``region``."""
        query = "SELECT SUM(LENGTH(CAST(item AS BLOB))) FROM gathered WHERE step = ? AND region = ?"
        ((size,),) = self._db.execute(query, (step, region))
        return int(size or 0)

    def take_gathered(self, step: int, region: str) -> None:
        """The region's task has ended: its items wait no longer."""
        self._db.execute("DELETE FROM gathered WHERE step = ? AND region = ?", (step, region))

    # -- reading ------------------------------------------------------------------------------------------

    def items(self, step: str) -> Iterator[Json]:
        """Every item a step's tasks of this session gave, in the order of the tasks' ids."""
        self._flush()
        query = "SELECT items FROM tasks WHERE step = ? AND status = ? AND session = ? ORDER BY id"
        for row in self._db.execute(query, (step, Status.SUCCEEDED, self.session)):
            yield from json.loads(row[0])

    def counts(self) -> dict[tuple[str, Status], int]:
        """The number of this session's tasks by step and final status."""
        self._flush()
        query = "SELECT step, status, COUNT(*) FROM tasks WHERE session = ? GROUP BY step, status"
        return {
            (step, Status(status)): count for step, status, count in self._db.execute(query, (self.session,))
        }

    def failures(self) -> Iterator[FailedTask]:
        """This session's failed tasks, by id."""
        self._flush()
        query = (
            f"SELECT id, step, unit, error_kind, error_message, {KILLS} FROM tasks "
            "WHERE status = ? AND session = ? ORDER BY id"
        )
        for task, step, unit, kind, message, kills in self._db.execute(query, (Status.FAILED, self.session)):
            error = TaskError(kind=ErrorKind(kind), message=message)
            yield FailedTask(id=task, step=step, unit=unit, error=error, kills=kills)
