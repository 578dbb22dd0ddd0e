"""The images that a batch names by URL, in a run's journal: by their paths, with what was fetched of them last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from coordinator.core.tasks import RemoteImage
from coordinator.findings import Finding, Level, named

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    path TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    tag TEXT,
    size INTEGER,
    stamp TEXT,
    changed INTEGER
) WITHOUT ROWID;
"""
_NAME = """
INSERT INTO images VALUES (?1, ?2, ?3, ?4, NULL, NULL)
ON CONFLICT (path) DO UPDATE SET url = ?2, tag = ?3, size = ?4, stamp = NULL
WHERE url IS NOT ?2 OR tag IS NOT ?3 OR size IS NOT ?4
"""

_FETCHED = """
UPDATE images SET changed = CASE WHEN stamp <> ?2 THEN ?3 ELSE changed END, stamp = ?2 WHERE path = ?1
"""
_NAMED = 3


class Images:
    """A table of a journal, which commits."""

    def __init__(self, db: sqlite3.Connection, *, is_there: bool = False) -> None:
        """Makes the table, unless it ``is_there``, as it has to be for who only reads."""
        self._db = db
        if not is_there:
            db.executescript(_SCHEMA)

    def name(self, image: RemoteImage) -> None:
        """The batch names it. What was fetched of it is forgotten if the batch said otherwise before."""
        self._db.execute(_NAME, (image.path, image.url, image.tag, image.size))

    def of(self, path: str) -> RemoteImage | None:
        """The image that steps find at ``path``; None for one that the batch does not name by URL."""
        row = self._db.execute("SELECT path, url, tag, size FROM images WHERE path = ?", (path,)).fetchone()
        return row and RemoteImage(path=row[0], url=row[1], tag=row[2], size=row[3])

    def stamp(self, path: str) -> str | None:
        """What told its content when it was fetched last; None before that."""
        row = self._db.execute("SELECT stamp FROM images WHERE path = ?", (path,)).fetchone()
        stamp: str | None = row and row[0]
        return stamp

    def fetched(self, path: str, stamp: str, session: int) -> None:
        """It was fetched in a session of the run, and ``stamp`` tells its content, which may have changed."""
        self._db.execute(_FETCHED, (path, stamp, session))

    def changed(self, session: int) -> tuple[int, list[str]]:
        """How many were others in this session than when they were fetched before, and the first of them by URL."""
        query = "SELECT url, COUNT(*) OVER () FROM images WHERE changed = ? ORDER BY path LIMIT ?"
        rows = self._db.execute(query, (session, _NAMED)).fetchall()
        return (rows[0][1] if rows else 0), [url for url, _ in rows]

    def findings(self, session: int) -> Iterator[Finding]:
        """What there is to say of a session's images."""
        count, urls = self.changed(session)
        if count:
            text = (
                f"{count:,} images are others than when they were fetched before: {named(urls, count)}; the same "
                "command again works anew on what has used them"
            )
            yield Finding(kind="images-changed", level=Level.WARNING, text=text)
