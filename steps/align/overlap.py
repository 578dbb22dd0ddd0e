"""Which features two photographs can have in common at all, by where their cameras look.

A panorama shows the whole street, the photograph beside it a part: what of the panorama lies elsewhere only looks like
it, and hides the features that are the same.
"""

from __future__ import annotations

import numpy as np

from steps.align.model import View
from steps.stepkit.arrays import F64, I64

_PARALLAX = np.radians(10.0)
"""How much farther aside a thing may be seen from the other place."""
_SURE = 2.0
"""Standard deviations of the turn."""


def overlapping(one: View, other: View, turn: F64, doubt: float) -> tuple[I64, I64]:
    """The places of the features of either that the other one may show: all, but of a panorama beside a photograph.

    ``turn``: from the frame of ``one`` to that of ``other``, shape (3, 3), known to ``doubt`` radians.
    """
    everything = np.arange(len(one.rays)), np.arange(len(other.rays))
    if one.round_about == other.round_about:
        return everything
    margin = _PARALLAX + _SURE * doubt
    if one.round_about:
        return _within(one, other, turn, margin), everything[1]
    return everything[0], _within(other, one, turn.T, margin)


def _within(panorama: View, photograph: View, turn: F64, margin: float) -> I64:
    sides = np.abs(photograph.rays[:, :2] / photograph.rays[:, 2:]).max(axis=0, initial=0.0)
    wide = np.arctan(sides) + margin
    x, y, z = (panorama.rays @ turn.T).T
    inside = (np.abs(np.arctan2(x, z)) <= wide[0]) & (np.abs(np.arctan2(y, np.hypot(x, z))) <= wide[1])
    return np.flatnonzero(inside).astype(np.int64)
