"""The tables of a journal."""

from __future__ import annotations

from coordinator.core.retries import DEADLY

SCHEMA = """
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
CREATE TABLE IF NOT EXISTS pools (
    session INTEGER NOT NULL,
    at REAL NOT NULL,
    step TEXT NOT NULL,
    size INTEGER NOT NULL,
    change TEXT NOT NULL,
    why TEXT NOT NULL
);
"""

KILLS = (
    "(SELECT COUNT(*) FROM attempts WHERE attempts.task = tasks.id "
    f"AND attempts.error_kind IN ({', '.join(repr(str(kind)) for kind in sorted(DEADLY))}))"
)
"""How often a task has killed its step, as a column of a query over ``tasks``."""
PUT_TASK = "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_ATTEMPT = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
