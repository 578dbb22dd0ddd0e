"""WGS84 between longitude, latitude, altitude; earth-centred coordinates (ECEF); and east, north, up at a place.

Degrees and metres; altitude is the height above the ellipsoid, or what a file calls altitude: nothing is added to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from coordinator.formats.attitude import Matrix, Vector, angles, product

_A = 6_378_137.0
_F = 1 / 298.257223563
_B = _A * (1 - _F)
_E2 = _F * (2 - _F)
_SECOND_E2 = _E2 / (1 - _E2)
LOWEST, HIGHEST = 6_340_000.0, 6_400_000.0
"""Metres from the Earth's centre between which its surface lies, with room for every street."""


@dataclass(frozen=True)
class Place:
    """A point of WGS84."""

    longitude: float
    latitude: float
    altitude: float = 0.0

    def ecef(self) -> Vector:
        """Earth-centred coordinates in metres."""
        longitude, latitude = math.radians(self.longitude), math.radians(self.latitude)
        curvature = _A / math.sqrt(1 - _E2 * math.sin(latitude) ** 2)
        level = (curvature + self.altitude) * math.cos(latitude)
        up = (curvature * (1 - _E2) + self.altitude) * math.sin(latitude)
        return level * math.cos(longitude), level * math.sin(longitude), up

    def axes(self) -> Matrix:
        """Rows: the directions of east, north and up there, in earth-centred coordinates."""
        longitude, latitude = math.radians(self.longitude), math.radians(self.latitude)
        so, co = math.sin(longitude), math.cos(longitude)
        sa, ca = math.sin(latitude), math.cos(latitude)
        return (-so, co, 0.0), (-sa * co, -sa * so, ca), (ca * co, ca * so, sa)


def place(ecef: Vector) -> Place:
    """The place of earth-centred coordinates in metres; to less than a micrometre near the Earth's surface.

    Bowring, "Transformation from spatial to geographical coordinates", Survey Review 1976, its iteration done twice.
    """
    x, y, z = ecef
    level = math.hypot(x, y)
    reduced = math.atan2(z * _A, level * _B)
    latitude = 0.0
    for _ in range(2):
        latitude = math.atan2(
            z + _SECOND_E2 * _B * math.sin(reduced) ** 3, level - _E2 * _A * math.cos(reduced) ** 3
        )
        reduced = math.atan2((1 - _F) * math.sin(latitude), math.cos(latitude))
    sine, cosine = math.sin(latitude), math.cos(latitude)
    curvature = _A / math.sqrt(1 - _E2 * sine**2)
    # Of level / cos and z / sin, each is ill-conditioned somewhere; this sum is so nowhere.
    altitude = level * cosine + z * sine - _A * _A / curvature
    return Place(math.degrees(math.atan2(y, x)), math.degrees(latitude), altitude)


def posed(centre: Vector, turn: Matrix) -> dict[str, float]:
    """The fields of a row for a camera in earth-centred coordinates: its centre, and its rotation from camera to them.

    The heading counts from the true north of the camera's own place.
    """
    here = place(centre)
    heading, pitch, roll = angles(product(here.axes(), turn))
    where = {"longitude": here.longitude, "latitude": here.latitude, "altitude": here.altitude}
    return {**where, "heading": heading, "pitch": pitch, "roll": roll}
