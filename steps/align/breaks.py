"""Where a reconstruction has come apart and does not know it.

Facades repeat, and at a turn a photograph may be taken in by a few of them at a wrong place, or a scale be lost. That
shows in how far the photographs are from their priors: errors of neighbours are alike, and from one to the next that
distance changes little, unless the reconstruction has a jump.
"""

from __future__ import annotations

import numpy as np

from steps.align import correlated
from steps.align.similarity import Along
from steps.stepkit.arrays import F64, I64

_JUMP = 5.0
"""Standard deviations of the difference between two priors' errors, in space."""
_NEAR = 0.25
"""Lengths of the correlation that part runs: a photograph alone between two gaps is judged by itself."""


def pieces(off: F64, sd: F64, along: Along, order: I64) -> list[I64]:
    """The photographs of a model that go together, by their places in it, the most of them first: one, as a rule.

    ``off``: where they stand less where their priors are, shape (k, 3); ``sd``: of the priors along each axis, shape
    (k,); ``order``: the photographs drive by drive, shape (k,).
    """
    apart = np.abs(np.diff(along.metres[order])) > _NEAR * along.length
    apart |= np.diff(along.drive[order]) != 0
    cuts = [
        at for at in range(1, len(order)) if apart[at - 1] or _jumps(order[at - 1], order[at], off, sd, along)
    ]
    left = sorted(np.split(order, cuts), key=len, reverse=True)
    main = [left.pop(0)]
    while (at := _next(left, main, order, off, sd, along)) is not None:
        main.append(left.pop(at))
    return [np.sort(np.concatenate(main)), *left]


def _next(left: list[I64], main: list[I64], order: I64, off: F64, sd: F64, along: Along) -> int | None:
    """The longest run that goes on with the main part: short ones may be those that are wrong."""
    goes_on = (at for at, run in enumerate(left) if _goes_on(run, main, order, off, sd, along))
    return next(goes_on, None)


def _goes_on(run: I64, main: list[I64], order: I64, off: F64, sd: F64, along: Along) -> bool:
    """Whether there is no jump between a run and those of the main part that come before and after it."""
    rank = np.argsort(order)
    there = np.sort(rank[np.concatenate(main)])
    before, after = there[there < rank[run[0]]][-1:], there[there > rank[run[-1]]][:1]
    ends = [(order[at], run[0]) for at in before] + [(run[-1], order[at]) for at in after]
    return not any(_jumps(one, other, off, sd, along) for one, other in ends)


def _jumps(one: int, other: int, off: F64, sd: F64, along: Along) -> bool:
    if along.drive[one] != along.drive[other]:
        return False
    both = [one, other]
    alike = correlated.covariance(
        sd[both], along.metres[both], along.drive[both], along.length, along.white_position
    )
    variance = alike[0, 0] + alike[1, 1] - 2.0 * alike[0, 1]
    return bool(np.linalg.norm(off[other] - off[one]) > _JUMP * np.sqrt(variance))
