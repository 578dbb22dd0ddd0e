"""The best candidates claim their rays, each ray once: a greedy cover, done in rounds.

Best first means: take the candidate with the highest score, give it its rays, rescore the others without them,
repeat. Scores only ever fall, so a candidate that beats every other one that wants any of its rays can be taken
at once, wherever it is: nothing before its turn could change it. Each round takes all such *dominant* candidates
(Preis, "Linear time 1/2-approximation algorithm for maximum weighted matching in general graphs", STACS 1999,
does so for matchings). The result is that of the queue, a round is a few array operations, and what happens at one
place plainly depends on nothing but what competes for the same rays: that is why regions agree.
"""

from __future__ import annotations

import numpy as np

from steps.position.support import Sights, join
from steps.stepkit.arrays import F64, I64, Mask


def score(sights: Sights, candidates: int) -> tuple[F64, I64]:
    """Summed weight and number of distinct recordings of each candidate's best sights, shape (candidates,) both."""
    best = sights.best()
    total = np.bincount(best.candidate, weights=best.weight, minlength=candidates)
    views = np.bincount(best.candidate, minlength=candidates)
    return total.astype(np.float64), views.astype(np.int64)


def claim(sights: Sights, candidates: int, rays: int, min_views: int) -> Sights:
    """The sights that the taken candidates claim: each ray at most once, each recording once per candidate.

    A candidate is taken with at least ``min_views`` distinct recordings. The higher score goes first, of equal
    scores the candidate that comes first. The answer is sorted by candidate, then ray.
    """
    taken = [sights.only(slice(0))]
    while True:
        total, views = score(sights, candidates)
        sights = sights.only(views[sights.candidate] >= min_views)
        if not len(sights):
            break
        claimed = _dominant(sights, total, rays)
        taken.append(claimed)
        settled = _among(claimed.candidate, sights.candidate, candidates) | _among(
            claimed.ray, sights.ray, rays
        )
        sights = sights.only(~settled)
    claims = join(taken)
    return claims.only(np.lexsort([claims.ray, claims.candidate]))


def _dominant(sights: Sights, total: F64, rays: int) -> Sights:
    """The best sights of the candidates that come before all others which see one of these rays."""
    candidates = len(total)
    rank = np.empty(candidates, dtype=np.int64)
    rank[np.argsort(-total, kind="stable")] = np.arange(candidates)
    leader = np.full(rays, candidates, dtype=np.int64)
    # Every sight competes, not only the best ones: a candidate that loses its ray may fall back to another.
    np.minimum.at(leader, sights.ray, rank[sights.candidate])
    best = sights.best()
    beaten = best.candidate[rank[best.candidate] > leader[best.ray]]
    return best.only(~_among(beaten, best.candidate, candidates))


def _among(chosen: I64, asked: I64, size: int) -> Mask:
    """Whether each asked index, below ``size``, is one of the chosen."""
    is_chosen = np.zeros(size, dtype=np.bool_)
    is_chosen[chosen] = True
    return is_chosen[asked]
