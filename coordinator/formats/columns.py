"""What the columns of a table are, settled once for all of its rows; the same for the keys of JSON objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from coordinator.findings import Finding, Level
from coordinator.formats import values
from coordinator.formats.columnnames import METRES, PIXELS, Meaning, bare, meaning, suggestion, unit_of
from coordinator.formats.row import North
from coordinator.formats.values import Convert, Unreadable
from coordinator.strictjson import Json, readable

_SHOWN = 12
"""Columns that a finding names."""
_GUESSED = 200
"""Unknown columns whose likeness to known ones is looked at."""
_NUMBERS = (
    METRES
    | PIXELS - {"width", "height"}
    | {*("k1", "k2", "p1", "p2", "k3", "heading_accuracy", "shared_heading_accuracy", "dop")}
)
_CONVERTS: dict[str, Convert] = {
    "image": values.image,
    "north": values.north,
    **dict.fromkeys(("id", "time", "latitude ref", "longitude ref"), values.text),
    **dict.fromkeys(("width", "height"), values.whole),
    **dict.fromkeys(("heading", "pitch", "roll"), values.angle),
    **{field: values.degrees(field) for field in ("latitude", "longitude")},
}
_REFS = (("latitude", "latitude ref"), ("longitude", "longitude ref"))


class Clash(ValueError):
    """Columns that leave open what is meant; the message names them and what to do."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as it is called, and what it means: nothing that is known, if it is only carried along.

    ``weaker`` is the one that counts instead of it, if it means the same as another.
    """

    name: str
    meaning: Meaning | None = None
    weaker: str | None = None

    @property
    def field(self) -> str:
        return self.meaning.field if self.meaning else self.name


@dataclass(frozen=True)
class Columns:
    """A table's columns in their order."""

    all: tuple[Column, ...]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that the columns give."""
        return frozenset(column.field for column in self.all if column.meaning)

    @cached_property
    def north(self) -> North | None:
        """What the heading counts from, if its name says so."""
        return next(
            (column.meaning.north for column in self.all if column.meaning and column.meaning.north), None
        )

    def numbers(self) -> Iterator[int]:
        """The columns whose values may have commas, by number."""
        may = (*_NUMBERS, "heading", "pitch", "roll", "latitude", "longitude")
        return (number for number, column in enumerate(self.all) if column.meaning and column.field in may)

    def converts(self, *, decimal_comma: bool) -> tuple[tuple[str, Convert | None], ...]:
        """For every column its field, and what reads its values; None if they are taken as they are."""
        number = values.number(decimal_comma=decimal_comma)
        known = {**_CONVERTS, **dict.fromkeys(_NUMBERS, number)}
        own_camera = any(c.field == "camera" and c.meaning and c.meaning.own for c in self.all)
        known["camera"] = values.camera if own_camera else values.camera_or_device
        return tuple((column.field, known[column.field] if column.meaning else None) for column in self.all)

    @cached_property
    def needs_finish(self) -> bool:
        """Whether there is anything for :meth:`finish` to do."""
        others = {"f", "fx", "latitude ref", "longitude ref"}
        return self.north is not None or not others.isdisjoint(self.fields)

    def finish(self, row: Json) -> None:
        """Settles in a row what needs several of its columns. Raises Unreadable."""
        if self.north and "heading" in row:
            row.setdefault("north", str(self.north))
        if (focal := row.pop("f", None)) is not None:
            row.setdefault("fx", focal)
            row.setdefault("fy", focal)
        if "fx" in row:
            row.setdefault("camera", "pinhole")
        for field, ref in _REFS:
            if (letter := row.pop(ref, None)) is not None and isinstance(row.get(field), int | float):
                row[field] = values.hemisphere(row[field], letter, field)

    def findings(self, where: str, told: Container[str] = ()) -> Iterator[Finding]:
        """What is worth saying of the names, but those that are ``told`` already; one finding for each kind."""
        new = [column for column in self.all if column.name not in told]
        renamed = [column for column in new if column.meaning and column.name != column.field]
        if renamed:
            listed = _listed(f"{_quoted(column.name)} as {column.field}" for column in renamed)
            yield _finding("columns-read-as", Level.NOTE, f"{where}: columns read as: {listed}")
        aside = [column for column in new if column.weaker]
        if aside:
            listed = _listed(
                f"{_quoted(column.weaker or '')}, not {_quoted(column.name)}" for column in aside
            )
            text = f"{where}: of columns that mean the same, these count: {listed}"
            doubtful = any(not (meant and meant.weak) for meant in (meaning(column.name) for column in aside))
            yield _finding("columns-set-aside", Level.WARNING if doubtful else Level.NOTE, text)
        if unknown := [
            column.name for column in new if not (column.meaning or column.weaker or not column.name)
        ]:
            yield self._unknown(where, unknown)
        for column in new:
            if column.meaning and column.meaning.travel:
                text = (
                    f"{where}: column {_quoted(column.name)} is a direction of travel, taken as the camera's heading;"
                    " right only for cameras that look ahead"
                )
                yield _finding("course-as-heading", Level.WARNING, text)

    def _unknown(self, where: str, names: list[str]) -> Finding:
        guesses = {name: suggestion(name) for name in names[:_GUESSED]}
        near = {name: field for name, field in guesses.items() if field and field not in self.fields}
        names = sorted(names, key=lambda name: name not in near)
        listed = _listed(
            f"{_quoted(name)} (did you mean '{near[name]}'?)" if name in near else _quoted(name)
            for name in names
        )
        text = f"{where}: unknown columns: {listed}; they go along to the steps, unread"
        return _finding("unknown-columns", Level.WARNING if near else Level.NOTE, text)


def understand(names: Sequence[str]) -> Columns:
    """What columns of these names are. Raises Clash if two mean the same, or a name's unit is not the field's."""
    columns = [Column(name=bare(name), meaning=meaning(name)) for name in names]
    _refuse_twins(columns)
    columns = list(_settled(_in_company(columns)))
    for column in columns:
        if column.meaning and column.meaning.unit:
            need = unit_of(column.field)
            raise Clash(
                f"column {_quoted(column.name)} is in {column.meaning.unit}, and {column.field} is in {need}: "
                f"convert it, and name it '{column.field}'"
            )
    found = Columns(tuple(columns))
    if "height" in found.fields and "width" not in found.fields:
        name = next(column.name for column in columns if column.meaning and column.field == "height")
        raise Clash(
            f"column {_quoted(name)} is the image's height in pixels, and there is no column 'width' beside it: "
            "name it 'z' or 'altitude' if it holds metres"
        )
    return found


def unreadable(columns: Columns, field: str | None, error: Unreadable) -> str:
    """Why a row could not be read, with the field, if it is one's fault, and the column, if it is called otherwise."""
    if field is None:
        return readable(str(error))
    name = next((column.name for column in columns.all if column.meaning and column.field == field), field)
    return readable(f"{field}: {error}" if name == field else f"{field} (column {_quoted(name)}): {error}")


def _refuse_twins(columns: Iterable[Column]) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.name and column.name in seen:
            raise Clash(f"two columns are called {_quoted(column.name)}: remove one or give it another name")
        seen.add(column.name)


def _in_company(columns: list[Column]) -> list[Column]:
    """The columns with what their short names mean beside the others, or nothing, if those are not there.

    ``north`` is a northing beside an easting without another y; ``e`` and ``n`` are a pair, and ``f`` is a focal
    length beside the principal point.
    """
    fields = {column.field for column in columns if column.meaning}
    called = {column.name.lower() for column in columns}
    alone = {
        "e": not called & {"n", "north"},
        "n": not called & {"e", "east"},
        "f": not {"cx", "cy"} <= fields,
    }
    northing = "x" in fields and "y" not in fields

    def settled(column: Column) -> Column:
        if alone.get(column.name.lower(), False):
            return replace(column, meaning=None)
        if northing and column.meaning and column.field == "north" and column.meaning.own:
            return replace(column, meaning=Meaning(field="y"))
        return column

    return [settled(column) for column in columns]


def _settled(columns: list[Column]) -> Iterator[Column]:
    """The columns, of those that mean the same the one that counts. Raises Clash if none of them does."""
    rivals: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        if column.meaning:
            rivals[column.meaning.field].append(column)
    counts = {field: _chosen(field, same) for field, same in rivals.items()}
    for column in columns:
        if column.meaning is None or (chosen := counts[column.meaning.field]) is column:
            yield column
        else:
            yield Column(name=column.name, weaker=chosen.name)


def _chosen(field: str, same: list[Column]) -> Column:
    for likes in (
        [column for column in same if column.meaning and column.meaning.own and not column.meaning.north],
        [column for column in same if column.meaning and not column.meaning.weak],
        same,
    ):
        norths = [column for column in likes if column.meaning and column.meaning.north is North.TRUE]
        likes = norths if len(norths) == 1 else likes
        if len(likes) == 1:
            return likes[0]
        if likes:
            raise Clash(
                f"columns {_quoted(likes[0].name)} and {_quoted(likes[1].name)} both mean {field}: "
                f"keep one, or name the one that counts '{field}'"
                if likes[0].name != field and likes[1].name != field
                else f"columns {_quoted(likes[0].name)} and {_quoted(likes[1].name)} both are {field}: keep one"
            )
    raise AssertionError("a field has a column")


def _quoted(name: str) -> str:
    return f"'{readable(name)}'"


def _listed(parts: Iterable[str]) -> str:
    given = list(parts)
    more = len(given) - _SHOWN
    return ", ".join(given[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _finding(kind: str, level: Level, text: str) -> Finding:
    return Finding(kind=kind, level=level, text=text)
