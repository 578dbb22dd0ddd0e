"""The map of a run as ``compare`` takes it: its objects, what its review took out of them, and its recordings.

All places are metres in one CRS, that of the old one of two runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.batch.geojson import name_of, position, read_geojson, told_name
from coordinator.commands.changes import Look, Thing
from coordinator.errors import BatchError, RunFolderError
from coordinator.pipeline import Per
from coordinator.record.recorded import metres as number
from coordinator.record.results import OBJECTS_GEOJSON, RECORDINGS_GEOJSON, UNREVIEWED
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

_PANORAMA = "equirectangular"


def _features(path: Path) -> list[Json]:
    try:
        return read_geojson(path).features
    except BatchError as error:
        raise RunFolderError(f"{error}; run the batch into this folder once more") from error


def _check_has_map(run: Path) -> None:
    """Raises RunFolderError if no step of a run made objects, or none has yet."""
    if (run / OBJECTS_GEOJSON).is_file():
        return
    steps = (RunFolder(run).read_about().get("pipeline") or {}).get("steps") or []
    if steps and all(step.get("per") == Per.ITEM for step in steps):
        told = f"its last step is {steps[-1]['name']!r}; run it up to the step that positions, such as 'position'"
    else:
        told = "let the run come to its end first"
    raise RunFolderError(f"run {str(run)!r} has no {OBJECTS_GEOJSON}: {told}")


def things(run: Path, projection: Projection) -> list[Thing]:
    """The objects of a run as its review leaves them. Raises RunFolderError if it has no map."""
    _check_has_map(run)
    return _read(run / OBJECTS_GEOJSON, projection)


def rejected(run: Path, kept: Iterable[Thing], projection: Projection) -> list[Thing]:
    """The objects that a run found and its review took out: those that are not among the ``kept``."""
    path, names = run / UNREVIEWED, {thing.id for thing in kept}
    return [thing for thing in _read(path, projection) if thing.id not in names] if path.is_file() else []


def _read(path: Path, projection: Projection) -> list[Thing]:
    features = enumerate(_features(path))
    return [
        _thing(feature, name_of(feature, n), told_name(path, feature, n), projection)
        for n, feature in features
    ]


def _thing(feature: Json, name: str, where: str, projection: Projection) -> Thing:
    """An object; ``where`` its feature is, for a message."""
    told = feature.get("properties") or {}
    x, y = _place(feature, where, projection)
    category = told.get("category")
    return Thing(
        id=name,
        x=x,
        y=y,
        z=number(told.get("z")),
        category=None if category is None else str(category),
        sigma=_sigma(told.get("covariance")),
        facing=number(told.get("facing")),
        score=_score(told),
        degrees=_degrees(feature, where),
    )


def _place(feature: Json, where: str, projection: Projection) -> tuple[float, float]:
    """Metres; from its degrees if the file does not say it in this CRS."""
    told = feature.get("properties") or {}
    x, y = number(told.get("x")), number(told.get("y"))
    if told.get("crs") == projection.name and x is not None and y is not None:
        return x, y
    return projection.to_projected(*_degrees(feature, where))


def _degrees(feature: Json, where: str) -> tuple[float, float]:
    """Longitude and latitude. Raises RunFolderError for what is no point."""
    geometry = feature.get("geometry") or {}
    place = position(geometry.get("coordinates")) if geometry.get("type") == "Point" else None
    if place is None:
        raise RunFolderError(
            f"{where} is no point; was the file edited? Run the batch into this folder once more"
        )
    return place


def _score(told: Json) -> float | None:
    """How sure a run is that an object is there, and of what it is: the smaller of both."""
    said = [value for name in ("score", "category_score") if (value := number(told.get(name))) is not None]
    return min(said, default=None)


def _sigma(covariance: object) -> float:
    """Metres: the standard deviation on the ground along the worse axis at most; 0 where it is not said."""
    rows = covariance if isinstance(covariance, list) else []
    variances = [
        number(row[axis]) for axis, row in enumerate(rows[:2]) if isinstance(row, list) and len(row) > axis
    ]
    return math.sqrt(max(0.0, sum(variance or 0.0 for variance in variances)))


def looks(run: Path, projection: Projection) -> list[Look] | None:
    """The recordings of a run; None if it was made by a version that did not write them."""
    path = run / RECORDINGS_GEOJSON
    if not path.is_file():
        return None
    return [
        Look(
            x=place[0],
            y=place[1],
            heading=None if told.get("camera") == _PANORAMA else number(told.get("heading")),
        )
        for n, feature in enumerate(_features(path))
        for told in [feature.get("properties") or {}]
        for place in [_place(feature, told_name(path, feature, n), projection)]
    ]
