"""The batch's projected coordinate reference system, and its way to WGS84 and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coordinator.errors import BatchError
from coordinator.strictjson import Json

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

_WGS84 = "EPSG:4326"


@dataclass(frozen=True)
class Projection:
    """A projected CRS in metres. ``name`` is what the batch calls it, e.g. ``EPSG:28992``."""

    name: str

    @classmethod
    def named(cls, name: str) -> Projection:
        """Raises BatchError for a CRS that is unknown, or not projected in metres."""
        projection = cls(name)
        try:
            crs = projection._crs
        except _load_pyproj().exceptions.CRSError as error:
            raise BatchError(f"crs {name!r} is not known: {error}") from error
        if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info[:2]):
            raise BatchError(f"crs {name!r} is not a projected CRS in metres; name one such as EPSG:28992")
        return projection

    @classmethod
    def utm(cls, longitude: float, latitude: float) -> Projection:
        """The WGS84 UTM zone that holds the point."""
        zone = min(60, int((longitude + 180.0) // 6.0) + 1)
        return cls(f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}")

    @cached_property
    def _crs(self) -> CRS:
        crs: CRS = _load_pyproj().CRS.from_user_input(self.name)
        return crs

    @cached_property
    def _to_wgs84(self) -> Transformer:
        return _transformer(self._crs, _WGS84)

    def to_wgs84(self, x: float, y: float) -> tuple[float, float]:
        """(longitude, latitude) in degrees."""
        longitude, latitude = self._to_wgs84.transform(x, y)
        return longitude, latitude

    def to_projected(self, longitude: float, latitude: float) -> tuple[float, float]:
        """(x, y) in metres."""
        x, y = self._to_wgs84.transform(longitude, latitude, direction="INVERSE")
        return x, y

    def convergence(self, longitude: float, latitude: float) -> float:
        """Degrees from true north to grid north, clockwise positive: grid heading = true heading - convergence."""
        return float(_load_pyproj().Proj(self._crs).get_factors(longitude, latitude).meridian_convergence)

    def geometry_from(self, geometry: Json, source: Projection | None) -> Json:
        """A GeoJSON (multi)polygon from ``source`` (WGS84 if None) in this CRS."""
        if source == self:
            return geometry
        turn = _transformer(source._crs if source else _WGS84, self._crs)

        def walk(value: Any) -> Any:
            if isinstance(value[0], int | float):
                return list(turn.transform(value[0], value[1]))
            return [walk(part) for part in value]

        return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"])}


def _transformer(source: CRS | str, target: CRS | str) -> Transformer:
    """Takes and gives x before y, longitude before latitude, whatever the CRS says of its axes."""
    transformer: Transformer = _load_pyproj().Transformer.from_crs(source, target, always_xy=True)
    return transformer


def _load_pyproj() -> ModuleType:
    """Late, because it takes a tenth of all the time to load, and a batch without positions never needs it."""
    import pyproj

    return pyproj
