"""The table of recordings, row by row: CSV and its kin, or JSON.

A bad row is a value; a file that is no table is refused. The columns are known by many names (``columnnames.py``), and
come out by those of :class:`Row`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.csvrows import csv_rows
from coordinator.formats.jsonrows import json_document, json_lines
from coordinator.formats.row import Entry
from coordinator.plainfile import check_file

NAME = "table"
_READERS: dict[str, Callable[[Path, Tell], Iterator[Entry]]] = {
    ".csv": csv_rows,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".tsv": csv_rows,
    ".txt": csv_rows,
    ".json": json_document,
    ".geojson": json_document,
}
TABLES = tuple(f"recordings{suffix}" for suffix in _READERS)
"""What a table is called, in any case of the letters; the first that a batch has counts."""


def candidates(folder: Path) -> list[Path]:
    """All tables of a batch's folder, in the order of TABLES; the first one counts.

    Raises BatchError for a folder that cannot be read, and for what has the name of a table and is no file.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.name.lower() in TABLES]
    except OSError as error:
        raise BatchError(f"batch {str(folder)!r} cannot be read: {error.strerror}") from error
    found.sort(key=lambda name: (TABLES.index(name.lower()), name not in TABLES, name))
    for name in found:
        try:
            check_file(folder / name)
        except OSError as error:
            raise BatchError(f"{folder / name} cannot be read: {error.strerror}") from error
    return [folder / name for name in found]


def find(folder: Path) -> Path | None:
    """The table that counts, if there is one."""
    return next(iter(candidates(folder)), None)


def read(path: Path, tell: Tell) -> Iterator[Entry]:
    """The table's rows, one at a time, by the names of :class:`Row`.

    Raises BatchError if it is no table, has no column for the image, or has two columns that mean the same.
    """
    try:
        yield from _READERS[path.suffix.lower()](path, tell)
    except UnicodeDecodeError as error:
        raise BatchError(f"{path}: {error}; save the table in UTF-8") from error
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error
