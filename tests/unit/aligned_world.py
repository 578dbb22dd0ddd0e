"""A drive along a street of points, as photographs without errors would tell it, and priors with errors."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from steps.align import rotations
from steps.align.model import Link, Model, View, part
from steps.align.pairs import Drives
from steps.align.poses import Priors
from steps.align.seams import Component, sightings
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation


def drive(count: int = 40, spacing: float = 3.0, noise: float = 5e-4, seed: int = 0) -> Model:
    """Photographs on a gentle curve, metres from the world's origin; directions with errors of ``noise`` radians."""
    random = np.random.default_rng(seed)
    headings = 60.0 + np.linspace(0, 40.0, count)
    steps = spacing * np.stack(
        [np.sin(np.radians(headings)), np.cos(np.radians(headings)), np.zeros(count)], axis=1
    )
    centre = np.cumsum(steps, axis=0)
    turn = np.stack([rotation(heading, *random.normal(0, 1.0, 2)) for heading in headings])
    anchors = random.integers(0, count, 25 * count)
    points = centre[anchors] + random.normal(0, [8.0, 8.0, 2.0], (len(anchors), 3)) + 4 * steps[anchors]
    seen_by, seen, rays = [], [], []
    for number, point in enumerate(points):
        local = np.einsum("kji,kj->ki", turn, point - centre)
        visible = np.flatnonzero((local[:, 2] > 2.0) & (np.linalg.norm(local, axis=1) < 40.0))
        for place in visible[-6:] if len(visible) >= 2 else []:
            seen_by.append(int(place))
            seen.append(number)
            ray = local[place] / np.linalg.norm(local[place]) + random.normal(0, noise, 3)
            rays.append(ray / np.linalg.norm(ray))
    numbers, renumbered = np.unique(seen, return_inverse=True)
    return Model(
        places=np.arange(count), turn=turn, centre=centre, points=points[numbers],
        seen_by=np.array(seen_by), seen=renumbered.astype(np.int64), rays=np.array(rays),
        sd=np.full(len(seen), noise), features=renumbered.astype(np.int64),
    )  # fmt: skip


def halved(model: Model, which: int) -> Model:
    """The first or the second half of a drive, as a model of its own."""
    half = len(model.places) // 2
    return part(model, np.arange(half) + which * half)[0]


def views(model: Model) -> dict[int, View]:
    """Each photograph's features: as many as the model has points, numbered as these are."""
    rays = np.zeros((len(model.places), len(model.points), 3))
    rays[model.seen_by, model.seen] = model.rays
    return {
        place: View(rays=rays[place].astype(np.float32), sd=5e-4, round_about=False)
        for place in model.places.tolist()
    }


def links(model: Model, wrong: float = 0.0) -> list[Link]:
    """What every two photographs have in common, a share of it with features that are not the same."""
    random, found = np.random.default_rng(7), []
    sees = [np.unique(model.seen[model.seen_by == place]) for place in model.places]
    for one, other in combinations(model.places.tolist(), 2):
        both = np.intersect1d(sees[one], sees[other])
        if len(both) >= 2:
            mixed = np.where(random.random(len(both)) < wrong, random.permutation(both), both)
            found.append(Link(one=one, other=other, matches=np.stack([both, mixed], axis=1)))
    return found


def alone(*models: Model) -> Component:
    """Models of one component that nothing brings together."""
    return Component(models=list(models), sightings=sightings(models, [], {}))


def driven(model: Model) -> Drives:
    """One drive, in the order of places."""
    count = len(model.places)
    alone = np.zeros(count, np.int64)
    return Drives(order=np.arange(count), drive=alone, receiver=alone, passed=np.arange(count))


def priors(truth: Model, position: F64, turned: F64, position_sd: float, turn_sd: float) -> Priors:
    """Poses off the truth by vectors, shape (k, 3) each, in metres and radians."""
    count = len(truth.places)
    return Priors(
        position=truth.centre + position,
        turn=rotations.turns(turned) @ truth.turn,
        position_sd=np.full(count, position_sd),
        turn_sd=np.full((count, 3), turn_sd),
        shared=np.zeros(count),
        shared_turn=np.zeros((count, 3)),
    )


def independent(truth: Model, position_sd: float, turn_sd: float, seed: int) -> Priors:
    """Priors whose errors have nothing to do with each other."""
    random = np.random.default_rng([seed, 1])
    shape = truth.centre.shape
    return priors(
        truth, random.normal(0, position_sd, shape), random.normal(0, turn_sd, shape), position_sd, turn_sd
    )
