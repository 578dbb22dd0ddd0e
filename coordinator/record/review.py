"""A reader's decisions on objects: accepted, rejected, re-classed. Read from review.csv, kept in the run folder.

A decision belongs to a thing in the street, not to a number: it stays with the object that has its id and, where no
such object is near, with the nearest one of the category that it was about, one to one. So it lasts when the run is
made anew, and positions move a little.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

from coordinator.errors import UsageError
from coordinator.record.disk import write_text
from coordinator.strictjson import Json, readable

KEPT = "decisions.csv"
"""Every decision that counts, in the run folder."""
REACH = 3.0
"""Metres, on the ground and in height, by which an object may have moved and still be the one that was decided of."""
_COLUMNS = ("id", "decision", "category", "longitude", "latitude", "note", "time", "was", "z")
_NEEDED = _COLUMNS[:2] + _COLUMNS[3:5]
_DEGREE = 111_195.0
"""Metres along a meridian."""


class Verdict(StrEnum):
    """What a reader says of an object."""

    ACCEPT = "accept"
    REJECT = "reject"
    RECLASS = "reclass"
    UNDO = "undo"
    """Nothing any more: an earlier decision is taken back."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision, with the place of its object in degrees. ``category`` is the new one of what is re-classed.

    ``was`` is what the run said then, and ``z`` its height in metres, where they were noted.
    """

    id: str
    verdict: Verdict
    longitude: float
    latitude: float
    category: str | None = None
    note: str = ""
    time: str = ""
    was: str | None = None
    z: float | None = None

    def as_json(self) -> Json:
        return {
            "decision": str(self.verdict),
            "category": self.category,
            "note": self.note,
            "time": self.time,
        }


@dataclass(frozen=True, kw_only=True)
class Known:
    """An object that may be decided of: its place in degrees, and what the run says that it is."""

    id: str
    longitude: float
    latitude: float
    z: float | None
    category: str | None


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Decisions by the id of the object that they belong to now; ``lost`` are those that belong to none."""

    by_object: Mapping[str, Decision]
    lost: tuple[Decision, ...]


def read_review(path: Path) -> list[Decision]:
    """The decisions of a review.csv, row by row. Raises UsageError that names line and column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8 at byte {error.start}"
        raise UsageError(f"{path} cannot be read: {reason}") from error
    return list(_decisions(path, text))


def _decisions(path: Path, text: str) -> Iterator[Decision]:
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True, restkey="\0")
    try:
        _check_head(path, rows.fieldnames or ())
        for row in rows:
            yield _Row(f"{path}, line {rows.line_num}", row).decision()
    except csv.Error as error:
        raise UsageError(f"{path}, line {rows.reader.line_num}: {error}") from error


def _check_head(path: Path, names: Sequence[str]) -> None:
    if missing := [name for name in _NEEDED if name not in names]:
        raise UsageError(f"{path}, line 1: no column {', '.join(map(repr, missing))}; is it a review.csv?")
    if twice := [name for name in _COLUMNS if list(names).count(name) > 1]:
        raise UsageError(f"{path}, line 1: two columns {', '.join(map(repr, twice))}; take out one of each")


@dataclass(frozen=True)
class _Row:
    """A row of a review.csv and where it stands."""

    where: str
    cells: Mapping[str, str | None]

    def decision(self) -> Decision:
        if "\0" in self.cells:
            raise UsageError(f"{self.where}: more cells than columns; are quotes missing?")
        verdict = self._verdict()
        category = self._text("category")
        if verdict is Verdict.RECLASS and not category:
            raise self._wrong("category", "empty, and 'reclass' needs the category that it really is")
        accepted = category if verdict is Verdict.ACCEPT else None
        return Decision(
            id=self._text("id") or self._empty("id"),
            verdict=verdict,
            longitude=self._degrees("longitude", 180.0),
            latitude=self._degrees("latitude", 90.0),
            category=category if verdict is Verdict.RECLASS else None,
            note=self._text("note"),
            time=self._text("time"),
            was=self._text("was") or accepted or None,
            z=self._number("z") if self._text("z") else None,
        )

    def _text(self, name: str) -> str:
        return (self.cells.get(name) or "").strip()

    def _verdict(self) -> Verdict:
        said = self._text("decision")
        try:
            return Verdict(said)
        except ValueError:
            allowed = ", ".join(Verdict)
            raise self._wrong("decision", f"{readable(said)!r} is none of {allowed}") from None

    def _number(self, name: str) -> float:
        said = self._text(name)
        try:
            value = float(said)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._wrong(name, f"{readable(said)!r} is no number")
        return value

    def _degrees(self, name: str, most: float) -> float:
        value = self._number(name)
        if abs(value) > most:
            raise self._wrong(name, f"{value:g} is beyond {most:g} degrees")
        return value

    def _empty(self, name: str) -> str:
        raise self._wrong(name, "empty")

    def _wrong(self, column: str, why: str) -> UsageError:
        return UsageError(f"{self.where}, column {column!r}: {why}")


def read_kept(folder: Path) -> list[Decision]:
    """The decisions that a run folder keeps. Raises UsageError if they were damaged."""
    path = folder / KEPT
    return read_review(path) if path.exists() else []


def keep(folder: Path, decisions: Sequence[Decision]) -> None:
    """Keeps these decisions in a run folder, and no others. Raises OSError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for decision in decisions:
        writer.writerow({**asdict(decision), "decision": str(decision.verdict)})
    write_text(folder / KEPT, text.getvalue())


def matched(decisions: Sequence[Decision], objects: Sequence[Known], reach: float = REACH) -> Matched:
    """Which object each decision belongs to: the one of its id, else the nearest that may be meant, one to one."""
    near = _Near(objects, reach)
    pairs = sorted(
        (objects[place].id != decision.id, distance, number, place)
        for number, decision in enumerate(decisions)
        for place, distance in near.to(decision)
        if decision.was in (None, objects[place].category)
    )
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, number, place in pairs:
        if number not in found and place not in taken:
            found[number] = place
            taken.add(place)
    return Matched(
        by_object={objects[place].id: decisions[number] for number, place in found.items()},
        lost=tuple(decision for number, decision in enumerate(decisions) if number not in found),
    )


class _Near:
    """Objects by the cell of a grid that they lie in, so that those near a place are found among few."""

    def __init__(self, objects: Sequence[Known], reach: float) -> None:
        self._objects, self._reach = objects, reach
        self._shrink = math.cos(math.radians(objects[0].latitude)) if objects else 1.0
        self._cells: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, one in enumerate(objects):
            self._cells[self._cell(one)].append(place)

    def _metres(self, one: Known | Decision) -> tuple[float, float]:
        return one.longitude * self._shrink * _DEGREE, one.latitude * _DEGREE

    def _cell(self, one: Known | Decision) -> tuple[int, int]:
        x, y = self._metres(one)
        return math.floor(x / self._reach), math.floor(y / self._reach)

    def to(self, decision: Decision) -> Iterator[tuple[int, float]]:
        """The objects within reach, and how far they are, in metres."""
        column, row = self._cell(decision)
        for cell in product(range(column - 1, column + 2), range(row - 1, row + 2)):
            for place in self._cells.get(cell, ()):
                one = self._objects[place]
                ground = math.dist(self._metres(one), self._metres(decision))
                rise = abs(one.z - decision.z) if one.z is not None and decision.z is not None else 0.0
                if ground <= self._reach and rise <= self._reach:
                    yield place, math.hypot(ground, rise)
