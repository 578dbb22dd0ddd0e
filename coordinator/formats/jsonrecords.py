"""JSON of other tools: which files of a folder are of a kind, and the records in them."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.strictjson import decode

HEAD = 64 * 1024
"""Bytes of a file's beginning that say what it is."""
MAX_DOCUMENT = 1024**3
"""Maximum number of bytes of one JSON document: it is read into memory."""
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".geojson")
_OURS = frozenset({"detections.json", "regions.geojson", "truth.geojson", "run.json", "objects.geojson"})
"""Files of a batch or of a run that have another meaning; a table of recordings has, too, whatever its ending."""

Record = tuple[str, Any]
"""Where a JSON value stands, and the value, or a :class:`Broken` for a line that is none."""


class Broken(str):
    """The reason why a line is no JSON."""

    __slots__ = ()


def files_with(folder: Path, keys: Sequence[str], without: re.Pattern[bytes] | None = None) -> Iterator[Path]:
    """The JSON files in ``folder`` itself, by name, whose beginning has one of ``keys`` as a key.

    Those that have ``without`` in it are passed over.
    """
    wanted = tuple(f'"{key}"'.encode() for key in keys)
    for path in _candidates(folder):
        head = _head(path)
        if any(key in head for key in wanted) and not (without and without.search(head)):
            yield path


def the_one(folder: Path, keys: Sequence[str], without: re.Pattern[bytes] | None = None) -> Path | None:
    """The file of a kind, or the folder itself if there are several of them, or None."""
    found = files_with(folder, keys, without)
    first = next(found, None)
    return first if next(found, None) is None else folder


def records(path: Path, keys: Sequence[str], lists: Sequence[str]) -> Iterator[Record]:
    """The records of a file, or of all files with ``keys`` if ``path`` is a folder.

    A file is a list of records, an object with a list of them under one of ``lists``, one record, or JSON Lines.
    Raises BatchError for a file that is none of these, or too large.
    """
    for file in files_with(path, keys) if path.is_dir() else (path,):
        yield from _records(file, lists)


def load(path: Path) -> Any:
    """The one JSON document of a file. Raises BatchError if it is none, or too large."""
    try:
        return decode(_content(path))
    except ValueError as error:
        raise BatchError(f"{path}: not JSON: {error}; export it again") from error


def _candidates(folder: Path) -> list[Path]:
    try:
        paths = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in _SUFFIXES)
    except OSError:
        return []
    return [path for path in paths if not _is_ours(path.name.lower()) and path.is_file()]


def _is_ours(name: str) -> bool:
    return name in _OURS or name.startswith((".", "recordings."))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_DOCUMENT:
            raise BatchError(
                f"{path} has {size:,} bytes, more than {MAX_DOCUMENT:,}; write it as several files"
            )
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def _records(path: Path, lists: Sequence[str]) -> Iterator[Record]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _lines(path)
        return
    content = _content(path)
    try:
        document = decode(content)
    except ValueError as error:
        if not _looks_like_lines(content):
            raise BatchError(f"{path}: not JSON: {error}; export it again") from error
        yield from _lines(path)
        return
    for key in lists:
        if isinstance(document, dict) and isinstance(document.get(key), list):
            document = document[key]
    if isinstance(document, list):
        yield from (
            (f"{path.name}, record {number}", value) for number, value in enumerate(document, start=1)
        )
    else:
        yield path.name, document


def _looks_like_lines(content: bytes) -> bool:
    """Whether the first line is an object of its own: JSON Lines, whatever the file's ending says."""
    first = content.lstrip().partition(b"\n")[0].strip()
    return first.startswith(b"{") and _decoded(first)


def _decoded(line: bytes) -> bool:
    try:
        decode(line)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(_content(path).splitlines(), start=1):
        if line.strip():
            yield f"{path.name}, line {number}", _value(line)


def _value(line: bytes) -> Any:
    try:
        return decode(line)
    except ValueError as error:
        return Broken(f"not JSON: {error}")


def number(value: Any) -> float | None:
    """A finite number, or a text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def numbers(value: Any, count: int) -> list[float] | None:
    """At least ``count`` numbers of a list; None for anything else."""
    if not isinstance(value, list) or len(value) < count:
        return None
    found = [number(entry) for entry in value]
    return None if any(entry is None for entry in found) else [entry for entry in found if entry is not None]


def point(geometry: Any) -> list[float] | None:
    """Longitude, latitude and perhaps altitude of a GeoJSON Point; None for anything else."""
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return None
    return numbers(geometry.get("coordinates"), 2)
