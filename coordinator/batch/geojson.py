"""GeoJSON files of users: their features, and the CRS that their ``crs`` member names.

Source: RFC 7946 (WGS84, longitude first) and, for ``crs``, the specification of 2008, which GIS programs still write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.formats.jsondocument import load, shape
from coordinator.strictjson import Json, readable

_GEOMETRIES = {
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection",
}  # fmt: skip
_WGS84 = re.compile(r"(OGC:|urn:ogc:def:crs:OGC:[^:]*:)?CRS84H?|EPSG:(4326|4979)", re.IGNORECASE)
_URN = re.compile(r"urn:ogc:def:crs:(?P<authority>\w+):[^:]*:(?P<code>\w+)", re.IGNORECASE)
_URL = re.compile(
    r"https?://www\.opengis\.net/def/crs/(?P<authority>\w+)/[^/]*/(?P<code>\w+)/?", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class GeoFile:
    """A file's features. ``crs`` is that of their coordinates, None if they are in WGS84; ``says_so``: it has one."""

    features: list[Json]
    crs: str | None
    says_so: bool


def read_geojson(path: Path) -> GeoFile:
    """The features of a file; one alone, or a bare geometry, is one of them.

    Raises BatchError for a file that is no GeoJSON, and for a ``crs`` that names nothing.
    """
    document = load(path)
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        found = document["features"]
    elif kind == "Feature":
        found = [document]
    elif kind in _GEOMETRIES:
        found = [{"type": "Feature", "geometry": document, "properties": {}}]
    else:
        raise BatchError(f"{path}: not a GeoJSON FeatureCollection, but {shape(document)}")
    for number, feature in enumerate(found):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            raise BatchError(f"{path}: feature {number} is not a GeoJSON Feature, but {shape(feature)}")
        geometry = feature.get("geometry")
        if geometry is not None and (not isinstance(geometry, dict) or "type" not in geometry):
            raise BatchError(f"{path}: the geometry of feature {number} is {shape(geometry)}")
    member = document.get("crs")
    return GeoFile(features=found, crs=_crs(path, member), says_so=member is not None)


def _crs(path: Path, member: object) -> str | None:
    if member is None:
        return None
    told = (
        f'{path}: its crs member names no CRS; write {{"type": "name", "properties": {{"name": "EPSG:28992"}}}} '
        "with yours, or take it out if the coordinates are longitude and latitude"
    )
    if isinstance(member, str):
        return plain_name(member)
    properties = member.get("properties") if isinstance(member, dict) else None
    if not isinstance(properties, dict):
        raise BatchError(told)
    name = properties.get("name")
    if not name and properties.get("code"):
        name = f"EPSG:{properties['code']}"
    if not isinstance(name, str) or not name:
        raise BatchError(told)
    return plain_name(name)


def plain_name(name: str) -> str | None:
    """``EPSG:28992`` for however a CRS is named; None for WGS84, longitude first."""
    name = name.strip()
    if made := _URN.fullmatch(name) or _URL.fullmatch(name):
        name = f"{made['authority'].upper()}:{made['code'].upper()}"
    return None if _WGS84.fullmatch(name) else name


def position(value: object) -> tuple[float, float] | None:
    """The first two numbers of a position, whatever heights follow; None if it is none."""
    if not isinstance(value, list) or len(value) < 2:
        return None
    x, y = value[:2]
    for number in (x, y):
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < 1e300:
            return None
    return x, y


def check_degrees(where: str, positions: Iterable[Sequence[float]], *, named: bool) -> None:
    """Raises BatchError if ``positions`` cannot be longitudes and latitudes; ``named``: the file says that they are."""
    wrong = next((one for one in positions if not (abs(one[0]) <= 180 and abs(one[1]) <= 90)), None)
    if wrong is None:
        return
    told = f"{where} has the coordinates {wrong[0]:g}, {wrong[1]:g}"
    if abs(wrong[0]) <= 90 and abs(wrong[1]) <= 180:
        raise BatchError(f"{told}: as latitude and longitude; GeoJSON has the longitude first: exchange them")
    if named:
        raise BatchError(
            f"{told}, but its crs member says longitude and latitude; name the CRS that they are in"
        )
    raise BatchError(
        f"{told}: coordinates beyond 180/90 degrees need a crs member that names their CRS, such as\n"
        '  "crs": {"type": "name", "properties": {"name": "EPSG:28992"}}'
    )


def name_of(feature: Json, number: int) -> str:
    """The id of a feature: its own, or the property ``id`` or ``name``, or its number in the file."""
    properties: dict[str, Any] = feature.get("properties") or {}
    given = (feature.get("id"), properties.get("id"), properties.get("name"), number)
    return next(str(value) for value in given if value is not None and value != "")


def told_name(path: Path, feature: Json, number: int) -> str:
    """The file and the feature in it, for a message."""
    return f"{path}: feature {number} ({readable(name_of(feature, number))!r})"
