"""Where one image was taken and where it looks, as one source tells it, and what had to be decided for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coordinator.formats.exiftags import number
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North

_NULL_ISLAND = 1e-4
"""Degrees around longitude and latitude 0, where there is no street: a receiver without a fix writes it."""
_MAX_HEIGHT = 20_000.0
"""Metres above and below the sea beyond which an altitude is a mistake."""
_VOID = frozenset({Remark.NO_FIX, Remark.NULL_ISLAND})
"""A receiver without a fix has no altitude either, whatever it writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geotag:
    """A place in degrees of WGS84, if it is told and can be used, and metres above the sea.

    ``accuracy`` is what its receiver says of it, in metres, and ``dop`` its dilution of precision; neither is checked.
    """

    longitude: float | None = None
    latitude: float | None = None
    altitude: float | None = None
    accuracy: float | None = None
    dop: float | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def has_place(self) -> bool:
        return self.longitude is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Degrees clockwise from ``north``, 0 to below 360; no degrees if they cannot be used."""

    degrees: float | None = None
    north: North | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tilt:
    """Degrees: pitch is positive upwards, roll clockwise as the camera sees it; None where not told or no angle."""

    pitch: float | None = None
    roll: float | None = None
    remarks: tuple[Remark, ...] = ()


_UNTOLD = Heading()
_BAD_HEADING = Heading(remarks=(Remark.BAD_POSE,))


def placed(longitude: float | None, latitude: float | None, altitude: float | None = None) -> Geotag:
    """A place from signed degrees, if it lies on Earth and is not what a receiver without a fix writes."""
    if longitude is None or latitude is None or abs(longitude) > 180.0 or abs(latitude) > 90.0:
        return Geotag(altitude=altitude, remarks=(Remark.BAD_POSITION,))
    if abs(longitude) < _NULL_ISLAND and abs(latitude) < _NULL_ISLAND:
        return Geotag(remarks=(Remark.NULL_ISLAND,))
    return Geotag(longitude=longitude, latitude=latitude, altitude=altitude)


def raised(geotag: Geotag, altitude: float | None) -> Geotag:
    """``geotag`` with an altitude that is told; None stands for one that cannot be used."""
    if not _VOID.isdisjoint(geotag.remarks):
        return geotag
    if altitude is None or abs(altitude) > _MAX_HEIGHT:
        return replace(geotag, remarks=(*geotag.remarks, Remark.BAD_ALTITUDE))
    return replace(geotag, altitude=altitude)


def turned(degrees: float | None, north: North | None) -> Heading:
    """A heading that is told: within 0 to 360, or one turn around it, as some count."""
    if degrees is None or not -360.0 <= degrees <= 720.0:
        return _BAD_HEADING
    return Heading(
        degrees=degrees % 360.0, north=north, remarks=() if north is not None else (Remark.NORTH_UNKNOWN,)
    )


def tilted(pitch: str | None, roll: str | None) -> Tilt:
    """Pitch and roll from the texts of a packet, if they are angles."""
    up, clockwise = _angle(pitch), _angle(roll)
    is_bad = (up is None and pitch is not None) or (clockwise is None and roll is not None)
    return Tilt(pitch=up, roll=clockwise, remarks=(Remark.BAD_POSE,) if is_bad else ())


def first_place(geotags: Iterable[Geotag]) -> Geotag:
    """The first that has a place, with its altitude or the first that is told; what a place lacks, if none has one.

    What a receiver calls void is not looked up in another block, into which programs copy it without that word.
    """
    chosen, altitude = Geotag(), None
    for one in geotags:
        if not chosen.has_place and (one.has_place or not chosen.remarks):
            chosen = one
            altitude = altitude if one.altitude is None else one.altitude
        altitude = one.altitude if altitude is None else altitude
        if Remark.NO_FIX in one.remarks or (chosen.has_place and altitude is not None):
            break
    if altitude == chosen.altitude:
        return chosen
    remarks = tuple(one for one in chosen.remarks if one is not Remark.BAD_ALTITUDE)
    return replace(chosen, altitude=altitude, remarks=remarks)


def first_heading(headings: Iterable[Heading | None]) -> Heading:
    """The first that can be used; if there is none, what is wrong with the first that is told."""
    first = None
    for one in headings:
        if one is not None and one.degrees is not None:
            return one
        first = first or one
    return first or _UNTOLD


def _angle(told: str | None) -> float | None:
    found = number(told)
    return found if found is not None and abs(found) <= 360.0 else None
