"""What a report says, read from a run folder: of a run that has ended, or of one that goes on, as it is now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from pathlib import Path
from typing import Any

from coordinator.batch import regions
from coordinator.batch.crs import Projection
from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.pipeline import Per, Step
from coordinator.record.gis.reading import read_recordings
from coordinator.record.gis.write import OBJECTS_GPKG
from coordinator.record.history import History
from coordinator.record.objects import features, is_object
from coordinator.record.recorded import Recorded, items_of_recordings, observed_in, recorded
from coordinator.record.recorded import views as views_of
from coordinator.record.review import Known, matched
from coordinator.record.reviewfile import read_kept
from coordinator.record.runfolder import RunFolder
from coordinator.report.frame import frame_around
from coordinator.report.model import Area, Frame, Mark, Recordings, Report, Thing, View, finite
from coordinator.report.running import told_of_run
from coordinator.report.timeline import timeline
from coordinator.strictjson import Json

_APART = ("id", "x", "y", "crs", "covariance", "observations", "category", "photo")
"""Properties of an object that a report has under names of its own."""


def gather(folder: RunFolder, truth: Sequence[Mark] = ()) -> Report:
    """Everything that a page shows of a run; nothing is changed. ``truth`` is in the run's CRS.

    Raises RunFolderError for what is no run folder, BatchError for a CRS that is not known here.
    """
    about = folder.read_about()
    steps = folder.read_steps()
    batch = Path(about["batch"]["folder"])
    with History(folder.journal) as history:
        projection = Projection.named(about["crs"]) if about.get("crs") else None
        objects = [] if projection is None else _objects(history, steps)
        recordings, seen = _recordings(_recorded(folder, history, steps), observed_in(objects))
        frame = _frame(projection, recordings, objects)
        if frame is not None:
            _move(recordings, frame)
        things = (
            []
            if projection is None or frame is None
            else list(_things(objects, recordings, seen, frame, projection))
        )
        return Report(
            title=str(about["batch"]["name"]),
            key=f"{about['batch']['folder']} {folder.path.resolve()}",
            written=time.time(),
            frame=frame,
            folders={str(MOUNT): relative(batch, folder.path), str(WORK_MOUNT): folder.work.name},
            recordings=recordings,
            areas=[] if frame is None else list(_areas(history, about, frame)),
            things=things,
            truth=[] if frame is None else [_moved(mark, frame) for mark in truth],
            decisions=_decisions(folder.path, things),
            run=told_of_run(folder, history, about),
            timeline=timeline(history.tried(), [step.name for step in steps]),
        )


def _recorded(folder: RunFolder, history: History, steps: Sequence[Step]) -> Iterator[Recorded]:
    """The recordings as they were positioned; of a run that began behind them, as its results have them."""
    items = items_of_recordings(history.items, steps)
    first = next(items, None)
    if first is None:
        return read_recordings(folder.path / OBJECTS_GPKG)
    return map(recorded, chain((first,), items))


def _recordings(
    all_of_them: Iterable[Recorded], observed: Set[str]
) -> tuple[Recordings, dict[str, Recorded]]:
    """Those that have a place, and of these the ``observed`` ones by id."""
    found, seen, dimensions = Recordings(), dict[str, Recorded](), dict[tuple[int, int], int]()
    for one in all_of_them:
        if one.x is None or one.y is None:
            continue
        if one.id in observed:
            seen[one.id] = one
        size = (one.width, one.height) if one.width and one.height else None
        found.ids.append(one.id)
        found.xs.append(one.x)
        found.ys.append(one.y)
        found.headings.append(None if one.heading is None else round(one.heading, 1))
        found.images.append(None if one.image == f"{MOUNT}/{one.id}" else one.image)
        found.sizes.append(None if size is None else dimensions.setdefault(size, len(dimensions)))
        found.times.append(one.time)
    found.dimensions = list(dimensions)
    return found, seen


def _objects(history: History, steps: Sequence[Step]) -> list[Json]:
    """The objects of the last step, and of a run that has not come as far those of a step before it."""
    for step in reversed(steps):
        found = [item for item in history.items(step.name) if is_object(item)]
        if found:
            return found
        if step.per is Per.REGION:
            break
    return []


def _frame(projection: Projection | None, recordings: Recordings, objects: Sequence[Json]) -> Frame | None:
    xs = [*recordings.xs, *(item["position"]["x"] for item in objects)]
    ys = [*recordings.ys, *(item["position"]["y"] for item in objects)]
    return frame_around(projection, xs, ys) if projection is not None and xs else None


def _move(recordings: Recordings, frame: Frame) -> None:
    """Gives recordings the page's coordinates."""
    moved = [frame.local(x, y) for x, y in zip(recordings.xs, recordings.ys, strict=True)]
    recordings.xs, recordings.ys = [x for x, _ in moved], [y for _, y in moved]


def _moved(mark: Mark, frame: Frame) -> Mark:
    x, y = frame.local(mark.x, mark.y)
    return Mark(id=mark.id, x=x, y=y, category=mark.category)


def _areas(history: History, about: Json, frame: Frame) -> Iterator[Area]:
    """The regions that a step has worked on, with the state of the last such step's task."""
    divided = regions.from_json(about.get("regions"))
    names = [step["name"] for step in about["pipeline"]["steps"] if step["per"] == Per.REGION]
    states = {unit: state for name in names for unit, state in history.states(name).items()}
    for unit, state in states.items():
        message = _message(divided, unit)
        if message is not None:
            rings = tuple(
                tuple(value for x, y, *_ in ring for value in frame.local(x, y))
                for ring in regions.rings(message.core)
            )
            yield Area(id=unit, halo=message.halo, rings=rings, state=str(state))


def _decisions(folder: Path, things: Sequence[Thing]) -> dict[str, Json]:
    """What the results have of an earlier review, by the id of the object that it is about now."""
    known = [
        Known(
            id=thing.id,
            longitude=thing.longitude,
            latitude=thing.latitude,
            z=finite(thing.said["z"]),
            category=thing.category,
        )
        for thing in things
    ]
    found = matched(read_kept(folder), known).by_object
    return {name: decision.as_json() for name, decision in found.items()}


def _message(divided: regions.Regions, unit: str) -> Any:
    """The region of that name; None for one of an earlier division."""
    try:
        return divided.message(unit)
    except (KeyError, ValueError):
        return None


def _things(
    objects: Sequence[Json],
    recordings: Recordings,
    seen: Mapping[str, Recorded],
    frame: Frame,
    projection: Projection,
) -> Iterator[Thing]:
    """The objects with what the results say of each; those beyond the projection's end are in neither."""
    items = {item["id"]: item for item in objects}
    placed = {name: number for number, name in enumerate(recordings.ids)}
    for feature in features(objects, projection, seen):
        item, said = items[feature["id"]], feature["properties"]
        longitude, latitude = feature["geometry"]["coordinates"]
        x, y = frame.local(said["x"], said["y"])
        category = said.get("category")
        yield Thing(
            id=item["id"],
            x=x,
            y=y,
            longitude=longitude,
            latitude=latitude,
            category=None if category is None else str(category),
            score=_score(item),
            ellipse=_ellipse(item.get("covariance")),
            views=tuple(_views(item, placed)),
            said={"z": None, **{name: value for name, value in said.items() if name not in _APART}},
        )


def _score(item: Json) -> float | None:
    """How sure the run is of it: that it is there, and of its category, as far as steps say so."""
    said = [value for name in ("score", "category_score") if (value := finite(item.get(name))) is not None]
    return round(min(said), 4) if said else None


def _ellipse(covariance: object) -> tuple[float, float, float] | None:
    """xx, xy and yy of a covariance that is a list of rows."""
    if not (isinstance(covariance, list) and len(covariance) >= 2 and all(map(_is_row, covariance[:2]))):
        return None
    xx, xy, yy = (finite(value) for value in (covariance[0][0], covariance[0][1], covariance[1][1]))
    return None if xx is None or xy is None or yy is None else (round(xx, 6), round(xy, 6), round(yy, 6))


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) >= 2


def _views(item: Json, placed: Mapping[str, int]) -> list[View]:
    """Its views, the best first: how large it is in the photograph, times how sure the detection is."""
    found = [_view(one, placed) for one in views_of(item)]
    views = [view for view in found if view is not None]
    return sorted(
        views, key=lambda view: -view.box[2] * view.box[3] * (1.0 if view.score is None else view.score)
    )


def _view(said: Json, placed: Mapping[str, int]) -> View | None:
    box = said.get("bbox")
    numbers = [finite(value) for value in box] if isinstance(box, list) and len(box) == 4 else []
    x, y, width, height = numbers if numbers else (None,) * 4
    if x is None or y is None or width is None or height is None:
        return None
    name = str(said.get("recording"))
    score, distance = finite(said.get("score")), finite(said.get("distance"))
    return View(
        name=name,
        recording=placed.get(name),
        image=str(said.get("image")),
        box=(x, y, width, height),
        size=_size(said),
        score=None if score is None else round(score, 3),
        distance=None if distance is None else round(distance, 2),
    )


def _size(said: Json) -> tuple[int, int] | None:
    width, height = finite(said.get("width")), finite(said.get("height"))
    return (int(width), int(height)) if width and height else None


def relative(folder: Path, run_folder: Path) -> str:
    """A folder as seen from the run's."""
    return Path(os.path.relpath(folder, run_folder.resolve())).as_posix()
