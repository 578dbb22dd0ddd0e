"""Turn the sample of Krylov et al. (traffic lights of Regent Street, London) into a batch for the position step.

``python -m images.london LONDON_SAMPLE OUT`` reads ``detection_input.csv`` (where a panorama of Google Street View was
taken, the bearing of a traffic light in whole degrees, and how far away a network guessed it to be) and
``ground_truth.csv`` and writes recordings.csv, detections.json (COCO), truth.geojson and batch.yaml. The photographs
are not part of the data: each place becomes a panorama that looks north, and each detection the box in it that an
object of HEIGHT_M has at the guessed distance. Heights of places and objects are not known: all are level.

What the data's own form says of its accuracy goes into the batch: bearings in whole degrees are off by up to half a
degree, positions are those of a car's satellite receiver among houses.

The data: Krylov, Kenny and Dahyot, "Automatic Discovery and Geotagging of Objects from Street View Imagery", Remote
Sensing 10(5):661, 2018 (MIT).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyproj

from images.batchfiles import Pose, Recording, TrueObject, write_json, write_recordings, write_truth

CRS = "EPSG:32630"
HEIGHT_M = 1.0
"""Of a signal head with its board, roughly; it only has to be the same for all."""
ACCURACY = {"position_m": 2.5, "heading_deg": 1.0}
"""Street View's places are 2 to 3 m off; a bearing is a whole degree (0.3 degrees) of a mask's middle and a heading."""
_WIDTH, _HEIGHT = 7200, 3600

Row = tuple[float, float, float, float]
"""x and y in metres, bearing in degrees from grid north, distance in metres."""


def convert(source: Path, out: Path) -> None:
    """Write the batch to ``out``. Raises OSError for missing files, KeyError or ValueError for other ones."""
    out.mkdir(parents=True, exist_ok=True)
    places: dict[tuple[float, float], list[Row]] = defaultdict(list)
    for row in _detections(source / "detection_input.csv"):
        places[row[:2]].append(row)
    recordings = [_recording(number, *place) for number, place in enumerate(places)]
    write_recordings(out, recordings)
    write_json(out / "detections.json", _coco(recordings, list(places.values())))
    write_truth(out, _truth(source / "ground_truth.csv"), CRS)
    settings = {"name": "london", "crs": CRS, "region": {"size": 1000, "halo": 60}, "accuracy": ACCURACY}
    # JSON is YAML, too.
    (out / "batch.yaml").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _detections(path: Path) -> list[Row]:
    projected = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    grid = pyproj.Proj(CRS)
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            longitude, latitude = float(row["lon"]), float(row["lat"])
            x, y = projected.transform(longitude, latitude)
            north = grid.get_factors(longitude, latitude).meridian_convergence
            rows.append((x, y, float(row["bearing"]) - north, float(row["depth"])))
    return rows


def _recording(number: int, x: float, y: float) -> Recording:
    name = f"r{number:03d}.jpg"
    camera = {"model": "equirectangular"}
    pose = Pose(x=x, y=y, z=0.0, heading=0.0)
    return Recording(id=name, image=name, pose=pose, camera=camera, width=_WIDTH, height=_HEIGHT)


def _coco(recordings: list[Recording], seen: list[list[Row]]) -> dict[str, Any]:
    images = [
        {"id": number, "file_name": recording.image, "width": _WIDTH, "height": _HEIGHT}
        for number, recording in enumerate(recordings)
    ]
    boxes = [(number, _bbox(bearing, away)) for number, rows in enumerate(seen) for *_, bearing, away in rows]
    annotations = [
        {"id": at, "image_id": number, "category_id": 1, "bbox": bbox, "score": 1.0}
        for at, (number, bbox) in enumerate(boxes, 1)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "traffic_light"}]}


def _bbox(bearing: float, away: float) -> list[float]:
    """The box of an upright square of HEIGHT_M at eye level, in a panorama whose middle looks north."""
    side = 2 * math.atan2(HEIGHT_M / 2, away) / (2 * math.pi) * _WIDTH
    middle = (bearing / 360 + 0.5) * _WIDTH
    return [
        round((middle - side / 2) % _WIDTH, 3),
        round(_HEIGHT / 2 - side / 2, 3),
        round(side, 3),
        round(side, 3),
    ]


def _truth(path: Path) -> list[TrueObject]:
    projected = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    with path.open(newline="", encoding="utf-8") as file:
        places = [projected.transform(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)]
    return [
        TrueObject(id=f"l{at:02d}", x=x, y=y, z=0.0, category=None, size=None)
        for at, (x, y) in enumerate(places)
    ]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m images.london", description="traffic lights of London -> a batch"
    )
    parser.add_argument("source", type=Path, help="folder with detection_input.csv and ground_truth.csv")
    parser.add_argument("out", type=Path, help="batch folder to write")
    options = parser.parse_args(arguments)
    convert(options.source, options.out)


if __name__ == "__main__":
    main()
