"""Objects where poses say that they are poor.

Two things may be so. The poses are as poor as they say: then poses and objects are adjusted to each other, and better
poses show better which rays belong together. Or they are much better (who states an accuracy tends to be careful):
then rays meet closely, and their gates must not be as wide as stated. What there is more evidence for is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.position.adjust import adjust
from steps.position.associate import associate, owners
from steps.position.evidence import evidence
from steps.position.merge import merged
from steps.position.params import Params
from steps.position.rays import Rays
from steps.position.refine import Fit, fit
from steps.position.support import Sights

_ROUNDS = 2
"""How often rays are associated anew after poses were corrected."""
_PARTS = (0.5, 0.25, 0.18, 0.125, 0.06)
"""What part of the stated errors may be there really."""
_MUCH_MORE = 1.15
"""Evidence of better poses counts if it is so many times that of poor ones: a drive's poses, which are alike, always
agree better with each other than with the truth."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Objects: the rays as they were taken, what they claim, and where that stands (None if nothing is claimed)."""

    rays: Rays
    claimed: Sights
    fitted: Fit | None
    evidence: float = 0.0
    """The sum over objects that there is evidence for."""


def found(rays: Rays, params: Params) -> Found:
    """The objects that the rays show."""
    first = _as_stated(rays, params)
    if first.fitted is None or not rays.poor:
        return first
    together = _together(rays, first, params)
    better = max((_if_only(rays, part, params) for part in _PARTS), key=lambda one: one.evidence)
    return better if better.evidence > _MUCH_MORE * together.evidence else together


def _as_stated(rays: Rays, params: Params) -> Found:
    claimed = associate(rays, params)
    fitted = fit(rays, owners(claimed), claimed.ray, params) if len(claimed) else None
    return Found(rays=rays, claimed=claimed, fitted=fitted)


def _together(stated: Rays, first: Found, params: Params) -> Found:
    """Rays from corrected poses, and what they show."""
    claimed, fitted, before = first.claimed, first.fitted, None
    for _ in range(1 + _ROUNDS):
        assert fitted is not None
        if before:
            claimed = associate(before.rays, params)
            fitted = fit(before.rays, owners(claimed), claimed.ray, params)
        before = adjust(stated, owners(claimed), claimed.ray, fitted, params, before)
    assert before is not None
    whole = merged(claimed, owners(claimed), before.rays, before.fit)
    if len(np.unique(whole.candidate)) < len(before.fit.point):
        claimed, fitted = whole, fit(before.rays, owners(whole), whole.ray, params)
        before = adjust(stated, owners(whole), whole.ray, fitted, params, before)
    return _weighed(Found(rays=before.rays, claimed=claimed, fitted=before.fit), params)


def _if_only(stated: Rays, part: float, params: Params) -> Found:
    """What the rays show if poses are off by a part of what they state; how sure that is, is told as they state."""
    assert stated.accuracy is not None
    better = _weighed(_as_stated(replace(stated, accuracy=stated.accuracy.times(part)), params), params)
    if better.fitted is None:
        return better
    careful = fit(stated, owners(better.claimed), better.claimed.ray, params)
    return replace(better, rays=stated, fitted=replace(better.fitted, reported=careful.reported))


def _weighed(one: Found, params: Params) -> Found:
    if one.fitted is None:
        return one
    each = evidence(one.rays, owners(one.claimed), one.claimed.ray, one.fitted, params)
    return replace(one, evidence=float(np.maximum(each, 0.0).sum()))
