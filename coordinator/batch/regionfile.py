"""``regions.geojson``: the user's regions, as polygons that divide the ground. What cannot be meant is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.batch.crs import Projection
from coordinator.batch.geojson import check_degrees, name_of, position, read_geojson, told_name
from coordinator.batch.regionshapes import STRIP, Tidied, tidied
from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, named
from coordinator.formats.jsondocument import shape
from coordinator.strictjson import Json, readable

Box = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True, kw_only=True)
class RegionFile:
    """The regions by id: GeoJSON (multi)polygons in the batch's CRS that do not overlap.

    ``box`` is where they lie in the file's own coordinates: ``source``, or degrees of WGS84 if that is None.
    """

    path: Path
    cores: dict[str, Json]
    box: Box
    source: Projection | None = None
    findings: tuple[Finding, ...] = ()


def read_regions(path: Path, projection: Projection | None) -> RegionFile:
    """The polygons of a GeoJSON file in ``projection``; they come in WGS84 unless a ``crs`` says otherwise.

    Raises BatchError for a file that is none, for coordinates that cannot be in its CRS, and for regions that have
    the same id or overlap by more than a boundary that was digitised twice.
    """
    if projection is None:
        raise BatchError(f"{path}: batch.yaml must name the crs in which the regions are cut")
    file = read_geojson(path)
    source = None if file.crs is None else _named(path, file.crs)
    reading = _Reading(path)
    read = reading.polygons(file.features)
    flat = [point for polygon in read.values() for part in polygon for ring in part for point in ring]
    if source is None:
        check_degrees(str(path), flat, named=file.says_so)
    cores = {name: _turned(path, name, parts, source, projection) for name, parts in read.items()}
    tidy = tidied(cores)
    _refuse(path, tidy)
    reading.told += _said(tidy)
    xs, ys = [point[0] for point in flat], [point[1] for point in flat]
    box = (min(xs), min(ys), max(xs), max(ys))
    return RegionFile(path=path, cores=tidy.cores, box=box, source=source, findings=reading.findings())


Parts = list[list[list[list[float]]]]
"""Polygons, rings, positions, numbers."""


class _Reading:
    """The polygons of one file, and what there is to say of them."""

    def __init__(self, path: Path) -> None:
        self.told: list[tuple[str, Level, str]] = []
        self._path = path
        self._closed: list[str] = []
        self._nowhere: list[str] = []
        self._partly: list[str] = []

    def polygons(self, found: list[Json]) -> dict[str, Parts]:
        """The regions' polygons by id, with closed rings. Raises BatchError for what is none."""
        read: dict[str, Parts] = {}
        for number, feature in enumerate(found):
            name = name_of(feature, number)
            if feature.get("geometry") is None:
                self._nowhere.append(name)
                continue
            if name in read:
                raise BatchError(f"{self._path}: two regions have the id {readable(name)!r}")
            where = told_name(self._path, feature, number)
            read[name] = [
                self._rings(part, name, where) for part in self._parts(feature["geometry"], number, name)
            ]
            if not read[name]:
                raise BatchError(f"{where} has no polygon")
        if not read:
            raise BatchError(f"{self._path}: there is no region in it; take it away, and a grid is cut")
        return read

    def _parts(self, geometry: Json, number: int, name: str) -> list[Any]:
        kind, coordinates = geometry["type"], geometry.get("coordinates")
        if kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
            inner = [one for one in geometry["geometries"] if isinstance(one, dict)]
            areas = [one for one in inner if one.get("type") in ("Polygon", "MultiPolygon")]
            if len(areas) < len(geometry["geometries"]) and areas:
                self._partly.append(name)
            if areas:
                return [part for one in areas for part in self._parts(one, number, name)]
        if kind not in ("Polygon", "MultiPolygon"):
            raise BatchError(f"{self._path}: feature {number} is a {kind}, not a polygon")
        if not isinstance(coordinates, list):
            told = shape(coordinates)
            raise BatchError(f"{self._path}: the coordinates of feature {number} are {told}, not a list")
        return [coordinates] if kind == "Polygon" else coordinates

    def _rings(self, part: Any, name: str, where: str) -> list[list[list[float]]]:
        if not isinstance(part, list) or not part:
            raise BatchError(f"{where} has a polygon without a ring")
        rings = []
        for ring in part:
            points = [position(point) for point in ring] if isinstance(ring, list) else []
            known = [list(point) for point in points if point is not None]
            if len(known) < len(points) or len({tuple(point) for point in known}) < 3:
                raise BatchError(
                    f"{where} has a ring that is not three positions or more, each two finite numbers"
                )
            if known[0] != known[-1]:
                known.append(known[0])
                self._closed.append(name)
            rings.append(known)
        return rings

    def findings(self) -> tuple[Finding, ...]:
        lists = [
            ("regions-open", Level.NOTE, "rings that do not end where they begin are closed", self._closed),
            ("regions-nowhere", Level.WARNING, "regions without a geometry are left out", self._nowhere),
            (
                "regions-partly",
                Level.WARNING,
                "of collections only the polygons are taken, and no points or lines",
                self._partly,
            ),
        ]
        told = [
            (kind, level, f"{text}: {named(dict.fromkeys(names))}")
            for kind, level, text, names in lists
            if names
        ]
        return tuple(
            Finding(kind=kind, level=level, text=f"{self._path.name}: {text}")
            for kind, level, text in [*told, *self.told]
        )


def _named(path: Path, crs: str) -> Projection:
    try:
        return Projection.of_geometry(crs)
    except BatchError as error:
        raise BatchError(f"{path}: {error}") from error


def _turned(path: Path, name: str, parts: Parts, source: Projection | None, target: Projection) -> Json:
    plain: Json = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    try:
        return target.geometry_from(plain, source)
    except BatchError as error:
        raise BatchError(
            f"{path}: region {readable(name)!r}: {error}; are longitude and latitude exchanged, "
            "or is the crs member wrong?"
        ) from error


def _refuse(path: Path, tidy: Tidied) -> None:
    if tidy.flat:
        raise BatchError(f"{path}: regions without an area: {named(tidy.flat)}")
    if tidy.overlapping:
        pairs = (f"{one} and {other} by {area:,.0f} m2" for one, other, area in tidy.overlapping)
        raise BatchError(
            f"{path}: regions overlap: {named(pairs, len(tidy.overlapping))}; an object there would be "
            "found twice: cut one of them at the other's edge"
        )


def _said(tidy: Tidied) -> Iterable[tuple[str, Level, str]]:
    lists = (
        (
            "regions-crossed",
            Level.WARNING,
            "rings that cross themselves are parted at the crossings: do they say what was meant?",
            tidy.untangled,
        ),
        (
            "regions-parts",
            Level.WARNING,
            "parts of a region that lie over each other are united",
            tidy.united,
        ),
        (
            "regions-strips",
            Level.NOTE,
            f"strips of up to {STRIP:g} m that two regions share are the first one's; cut from",
            tidy.trimmed,
        ),
        (
            "regions-cracks",
            Level.NOTE,
            f"cracks of up to {STRIP:g} m between regions are closed by",
            tidy.filled,
        ),
    )
    return [(kind, level, f"{text}: {named(names)}") for kind, level, text, names in lists if names]
