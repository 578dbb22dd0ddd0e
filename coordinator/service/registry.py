"""Every accepted job and its state: ``jobs.db`` (SQLite), and before it the log of what has just been accepted.

One thread syncs and writes. Whatever has been accepted by then shares one sync of the log (:mod:`acceptlog`), and how
jobs ended is written in one transaction for many. So a small job costs neither a file's sync nor a folder's.

    asked for   is told                                            survives, once told
    put         when it is written                                 this process
                when it is on the disk, by a future                the machine
    remove      when it is in the log; jobs.db follows, at once    this process
                if it can be written
    end         at once; it is written with others after a         nothing: a job whose end was not written is
                moment, and read as if it were                     done again at the next start
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from coordinator.errors import RunFolderError
from coordinator.service.acceptlog import AcceptLog, Record
from coordinator.service.ageing import Moment, age_at, machine_time
from coordinator.service.jobs import Job, JobState
from coordinator.service.registryfile import (
    connect,
    convert,
    forgetting,
    forgetting_originals,
    keeping,
    recover,
)
from coordinator.service.writing import Writer


class Registry:
    """The jobs of one data folder; safe to use from many threads.

    What reads raises sqlite3.Error if the file cannot be read. What cannot be written is told as an OSError.
    """

    def __init__(self, path: Path, now: Callable[[], Moment] = machine_time) -> None:
        """Opens, creates or converts it. Raises RunFolderError if that cannot be done, or a later version made it."""
        self._now = now
        try:
            self._reader, self._db = connect(path), connect(path)
            self._noted = convert(self._db, path, now())
            self._log = AcceptLog(path.parent)
            recover(self._db, self._log)
        except (sqlite3.Error, OSError) as error:
            raise RunFolderError(f"{path}: {error}; is the disk full, or the file damaged?") from error
        self._age = age_at(self._noted, now())
        self._lock = threading.Lock()
        self._unwritten: dict[str, Job] = {}
        """What jobs.db has not been told yet."""
        self.ended_bytes = 0
        """Of all jobs that this process has seen end, whether they are still kept or not."""
        self._writer = Writer(self._db, self._log)

    def close(self) -> None:
        """Writes what is to be written; nothing may be asked of it afterwards."""
        self.note_age()
        self._writer.close()
        self._reader.close()
        self._db.close()
        self._log.close()

    # -- writing ------------------------------------------------------------------------------------------

    def put(self, job: Job, originals: Mapping[str, bytes], *, presses: bool = True) -> Future[None]:
        """Keeps a job that is accepted, and images of it by their names on disk. Raises OSError if it cannot.

        The future is done once all of it is on the disk, or holds an OSError; soon, unless somebody waits for it.
        """
        synced = self._writer.accept(
            Record(job_id=job.id, job=job.dump(), originals=originals), presses=presses
        )
        self._unwritten[job.id] = job
        return synced

    def end(self, job: Job, size: int) -> None:
        """Keeps a job that has ended, and that so many bytes are kept of it."""
        self._unwritten[job.id] = job
        self.ended_bytes += size  # who ends jobs holds a lock
        statements = (keeping(job, self.age, size), forgetting_originals(job.id))

        def tell(is_written: bool) -> None:
            if is_written:
                self._unwritten.pop(job.id, None)

        self._writer.end(job.id, statements, tell)

    def remove(self, job_id: str) -> None:
        """Forgets a job, if it is known: it does not come back. Raises OSError, and keeps it, if it has to."""
        if self.get(job_id) is None:
            return
        tried = self._writer.remove(job_id, forgetting(job_id))
        self._unwritten.pop(job_id, None)
        tried.result()

    def measured(self, job_id: str, size: int) -> None:
        """Notes the bytes that are kept of a job which an earlier version has left."""
        self._writer.write([("UPDATE jobs SET size = ? WHERE id = ?", (size, job_id))])

    def note_age(self) -> None:
        """Notes how much time has passed, so that a later start of the machine goes on from there."""
        now = self._now()
        self._age = age_at(self._noted, now)
        row = (1, self._age, now.boot, now.uptime)
        self._writer.write([("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)", row)])

    # -- reading ------------------------------------------------------------------------------------------

    @property
    def age(self) -> float:
        """The age of the data folder when it was last noted, in seconds of :mod:`coordinator.service.ageing`."""
        return self._age

    def get(self, job_id: str) -> Job | None:
        """The job as it was put last; None if there is none."""
        if job_id in self._writer.removing:
            return None
        if unwritten := self._unwritten.get(job_id):
            return unwritten
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
        rows = self._read("SELECT id FROM jobs WHERE aged < ?", age)
        return [row[0] for row in rows if row[0] not in self._writer.removing]

    def oldest_beyond(self, most: int) -> list[str]:
        """The ids of the jobs to remove so that at most so many bytes are kept: those that ended first.

        The one that ended last is none of them, however large it is: its client is just about to fetch it.
        """
        rows = self._read("SELECT id, size FROM jobs WHERE aged IS NOT NULL ORDER BY aged, created")
        rows = [row for row in rows if row[0] not in self._writer.removing]
        beyond = sum(size or 0 for _, size in rows) - most
        found = []
        for job_id, size in rows[:-1]:
            if beyond <= 0:
                break
            beyond -= size or 0
            found.append(job_id)
        return found

    def kept_bytes(self) -> int:
        """The bytes that are kept of all jobs whose end is written."""
        ((size,),) = self._read("SELECT COALESCE(SUM(size), 0) FROM jobs WHERE aged IS NOT NULL")
        return int(size)

    def unmeasured(self) -> list[str]:
        """The ids of the jobs that ended in an earlier version, which noted no sizes."""
        return [row[0] for row in self._read("SELECT id FROM jobs WHERE aged IS NOT NULL AND size IS NULL")]

    def _read(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._reader.execute(query, values).fetchall()
