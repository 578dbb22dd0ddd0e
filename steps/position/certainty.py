"""How well a position is known: what is reported beside it.

The assumed standard deviations say what poses may be, the residuals what they are. Without a stated accuracy the
covariance is scaled by what an object's own rays miss it by; few rays know that badly, so that the scale is the one for
which the ellipse of 95 % in the plane holds the truth that often (Hotelling, "The Generalization of Student's
Ratio", 1931).
What all recordings of an object share (a drive's bias) no residual shows: where poses state their accuracy, the part
of it that the residuals do not show counts as shared, and moves the object as it moves the poses.
"""

from __future__ import annotations

import numpy as np

from steps.position.rays import Rays
from steps.stepkit.arrays import F64, I64

_DOUBT = 0.05
"""Squared deviations added to every object's: residuals that happen to be small must not promise everything."""
_CHI2, _OUTSIDE = 5.991, 0.05
"""The 95 % ellipse of two dimensions, in squared standard deviations, and the share outside of it."""


def reported(
    covariance: F64, deviation2: F64, weight: F64, crowd: F64, offset: F64, owner: I64, ray: I64, rays: Rays
) -> F64:
    """(K, 3, 3) covariances in m^2 that hold what they promise, from those of the assumed deviations (K, 3, 3).

    Of the M observations: squared deviations from their objects in standard deviations, weights in 1/m^2, how many
    count as one, offsets (M, 3) from recording to object in metres, owners and rays.
    """
    degrees = np.maximum(2 * np.bincount(owner, 1 / crowd) - 3, 2.0)
    scale = (np.bincount(owner, deviation2 / crowd) + _DOUBT) / degrees
    # The quantile of F(2, n) that 5 % exceed has this closed form.
    quantile = degrees / 2 * (_OUTSIDE ** (-2 / degrees) - 1)
    likely = scale * quantile * 2 / _CHI2
    if rays.accuracy is None:
        return np.asarray(likely[:, None, None] * covariance, dtype=np.float64)
    recording, count = rays.recording[ray], np.bincount(owner)
    metres2 = np.bincount(owner, np.nan_to_num(rays.accuracy.position[recording]) ** 2) / count
    radians2 = np.bincount(owner, np.nan_to_num(rays.accuracy.angle[recording]) ** 2) / count
    lever = np.stack([np.bincount(owner, weight * offset[:, axis]) for axis in range(3)], axis=1)
    turn: F64 = covariance @ _cross(lever.astype(np.float64))
    shared = metres2[:, None, None] * np.eye(3) + radians2[:, None, None] * (turn @ turn.transpose(0, 2, 1))
    own = np.minimum(likely, 1.0)[:, None, None]
    return np.asarray(
        own * covariance + (1 - np.minimum(scale, 1.0))[:, None, None] * shared, dtype=np.float64
    )


def _cross(vector: F64) -> F64:
    """(K, 3, 3) the matrices that multiply as the cross products with vectors (K, 3) do."""
    x, y, z = vector.T
    zero = np.zeros_like(x)
    rows = [np.stack(row, axis=1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return np.stack(rows, axis=1)
