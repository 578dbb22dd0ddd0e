"""The GPS tags of EXIF as receivers write them: no hemisphere is guessed, and what is not used is said.

Source: CIPA DC-008 (EXIF 3.0), 4.6.8 "GPS attribute information".
"""

from __future__ import annotations

from typing import Any

from coordinator.formats.exiftags import (
    ALTITUDE,
    ALTITUDE_REF,
    DIRECTION,
    DIRECTION_REF,
    DOP,
    LATITUDE,
    LATITUDE_REF,
    LONGITUDE,
    LONGITUDE_REF,
    POSITIONING_ERROR,
    STATUS,
    TRACK,
    TRACK_REF,
    Ifd,
    letter,
    number,
    text,
)
from coordinator.formats.geotag import Geotag, Heading, placed, raised, turned
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North

_PLACE = frozenset((LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE))
_SIGNS = {0: 1.0, 1: -1.0, 2: 1.0, 3: -1.0}
"""By GPSAltitudeRef: above and below the ellipsoid (before EXIF 3.0: the sea, or either), above and below the sea."""
_NORTHS = {"T": North.TRUE, "M": North.MAGNETIC}


def geotag(gps: Ifd) -> Geotag:
    """The place and altitude that the GPS tags tell."""
    found = _place(gps)
    return raised(found, _altitude(gps)) if ALTITUDE in gps else found


def direction(gps: Ifd) -> Heading | None:
    """The direction of the image, if there is one."""
    return turned(number(gps[DIRECTION]), _north(gps.get(DIRECTION_REF))) if DIRECTION in gps else None


def track(gps: Ifd) -> Heading | None:
    """The direction in which the receiver moved, if there is one."""
    if TRACK not in gps:
        return None
    found = turned(number(gps[TRACK]), _north(gps.get(TRACK_REF)))
    if found.degrees is None:
        return found
    return Heading(
        degrees=found.degrees, north=found.north, remarks=(*found.remarks, Remark.HEADING_FROM_TRACK)
    )


def parts(value: Any) -> list[float | None]:
    """Numbers of a tag in their order; None stands for one that is none, as anything over 0 is."""
    return [number(part) for part in (value if isinstance(value, tuple | list) else (value,))]


def _place(gps: Ifd) -> Geotag:
    if _PLACE.isdisjoint(gps):
        return Geotag()
    if letter(gps.get(STATUS)) == "V" and (LATITUDE in gps or LONGITUDE in gps):
        return Geotag(remarks=(Remark.NO_FIX,))
    told = [_told(parts(gps.get(tag))) for tag in (LATITUDE, LONGITUDE)]
    latitude, longitude = (_degrees(numbers) for numbers in told)
    if latitude is None or longitude is None:
        return Geotag(remarks=(Remark.BAD_POSITION,))
    # Without a fix neither letter means anything.
    if (void := placed(longitude, latitude)).remarks:
        return void
    north = {"N": 1.0, "S": -1.0}.get(letter(gps.get(LATITUDE_REF)))
    east = {"E": 1.0, "W": -1.0}.get(letter(gps.get(LONGITUDE_REF)))
    if north is None or east is None:
        return Geotag(remarks=(Remark.NO_HEMISPHERE,))
    coarse = any(_is_coarse(numbers) for numbers in told)
    return Geotag(
        longitude=east * longitude,
        latitude=north * latitude,
        accuracy=number(gps.get(POSITIONING_ERROR)),
        dop=number(gps.get(DOP)) or None,  # 0 is what receivers write for want of one
        remarks=(Remark.COARSE_POSITION,) if coarse else (),
    )


def _degrees(told: list[float | None]) -> float | None:
    """Degrees from degrees, minutes and seconds, of which the last may be missing; None if they are none."""
    if not 1 <= len(told) <= 3:
        return None
    degrees = 0.0
    for part, size in zip(told, (1.0, 60.0, 3600.0), strict=False):
        if part is None or part < 0.0 or (size > 1.0 and part > 60.0):
            return None
        degrees += part / size
    return degrees


def _told(told: list[float | None]) -> list[float | None]:
    """``told`` without the parts behind the last number: 0/0 for seconds means that there are none."""
    while told and told[-1] is None:
        told = told[:-1]
    return told


def _is_coarse(told: list[float | None]) -> bool:
    """Whether smaller parts are missing behind a whole number."""
    return len(told) < 3 and (told[-1] or 0.0).is_integer()


def _altitude(gps: Ifd) -> float | None:
    altitude, sign = number(gps.get(ALTITUDE)), _SIGNS.get(_reference(gps.get(ALTITUDE_REF)))
    return None if altitude is None or sign is None else sign * altitude


def _reference(value: Any) -> int:
    """The number of GPSAltitudeRef: a byte, a digit or a number; 0 if it is not told, and -1 if it is none."""
    if value is None:
        return 0
    if isinstance(value, bytes) and len(value) == 1 and value[0] in _SIGNS:
        return value[0]
    if isinstance(value, str | bytes) and not text(value):
        return 0
    found = number(value)
    return int(found) if found in _SIGNS else -1


def _north(reference: Any) -> North | None:
    return _NORTHS.get(letter(reference))
