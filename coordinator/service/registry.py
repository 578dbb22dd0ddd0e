"""``jobs.db``: every accepted job and its state, in SQLite. What is written is on the disk when the call returns."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from coordinator.errors import RunFolderError
from coordinator.service.jobs import Job, JobState

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    finished REAL,
    job TEXT NOT NULL
) WITHOUT ROWID;
"""


class Registry:
    """The jobs of one data folder; safe to use from many threads.

    Every call raises sqlite3.Error if the file cannot be read or written, for example on a full disk.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates it. Raises RunFolderError if that cannot be done."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise RunFolderError(f"{path}: {error}; is the disk full, or the file damaged?") from error
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing may be asked of it afterwards."""
        self._db.close()

    def put(self, job: Job) -> None:
        """Keeps a job, in place of what was known of it."""
        row = (job.id, job.state, job.created, job.finished, job.dump())
        self._execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)", *row)

    def get(self, job_id: str) -> Job | None:
        """The job as it was put last; None if there is none."""
        found = self._execute("SELECT job FROM jobs WHERE id = ?", job_id)
        return Job.load(found[0][0]) if found else None

    def remove(self, job_id: str) -> None:
        """Forgets a job, if it is known."""
        self._execute("DELETE FROM jobs WHERE id = ?", job_id)

    def unfinished(self) -> list[Job]:
        """The jobs that were accepted and have not ended, the oldest first."""
        query = "SELECT job FROM jobs WHERE state IN (?, ?) ORDER BY created"
        return [Job.load(row[0]) for row in self._execute(query, JobState.QUEUED, JobState.RUNNING)]

    def ids(self) -> set[str]:
        """The ids of all jobs."""
        return {row[0] for row in self._execute("SELECT id FROM jobs")}

    def finished_before(self, moment: float) -> list[str]:
        """The ids of the jobs that ended before a moment, in seconds since the epoch."""
        return [row[0] for row in self._execute("SELECT id FROM jobs WHERE finished < ?", moment)]

    def _execute(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()
