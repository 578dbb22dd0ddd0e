"""regions.geojson around the town, right and wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyproj

from tests.acceptance.inputs.scene import WGS84, Json, Scene

Ring = list[list[float]]


def square(scene: Scene, left: float, bottom: float, right: float, top: float) -> Ring:
    """A closed ring, in metres of the town's CRS from its middle, counter-clockwise as RFC 7946 wants it."""
    xs, ys = [view.x for view in scene.views], [view.y for view in scene.views]
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    return [[x + dx, y + dy] for dx, dy in corners]


def in_degrees(scene: Scene, ring: Ring, *, swapped: bool = False) -> Ring:
    """The ring in WGS84, longitude first unless swapped."""
    turn = pyproj.Transformer.from_crs(scene.place.crs, WGS84, always_xy=True)
    points = [turn.transform(x, y) for x, y in ring]
    return [[latitude, longitude] if swapped else [longitude, latitude] for longitude, latitude in points]


def polygon(name: str, *rings: Ring) -> Json:
    """A feature with a polygon."""
    return feature(name, {"type": "Polygon", "coordinates": list(rings)})


def feature(name: str, geometry: Json | None) -> Json:
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def write_regions(folder: Path, features: Sequence[Json], crs: str | None = None) -> None:
    """regions.geojson, with GeoJSON 2008's ``crs`` member if one is named."""
    document: Json = {"type": "FeatureCollection", "features": list(features)}
    if crs:
        document["crs"] = {"type": "name", "properties": {"name": crs}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "regions.geojson").write_text(json.dumps(document), encoding="utf-8")
