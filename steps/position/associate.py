"""Which rays are views of one object: points are proposed and polished, and the best of them claim their rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steps.position.candidates import Candidates, propose, thin
from steps.position.facing import by_side, enough_places
from steps.position.nearby import around
from steps.position.params import Params
from steps.position.rays import Rays, dot
from steps.position.refine import mean, triangulate
from steps.position.solve import claim, score
from steps.position.support import Sights, join, prefer_label, verify
from steps.stepkit.arrays import F64, I64, Mask

_SAME_M = 0.25
"""Polished candidates this close are one: they come from pairs of the same object's rays."""
_FARTHER = 1.5
"""By how much farther than an object may be seen from it takes rays, if poses are poor: what is left unexplained of
distant objects would meet by chance, and make others."""
_FEWEST = 2


def associate(rays: Rays, params: Params) -> Sights:
    """The claims, sorted by candidate and ray.

    Objects are seen from ``min_views`` places; then, where recordings are sparse, from two with what rays are left.
    """
    candidates = _polished(propose(rays, params), rays, params)
    farthest_m = params.max_range_m * (_FARTHER if rays.poor else 1.0)
    sights = prefer_label(verify(candidates, rays, params, farthest_m), rays)
    sights = by_side(sights, rays, candidates.point, params)
    sides = 2 * len(candidates)
    claimed = claim(sights, sides, len(rays), params.min_views)
    is_left = ~np.isin(sights.ray, claimed.ray) & _is_sparse(candidates, rays, params)[sights.candidate // 2]
    left = replace(sights.only(is_left), candidate=sights.candidate[is_left] + sides)
    few = claim(left, 2 * sides, len(rays), _FEWEST)
    return join(
        [
            _counted(claimed, candidates, rays, params, params.min_views),
            _counted(few, candidates, rays, params, _FEWEST),
        ]
    )


def owners(claimed: Sights) -> I64:
    """(S,) the number of each claim's candidate among those claimed, 0..K-1."""
    return np.unique(claimed.candidate, return_inverse=True)[1].astype(np.int64)


def _polished(candidates: Candidates, rays: Rays, params: Params) -> Candidates:
    """Candidates moved to where all the rays that see them meet, the best one of each spot; world frame, metres.

    A point from two rays is a poor one when they are nearly parallel. One weighted least-squares step over the
    rays that see it is LO-RANSAC's local optimisation (Chum, Matas and Kittler, DAGM 2003).
    """
    sights = verify(candidates, rays, params, params.max_range_m)
    total, views = score(sights, len(candidates))
    least = np.where(_is_sparse(candidates, rays, params), _FEWEST, params.min_views)
    kept = np.flatnonzero(views >= least)
    sights = sights.only((views >= least)[sights.candidate]).best()
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


def _is_sparse(candidates: Candidates, rays: Rays, params: Params) -> Mask:
    """(N,) where recordings are so few that an object cannot be asked to be seen from more than two places."""
    if params.min_views <= _FEWEST:
        return np.zeros(len(candidates), dtype=np.bool_)
    count = around(rays.centre, candidates.point, params.max_range_m / 2)
    return np.asarray(count <= params.sparse, dtype=np.bool_)


def _counted(claimed: Sights, candidates: Candidates, rays: Rays, params: Params, least: int) -> Sights:
    """The claims from within ``max_range_m`` of objects that are seen from ``least`` places there."""
    point: F64 = candidates.point[claimed.candidate // 2 % max(len(candidates), 1)]
    offset = point - rays.origin[claimed.ray]
    claimed = claimed.only(dot(offset, offset) <= params.max_range_m * params.max_range_m)
    return claimed.only(enough_places(claimed, rays, least, params.min_baseline_m))
