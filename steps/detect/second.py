"""A second look at what the detector found: what the network that names signs says of it, added to its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steps.detect.detection import Detection
from steps.detect.labels import OTHER
from steps.signs.classes import CLASSES, NOTHING
from steps.signs.classes import OTHER as UNNAMED
from steps.signs.judging import judge
from steps.signs.patches import patch
from steps.stepkit.arrays import F64, Image
from steps.stepkit.loop import Json

WORTH = 0.12
"""Detections with a lower score of the detector are not looked at again, and never told: there are hundreds of them in
a photograph, and next to no sign is among them."""
_DETECTOR, _JUDGE, _BOTH = 1.0, 0.5, -1.4
"""How much both opinions count, and an offset: chosen on a third of GTSDB's training split, of whose signs the default
threshold of 0.2 loses none, and lets 0.16 false positives a photograph through."""
_SUREST = 1e-3
"""Neither network's opinion counts for more than this much short of certainty."""
_LIKELY = 0.5
_RECTANGLES = "201-50 224 242.1 244.1 274.1 274.2 314 325.1 325.2 330.1 330.2 331.1 331.2 350-10 357"
_SHAPELESS = tuple(f"DE:{code}" for code in _RECTANGLES.split())
"""Signs that have none of detect's shapes and colours: rectangles, mostly."""
_NO_SHAPE = [CLASSES.index(name) for name in (*_SHAPELESS, UNNAMED, NOTHING)]


def judged(
    image: Image, camera: Json | None, found: Sequence[Detection], device: str = "cpu"
) -> list[Detection]:
    """The detections in a BGR image, shape (height, width, 3), with the score that both networks give them together.

    They are told to show faces, and which sign's each most likely is. ``camera`` is the item's.
    """
    if not found:
        return []
    kinds = judge(np.stack([patch(image, camera, one.bbox) for one in found]), device=device)
    unlikely = np.where([one.label == OTHER for one in found], kinds[:, -1], kinds[:, _NO_SHAPE].sum(axis=1))
    scores = together(np.array([one.score for one in found]), 1 - unlikely)
    return [
        replace(one, score=float(score), face=True, kind=_kind(likely))
        for one, score, likely in zip(found, scores, kinds, strict=True)
    ]


def _kind(likely: F64) -> str | None:
    """The sign that a box shows more likely than not, by probabilities (K,) of all classes; None if there is none."""
    best = int(np.argmax(likely))
    return CLASSES[best] if likely[best] > _LIKELY and CLASSES[best] not in (UNNAMED, NOTHING) else None


def together(detector: F64, judge: F64) -> F64:
    """Scores (n,) of two networks' probabilities (n,) of being a sign: the weighted sum of their odds, as in logistic
    regression."""
    return np.asarray(1 / (1 + np.exp(-(_DETECTOR * _odds(detector) + _JUDGE * _odds(judge) + _BOTH))))


def _odds(probabilities: F64) -> F64:
    """Their logarithms, shape (n,)."""
    clipped = probabilities.clip(_SUREST, 1 - _SUREST)
    return np.asarray(np.log(clipped / (1 - clipped)))
