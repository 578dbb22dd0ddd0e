"""How the views of one object are put together.

Each view votes with its likelihoods (naive Bayes over views), corrected three times to stay honest. A sign may look
like nothing in a view (its back, a lorry before it, a poor box), so that such a view speaks only mildly against it. A
view may be of something else altogether, so that one bad view cannot veto the others. And the views of one object
share their faults, so that the sum counts as fewer views than it has. A single large view, rightly seen, keeps its
own probabilities but for that.
"""

from __future__ import annotations

import numpy as np

from steps.stepkit.arrays import F64

_SIGNS = 0.8
"""Share of signs among what the network learnt from, and among objects beforehand; all signs equally frequent."""
_HIDDEN = 0.05
"""Probability that a view of a sign looks like no sign."""
_OUTLIER = 0.02
"""Probability that a view is of something else than the object."""
_FULL_SIZE = 24.0
"""Larger side in pixels from which on a view has a full vote."""
_SHARED_FAULTS = 0.5
"""N views count as N ** (1 - _SHARED_FAULTS)."""


def combined(seen: F64, sizes: F64) -> F64:
    """The object's posterior, shape (K,), from its views' posteriors, shape (N, K), no sign being the last class.

    ``sizes`` are the boxes' larger sides in pixels, shape (N,); a view smaller than 24 px counts in proportion.
    """
    shares = np.full(seen.shape[1], _SIGNS / (seen.shape[1] - 1))
    shares[-1] = 1 - _SIGNS
    likely = seen / shares
    likely[:, :-1] = (1 - _HIDDEN) * likely[:, :-1] + _HIDDEN * likely[:, -1:]
    votes = np.minimum(1.0, sizes / _FULL_SIZE)
    logs = np.log((1 - _OUTLIER) * likely + _OUTLIER)
    total = (votes[:, None] * logs).sum(axis=0) / max(1.0, float(votes.sum())) ** _SHARED_FAULTS
    joint: F64 = shares * np.exp(total - total.max())
    posterior: F64 = joint / joint.sum()
    return posterior
