"""``jobs.db``: every accepted job and its state, and the images of small jobs until they have ended, in SQLite.

One thread writes, and whatever has been asked for by then enters in one transaction, with one sync for all of it. So a
job that is small costs neither a file's sync nor a folder's: its images come back from here if the machine fails.

    asked for   is told                                            survives, once told
    put         when it is on the disk, by a future                the machine
    remove      when it is written                                 this process
    end         at once; it is written with what comes next, or    nothing: a job whose end was not written is
                after a moment, and read as if it were             done again at the next start
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from coordinator.errors import RunFolderError
from coordinator.service.ageing import Moment, Noted, age_at, machine_time
from coordinator.service.jobs import Job, JobState

_LOG = logging.getLogger("coordinator.service")
_VERSION = 2
"""Of the file. The first had neither the images of small jobs, nor ages, nor sizes."""
_PATIENCE = 0.2
"""Seconds that something which can wait does wait for what cannot."""
_AGAIN = 1.0
"""Seconds until something that could not be written is tried again."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    finished REAL,
    job TEXT NOT NULL,
    aged REAL,
    size INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS originals (job TEXT, name TEXT, content BLOB NOT NULL, PRIMARY KEY (job, name));
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, age REAL NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL);
"""
_PUT = "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)"


class _When(IntEnum):
    SOON = 0
    WRITTEN = 1
    SYNCED = 2


@dataclass(frozen=True, eq=False)
class _Write:
    """Something to write: statements with their values, all or none of them."""

    when: _When
    statements: tuple[tuple[str, tuple[object, ...]], ...]
    done: Future[None] = field(default_factory=Future)


class Registry:
    """The jobs of one data folder; safe to use from many threads.

    What reads raises sqlite3.Error if the file cannot be read. What cannot be written is told as an OSError.
    """

    def __init__(self, path: Path, now: Callable[[], Moment] = machine_time) -> None:
        """Opens, creates or converts it. Raises RunFolderError if that cannot be done, or a later version made it."""
        self._now = now
        try:
            self._reader, self._db = (
                sqlite3.connect(path, isolation_level=None, check_same_thread=False) for _ in range(2)
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._convert(path)
        except sqlite3.Error as error:
            raise RunFolderError(f"{path}: {error}; is the disk full, or the file damaged?") from error
        self._reading = threading.Lock()
        self._asked = threading.Condition()
        self._queue: list[_Write] = []
        self._unwritten: dict[str, tuple[_Write, Job | None]] = {}
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="registry", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Writes what is to be written; nothing may be asked of it afterwards."""
        self.note_age()
        with self._asked:
            self._closing = True
            self._asked.notify()
        self._writer.join()
        self._reader.close()
        self._db.close()

    # -- writing ------------------------------------------------------------------------------------------

    def put(
        self, job: Job, originals: Mapping[str, bytes], stored: Future[None] | None = None
    ) -> Future[None]:
        """Keeps a job that is accepted, and images of it by their names on disk.

        The future (``stored``, if it is given) is done once all of it is on the disk, or holds an OSError.
        """
        row = (job.id, job.state, job.created, job.finished, job.dump(), None, None)
        images = (
            ("INSERT OR REPLACE INTO originals VALUES (?, ?, ?)", (job.id, name, content))
            for name, content in originals.items()
        )
        write = _Write(_When.SYNCED, ((_PUT, row), *images), stored or Future())
        self._ask(write, job.id, job)
        return write.done

    def end(self, job: Job, size: int) -> None:
        """Keeps a job that has ended, and that so many bytes are kept of it."""
        row = (job.id, job.state, job.created, job.finished, job.dump(), self.age, size)
        self._ask(_Write(_When.SOON, ((_PUT, row), _without_originals(job.id))), job.id, job)

    def remove(self, job_id: str) -> None:
        """Forgets a job, if it is known. Raises OSError if that cannot be written."""
        statements = (("DELETE FROM jobs WHERE id = ?", (job_id,)), _without_originals(job_id))
        self._ask(write := _Write(_When.WRITTEN, statements), job_id, None)
        write.done.result()

    def measured(self, job_id: str, size: int) -> None:
        """Notes the bytes that are kept of a job which an earlier version has left."""
        self._ask(_Write(_When.SOON, (("UPDATE jobs SET size = ? WHERE id = ?", (size, job_id)),)))

    def note_age(self) -> None:
        """Notes how much time has passed, so that a later start of the machine goes on from there."""
        now = self._now()
        row = (1, age_at(self._noted, now), now.boot, now.uptime)
        self._ask(_Write(_When.SOON, (("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)", row),)))

    # -- reading ------------------------------------------------------------------------------------------

    @property
    def age(self) -> float:
        """The age of the data folder, in seconds of :mod:`coordinator.service.ageing`."""
        return age_at(self._noted, self._now())

    def get(self, job_id: str) -> Job | None:
        """The job as it was put last; None if there is none."""
        if unwritten := self._unwritten.get(job_id):
            return unwritten[1]
        found = self._read("SELECT job FROM jobs WHERE id = ?", job_id)
        return Job.load(found[0][0]) if found else None

    def originals(self, job_id: str) -> dict[str, bytes]:
        """The images of a small job that has not ended, by their names on disk."""
        return dict(self._read("SELECT name, content FROM originals WHERE job = ?", job_id))

    def unfinished(self) -> list[Job]:
        """The jobs that were accepted and have not ended, the oldest first."""
        query = "SELECT job FROM jobs WHERE state IN (?, ?) ORDER BY created"
        return [Job.load(row[0]) for row in self._read(query, JobState.QUEUED, JobState.RUNNING)]

    def ids(self) -> set[str]:
        """The ids of all jobs."""
        return {row[0] for row in self._read("SELECT id FROM jobs")}

    def aged_before(self, age: float) -> list[str]:
        """The ids of the jobs that ended before the data folder was of an age, in seconds."""
        return [row[0] for row in self._read("SELECT id FROM jobs WHERE aged < ?", age)]

    def oldest_beyond(self, most: int) -> list[str]:
        """The ids of the jobs to remove so that at most so many bytes are kept: those that ended first.

        The one that ended last is none of them, however large it is: its client is just about to fetch it.
        """
        rows = self._read("SELECT id, size FROM jobs WHERE aged IS NOT NULL ORDER BY aged, created")
        beyond = sum(size or 0 for _, size in rows) - most
        found = []
        for job_id, size in rows[:-1]:
            if beyond <= 0:
                break
            beyond -= size or 0
            found.append(job_id)
        return found

    def unmeasured(self) -> list[str]:
        """The ids of the jobs that ended in an earlier version, which noted no sizes."""
        return [row[0] for row in self._read("SELECT id FROM jobs WHERE aged IS NOT NULL AND size IS NULL")]

    def _read(self, query: str, *values: object) -> list[Any]:
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    # -- the file -----------------------------------------------------------------------------------------

    def _convert(self, path: Path) -> None:
        """Makes the file one of this version. What ended in an earlier one begins to age now."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise RunFolderError(
                f"{path}: a later version of the service made it; use that one, or another --data"
            )
        columns = [row[1] for row in self._db.execute("PRAGMA table_info(jobs)")]
        for column in ("aged REAL", "size INTEGER") if columns else ():
            if column.split()[0] not in columns:
                self._db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
        self._db.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")
        row = self._db.execute("SELECT age, boot, uptime FROM clock").fetchone()
        self._noted = (
            Noted(age=row[0], moment=Moment(boot=row[1], uptime=row[2]))
            if row
            else Noted(age=0.0, moment=self._now())
        )
        self._db.execute("UPDATE jobs SET aged = ? WHERE finished IS NOT NULL AND aged IS NULL", (self.age,))

    def _ask(self, write: _Write, job_id: str | None = None, job: Job | None = None) -> None:
        with self._asked:
            if job_id is not None:
                self._unwritten[job_id] = write, job
            self._queue.append(write)
            self._asked.notify()

    def _write(self) -> None:
        """What the writing thread does."""
        while batch := self._next():
            failed = self._commit(batch)
            with self._asked:
                for job_id, (write, _) in list(self._unwritten.items()):
                    if write.done.done():
                        del self._unwritten[job_id]
                if failed and not self._closing:
                    self._queue[:0] = failed
                    self._asked.wait(_AGAIN)

    def _next(self) -> list[_Write]:
        """What is to be written now, all that was asked for; nothing once the registry is closed."""
        with self._asked:
            self._asked.wait_for(lambda: self._queue or self._closing)
            self._asked.wait_for(self._is_pressing, timeout=_PATIENCE)
            batch, self._queue = self._queue, []
        return batch

    def _is_pressing(self) -> bool:
        return self._closing or any(write.when for write in self._queue)

    def _commit(self, batch: list[_Write]) -> list[_Write]:
        """Writes all at once, or else one by one; returns what can wait and could not be written."""
        try:
            synchronous = "FULL" if max(write.when for write in batch) is _When.SYNCED else "NORMAL"
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                for write in batch:
                    for statement, values in write.statements:
                        self._db.execute(statement, values)
        except sqlite3.Error as error:
            if len(batch) > 1:
                return [left for write in batch for left in self._commit([write])]
            _LOG.error("jobs.db cannot be written: %s", error)
            if batch[0].when is _When.SOON:
                return batch
            batch[0].done.set_exception(_as_os_error(error))
            return []
        for write in batch:
            write.done.set_result(None)
        return []


def _without_originals(job_id: str) -> tuple[str, tuple[object, ...]]:
    return "DELETE FROM originals WHERE job = ?", (job_id,)


def _as_os_error(error: sqlite3.Error) -> OSError:
    """What the disk said, as far as SQLite passes it on."""
    number = errno.ENOSPC if error.sqlite_errorcode == sqlite3.SQLITE_FULL else errno.EIO
    return OSError(number, f"{os.strerror(number)} (jobs.db: {error})")
