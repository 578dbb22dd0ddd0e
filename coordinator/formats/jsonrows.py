"""A table of JSON objects: one a line, in an array, or the features of a GeoJSON collection."""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.columnnames import ACCURACIES
from coordinator.formats.columns import Clash, Columns, understand, unreadable
from coordinator.formats.dialect import encoding_by_mark, lines
from coordinator.formats.row import Entry
from coordinator.formats.values import Convert, Unreadable
from coordinator.strictjson import Json, decode

MAX_DOCUMENT = 64 * 1024**2
"""Bytes of a JSON document, which is held in memory as a whole; JSON Lines may be of any size."""
_NESTED = ("pose", "position", "location", "properties", "coordinates", "gps")
"""Keys whose objects hold fields of the recording."""
_HOLDERS = frozenset({*_NESTED, "geometry", "accuracy"})
_MAX_KEYS = 500
"""Different sets of keys that are remembered, and told of."""
_WGS84 = ("CRS84", "4326")

Converts = tuple[tuple[str, Convert | None], ...]


def json_lines(table: Path, tell: Tell) -> Iterator[Entry]:
    """The objects of JSON Lines. Lines that hold none are bad rows."""
    reader = _Reader(table.name, tell)
    for number, line in enumerate(_lines(table), start=1):
        if not line.strip():
            continue
        try:
            value = decode(line)
        except ValueError as error:
            yield f"{table.name}, row {number}", f"not JSON: {error}"
            continue
        yield f"{table.name}, row {number}", reader.fields(value)


def json_document(table: Path, tell: Tell) -> Iterator[Entry]:
    """The objects of an array, or a GeoJSON FeatureCollection; of lines, if the file has more than one document.

    Raises BatchError for a document that is none of these, or larger than MAX_DOCUMENT.
    """
    if table.stat().st_size > MAX_DOCUMENT:
        raise BatchError(
            f"{table}: it is larger than {MAX_DOCUMENT:,} bytes; "
            "write it as JSON Lines: recordings.jsonl, an object a line"
        )
    try:
        document = decode(_document(table))
    except ValueError as error:
        if isinstance(error, JSONDecodeError) and error.msg == "Extra data":
            yield from json_lines(table, tell)
            return
        raise BatchError(f"{table}: not JSON: {error}") from error
    reader = _Reader(table.name, tell)
    for number, value in enumerate(_objects(table, document), start=1):
        yield f"{table.name}, row {number}", reader.fields(value)


class _Reader:
    """Takes objects one after the other, and tells of their keys when it first sees them."""

    def __init__(self, where: str, tell: Tell) -> None:
        self._where = where
        self._tell = tell
        self._known: dict[tuple[str, ...], tuple[Columns, Converts] | str] = {}
        self._told: set[str] = set()

    def fields(self, value: Any) -> Json | str:
        """An object's fields, or why there are none."""
        if not isinstance(value, dict):
            return "not a JSON object"
        try:
            flat = _flat(value)
            return self._converted(flat)
        except Unreadable as error:
            return str(error)

    def _converted(self, flat: Json) -> Json | str:
        keys = tuple(flat)
        settled = self._known.get(keys)
        if settled is None:
            settled = self._settled(keys)
        if isinstance(settled, str):
            return settled
        columns, converts = settled
        fields: Json = {}
        field = None
        try:
            for value, (field, convert) in zip(flat.values(), converts, strict=True):
                if convert is None:
                    fields[field] = value
                elif (
                    typed := convert(value) if isinstance(value, str) and value else _typed(field, value)
                ) is not None:
                    fields[field] = typed
            field = None
            if columns.needs_finish:
                columns.finish(fields)
        except Unreadable as error:
            return unreadable(columns, field, error)
        return fields

    def _settled(self, keys: tuple[str, ...]) -> tuple[Columns, Converts] | str:
        settled: tuple[Columns, Converts] | str
        try:
            columns = understand(keys)
        except Clash as clash:
            settled = str(clash)
        else:
            settled = columns, columns.converts(decimal_comma=False)
            self._tell_of(columns)
        if len(self._known) < _MAX_KEYS:
            self._known[keys] = settled
        return settled

    def _tell_of(self, columns: Columns) -> None:
        if len(self._told) < _MAX_KEYS:
            for finding in columns.findings(self._where, self._told):
                self._tell(finding)
            self._told.update(column.name for column in columns.all)


def _typed(field: str, value: Any) -> Any:
    """The value of a known field that is no text: as it is, but for numbers that are ids; None for an empty one."""
    if field == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else value


def _flat(value: Json) -> Json:
    """An object with the fields of the objects in it that hold a recording's.

    Raises Unreadable if one is there twice.
    """
    if _HOLDERS.isdisjoint(value):  # nearly all: it is asked for every row
        return value
    if value.get("type") == "Feature":
        own = value.get("properties")
        without = ("type", "bbox", "id") if isinstance(own, dict) and "id" in own else ("type", "bbox")
        value = {key: inner for key, inner in value.items() if key not in without}
    if isinstance(value.get("accuracy"), dict):
        accuracy = {ACCURACIES.get(key, key): known for key, known in value["accuracy"].items()}
        value = {**{key: inner for key, inner in value.items() if key != "accuracy"}, **accuracy}
    nested = [key for key in _NESTED if isinstance(value.get(key), dict)]
    point = value.get("geometry")
    has_point = isinstance(point, dict) and point.get("type") == "Point"
    if not nested and not has_point:
        return value
    flat = {key: inner for key, inner in value.items() if key not in nested}
    if isinstance(point, dict) and has_point:
        flat = {**{key: inner for key, inner in flat.items() if key != "geometry"}, **_place(point)}
    for key in nested:
        inner = _flat(value[key])
        if twice := next((name for name in inner if name in flat and flat[name] != inner[name]), None):
            raise Unreadable(f"{twice!r} is there twice, once in {key!r}: keep one")
        flat.update(inner)
    return flat


def _place(point: Json) -> Json:
    """Longitude, latitude and altitude of a GeoJSON point."""
    coordinates = point.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) not in (2, 3):
        raise Unreadable("geometry: a Point has two or three coordinates: longitude, latitude, altitude")
    return dict(zip(("longitude", "latitude", "altitude"), coordinates, strict=False))


def _objects(table: Path, document: Any) -> list[Any]:
    features = document.get("features") if isinstance(document, dict) else None
    if isinstance(features, list):
        crs = str(document.get("crs") or _WGS84[0])
        if not any(name in crs for name in _WGS84):
            raise BatchError(f"{table}: its coordinates are not in WGS84, but {crs}; write it in EPSG:4326")
        return features
    if isinstance(document, list):
        return document
    raise BatchError(f"{table}: neither an array of objects nor a GeoJSON FeatureCollection")


def _document(table: Path) -> bytes:
    """A JSON file in UTF-8, whichever Unicode it is in."""
    name = encoding_by_mark(table)
    return table.read_bytes() if name is None else table.read_text(encoding=name).encode()


def _lines(table: Path) -> Iterator[bytes]:
    """A JSON file's lines in UTF-8, whichever Unicode it is in."""
    name = encoding_by_mark(table)
    if name is None:
        with table.open("rb") as file:
            yield from lines(table, file)
    else:
        with table.open(encoding=name) as text:
            yield from (line.encode() for line in lines(table, text))
