"""Points of a GeoJSON file in one projected CRS: a run's objects, and the truth that they are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.batch.crs import Projection, in_lengths
from coordinator.batch.geojson import GeoFile, check_degrees, position, read_geojson, told_name
from coordinator.errors import BatchError, UsageError
from coordinator.formats.jsondocument import number
from coordinator.strictjson import Json

Position = tuple[float, float, float | None]
_EARTH = 6_371_008.8
"""Metres: the mean radius."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An object or a true sign: metres in the projected CRS; ``category`` is None where it is not known.

    ``degrees`` are its longitude and latitude, ``facing`` is where its face looks to, in degrees clockwise from grid
    north, where they are known.
    """

    id: str
    position: Position
    category: str | None
    degrees: tuple[float, float] | None = field(default=None, compare=False)
    facing: float | None = None


def read_placed(path: Path, projection: Projection | None = None) -> tuple[list[Placed], Projection | None]:
    """The points of a GeoJSON file and the CRS they are in (None if there is no point to tell it).

    Points whose ``crs`` property is that CRS are taken by their ``x`` and ``y``. The coordinates of others are in the
    CRS that the file's ``crs`` member names, and in WGS84 without one. Heights are the property ``z`` alone: what a
    third coordinate counts from, nobody says. Raises UsageError that names the feature that is no such point.
    """
    try:
        file = read_geojson(path)
        source = None if file.crs is None else Projection.of_geometry(file.crs)
        if projection is None:
            projection = _projection(path, file, source)
        placed = [
            _placed(path, feature, number, projection, source, file.says_so)
            for number, feature in enumerate(file.features)
            if projection is not None
        ]
    except BatchError as error:
        told = str(error)
        raise UsageError(told if told.startswith(str(path)) else f"{path}: {told}") from error
    return placed, projection


def _projection(path: Path, file: GeoFile, source: Projection | None) -> Projection | None:
    """The CRS that the first point asks for: its own, the file's, or the UTM zone that it lies in."""
    if not file.features:
        return None
    properties = file.features[0].get("properties") or {}
    if named := properties.get("crs"):
        return Projection.named(str(named))
    if source is not None and in_lengths(source):
        return Projection.named(source.name)
    first = _coordinates(path, file.features[0], 0)
    check_degrees(told_name(path, file.features[0], 0), [first], named=file.says_so)
    return Projection.utm(*first)


def _placed(
    path: Path, feature: Json, place: int, projection: Projection, source: Projection | None, says_so: bool
) -> Placed:
    properties: dict[str, Any] = feature.get("properties") or {}
    where = told_name(path, feature, place)
    z = properties.get("z")
    if z is not None and number(z) is None:
        raise BatchError(f"{where}: its z is no number")
    degrees = None
    if properties.get("crs") == projection.name and "x" in properties:
        x, y = number(properties["x"]), number(properties.get("y"))
        if x is None or y is None:
            raise BatchError(f"{where}: its x and y are no numbers")
        if feature.get("geometry") is not None:
            degrees = _coordinates(path, feature, place)
    else:
        x, y = _coordinates(path, feature, place)
        if source is None or not in_lengths(source):
            check_degrees(where, [(x, y)], named=says_so)
            degrees = (x, y)
            x, y = projection.to_projected(x, y)
        elif source.name != projection.name:
            degrees = source.to_wgs84(x, y)
            x, y = projection.to_projected(*degrees)
        else:
            degrees = projection.to_wgs84(x, y)
        if not math.isfinite(x + y):
            raise BatchError(
                f"{where} lies where {projection.name}, the CRS of the objects, has no coordinates; are latitude and "
                "longitude exchanged, or is the crs member wrong?"
            )
    category = properties.get("category")
    name = str(properties.get("id") or feature.get("id") or place)
    facing = number(properties.get("facing"))
    return Placed(id=name, position=(x, y, z), category=category, degrees=degrees, facing=facing)


def _coordinates(path: Path, feature: Json, place: int) -> tuple[float, float]:
    geometry = feature.get("geometry")
    where = told_name(path, feature, place)
    if geometry is None:
        raise BatchError(f"{where} has no geometry; give it a point, or take it out")
    if geometry["type"] != "Point":
        several = geometry["type"] == "MultiPoint"
        advice = "write each point as a feature of its own" if several else "take it out"
        raise BatchError(f"{where} is a {geometry['type']}, not a Point; {advice}")
    found = position(geometry.get("coordinates"))
    if found is None:
        raise BatchError(f"{where}: the coordinates of its point are not two finite numbers")
    return found


def far_apart(found: Sequence[Placed], true: Sequence[Placed], radius: float) -> str | None:
    """What to say if the truth lies so far from all objects that the two can hardly mean the same place."""
    objects, signs = _middle(found), _middle(true)
    if objects is None or signs is None:
        return None
    reach = max(_metres(objects, one.degrees) for one in found if one.degrees)
    nearest = min(_metres(objects, one.degrees) for one in true if one.degrees)
    if nearest <= reach + max(1000.0, 100 * radius):
        return None
    told = f"the truth lies {nearest / 1000:,.0f} km from the objects"
    if _metres(objects, signs[::-1]) < nearest:
        return f"{told}: its latitude and longitude are exchanged; GeoJSON has the longitude first"
    return f"{told}; is it another place's, or its crs member wrong?"


def _middle(placed: Sequence[Placed]) -> tuple[float, float] | None:
    known = [one.degrees for one in placed if one.degrees is not None]
    if not known:
        return None
    longitudes, latitudes = (sorted(values) for values in zip(*known, strict=True))
    return longitudes[len(known) // 2], latitudes[len(known) // 2]


def _metres(one: Sequence[float], other: Sequence[float]) -> float:
    """The great circle between two places in degrees, in metres (haversine formula, R. W. Sinnott 1984)."""
    (l0, p0), (l1, p1) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    half = math.sin((p1 - p0) / 2) ** 2 + math.cos(p0) * math.cos(p1) * math.sin((l1 - l0) / 2) ** 2
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(max(0.0, half))))
