"""When a photograph was taken, in seconds since 1970 (UTC), from the tags and texts that say so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from coordinator.formats import exiftags
from coordinator.formats.exifgps import parts
from coordinator.formats.exiftags import DATE_STAMP, TIME_STAMP, Ifd, Tags, text

_ORIGINAL = (exiftags.TIME_ORIGINAL, exiftags.OFFSET_ORIGINAL, exiftags.PART_ORIGINAL)
_DIGITIZED = (exiftags.TIME_DIGITIZED, exiftags.OFFSET_DIGITIZED, exiftags.PART_DIGITIZED)
_QUARTER = 900.0
"""Seconds of which every zone is a multiple."""
_MOMENT = re.compile(
    r"(\d{4})[:_-](\d\d)[:_-](\d\d)[T _](\d\d)[:_](\d\d)(?:[:_](\d\d)(?:[._,](\d{1,9}))?)?\d*"
    r"\s*(Z|[+-]\d\d:?\d\d)?$",
    re.IGNORECASE,
)
"""EXIF's, ISO 8601's and Mapillary's ways to write a moment."""
_DATE = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)$")
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds since 1970; without a known zone the clock's reading is taken for UTC."""

    seconds: float
    zone_known: bool


def taken(tags: Tags) -> Taken | None:
    """The moment that EXIF tells.

    The receiver's time (UTC) is before the clock's, as in mapillary_tools; where both agree but for the zone, the
    clock's has the parts of a second.
    """
    clock = _clock(tags.photo, *_ORIGINAL) or _clock(tags.photo, *_DIGITIZED)
    received = _received(tags.gps) if DATE_STAMP in tags.gps else None
    if received is None:
        return clock
    if clock is None:
        return Taken(received, True)
    apart = clock.seconds - received
    if clock.zone_known:
        return clock if 0 <= apart < 1 else Taken(received, True)
    zone = _QUARTER * (apart // _QUARTER)
    return Taken(clock.seconds - zone, True) if 0 <= apart - zone < 1 else Taken(received, True)


def changed(tags: Tags) -> Taken | None:
    """The moment when the file was last changed, by its tags: for want of another."""
    return _clock({**tags.photo, **tags.image}, exiftags.DATE_TIME, exiftags.OFFSET, exiftags.PART)


def moment(value: Any, *, is_utc: bool = False) -> Taken | None:
    """A moment from text with or without a zone; None if it is none, as what cameras without a clock write."""
    found = _MOMENT.match(text(value))
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    zone = _zone(found[8] or ("Z" if is_utc else ""))
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=zone or UTC)
    except ValueError:
        return None
    return Taken(at.timestamp() + float(f"0.{found[7] or 0}"), zone is not None)


def _clock(tags: Ifd, time: int, offset: int, part: int) -> Taken | None:
    """EXIF's date and time, with its offset from UTC and the digits behind the second, where they are told."""
    found = moment(tags[time]) if time in tags else None
    if found is None:
        return None
    digits = text(tags.get(part))
    seconds = found.seconds + (float(f"0.{digits}") if digits.isascii() and digits.isdigit() else 0.0)
    zone = _zone(text(tags.get(offset)))
    if found.zone_known or zone is None:
        return Taken(seconds, found.zone_known)
    return Taken(seconds - zone.utcoffset(None).total_seconds(), True)


def _received(gps: Ifd) -> float | None:
    date, clock = _DATE.match(text(gps.get(DATE_STAMP))), parts(gps.get(TIME_STAMP))
    if not date or len(clock) != 3:
        return None
    hours, minutes, seconds = clock[0], clock[1], clock[2] or 0.0
    if (
        hours is None
        or minutes is None
        or not (0 <= hours <= 24 and 0 <= minutes <= 60 and 0 <= seconds < 62)
    ):
        return None
    try:
        day = datetime(int(date[1]), int(date[2]), int(date[3]), tzinfo=UTC)
    except ValueError:
        return None
    return day.timestamp() + 3600 * hours + 60 * minutes + seconds


def _zone(offset: str) -> timezone | None:
    if not (found := _OFFSET.match(offset)):
        return None
    if found[1].upper() == "Z":
        return UTC
    digits = found[1][1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if ahead >= timedelta(days=1):
        return None
    return timezone(-ahead if found[1][0] == "-" else ahead)
