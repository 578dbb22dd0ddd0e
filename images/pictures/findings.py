"""What a run found, read for drawing: its recordings, objects and detections, and the truth if there is one.

Plain frozen values in the batch's projected CRS (metres; x east, y north) and in pixels of the upright images, so
that drawing needs to know neither files nor the coordinator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.batch.crs import Projection
from coordinator.batch.folder import Batch, open_batch
from coordinator.batch.recording import Recording
from coordinator.batch.regions import Grid, Point, holds, rings
from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.errors import BatchError
from coordinator.record.results import DETECTIONS, OBJECTS_GEOJSON

Json = dict[str, Any]
Rectangle = tuple[float, float, float, float]
"""x, y, width and height in pixels, COCO's edges; x + width passes the seam of a panorama."""
Colour = tuple[int, int, int]
"""Red, green, blue."""

_COLOURS: tuple[Colour, ...] = (
    (200, 60, 44),
    (28, 102, 176),
    (208, 130, 0),
    (22, 132, 106),
    (132, 76, 156),
    (176, 62, 110),
    (92, 112, 30),
    (22, 134, 158),
)
_UNKNOWN = "unknown"
_GREY: Colour = (110, 116, 124)


@dataclass(frozen=True, kw_only=True)
class Capture:
    """A recording that has a position; ``heading`` in degrees clockwise from north, if it is known."""

    id: str
    name: str
    file: Path
    place: Point
    heading: float | None
    panorama: bool


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A detection that became a view of an object."""

    recording: str
    box: Rectangle


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """An object of the map. ``covariance`` is that of x and y in square metres, ((xx, xy), (xy, yy))."""

    id: str
    category: str
    place: Point
    covariance: tuple[tuple[float, float], tuple[float, float]] | None
    observations: tuple[Observation, ...]

    @property
    def recognised(self) -> bool:
        return self.category != _UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Core:
    """A region: the rings of its core, how many recordings lie there, and how many lie in core or halo."""

    id: str
    outline: tuple[tuple[Point, ...], ...]
    recordings: int
    with_halo: int


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything the pictures show. ``detections`` are by image name; ``halo`` is in metres.

    ``square`` says that a halo has the corners of a grid's cell; that of a drawn region is rounded.
    """

    name: str
    crs: str
    captures: tuple[Capture, ...]
    objects: tuple[Mapped, ...]
    detections: dict[str, tuple[Rectangle, ...]]
    cores: tuple[Core, ...]
    halo: float
    square: bool
    truth: tuple[Point, ...] | None

    @property
    def colours(self) -> dict[str, Colour]:
        """A colour for every category; the same in all pictures of a run."""
        names = sorted({thing.category for thing in self.objects if thing.recognised})
        colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
        return {**colours, _UNKNOWN: _GREY}


def read(run: Path, folder: Path, truth: Path | None = None) -> Findings:
    """The findings of the run in ``run`` over the batch in ``folder``.

    Raises BatchError if the batch has no positions or the run has not come to objects, OSError and ValueError
    for files that cannot be read.
    """
    batch = open_batch(folder)
    if batch.projection is None:
        raise BatchError(f"batch {str(folder)!r} has no positions: there is nothing to draw a plan of")
    if not (run / OBJECTS_GEOJSON).is_file():
        raise BatchError(f"{run / OBJECTS_GEOJSON}: no such file; let the run come to its end first")
    captures = tuple(_captures(batch, run))
    regions = batch.regions(positioned=True)
    return Findings(
        name=batch.name,
        crs=batch.projection.name,
        captures=captures,
        objects=tuple(_object(feature) for feature in _features(run / OBJECTS_GEOJSON)),
        detections=_detections(run / DETECTIONS),
        cores=_cores(batch, [capture.place for capture in captures]),
        halo=batch.config.region.halo,
        square=isinstance(regions, Grid),
        truth=tuple(_place(feature, batch.projection) for feature in _features(truth)) if truth else None,
    )


def label(category: str) -> str:
    """A category's name for readers."""
    return category.replace("_", " ")


def _features(path: Path) -> list[Json]:
    features: list[Json] = json.loads(path.read_text(encoding="utf-8"))["features"]
    return features


def _captures(batch: Batch, run: Path) -> Iterable[Capture]:
    for recording in batch.recordings():
        if isinstance(recording, Recording) and recording.position is not None:
            item = recording.item
            yield Capture(
                id=recording.id,
                name=item["image"].removeprefix(f"{MOUNT}/"),
                file=_file(item["image"], batch.folder, run),
                place=recording.position,
                heading=item["pose"]["heading"] if item["pose"] else None,
                panorama=(item["camera"] or {}).get("model") == "equirectangular",
            )


def _file(image: str, batch: Path, run: Path) -> Path:
    """Where a step's path lies on this machine."""
    if image.startswith(f"{WORK_MOUNT}/"):
        return run / "work" / image.removeprefix(f"{WORK_MOUNT}/")
    return batch / image.removeprefix(f"{MOUNT}/")


def _object(feature: Json) -> Mapped:
    found = feature["properties"]
    matrix = found.get("covariance")
    return Mapped(
        id=found["id"],
        category=found.get("category") or _UNKNOWN,
        place=(found["x"], found["y"]),
        covariance=((matrix[0][0], matrix[0][1]), (matrix[1][0], matrix[1][1])) if matrix else None,
        observations=tuple(
            Observation(recording=view["recording"], box=_rectangle(view["bbox"]))
            for view in found.get("observations", [])
        ),
    )


def _rectangle(box: list[float]) -> Rectangle:
    x, y, width, height = box
    return x, y, width, height


def _place(feature: Json, projection: Projection) -> Point:
    """A true position: as it is written in the batch's CRS, else projected."""
    written = feature.get("properties") or {}
    if written.get("crs") == projection.name and "x" in written and "y" in written:
        return written["x"], written["y"]
    longitude, latitude = feature["geometry"]["coordinates"][:2]
    return projection.to_projected(longitude, latitude)


def _detections(path: Path) -> dict[str, tuple[Rectangle, ...]]:
    """By image name; none for a run that started at detections made elsewhere."""
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    found: dict[int, list[Rectangle]] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        found[annotation["image_id"]].append(_rectangle(annotation["bbox"]))
    return {image["file_name"]: tuple(found[image["id"]]) for image in document["images"]}


def _cores(batch: Batch, places: list[Point]) -> tuple[Core, ...]:
    regions = batch.regions(positioned=True)
    counts = Counter(name for place in places for name in regions.around(place))
    cores = []
    for name in sorted(counts):
        message = regions.message(name)
        assert message is not None, "a divided batch tells of its regions"
        outline = tuple(tuple((point[0], point[1]) for point in ring) for ring in rings(message.core))
        inside = sum(holds(message.core, place) for place in places)
        cores.append(Core(id=name, outline=outline, recordings=inside, with_halo=counts[name]))
    return tuple(cores)
