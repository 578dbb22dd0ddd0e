"""Items of a SpatioTemporal Asset Catalog as Panoramax and others give them for street-level photographs.

Fields: https://github.com/radiantearth/stac-spec (Item), its extensions ``view`` and ``perspective-imagery``, and what
Panoramax adds: ``pers:yaw``, ``pers:pitch``, ``pers:roll`` in degrees, ``visible_area``, and the photograph's EXIF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.core.paths import is_url
from coordinator.findings import Level, Tell
from coordinator.formats import jsonrecords, staccamera
from coordinator.formats.jsonrecords import Broken, number, numbers, point
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import Entry, North
from coordinator.formats.tally import Tally
from coordinator.strictjson import Json

NAME = "stac"
_KEYS = (
    "stac_version",
    "stac_extensions",
    "view:azimuth",
    "pers:interior_orientation",
    "pers:yaw",
    "pers:pitch",
)
_ASSETS = ("hd", "data", "visual", "image", "sd", "thumb", "thumbnail")
"""From the largest to the smallest."""
_WHOLE = ("hd", "data", "visual", "image")
_SD_WIDTH = 2048
"""Pixels, in Panoramax."""
_ANY_NAMES = frozenset({"hd", "sd", "thumb", "image", "data", "original"})
"""Base names that every item's asset has: no file is told by them."""
_NO_ITEM = re.compile(rb'"type"\s*:\s*"(Collection|Catalog)"')
"""In the beginning of a file that describes items and holds none."""
_WGS84 = (None, 4326, 4979, "EPSG:4326", "epsg:4326", "4326")
_APART = 5.0
_RADIUS_95 = 2.448
"""Standard deviations along an axis in the radius that holds 95 of 100 of a plane (Rayleigh's distribution)."""


def find(folder: Path) -> Path | None:
    """The file of items in ``folder``; the folder if it holds several. A folder ``items`` below it counts, too."""
    places = (folder, folder / "items")
    return next((found for at in places if (found := jsonrecords.the_one(at, _KEYS, _NO_ITEM))), None)


def read(path: Path, tell: Tell, folder: Path | None = None) -> Iterator[Entry]:
    """Its items as rows, in the files' order; images are named from ``folder``, the batch's. Raises BatchError."""
    reader = _Reader(Photographs(folder or (path if path.is_dir() else path.parent)))
    for label, value in jsonrecords.records(path, _KEYS, lists=("features", "items")):
        if isinstance(value, Broken):
            yield label, str(value)
        elif isinstance(value, dict) and value.get("type") in ("Collection", "Catalog"):
            reader.tally.add("stac-not-read", label)
        elif not isinstance(value, dict) or not isinstance(value.get("properties"), dict):
            yield label, "is no STAC item: an object with properties"
        else:
            yield f"{label}, item {str(value.get('id'))!r}", reader.fields(value, value["properties"])
    reader.tell(tell)


@dataclass
class _Reader:
    photographs: Photographs
    tally: Tally = field(default_factory=Tally)

    def fields(self, item: Json, properties: Json) -> Json | str:
        exif = properties.get("exif")
        exif = exif if isinstance(exif, dict) else {}
        place = _place(item, properties)
        if isinstance(place, str):
            return place
        image = self._image(item, properties)
        if image is None:
            return "none of its assets is a file in the folder, or has an http(s), s3 or gs address"
        remote = is_url(image)
        size = _remote_size(item, properties, image) if remote else self.photographs.size(image)
        camera = staccamera.camera(properties, exif, size)
        if isinstance(camera, str):
            self.tally.add("camera-unknown", f"{item.get('id')} ({camera})")
        told = {} if camera == {} else {"camera": None if isinstance(camera, str) else camera}
        fields = {
            "id": None if item.get("id") is None else str(item["id"]),
            "image": image,
            "width": size[0] if size and remote else None,
            "height": size[1] if size and remote else None,
            "longitude": place[0],
            "latitude": place[1],
            "altitude": place[2] if len(place) > 2 else staccamera.altitude(exif),
            **self._angles(item, properties, exif),
            "time": _time(properties),
            "position_accuracy": _accuracy(properties),
            **(_of_file(item, image) if remote else {}),
            "sequence": item["collection"] if isinstance(item.get("collection"), str) else None,
        }
        return {name: value for name, value in fields.items() if value is not None} | told

    def _image(self, item: Json, properties: Json) -> str | None:
        """The photograph in the folder by the item's id, its original name or its assets' names; else an address."""
        original = properties.get("original_file:name")
        addresses = _addresses(item)
        found = self.photographs.of_stem(str(item.get("id")))
        if found is None and isinstance(original, str):
            found = self.photographs.named(original)
        for address in () if found else addresses:
            name = address.partition("?")[0]
            if name.rpartition("/")[2].partition(".")[0].lower() not in _ANY_NAMES:
                found = found or self.photographs.named(name)
        return found or next(filter(is_url, addresses), None)

    def _angles(self, item: Json, properties: Json, exif: Json) -> Json:
        heading, yaw = number(properties.get("view:azimuth")), number(properties.get("pers:yaw"))
        if heading is not None and yaw and abs((yaw - heading + 180.0) % 360.0 - 180.0) > _APART:
            self.tally.add("stac-yaw-differs", str(item.get("id")))
        return {
            "heading": yaw if heading is None else heading,
            "north": North.MAGNETIC if staccamera.is_magnetic(exif, heading) else None,
            "pitch": number(properties.get("pers:pitch")),
            "roll": number(properties.get("pers:roll")),
        }

    def tell(self, tell: Tell) -> None:
        for kind, level, text in _TOLD:
            self.tally.tell(tell, kind, level, text)


_TOLD = (
    (
        "stac-not-read",
        Level.NOTE,
        "{count} are collections or catalogs, which hold no photograph of their own: {names}; only items are read",
    ),
    (
        "stac-yaw-differs",
        Level.NOTE,
        "{count} items have a pers:yaw other than their view:azimuth: {names}; view:azimuth is the heading",
    ),
    (
        "camera-unknown",
        Level.WARNING,
        "{count} items have a camera that is not understood: {names}; they are not positioned",
    ),
)


def _place(item: Json, properties: Json) -> list[float] | str:
    """Longitude, latitude and perhaps altitude of the camera, or why there are none."""
    centre = numbers(properties.get("pers:perspective_center"), 2)
    crs = properties.get("pers:crs")
    if centre is not None and crs in _WGS84:
        return centre
    place = point(item.get("geometry"))
    if place is not None:
        return place
    if centre is not None:
        return f"its pers:perspective_center is in the CRS {crs!r}; only WGS84 (4326) is read: write a recordings.csv"
    kind = item["geometry"].get("type") if isinstance(item.get("geometry"), dict) else None
    return f"its geometry is a {kind}, not the Point of a camera" if kind else "it has no geometry"


def _addresses(item: Json) -> list[str]:
    """The addresses of its assets, the largest image first; those of other roles after the usual names."""
    assets = item.get("assets")
    if not isinstance(assets, dict):
        return []
    names = [name for name in _ASSETS if name in assets] + [name for name in assets if name not in _ASSETS]
    images = (assets[name] for name in names if isinstance(assets[name], dict))
    return [asset["href"] for asset in images if isinstance(asset.get("href"), str) and _is_image(asset)]


def _of_file(item: Json, address: str) -> Json:
    """What the extension "file" says of an asset that is not in the folder: its size in bytes and its checksum."""
    assets = (asset for asset in item["assets"].values() if isinstance(asset, dict))
    asset = next((asset for asset in assets if asset.get("href") == address), {})
    return {"file_size": asset.get("file:size"), "checksum": asset.get("file:checksum")}


def _remote_size(item: Json, properties: Json, address: str) -> tuple[int, int] | None:
    """Width and height of an asset that is not in the folder, if its name promises one."""
    names = [
        name
        for name, asset in item["assets"].items()
        if isinstance(asset, dict) and asset.get("href") == address
    ]
    sensor = staccamera.sensor(properties)
    if sensor is None or staccamera.is_part(properties):
        return None
    if names[:1] == ["sd"]:
        return _SD_WIDTH, max(1, round(sensor[1] * _SD_WIDTH / sensor[0]))
    return sensor if names and names[0] in _WHOLE else None


def _is_image(asset: Json) -> bool:
    kind: Any = asset.get("type")
    return not isinstance(kind, str) or kind.startswith("image/")


def _accuracy(properties: Json) -> float | None:
    """Metres along each axis: Panoramax' own figure, or of a radius that holds 95 of 100."""
    metres = number(properties.get("quality:horizontal_accuracy"))
    within = properties.get("quality:horizontal_accuracy_type")
    is_wide = isinstance(within, str) and within.startswith("95%")
    return round(metres / _RADIUS_95, 3) if metres is not None and is_wide else metres


def _time(properties: Json) -> str | None:
    times = (properties.get(name) for name in ("datetime", "datetimetz", "start_datetime"))
    return next((time for time in times if isinstance(time, str)), None)
