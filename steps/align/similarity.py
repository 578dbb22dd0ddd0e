"""From a model's frame, whose scale nothing tells, to the world: by all priors of the drive together.

Positions tell scale, place and (by the length of the drive) direction; headings, pitch and roll tell direction, too,
and each counts by its accuracy. The model's own errors are small beside those of the priors, so the scale is fitted as
the priors' dependence on the model: fitted the other way round, or to distances, the noise would change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.align import correlated, rotations
from steps.align.model import Model
from steps.align.poses import Priors
from steps.stepkit.arrays import F64, I64

_TOLERATED = 2.5
"""Standard deviations from which on a prior counts for less, the less the farther it is off."""
_ROUNDS = 12


@dataclass(frozen=True, kw_only=True)
class Along:
    """Where on its drive each of k photographs was made, and how alike errors are there."""

    metres: F64
    """Way driven, shape (k,)."""
    drive: I64
    length: float
    """Of the correlation, metres."""
    white_position: float
    """Share of the stated variance that is new with every photograph."""
    white_turn: float


@dataclass(frozen=True, kw_only=True)
class Information:
    """Inverse covariances of the priors, shape (3, k, k) each: one matrix for each axis of the world."""

    position: F64
    turn: F64


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """x in a model's frame is scale * turn @ x + shift in the world."""

    scale: float
    turn: F64
    shift: F64

    def of(self, model: Model) -> Model:
        """The model in the world."""
        return model.moved(self.scale, self.turn, self.shift)


def residuals(model: Model, priors: Priors) -> tuple[F64, F64]:
    """Estimated less stated: positions in metres, turns about the world's axes in radians, shape (k, 3) each."""
    turned = rotations.vectors(model.turn @ np.swapaxes(priors.turn, 1, 2))
    return model.centre - priors.position, turned


def information(model: Model, priors: Priors, along: Along) -> Information:
    """How much the priors tell, those that are far off less (``model`` stands in the world)."""
    moved, turned = residuals(model, priors)
    position_sd = np.repeat(priors.position_sd[:, None], 3, axis=1)
    return Information(
        position=_inverses(moved, position_sd, along, along.white_position),
        turn=_inverses(turned, priors.turn_sd, along, along.white_turn),
    )


def fit(model: Model, priors: Priors, along: Along) -> Similarity | None:
    """The similarity that brings a model to its priors; None if they contradict each other altogether."""
    start = _start(model, priors)
    if start is None:
        return None
    for _ in range(_ROUNDS):
        step = _step(start, model, priors, along)
        start = Similarity(
            scale=start.scale * float(np.exp(np.clip(step[3], -0.5, 0.5))),
            turn=rotations.turns(step[:3]) @ start.turn,
            shift=start.shift + step[4:],
        )
        if np.abs(step).max() < 1e-7:
            break
    return start


def _start(model: Model, priors: Priors) -> Similarity | None:
    each = priors.turn @ np.swapaxes(model.turn, 1, 2)
    weight = 1.0 / priors.turn_sd.max(axis=1) ** 2
    turn = rotations.nearest(np.einsum("i,ijk->jk", weight, each))
    for _ in range(_ROUNDS):
        off = np.linalg.norm(rotations.vectors(each @ turn.T), axis=1)
        turn = rotations.nearest(
            np.einsum("i,ijk->jk", weight / np.maximum(off, np.median(off) + 1e-6), each)
        )
    turned = model.centre @ turn.T
    weight = 1.0 / priors.position_sd**2
    scale, shift = 1.0, np.zeros(3)
    for _ in range(_ROUNDS):
        middle, stated = (np.average(points, axis=0, weights=weight) for points in (turned, priors.position))
        spread = float(np.sum(weight[:, None] * (turned - middle) ** 2))
        common = float(np.sum(weight[:, None] * (turned - middle) * (priors.position - stated)))
        if spread <= 0.0 or common <= 0.0:
            return None
        scale, shift = common / spread, stated - common / spread * middle
        off = np.linalg.norm(scale * turned + shift - priors.position, axis=1) / priors.position_sd
        weight = 1.0 / priors.position_sd**2 / np.maximum(1.0, off / (np.median(off) * _TOLERATED + 1e-9))
    return Similarity(scale=scale, turn=turn, shift=shift)


def _step(now: Similarity, model: Model, priors: Priors, along: Along) -> F64:
    """One step of Gauss and Newton: turn (3), logarithm of the scale, shift (3)."""
    placed = now.of(model)
    known = information(placed, priors, along)
    moved, turned = residuals(placed, priors)
    arm = placed.centre - now.shift
    slopes = np.concatenate(
        [-rotations.crosses(arm), arm[:, :, None], np.broadcast_to(np.eye(3), (len(arm), 3, 3))], axis=2
    )
    normal, right = np.zeros((7, 7)), np.zeros(7)
    for axis in range(3):
        weighted = known.position[axis] @ slopes[:, axis]
        normal += slopes[:, axis].T @ weighted
        right -= weighted.T @ moved[:, axis]
        normal[axis, axis] += known.turn[axis].sum()
        right[axis] -= float(np.sum(known.turn[axis] @ turned[:, axis]))
    return np.asarray(np.linalg.solve(normal, right), np.float64)


def _inverses(residual: F64, sd: F64, along: Along, white: float) -> F64:
    """Inverse covariances along each axis, shape (3, k, k). What is far off has an error of its own, shared by none."""
    off = np.linalg.norm(residual / sd, axis=1) / np.sqrt(3.0)
    more = np.maximum(1.0, off / _TOLERATED) ** 2 - 1.0
    return np.stack([_inverse(sd[:, axis], more, along, white) for axis in range(3)])


def _inverse(sd: F64, more: F64, along: Along, white: float) -> F64:
    whole = correlated.covariance(sd, along.metres, along.drive, along.length, white)
    return np.asarray(np.linalg.inv(whole + np.diag(more * sd**2)), np.float64)
