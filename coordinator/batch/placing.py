"""Where one recording was taken, from the sources that tell of it: of each fact the first that has it counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from coordinator.batch.crs import Projection
from coordinator.batch.facts import Sources
from coordinator.batch.recording import Place
from coordinator.batch.weighing import weighed
from coordinator.contract import MAX_METRES
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North, Row

MAX_APART = 100.0
"""Metres from a row's position to that of its photograph's GPS, beyond which one of them is not of this place."""
_LOWEST, _HIGHEST = -1000.0, 10_000.0
"""Metres between which a street lies; -9999 and the like stand for no height."""
_NULL_ISLAND = 1e-4
"""Degrees around longitude and latitude 0, where there is no street: a receiver without a fix writes it."""


class _Heading(NamedTuple):
    degrees: float
    north: North


_OF_POSITION = frozenset(
    {Remark.NO_FIX, Remark.NULL_ISLAND, Remark.NO_HEMISPHERE, Remark.BAD_POSITION, Remark.COARSE_POSITION}
)
_OF_HEADING = frozenset({Remark.NORTH_UNKNOWN, Remark.HEADING_FROM_TRACK})


def geographic(sources: Sources) -> tuple[float, float] | None:
    """Longitude and latitude in degrees of WGS84; None if no source gives them, or only a receiver's 0, 0."""
    row, header, fix = sources.row, sources.header, sources.fix
    if row.longitude is not None and row.latitude is not None:
        return None if _is_null(row) else (row.longitude, row.latitude)
    if header is not None and header.longitude is not None and header.latitude is not None:
        return header.longitude, header.latitude
    return None if fix is None else (fix.longitude, fix.latitude)


def place(sources: Sources, projection: Projection | None) -> tuple[Place | None, tuple[Remark, ...]]:
    """The place in the batch's CRS, as far as it is told, and what had to be decided for it."""
    row, header = sources.row, sources.header
    where = _position(sources, projection)
    if where is None:
        return None, _without_position(sources)
    heading = _heading(sources)
    turned, remarks = (None, ()) if heading is None else _to_grid(heading, sources, projection, where)
    known, of_accuracy = weighed(sources, heading.north if heading else None)
    x, y = where
    found = Place(
        x=x,
        y=y,
        z=_height(sources),
        heading=turned,
        pitch=_first(row.pitch, header.pitch if header else None) or 0.0,
        roll=_first(row.roll, header.roll if header else None) or 0.0,
        accuracy=known,
        taken=sources.taken,
    )
    remarks = (*remarks, *of_accuracy)
    if sources.header is None and sources.fix is None:
        return found, remarks
    if _disagrees(sources, projection, where):
        remarks = (*remarks, Remark.POSITION_DISAGREES)
    return found, (*_of_header(sources, heading), *remarks)


def _position(sources: Sources, projection: Projection | None) -> tuple[float, float] | None:
    """x and y; None if no source tells them, where the projection ends, or beyond what steps may be given."""
    if sources.row.x is not None and sources.row.y is not None:
        return sources.row.x, sources.row.y
    where = geographic(sources)
    if where is None or projection is None:
        return None
    x, y = projection.to_projected(*where)
    is_near = abs(x) <= MAX_METRES and abs(y) <= MAX_METRES  # not of infinity or NaN either
    return (x, y) if is_near else None


def _disagrees(sources: Sources, projection: Projection | None, where: tuple[float, float]) -> bool:
    """Whether a row's position is far from what its photograph's own GPS says."""
    row, header = sources.row, sources.header
    own = row.x is not None or row.longitude is not None
    if not own or projection is None or header is None or header.longitude is None or header.latitude is None:
        return False
    return not math.dist(where, projection.to_projected(header.longitude, header.latitude)) <= MAX_APART


def _without_position(sources: Sources) -> tuple[Remark, ...]:
    row, told = sources.row, list(sources.header.remarks if sources.header else ())
    if row.longitude is not None:
        told.append(Remark.NULL_ISLAND if _is_null(row) else Remark.BAD_POSITION)
    if sources.astray is not None:
        told.append(sources.astray)
    return tuple(told)


def _of_header(sources: Sources, heading: _Heading | None) -> Iterator[Remark]:
    """What the file's reader had to decide, as far as it counts: not for what another source tells."""
    row, header = sources.row, sources.header
    settled: set[Remark] = set()
    if row.x is not None or row.longitude is not None:
        settled |= _OF_POSITION
    elif sources.fix is not None:
        yield Remark.POSITION_FROM_TRACK
    if row.z is not None or row.altitude is not None:
        settled.add(Remark.BAD_ALTITUDE)
    if row.heading is not None or heading is None:
        settled |= _OF_HEADING
    if row.heading is not None and row.pitch is not None and row.roll is not None:
        settled.add(Remark.BAD_POSE)
    if heading is not None and row.heading is None and (header is None or header.heading is None):
        yield Remark.HEADING_FROM_TRAVEL
    yield from (remark for remark in (header.remarks if header else ()) if remark not in settled)


def _is_null(row: Row) -> bool:
    return abs(row.longitude or 0.0) < _NULL_ISLAND and abs(row.latitude or 0.0) < _NULL_ISLAND


def _height(sources: Sources) -> float | None:
    row, header, fix = sources.row, sources.header, sources.fix
    told = _first(row.z, row.altitude, header.altitude if header else None, fix.altitude if fix else None)
    return told if told is None or _LOWEST <= told <= _HIGHEST else None


def _heading(sources: Sources) -> _Heading | None:
    """The first heading that is told; of a row without longitude and latitude it counts from grid north."""
    row, header, fix = sources.row, sources.header, sources.fix
    if row.heading is not None:
        return _Heading(row.heading, row.north or (North.GRID if row.longitude is None else North.TRUE))
    if header is not None and header.heading is not None:
        return _Heading(header.heading, header.north or North.TRUE)
    if fix is not None and fix.heading_of_travel is not None:
        return _Heading(fix.heading_of_travel, North.TRUE)
    return None


def _to_grid(
    heading: _Heading, sources: Sources, projection: Projection | None, position: tuple[float, float]
) -> tuple[float | None, tuple[Remark, ...]]:
    """The heading from grid north; None if that cannot be told."""
    if heading.north is North.GRID:
        return heading.degrees % 360.0, ()
    if projection is None:
        return None, ()
    longitude, latitude = geographic(sources) or projection.to_wgs84(*position)
    true, remarks = heading.degrees, tuple[Remark, ...]()
    if heading.north is North.MAGNETIC:
        east = _load_declination().declination(longitude, latitude, _height(sources) or 0.0, sources.taken)
        if east is None:
            return None, (Remark.MAGNETIC_UNUSED,)
        dated = Remark.MAGNETIC_UNDATED if sources.taken is None else Remark.MAGNETIC_HEADING
        true, remarks = true + east, (dated,)
    return (true - projection.convergence(longitude, latitude)) % 360.0, remarks


def _first(*values: float | None) -> float | None:
    for value in values:  # asked for every row: a generator would take twice as long
        if value is not None:
            return value
    return None


def _load_declination() -> ModuleType:
    """Late, with four models of the earth's magnetic field: few headings are a compass's."""
    from coordinator.core import declination

    return declination
