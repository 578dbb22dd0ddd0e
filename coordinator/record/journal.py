"""What happened in a run: SQLite, written by the scheduler alone; resume, results and reports read it.

A task has one row with its final state and its response; every attempt at it has a row of its own. Items
that wait in a region for a gathering step lie here, too, so that memory does not grow with the batch.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from coordinator.contract import ErrorKind, Json, TaskError
from coordinator.core.dataflow import DEADLY
from coordinator.errors import RunFolderError

BATCH = "batch"
"""Under this name the journal keeps what is wrong with the batch itself."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recordings (id TEXT PRIMARY KEY, session INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY,
    step TEXT NOT NULL,
    unit TEXT NOT NULL,
    status TEXT NOT NULL,
    session INTEGER NOT NULL,
    key TEXT,
    items TEXT,
    error_kind TEXT,
    error_message TEXT
);
CREATE INDEX IF NOT EXISTS tasks_by_step ON tasks (step, status);
CREATE TABLE IF NOT EXISTS attempts (
    task TEXT NOT NULL,
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    container TEXT,
    submitted REAL NOT NULL,
    ended REAL NOT NULL,
    error_kind TEXT,
    error_message TEXT,
    metrics TEXT NOT NULL,
    PRIMARY KEY (task, session, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gathered (
    step INTEGER NOT NULL,
    region TEXT NOT NULL,
    item_id TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (step, region, item_id)
) WITHOUT ROWID;
"""


_KILLS = (
    "(SELECT COUNT(*) FROM attempts WHERE attempts.task = tasks.id "
    f"AND attempts.error_kind IN ({', '.join(repr(str(kind)) for kind in sorted(DEADLY))}))"
)


class Status(StrEnum):
    """How a task has ended; one that has not has no row in the journal."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class SessionState(StrEnum):
    """How far the last session came; one that begun and is no more at work has died."""

    BEGUN = "begun"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a task; times are seconds since the epoch, metrics are seconds by name."""

    task: str
    number: int
    submitted: float
    ended: float
    container: str | None
    error: TaskError | None
    metrics: dict[str, float]


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
        try:
            self._db = sqlite3.connect(path, isolation_level="DEFERRED")
            self._db.execute(f"PRAGMA synchronous = {'NORMAL' if durable else 'OFF'}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise RunFolderError(
                f"journal {path}: {error}; is the disk full, or the file damaged?"
            ) from error
        self.session = int(self.fact("session") or 0)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._db.commit()
        except sqlite3.Error:
            if error is None:  # else that is what went wrong, of which this is only a consequence
                raise
        finally:
            self._db.close()

    def begin_session(self) -> None:
        """A new invocation takes over: what waited in regions is gathered anew from the tasks' responses."""
        self.session += 1
        self.set_fact("session", str(self.session))
        self.set_fact("session_state", SessionState.BEGUN)
        self._db.execute("DELETE FROM gathered")
        self._db.commit()

    def commit(self) -> None:
        """Makes everything said so far durable. Raises RunFolderError if the journal's file has gone."""
        self._db.commit()
        if not self._path.exists():  # SQLite would write on, to a file that nobody can find
            raise RunFolderError(f"journal {self._path} has been removed while the run went on")

    # -- facts ----------------------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # -- recordings -----------------------------------------------------------------------------------

    def knows(self, recording: str) -> bool:
        """Whether any session has seen a recording with that id, be it a bad one."""
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
        self._end(task, step, unit, Status.SUCCEEDED, key=key, items=_dump(items))

    def failed(self, task: str, step: str, unit: str, error: TaskError, key: str | None = None) -> None:
        self._end(task, step, unit, Status.FAILED, key=key, error=error)

    def skipped(self, task: str, step: str, unit: str) -> None:
        self._end(task, step, unit, Status.SKIPPED)

    def _end(
        self,
        task: str,
        step: str,
        unit: str,
        status: Status,
        *,
        key: str | None = None,
        items: str | None = None,
        error: TaskError | None = None,
    ) -> None:
        kind, message = (error.kind, error.message) if error else (None, None)
        self._db.execute(
            "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (task, step, unit, status, self.session, key, items, kind, message),
        )

    def reusable(self, task: str, key: str) -> list[Json] | None:
        """The items of an earlier session's success with an equal key, now counted as this session's."""
        row = self._db.execute(
            "SELECT items FROM tasks WHERE id = ? AND key = ? AND status = ?", (task, key, Status.SUCCEEDED)
        ).fetchone()
        if row is None:
            return None
        self._db.execute("UPDATE tasks SET session = ? WHERE id = ?", (self.session, task))
        items: list[Json] = json.loads(row[0])
        return items

    def still_failed(self, task: str, key: str) -> bool:
        """Whether an earlier session's failure had an equal key; if so, it now counts as this session's."""
        query = "UPDATE tasks SET session = ? WHERE id = ? AND key = ? AND status = ?"
        return self._db.execute(query, (self.session, task, key, Status.FAILED)).rowcount > 0

    def forget(self, task: str) -> None:
        """The task is to run again, and its work folder to be emptied: an earlier result holds no more."""
        if self._db.execute("DELETE FROM tasks WHERE id = ?", (task,)).rowcount:
            self._db.commit()

    def has_ended(self, task: str) -> bool:
        """Whether the task has already ended in this session."""
        query = "SELECT 1 FROM tasks WHERE id = ? AND session = ?"
        return self._db.execute(query, (task, self.session)).fetchone() is not None

    def attempted(self, attempt: Attempt) -> None:
        kind, message = (attempt.error.kind, attempt.error.message) if attempt.error else (None, None)
        self._db.execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                attempt.task,
                self.session,
                attempt.number,
                attempt.container,
                attempt.submitted,
                attempt.ended,
                kind,
                message,
                json.dumps(attempt.metrics),
            ),
        )

    # -- items that wait in a region --------------------------------------------------------------------

    def gather(self, step: int, region: str, item: Json) -> bool:
        """Keeps an item until its region is complete; False if one of the same id waits there already."""
        row = (step, region, item["id"], _dump(item))
        return self._db.execute("INSERT OR IGNORE INTO gathered VALUES (?, ?, ?, ?)", row).rowcount > 0

    def gathered(self, step: int, region: str) -> list[Json]:
        """All items that wait for ``step`` in ``region``, ordered by id."""
        query = "SELECT item FROM gathered WHERE step = ? AND region = ? ORDER BY item_id"
        return [json.loads(row[0]) for row in self._db.execute(query, (step, region))]

    def take_gathered(self, step: int, region: str) -> None:
        """The region's task has ended: its items wait no longer."""
        self._db.execute("DELETE FROM gathered WHERE step = ? AND region = ?", (step, region))

    # -- reading ------------------------------------------------------------------------------------------

    def items(self, step: str) -> Iterator[Json]:
        """Every item a step's tasks of this session gave, in the order of the tasks' ids."""
        query = "SELECT items FROM tasks WHERE step = ? AND status = ? AND session = ? ORDER BY id"
        for row in self._db.execute(query, (step, Status.SUCCEEDED, self.session)):
            yield from json.loads(row[0])

    def counts(self) -> dict[tuple[str, Status], int]:
        """The number of this session's tasks by step and final status."""
        query = "SELECT step, status, COUNT(*) FROM tasks WHERE session = ? GROUP BY step, status"
        return {
            (step, Status(status)): count for step, status, count in self._db.execute(query, (self.session,))
        }

    def failures(self) -> Iterator[FailedTask]:
        """This session's failed tasks, by id."""
        query = (
            f"SELECT id, step, unit, error_kind, error_message, {_KILLS} FROM tasks "
            "WHERE status = ? AND session = ? ORDER BY id"
        )
        for task, step, unit, kind, message, kills in self._db.execute(query, (Status.FAILED, self.session)):
            error = TaskError(kind=ErrorKind(kind), message=message)
            yield FailedTask(id=task, step=step, unit=unit, error=error, kills=kills)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
