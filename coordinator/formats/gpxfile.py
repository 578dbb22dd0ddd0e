"""The points of a GPX file, read as it streams by. A document type, by which XML can grow without end, is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from coordinator.errors import BatchError
from coordinator.formats.tally import Tally
from coordinator.plainfile import open_file

_CHUNK = 1 << 20
_MAX_TEXT = 200
"""Maximum number of characters of a time or a height: the rest is not of interest."""


@dataclass(frozen=True, slots=True)
class Point:
    """A track point: seconds since 1970, degrees of WGS84, metres; the dilution of precision, if it is told."""

    seconds: float
    longitude: float
    latitude: float
    altitude: float | None
    dop: float | None = None


def read_points(path: Path, tally: Tally) -> Iterator[tuple[str, list[Point]]]:
    """The file's track segments, each with a name for it. Raises BatchError for a file that is no GPX."""
    reader = _Reader(path.name, tally)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        with open_file(path) as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error
    except (expat.ExpatError, ValueError) as error:
        raise BatchError(f"{path}: no GPX: {error}; export the track again") from error
    yield from reader.segments


def _refuse(*_: object) -> NoReturn:
    raise ValueError("it declares a document type, which no GPX file needs")


@dataclass
class _Reader:
    """What lies open while the file streams by; names of elements without their prefix."""

    name: str
    tally: Tally
    segments: list[tuple[str, list[Point]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    place: dict[str, str] | None = None
    said: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if not self.open and local != "gpx":
            raise ValueError(f"its outermost element is {local[:40]!r}")
        self.open.append(local)
        if local == "trkseg":
            self.segments.append((f"{self.name}, segment {len(self.segments) + 1}", []))
        elif local == "trkpt":
            self.place, self.said = attributes, {}
        elif local in ("wpt", "rtept"):
            self.tally.add("gpx-not-track", self.name)

    def text(self, text: str) -> None:
        if (
            self.place is not None
            and self.open[-2] == "trkpt"
            and len(self.said.get(self.open[-1], "")) < _MAX_TEXT
        ):
            self.said[self.open[-1]] = self.said.get(self.open[-1], "") + text

    def end(self, _: str) -> None:
        if self.open.pop() != "trkpt" or self.place is None:
            return
        if not self.segments:
            raise ValueError("a track point lies outside of all segments")
        point = self._point(self.place)
        self.place = None
        label, points = self.segments[-1]
        if point is None:
            self.tally.add("gpx-no-time", label)
        else:
            points.append(point)

    def _point(self, place: dict[str, str]) -> Point | None:
        longitude, latitude = _number(place.get("lon")), _number(place.get("lat"))
        seconds = self._seconds(self.said.get("time", "").strip())
        if longitude is None or latitude is None or seconds is None:
            return None
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90) or (longitude, latitude) == (0, 0):
            return None
        dop = _number(self.said.get("hdop")) or _number(self.said.get("pdop"))
        return Point(seconds, longitude, latitude, _number(self.said.get("ele")), dop)

    def _seconds(self, text: str) -> float | None:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
        if time.tzinfo is None:
            self.tally.add("gpx-no-zone", self.segments[-1][0])
            time = time.replace(tzinfo=UTC)
        return time.timestamp()


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
