"""A table that a person had in a spreadsheet: the encodings, the signs between cells and the blank lines of these.

Read is what can mean one thing only. Anything else is refused with its place and what to do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import UsageError
from coordinator.formats.dialect import DELIMITERS, announced, mark_of
from coordinator.plainfile import read_file

_SAYS = 16
"""Characters in which ``sep=;`` has room."""
_HEAD = 16 * 1024
"""Characters in which the names of columns are looked for."""
_SAVE = "save the table as 'CSV UTF-8'"


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """A row's cells by the names of their columns, and the line of the file on which it begins."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table's rows but for blank ones, and the sign between its cells."""

    separator: str
    rows: tuple[SheetRow, ...]


def read_sheet(path: Path, known: Sequence[str], needed: Sequence[str]) -> Sheet:
    """The table in a file. Names of columns are read in small letters, and compared to those ``known`` and ``needed``.

    Raises UsageError for what cannot be read, and for a table that lacks a needed column, or has a known one twice.
    """
    text = _text(path)
    separator = _separator(text, needed)
    rows = _rows(path, text, separator)
    line, head = next(rows, (1, []))
    names = _names(head)
    _check(f"{path}, line {line}", names, known, needed)
    return Sheet(
        separator=separator,
        rows=tuple(SheetRow(line=at, cells=_cells(f"{path}, line {at}", names, cells)) for at, cells in rows),
    )


def _separator(text: str, needed: Sequence[str]) -> str:
    """The sign that the first line says, or else the one by which the most of the columns are found."""
    if sign := announced("".join(text[:_SAYS].splitlines()[:1])):
        return sign

    def found(sign: str) -> int:
        rows = csv.reader(io.StringIO(text[:_HEAD], newline=""), delimiter=sign)
        return len(set(needed) & set(_names(next(filter(_is_filled, rows), []))))

    return max(DELIMITERS, key=found)


def _text(path: Path) -> str:
    """All of a file. Without a mark it is UTF-8: of which country a code page of Windows is, nothing would say."""
    try:
        raw = read_file(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    encoding = mark_of(raw) or "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        good, bad = error.object[: error.start], error.object[error.start]  # behind the mark of UTF-8
        line = good.decode(encoding, errors="replace").count("\n") + 1
        told = f"byte {bad:#04x} is no {encoding.removesuffix('-sig').upper()}"
        raise UsageError(f"{path}, line {line}: {told}; {_SAVE}") from error
    if (place := text.find("\0")) >= 0:
        line = text.count("\n", 0, place) + 1
        raise UsageError(
            f"{path}, line {line}: a NUL character, as text of 16 bits without its mark has; {_SAVE}"
        )
    return text


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it begins; not among them is what says the separator."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if _is_filled(cells) and not (line == 1 and announced(separator.join(cells))):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"{path}, line {line}: {error}; is a quote missing, or one too many?") from error


def _is_filled(cells: Iterable[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _names(head: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in head]


def _check(where: str, names: Sequence[str], known: Sequence[str], needed: Sequence[str]) -> None:
    if missing := [name for name in needed if name not in names]:
        raise UsageError(f"{where}: no column {', '.join(map(repr, missing))}; is it a review.csv?")
    if twice := [name for name in known if names.count(name) > 1]:
        raise UsageError(f"{where}: two columns {', '.join(map(repr, twice))}; take out one of each")


def _cells(where: str, names: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    if _is_filled(cells[len(names) :]):
        raise UsageError(f"{where}: more cells than columns; are quotes missing?")
    return dict(zip(names, cells, strict=False))
