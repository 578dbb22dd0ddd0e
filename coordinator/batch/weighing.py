"""How well the place is known that the sources of a recording tell, and which of them counts for that.

The first that states it counts: the row, what told the position (a photograph's header), then ``batch.yaml``, which is
of all that say nothing themselves. What is no statement but a hint comes last: a dilution of precision. Values that
were filled in are worse than those from which they were worked out, and are said to be.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from coordinator.batch.accuracy import (
    COARSEST,
    COARSEST_ANGLE,
    FINEST,
    FINEST_ANGLE,
    Accuracy,
    Origin,
    travelled,
)
from coordinator.batch.facts import Sources
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North, Row

if TYPE_CHECKING:
    from coordinator.formats.gpx import Fix

POOR = 50.0
"""Metres from which on a position tells nothing of what stands in a street."""
PER_DOP = 3.0
"""Metres along an axis for each unit of a horizontal dilution of precision.

A civil receiver's range error is some 4 m (satellites, ionosphere, multipath; E. D. Kaplan and C. J. Hegarty,
Understanding GPS, chapter 7); dilution times it is the distance of both axes together, which is 1.41 times one's.
"""
_COMPASS = 10.0
"""Degrees of a magnetic heading for which none is stated: a telephone's compass in a car."""
_WHOLE_SECOND = 1.0 / math.sqrt(12.0)
"""Seconds, the standard deviation of a time that is told in whole ones."""
_ACCELERATION = 1.0
"""Metres a second squared, of a car in a street: between two points of a track it may have left the straight and even
way by so much."""
_NOTHING = (None,) * 8


def weighed(sources: Sources, north: North | None) -> tuple[Accuracy | None, tuple[Remark, ...]]:
    """How well the place is known that ``sources`` tell, None if nobody says so, and what of it could not be used.

    ``north`` is what its heading counts from; None if it has none yet.
    """
    row = sources.row
    own = (
        row.position_accuracy,
        row.heading_accuracy,
        row.shared_accuracy,
        row.shared_heading_accuracy,
        row.dop,
    )
    if (*own, sources.stated, sources.header, sources.fix) == _NOTHING:
        return None, _untold(sources, None)  # of most rows of most tables
    remarks: list[Remark] = []
    metres, metres_from = _of_position(sources, remarks)
    degrees, degrees_from = _of_heading(sources, north, metres, remarks)
    shared_m, shared_deg = _shared(row, metres, degrees, remarks)
    known = metres is not None or degrees is not None
    found = (
        Accuracy(
            position_m=metres,
            heading_deg=degrees,
            shared_m=shared_m,
            shared_deg=shared_deg,
            position_from=metres_from,
            heading_from=degrees_from,
        )
        if known
        else None
    )
    return found, (*dict.fromkeys(remarks), *_untold(sources, found))


def _of_position(sources: Sources, remarks: list[Remark]) -> tuple[float | None, Origin | None]:
    """Metres, and what tells them; the row's and the photograph's own before what is said of all."""
    row, fix, stated = sources.row, sources.fix, sources.stated
    found = _usable(row.position_accuracy, FINEST, COARSEST, remarks)
    origin, dop = Origin.ROW, row.dop
    header = None if sources.has_own_position or fix is not None else sources.header
    if header is not None and header.longitude is not None:
        dop = header.dop if dop is None else dop
        if found is None:
            found, origin = _usable(header.accuracy, FINEST, COARSEST, remarks), Origin.PHOTOGRAPH
    elif fix is not None:
        dop = fix.dop if dop is None else dop
    if found is None and stated is not None and stated.position_m is not None:
        found, origin = stated.position_m, Origin.BATCH
    if found is None and (diluted := _usable(dop, 0.0, COARSEST / PER_DOP, remarks)):
        found, origin = round(PER_DOP * diluted, 3), Origin.DOP
    if found is None:
        return None, None
    if fix is not None:
        found = round(math.hypot(found, *_of_track(fix, is_whole_second=sources.is_whole_second)), 3)
    if found >= POOR:
        remarks.append(Remark.POOR_POSITION)
    return found, origin


def _of_track(fix: Fix, *, is_whole_second: bool) -> tuple[float, float]:
    """Metres by which a place between two points is off more: along the way by the clock, and anyhow by the gap.

    A car that stood, or all but stood, was not far from either point.
    """
    clock = fix.speed * _WHOLE_SECOND if is_whole_second else 0.0
    return clock, min(_ACCELERATION * fix.gap**2 / 8.0, fix.speed * fix.gap / 2.0)


def _of_heading(
    sources: Sources, north: North | None, metres: float | None, remarks: list[Remark]
) -> tuple[float | None, Origin | None]:
    """Degrees, and what tells them; of what is filled in only where anything is known of the place."""
    row, header, fix, stated = sources.row, sources.header, sources.fix, sources.stated
    own = _usable(row.heading_accuracy, FINEST_ANGLE, COARSEST_ANGLE, remarks)
    if own is not None:
        return own, Origin.ROW
    degrees, origin = (stated.heading_deg, Origin.BATCH) if stated else (None, None)
    if row.heading is None and (header is None or header.heading is None):
        if fix is not None and fix.way is not None:
            return travelled(degrees, origin, metres, fix.way)
    elif row.heading is None and header is not None and Remark.HEADING_FROM_TRACK in header.remarks:
        return travelled(degrees, origin, metres, None)
    elif degrees is None and north is North.MAGNETIC and metres is not None:
        return _COMPASS, Origin.COMPASS
    return (None, None) if degrees is None else (degrees, origin)


def _shared(
    row: Row, metres: float | None, degrees: float | None, remarks: list[Remark]
) -> tuple[float | None, float | None]:
    """What the row shares with its neighbours, in metres and degrees; it is beyond its own, and alone it is nothing."""
    shared_m = _usable(row.shared_accuracy, FINEST, COARSEST, remarks)
    shared_deg = _usable(row.shared_heading_accuracy, FINEST_ANGLE, COARSEST_ANGLE, remarks)
    if shared_m is not None and metres is None:
        remarks.append(Remark.SHARED_ALONE)
        shared_m = None
    if shared_deg is not None and degrees is None:
        remarks.append(Remark.SHARED_HEADING_ALONE)
        shared_deg = None
    return shared_m, shared_deg


def _usable(value: float | str | None, least: float, most: float, remarks: list[Remark]) -> float | None:
    """A number within reason; what is none is told."""
    if value is None:
        return None
    if isinstance(value, str) or not least <= value <= most or value == 0.0:
        remarks.append(Remark.BAD_ACCURACY)
        return None
    return float(value)


def _untold(sources: Sources, found: Accuracy | None) -> tuple[Remark, ...]:
    """Whether a device's pose passes for a survey's, because nobody says how good it is."""
    row, header, fix = sources.row, sources.header, sources.fix
    of_device = sources.is_receivers or not sources.has_own_position
    if of_device and (found is None or found.position_m is None):
        return (Remark.NO_ACCURACY,)
    turned_by_device = sources.is_receivers if row.heading is not None else (header or fix) is not None
    if turned_by_device and (found is None or found.heading_deg is None):
        has_heading = row.heading is not None or (header is not None and header.heading is not None)
        return (Remark.NO_HEADING_ACCURACY,) if has_heading or fix is not None else ()
    return ()
