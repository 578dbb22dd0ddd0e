"""A table of text, with a sign between its columns, row by row."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell
from coordinator.formats.columnnames import DEGREES, suggestion
from coordinator.formats.columns import Clash, Columns, understand, unreadable
from coordinator.formats.dialect import CP1252, Head, encoding, head, lines
from coordinator.formats.row import Entry
from coordinator.formats.values import ABSENT, Convert, Unreadable, comma_evidence
from coordinator.strictjson import Json, readable

Converts = tuple[tuple[str, Convert | None], ...]

_SAMPLE = 100
"""Rows that are looked at for what a comma in a number is."""
_SAMPLE_CHARACTERS = 1_000_000
_TOO_MANY = "more fields than the table has columns"
_ADVICE = (
    "call the one with the file names 'image'; image_path, file, filename, path, photo and url will do, too"
)


def csv_rows(table: Path, tell: Tell) -> Iterator[Entry]:
    """The table's rows. Raises BatchError if it is none, or if what its columns mean is open."""
    name = encoding(table)
    if name == CP1252:
        text = f"{table.name} is not UTF-8: read as Windows-1252; if names look wrong, save it as UTF-8"
        tell(Finding(kind="table-cp1252", level=Level.NOTE, text=text))
    with table.open(encoding=name, newline="") as file:
        found = _head(table, lines(table, file))
        if found is None:
            raise BatchError(
                f"{table}: no line names its columns; the first has to, as  id,image,x,y,z,heading"
            )
        top, below = found
        reader = csv.reader(
            itertools.chain([top.line], below), delimiter=top.delimiter, skipinitialspace=True, strict=True
        )
        try:
            yield from _rows(table, top, reader, tell)
        except csv.Error as error:
            raise _broken(table, top.number - 1 + reader.line_num, error) from error


def _head(table: Path, given: Iterator[str]) -> tuple[Head, Iterator[str]] | None:
    try:
        return head(given)
    except csv.Error as error:
        raise _broken(table, 1, error) from error


def _broken(table: Path, line: int, error: csv.Error) -> BatchError:
    return BatchError(f'{table}, line {line}: {error}; look for a quote (") that is not closed')


def _rows(table: Path, top: Head, reader: Iterator[list[str]], tell: Tell) -> Iterator[Entry]:
    names = next(reader)
    sample = list(_sample(reader))
    columns = _columns(table, top, names, sample)
    for finding in (*columns.findings(table.name), *_nameless(table, names)):
        tell(finding)
    converts = _converts(columns, sample)
    start = f"{table.name}, row "
    number = 0
    for row in itertools.chain(sample, reader):
        fields = _fields(row, converts, columns)
        if fields or any(map(str.strip, row)):
            number += 1
            yield f"{start}{number}", fields


def _fields(row: list[str], converts: Converts, columns: Columns) -> Json | str:
    """A row's fields, or why they cannot be read."""
    fields: Json = {}
    field = None
    try:
        for value, (field, convert) in zip(row, converts, strict=False):
            if value:
                if convert is None:
                    fields[field] = value
                elif (converted := convert(value)) is not None:
                    fields[field] = converted
        if len(row) > len(converts) and any(row[len(converts) :]):
            return _TOO_MANY
        field = None
        if columns.needs_finish:
            columns.finish(fields)
    except Unreadable as error:
        return unreadable(columns, field, error)
    return fields


def _sample(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """The first rows, within measure."""
    characters = 0
    for row in itertools.islice(reader, _SAMPLE):
        yield row
        characters += sum(map(len, row))
        if characters > _SAMPLE_CHARACTERS:
            return


def _columns(table: Path, top: Head, names: Sequence[str], sample: Sequence[Sequence[str]]) -> Columns:
    try:
        columns = understand(names)
    except Clash as clash:
        raise BatchError(f"{table}: {clash}") from clash
    if "image" in columns.fields:
        return columns
    if any(_is_value(name) for name in names):
        told = readable(", ".join(names))
        raise BatchError(
            f"{table}: its first line has values where the columns' names are due: {told}; "
            "write a line such as  id,image,x,y,z,heading  above it"
        )
    told = readable(", ".join(column.name for column in columns.all))
    advice = _meant(columns) or _files_named(table, columns, sample) or _ADVICE
    raise BatchError(f"{table}: no column 'image'; its columns (between {top.between}) are {told}; {advice}")


def _meant(columns: Columns) -> str | None:
    """What to do if a column is called nearly as one with the images is."""
    near = next((column.name for column in columns.all if suggestion(column.name) == "image"), None)
    return near and f"if '{readable(near)}' has the file names, call it 'image'"


def _is_value(name: str) -> bool:
    """Whether what stands in the first line is a number or a photograph's name."""
    name = name.strip().lower()
    return name.replace(",", ".").lstrip("+-").replace(".", "", 1).isdigit() or name.endswith(
        tuple(IMAGE_SUFFIXES)
    )


def _files_named(table: Path, columns: Columns, sample: Sequence[Sequence[str]]) -> str | None:
    """What to do if another column has the names of files, with or without their suffix."""
    row = sample[0] if sample else ()
    for column, value in zip(columns.all, row, strict=False):
        if not value or value in ABSENT or "/" in value or "\0" in value or len(value) > 200:
            continue
        for suffix in ("", *sorted(IMAGE_SUFFIXES), *sorted(map(str.upper, IMAGE_SUFFIXES))):
            if (table.parent / f"{value}{suffix}").is_file():
                file = readable(f"{value}{suffix}")
                return (
                    f"there is a file '{file}': add a column 'image' that says so"
                    if suffix
                    else (f"column '{readable(column.name)}' has the names of files: call it 'image'")
                )
    return None


def _nameless(table: Path, names: Sequence[str]) -> Iterator[Finding]:
    """A word of columns without a name, but for those behind the last one that has one."""
    last = max((number for number, name in enumerate(names) if name.strip()), default=0)
    if numbers := [str(number) for number, name in enumerate(names[:last], start=1) if not name.strip()]:
        text = f"{table.name}: column {', '.join(numbers)} has no name, and is not read"
        yield Finding(kind="columns-without-name", level=Level.NOTE, text=text)


def _converts(columns: Columns, sample: Sequence[Sequence[str]]) -> Converts:
    """What reads each column's values; behind the last name there must be none."""
    given = columns.converts(decimal_comma=_decimal_comma(columns, sample))
    while given and not given[-1][0]:
        given = given[:-1]
    return tuple((field, convert if field else _skip) for field, convert in given)


def _skip(_value: str) -> None:
    """A value of a column without a name."""


def _decimal_comma(columns: Columns, sample: Sequence[Sequence[str]]) -> bool:
    """Whether the sample shows that the table's commas are decimal ones, and nothing that they are others."""
    shown = {
        comma_evidence(row[number], direction=columns.all[number].field in DEGREES)
        for number in columns.numbers()
        for row in sample
        if number < len(row) and "," in row[number]
    }
    return True in shown and False not in shown
