"""What is known of a drive's photographs together: poses, points and who sees which."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.stepkit.arrays import F32, F64, I64, Mask


@dataclass(frozen=True, kw_only=True)
class View:
    """A photograph's features, without their looks."""

    rays: F32
    """Unit directions in the camera's frame, shape (n, 3)."""
    sd: float
    """Standard deviation of one, radians."""
    round_about: bool
    """Whether it is a panorama."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """Features that two photographs have in common, as their geometry confirms."""

    one: int
    other: int
    matches: I64
    """Places of the features in ``one`` and in ``other``, shape (m, 2)."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """Photographs and points in one frame, up to a similarity as the photographs alone tell them."""

    places: I64
    """Which recordings, shape (k,)."""
    turn: F64
    """Camera to the model's frame, shape (k, 3, 3)."""
    centre: F64
    """Shape (k, 3)."""
    points: F64
    """Shape (p, 3)."""
    seen_by: I64
    """For each of o observations, which of the k photographs, shape (o,)."""
    seen: I64
    """Which point, shape (o,), in ascending order."""
    rays: F64
    """Where: unit directions in the camera's frame, shape (o, 3)."""
    sd: F64
    """Standard deviation of a direction, radians, shape (o,)."""
    features: I64
    """Which of its photograph's features it is, shape (o,)."""

    def moved(self, scale: float, turn: F64, shift: F64) -> Model:
        """The same in another frame: x becomes scale * turn @ x + shift, with ``turn`` of shape (3, 3)."""
        return replace(
            self,
            turn=turn @ self.turn,
            centre=scale * self.centre @ turn.T + shift,
            points=scale * self.points @ turn.T + shift,
        )


def part(model: Model, photographs: I64) -> tuple[Model, I64]:
    """What some of the photographs, shape (k,), see of a model, and which of its points these are, shape (p,)."""
    mine = np.isin(model.seen_by, photographs)
    mine &= np.bincount(model.seen[mine], minlength=len(model.points))[model.seen] >= 2
    points, seen = np.unique(model.seen[mine], return_inverse=True)
    made = Model(
        places=model.places[photographs],
        turn=model.turn[photographs],
        centre=model.centre[photographs],
        points=model.points[points],
        seen_by=np.searchsorted(photographs, model.seen_by[mine]).astype(np.int64),
        seen=seen.astype(np.int64),
        rays=model.rays[mine],
        sd=model.sd[mine],
        features=model.features[mine],
    )
    return made, points


def joined(models: list[Model]) -> Model:
    """Several models of one frame as one."""
    photographs = np.cumsum([0] + [len(model.places) for model in models])
    points = np.cumsum([0] + [len(model.points) for model in models])
    return Model(
        places=np.concatenate([model.places for model in models]),
        turn=np.concatenate([model.turn for model in models]),
        centre=np.concatenate([model.centre for model in models]),
        points=np.concatenate([model.points for model in models]),
        seen_by=np.concatenate([m.seen_by + at for m, at in zip(models, photographs, strict=False)]),
        seen=np.concatenate([m.seen + at for m, at in zip(models, points, strict=False)]),
        rays=np.concatenate([model.rays for model in models]),
        sd=np.concatenate([model.sd for model in models]),
        features=np.concatenate([model.features for model in models]),
    )


def thinned(model: Model, kept: Mask | None = None, *, each: int = 150, longest: int = 12) -> Model:
    """The model with fewer points: those that many see first, until every photograph has ``each`` of them.

    Those in ``kept``, shape (p,), stay in any case. A point seen by more than ``longest`` photographs keeps as many
    observations, from its first to its last one.
    """
    starts = np.searchsorted(model.seen, np.arange(len(model.points) + 1))
    lengths = np.minimum(np.diff(starts), longest)
    count = np.zeros(len(model.places), np.int64)
    needed = np.zeros(len(lengths), bool) if kept is None else kept
    chosen: list[int] = []
    for point in np.lexsort((-lengths, ~needed)).tolist():
        who = model.seen_by[_spread(starts[point], starts[point + 1], lengths[point])]
        if needed[point] or (count[who] < each).any():
            count[who] += 1
            chosen.append(point)
    chosen.sort()
    taken = np.concatenate([_spread(starts[point], starts[point + 1], lengths[point]) for point in chosen])
    return replace(
        model,
        points=model.points[chosen],
        seen_by=model.seen_by[taken],
        seen=np.repeat(np.arange(len(chosen)), lengths[chosen]),
        rays=model.rays[taken],
        sd=model.sd[taken],
        features=model.features[taken],
    )


def _spread(begin: int, end: int, count: int) -> I64:
    """``count`` whole numbers from ``begin`` to below ``end``, evenly."""
    return np.round(np.linspace(begin, end - 1, count)).astype(np.int64)
