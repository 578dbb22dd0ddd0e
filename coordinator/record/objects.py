"""Objects and recordings as GeoJSON features: in WGS84 (RFC 7946), with projected coordinates and CRS as properties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from coordinator.batch.crs import Projection
from coordinator.contract import MAX_METRES
from coordinator.record.recorded import Recorded, views
from coordinator.record.said import said
from coordinator.strictjson import Json


def is_object(item: Json) -> bool:
    """Whether an item is something with a place on the map."""
    position = item.get("position")
    return isinstance(position, dict) and all(is_number(position.get(axis)) for axis in ("x", "y"))


def is_number(value: object) -> bool:
    """Whether it is a number with which one can calculate: products of larger ones are not finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_METRES


def features(objects: Iterable[Json], projection: Projection, seen: Mapping[str, Recorded]) -> list[Json]:
    """The objects as GeoJSON, but for those where the projection has ended, which is no place on a map.

    ``seen`` are the recordings that show them, by id, as far as they are known.
    """
    found = (_feature(item, projection, seen) for item in objects)
    return [feature for feature in found if feature is not None]


def _feature(item: Json, projection: Projection, seen: Mapping[str, Recorded]) -> Json | None:
    position = item["position"]
    longitude, latitude = projection.to_wgs84(position["x"], position["y"])
    if not math.isfinite(longitude + latitude):
        return None
    turn = projection.convergence(longitude, latitude)
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
            **said(item, seen, turn if math.isfinite(turn) else 0.0),
            "observations": [_observation(view) for view in views(item)],
        },
    }


def _observation(view: Json) -> Json:
    """An observation without what the batch already says of its recording."""
    return {
        name: view[name]
        for name in ("recording", "detection", "bbox", "score", "label", "distance")
        if name in view
    }


def place(projection: Projection, one: Recorded) -> Json | None:
    """A recording as a feature; None for one without a place on the map."""
    if one.x is None or one.y is None:
        return None
    longitude, latitude = projection.to_wgs84(one.x, one.y)
    if not math.isfinite(longitude + latitude):
        return None
    names = (
        "id",
        "x",
        "y",
        "z",
        "heading",
        "pitch",
        "roll",
        "camera",
        "width",
        "height",
        "time",
        "detections",
    )
    return {
        "type": "Feature",
        "id": one.id,
        "geometry": {"type": "Point", "coordinates": [round(longitude, 9), round(latitude, 9)]},
        "properties": {
            **{name: getattr(one, name) for name in names},
            "image": one.file,
            "crs": projection.name,
        },
    }
