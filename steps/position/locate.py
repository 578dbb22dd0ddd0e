"""Objects from recordings: the whole step as one pure function."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from steps.position.adjust import adjust, poor
from steps.position.candidates import Candidates, propose, thin
from steps.position.core import contains
from steps.position.facing import apart, enough_places
from steps.position.objects import describe
from steps.position.params import Params
from steps.position.rays import Rays, cast, dot
from steps.position.refine import Fit, fit, mean, triangulate
from steps.position.solve import claim, score
from steps.position.support import Sights, prefer_label, verify
from steps.stepkit import Json
from steps.stepkit.arrays import I64

_SAME_M = 0.25
"""Polished candidates this close are one: they come from pairs of the same object's rays."""


_ROUNDS = 2
"""How often rays are associated anew after poses were corrected."""


def locate(items: Iterable[Json], region: Json | None, params: Params) -> list[Json]:
    """The objects whose position lies in the region's core (all of them without a region), sorted by id.

    ``items`` are recordings with detections, poses and cameras; an object is docs' item of that name. Raises
    BadInput for items that cannot be used.
    """
    rays = cast(items)
    claimed = associate(rays, params)
    fitted = fit(rays, owners(claimed), claimed.ray, params) if len(claimed) else None
    if fitted and poor(rays, params):
        rays, claimed, fitted = _together(rays, claimed, fitted, params)
    objects = describe(rays, claimed, fitted, params) if fitted else []
    if region is not None:
        objects = [thing for thing in objects if contains(region["core"], *_ground(thing))]
    return sorted(objects, key=lambda thing: str(thing["id"]))


def _together(stated: Rays, claimed: Sights, fitted: Fit, params: Params) -> tuple[Rays, Sights, Fit]:
    """Rays from corrected poses, what they claim, and where that stands.

    Poses and objects are adjusted to each other, and the better poses show better which rays belong together.
    """
    adjusted = adjust(stated, owners(claimed), claimed.ray, fitted, params)
    for _ in range(_ROUNDS):
        claimed = associate(adjusted.rays, params)
        owner = owners(claimed)
        fitted = fit(adjusted.rays, owner, claimed.ray, params)
        adjusted = adjust(stated, owner, claimed.ray, fitted, params, adjusted)
    return adjusted.rays, claimed, adjusted.fit


def associate(rays: Rays, params: Params) -> Sights:
    """Which rays are views of one object: the claims, sorted by candidate and ray."""
    candidates = polish(propose(rays, params), rays, params)
    sights = prefer_label(verify(candidates, rays, params), rays)
    claimed = claim(sights, len(candidates), len(rays), params.min_views)
    claimed = claimed.only(enough_places(claimed, rays, params.min_views, params.min_baseline_m))
    if params.two_sided or not len(claimed):
        return claimed
    return apart(claimed, rays, candidates.point[np.unique(claimed.candidate)], params)


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
    weight = sights.weight / rays.variance(sights.ray, distance, params)
    point, _ = triangulate(rays.origin[sights.ray], rays.direction[sights.ray], weight, owner)
    log_size = mean(np.log(distance * rays.height[sights.ray]), sights.weight, owner)
    polished = Candidates(point=point, log_size=log_size)
    return polished.only(thin(point, -total[kept], _SAME_M))


def owners(claimed: Sights) -> I64:
    """(S,) the number of each claim's candidate among those claimed, 0..K-1."""
    return np.unique(claimed.candidate, return_inverse=True)[1].astype(np.int64)


def _ground(thing: Json) -> tuple[float, float]:
    return thing["position"]["x"], thing["position"]["y"]
