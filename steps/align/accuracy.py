"""How accurate aligned poses are: against each other, and all together.

Rays of neighbours meet as well as their poses agree with each other, whatever they have in common: a shift, a turn, a
scale that are wrong for all of a street move its objects with it. So an aligned pose says two things: ``position_m``
and ``heading_deg``, its errors apart from those it shares with its neighbours, and ``shared_m``, the standard deviation
of the shared part along each horizontal axis. A map's accuracy is the root of the sum of both squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.align import rotations
from steps.align.adjust import Adjusted
from steps.stepkit.arrays import F64, I64

_NEAR = 12
"""Neighbours, the nearest ones, that errors are shared with."""
_HONEST = 1.5
"""Observations are not independent of each other (one facade, one moving car), as the adjustment takes them to be."""
_LEAST_M = 0.03
_LEAST_DEG = 0.03
"""Smallest standard deviations that are claimed."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Standard deviations for each of k photographs, shape (k,) each."""

    position_m: F64
    """Along each horizontal axis, apart from what neighbours share."""
    heading_deg: F64
    shared_m: F64
    """Along each horizontal axis, of what neighbours share."""
    shared_deg: F64


def accuracy(adjusted: Adjusted) -> Accuracy:
    """From the normal matrix of the adjustment, its observations being as good as they fitted."""
    covariance = np.asarray(np.linalg.inv(adjusted.normal), np.float64)
    misfit = _HONEST * max(adjusted.misfit, 1.0)
    centre = adjusted.model.centre
    rows = [_one(covariance, centre, place, misfit) for place in range(len(centre))]
    position, heading, shared, shared_heading = np.array(rows).T
    return Accuracy(position_m=position, heading_deg=heading, shared_m=shared, shared_deg=shared_heading)


def _one(covariance: F64, centre: F64, place: int, misfit: float) -> tuple[float, float, float, float]:
    near = np.argsort(np.linalg.norm(centre - centre[place], axis=1), kind="stable")[: _NEAR + 1]
    at = (6 * near[:, None] + np.arange(6)).ravel()
    whole = covariance[np.ix_(at, at)]
    apart = _without_shared(near.astype(np.int64), centre)
    own = (apart @ whole @ apart.T)[:6, :6]
    # The place itself is the nearest to itself: its rows are the first six.
    total_position, own_position = np.trace(whole[3:5, 3:5]) / 2, np.trace(own[3:5, 3:5]) / 2
    total_heading, own_heading = whole[2, 2], own[2, 2]
    return (
        max(misfit * float(np.sqrt(own_position)), _LEAST_M),
        max(misfit * float(np.degrees(np.sqrt(own_heading))), _LEAST_DEG),
        float(np.sqrt(max(total_position - own_position, 0.0))),
        float(np.degrees(np.sqrt(max(total_heading - own_heading, 0.0)))),
    )


def _without_shared(near: I64, centre: F64) -> F64:
    """The projection, shape (6 m, 6 m), that takes shift, turn and scale out of the errors of m poses."""
    arm = centre[near] - centre[near].mean(axis=0)
    reach = max(float(np.sqrt(np.mean(arm**2))), 1e-3)
    basis = np.zeros((len(near), 6, 7))
    basis[:, :3, :3] = np.eye(3)
    basis[:, 3:, :3] = -rotations.crosses(arm)
    basis[:, 3:, 3:6] = np.eye(3)
    basis[:, 3:, 6] = arm
    # Turns count in metres at the reach, so that metres and radians may be weighed against each other.
    unit = np.tile([reach] * 3 + [1.0] * 3, len(near))
    flat = unit[:, None] * basis.reshape(-1, 7)
    across, _ = np.linalg.qr(flat)
    apart: F64 = (np.eye(len(flat)) - across @ across.T) * unit[None, :] / unit[:, None]
    return apart
