"""The step: all recordings of a batch in, the same with refined poses out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps.align import accuracy as accuracies
from steps.align import fuse, pairs, track
from steps.align.fuse import Placed
from steps.align.params import Params
from steps.align.poses import aligned, kept, priors, unusable
from steps.stepkit import Json

_FINEST = 0.001
"""Metres and degrees below which no accuracy is told: none would be read as a mistake."""


def align(items: Sequence[Json], params: Params, folder: Path) -> list[Json]:
    """The items in their order, with refined ``pose``, its ``accuracy`` and ``aligned``.

    What cannot be aligned keeps its pose, which tells what was assumed of its accuracy, has ``aligned: false`` and the
    reason as ``alignment``; how many and why goes to stderr, too. Raises BadInput for a pose that is none.
    """
    reasons = {place: reason for place, item in enumerate(items) if (reason := unusable(item))}
    usable = [place for place in range(len(items)) if place not in reasons]
    chosen = [items[place] for place in usable]
    known = priors(chosen, params)
    driven = pairs.drives(chosen, known)
    tracked = track.track(chosen, known, driven, params, folder)
    placed, contradicted = fuse.fuse(tracked.components, known, driven, params)
    reasons |= {usable[place]: reason for place, reason in (tracked.reasons | contradicted).items()}
    made = [
        {**kept(item, params), "aligned": False, "alignment": reasons.get(at)}
        for at, item in enumerate(items)
    ]
    for one in placed:
        for index, place in enumerate(one.adjusted.model.places.tolist()):
            made[usable[place]] = _item(chosen[place], one, index)
    _tell(made, reasons)
    return made


def _item(item: Json, placed: Placed, index: int) -> Json:
    model, told = placed.adjusted.model, placed.accuracy
    return aligned(item, model.centre[index], model.turn[index], _rounded(told, index))


def _rounded(told: accuracies.Accuracy, index: int) -> Json:
    names = ("position_m", "heading_deg", "shared_m", "shared_deg")
    values = {name: float(np.asarray(getattr(told, name))[index]) for name in names}
    return {name: max(round(value, 4), _FINEST) for name, value in values.items()}


def _tell(made: Sequence[Json], reasons: dict[int, str]) -> None:
    count = sum(item["aligned"] for item in made)
    track.say(f"{count} of {len(made)} poses aligned")
    for reason, number in Counter(reasons.values()).most_common():
        first = next(made[place]["id"] for place, why in sorted(reasons.items()) if why == reason)
        track.say(f"{number} kept their pose: {reason} (the first: {first})")
