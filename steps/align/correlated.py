"""How alike the errors of poses are that one receiver, one compass gave one after the other.

The errors along a drive are taken as the sum of two parts: one that is new with every photograph, and one that drifts,
its correlation falling off with the way driven (an Ornstein-Uhlenbeck process, as usual for GPS errors: Parkinson and
Spilker 1996). How large the first part is shows in how much neighbours differ; of the second one only what is left of
the stated accuracy can be known.
"""

from __future__ import annotations

import numpy as np

from steps.stepkit.arrays import F64, I64

_LEAST_WHITE = 0.02
_MOST_WHITE = 4.0
_LEAST_DRIFT = 0.1
"""Shares of the stated variance. Errors are never wholly independent: an average of a thousand is no survey."""
_SHORT = 0.25
"""Photographs so near to each other, in lengths of the correlation, share their drift."""
_NEXT = 3
"""Neighbours on the drive that are compared."""


def white_share(residuals: F64, sd: F64, metres: F64, drive: I64, length: float) -> float:
    """The share of the stated variance that is new with every photograph.

    ``residuals``: stated less estimated, shape (n, d), of photographs in the order of their drives; ``sd``: stated
    standard deviations, shape (n, d); ``metres``: way driven, shape (n,); ``drive``: numbers, shape (n,). It is half
    the mean square of the differences between neighbours (the variogram's nugget), less what drifts from one to the
    other, by the median of squares, which a few wrong positions do not move. Without neighbours it is a half.
    """
    normed = residuals / sd
    squares, drifted = [], []
    for step in range(1, _NEXT + 1):
        near = (drive[step:] == drive[:-step]) & (np.abs(metres[step:] - metres[:-step]) < _SHORT * length)
        difference = (normed[step:] - normed[:-step])[near]
        squares.append((difference**2 / 2).ravel())
        drifted.append(-np.expm1(-np.abs(metres[step:] - metres[:-step])[near] / length))
    found = np.concatenate(squares)
    if len(found) < 3:
        return 0.5
    # The median of a chi-square with one degree of freedom is 0.4549.
    both, drift = np.median(found) / 0.4549, np.mean(np.concatenate(drifted))
    return float(np.clip((both - drift) / (1.0 - drift), _LEAST_WHITE, _MOST_WHITE))


def covariance(sd: F64, metres: F64, drive: I64, length: float, white: float) -> F64:
    """The covariance of errors along one axis, shape (n, n), for standard deviations of shape (n,)."""
    drifting = max(1.0 - white, _LEAST_DRIFT)
    alike = np.exp(-np.abs(metres[:, None] - metres[None, :]) / length)
    alike = np.where(drive[:, None] == drive[None, :], alike, 0.0)
    shares = drifting * alike + white * np.eye(len(sd))
    return shares * sd[:, None] * sd[None, :]
