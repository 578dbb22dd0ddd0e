"""Records of Mapillary's API v4, as downloaders keep them: a page of the API, a list, GeoJSON, JSON Lines.

Fields: https://www.mapillary.com/developer/api-documentation (Image). What Mapillary computed comes before what the
device said. ``width``, ``height`` and ``computed_rotation`` are those of the original as it was stored; the images
that the API serves stand upright.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.findings import Level, Tell
from coordinator.formats import jsonrecords, upright
from coordinator.formats.attitude import angles, from_angle_axis, transposed, vector
from coordinator.formats.jsonrecords import Broken, number, numbers, point
from coordinator.formats.lens import Lens, same_shape
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import Entry
from coordinator.formats.tally import Tally
from coordinator.strictjson import Json

NAME = "mapillary"
_KEYS = ("computed_geometry", "computed_compass_angle", "compass_angle", "captured_at", "thumb_original_url")
_THUMBS = ("thumb_original_url", "thumb_2048_url", "thumb_1024_url", "thumb_256_url")
_SPHERES = ("spherical", "equirectangular")
_CARRIED = ("sequence", "make", "model")
_APART = 5.0
"""Degrees by which a record's compass angle may differ from its rotation without a word."""


def find(folder: Path) -> Path | None:
    """The file of records in ``folder``; the folder if it holds several."""
    return jsonrecords.the_one(folder, _KEYS)


def read(path: Path, tell: Tell, folder: Path | None = None) -> Iterator[Entry]:
    """Its images as rows, by sequence and time. All are held in memory. Raises BatchError."""
    found = []
    for label, value in jsonrecords.records(path, _KEYS, lists=("data", "features")):
        record = _flat(value)
        if isinstance(record, str):
            yield label, record
        else:
            found.append((f"{label}, image {str(record['id'])!r}", record))
    found.sort(key=lambda entry: _order(entry[1]))
    reader = _Reader(Photographs(folder or (path if path.is_dir() else path.parent)), _height_of(found))
    for label, record in found:
        yield label, reader.fields(record)
    reader.tell(tell)


def _flat(value: Any) -> Json | str:
    """A record, or a GeoJSON feature's properties with its geometry."""
    if isinstance(value, Broken):
        return str(value)
    if not isinstance(value, dict):
        return "is no JSON object"
    record = value
    if value.get("type") == "Feature" and isinstance(value.get("properties"), dict):
        record = {"id": value.get("id"), **value["properties"]}
        record.setdefault("geometry", value.get("geometry"))
    if record.get("error"):
        return f"the API refused it: {record['error']}"
    if not isinstance(record.get("id"), str | int):
        return "has no id"
    return record


def _order(record: Json) -> tuple[str, float, str]:
    sequence = record.get("sequence") or record.get("sequence_id") or ""
    return str(sequence), number(record.get("captured_at")) or 0.0, str(record["id"])


def _height_of(found: Sequence[tuple[str, Json]]) -> str:
    """The kind of altitude that most records have: the two count from different levels and must not be mixed."""
    counts = {
        name: sum(number(record.get(name)) is not None for _, record in found)
        for name in ("computed_altitude", "altitude")
    }
    return "computed_altitude" if counts["computed_altitude"] * 2 >= counts["altitude"] else "altitude"


@dataclass
class _Reader:
    photographs: Photographs
    height: str
    tally: Tally = field(default_factory=Tally)

    def fields(self, record: Json) -> Json | str:
        orientation = upright.known(record.get("exif_orientation"))
        size = _size(record, orientation)
        image = self.photographs.of_stem(str(record["id"]))
        if image is not None:
            actual, given = self.photographs.size(image), {}
        else:
            url, actual = _thumb(record, size)
            if url is None:
                return f"no file {record['id']}.jpg (or .png) below the folder, and no thumb_original_url"
            image = url
            given = {"width": actual[0], "height": actual[1]} if actual else {}
        fields = {
            "id": str(record["id"]),
            "image": image,
            **given,
            **self._position(record),
            **self._orientation(record, orientation),
            **self._camera(record, orientation, size, actual),
            **{name: record[name] for name in _CARRIED if isinstance(record.get(name), str)},
        }
        captured = number(record.get("captured_at"))
        return fields if captured is None else {**fields, "time": captured / 1000.0}

    def _position(self, record: Json) -> Json:
        computed, raw = point(record.get("computed_geometry")), point(record.get("geometry"))
        place = computed or raw
        if place is None:
            return {}
        if computed is None:
            self.tally.add("mapillary-raw-position", str(record["id"]))
        altitude = number(record.get(self.height))
        other = "altitude" if self.height == "computed_altitude" else "computed_altitude"
        if altitude is None and number(record.get(other)) is not None:
            self.tally.add("mapillary-other-height", str(record["id"]))
        where = {"longitude": place[0], "latitude": place[1]}
        return where if altitude is None else {**where, "altitude": altitude}

    def _orientation(self, record: Json, orientation: int) -> Json:
        """Heading by the compass angle; pitch and roll, and the heading without one, by the computed rotation."""
        compass = number(record.get("computed_compass_angle"))
        if compass is None:
            compass = number(record.get("compass_angle"))
        axis = numbers(record.get("computed_rotation"), 3)
        if axis is None:
            return {} if compass is None else {"heading": compass}
        turn = transposed(from_angle_axis(vector(axis[:3])))
        heading, pitch, roll = angles(upright.upright_turn(turn, orientation))
        if compass is not None and abs((compass - heading + 180.0) % 360.0 - 180.0) > _APART:
            self.tally.add("mapillary-heading-differs", str(record["id"]))
        return {"heading": heading if compass is None else compass, "pitch": pitch, "roll": roll}

    def _camera(
        self, record: Json, orientation: int, size: tuple[int, int] | None, actual: tuple[int, int] | None
    ) -> Json:
        """``camera`` as a value, as None if it is one that no step knows, or nothing if the record says nothing."""
        kind = record.get("camera_type")
        if kind in _SPHERES or (kind is None and record.get("is_pano") is True):
            return {"camera": {"model": "equirectangular"}}
        if kind not in (None, "perspective"):
            self.tally.add("camera-unknown", f"{record['id']} ({kind})")
            return {"camera": None}
        lens = numbers(record.get("camera_parameters"), 1)
        if lens is None or lens[0] <= 0 or actual is None:
            return {}
        if size is not None and not same_shape(size, actual):
            self.tally.add("camera-other-shape", str(record["id"]))
            return {"camera": None}
        k1, k2 = (*lens[1:3], 0.0, 0.0)[:2]
        return {
            "camera": Lens(fx=lens[0], fy=lens[0], k1=k1, k2=k2).pinhole(*actual, orientation=orientation)
        }

    def tell(self, tell: Tell) -> None:
        for kind, level, text in _TOLD:
            self.tally.tell(tell, kind, level, text.replace("HEIGHT", self.height))


_TOLD = (
    (
        "mapillary-raw-position",
        Level.WARNING,
        "{count} images have no computed_geometry: {names}; the device's own position is used, which is off by metres",
    ),
    (
        "mapillary-other-height",
        Level.WARNING,
        "{count} images have no HEIGHT, by which the others' heights are taken: {names}; altitude and "
        "computed_altitude count from different levels, so these are left without a height",
    ),
    (
        "mapillary-heading-differs",
        Level.WARNING,
        "{count} images have a compass angle more than 5 degrees off their computed_rotation: {names}; the compass "
        "angle is used for the heading, the rotation for pitch and roll",
    ),
    (
        "camera-unknown",
        Level.WARNING,
        "{count} images have a camera that no step can place with: {names}; known are perspective and equirectangular",
    ),
    (
        "camera-other-shape",
        Level.WARNING,
        "{count} image files have another aspect ratio than their records: {names}; their cameras are not used",
    ),
)


def _size(record: Json, orientation: int) -> tuple[int, int] | None:
    """Width and height of the upright original."""
    width, height = number(record.get("width")), number(record.get("height"))
    if not width or not height or width < 1 or height < 1:
        return None
    return upright.upright_size(int(width), int(height), orientation)


def _thumb(record: Json, size: tuple[int, int] | None) -> tuple[str | None, tuple[int, int] | None]:
    """The URL of the largest image that the record names, and its size if the original's is known.

    Thumbnails are so many pixels wide as their name says.
    """
    for name in _THUMBS:
        url = record.get(name)
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            wide = name.split("_")[1]
            if size is None or not wide.isdecimal():
                return url, size
            return url, (int(wide), max(1, round(size[1] * int(wide) / size[0])))
    return None, None
