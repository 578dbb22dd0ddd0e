"""One object and its views -> the object with its category, or nothing if it is no traffic sign."""

from __future__ import annotations

import sys

import numpy as np

from steps.recognise.combining import combined
from steps.recognise.params import Params
from steps.recognise.views import glimpses, read_views
from steps.signs.classes import CLASSES, CODES, NOTHING, OTHER
from steps.signs.judging import judge
from steps.stepkit import BadInput, Json

UNKNOWN = "unknown"
_POSSIBLE, _MOST = 0.01, 3
"""The least probability of a runner-up, and how many are told."""


def recognise(item: Json, params: Params) -> list[Json]:
    """The object with ``category``, ``category_score``, ``runners_up`` and, for a known sign, ``category_code``.

    No item for no sign. Runners-up are the other signs that it may be: pairs of category and probability.
    Views whose photograph cannot be read are told on stderr and left out. Raises BadInput for an object
    without a single readable view or with malformed observations.
    """
    found, faults = glimpses(read_views(item), params.max_views)
    if not found:
        raise BadInput(f"object {item.get('id')!r} has no readable view: {'; '.join(faults)}")
    for fault in faults:
        print(f"recognise: a view of object {item.get('id')!r} is left out: {fault}", file=sys.stderr)
    # The views of one object go through the network together, and alone: then no other object can change a digit of it.
    seen = judge(np.stack([glimpse.patch for glimpse in found]))
    posterior = combined(seen, np.array([glimpse.size for glimpse in found]))
    category, score = decided(posterior.tolist(), params)
    if category == NOTHING and not params.keep_background:
        return []
    code = {"category_code": CODES[category]} if category in CODES else {}
    runners_up = {"runners_up": others} if (others := beside(category, posterior.tolist())) else {}
    return [{**item, "category": category, "category_score": round(score, 4), **code, **runners_up}]


def decided(posterior: list[float], params: Params) -> tuple[str, float]:
    """The category and its probability for an object's posterior over :data:`CLASSES`.

    What is neither surely nothing nor surely one of the signs with a class of their own is "unknown", with the best
    sign's probability.
    """
    if posterior[-1] >= params.background_score and posterior[-1] == max(posterior):
        return NOTHING, posterior[-1]
    best = max(range(len(posterior) - 1), key=posterior.__getitem__)
    sure = posterior[best] >= params.min_score and CLASSES[best] != OTHER
    return CLASSES[best] if sure else UNKNOWN, posterior[best]


def beside(category: str, posterior: list[float]) -> list[tuple[str, float]]:
    """The signs beside the one that was decided for that are not to be ruled out."""
    named = ((name, round(score, 4)) for name, score in zip(CLASSES, posterior, strict=True))
    possible = (
        (name, score)
        for name, score in named
        if name not in (category, NOTHING, OTHER) and score >= _POSSIBLE
    )
    return sorted(possible, key=lambda pair: -pair[1])[:_MOST]
