"""A receiver's track in GPX, and where it was at a time.

Format: https://www.topografix.com/GPX/1/1. Only track points with a time are used. Between two of them the way is taken
as straight and even; where they lie too far apart in time, nothing is said of what was between them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from coordinator.findings import Level, Tell
from coordinator.formats.gpxfile import Point, read_points
from coordinator.formats.tally import Tally

NAME = "gpx"
MAX_GAP = 30.0
"""Seconds between two points of a segment beyond which no place is given between them, unless it stood still."""
STANDING = 10.0
"""Metres between two points up to which the receiver is taken to have stood still, however long."""
_CHORD = 3.0
"""Metres that tell a direction: positions of less are mostly noise."""
_CHORD_SECONDS = 10.0
"""Seconds before and after within which such a way is looked for."""
_DEGREE = 111_320.0
"""Metres of a degree of latitude, near enough to tell directions and speeds."""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """Where the receiver was; degrees of WGS84, metres, metres a second.

    ``heading_of_travel`` is the direction in which it moved, clockwise from true north; None if it stood. ``gap`` is
    the time in seconds between the two points that were used, 0 at a point itself. ``way`` is the length in metres of
    that by which the direction is told, ``dop`` the dilution of precision, horizontal or, if only that is told, of all.
    """

    longitude: float
    latitude: float
    altitude: float | None
    heading_of_travel: float | None
    speed: float
    gap: float
    way: float | None = None
    dop: float | None = None


@dataclass(frozen=True)
class Track:
    """Segments of points in order of time, themselves in order of their first; ``ends`` is the latest end so far."""

    segments: tuple[Sequence[Point], ...]
    starts: Sequence[float]
    ends: Sequence[float]

    @classmethod
    def of(cls, segments: Iterable[Sequence[Point]]) -> Track:
        """From segments in any order, each in order of time."""
        ordered = tuple(
            sorted((segment for segment in segments if segment), key=lambda segment: segment[0].seconds)
        )
        ends = accumulate((segment[-1].seconds for segment in ordered), max)
        return cls(ordered, [segment[0].seconds for segment in ordered], list(ends))

    @property
    def span(self) -> tuple[float, float] | None:
        """The first and the last point's time, in seconds since 1970; None for a track without points."""
        return (self.starts[0], self.ends[-1]) if self.segments else None

    def at(self, seconds: float) -> Fix | None:
        """Where the receiver was at a time in seconds since 1970; None before, after and in gaps of the track."""
        number = bisect_right(self.starts, seconds) - 1
        while number >= 0 and self.ends[number] >= seconds:
            fix = _within(self.segments[number], seconds)
            if fix:
                return fix
            number -= 1
        return None


def find(folder: Path) -> list[Path]:
    """The GPX files in ``folder``, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".gpx" and path.is_file())


def read_track(paths: Iterable[Path], tell: Tell) -> Track:
    """The track of all these files together. Raises BatchError for a file that is no GPX."""
    tally = Tally()
    segments = []
    for path in paths:
        found = [_ordered(segment, name, tally) for name, segment in read_points(path, tally) if segment]
        segments.extend(found)
        if not found:
            tally.add("gpx-empty", path.name)
    for kind, level, text in _TOLD:
        tally.tell(tell, kind, level, text)
    return Track.of(segments)


_TOLD = (
    ("gpx-empty", Level.WARNING, "{count} GPX files hold no track point with a time and a position: {names}"),
    (
        "gpx-no-time",
        Level.WARNING,
        "{count} track points have no time, or no position, and are not used: {names}; a photograph is placed by "
        "its time: export the track with times",
    ),
    (
        "gpx-no-zone",
        Level.WARNING,
        "{count} times of track points name no zone and are taken as UTC: {names}; if photographs land beside the "
        "track, use --time-offset",
    ),
    (
        "gpx-out-of-order",
        Level.NOTE,
        "{count} segments are not in order of time and were put into it: {names}",
    ),
    (
        "gpx-not-track",
        Level.NOTE,
        "{count} waypoints and points of routes are not read: {names}; only tracks are",
    ),
)


def _ordered(segment: list[Point], name: str, tally: Tally) -> list[Point]:
    """In order of time, each time once."""
    if any(one.seconds >= other.seconds for one, other in pairwise(segment)):
        if any(one.seconds > other.seconds for one, other in pairwise(segment)):
            tally.add("gpx-out-of-order", name)
        segment = list(
            {point.seconds: point for point in sorted(segment, key=lambda point: point.seconds)}.values()
        )
    return segment


def _within(segment: Sequence[Point], seconds: float) -> Fix | None:
    """The fix in one segment, which has begun at that time; None after its end and in a gap."""
    after = bisect_right(segment, seconds, key=lambda point: point.seconds)
    before = after - 1
    one = segment[before]
    if one.seconds == seconds:
        return _fix(segment, before, max(0, min(before, len(segment) - 2)), 0.0)
    if after == len(segment):
        return None
    other = segment[after]
    gap = other.seconds - one.seconds
    if gap > MAX_GAP and math.hypot(*_way(one, other)) > STANDING:
        return None
    return _fix(segment, before, before, (seconds - one.seconds) / gap)


def _fix(segment: Sequence[Point], number: int, pair: int, share: float) -> Fix:
    """At ``share`` of the way from a point to the next; ``pair`` is the first of the two that tell the speed."""
    one = segment[number]
    other = segment[number + 1] if share else one
    altitude = one.altitude
    if altitude is not None and other.altitude is not None:
        altitude += share * (other.altitude - altitude)
    turned = (other.longitude - one.longitude + 180.0) % 360.0 - 180.0
    ends = segment[pair : pair + 2]
    direction = _direction(segment, number, min(number + 1, len(segment) - 1))
    dops = [point.dop for point in (one, other) if point.dop is not None]
    pace = math.hypot(*_way(*ends)) / (ends[1].seconds - ends[0].seconds) if len(ends) == 2 else 0.0
    return Fix(
        longitude=(one.longitude + share * turned + 180.0) % 360.0 - 180.0,
        latitude=one.latitude + share * (other.latitude - one.latitude),
        altitude=altitude if other.altitude is not None else None,
        heading_of_travel=direction[0] if direction else None,
        speed=pace,
        gap=other.seconds - one.seconds,
        way=direction[1] if direction else None,
        dop=max(dops, default=None),
    )


def _direction(segment: Sequence[Point], first: int, last: int) -> tuple[float, float] | None:
    """The direction of travel between two points, or from before to after them if they lie too close together.

    The second is the length in metres of the way that tells it.
    """
    start, end = segment[first].seconds - _CHORD_SECONDS, segment[last].seconds + _CHORD_SECONDS
    while True:
        east, north = _way(segment[first], segment[last])
        if (length := math.hypot(east, north)) >= _CHORD:
            return math.degrees(math.atan2(east, north)) % 360.0, length
        wider = first > 0 and segment[first - 1].seconds >= start
        longer = last + 1 < len(segment) and segment[last + 1].seconds <= end
        if not wider and not longer:
            return None
        first, last = first - wider, last + longer


def _way(one: Point, other: Point) -> tuple[float, float]:
    """Metres to the east and to the north between two points near each other."""
    east = (other.longitude - one.longitude + 180.0) % 360.0 - 180.0
    level = math.cos(math.radians((one.latitude + other.latitude) / 2))
    return east * _DEGREE * level, (other.latitude - one.latitude) * _DEGREE
