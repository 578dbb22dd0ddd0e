"""How a table of text is written: in which encoding, with which sign between its columns, and where its rows begin."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, AnyStr

from coordinator.errors import BatchError
from coordinator.formats.columnnames import meaning

MAX_LINE = 16 * 1024**2
"""Maximum number of characters of a table's line: a longer one is a sign of another kind of file, and not read in."""
CP1252 = "cp1252"
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The signs that stand between the columns of tables, in words."""
_SEP = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 128 * 1024


@dataclass(frozen=True, kw_only=True)
class Head:
    """The line that names a table's columns, its number in the file, and the sign between them."""

    line: str
    number: int
    delimiter: str

    @property
    def names(self) -> list[str]:
        return cells(self.line, self.delimiter)

    @property
    def has_image(self) -> bool:
        """Whether one of the names means the image, which no table can do without."""
        return any(meant is not None and meant.field == "image" for meant in map(meaning, self.names))

    @property
    def between(self) -> str:
        """The sign in words."""
        return DELIMITERS.get(self.delimiter, repr(self.delimiter))


def encoding(table: Path) -> str:
    """The encoding of a text file: by its mark, else UTF-8 if all of it is, else Windows' for western Europe.

    Raises BatchError for what is no text, or text of 16 bits without a mark.
    """
    if marked := encoding_by_mark(table):
        return marked
    with table.open("rb") as file:
        start = file.read(_CHUNK)
        if b"\0" in start.partition(b"\n")[0]:
            raise BatchError(f"{table}: it holds NUL bytes where text is due; save the table as CSV in UTF-8")
        return "utf-8" if _is_utf8(start, file) else CP1252


def encoding_by_mark(table: Path) -> str | None:
    """The Unicode encoding that the first bytes of a file say."""
    with table.open("rb") as file:
        return mark_of(file.read(4))


def mark_of(start: bytes) -> str | None:
    """The Unicode encoding that bytes begin with the mark of."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def announced(line: str) -> str | None:
    """The sign between the columns, if the line is the one by which Excel is told it: ``sep=;``."""
    found = _SEP.fullmatch(line.strip("\r\n"))
    return found[1] if found else None


def _is_utf8(start: bytes, file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = start
    without_end = 0
    try:
        while (
            chunk and without_end < MAX_LINE
        ):  # beyond it the reader ends, and the rest need not be looked at
            decoder.decode(chunk)
            without_end = 0 if b"\n" in chunk or b"\r" in chunk else without_end + len(chunk)
            chunk = file.read(_CHUNK)
        if not chunk:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def lines(table: Path, file: IO[AnyStr]) -> Iterator[AnyStr]:
    """The table's lines, none of them held in memory whatever its length."""
    for number in itertools.count(1):
        line = file.readline(MAX_LINE + 1)
        if not line:
            return
        if len(line) > MAX_LINE:
            raise BatchError(f"{table}: line {number} is longer than {MAX_LINE:,} characters")
        yield line


def head(given: Iterator[str]) -> tuple[Head, Iterator[str]] | None:
    """The line of a table with its columns' names, and the lines behind it; None if there is none.

    Passed over are blank lines, Excel's ``sep=;``, and comments that begin with ``#``, unless it is the last comment
    that has the names.
    """
    delimiter: str | None = None
    comment: Head | None = None
    for number, line in enumerate(given, start=1):
        shown = line.strip()
        if not shown:
            continue
        if sign := announced(line):
            delimiter = sign
        elif shown.startswith("#"):
            comment = _head(line.lstrip(" \t#"), number, delimiter)
        else:
            first = _head(line, number, delimiter)
            if comment and comment.has_image and not first.has_image:
                return comment, itertools.chain([line], given)
            return first, given
    return (comment, given) if comment and comment.has_image else None


def cells(line: str, delimiter: str) -> list[str]:
    """The fields of a line."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _head(line: str, number: int, delimiter: str | None) -> Head:
    signs = [delimiter] if delimiter else list(DELIMITERS)
    return max((Head(line=line, number=number, delimiter=sign) for sign in signs), key=_likeness)


def _likeness(found: Head) -> tuple[bool, int, int]:
    return found.has_image, sum(meaning(name) is not None for name in found.names), len(found.names)
