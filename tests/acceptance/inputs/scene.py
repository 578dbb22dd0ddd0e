"""A small made town at any place on Earth: a street, a few signs beside it, recordings along it, and what they see.

Everything is exact and the same every time, so a batch that is read rightly gives every sign back to the centimetre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj

from steps.stepkit.camera import rays_to_pixels, rotation

Json = dict[str, Any]
Box = tuple[float, float, float, float]

WGS84 = "EPSG:4326"
PANORAMA: Json = {"model": "equirectangular"}
FORWARD: Json = {"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 179.5, "cy": 119.5}
"""As of 24 mm on 35 mm film, whether by the width or by the diagonal: the image is as 3 to 2."""
SIZES = {"equirectangular": (200, 100), "pinhole": (360, 240)}
"""Width and height in pixels of the images of each camera."""
_START = datetime(2024, 5, 14, 10, 0, 0, tzinfo=UTC)
_CAMERA_HEIGHT = 2.0
_SIGNS = ((-6.5, 3.2, 3.0), (1.0, -4.4, 2.6), (7.5, 5.1, 3.2))
"""Metres along the street from its middle, to the right of it, and above the ground."""
_SIGNS_AHEAD = ((16.0, 3.4, 3.0), (20.0, -4.2, 2.6), (25.0, 4.6, 3.2))
_SIZE = 0.6
_SEEN_TO = 40.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a town stands: degrees of WGS84, and the projected CRS that people there use."""

    name: str
    longitude: float
    latitude: float
    crs: str
    declination: float = 0.0
    """Degrees from true north to magnetic north on 14 May 2024, by NOAA's calculator for the World Magnetic Model."""


AMSTERDAM = Place(name="Amsterdam", longitude=4.9, latitude=52.4, crs="EPSG:28992")
SEATTLE = Place(name="Seattle", longitude=-122.3, latitude=47.6, crs="EPSG:32610", declination=15.2)
BUENOS_AIRES = Place(name="Buenos Aires", longitude=-58.4, latitude=-34.6, crs="EPSG:32721")
CAPE_TOWN = Place(name="Cape Town", longitude=18.42, latitude=-33.92, crs="EPSG:32734", declination=-25.9)
SYDNEY = Place(name="Sydney", longitude=151.2, latitude=-33.87, crs="EPSG:7856")
FIJI = Place(name="Taveuni, on the antimeridian", longitude=180.0, latitude=-16.8, crs="EPSG:32760")
KARLSRUHE = Place(name="Karlsruhe", longitude=8.4, latitude=49.0, crs="EPSG:25832")
CORNWALL = Place(name="Scilly", longitude=-6.3, latitude=49.92, crs="EPSG:25830")
PARIS = Place(name="Paris", longitude=2.35, latitude=48.85, crs="EPSG:2154")


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A true sign: its centre in metres of the town's CRS, its place in degrees, its side in metres."""

    x: float
    y: float
    z: float
    longitude: float
    latitude: float
    size: float = _SIZE


@dataclass(frozen=True, kw_only=True)
class View:
    """One recording: metres in the town's CRS, degrees; ``heading`` counts from grid north, ``true_heading`` from true.

    ``boxes`` has a box for each sign that it sees, in COCO's pixels.
    """

    image: str
    x: float
    y: float
    z: float
    longitude: float
    latitude: float
    heading: float
    true_heading: float
    time: datetime
    camera: Json
    width: int
    height: int
    pitch: float = 0.0
    roll: float = 0.0
    boxes: tuple[Box, ...] = ()

    def on(self, **changes: Any) -> View:
        """The same with some facts changed: as a file would have them that tells them wrong."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The town: true signs and recordings. ``views`` are in the order in which they were taken."""

    place: Place
    signs: tuple[Sign, ...]
    views: tuple[View, ...] = field(default=())

    def changed(self, **changes: Any) -> Scene:
        """All recordings with some facts changed."""
        return replace(self, views=tuple(view.on(**changes) for view in self.views))


def town(
    place: Place = AMSTERDAM,
    *,
    camera: Json = PANORAMA,
    count: int = 8,
    bearing: float = 20.0,
    spacing: float = 4.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    altitude: float = 0.0,
) -> Scene:
    """A straight street in the grid direction ``bearing``, driven once, the cameras looking along it.

    ``altitude`` lifts everything, in metres. Pitch and roll in degrees are those of every camera.
    """
    to_wgs84 = _transformer(place.crs)
    middle = to_wgs84.transform(place.longitude, place.latitude, direction="INVERSE")
    along = np.array([math.sin(math.radians(bearing)), math.cos(math.radians(bearing))])
    aside = np.array([along[1], -along[0]])
    signs = []
    for ahead, right, height in _SIGNS if camera["model"] == "equirectangular" else _SIGNS_AHEAD:
        x, y = middle + ahead * along + right * aside
        longitude, latitude = to_wgs84.transform(x, y)
        signs.append(Sign(x=x, y=y, z=height + altitude, longitude=longitude, latitude=latitude))
    views = []
    for number in range(count):
        x, y = middle + (number - (count - 1) / 2) * spacing * along
        longitude, latitude = to_wgs84.transform(x, y)
        width, height = SIZES[camera["model"]]
        view = View(
            image=f"r{number:03d}.jpg",
            x=float(x),
            y=float(y),
            z=_CAMERA_HEIGHT + altitude,
            longitude=longitude,
            latitude=latitude,
            heading=bearing,
            true_heading=(bearing + convergence(place.crs, longitude, latitude)) % 360.0,
            time=_START + timedelta(seconds=number),
            camera=camera,
            width=width,
            height=height,
            pitch=pitch,
            roll=roll,
        )
        views.append(view.on(boxes=seen(view, signs)))
    return Scene(place=place, signs=tuple(signs), views=tuple(views))


def seen(view: View, signs: list[Sign] | tuple[Sign, ...]) -> tuple[Box, ...]:
    """The boxes of the signs in the picture: squares of a sign's size at its distance around its centre."""
    turn = rotation(view.heading, view.pitch, view.roll)
    boxes = []
    for sign in signs:
        ray = turn.T @ np.array([sign.x - view.x, sign.y - view.y, sign.z - view.z])
        u, v = rays_to_pixels(view.camera, view.width, view.height, ray)[0]
        distance = float(np.linalg.norm(ray))
        if view.camera["model"] == "equirectangular":
            side = sign.size / distance / math.pi * view.height
        else:
            side = sign.size / ray[2] * view.camera["fx"] if ray[2] > 0 else math.nan
        x, y = u + 0.5 - side / 2, v + 0.5 - side / 2
        inside = side > 0 and x >= 0 and y >= 0 and x + side <= view.width and y + side <= view.height
        if distance <= _SEEN_TO and inside:
            boxes.append((float(x), float(y), float(side), float(side)))
    return tuple(boxes)


def convergence(crs: str, longitude: float, latitude: float) -> float:
    """Degrees from true north to grid north, clockwise positive, by the grid's own northward step.

    It is worked out from two places and not by PROJ's factors, so that the two check each other.
    """
    to_wgs84 = _transformer(crs)
    x, y = to_wgs84.transform(longitude, latitude, direction="INVERSE")
    ahead = to_wgs84.transform(x, y + 50.0)
    azimuth, _, _ = pyproj.Geod(ellps="WGS84").inv(longitude, latitude, *ahead)
    return float(azimuth)


def projected(scene: Scene, crs: str) -> list[tuple[float, float]]:
    """The recordings' x, y in another CRS, in its own units and with x before y."""
    turn = _transformer(crs)
    return [turn.transform(view.longitude, view.latitude, direction="INVERSE") for view in scene.views]


@lru_cache(maxsize=64)
def _transformer(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
