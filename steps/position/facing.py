"""What a position alone does not tell: how many places an object was seen from, and on which of its sides.

Frames of a vehicle that stands are one place, however many they are. And a sign shows its face to one side: what is
seen from opposite sides, and from none between, is two signs back to back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steps.position.params import Params
from steps.position.rays import Rays, dot
from steps.position.support import Sights
from steps.stepkit.arrays import F64, I64, Mask

_FACE_DEG = 150.0
"""A face is seen from no wider a fan of directions: 75 degrees to either side of where it looks."""
_BETWEEN_DEG = 40.0
"""Two fans are told apart if nothing is seen between them, on either side, over such an angle."""


def enough_places(claimed: Sights, rays: Rays, least: int, baseline_m: float) -> Mask:
    """(S,) whether a claim's candidate was claimed from ``least`` places that are ``baseline_m`` apart at least.

    ``claimed`` is sorted by candidate. Places are counted one by one, each the first view that is far from all before.
    """
    _, owner = np.unique(claimed.candidate, return_inverse=True)
    origin = rays.origin[claimed.ray]
    left = np.ones(len(owner), dtype=np.bool_)
    places = np.zeros(int(owner.max()) + 1 if len(owner) else 0, dtype=np.int64)
    for _ in range(least):
        mine, first = np.unique(owner[left], return_index=True)
        if not len(mine):
            break
        places[mine] += 1
        place = np.full((len(places), 3), np.inf)
        place[mine] = origin[left][first]
        apart = np.where(np.isinf(place[owner]), 0.0, origin - place[owner])
        left &= dot(apart, apart) >= baseline_m * baseline_m
    return places[owner] >= least


def apart(claimed: Sights, rays: Rays, point: F64, params: Params) -> Sights:
    """The claims with those of each side of an object given to a candidate of its own.

    ``point`` (K, 3) is where the K candidates claimed stand. An object is parted if its views lie in two fans with
    nothing between, together too wide for one face, each of them from enough places to be an object.
    """
    _, owner = np.unique(claimed.candidate, return_inverse=True)
    far_side = _far_side(owner, rays.origin[claimed.ray] - point[owner])
    parted = replace(claimed, candidate=2 * claimed.candidate + far_side)
    parted = parted.only(np.lexsort([parted.ray, parted.candidate]))
    enough = enough_places(parted, rays, params.min_views, params.min_baseline_m)
    lacking = np.unique(parted.candidate[~enough] // 2)
    together = np.isin(claimed.candidate, lacking)
    parted = replace(claimed, candidate=2 * claimed.candidate + np.where(together, 0, far_side))
    return parted.only(np.lexsort([parted.ray, parted.candidate]))


def _far_side(owner: I64, offset: F64) -> I64:
    """(S,) 1 for views on the second side of an object that is seen from two, else 0."""
    angle = np.degrees(np.arctan2(offset[:, 0], offset[:, 1]))
    order = np.lexsort([angle, owner])
    count = np.bincount(owner)
    last = np.cumsum(count) - 1
    first = last - count + 1
    ordered = angle[order]
    gap = np.append(np.diff(ordered), 0.0)
    gap[last] = ordered[first] + 360.0 - ordered[last]
    # The two widest gaps of each object are the last two of its rows, sorted by width.
    by_width = np.lexsort([gap, owner[order]])
    widest, second = by_width[last], by_width[np.maximum(last - 1, first)]
    two_sided = (360.0 - gap[widest] > _FACE_DEG) & (gap[second] >= _BETWEEN_DEG) & (count > 1)
    low, high = np.minimum(widest, second), np.maximum(widest, second)
    place = np.arange(len(owner))
    between = (place > low[owner[order]]) & (place <= high[owner[order]]) & two_sided[owner[order]]
    far = np.zeros(len(owner), dtype=np.int64)
    far[order] = between
    return far
