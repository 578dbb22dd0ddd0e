"""The batch's projected coordinate reference system, and its way to WGS84 and back.

pyproj takes a tenth of a second to load, and a batch without positions never needs it: it is imported late.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from coordinator.contract import Json
from coordinator.errors import BatchError

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
        from pyproj.exceptions import CRSError

        projection = cls(name)
        try:
            crs = projection._crs
        except CRSError as error:
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
        from pyproj import CRS

        return CRS.from_user_input(self.name)

    @cached_property
    def _to_wgs84(self) -> Transformer:
        from pyproj import Transformer

        return Transformer.from_crs(self._crs, _WGS84, always_xy=True)

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
        from pyproj import Proj

        return float(Proj(self._crs).get_factors(longitude, latitude).meridian_convergence)

    def geometry_from(self, geometry: Json, source: Projection | None) -> Json:
        """A GeoJSON (multi)polygon from ``source`` (WGS84 if None) in this CRS."""
        from pyproj import Transformer

        if source == self:
            return geometry
        turn = Transformer.from_crs(source._crs if source else _WGS84, self._crs, always_xy=True)

        def walk(value: Any) -> Any:
            if isinstance(value[0], int | float):
                return list(turn.transform(value[0], value[1]))
            return [walk(part) for part in value]

        return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"])}
