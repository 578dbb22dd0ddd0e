"""A batch's CRS as a GeoPackage names it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from coordinator.batch.crs import Projection
from coordinator.record.gis.geopackage import Srs

if TYPE_CHECKING:
    from pyproj import CRS

_SURE = 100
"""Percent, by PROJ's own measure: only what is the very same has a register's number."""


def srs_of(projection: Projection) -> Srs:
    """By its number in EPSG's register and its WKT, or by its WKT alone."""
    crs = _load_pyproj().CRS.from_user_input(projection.name)
    return Srs(name=projection.title, code=crs.to_epsg(min_confidence=_SURE), wkt=_wkt(crs))


def _wkt(crs: CRS) -> str:
    """WKT 1, which the standard asks for; WKT 2 of what cannot be said so, which GDAL reads as well."""
    pyproj = _load_pyproj()
    try:
        return str(crs.to_wkt("WKT1_GDAL"))
    except pyproj.exceptions.CRSError:
        return str(crs.to_wkt())


def _load_pyproj() -> ModuleType:
    """Late, because it takes a tenth of all the time to load, and a run that makes no map never needs it."""
    import pyproj

    return pyproj
