"""A multinomial logistic classifier of patches, and how the views of one object are put together.

Each view votes with its log-likelihoods (naive Bayes over views), corrected three times to stay honest. A sign
may look like nothing in a view (its back, a lorry before it, a poor box), so that such a view speaks only mildly
against it. A view may be of something else altogether, so that one bad view cannot veto the others. And the
views of one object share their faults, so that the sum counts as fewer views than it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps.stepkit.arrays import F32, F64

BACKGROUND = "background"
"""The last class: no traffic sign at all."""
WEIGHTS = Path(__file__).with_name("weights.npz")

_HIDDEN = 0.3
"""Probability that a view of a sign looks like background."""
_OUTLIER = 0.02
"""Probability that a view is of something else than the object."""
_FULL_SIZE = 24.0
"""Larger side in pixels from which on a view has a full vote."""
_SHARED_FAULTS = 0.5
"""N views count as N ** (1 - _SHARED_FAULTS)."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """``categories`` (K names, the last is the background), ``weights`` (D, K), ``bias`` (K,).

    The bias is that of equally frequent classes, so that a posterior is also the likelihood but for a factor.
    """

    categories: tuple[str, ...]
    weights: F32
    bias: F32

    def log_posteriors(self, features: F32) -> F64:
        """Natural logarithms of P(class | patch), shape (N, K), for features of shape (N, D)."""
        return log_softmax(np.asarray(features @ self.weights + self.bias, dtype=np.float64))


def load(path: Path = WEIGHTS) -> Classifier:
    """The classifier stored by :func:`save`. Raises OSError if there is none at ``path``."""
    with np.load(path, allow_pickle=False) as stored:
        return Classifier(
            categories=tuple(str(name) for name in stored["categories"]),
            weights=stored["weights"].astype(np.float32),
            bias=stored["bias"].astype(np.float32),
        )


def save(classifier: Classifier, path: Path) -> None:
    """Write weights as float16, uncompressed: they are read anew for every object, and quickly.

    Raises OSError if they cannot be written.
    """
    names, weights = np.array(classifier.categories), classifier.weights.astype(np.float16)
    with path.open("wb") as file:
        np.savez(file, categories=names, weights=weights, bias=classifier.bias)


def log_softmax(scores: F64) -> F64:
    """Natural logarithms of the softmax over the last axis, in the shape (..., K) of the scores."""
    shifted: F64 = scores - scores.max(axis=-1, keepdims=True)
    normalised: F64 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def combined(log_posteriors: F64, sizes: F64) -> F64:
    """The object's posterior, shape (K,), from its views' log-posteriors, shape (N, K), background last.

    ``sizes`` are the boxes' larger sides in pixels, shape (N,); a view smaller than 24 px counts in
    proportion. Beforehand, sign and no sign are taken to be equally probable.
    """
    seen = np.exp(log_posteriors)
    nothing = seen[:, -1:]
    likely = np.concatenate([(1 - _HIDDEN) * seen[:, :-1] + _HIDDEN * nothing, nothing], axis=1)
    votes = np.minimum(1.0, sizes / _FULL_SIZE)
    logs = np.log((1 - _OUTLIER) * likely + _OUTLIER / seen.shape[1])
    total = (votes[:, None] * logs).sum(axis=0) / max(1.0, float(votes.sum())) ** _SHARED_FAULTS
    total[-1] += np.log(seen.shape[1] - 1)
    posterior: F64 = np.exp(log_softmax(total))
    return posterior
