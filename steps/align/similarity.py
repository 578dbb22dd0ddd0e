"""From a model's frame, whose scale nothing tells, to the world: by all priors of the drive together.

Positions tell scale, place and (by the length of the drive) direction; headings, pitch and roll tell direction, too,
and each counts by its accuracy. The model's own errors are small beside those of the priors, so the scale is fitted as
the priors' dependence on the model: fitted the other way round, or to distances, the noise would change it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """The inverse covariance of the priors' errors.

    ``position`` and ``turn`` are those of errors beside what all priors have in common, shape (3, k, k) each: one
    matrix for each axis of the world.
    """

    position: F64
    turn: F64
    common: F64
    """Columns c, shape (6 k, r): what priors have in common takes c @ c.T from the inverse covariance.

    Rows are each photograph's turn about the world's axes, then its position. Poses that nobody has aligned before have
    none in common that they tell: r = 0.
    """

    def weighed(self, errors: F64) -> F64:
        """The inverse covariance times errors (rows as in ``common``), shape (6 k, d)."""
        each = errors.reshape(len(self.position[0]), 6, -1)
        rows = [self._of(row) @ each[:, row] for row in range(6)]
        weighed: F64 = np.stack(rows, axis=1).reshape(errors.shape) - self.common @ (self.common.T @ errors)
        return weighed

    def _of(self, row: int) -> F64:
        return np.asarray(self.turn[row] if row < 3 else self.position[row - 3], np.float64)


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
    far = _far(moved, priors.position_sd[:, None]), _far(turned, priors.turn_sd)
    own = np.repeat(priors.own[:, None], 3, axis=1)
    apart = Information(
        position=_inverses(far[0], own, along, along.white_position),
        turn=_inverses(far[1], priors.own_turn, along, along.white_turn),
        common=np.zeros((6 * len(moved), 0)),
    )
    return replace(apart, common=_common(model, priors, apart))


def _common(model: Model, priors: Priors, apart: Information) -> F64:
    """The columns of ``Information.common``, by the inversion lemma: aligned ones may be shifted and turned as one.

    They tell more of it the farther they are from their middle, by as much as the turn moves them: the least is the
    shift itself.
    """
    shared, turned = priors.shared, priors.shared_turn[:, 0]
    if not (shared.any() or turned.any()):
        return apart.common
    shift, turn = (np.where(told > 0, told[told > 0].min(initial=np.inf), 0.0) for told in (shared, turned))
    arm = model.centre - model.centre.mean(axis=0)
    modes = np.zeros((len(arm), 6, 6))
    modes[:, :3, :3] = np.eye(3) * turn[:, None, None]
    modes[:, 3:, :3] = -rotations.crosses(arm) * turn[:, None, None]
    modes[:, 3:, 3:] = np.eye(3) * shift[:, None, None]
    flat = modes.reshape(-1, 6)
    weighed = apart.weighed(flat)
    root = np.linalg.cholesky(np.eye(6) + flat.T @ weighed)
    return np.asarray(np.linalg.solve(root, weighed.T).T, np.float64)


def fit(model: Model, priors: Priors, along: Along) -> Similarity | None:
    """The similarity that brings a model to its priors; None if they contradict each other altogether."""
    # About its middle: turned about an origin hundreds of kilometres away, nothing is left of the digits.
    middle = model.centre.mean(axis=0)
    found = _fit(model.moved(1.0, np.eye(3), -middle), priors, along)
    return found and replace(found, shift=found.shift - found.scale * found.turn @ middle)


def _fit(model: Model, priors: Priors, along: Along) -> Similarity | None:
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
    slopes = np.zeros((len(arm), 6, 7))
    slopes[:, :3, :3] = np.eye(3)
    slopes[:, 3:, :3] = -rotations.crosses(arm)
    slopes[:, 3:, 3] = arm
    slopes[:, 3:, 4:] = np.eye(3)
    flat = slopes.reshape(-1, 7)
    weighed = known.weighed(flat)
    off = np.concatenate([turned, moved], axis=1).reshape(-1)
    return np.asarray(np.linalg.solve(flat.T @ weighed, -weighed.T @ off), np.float64)


def _far(residual: F64, sd: F64) -> F64:
    """What of an error of its own, in variances, a prior must have beside the stated ones to be so far off, (k,)."""
    off = np.linalg.norm(residual / sd, axis=1) / np.sqrt(3.0)
    return np.asarray(np.maximum(1.0, off / _TOLERATED) ** 2 - 1.0, np.float64)


def _inverses(more: F64, sd: F64, along: Along, white: float) -> F64:
    """Inverse covariances along each axis, shape (3, k, k)."""
    return np.stack([_inverse(sd[:, axis], more, along, white) for axis in range(3)])


def _inverse(sd: F64, more: F64, along: Along, white: float) -> F64:
    whole = correlated.covariance(sd, along.metres, along.drive, along.length, white)
    return np.asarray(np.linalg.inv(whole + np.diag(more * sd**2)), np.float64)
