"""A drive along a street of points, as photographs without errors would tell it, and priors with errors."""

from __future__ import annotations

import numpy as np

from steps.align import rotations
from steps.align.model import Model
from steps.align.pairs import Drives
from steps.align.poses import Priors
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
        sd=np.full(len(seen), noise),
    )  # fmt: skip


def driven(model: Model) -> Drives:
    """One drive, in the order of places."""
    count = len(model.places)
    return Drives(order=np.arange(count), drive=np.zeros(count, np.int64))


def priors(truth: Model, position: F64, turned: F64, position_sd: float, turn_sd: float) -> Priors:
    """Poses off the truth by vectors, shape (k, 3) each, in metres and radians."""
    count = len(truth.places)
    return Priors(
        position=truth.centre + position,
        turn=rotations.turns(turned) @ truth.turn,
        position_sd=np.full(count, position_sd),
        turn_sd=np.full((count, 3), turn_sd),
    )


def independent(truth: Model, position_sd: float, turn_sd: float, seed: int) -> Priors:
    """Priors whose errors have nothing to do with each other."""
    random = np.random.default_rng([seed, 1])
    shape = truth.centre.shape
    return priors(
        truth, random.normal(0, position_sd, shape), random.normal(0, turn_sd, shape), position_sd, turn_sd
    )
