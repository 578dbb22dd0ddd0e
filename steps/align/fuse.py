"""Models and priors brought together: where the photographs are in the world, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steps.align import accuracy as accuracies
from steps.align import breaks, correlated, pairs, seams, similarity
from steps.align.accuracy import Accuracy
from steps.align.adjust import Adjusted, adjust
from steps.align.model import Model, joined, thinned
from steps.align.params import Params
from steps.align.poses import Priors
from steps.align.seams import Component, Sightings
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
    components: Sequence[Component], priors: Priors, driven: pairs.Drives, params: Params
) -> tuple[list[Placed], Reasons]:
    """Each component's models, adjusted together; and why photographs that were reconstructed are not among them."""
    placed = []
    left = {int(place) for component in components for model in component.models for place in model.places}
    for component in components:
        models, seen = _whole(component, priors, driven, params)
        stands = {number: _stand(model, priors, driven, params) for number, model in models.items()}
        standing = {number: model for number, model in stands.items() if model is not None}
        if standing:
            whole = _sewn(standing, seen, priors, driven, params)
            adjusted = _together(whole, priors, driven, params)
            placed.append(Placed(adjusted=adjusted, accuracy=accuracies.accuracy(adjusted)))
            left -= set(whole.places.tolist())
    return placed, dict.fromkeys(sorted(left), "reconstruction contradicts the poses given")


def _whole(
    component: Component, priors: Priors, driven: pairs.Drives, params: Params
) -> tuple[dict[int, Model], Sightings]:
    """A component's models by number, those that have a jump in pieces."""
    models, seen = dict(enumerate(component.models)), component.sightings
    for number, model in enumerate(component.models):
        found = _stand(model, priors, driven, params)
        if found is not None:
            known = priors.part(found.places.tolist())
            along = _measured(found, known, driven, params)
            moved, _ = similarity.residuals(found, known)
            order = np.argsort(driven.passed[found.places])
            pieces = breaks.pieces(moved, known.position_sd, along, order)
            if len(pieces) > 1:
                models, seen = seams.split(models, seen, number, pieces)
    return models, seen


def _sewn(
    standing: Mapping[int, Model], seen: Sightings, priors: Priors, driven: pairs.Drives, params: Params
) -> Model:
    """Standing models as one, thinned; what photographs of two of them see holds these together.

    Where that leads to what contradicts the priors, each stays where its own put it.
    """
    parts = list(standing.values())
    whole = [_stand(model, priors, driven, params) for model in seams.sewn(standing, seen)]
    stands = [model for model in whole if model is not None]
    if len(stands) < len(whole) or len(stands) == len(parts):
        return joined([thinned(model) for model in parts])
    return joined([thinned(model, seams.across(model, parts)) for model in stands])


def _stand(model: Model, priors: Priors, driven: pairs.Drives, params: Params) -> Model | None:
    """The model in the world by its own priors alone; None if it does not fit them."""
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
    order = np.argsort(driven.passed[model.places])
    moved, turned = similarity.residuals(model, known)
    sd = np.repeat(known.own[:, None], 3, axis=1)
    shares = [
        correlated.white_share(off[order], of[order], even.metres[order], even.drive[order], params.drift_m)
        for off, of in ((moved, sd), (turned, known.own_turn))
    ]
    return _along(model, driven, params, shares[0], shares[1], model.centre)


def _along(
    model: Model, driven: pairs.Drives, params: Params, position: float, turn: float, centre: F64
) -> Along:
    """Where the model's photographs are on their drives, by these positions."""
    order = np.argsort(driven.passed[model.places])
    receiver = driven.receiver[model.places]
    return Along(
        metres=pairs.path(centre, order, receiver),
        drive=receiver,
        length=params.drift_m,
        white_position=position,
        white_turn=turn,
    )
