"""The town as records of services: Mapillary's tools and API, STAC items as Panoramax gives them.

mapillary_image_description.json: the JSON Schema of mapillary_tools. API: Mapillary's documentation of version 4.
STAC: version 1.0.0 with the extensions perspective-imagery and view; Panoramax adds ``pers:pitch, pers:roll, pers:yaw``
and ``field_of_view`` (its documentation, "Compatibility with STAC API").
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np

from steps.stepkit.camera import rotation
from tests.acceptance.inputs.boxes import write_json
from tests.acceptance.inputs.scene import Json, Scene, View

_FIRST_ID = 498763468214164


def description(view: View) -> Json:
    """An entry of mapillary_image_description.json."""
    heading = view.true_heading % 360.0
    return {
        "filename": view.image,
        "filetype": "image",
        "MAPFilename": view.image,
        "MAPLatitude": round(view.latitude, 9),
        "MAPLongitude": round(view.longitude, 9),
        "MAPAltitude": round(view.z, 3),
        "MAPCaptureTime": view.time.strftime("%Y_%m_%d_%H_%M_%S_000"),
        "MAPCompassHeading": {"TrueHeading": heading, "MagneticHeading": heading},
        "MAPOrientation": 1,
    }


def write_descriptions(folder: Path, scene: Scene, *, failed: bool = False) -> None:
    """mapillary_image_description.json, with ``failed`` an entry more that has none."""
    entries = [description(view) for view in scene.views]
    if failed:
        error = {"type": "MapillaryGeoTaggingError", "message": "Unable to extract GPS"}
        entries.append({"error": error, "filetype": "image", "filename": "elsewhere.jpg"})
    write_json(folder / "mapillary_image_description.json", entries)


def by_mapillary_id(scene: Scene) -> Scene:
    """The town with photographs that bear Mapillary's ids as names: so they are saved from its API."""
    views = tuple(view.on(image=f"{_FIRST_ID + number}.jpg") for number, view in enumerate(scene.views))
    return Scene(place=scene.place, signs=scene.signs, views=views)


def api_record(view: View, *, computed: bool = True) -> Json:
    """An image of Mapillary's API. With ``computed``, the raw fields are as bad as a phone's receiver and compass."""
    point = [round(view.longitude, 9), round(view.latitude, 9)]
    raw = [point[0] + 4e-5, point[1] - 3e-5] if computed else point
    heading = view.true_heading % 360.0
    record: Json = {
        "id": view.image.partition(".")[0],
        "captured_at": round(view.time.timestamp() * 1000),
        "geometry": {"type": "Point", "coordinates": raw},
        "compass_angle": (heading + 7.0) % 360.0 if computed else heading,
        "altitude": round(view.z + (6.0 if computed else 0.0), 3),
        "exif_orientation": 1,
        "width": view.width,
        "height": view.height,
        **_api_camera(view),
    }
    if computed:
        turn, _ = cv2.Rodrigues(rotation(view.true_heading, view.pitch, view.roll).T)
        record |= {
            "computed_geometry": {"type": "Point", "coordinates": point},
            "computed_compass_angle": heading,
            "computed_altitude": round(view.z, 3),
            "computed_rotation": [float(value) for value in turn.ravel()],
        }
    return record


def _api_camera(view: View) -> Json:
    if view.camera["model"] == "equirectangular":
        return {"camera_type": "spherical", "camera_parameters": []}
    focal = view.camera["fx"] / max(view.width, view.height)
    return {"camera_type": "perspective", "camera_parameters": [focal, 0.0, 0.0]}


def write_api_records(folder: Path, scene: Scene, *, lines: bool = False, computed: bool = True) -> None:
    """Answers of the API, saved: ``{"data": [...]}`` as JSON, or an image a line."""
    records = [api_record(view, computed=computed) for view in scene.views]
    if lines:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "images.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    else:
        write_json(folder / "images.json", {"data": records})


def stac_item(view: View, *, heights: bool = True, angles: bool = True, href: str | None = None) -> Json:
    """A STAC item of one photograph, as Panoramax describes it."""
    place = [round(view.longitude, 9), round(view.latitude, 9), *([round(view.z, 3)] if heights else [])]
    heading = view.true_heading % 360.0
    properties: Json = {
        "datetime": view.time.isoformat(),
        "license": "CC-BY-SA-4.0",
        "view:azimuth": heading,
        "pers:interior_orientation": _interior(view),
    }
    if angles:
        properties |= {"pers:yaw": heading, "pers:pitch": view.pitch, "pers:roll": view.roll}
    asset = {"href": href or f"./{view.image}", "type": "image/jpeg", "roles": ["data"]}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
            "https://stac-extensions.github.io/perspective-imagery/v1.0.0/schema.json",
        ],
        "id": view.image.partition(".")[0],
        "collection": "street",
        "geometry": {"type": "Point", "coordinates": place},
        "bbox": [*place[:2], *place[:2]],
        "links": [],
        "assets": {"hd": asset},
        "properties": properties,
    }


def _interior(view: View) -> Json:
    camera = {"camera_manufacturer": "Maker", "camera_model": "Model"}
    size = {"sensor_array_dimensions": [view.width, view.height]}
    if view.camera["model"] == "equirectangular":
        return {**camera, **size, "field_of_view": 360}
    fov = math.degrees(2 * np.arctan(view.width / 2 / view.camera["fx"]))
    spacing = 36.0 / view.width
    focal = {"focal_length": view.camera["fx"] * spacing, "pixel_spacing": [spacing, spacing]}
    return {**camera, **size, **focal, "field_of_view": fov}


def write_stac(folder: Path, scene: Scene, *, apart: bool = False, **how: bool) -> None:
    """The answer of a search, or a file for every item."""
    items = [stac_item(view, **how) for view in scene.views]  # type: ignore[arg-type]
    if apart:
        for item in items:
            write_json(folder / f"{item['id']}.json", item)
    else:
        write_json(folder / "items.json", {"type": "FeatureCollection", "features": items, "links": []})
