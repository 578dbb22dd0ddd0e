"""The layers of a run's GeoPackage: their columns, and their features as rows of these."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from coordinator.record.gis.geometry import Geometry, line, point, polygons
from coordinator.record.gis.geopackage import Kind, Layer, Row, Shape
from coordinator.record.journal import FailedTask
from coordinator.record.recorded import Recorded, metres, views, whole
from coordinator.record.surroundings import Area
from coordinator.strictjson import Json

Link = Callable[[str], str | None]

_ELLIPSE_95 = math.sqrt(5.991464547107979)
"""Standard deviations of the ellipse that holds 95 % of a normal distribution in the plane (chi-squared, 2 degrees)."""

OBJECTS = Layer(
    name="objects",
    about="The objects that were found",
    shape=Shape.POINT,
    columns=(
        ("id", Kind.TEXT),
        ("category", Kind.TEXT),
        ("category_score", Kind.REAL),
        ("traffic_sign", Kind.TEXT),
        ("score", Kind.REAL),
        ("views", Kind.WHOLE),
        ("x", Kind.REAL),
        ("y", Kind.REAL),
        ("z", Kind.REAL),
        ("height_above_road", Kind.REAL),
        ("size", Kind.REAL),
        ("facing", Kind.REAL),
        ("facing_sd", Kind.REAL),
        ("residual", Kind.REAL),
        ("ellipse_major", Kind.REAL),
        ("ellipse_minor", Kind.REAL),
        ("ellipse_azimuth", Kind.REAL),
        ("first_seen", Kind.MOMENT),
        ("last_seen", Kind.MOMENT),
        ("photo", Kind.TEXT),
        ("review", Kind.TEXT),
        ("osm", Kind.TEXT),
        ("more", Kind.TEXT),
    ),
)
OBSERVATIONS = Layer(
    name="observations",
    about="The rays from recordings to the objects that they show",
    shape=Shape.LINE,
    columns=(
        ("object", Kind.TEXT),
        ("recording", Kind.TEXT),
        ("category", Kind.TEXT),
        ("detection", Kind.WHOLE),
        ("label", Kind.TEXT),
        ("score", Kind.REAL),
        ("distance", Kind.REAL),
        ("box_x", Kind.REAL),
        ("box_y", Kind.REAL),
        ("box_width", Kind.REAL),
        ("box_height", Kind.REAL),
        ("time", Kind.MOMENT),
        ("photo", Kind.TEXT),
    ),
)
RECORDINGS = Layer(
    name="recordings",
    about="Where photographs were taken",
    shape=Shape.POINT,
    columns=(
        ("id", Kind.TEXT),
        ("image", Kind.TEXT),
        ("heading", Kind.REAL),
        ("pitch", Kind.REAL),
        ("roll", Kind.REAL),
        ("camera", Kind.TEXT),
        ("width", Kind.WHOLE),
        ("height", Kind.WHOLE),
        ("time", Kind.MOMENT),
        ("detections", Kind.WHOLE),
        ("camera_height", Kind.REAL),
        ("photo", Kind.TEXT),
    ),
)
REGIONS = Layer(
    name="regions",
    about="Into what the ground was divided: cores, and cores with their halos",
    shape=Shape.POLYGONS,
    columns=(("id", Kind.TEXT), ("part", Kind.TEXT), ("halo", Kind.REAL)),
)
FAILURES = Layer(
    name="failures",
    about="Tasks that failed, where it is known where that was",
    shape=Shape.POINT,
    columns=(
        ("task", Kind.TEXT),
        ("step", Kind.TEXT),
        ("unit", Kind.TEXT),
        ("kind", Kind.TEXT),
        ("message", Kind.TEXT),
        ("kills", Kind.WHOLE),
    ),
)
LAYERS = tuple(layer.name for layer in (OBJECTS, OBSERVATIONS, RECORDINGS, REGIONS, FAILURES))
"""The names of all layers."""
_COMPUTED = frozenset({"ellipse_major", "ellipse_minor", "ellipse_azimuth", "photo", "osm", "more"})
_ELSEWHERE = frozenset({"crs", "covariance", "observations"})
"""Of an object's properties those that the file has in another place."""


def object_rows(features: Iterable[Json], seen: Mapping[str, Recorded], link: Link) -> Iterator[Row]:
    """The objects: ``features`` of GeoJSON, whose properties have x, y and z in the CRS."""
    own = {name for name, _ in OBJECTS.columns} | _ELSEWHERE
    for feature in features:
        told = feature["properties"]
        major, minor, azimuth = _ellipse(told.get("covariance"))
        more = {name: value for name, value in told.items() if name not in own}
        if more.get("category_code") == told.get("traffic_sign"):
            more.pop("category_code", None)
        computed = {
            "ellipse_major": major,
            "ellipse_minor": minor,
            "ellipse_azimuth": azimuth,
            "photo": _photo(told, seen, link),
            "osm": _text(told.get("osm")),
            "more": _text(more) if more else None,
        }
        values = (
            computed[name] if name in _COMPUTED else _fitting(told.get(name), kind)
            for name, kind in OBJECTS.columns
        )
        yield _place(told), tuple(values)


def observation_rows(features: Iterable[Json], seen: Mapping[str, Recorded], link: Link) -> Iterator[Row]:
    """A ray for each view of an object, from where its recording was taken; without a line if that is not known."""
    for feature in features:
        told = feature["properties"]
        for view in views(told):
            one = seen.get(str(view.get("recording")))
            box = view.get("bbox")
            sides = [metres(side) for side in box] if isinstance(box, list) and len(box) == 4 else [None] * 4
            yield (
                _ray(one, told),
                (
                    told["id"],
                    _fitting(view.get("recording"), Kind.TEXT),
                    _fitting(told.get("category"), Kind.TEXT),
                    whole(view.get("detection")),
                    _fitting(view.get("label"), Kind.TEXT),
                    metres(view.get("score")),
                    metres(view.get("distance")),
                    *sides,
                    one.time if one else None,
                    link(one.image) if one and one.image else None,
                ),
            )


def recording_rows(recordings: Iterable[Recorded], link: Link) -> Iterator[Row]:
    """The recordings, also those without a place."""
    for one in recordings:
        angles, sides = (one.heading, one.pitch, one.roll), (one.width, one.height)
        photo = link(one.image) if one.image else None
        values = (
            one.id,
            one.file,
            *angles,
            one.camera,
            *sides,
            one.time,
            one.detections,
            one.camera_height,
            photo,
        )
        yield point(one.position) if one.position else None, values


def region_rows(areas: Iterable[Area]) -> Iterator[Row]:
    """Two features for each region."""
    for area in areas:
        for part, shape in (("core", area.core), ("halo", area.whole)):
            many = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
            yield polygons(many), (area.id, part, area.halo)


def failure_rows(
    failures: Iterable[FailedTask], place: Callable[[FailedTask], Sequence[float] | None]
) -> Iterator[Row]:
    """The failed tasks; ``place`` says where one's unit is, if that is known."""
    for failure in failures:
        at = place(failure)
        error = failure.error
        values = (failure.id, failure.step, failure.unit, error.kind.value, error.message, failure.kills)
        yield point(at) if at else None, values


def _place(told: Json) -> Geometry:
    z = metres(told.get("z"))
    return point((told["x"], told["y"]) if z is None else (told["x"], told["y"], z))


def _ray(one: Recorded | None, told: Json) -> Geometry | None:
    if one is None or one.x is None or one.y is None:
        return None
    z = metres(told.get("z"))
    if one.z is None or z is None:
        return line([(one.x, one.y), (told["x"], told["y"])])
    return line([(one.x, one.y, one.z), (told["x"], told["y"], z)])


def _photo(told: Json, seen: Mapping[str, Recorded], link: Link) -> str | None:
    """Where the photograph lies that shows the object best."""
    best = next((one for one in seen_in(told, seen) if one.file == told.get("photo")), None)
    return link(best.image) if best is not None and best.image is not None else None


def seen_in(told: Json, seen: Mapping[str, Recorded]) -> Iterator[Recorded]:
    """The recordings that show an object, as far as they are known."""
    for view in views(told):
        one = seen.get(str(view.get("recording")))
        if one is not None:
            yield one


def _ellipse(covariance: object) -> tuple[float | None, float | None, float | None]:
    """The 95 % ellipse on the ground: half its axes in metres, the long one first, and where that points in degrees."""
    if not isinstance(covariance, list) or len(covariance) < 2:
        return None, None, None
    parts = [metres(value) for row in covariance[:2] if isinstance(row, list) for value in row[:2]]
    xx, xy, _, yy = parts if len(parts) == 4 else [None] * 4
    if xx is None or xy is None or yy is None:
        return None, None, None
    mean, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    if mean < half:  # then it is no covariance
        return None, None, None
    major, minor = (_ELLIPSE_95 * math.sqrt(variance) for variance in (mean + half, mean - half))
    from_east = math.degrees(math.atan2(xy, (xx - yy) / 2)) / 2
    return round(major, 4), round(minor, 4), round((90 - from_east) % 180, 2)


def _fitting(value: object, kind: Kind) -> object:
    """A value as its column takes it; None for one that is of another kind."""
    if kind is Kind.WHOLE:
        return whole(value)
    if kind is Kind.REAL:
        return metres(value)
    return _text(value)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
