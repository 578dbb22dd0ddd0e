"""What a run found, from the journal: GeoJSON and CSV of the objects, COCO of the detections.

Beside them a GeoPackage with everything that can be shown on a map, and the recordings as GeoJSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from typing import Protocol, TextIO

from coordinator.batch.crs import Projection
from coordinator.core.paths import unmounted
from coordinator.pipeline import Per, Step
from coordinator.record.disk import written_aside
from coordinator.record.gis.write import OBJECTS_GPKG, Content, write_geopackage
from coordinator.record.journal import FailedTask
from coordinator.record.objects import features, is_number, is_object, place
from coordinator.record.osm import write_osm
from coordinator.record.recorded import Recorded, items_of_recordings, observed_in, recorded
from coordinator.record.reviewed import REVIEWED, matched_features, reviewed
from coordinator.record.reviewfile import read_kept
from coordinator.record.surroundings import Surroundings
from coordinator.record.texts import in_table
from coordinator.strictjson import Json

OBJECTS_GEOJSON, OBJECTS_CSV, DETECTIONS = "objects.geojson", "objects.csv", "detections.json"
OBJECTS_OSM, RECORDINGS_GEOJSON = "objects.osm", "recordings.geojson"
UNREVIEWED = "objects.unreviewed.geojson"
"""What the run itself says, where a review has changed it."""

_PLACE = ("id", "longitude", "latitude", "x", "y", "z", "crs")
_WHAT = ("category", "category_score", "score", "views", "residual", "size")
_SAID = ("traffic_sign", "facing", "facing_sd", "height_above_road", "first_seen", "last_seen", "photo")
_COLUMNS = (*_PLACE, *_WHAT, *_SAID)
_NOTHING = Surroundings()
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class Items(Protocol):
    """A journal, open for writing or read from outside."""

    def items(self, step: str) -> Iterator[Json]:
        """Every item that a step's tasks gave."""
        ...

    def failures(self) -> Iterator[FailedTask]:
        """The tasks that failed."""
        ...


def write_results(
    journal: Items,
    steps: Sequence[Step],
    projection: Projection | None,
    out: Path,
    around: Surroundings = _NOTHING,
) -> list[Path]:
    """Writes every kind of result the run has something for, as its review leaves it; returns the files written.

    Raises UsageError if the review that the run folder keeps was damaged.
    """
    written: list[Path] = []
    kinds = {step.per for step in steps}
    if projection is not None and kinds != {Per.ITEM}:
        objects = list(_objects(journal, steps))
        if objects or Per.REGION in kinds:  # a step per batch may be there for the recordings alone
            written += _write_map(journal, steps, projection, out, objects, around)
    for step in steps:
        if any("detections" in item for item in journal.items(step.name)):
            written.append(_Coco(journal, step.name).write(out / DETECTIONS))
            break
    return written


def object_features(journal: Items, steps: Sequence[Step], projection: Projection) -> list[Json]:
    """The objects of the last step as GeoJSON features, as the run itself says them; without what recordings tell."""
    return features(_objects(journal, steps), projection, {})


def _objects(journal: Items, steps: Sequence[Step]) -> Iterator[Json]:
    return (item for item in journal.items(steps[-1].name) if is_object(item))


def _write_map(
    journal: Items,
    steps: Sequence[Step],
    projection: Projection,
    out: Path,
    objects: Sequence[Json],
    around: Surroundings,
) -> list[Path]:
    seen: dict[str, Recorded] = {}
    decisions = read_kept(out)
    found = cache(lambda: features(objects, projection, seen))

    def left() -> list[Json]:
        return reviewed(found(), matched_features(found(), decisions)) if decisions else found()

    with written_aside(out / RECORDINGS_GEOJSON) as file:
        listed = _listed(_recordings(journal, steps, around), projection, file)
        passing = _held(listed, observed_in(objects), seen)
        content = Content(recordings=passing, seen=seen, features=left, failures=journal.failures())
        write_geopackage(out / OBJECTS_GPKG, projection, content, around)
    columns = (*_COLUMNS, *REVIEWED) if decisions else _COLUMNS
    written = [_write_geojson(out / OBJECTS_GEOJSON, left()), _write_csv(out / OBJECTS_CSV, left(), columns)]
    written += [write_osm(out / OBJECTS_OSM, left()), out / RECORDINGS_GEOJSON, out / OBJECTS_GPKG]
    if decisions:
        return [*written, _write_geojson(out / UNREVIEWED, found())]
    (out / UNREVIEWED).unlink(missing_ok=True)
    return written


def _held(recordings: Iterable[Recorded], wanted: Set[str], seen: dict[str, Recorded]) -> Iterator[Recorded]:
    """The recordings as they pass by; those that are ``wanted`` are held in ``seen``."""
    for one in recordings:
        if one.id in wanted:
            seen[one.id] = one
        yield one


def _listed(recordings: Iterable[Recorded], projection: Projection, file: TextIO) -> Iterator[Recorded]:
    """The recordings as they pass by; ``file`` is a GeoJSON of them when they have."""
    with _collection(file) as add:
        for one in recordings:
            if (feature := place(projection, one)) is not None:
                add(feature)
            yield one


def _recordings(journal: Items, steps: Sequence[Step], around: Surroundings) -> Iterator[Recorded]:
    """The journal's, whose poses are those that steps have refined; the batch's where it has none."""
    items = items_of_recordings(journal.items, steps)
    first = next(items, None)
    return around.recordings() if first is None else map(recorded, chain((first,), items))


def _dicts(value: object) -> list[Json]:
    """The objects in a list; a step of somebody else's may mean something else by the same name."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def _write_geojson(path: Path, found: Iterable[Json]) -> Path:
    with written_aside(path) as file, _collection(file) as add:
        for feature in found:
            add(feature)
    return path


@contextmanager
def _collection(file: TextIO) -> Iterator[Callable[[Json], None]]:
    """A FeatureCollection in ``file``, to which features are added one by one, a line for each."""
    file.write('{"type": "FeatureCollection", "features": [\n')
    between = chain(("",), repeat(",\n"))

    def add(feature: Json) -> None:
        file.write(next(between) + _ENCODER.encode(feature))

    yield add
    file.write("\n]}\n")


def _write_csv(path: Path, found: Iterable[Json], columns: Sequence[str]) -> Path:
    with written_aside(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for feature in found:
            longitude, latitude = feature["geometry"]["coordinates"]
            told = {**feature["properties"], "longitude": longitude, "latitude": latitude}
            writer.writerow({name: in_table(told.get(name)) for name in columns})
    return path


class _Coco:
    """The detections of a step's items as COCO; read from the journal anew for each of its lists."""

    def __init__(self, journal: Items, step: str) -> None:
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
