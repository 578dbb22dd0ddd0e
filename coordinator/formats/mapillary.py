"""``mapillary_image_description.json``, which mapillary_tools writes beside photographs before it uploads them.

Fields: https://github.com/mapillary/mapillary_tools, schema/image_description_schema.json. It has neither pitch and
roll nor a camera; what the photographs' own headers say of them counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coordinator.findings import Level, Tell
from coordinator.formats import jsonrecords
from coordinator.formats.jsonrecords import Broken, number
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import Entry, North
from coordinator.formats.tally import Tally
from coordinator.strictjson import Json

NAME = "mapillary-description"
_USUAL = "mapillary_image_description.json"
_KEYS = ("MAPLatitude", "MAPCaptureTime", "MAPLongitude")
_TIME = re.compile(r"(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d{1,6})")
_CARRIED = {"MAPSequenceUUID": "sequence", "MAPDeviceMake": "make", "MAPDeviceModel": "model"}


def find(folder: Path) -> Path | None:
    """The description in ``folder``, whatever its name; the folder if it holds several."""
    usual = folder / _USUAL
    return usual if usual.is_file() else jsonrecords.the_one(folder, _KEYS)


def read(path: Path, tell: Tell, folder: Path | None = None) -> Iterator[Entry]:
    """Its entries as rows; what mapillary_tools could not place, and videos, as reasons. Raises BatchError."""
    photographs = Photographs(folder or (path if path.is_dir() else path.parent))
    tally = Tally()
    for label, value in jsonrecords.records(path, _KEYS, lists=()):
        if isinstance(value, Broken):
            yield label, str(value)
        else:
            yield label, _fields(value, photographs, tally)
    tally.tell(
        tell,
        "orientation-differs",
        Level.WARNING,
        "{count} photographs are turned otherwise than MAPOrientation says: {names}; the files' own EXIF orientation "
        "counts: look whether they stand upright",
    )


def _fields(value: Any, photographs: Photographs, tally: Tally) -> Json | str:
    if not isinstance(value, dict):
        return "is no JSON object"
    name = value.get("filename") or value.get("MAPFilename")
    if not isinstance(name, str):
        return "has no filename"
    if value.get("error"):
        error = value["error"]
        told = error.get("message", "") if isinstance(error, dict) else error
        return f"{name}: mapillary_tools gave it up: {told}"
    if "MAPGPSTrack" in value:
        return f"{name} is a video; sample it with mapillary_tools video_process, which writes photographs"
    image = photographs.named(name)
    if image is None:
        image = name.replace("\\", "/").rpartition("/")[2]
    elif value.get("MAPOrientation") not in (None, 1, photographs.orientation(image)):
        tally.add("orientation-differs", image)
    fields: Json = {
        "image": image,
        "longitude": number(value.get("MAPLongitude")),
        "latitude": number(value.get("MAPLatitude")),
        "altitude": number(value.get("MAPAltitude")),
        "time": _time(value.get("MAPCaptureTime")),
        "position_accuracy": number(value.get("MAPGPSAccuracyMeters")) or None,
        **_heading(value.get("MAPCompassHeading")),
        **{ours: value.get(theirs) for theirs, ours in _CARRIED.items()},
    }
    return {field: found for field, found in fields.items() if found is not None}


def _heading(compass: Any) -> Json:
    """The true heading, else the magnetic one, as such."""
    if not isinstance(compass, dict):
        return {}
    heading = number(compass.get("TrueHeading"))
    if heading is not None:
        return {"heading": heading}
    magnetic = number(compass.get("MagneticHeading"))
    return {} if magnetic is None else {"heading": magnetic, "north": North.MAGNETIC}


def _time(value: Any) -> str | None:
    """``2021_02_13_13_24_41_140``, of UTC, as ISO 8601."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second, part = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}.{part}Z"
