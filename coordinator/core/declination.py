"""Where a compass points to: the angle from true to magnetic north, by the World Magnetic Model."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

from pygeomag import GeoMag
from pygeomag.wmm.wmm_2010 import WMM_2010
from pygeomag.wmm.wmm_2015v2 import WMM_2015v2
from pygeomag.wmm.wmm_2020 import WMM_2020
from pygeomag.wmm.wmm_2025 import WMM_2025

_MODELS = {2010: WMM_2010, 2015: WMM_2015v2, 2020: WMM_2020, 2025: WMM_2025}
"""Each holds for five years."""
UNDATED = 2025.0
"""The year that counts for an image without a date: the newest model's first, not today's, so that a run that is
repeated gives the same. In a year the declination changes by 0.2 degrees or less in nearly all of the inhabited world,
and the model itself is right to about 0.4 degrees."""
_CELLS = 100.0
"""Cells in a degree, 1 km: across one the declination changes by a hundredth of a degree."""
_YEARLY = 24.0
"""Times in a year for which it is worked out."""


def declination(longitude: float, latitude: float, altitude: float, when: float | None) -> float | None:
    """Degrees from true to magnetic north, positive to the east: true heading = magnetic heading + declination.

    ``longitude`` and ``latitude`` in degrees of WGS84, ``altitude`` in metres, ``when`` in seconds since 1970; without
    it, the year is ``UNDATED``. It is None before 2010 and from 2030 on, for which there is no model here, and near the
    magnetic poles, where a compass says nothing (horizontal intensity below 2000 nT).

    The model: Chulliat et al., The US/UK World Magnetic Model for 2025-2030, NOAA 2025, and those before it.
    """
    year = UNDATED if when is None else _decimal_year(when)
    if year is None or not min(_MODELS) <= year < max(_MODELS) + 5:
        return None
    kilometres = min(max(round(altitude / 1000.0), -1), 850)
    return _at(round(longitude * _CELLS), round(latitude * _CELLS), kilometres, math.floor(year * _YEARLY))


def _decimal_year(when: float) -> float | None:
    try:
        date = datetime.fromtimestamp(when, UTC)
    except (OverflowError, ValueError, OSError):  # no year that a calendar has
        return None
    start = datetime(date.year, 1, 1, tzinfo=UTC).timestamp()
    days = 366 if date.year % 4 == 0 and (date.year % 100 != 0 or date.year % 400 == 0) else 365
    return date.year + (when - start) / (days * 86400.0)


@lru_cache(maxsize=4096)
def _at(longitude: int, latitude: int, kilometres: int, time: int) -> float | None:
    """In cells and parts of a year: a street's recordings share what takes 0.1 ms to work out."""
    year = time / _YEARLY
    field = _model(math.floor(year) // 5 * 5).calculate(
        glat=latitude / _CELLS, glon=longitude / _CELLS, alt=kilometres, time=year
    )
    return None if field.in_blackout_zone else float(field.d)


@lru_cache
def _model(epoch: int) -> GeoMag:
    return GeoMag(coefficients_data=_MODELS[epoch])
