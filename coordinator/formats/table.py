"""The table of recordings, row by row: CSV or JSON Lines. A bad row is a value; a file that is no table is refused."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO, AnyStr

from coordinator.errors import BatchError
from coordinator.strictjson import Json, decode, readable

TABLES = ("recordings.csv", "recordings.jsonl")
MAX_LINE = 16 * 1024**2
"""Maximum number of characters of a table's line: a longer one is a sign of another kind of file, and not read in."""


def read_rows(table: Path) -> Iterator[tuple[int, Json | str]]:
    """The table's rows with their numbers, as fields or as the reason why there are none."""
    reader = _csv_rows if table.suffix == ".csv" else _jsonl_rows
    try:
        yield from reader(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BatchError(f"{table}: {error}; the table must be UTF-8 and well-formed") from error


def _csv_rows(table: Path) -> Iterator[tuple[int, Json | str]]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(_lines(table, file))
        if "image" not in (reader.fieldnames or ()):
            columns = readable(", ".join(reader.fieldnames or ()))
            raise BatchError(f"{table}: no column 'image' (between commas); its columns are {columns}")
        for number, fields in enumerate(reader, start=1):
            if None in fields:
                yield number, "more fields than the table has columns"
            else:
                yield number, {name: value for name, value in fields.items() if name and value}


def _jsonl_rows(table: Path) -> Iterator[tuple[int, Json | str]]:
    with table.open("rb") as file:
        for number, line in enumerate(_lines(table, file), start=1):
            if not line.strip():
                continue
            try:
                fields = decode(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
            except ValueError as error:
                yield number, f"not JSON: {error}"
                continue
            yield number, fields if isinstance(fields, dict) else "not a JSON object"


def _lines(table: Path, file: IO[AnyStr]) -> Iterator[AnyStr]:
    """The table's lines, none of them held in memory whatever its length."""
    for number in itertools.count(1):
        line = file.readline(MAX_LINE + 1)
        if not line:
            return
        if len(line) > MAX_LINE:
            raise BatchError(f"{table}: line {number} is longer than {MAX_LINE:,} characters")
        yield line
