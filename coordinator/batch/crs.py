"""The batch's projected coordinate reference system, and its way to WGS84 and back."""

from __future__ import annotations

import cmath
import math
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coordinator.batch.crsfacts import Area, Operation
from coordinator.batch.crsnames import is_like_datum, is_same_datum, meant, plain, short
from coordinator.errors import BatchError
from coordinator.strictjson import Json

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

_WGS84 = "EPSG:4326"
_UPS_NORTH, _UPS_SOUTH = "EPSG:5041", "EPSG:5042"
_UTM_ENDS = (-80.0, 84.0)
"""Degrees of latitude between which UTM is defined."""
_MERIDIAN_STEP = 1e-3
"""Degrees of latitude, 111 m: the angle of the meridian over twice that is right to 1e-8 degrees."""
_STEP_IN_METRES = 0.01
"""By which a meridian may leave its straight line over that: more is the step from one transformation to another."""
_CLOSE = 1e-3
"""Metres that a way to WGS84 and back may miss; PROJ's own, with one transformation, miss a tenth of that at most."""
_ROUNDS = 5
"""Each leaves a hundred thousandth of what was missed; where two areas meet, there may be no place for some metres."""
_CONFIDENCE = 70
"""Percent, by PROJ's own measure: the same parts under another name."""
_AROUND = 1e-3
"""Degrees around a place in which transformations are asked for."""


@dataclass(frozen=True)
class Projection:
    """A projected CRS in metres. ``name`` is what the batch calls it, e.g. ``EPSG:28992``."""

    name: str

    @classmethod
    def named(cls, name: str | int) -> Projection:
        """Takes a number of EPSG's register, or what PROJ knows: other registers, titles, WKT, PROJJSON, +proj=...

        Of a CRS with heights, the horizontal part counts.
        Raises BatchError for a CRS that is unknown, or not projected in metres.
        """
        projection = cls._known(name)
        crs = projection._crs
        if not crs.is_projected:
            raise BatchError(
                f"crs {short(projection.name)!r} is not a projected CRS in metres; name one such as EPSG:28992; "
                "positions in degrees go into the columns longitude and latitude, and need no crs"
            )
        axes = crs.axis_info[:2]
        if any(axis.unit_conversion_factor != 1.0 for axis in axes):
            raise BatchError(
                f"crs {short(projection.name)!r} is not a projected CRS in metres, but in {axes[0].unit_name}; "
                f"turn the positions into {projection.instead()}"
            )
        return projection

    @classmethod
    def of_geometry(cls, name: str | int) -> Projection:
        """Any CRS that polygons may be given in, those in degrees or feet too: a source for ``geometry_from`` alone.

        Raises BatchError for a CRS that is unknown, or has no horizontal coordinates.
        """
        projection = cls._known(name)
        if not (projection._crs.is_projected or projection._crs.is_geographic):
            raise BatchError(
                f"crs {short(projection.name)!r} has no place on a map; name one such as EPSG:28992 or EPSG:4326"
            )
        return projection

    @classmethod
    def utm(cls, longitude: float, latitude: float) -> Projection:
        """The WGS84 UTM zone that holds the point; near the poles, Universal Polar Stereographic."""
        south, north = _UTM_ENDS
        if not south <= latitude <= north:
            return cls(_UPS_NORTH if latitude > 0.0 else _UPS_SOUTH)
        zone = min(60, int((longitude + 180.0) // 6.0) + 1)
        return cls(f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}")

    @classmethod
    def for_places(cls, places: Sequence[tuple[float, float]]) -> Projection:
        """The UTM zone of the median of places (longitude, latitude); at least one has to be given."""
        longitude = _median_longitude([longitude for longitude, _ in places])
        return cls.utm(longitude, statistics.median(latitude for _, latitude in places))

    @classmethod
    def _known(cls, name: str | int) -> Projection:
        projection = cls(plain(name))
        try:
            _ = projection._to_wgs84
        except _load_pyproj().exceptions.CRSError as error:
            hint = meant(projection.name, ((f"EPSG:{info.code}", info.name) for info in _register()))
            told = hint or "name one such as EPSG:28992"
            raise BatchError(f"crs {short(projection.name)!r} is not known: {told}") from error
        except _load_pyproj().exceptions.ProjError as error:
            raise BatchError(f"crs {short(projection.name)!r} has no way to WGS84 that PROJ knows") from error
        return projection

    @cached_property
    def _crs(self) -> CRS:
        crs: CRS = _load_pyproj().CRS.from_user_input(self.name)
        return _horizontal(crs)

    @cached_property
    def _to_wgs84(self) -> Transformer:
        return _transformer(self._crs, _WGS84)

    @property
    def title(self) -> str:
        """What its register calls it, e.g. ``Amersfoort / RD New``."""
        return str(self._crs.name)

    @property
    def label(self) -> str:
        """For messages, e.g. ``EPSG:28992 (Amersfoort / RD New)``."""
        is_told = self.title in ("unknown", self.name)
        return short(self.name) if is_told else f"{short(self.name)} ({self.title})"

    @cached_property
    def registered(self) -> Projection | None:
        """The CRS of EPSG's register that one given by its parts equals, as far as PROJ can tell."""
        found = self._crs.to_authority("EPSG", min_confidence=_CONFIDENCE)
        return Projection(":".join(found)) if found else None

    @property
    def directions(self) -> tuple[str, ...]:
        """Where its axes point to by its register, in lower case, in the register's order."""
        return tuple(str(axis.direction).lower() for axis in self._crs.axis_info[:2])

    @property
    def area(self) -> Area | None:
        """Where it is meant to be used; None for a CRS that does not say so."""
        used = self._crs.area_of_use or (self.registered and self.registered._crs.area_of_use)
        return Area(*used.bounds) if used else None

    @property
    def withdrawn(self) -> tuple[str, ...] | None:
        """What replaces a CRS that its register has withdrawn; None for one that is valid."""
        if not self._crs.is_deprecated:
            return None
        return tuple(
            ":".join(other.to_authority() or ("", other.name)) for other in self._crs.get_non_deprecated()
        )

    def to_wgs84(self, x: float, y: float) -> tuple[float, float]:
        """(longitude, latitude) in degrees, of which ``to_projected`` gives x and y again.

        PROJ takes the transformation of the area that a place lies in, but finds the area by metres on one way and by
        degrees on the other: where areas meet, its two ways differ by up to 100 m. Those of the degrees count here.
        """
        near_x, near_y = x, y
        for _ in range(_ROUNDS):
            longitude, latitude = self._to_wgs84.transform(near_x, near_y)
            back_x, back_y = self.to_projected(longitude, latitude)
            off_x, off_y = x - back_x, y - back_y
            if not _CLOSE < abs(off_x) + abs(off_y) < math.inf:
                break
            near_x, near_y = near_x + off_x, near_y + off_y
        return longitude, latitude

    def to_projected(self, longitude: float, latitude: float) -> tuple[float, float]:
        """(x, y) in metres."""
        x, y = self._to_wgs84.transform(longitude, latitude, direction="INVERSE")
        return x, y

    def around(self, longitude: float, latitude: float) -> Callable[[float, float], tuple[float, float]]:
        """``to_projected`` by the transformation of one place, without a step where another one's area begins."""
        self.to_projected(longitude, latitude)
        one = self._to_wgs84.get_last_used_operation()
        return lambda east, north: one.transform(east, north, direction="INVERSE")

    def convergence(self, longitude: float, latitude: float) -> float:
        """Degrees from true north to grid north, clockwise positive: grid heading = true heading - convergence.

        Taken from two points of the meridian, which holds for every CRS: its axes, prime meridian and datum are in it.
        """
        south, north = max(-90.0, latitude - _MERIDIAN_STEP), min(90.0, latitude + _MERIDIAN_STEP)
        (ax, ay), (bx, by) = self.to_projected(longitude, south), self.to_projected(longitude, north)
        x, y = self.to_projected(longitude, latitude)
        if abs(ax + bx - 2.0 * x) + abs(ay + by - 2.0 * y) > _STEP_IN_METRES:
            to_projected = self.around(longitude, latitude)
            (ax, ay), (bx, by) = to_projected(longitude, south), to_projected(longitude, north)
        return -math.degrees(math.atan2(bx - ax, by - ay))

    def geometry_from(self, geometry: Json, source: Projection | None) -> Json:
        """A GeoJSON (multi)polygon from ``source`` (WGS84 if None) in this CRS.

        Raises BatchError for a point that has no place in this CRS.
        """
        if source == self:
            return geometry
        turn = _transformer(source._crs, self._crs).transform if source else self.to_projected
        told = f"{source.label if source else _WGS84} has no place in {self.label}"
        return {"type": geometry["type"], "coordinates": _turned(geometry["coordinates"], turn, told)}

    def operation(self, longitude: float, latitude: float) -> Operation:
        """The way to WGS84 that is taken at a place."""
        self.to_projected(longitude, latitude)
        used = self._to_wgs84.get_last_used_operation()
        return Operation.of(used.description, used.accuracy)

    def unavailable(self, longitude: float, latitude: float) -> list[Operation]:
        """The ways to WGS84 that could be taken at a place if their grids were installed."""
        pyproj = _load_pyproj()
        area = pyproj.aoi.AreaOfInterest(
            longitude - _AROUND, latitude - _AROUND, longitude + _AROUND, latitude + _AROUND
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of what is asked for here
            group = pyproj.transformer.TransformerGroup(
                self._crs, _WGS84, always_xy=True, area_of_interest=area
            )
        return [Operation.of(way.name, way.accuracy, way.grids) for way in group.unavailable_operations]

    def instead(self, place: tuple[float, float] | None = None) -> str:
        """The label of another CRS, in metres and with x to the east and y to the north.

        Of the same datum and area if the register has one, else the UTM zone of the area's middle, or if it has none,
        of ``place`` (longitude and latitude in degrees).
        """
        where = self.area.middle if self.area else place
        other = _sibling(self._crs) or (Projection.utm(*where) if where else None)
        return other.label if other else "the UTM zone of the place"


def _median_longitude(longitudes: Sequence[float]) -> float:
    """Degrees; that of 179 and -179 is not 0."""
    middle = sum(cmath.rect(1.0, math.radians(longitude)) for longitude in longitudes)
    around = math.degrees(cmath.phase(middle))
    offsets = [(longitude - around + 180.0) % 360.0 for longitude in longitudes]
    return (statistics.median(offsets) + around) % 360.0 - 180.0


def _turned(value: Any, turn: Callable[[float, float], tuple[float, float]], told: str) -> Any:
    """A position of GeoJSON, or lists of such. Raises BatchError, with ``told``, for one without a place."""
    if not isinstance(value[0], int | float):
        return [_turned(part, turn, told) for part in value]
    point = list(turn(value[0], value[1]))
    if not all(map(math.isfinite, point)):
        raise BatchError(f"the point {value[:2]} of {told}")
    return point


def in_lengths(projection: Projection) -> bool:
    """Whether its coordinates are lengths and not angles, as those of a source of geometries may be."""
    return projection._crs.is_projected


def _horizontal(crs: CRS) -> CRS:
    """Without heights, which would take part in the choice of transformations."""
    if crs.is_compound:
        return _horizontal(crs.sub_crs_list[0])
    return crs.to_2d() if len(crs.axis_info) > 2 and not crs.is_geocentric else crs


def _sibling(crs: CRS) -> Projection | None:
    """The CRS of the same datum and area in metres, with x to the east and y to the north, that EPSG's register has."""
    used = crs.area_of_use
    for info in sorted(_register(), key=lambda info: not is_same_datum(info.name, crs.name)):
        if used and is_like_datum(info.name, crs.name) and info.area_of_use.bounds == used.bounds:
            axes = _load_pyproj().CRS.from_epsg(info.code).axis_info[:2]
            if all(
                axis.unit_conversion_factor == 1.0 and axis.direction in ("east", "north") for axis in axes
            ):
                return Projection(f"EPSG:{info.code}")
    return None


def _register() -> list[Any]:
    """The projected CRS of EPSG's register, but for those that were withdrawn."""
    pyproj = _load_pyproj()
    found: list[Any] = pyproj.database.query_crs_info("EPSG", pyproj.enums.PJType.PROJECTED_CRS)
    return found


def _transformer(source: CRS | str, target: CRS | str) -> Transformer:
    """Takes and gives x before y, longitude before latitude, whatever the CRS says of its axes."""
    transformer: Transformer = _load_pyproj().Transformer.from_crs(source, target, always_xy=True)
    return transformer


def _load_pyproj() -> ModuleType:
    """Late, because it takes a tenth of all the time to load, and a batch without positions never needs it."""
    import pyproj

    return pyproj
