"""Objects from recordings: the whole step as one pure function."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from steps.position.candidates import Candidates, propose, thin
from steps.position.core import contains
from steps.position.objects import describe
from steps.position.params import Params
from steps.position.rays import Rays, cast, dot
from steps.position.refine import mean, triangulate
from steps.position.solve import claim, score
from steps.position.support import prefer_label, verify
from steps.stepkit import Json

_SAME_M = 0.25
"""Polished candidates this close are one: they come from pairs of the same object's rays."""


def locate(items: Iterable[Json], region: Json | None, params: Params) -> list[Json]:
    """The objects whose position lies in the region's core (all of them without a region), sorted by id.

    ``items`` are recordings with detections, poses and cameras; an object is docs' item of that name. Raises
    BadInput for items that cannot be used.
    """
    rays = cast(items)
    candidates = polish(propose(rays, params), rays, params)
    sights = prefer_label(verify(candidates, rays, params), rays)
    claimed = claim(sights, len(candidates), len(rays), params.min_views)
    objects = describe(rays, claimed, params)
    if region is not None:
        objects = [thing for thing in objects if contains(region["core"], *_ground(thing))]
    return sorted(objects, key=lambda thing: str(thing["id"]))


def polish(candidates: Candidates, rays: Rays, params: Params) -> Candidates:
    """Candidates moved to where all the rays that see them meet, the best one of each spot; world frame, metres.

    A point from two rays is a poor one when they are nearly parallel. One weighted least-squares step over the
    rays that see it is LO-RANSAC's local optimisation (Chum, Matas and Kittler, DAGM 2003).
    """
    sights = verify(candidates, rays, params)
    total, views = score(sights, len(candidates))
    kept = np.flatnonzero(views >= params.min_views)
    sights = sights.only(views[sights.candidate] >= params.min_views).best()
    if not len(sights):
        return candidates.only(kept)
    offset = candidates.point[sights.candidate] - rays.origin[sights.ray]
    distance = np.sqrt(dot(offset, offset))
    owner = np.searchsorted(kept, sights.candidate)
    weight = sights.weight / params.variance(distance)
    point, _ = triangulate(rays.origin[sights.ray], rays.direction[sights.ray], weight, owner)
    log_size = mean(np.log(distance * rays.height[sights.ray]), sights.weight, owner)
    polished = Candidates(point=point, log_size=log_size)
    return polished.only(thin(point, -total[kept], _SAME_M))


def _ground(thing: Json) -> tuple[float, float]:
    return thing["position"]["x"], thing["position"]["y"]
