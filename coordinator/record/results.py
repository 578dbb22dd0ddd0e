"""What a run found, from the journal: GeoJSON and CSV of the objects, COCO of the detections.

GeoJSON goes out in WGS84 (RFC 7946); the projected coordinates and their CRS are properties.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.contract import MAX_METRES
from coordinator.core.paths import unmounted
from coordinator.pipeline import Per, Step
from coordinator.record.disk import write_text, written_aside
from coordinator.record.journal import Journal
from coordinator.strictjson import Json

OBJECTS_GEOJSON, OBJECTS_CSV, DETECTIONS = "objects.geojson", "objects.csv", "detections.json"

_PLACE = ("id", "longitude", "latitude", "x", "y", "z", "crs")
_WHAT = ("category", "category_score", "score", "views", "residual", "size")
_COLUMNS = (*_PLACE, *_WHAT)


def write_results(
    journal: Journal, steps: Sequence[Step], projection: Projection | None, out: Path
) -> list[Path]:
    """Writes every kind of result the run has something for; returns the files written."""
    written: list[Path] = []
    kinds = {step.per for step in steps}
    if projection is not None and kinds != {Per.ITEM}:
        objects = (item for item in journal.items(steps[-1].name) if is_object(item))
        features = [feature for item in objects if (feature := _feature(item, projection))]
        if features or Per.REGION in kinds:  # a step per batch may be there for the recordings alone
            written += [
                _write_geojson(out / OBJECTS_GEOJSON, features),
                _write_csv(out / OBJECTS_CSV, features),
            ]
    for step in steps:
        if any("detections" in item for item in journal.items(step.name)):
            written.append(_Coco(journal, step.name).write(out / DETECTIONS))
            break
    return written


def is_object(item: Json) -> bool:
    """Whether an item is something with a place on the map."""
    position = item.get("position")
    return isinstance(position, dict) and all(_is_number(position.get(axis)) for axis in ("x", "y"))


def _is_number(value: object) -> bool:
    """Whether it is a number with which one can calculate: products of larger ones are not finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_METRES


def _feature(item: Json, projection: Projection) -> Json | None:
    """The object as GeoJSON; None where the projection has ended, which is no place on a map."""
    position = item["position"]
    longitude, latitude = projection.to_wgs84(position["x"], position["y"])
    if not math.isfinite(longitude + latitude):
        return None
    passed_on = {name: value for name, value in item.items() if name not in ("id", "position")}
    return {
        "type": "Feature",
        "id": item["id"],
        "geometry": {"type": "Point", "coordinates": [round(longitude, 9), round(latitude, 9)]},
        "properties": {
            "id": item["id"],
            "x": position["x"],
            "y": position["y"],
            "z": position.get("z"),
            "crs": projection.name,
            **passed_on,
            "observations": [_observation(view) for view in _dicts(item.get("observations"))],
        },
    }


def _dicts(value: object) -> list[Json]:
    """The objects in a list; a step of somebody else's may mean something else by the same name."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


def _observation(view: Json) -> Json:
    """An observation without what the batch already says of its recording."""
    return {
        name: view[name]
        for name in ("recording", "detection", "bbox", "score", "label", "distance")
        if name in view
    }


def _write_geojson(path: Path, features: list[Json]) -> Path:
    body = ",\n".join(json.dumps(feature, ensure_ascii=False, allow_nan=False) for feature in features)
    write_text(path, f'{{"type": "FeatureCollection", "features": [\n{body}\n]}}\n')
    return path


def _write_csv(path: Path, features: list[Json]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for feature in features:
        longitude, latitude = feature["geometry"]["coordinates"]
        writer.writerow({**feature["properties"], "longitude": longitude, "latitude": latitude})
    write_text(path, text.getvalue())
    return path


class _Coco:
    """The detections of a step's items as COCO; read from the journal anew for each of its lists."""

    def __init__(self, journal: Journal, step: str) -> None:
        self._journal = journal
        self._step = step
        labels = {_label(detection) for _, _, detection in self._detections()}
        self._categories = {label: number for number, label in enumerate(sorted(labels), start=1)}

    def write(self, path: Path) -> Path:
        """Streams the document to ``path``; it is there whole or not at all."""
        lists = {"images": self._images(), "annotations": self._annotations(), "categories": self._labels()}
        with written_aside(path) as file:
            for number, (name, entries) in enumerate(lists.items()):
                file.write(("{" if number == 0 else ",\n") + f'"{name}": [')
                for count, entry in enumerate(entries):
                    file.write(
                        (",\n" if count else "\n") + json.dumps(entry, ensure_ascii=False, allow_nan=False)
                    )
                file.write("\n]")
            file.write("}\n")
        return path

    def _recordings(self) -> Iterator[tuple[int, Json]]:
        return enumerate((item for item in self._journal.items(self._step) if "detections" in item), start=1)

    def _detections(self) -> Iterator[tuple[int, int, Json]]:
        """(annotation number, image number, detection)"""
        number = 0
        for image, item in self._recordings():
            for detection in _dicts(item["detections"]):
                if _is_box(detection.get("bbox")):
                    number += 1
                    yield number, image, detection

    def _images(self) -> Iterator[Json]:
        for number, item in self._recordings():
            file_name = unmounted(str(item.get("image")))
            yield {
                "id": number,
                "file_name": file_name,
                "width": item.get("width"),
                "height": item.get("height"),
            }

    def _annotations(self) -> Iterator[Json]:
        for number, image, detection in self._detections():
            x, y, width, height = detection["bbox"]
            yield {
                "id": number,
                "image_id": image,
                "category_id": self._categories[_label(detection)],
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": 0,
                "score": detection.get("score", 1.0),
            }

    def _labels(self) -> Iterator[Json]:
        for label, number in self._categories.items():
            yield {"id": number, "name": label}


def _label(detection: Json) -> str:
    return str(detection.get("label") or "object")
