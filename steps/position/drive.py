"""What the errors of neighbouring poses have in common.

Satellite positions drift: a drive has an error that changes over tens or hundreds of metres, and every recording has
one of its own. Of the variance that a recording states, ``shared`` is common to the drive and fades with the way
between two recordings (a Gauss-Markov process, the usual model of such errors), and the rest is its own. Which split
it is, the rays tell (``joint``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from steps.stepkit import Json
from steps.stepkit.arrays import F64

_PAUSE_S = 300.0
"""A longer pause begins another drive, which shares nothing with the one before."""
_ELSEWHERE_M = 1e9


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How alike errors are: the ``shared`` part of their variance, and the metres over which it fades by 1/e."""

    shared: float
    length_m: float

    def of(self, one: F64, other: F64) -> F64:
        """(N, P) correlation of the *shared* errors at places (N, D) and (P, D) of :func:`ways`, times their share."""
        apart = np.sqrt(sum((one[:, None, axis] - other[None, :, axis]) ** 2 for axis in range(one.shape[1])))
        alike: F64 = self.shared * np.exp(-apart / self.length_m)
        return alike


LIKENESSES = (
    Likeness(shared=0.0, length_m=100.0),
    Likeness(shared=0.3, length_m=100.0),
    Likeness(shared=0.6, length_m=100.0),
    Likeness(shared=0.9, length_m=100.0),
    Likeness(shared=0.97, length_m=100.0),
    Likeness(shared=0.97, length_m=400.0),
)
"""What may be, the more careful the later: from errors that have nothing in common to ones that hardly change."""


def ways(recordings: Sequence[Json], centre: F64) -> F64:
    """Where recordings are along their drives, (R, 1) metres, if all have a time; else where they stand, (R, 3).

    ``centre`` (R, 3) are their positions. Of recordings without times those near each other are taken for one drive.
    """
    times = [_seconds(item.get("time")) for item in recordings]
    if any(math.isnan(time) for time in times):
        return centre
    order = np.argsort(times, kind="stable")
    step = np.linalg.norm(np.diff(centre[order], axis=0), axis=1)
    step = np.where(np.diff(np.array(times)[order]) > _PAUSE_S, _ELSEWHERE_M, step)
    way = np.empty(len(centre))
    way[order] = np.concatenate([[0.0], np.cumsum(step)])[: len(centre)]
    return way[:, None]


def apart_by_accuracy(position: F64) -> F64:
    """(R,) metres that put recordings with other receivers out of each other's sight, by their accuracies (R,).

    A surveyor's errors say nothing of a telephone's, even on the same street. Those within a factor of about two count
    as the same receiver's.
    """
    grade = np.round(np.log(position) / math.log(4.0))
    return np.asarray(grade * _ELSEWHERE_M, dtype=np.float64)


def _seconds(time: object) -> float:
    """A recording's time in seconds, NaN if it tells none: a number, or ISO 8601 (UTC where no zone is given)."""
    try:
        return float(str(time))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
