"""The batch's GPX track: where photographs without a position were taken, by their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from coordinator.findings import Finding, Level
from coordinator.formats import gpx
from coordinator.formats.gpx import Fix, Track

_QUARTER = 900.0
"""Seconds to which a clock of another zone is off: some zones lie by quarters of an hour."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """The track, and how the clock of the camera goes with it: ``offset`` is added to its seconds."""

    track: Track
    offset: float
    told: tuple[Finding, ...]
    """What the reader of the files noticed."""
    _missed: list[float] = field(default_factory=list)
    """The first and the last time for which the track has no place."""

    def fix(self, taken: float) -> Fix | None:
        """Where the receiver was at ``taken`` by the camera's clock, in seconds since 1970; a miss is kept in mind."""
        seconds = taken + self.offset
        found = self.track.at(seconds)
        if found is None:
            known = [*self._missed, seconds]
            self._missed[:] = [min(known), max(known)]
        return found

    def findings(self) -> Iterator[Finding]:
        """What the reader noticed; and if photographs were taken at other times than the track covers, by how much."""
        yield from self.told
        span = self.track.span
        if not self._missed or span is None:
            return
        first, last = self._missed
        text = (
            f"the GPX track covers {_clock(span[0])} to {_clock(span[1])}, photographs that it has no place for were "
            f"taken from {_clock(first)} to {_clock(last)} (UTC, with --time-offset {self.offset:g}){self._advice()}"
        )
        yield Finding(kind="track-times", level=Level.WARNING, text=text)

    def _advice(self) -> str:
        """The whole quarters of an hour, if there are any, by which the times would fit."""
        assert self.track.span is not None
        (start, end), (first, last) = self.track.span, self._missed
        middle = ((start + end) - (first + last)) / 2.0
        off = round(middle / _QUARTER) * _QUARTER
        fits = start - _QUARTER / 2 <= first + off and last + off <= end + _QUARTER / 2
        if not off or not fits:
            return "; name the difference of the clocks with --time-offset"
        return f"; is the camera's clock in another zone? Then it is --time-offset {self.offset + off:g}"


def read_times(folder: Path, offset: float) -> Times | None:
    """The track of all GPX files in ``folder`` itself; None without one. Raises BatchError for a file that is none."""
    paths = gpx.find(folder)
    if not paths:
        return None
    told: list[Finding] = []
    return Times(track=gpx.read_track(paths, told.append), offset=offset, told=tuple(told))


def track_files(folder: Path) -> list[Path]:
    """The GPX files in ``folder``, by name."""
    return gpx.find(folder)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
