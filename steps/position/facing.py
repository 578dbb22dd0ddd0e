"""What a position alone does not tell: how many places an object was seen from, and on which of its sides.

Frames of a vehicle that stands are one place, however many they are. And a sign shows its face to one side: what shows
a face to opposite sides is two signs back to back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steps.position.params import Params
from steps.position.rays import Rays, dot
from steps.position.support import Sights, in_order
from steps.stepkit.arrays import F64, Mask

_SECTORS, _FAN = 24, 10
"""Directions of 15 degrees each, and how many of them side by side a face is seen from: 75 degrees to either side."""
_HEAD_ON = np.cos(np.radians((np.arange(_FAN) - (_FAN - 1) / 2) * 360.0 / _SECTORS))
"""How much a view from each direction of a fan speaks for it: a face is mostly seen from its front."""


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


def by_side(sights: Sights, rays: Rays, point: F64, params: Params) -> Sights:
    """The sights of candidates at ``point`` (N, 3), those from behind given to candidates of their own.

    Candidate c becomes 2c, and 2c + 1 for the views that show a face and do not lie in the same fan of directions as
    most others. What may look the same from both sides stays with 2c.
    """
    offset = rays.origin[sights.ray] - point[sights.candidate]
    turn = np.arctan2(offset[:, 0], offset[:, 1]) / (2 * np.pi) % 1.0
    sector = np.minimum((turn * _SECTORS).astype(np.int64), _SECTORS - 1)
    weight = np.bincount(sights.candidate * _SECTORS + sector, sights.weight, len(point) * _SECTORS)
    around = np.tile(weight.reshape(-1, _SECTORS), 2)
    fans = np.sum([head_on * around[:, at : at + _SECTORS] for at, head_on in enumerate(_HEAD_ON)], axis=0)
    away = (sector - np.argmax(fans, axis=1)[sights.candidate]) % _SECTORS >= _FAN
    is_face = rays.face[sights.ray] | (not params.two_sided)
    return in_order(replace(sights, candidate=2 * sights.candidate + (away & is_face)))
