"""Objects from recordings: the whole step as one pure function."""

from __future__ import annotations

from collections.abc import Iterable

from steps.position.core import contains, core_of
from steps.position.objects import describe
from steps.position.params import Params
from steps.position.rays import cast
from steps.position.stated import found
from steps.stepkit import Json


def locate(items: Iterable[Json], region: Json | None, params: Params) -> list[Json]:
    """The objects whose position lies in the region's core (all of them without a region), sorted by id.

    ``items`` are recordings with detections, poses and cameras; an object is docs' item of that name. Raises
    BadInput for items that cannot be used.
    """
    core = None if region is None else core_of(region)
    seen = found(cast(items), params)
    objects = describe(seen.rays, seen.claimed, seen.fitted, params) if seen.fitted else []
    if core is not None:
        objects = [thing for thing in objects if contains(core, *_ground(thing))]
    return sorted(objects, key=lambda thing: str(thing["id"]))


def _ground(thing: Json) -> tuple[float, float]:
    return thing["position"]["x"], thing["position"]["y"]
