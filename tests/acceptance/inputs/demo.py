"""The demo's batch as a town: its recordings and true signs, exactly seen, and what a format can tell of it.

A format that has no place for pitch and roll, for heights or for a lens cannot give them back. For each such loss there
is a demo that was taken as the format supposes it: level, at one height, with a whole focal length. What is compared
is then the reading alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyproj

from tests.acceptance.inputs.scene import WGS84, Place, Scene, Sign, View, convergence, seen

_DEMO = Path(__file__).resolve().parents[3] / "images" / "demo"
_CRS = "EPSG:28992"
_LENS = ("fx", "fy", "cx", "cy")

Loss = Callable[[View], View]


def demo(*losses: Loss, only: str | None = None) -> Scene:
    """The demo as formats with these losses suppose it; ``only`` keeps the recordings of one camera model."""
    signs = tuple(_signs())
    views = []
    for row in csv.DictReader((_DEMO / "recordings.csv").open(encoding="utf-8")):
        if only in (None, row["camera"]):
            view = _view(row)
            for lose in losses:
                view = lose(view)
            views.append(view.on(boxes=seen(view, signs)))
    middle = views[len(views) // 2]
    place = Place(name="demo", longitude=middle.longitude, latitude=middle.latitude, crs=_CRS)
    return Scene(place=place, signs=signs, views=tuple(views))


def level(view: View) -> View:
    """Without pitch and roll."""
    return view.on(pitch=0.0, roll=0.0)


def level_forward(view: View) -> View:
    """Without the pitch and roll of a forward camera: EXIF has no tags for them, GPano is for panoramas."""
    return view if view.camera["model"] == "equirectangular" else level(view)


def at_one_height(view: View) -> View:
    """Without heights: they all count as 0, and the signs' heights from there."""
    return view.on(z=0.0)


def whole_focal_length(view: View) -> View:
    """Without fractions of a millimetre in the 35 mm focal length, as EXIF has it."""
    if view.camera["model"] == "equirectangular":
        return view
    scale = 36.0 / view.width
    focal = round(view.camera["fx"] * scale) / scale
    return view.on(camera={**view.camera, "fx": focal, "fy": focal})


def _view(row: dict[str, str]) -> View:
    x, y = float(row["x"]), float(row["y"])
    longitude, latitude = _to_wgs84(x, y)
    lens = {name: float(row[name]) for name in _LENS if row[name]}
    heading = float(row["heading"])
    return View(
        image=row["image"],
        x=x,
        y=y,
        z=float(row["z"]),
        longitude=longitude,
        latitude=latitude,
        heading=heading,
        true_heading=(heading + convergence(_CRS, longitude, latitude)) % 360.0,
        pitch=float(row["pitch"]),
        roll=float(row["roll"]),
        time=datetime.fromisoformat(row["time"]),
        camera={"model": row["camera"], **lens},
        width=int(row["width"]),
        height=int(row["height"]),
    )


def _signs() -> list[Sign]:
    signs = []
    for feature in json.loads((_DEMO / "truth.geojson").read_text(encoding="utf-8"))["features"]:
        facts = feature["properties"]
        longitude, latitude = _to_wgs84(facts["x"], facts["y"])
        place = {"longitude": longitude, "latitude": latitude, "size": facts["size"]}
        signs.append(Sign(x=facts["x"], y=facts["y"], z=facts["z"], **place))
    return signs


def _to_wgs84(x: float, y: float) -> tuple[float, float]:
    longitude, latitude = pyproj.Transformer.from_crs(_CRS, WGS84, always_xy=True).transform(x, y)
    return longitude, latitude
