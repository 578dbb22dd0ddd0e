"""The recordings of a run as its results tell of them: where each was taken from, when, and how it looked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coordinator.contract import MAX_METRES
from coordinator.core.paths import unmounted
from coordinator.formats.moments import iso, seconds_since_1970
from coordinator.pipeline import Per, Step
from coordinator.strictjson import Json

_LONG = 1_000
"""Characters of a time beyond which it is none."""
_LATEST = 1e15
"""Seconds or milliseconds since 1970: more than any calendar has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recording. ``x``, ``y``, ``z`` are metres in the batch's CRS, ``heading`` and the like degrees.

    ``image`` is the path by which steps know the photograph, ``taken`` seconds since 1970, ``detections`` how many it
    has, ``camera_height`` metres above the road. All but the id may be unknown.
    """

    id: str
    image: str | None
    x: float | None = None
    y: float | None = None
    z: float | None = None
    heading: float | None = None
    pitch: float | None = None
    roll: float | None = None
    camera: str | None = None
    width: int | None = None
    height: int | None = None
    taken: float | None = None
    detections: int | None = None
    camera_height: float | None = None

    @property
    def position(self) -> tuple[float, ...] | None:
        """x, y and, where it is known, z; None without a place."""
        if self.x is None or self.y is None:
            return None
        return (self.x, self.y) if self.z is None else (self.x, self.y, self.z)

    @property
    def time(self) -> str | None:
        """When it was taken, ISO 8601 in UTC."""
        return None if self.taken is None else iso(self.taken)

    @property
    def file(self) -> str | None:
        """What the batch calls its image."""
        return None if self.image is None else unmounted(self.image)


def items_of_recordings(items: Callable[[str], Iterator[Json]], steps: Sequence[Step]) -> Iterator[Json]:
    """What a journal has of the recordings: the ``items`` of the last step that had one task for each, or all of them.

    Nothing where the first step makes objects of them.
    """
    for step in reversed([*_before_regions(steps)]):
        first = next(items(step.name), None)
        if first is not None and "image" in first and "position" not in first:
            return items(step.name)
    return iter(())


def _before_regions(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        if step.per is Per.REGION:
            return
        yield step


def recorded(item: Json, taken: float | None = None) -> Recorded:
    """A recording's item as a step gave it; what is of another kind than it should be is not known.

    ``taken`` is when, if the item does not say it.
    """
    pose, camera, image = _part(item, "pose"), _part(item, "camera"), item.get("image")
    time, found = item.get("time"), item.get("detections")
    return Recorded(
        id=str(item["id"]),
        image=image if isinstance(image, str) else None,
        x=metres(pose.get("x")),
        y=metres(pose.get("y")),
        z=metres(pose.get("z")),
        heading=metres(pose.get("heading")),
        pitch=metres(pose.get("pitch")),
        roll=metres(pose.get("roll")),
        camera=model if isinstance(model := camera.get("model"), str) else None,
        width=whole(item.get("width")),
        height=whole(item.get("height")),
        taken=_moment(time) if time is not None else taken,
        detections=len(found) if isinstance(found, list) else None,
        camera_height=metres(item.get("camera_height")),
    )


def observed_in(objects: Iterable[Json]) -> set[str]:
    """The ids of the recordings that any of the objects was seen in: the others need not be held."""
    return {
        name for item in objects for view in views(item) if isinstance(name := view.get("recording"), str)
    }


def views(item: Json) -> list[Json]:
    """An object's observations; a step of somebody else's may mean something else by the name."""
    found = item.get("observations")
    return [view for view in found if isinstance(view, dict)] if isinstance(found, list) else []


def metres(value: object) -> float | None:
    """A number that a place can have, or an angle or another measure; None for anything else."""
    if type(value) is float:  # most are, and many are asked
        return value if -MAX_METRES <= value <= MAX_METRES else None
    if isinstance(value, str):  # further columns of a table are text
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_METRES:
        return None
    return float(value)


def whole(value: object) -> int | None:
    """A whole number that SQLite can hold; None for anything else."""
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return value if fits and isinstance(value, int) else None


def _part(item: Json, name: str) -> Mapping[str, object]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _moment(time: object) -> float | None:
    if isinstance(time, str):
        return seconds_since_1970(time) if len(time) <= _LONG else None
    if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) <= _LATEST:
        return None
    return seconds_since_1970(time)
