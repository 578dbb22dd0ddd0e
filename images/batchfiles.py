"""Writing a batch folder: recordings.csv, batch.yaml and truth.geojson, the same bytes for the same values."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyproj
import yaml

_COLUMNS = (
    *("id", "image", "x", "y", "z", "heading", "pitch", "roll", "camera"),
    *("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "width", "height", "time"),
)


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a camera stood and looked: metres (x east, y north, z up) and degrees, as in ``steps.stepkit.camera``."""

    x: float
    y: float
    z: float
    heading: float
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One row of recordings.csv. ``camera`` is an item's camera; ``image`` is relative to the batch."""

    id: str
    image: str
    pose: Pose
    camera: dict[str, Any]
    width: int
    height: int
    time: str = ""


@dataclass(frozen=True, kw_only=True)
class TrueObject:
    """An object that really stands there: metres in the batch's CRS, ``size`` its larger side in metres.

    ``facing`` is where its face looks to, in degrees clockwise from grid north.
    """

    id: str
    x: float
    y: float
    z: float
    category: str | None
    size: float | None
    facing: float | None = None


def write_recordings(folder: Path, recordings: Iterable[Recording]) -> None:
    """Write recordings.csv; positions to the micrometre, angles to 1e-9 degree."""
    with (folder / "recordings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_row(recording) for recording in recordings)


def write_settings(
    folder: Path,
    name: str,
    crs: str,
    *,
    region_size: float,
    halo: float,
    accuracy: dict[str, float] | None = None,
) -> None:
    """Write batch.yaml; region size and halo in metres, the poses' accuracy as it stands there."""
    settings: dict[str, Any] = {"name": name, "crs": crs, "region": {"size": region_size, "halo": halo}}
    if accuracy:
        settings["accuracy"] = accuracy
    (folder / "batch.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def write_truth(folder: Path, objects: Iterable[TrueObject], crs: str) -> None:
    """Write truth.geojson: WGS84 points (RFC 7946) that carry the projected x, y, z as properties."""
    to_wgs84 = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    features = []
    for true in objects:
        longitude, latitude = to_wgs84.transform(true.x, true.y)
        properties = {
            "id": true.id,
            "x": round(true.x, 4),
            "y": round(true.y, 4),
            "z": round(true.z, 4),
            "crs": crs,
            "category": true.category,
            "size": true.size,
            **({} if true.facing is None else {"facing": round(true.facing, 2)}),
        }
        point = {"type": "Point", "coordinates": [round(longitude, 8), round(latitude, 8)]}
        features.append({"type": "Feature", "geometry": point, "properties": properties})
    write_json(folder / "truth.geojson", {"type": "FeatureCollection", "features": features})


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON document with one element of its outer lists a line, so that it can be read and compared."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list):
            lines = ",\n  ".join(json.dumps(element, allow_nan=False) for element in value)
            parts.append(f"{json.dumps(key)}: [\n  {lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def _row(recording: Recording) -> dict[str, Any]:
    pose, camera = recording.pose, recording.camera
    metres = {name: round(getattr(pose, name), 6) for name in ("x", "y", "z")}
    degrees = {name: round(getattr(pose, name), 9) for name in ("heading", "pitch", "roll")}
    lens = {name: value for name, value in camera.items() if name != "model"}
    own = {"id": recording.id, "image": recording.image, "camera": camera["model"], "time": recording.time}
    return {**own, **metres, **degrees, **lens, "width": recording.width, "height": recording.height}
