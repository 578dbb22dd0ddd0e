"""Models and priors brought together: where the photographs are in the world, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steps.align import accuracy as accuracies
from steps.align import correlated, pairs, similarity
from steps.align.accuracy import Accuracy
from steps.align.adjust import Adjusted, adjust
from steps.align.model import Model, joined, thinned
from steps.align.params import Params
from steps.align.poses import Priors
from steps.align.similarity import Along
from steps.stepkit.arrays import F64

_HALF = 0.5
"""The share of errors that is new with every photograph, before anything is known of it."""
_CONTRADICTED = 3.0
"""Standard deviations that half of a model's priors may be off it."""
_ROUNDS = 2

Reasons = dict[int, str]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Photographs that stand in the world."""

    adjusted: Adjusted
    accuracy: Accuracy


def fuse(
    models: Sequence[Sequence[Model]], priors: Priors, driven: pairs.Drives, params: Params
) -> tuple[list[Placed], Reasons]:
    """Each component's models, adjusted together; and why photographs that were reconstructed are not among them."""
    placed, reasons = [], {}
    for group in models:
        standing = []
        for model in group:
            found = _stand(model, priors, driven, params)
            if found is None:
                reasons.update(
                    dict.fromkeys(model.places.tolist(), "reconstruction contradicts the poses given")
                )
            else:
                standing.append(found)
        if standing:
            adjusted = _together(joined(standing), priors, driven, params)
            placed.append(Placed(adjusted=adjusted, accuracy=accuracies.accuracy(adjusted)))
    return placed, reasons


def _stand(model: Model, priors: Priors, driven: pairs.Drives, params: Params) -> Model | None:
    """The model in the world by its own priors alone; None if it does not fit them."""
    model = thinned(model)
    known = priors.part(model.places.tolist())
    along = _along(model, driven, params, _HALF, _HALF, known.position)
    for _ in range(_ROUNDS):
        found = similarity.fit(model, known, along)
        if found is None:
            return None
        standing = found.of(model)
        along = _measured(standing, known, driven, params)
    moved, turned = similarity.residuals(standing, known)
    off = np.linalg.norm(moved / known.position_sd[:, None], axis=1) / np.sqrt(3.0)
    turned_off = np.linalg.norm(turned / known.turn_sd, axis=1) / np.sqrt(3.0)
    fits = max(np.median(off), np.median(turned_off)) <= _CONTRADICTED
    return standing if fits else None


def _together(model: Model, priors: Priors, driven: pairs.Drives, params: Params) -> Adjusted:
    known = priors.part(model.places.tolist())
    for _ in range(_ROUNDS):
        along = _measured(model, known, driven, params)
        adjusted = adjust(model, known, similarity.information(model, known, along))
        model = adjusted.model
    return adjusted


def _measured(model: Model, known: Priors, driven: pairs.Drives, params: Params) -> Along:
    """How alike the errors of a standing model's priors are, as neighbours show."""
    even = _along(model, driven, params, _HALF, _HALF, model.centre)
    order = np.argsort(pairs.ranks(driven)[model.places])
    moved, turned = similarity.residuals(model, known)
    sd = np.repeat(known.position_sd[:, None], 3, axis=1)
    shares = [
        correlated.white_share(off[order], of[order], even.metres[order], even.drive[order], params.drift_m)
        for off, of in ((moved, sd), (turned, known.turn_sd))
    ]
    return _along(model, driven, params, shares[0], shares[1], model.centre)


def _along(
    model: Model, driven: pairs.Drives, params: Params, position: float, turn: float, centre: F64
) -> Along:
    """Where the model's photographs are on their drives, by these positions."""
    inner = pairs.Drives(
        order=np.argsort(pairs.ranks(driven)[model.places]), drive=driven.drive[model.places]
    )
    return Along(
        metres=pairs.path(centre, inner),
        drive=inner.drive,
        length=params.drift_m,
        white_position=position,
        white_turn=turn,
    )
