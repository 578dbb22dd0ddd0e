"""Models of one street that the reconstruction left apart, brought together by what photographs of both see.

COLMAP takes a photograph into a model by points that are sure already; at a turn, or from a panorama to a narrow view,
there are too few of them. Between two models that stand in the world there are more: each pair across says of points of
the one where a photograph of the other sees them. One similarity must explain all of these at once.

The robust fit starts with a wide kernel and narrows it (graduated non-convexity: Blake and Zisserman, Visual
Reconstruction, 1987), as two models may stand metres apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from steps.align import rotations
from steps.align.model import Link, Model, View, joined, part
from steps.stepkit.arrays import F64, I64, Mask

_NOBODY = -1
_FEWEST = 15
"""Sightings that have to agree before two models are taken for one."""
_SHARE = 0.4
"""And of all there are: fewer, and it is chance."""
_AGREES = 0.02
"""Radians by which a sighting may miss after the fit: the models have bent a little."""
_WIDEST, _NARROWING, _NARROWEST = 0.4, 0.7, 0.01
"""Radians at which a sighting counts half: at first, what of it from round to round, in the end."""
_TURN, _SCALE, _SHIFT = 0.1, 0.1, 20.0
"""Standard deviations of how two models may stand to each other: radians, of the logarithm, metres."""


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """Points of one model and where photographs of another see them."""

    model: I64
    """The number of the model that has the point, shape (n,)."""
    point: I64
    """Its number there."""
    place: I64
    """The recording that sees it, shape (n,)."""
    feature: I64
    rays: F64
    """Where: unit directions in the camera's frame, shape (n, 3)."""
    sd: F64

    def __len__(self) -> int:
        return len(self.model)

    def part(self, which: Mask | I64) -> Sightings:
        """Some of them: by a mask of shape (n,), or by their places."""
        return Sightings(
            model=self.model[which],
            point=self.point[which],
            place=self.place[which],
            feature=self.feature[which],
            rays=self.rays[which],
            sd=self.sd[which],
        )


@dataclass(frozen=True, kw_only=True)
class Component:
    """Photographs that are connected: what was reconstructed of them, each model in a frame of its own."""

    models: list[Model]
    sightings: Sightings


def split(
    models: Mapping[int, Model], seen: Sightings, number: int, pieces: Sequence[I64]
) -> tuple[dict[int, Model], Sightings]:
    """The models with that of a number in pieces, each given by its photographs, shape (k,).

    The first piece keeps the number, those of fewer than three photographs go; sightings stay with the points.
    """
    made = dict(models)
    whole = made.pop(number)
    model, point = seen.model.copy(), seen.point.copy()
    model[seen.model == number] = _NOBODY
    for place, piece in enumerate(pieces):
        if len(piece) < 3:
            continue
        name = number if place == 0 else max(models) + place
        made[name], points = part(whole, np.sort(piece))
        mine = (seen.model == number) & np.isin(seen.point, points)
        model[mine], point[mine] = name, np.searchsorted(points, seen.point[mine])
    return made, replace(seen, model=model, point=point)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Models that have become one, and where the points of each begin in it."""

    model: Model
    first: Mapping[int, int]

    def owns(self, sightings: Sightings) -> Mask:
        """Whose points are this one's, shape (n,)."""
        return np.isin(sightings.model, list(self.first))

    def sees(self, sightings: Sightings) -> Mask:
        """Whose photographs are this one's, shape (n,)."""
        return np.isin(sightings.place, self.model.places)


def sightings(models: Sequence[Model], links: Sequence[Link], views: Mapping[int, View]) -> Sightings:
    """What the pairs between models say, each once. Matched features are one point, if either has one."""
    owner = {int(place): number for number, model in enumerate(models) for place in model.places}
    points = [_points(model) for model in models]
    found: set[tuple[int, int, int, int]] = set()
    for link in links:
        if link.one not in owner or link.other not in owner or owner[link.one] == owner[link.other]:
            continue
        for here, there, matches in (
            (link.one, link.other, link.matches),
            (link.other, link.one, link.matches[:, ::-1]),
        ):
            known = points[owner[here]]
            for at_home, abroad in matches.tolist():
                if (point := known.get((here, at_home))) is not None:
                    found.add((owner[here], point, there, abroad))
    table = np.array(sorted(found), np.int64).reshape(-1, 4)
    _, once = np.unique(table[:, :3], axis=0, return_index=True)
    table = table[once]
    return Sightings(
        model=table[:, 0],
        point=table[:, 1],
        place=table[:, 2],
        feature=table[:, 3],
        rays=np.array([views[place].rays[at] for place, at in table[:, 2:].tolist()], np.float64).reshape(
            -1, 3
        ),
        sd=np.array([views[place].sd for place in table[:, 2].tolist()], np.float64),
    )


def _points(model: Model) -> dict[tuple[int, int], int]:
    """The point of each feature, by the photograph's place and the feature's."""
    places = model.places[model.seen_by].tolist()
    return {
        (place, feature): point
        for place, feature, point in zip(places, model.features.tolist(), model.seen.tolist(), strict=True)
    }


def sewn(models: Mapping[int, Model], seen: Sightings) -> list[Model]:
    """Models, by number, that all stand in the world, those as one that sightings bring together; the largest first."""
    parts = [_Part(model=model, first={number: 0}) for number, model in models.items()]
    refused: set[frozenset[int]] = set()
    while (pair := _next(parts, seen, refused)) is not None:
        one, other = pair
        made = _together(one, other, seen)
        if made is None:
            refused.add(frozenset(one.first) | frozenset(other.first))
        else:
            parts = [part for part in parts if part is not one and part is not other] + [made]
    return [part.model for part in sorted(parts, key=lambda part: -len(part.model.places))]


def across(model: Model, parts: Iterable[Model]) -> Mask:
    """The points of a model that photographs of more than one of its parts see, shape (p,)."""
    part = {int(place): number for number, one in enumerate(parts) for place in one.places}
    seen_by = np.array([part[place] for place in model.places.tolist()])[model.seen_by]
    starts = np.searchsorted(model.seen, np.arange(len(model.points)))
    return np.asarray(np.minimum.reduceat(seen_by, starts) != np.maximum.reduceat(seen_by, starts))


def _next(parts: list[_Part], seen: Sightings, refused: set[frozenset[int]]) -> tuple[_Part, _Part] | None:
    """The two parts, the larger one first, with the most sightings between them that have not been tried."""
    found = []
    for one, other in combinations(sorted(parts, key=lambda part: -len(part.model.places)), 2):
        if frozenset(one.first) | frozenset(other.first) not in refused:
            found.append((int(_between(one, other, seen).sum()), one, other))
    count, *pair = max(found, key=lambda each: each[0], default=(0,))
    return (pair[0], pair[1]) if count >= _FEWEST else None


def _between(one: _Part, other: _Part, seen: Sightings) -> Mask:
    return (one.owns(seen) & other.sees(seen)) | (other.owns(seen) & one.sees(seen))


def _together(one: _Part, other: _Part, seen: Sightings) -> _Part | None:
    """Both as one part in the frame of the first; None if nothing brings them together."""
    chosen = seen.part(_between(one, other, seen))
    both = joined([one.model, other.model])
    first = {**one.first, **{number: at + len(one.model.points) for number, at in other.first.items()}}
    point = np.array([first[number] for number in chosen.model.tolist()], np.int64) + chosen.point
    at = {place: index for index, place in enumerate(both.places.tolist())}
    seen_by = np.array([at[place] for place in chosen.place.tolist()], np.int64)
    photographs = len(one.model.places)
    crossing = _Crossing(
        centre=both.centre[seen_by], turn=both.turn[seen_by], points=both.points[point], rays=chosen.rays,
        moves=seen_by >= photographs,
    )  # fmt: skip
    move, agree = crossing.fit()
    if agree.sum() < max(_FEWEST, _SHARE * len(chosen)):
        return None
    moved = other.model.moved(float(np.exp(move[3])), *crossing.frame(move))
    both = joined([one.model, moved])
    return _Part(model=_with(both, chosen.part(agree), seen_by[agree], point[agree]), first=first)


def _with(model: Model, chosen: Sightings, seen_by: I64, point: I64) -> Model:
    """The model with further observations of its points."""
    order = np.argsort(np.concatenate([model.seen, point]), kind="stable")
    return replace(
        model,
        seen_by=np.concatenate([model.seen_by, seen_by])[order],
        seen=np.concatenate([model.seen, point])[order],
        rays=np.concatenate([model.rays, chosen.rays])[order],
        sd=np.concatenate([model.sd, chosen.sd])[order],
        features=np.concatenate([model.features, chosen.feature])[order],
    )


@dataclass(frozen=True, kw_only=True)
class _Crossing:
    """Sightings between two models, one of which stands and one of which is to be moved to it."""

    centre: F64
    """Of the photographs, shape (n, 3)."""
    turn: F64
    points: F64
    rays: F64
    moves: Mask
    """Whether it is the photograph that is to be moved, and not the point."""

    def fit(self) -> tuple[F64, Mask]:
        """The move (turn, logarithm of the scale, shift of the middle; shape (7,)), and which sightings agree."""
        move = np.zeros(7)
        prior = 1.0 / np.array([_TURN] * 3 + [_SCALE] + [_SHIFT] * 3)
        kernel = _WIDEST
        while kernel > _NARROWEST:
            off = self._off(move)
            slopes = np.stack([(self._off(move + step) - off) / 1e-6 for step in 1e-6 * np.eye(7)], axis=2)
            weight = 1.0 / (kernel**2 + np.sum(off**2, axis=1))
            normal = np.einsum("n,nij,nik->jk", weight, slopes, slopes) + np.diag(prior**2)
            right = np.einsum("n,nij,ni->j", weight, slopes, off) + prior**2 * move
            move = move - np.linalg.solve(normal, right)
            kernel *= _NARROWING
        return move, np.linalg.norm(self._off(move), axis=1) <= _AGREES

    def frame(self, move: F64) -> tuple[F64, F64]:
        """Turn (3, 3) and shift (3,) of the move, about the world's origin."""
        turn, middle = rotations.turns(move[:3]), self._middle()
        return turn, middle + move[4:] - np.exp(move[3]) * turn @ middle

    def _middle(self) -> F64:
        return np.asarray(np.where(self.moves[:, None], self.centre, self.points).mean(axis=0), np.float64)

    def _off(self, move: F64) -> F64:
        """Where the points are seen less where they should be, as unit vectors in the cameras' frames, shape (n, 3)."""
        turn, shift = self.frame(move)
        scale = np.exp(move[3])
        centre = np.where(self.moves[:, None], scale * self.centre @ turn.T + shift, self.centre)
        points = np.where(self.moves[:, None], self.points, scale * self.points @ turn.T + shift)
        turns = np.where(self.moves[:, None, None], turn @ self.turn, self.turn)
        local = np.einsum("nji,nj->ni", turns, points - centre)
        off: F64 = local / np.maximum(np.linalg.norm(local, axis=1, keepdims=True), 1e-9) - self.rays
        return off
