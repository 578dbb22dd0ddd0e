"""Decisions in files: the review.csv that a reader saves, be it from a spreadsheet, and what a run folder keeps."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coordinator.errors import UsageError
from coordinator.formats import values
from coordinator.formats.values import Convert, Unreadable
from coordinator.record.disk import write_text
from coordinator.record.review import KEPT, Decision, Verdict
from coordinator.record.sheet import Sheet, SheetRow, read_sheet
from coordinator.record.texts import in_table, out_of_table
from coordinator.strictjson import readable

_COLUMNS = ("id", "decision", "category", "longitude", "latitude", "note", "time", "was", "z")
_NEEDED = _COLUMNS[:2] + _COLUMNS[3:5]
_SPOILT = "if a spreadsheet has taken it for something else, copy it from the run's objects.csv"


def read_review(path: Path) -> list[Decision]:
    """The decisions of a review.csv, row by row. Raises UsageError that names line and column."""
    sheet = read_sheet(path, _COLUMNS, _NEEDED)
    number = values.number(decimal_comma=_has_decimal_commas(sheet))
    return [_Row(f"{path}, line {row.line}", row, number).decision() for row in sheet.rows]


def _has_decimal_commas(sheet: Sheet) -> bool:
    """Whether ``2,345`` is two and a bit: where the cells are parted by semicolons, or a direction has a comma."""
    directions = (row.cells.get(name, "") for row in sheet.rows for name in ("longitude", "latitude"))
    return sheet.separator == ";" or any(
        values.comma_evidence(value, direction=True) is True for value in directions
    )


@dataclass(frozen=True)
class _Row:
    """A row of a review.csv and where it stands; ``number`` reads its numbers."""

    where: str
    row: SheetRow
    number: Convert

    def decision(self) -> Decision:
        verdict = self._verdict()
        category = self._text("category")
        if verdict is Verdict.RECLASS and not category.strip():
            raise self._wrong("category", "empty, and 'reclass' needs the category that it really is")
        return Decision(
            id=self._filled("id"),
            verdict=verdict,
            longitude=self._degrees("longitude", 180.0),
            latitude=self._degrees("latitude", 90.0),
            category=category.strip() if verdict is Verdict.RECLASS else None,
            note=self._text("note"),
            time=self._text("time"),
            was=self._text("was") or (None if verdict is Verdict.RECLASS else category) or None,
            z=self._read("z", self.number),
        )

    def _text(self, name: str) -> str:
        return out_of_table(self.row.cells.get(name, ""))

    def _filled(self, name: str) -> str:
        if text := self._text(name):
            return text
        raise self._wrong(name, "empty")

    def _verdict(self) -> Verdict:
        said = self._text("decision").strip()
        try:
            return Verdict(said.lower())
        except ValueError:
            told = f"{readable(said)!r} is none of" if said else "empty; it is one of"
            raise self._wrong("decision", f"{told} {', '.join(Verdict)}") from None

    def _read(self, name: str, convert: Convert) -> float | None:
        """A number; None if the cell is empty."""
        said = self.row.cells.get(name, "").strip()
        if not said:
            return None
        try:
            value = convert(said)
        except Unreadable as error:
            raise self._wrong(name, readable(str(error))) from error
        if not isinstance(value, float) or not math.isfinite(value):
            raise self._wrong(name, f"{readable(said)!r} is no number; {_SPOILT}")
        return value

    def _degrees(self, name: str, most: float) -> float:
        value = self._read(name, values.angle)
        if value is None:
            raise self._wrong(name, "empty")
        if abs(value) > most:
            raise self._wrong(name, f"{value:g} is beyond {most:g} degrees; {_SPOILT}")
        return value

    def _wrong(self, column: str, why: str) -> UsageError:
        return UsageError(f"{self.where}, column {column!r}: {why}")


def read_kept(folder: Path) -> list[Decision]:
    """The decisions that a run folder keeps. Raises UsageError if they were damaged."""
    path = folder / KEPT
    return read_review(path) if path.exists() else []


def keep(folder: Path, decisions: Sequence[Decision]) -> None:
    """Keeps these decisions in a run folder, and no others. Raises OSError."""
    write_text(folder / KEPT, review_text(decisions))


def review_text(decisions: Iterable[Decision]) -> str:
    """Decisions as a table that can be opened in a spreadsheet, and is read back as it was."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for decision in decisions:
        cells = {**asdict(decision), "decision": str(decision.verdict)}
        writer.writerow({name: in_table(value) for name, value in cells.items()})
    return text.getvalue()
