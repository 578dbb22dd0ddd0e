"""One object and its views -> the object with its category, or nothing if it is no traffic sign."""

from __future__ import annotations

import sys

import numpy as np

from steps.recognise.classifier import BACKGROUND, Classifier, combined
from steps.recognise.features import features
from steps.recognise.params import Params
from steps.recognise.views import glimpses, read_views
from steps.stepkit import BadInput, Json

UNKNOWN = "unknown"


def recognise(item: Json, params: Params, classifier: Classifier) -> list[Json]:
    """The object with ``category`` and ``category_score``, or no item for what is no traffic sign.

    Views whose photograph cannot be read are told on stderr and left out. Raises BadInput for an object
    without a single readable view or with malformed observations.
    """
    found, faults = glimpses(read_views(item), params.max_views)
    if not found:
        raise BadInput(f"object {item.get('id')!r} has no readable view: {'; '.join(faults)}")
    for fault in faults:
        print(f"recognise: a view of object {item.get('id')!r} is left out: {fault}", file=sys.stderr)
    inputs = np.stack([features(glimpse.patch) for glimpse in found])
    sizes = np.array([glimpse.size for glimpse in found])
    posterior = combined(classifier.log_posteriors(inputs), sizes)
    category, score = decided(posterior.tolist(), classifier.categories, params)
    if category == BACKGROUND and not params.keep_background:
        return []
    return [{**item, "category": category, "category_score": round(score, 4)}]


def decided(posterior: list[float], categories: tuple[str, ...], params: Params) -> tuple[str, float]:
    """The category and its probability for an object's posterior (K values, the background last).

    What is neither surely nothing nor surely one category is "unknown", with the best category's probability.
    """
    if posterior[-1] >= params.background_score and posterior[-1] == max(posterior):
        return BACKGROUND, posterior[-1]
    best = max(range(len(posterior) - 1), key=posterior.__getitem__)
    sure = posterior[best] >= params.min_score
    return categories[best] if sure else UNKNOWN, posterior[best]
