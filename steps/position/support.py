"""Which rays see a candidate, and how well: the verification.

A ray sees a point when it passes close enough by, measured in standard deviations at that distance, and when
its box implies about the candidate's height there. Both misses add up to one squared deviation r^2, and the
sight weighs ``1 - r^2 / gate^2`` (MSAC, Torr and Zisserman, "MLESAC", CVIU 78(1), 2000): a count of views that
also prefers the better of two neighbouring points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steps.position.candidates import Candidates
from steps.position.nearby import Grid, ragged
from steps.position.params import Params
from steps.position.rays import NO_LABEL, Rays, dot
from steps.stepkit.arrays import F64, I64, Mask

_OTHER_LABEL = 0.25
"""What a sight weighs when its label is not the candidate's: detectors change their mind between views."""


@dataclass(frozen=True, kw_only=True)
class Sights:
    """S sights, a ray that sees a candidate, sorted by candidate, recording, weight (best first) and ray."""

    candidate: I64
    """(S,)"""
    ray: I64
    """(S,)"""
    recording: I64
    """(S,) recording of the ray."""
    weight: F64
    """(S,) above 0, at most 1."""

    def __len__(self) -> int:
        return len(self.ray)

    def only(self, kept: I64 | Mask | slice) -> Sights:
        """The sights with these indices, of this mask of shape (S,) or in this slice."""
        return Sights(
            candidate=self.candidate[kept],
            ray=self.ray[kept],
            recording=self.recording[kept],
            weight=self.weight[kept],
        )

    def best(self) -> Sights:
        """The best sight of each candidate in each recording: one object looks once into one recording."""
        first = np.ones(len(self), dtype=np.bool_)
        first[1:] = (np.diff(self.candidate) != 0) | (np.diff(self.recording) != 0)
        return self.only(first)


def join(parts: Sequence[Sights]) -> Sights:
    """All parts, at least one, as they come."""
    return Sights(
        candidate=np.concatenate([part.candidate for part in parts]),
        ray=np.concatenate([part.ray for part in parts]),
        recording=np.concatenate([part.recording for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def verify(candidates: Candidates, rays: Rays, params: Params, farthest_m: float) -> Sights:
    """All sights of the candidates from no farther away than ``farthest_m``; world frame, metres."""
    nothing = np.empty(0, dtype=np.int64)
    parts = [_seen(candidates, rays, nothing, nothing, params, farthest_m)]
    for place, recording in Grid(rays.centre, farthest_m).within(candidates.point):
        parts.append(_seen(candidates, rays, place, recording, params, farthest_m))
    return in_order(join(parts))


def in_order(sights: Sights) -> Sights:
    """The sights, sorted as :class:`Sights` says."""
    return sights.only(np.lexsort([sights.ray, -sights.weight, sights.recording, sights.candidate]))


def _seen(
    candidates: Candidates, rays: Rays, candidate: I64, recording: I64, params: Params, farthest_m: float
) -> Sights:
    """The sights among all rays of the given (candidate, recording) pairs, unsorted."""
    offset = candidates.point[candidate] - rays.centre[recording]
    count = rays.first[recording + 1] - rays.first[recording]
    pair, ray = ragged(rays.first[recording], count)
    direction = rays.direction[ray]
    offset = offset[pair]
    ahead = np.flatnonzero(dot(offset, direction) > 0)
    pair, ray, offset, direction = pair[ahead], ray[ahead], offset[ahead], direction[ahead]
    distance2, along = dot(offset, offset), dot(offset, direction)
    distance, missed2 = np.sqrt(distance2), distance2 - along * along
    # Most rays pass far by: the cheap gate first, the whole one for what is left.
    limit = params.gate * params.gate
    close = np.flatnonzero(
        (missed2 <= limit * rays.variance(ray, distance, params)) & (distance <= farthest_m)
    )
    pair, ray = pair[close], ray[close]
    log_size = candidates.log_size[candidate[pair]]
    weight = agreement(rays, ray, missed2[close], distance[close], log_size, params)
    sights = Sights(candidate=candidate[pair], ray=ray, recording=recording[pair], weight=weight)
    return sights.only(weight > 0)


def agreement(rays: Rays, ray: I64, missed2: F64, distance: F64, log_size: F64, params: Params) -> F64:
    """How well rays agree with objects, 1 for perfectly, 0 or less beyond the gate; all arrays are (N,).

    ``missed2`` is the squared distance between ray and object and ``distance`` that from the camera, both in
    metres; ``log_size`` is the logarithm of the object's height.
    """
    across2 = missed2 / rays.variance(ray, distance, params)
    differ = (np.log(distance * rays.height[ray]) - log_size) / params.size_sigma
    agreed: F64 = 1 - (across2 + differ * differ) / (params.gate * params.gate)
    return agreed


def prefer_label(sights: Sights, rays: Rays) -> Sights:
    """The sights, with less weight where a ray's label is not its candidate's: the one most of its weight carries."""
    label = rays.label[sights.ray]
    labelled = np.flatnonzero(label != NO_LABEL)
    if not len(labelled):
        return sights
    named = sights.only(labelled)
    order = np.lexsort([label[labelled], named.candidate])
    candidate, name = named.candidate[order], label[labelled][order]
    first = np.flatnonzero(np.r_[True, (np.diff(candidate) != 0) | (np.diff(name) != 0)])
    total = np.add.reduceat(named.weight[order], first)
    candidate, name = candidate[first], name[first]
    main = np.full(int(sights.candidate[-1]) + 1, NO_LABEL, dtype=np.int64)
    # The last assignment to a place stays: the largest total, of equals the alphabetically first name.
    ranked = np.lexsort([-name, total])
    main[candidate[ranked]] = name[ranked]
    differs = (label != NO_LABEL) & (label != main[sights.candidate])
    return in_order(replace(sights, weight=np.where(differs, sights.weight * _OTHER_LABEL, sights.weight)))
