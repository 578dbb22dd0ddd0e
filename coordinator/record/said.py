"""What an object's result says beyond what the steps said: when it was seen, how high it hangs, which sign it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from coordinator.formats.moments import iso
from coordinator.record.recorded import Recorded, metres, views
from coordinator.record.signcodes import is_sign_code, sign_tags
from coordinator.strictjson import Json


def said(item: Json, seen: Mapping[str, Recorded], turn: float) -> Json:
    """Further properties of an object, each only where it is known; one that a step gave itself counts.

    ``seen`` are the recordings that show it, by id. ``turn`` is the meridian convergence at its place, in degrees
    from true north to grid north.
    """
    shown = [(view, one) for view in views(item) if (one := seen.get(str(view.get("recording")))) is not None]
    known = dict(_of_views(item, shown))
    if is_sign_code(item.get("category_code")):
        known["traffic_sign"] = item["category_code"]
    told = {**known, **{name: item[name] for name in known if name in item}}
    tags = dict(_tags({**item, **told}, turn))
    return {**told, **({"osm": tags} if tags and "osm" not in item else {})}


def _of_views(item: Json, shown: Sequence[tuple[Json, Recorded]]) -> Iterator[tuple[str, object]]:
    times = sorted(one.taken for _, one in shown if one.taken is not None)
    if times and (first := iso(times[0])) and (last := iso(times[-1])):
        yield "first_seen", first
        yield "last_seen", last
    height = _height_above_road(item, [one for _, one in shown])
    if height is not None:
        yield "height_above_road", height
    pictured = [(view, one) for view, one in shown if one.file is not None]
    if pictured:
        _, best = max(pictured, key=lambda pair: _area(pair[0]))
        yield "photo", best.file


def _height_above_road(item: Json, seen: Sequence[Recorded]) -> float | None:
    """Metres above the road under the nearest camera whose own height above it is known."""
    place = item["position"]
    z = metres(place.get("z"))
    near = [
        (math.dist((one.x, one.y), (place["x"], place["y"])), one.id, one.z - one.camera_height)
        for one in seen
        if one.x is not None and one.y is not None and one.z is not None and one.camera_height is not None
    ]
    return None if z is None or not near else round(z - min(near)[2], 3)


def _area(view: Json) -> float:
    """A view's box in square pixels."""
    box = view.get("bbox")
    sides = [metres(side) for side in box[2:4]] if isinstance(box, list) else []
    return math.prod(side or 0.0 for side in sides) if len(sides) == 2 else 0.0


def _tags(item: Json, turn: float) -> Iterator[tuple[str, str]]:
    """OpenStreetMap's tags for a node beside the road; none for what is no sign that is known."""
    code = item.get("traffic_sign")
    if not isinstance(code, str) or not is_sign_code(code):
        return
    yield "traffic_sign", code
    yield from sign_tags(code).items()
    facing = metres(item.get("facing"))
    if facing is not None:  # there directions count from true north, here from the grid's
        yield "direction", str(round(facing + turn) % 360)
    last = item.get("last_seen")
    if isinstance(last, str):
        yield "survey:date", last[:10]
