"""``jobs.db``: its tables, its conversion from what the version before wrote, and what the log has more than it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from coordinator.errors import RunFolderError
from coordinator.service.acceptlog import AcceptLog, Record
from coordinator.service.ageing import Moment, Noted, age_at
from coordinator.service.jobs import Job

_VERSION = 2
"""Of the file. The first had neither the images of small jobs, nor ages, nor sizes."""
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

Statement = tuple[str, tuple[object, ...]]
"""SQL, and the values in it."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection for any thread, one at a time. Raises sqlite3.Error."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def convert(db: sqlite3.Connection, path: Path, now: Moment) -> Noted:
    """Makes the file one of this version; what ended in an earlier one begins to age now.

    Returns the age that was noted last. Raises sqlite3.Error, and RunFolderError for a file of a later version.
    """
    db.execute("PRAGMA journal_mode = WAL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise RunFolderError(
            f"{path}: a later version of the service made it; use that one, or another --data"
        )
    columns = [row[1] for row in db.execute("PRAGMA table_info(jobs)")]
    for column in ("aged REAL", "size INTEGER") if columns else ():
        if column.split()[0] not in columns:
            db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
    db.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")
    row = db.execute("SELECT age, boot, uptime FROM clock").fetchone()
    noted = Noted(age=0.0, moment=now)
    if row:
        noted = Noted(age=row[0], moment=Moment(boot=row[1], uptime=row[2]))
    db.execute("UPDATE jobs SET aged = ? WHERE finished IS NOT NULL AND aged IS NULL", (age_at(noted, now),))
    return noted


def recover(db: sqlite3.Connection, log: AcceptLog) -> int:
    """Takes into jobs.db what the log alone knows, and begins a generation, which is returned. Raises sqlite3.Error."""
    row = db.execute("SELECT generation FROM log").fetchone()
    generation = row[0] if row else 0
    ended = {row[0] for row in db.execute("SELECT id FROM jobs WHERE aged IS NOT NULL")}
    found: dict[str, Record] = {}
    removed: list[Statement] = []
    for record in log.records(generation):
        if record.job is None:
            found.pop(record.job_id, None)
            removed += forgetting(record.job_id)
        elif record.job_id not in ended:
            found[record.job_id] = record
    transact(db, [*removed, *taking_in(found.values()), beginning(generation + 2)], durable=True)
    log.begin(generation + 2)
    return generation + 2


def transact(db: sqlite3.Connection, statements: Iterable[Statement], *, durable: bool) -> None:
    """Carries out all or none. Raises sqlite3.Error."""
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    with db:
        db.execute("BEGIN IMMEDIATE")
        for statement, values in statements:
            db.execute(statement, values)


def keeping(job: Job, age: float | None = None, size: int | None = None) -> Statement:
    """Keeps a job; one that has ended with the data folder's age then, and the bytes that are kept of it."""
    row = (job.id, job.state, job.created, job.finished, job.dump(), age, size)
    return "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)", row


def taking_in(records: Iterable[Record]) -> Iterator[Statement]:
    """Keeps jobs that were accepted, with their images."""
    for record in records:
        assert record.job is not None
        yield keeping(Job.load(record.job))
        for name, content in record.originals.items():
            yield "INSERT OR REPLACE INTO originals VALUES (?, ?, ?)", (record.job_id, name, content)


def forgetting(job_id: str) -> tuple[Statement, ...]:
    """Forgets a job."""
    return ("DELETE FROM jobs WHERE id = ?", (job_id,)), forgetting_originals(job_id)


def forgetting_originals(job_id: str) -> Statement:
    """Forgets a job's images."""
    return "DELETE FROM originals WHERE job = ?", (job_id,)


def beginning(generation: int) -> Statement:
    """Notes the generation of the log before which nothing counts."""
    return "INSERT OR REPLACE INTO log VALUES (1, ?)", (generation,)
