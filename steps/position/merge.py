"""One thing that was taken for two, where poses are poor: their places agree, and no recording shows both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steps.position.nearby import Grid
from steps.position.rays import NO_LABEL, Rays
from steps.position.refine import Fit
from steps.position.support import Sights
from steps.stepkit.arrays import F64, I64

_FARTHEST_M = 10.0
_AGREE = 11.34
"""Squared standard deviations of their distance in space that one thing's two places exceed once in a hundred times."""


def merged(claimed: Sights, owner: I64, rays: Rays, fitted: Fit) -> Sights:
    """The claims (S,) of objects 0..K-1, ``owner`` (S,), with those of one thing given to one candidate.

    Two are one if their labels are the same, no recording shows both, and they are no farther apart than their
    covariances allow. The closest come first.
    """
    label = _labels(rays.label[claimed.ray], owner)
    seen_by = [set(claimed.recording[owner == one].tolist()) for one in range(len(fitted.point))]
    now = np.arange(len(fitted.point))
    for one, other in _close(fitted):
        one, other = now[one], now[other]
        if one == other or label[one] != label[other] or seen_by[one] & seen_by[other]:
            continue
        now[now == other] = one
        seen_by[one] |= seen_by[other]
    number = np.unique(claimed.candidate)
    together = replace(claimed, candidate=number[now[owner]])
    return together.only(np.lexsort([together.ray, together.candidate]))


def _labels(label: I64, owner: I64) -> I64:
    """(K,) the label that most claims (S,) of each object carry, of equals the first; NO_LABEL if none carries one."""
    most = np.full(int(owner.max()) + 1, NO_LABEL, dtype=np.int64)
    for one in range(len(most)):
        named = label[(owner == one) & (label != NO_LABEL)]
        if len(named):
            most[one] = np.argmax(np.bincount(named))
    return most


def _close(fitted: Fit) -> list[tuple[int, int]]:
    """Pairs of objects that may be one, a < b, the closest (in standard deviations) first."""
    pairs: list[tuple[float, int, int]] = []
    for place, point in Grid(fitted.point, _FARTHEST_M).within(fitted.point):
        first = place < point
        one, other = place[first], point[first]
        apart = fitted.point[one] - fitted.point[other]
        both = fitted.reported[one] + fitted.reported[other]
        off2: F64 = (apart * np.linalg.solve(both, apart[:, :, None])[:, :, 0]).sum(axis=1)
        agree = off2 <= _AGREE
        pairs += zip(off2[agree].tolist(), one[agree].tolist(), other[agree].tolist(), strict=True)
    return [(one, other) for _, one, other in sorted(pairs)]
