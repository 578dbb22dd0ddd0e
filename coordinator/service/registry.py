"""Every accepted job and its state: ``jobs.db`` (SQLite), and before it the log of what has just been accepted.

One thread syncs and writes. Whatever has been accepted by then shares one sync of the log (:mod:`acceptlog`), and how
jobs ended is written in one transaction for many. So a small job costs neither a file's sync nor a folder's.

    asked for   is told                                            survives, once told
    put         when it is written                                 this process
                when it is on the disk, by a future                the machine
    remove      when it is written                                 this process
    end         at once; it is written with others after a         nothing: a job whose end was not written is
                moment, and read as if it were                     done again at the next start
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.errors import RunFolderError
from coordinator.service.acceptlog import AcceptLog, Record
from coordinator.service.ageing import Moment, Noted, age_at, machine_time
from coordinator.service.jobs import Job, JobState

_LOG = logging.getLogger("coordinator.service")
_VERSION = 2
"""Of the file. The first had neither the images of small jobs, nor ages, nor sizes."""
_PATIENCE = 0.5
"""Seconds that something which can wait does wait for what cannot."""
_MANY = 200
"""So many of them do not wait any longer."""
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
CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, age REAL NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL);
"""
_PUT = "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)"


_GENERATION = "INSERT OR REPLACE INTO log VALUES (1, ?)"
_ORIGINAL = "INSERT OR REPLACE INTO originals VALUES (?, ?, ?)"

Statement = tuple[str, tuple[object, ...]]


@dataclass(frozen=True, eq=False)
class _Write:
    """Something to write into jobs.db: statements with their values, all or none of them."""

    statements: tuple[Statement, ...]
    presses: bool = False
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
            self._log = AcceptLog(path.parent)
            self._generation = self._recover()
        except (sqlite3.Error, OSError) as error:
            raise RunFolderError(f"{path}: {error}; is the disk full, or the file damaged?") from error
        self._reading = threading.Lock()
        self._asked = threading.Condition()
        self._syncs: list[tuple[int, Future[None]]] = []
        self._queue: list[_Write] = []
        self._presses = False
        self._unwritten: dict[str, tuple[_Write | None, Job | None]] = {}
        self._accepted: dict[str, Record] = {}
        self._closing = False
        self._writer = threading.Thread(target=self._work, name="registry", daemon=True)
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
        self._log.close()

    # -- writing ------------------------------------------------------------------------------------------

    def put(
        self, job: Job, originals: Mapping[str, bytes], stored: Future[None] | None = None
    ) -> Future[None]:
        """Keeps a job that is accepted, and images of it by their names on disk.

        The future (``stored``, if it is given) is done once all of it is on the disk, or holds an OSError. Raises
        OSError if not even the attempt can be made.
        """
        stored = stored or Future()
        record = Record(job_id=job.id, job=job.dump(), originals=originals)
        with self._asked:
            self._log.append(record)
            self._accepted[job.id] = record
            self._unwritten[job.id] = None, job
            self._syncs.append((self._log.generation, stored))
            self._asked.notify()
        return stored

    def end(self, job: Job, size: int) -> None:
        """Keeps a job that has ended, and that so many bytes are kept of it."""
        write = _Write(((_PUT, _row(job, self.age, size)), _without_originals(job.id)))
        with self._asked:
            self._accepted.pop(job.id, None)
            self._unwritten[job.id] = write, job
            self._ask(write)

    def remove(self, job_id: str) -> None:
        """Forgets a job, if it is known. Raises OSError if that cannot be written."""
        write = _Write(
            (("DELETE FROM jobs WHERE id = ?", (job_id,)), _without_originals(job_id)), presses=True
        )
        with self._asked:
            self._accepted.pop(job_id, None)
            self._log.append(Record(job_id=job_id, job=None, originals={}))
            self._unwritten[job_id] = write, None
            self._ask(write)
        write.done.result()

    def measured(self, job_id: str, size: int) -> None:
        """Notes the bytes that are kept of a job which an earlier version has left."""
        with self._asked:
            self._ask(_Write((("UPDATE jobs SET size = ? WHERE id = ?", (size, job_id)),)))

    def note_age(self) -> None:
        """Notes how much time has passed, so that a later start of the machine goes on from there."""
        now = self._now()
        self._age = age_at(self._noted, now)
        row = (1, self._age, now.boot, now.uptime)
        with self._asked:
            self._ask(_Write((("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)", row),)))

    # -- reading ------------------------------------------------------------------------------------------

    @property
    def age(self) -> float:
        """The age of the data folder when it was last noted, in seconds of :mod:`coordinator.service.ageing`."""
        return self._age

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
        self._age = age_at(self._noted, self._now())
        self._db.execute("UPDATE jobs SET aged = ? WHERE finished IS NOT NULL AND aged IS NULL", (self.age,))

    def _recover(self) -> int:
        """Takes into jobs.db what the log alone knows, and begins a generation, which is returned."""
        row = self._db.execute("SELECT generation FROM log").fetchone()
        generation = row[0] if row else 0
        known = {row[0] for row in self._db.execute("SELECT id FROM jobs WHERE aged IS NOT NULL")}
        found: dict[str, Record] = {}
        for record in self._log.records(generation):
            if record.job is None:
                found.pop(record.job_id, None)
            elif record.job_id not in known:
                found[record.job_id] = record
        statements = [statement for record in found.values() for statement in _statements(record)]
        self._db.execute("PRAGMA synchronous = FULL")
        self._transact([*statements, (_GENERATION, (generation + 2,))])
        self._log.begin(generation + 2)
        return generation + 2

    # -- the writing thread -------------------------------------------------------------------------------

    def _ask(self, write: _Write) -> None:
        """Queues something to write. The lock is held."""
        self._queue.append(write)
        self._presses |= write.presses
        if write.presses or len(self._queue) in (1, _MANY):
            self._asked.notify()

    def _work(self) -> None:
        while True:
            syncs, batch = self._next()
            self._sync(syncs)
            if batch:
                self._write(batch)
            elif not syncs:
                return
            if self._log.is_full or (batch and self._closing):
                self._change_files()

    def _next(self) -> tuple[list[tuple[int, Future[None]]], list[_Write]]:
        """What is to be synced, and to be written, now; nothing of both once the registry is closed."""
        with self._asked:
            self._asked.wait_for(lambda: self._syncs or self._queue or self._closing)
            if not self._syncs:
                self._asked.wait_for(lambda: self._syncs or self._is_due(), timeout=_PATIENCE)
            syncs, self._syncs = self._syncs, []
            batch: list[_Write] = []
            if not syncs or self._is_due():
                batch, self._queue, self._presses = self._queue, [], False
        return syncs, batch

    def _is_due(self) -> bool:
        return self._closing or self._presses or len(self._queue) >= _MANY

    def _sync(self, syncs: Sequence[tuple[int, Future[None]]]) -> None:
        for generation in sorted({generation for generation, _ in syncs}):
            error = None
            try:
                self._log.sync(generation)
            except OSError as failed:
                error = failed
            for _, stored in (one for one in syncs if one[0] == generation):
                stored.set_exception(error) if error else stored.set_result(None)

    def _write(self, batch: list[_Write]) -> bool:
        """Whether all of it could be written; what can wait stays in the queue."""
        left = self._commit(batch) if batch else []
        with self._asked:
            self._queue[:0] = left if not self._closing else ()
            for job_id, (write, _) in list(self._unwritten.items()):
                if write is not None and write.done.done():
                    del self._unwritten[job_id]
        return not left

    def _commit(self, batch: list[_Write]) -> list[_Write]:
        """Writes all at once, or else one by one; returns what can wait and could not be written."""
        try:
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._transact(statement for write in batch for statement in write.statements)
        except sqlite3.Error as error:
            if len(batch) > 1:
                return [left for write in batch for left in self._commit([write])]
            _LOG.error("jobs.db cannot be written: %s", error)
            if not batch[0].presses:
                return batch
            batch[0].done.set_exception(_as_os_error(error))
            return []
        for write in batch:
            write.done.set_result(None)
        return []

    def _change_files(self) -> None:
        """Has the log's other file take its turn, once jobs.db has all that this one alone has told."""
        if self._log.generation > self._generation + 1:
            return
        with self._asked:
            if self._log.generation == self._generation:
                self._log.begin(self._generation + 1)
            batch, self._queue, self._presses = self._queue, [], False
            records = list(self._accepted.values())
        try:
            if not self._write(batch):
                return
            self._db.execute("PRAGMA synchronous = FULL")
            told = [statement for record in records for statement in _statements(record)]
            self._transact([*told, (_GENERATION, (self._generation + 1,))])
            self._generation += 1
        except sqlite3.Error as error:
            _LOG.error("jobs.db cannot be written: %s", error)

    def _transact(self, statements: Iterable[Statement]) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                self._db.execute(statement, values)


def _row(job: Job, age: float | None = None, size: int | None = None) -> tuple[object, ...]:
    return job.id, job.state, job.created, job.finished, job.dump(), age, size


def _statements(record: Record) -> Iterator[Statement]:
    """What takes an accepted job into jobs.db."""
    assert record.job is not None
    yield _PUT, _row(Job.load(record.job))
    for name, content in record.originals.items():
        yield _ORIGINAL, (record.job_id, name, content)


def _without_originals(job_id: str) -> Statement:
    return "DELETE FROM originals WHERE job = ?", (job_id,)


def _as_os_error(error: sqlite3.Error) -> OSError:
    """What the disk said, as far as SQLite passes it on."""
    number = errno.ENOSPC if error.sqlite_errorcode == sqlite3.SQLITE_FULL else errno.EIO
    return OSError(number, f"{os.strerror(number)} (jobs.db: {error})")
