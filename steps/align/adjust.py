"""Bundle adjustment of directions with correlated priors, and the covariance of what comes of it.

Triggs, McLauchlan, Hartley and Fitzgibbon, "Bundle Adjustment: A Modern Synthesis", 1999. Points are eliminated
(Schur's complement); what is left, six unknowns for each photograph, is dense, as correlated priors make it so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.align import rotations
from steps.align.model import Model
from steps.align.poses import Priors
from steps.align.similarity import Information, residuals
from steps.stepkit.arrays import F64, I64

_CAUCHY = 2.0
"""Standard deviations at which an observation counts half."""
_ROUNDS = 20
_ENOUGH = 1e-5
"""Relative change of the cost that ends the work."""
_LEAST = 1e-9
"""What keeps the matrix of a point that is behind all its photographs from being singular, per square metre: a thousand
of them hold a drive in its place to a kilometre. Much more, and they know of a place of which nothing has told."""
_AT_ONCE = 100_000
"""Pairs of observations that are multiplied at once: 36 numbers each."""


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """A model after the adjustment."""

    model: Model
    normal: F64
    """The normal matrix of the poses, shape (6 k, 6 k): each one's turn about the world's axes, then its position."""
    misfit: float
    """Root mean square of the observations' residuals in standard deviations, by their median: 1 is as promised."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What does not change from round to round."""

    tangents: F64
    """Two unit vectors across each observed direction, shape (o, 3, 2)."""
    by_camera: I64
    """Observations in the order of their photographs."""
    pairs: I64
    """Pairs of observations of one point, shape (q, 2), in the order of their pairs of photographs."""
    block: I64
    """Which pair of photographs (first * k + second), shape (q,)."""


@dataclass(frozen=True, kw_only=True)
class _Linear:
    """The problem around where it stands."""

    cost: float
    normal: F64
    right: F64
    spread: F64
    """Inverse normal matrices of the points, shape (p, 3, 3)."""
    cross: F64
    """Between the pose and the point of each observation, shape (o, 6, 3)."""
    point_right: F64
    squares: F64
    """Squared residuals in variances, shape (o,)."""


def adjust(model: Model, priors: Priors, known: Information) -> Adjusted:
    """The most likely poses and points, given observations and priors (those of the model's photographs)."""
    layout = _layout(model)
    damping = 1e-4
    here = _linear(model, priors, known, layout, damping)
    for _ in range(_ROUNDS):
        moved = _moved(model, here)
        there = _linear(moved, priors, known, layout, damping)
        if there.cost > here.cost:
            damping *= 10
            if damping > 1e4:
                break
            here = _linear(model, priors, known, layout, damping)
            continue
        gained = (here.cost - there.cost) / max(here.cost, 1e-12)
        damping = max(damping / 10, 1e-9)
        model, here = moved, there
        if gained < _ENOUGH:
            break
    final = _linear(model, priors, known, layout, 0.0)
    # The median of a chi-square with two degrees of freedom is 1.386.
    misfit = float(np.sqrt(np.median(final.squares) / 1.386))
    return Adjusted(model=model, normal=final.normal, misfit=misfit)


def _layout(model: Model) -> _Layout:
    away = np.eye(3)[np.argmin(np.abs(model.rays), axis=1)]
    first = np.cross(model.rays, away)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    pairs = _pairs(model)
    block = model.seen_by[pairs[:, 0]] * len(model.places) + model.seen_by[pairs[:, 1]]
    order = np.argsort(block, kind="stable")
    return _Layout(
        tangents=np.stack([first, np.cross(model.rays, first)], axis=2),
        by_camera=np.argsort(model.seen_by, kind="stable").astype(np.int64),
        pairs=pairs[order],
        block=block[order],
    )


def _pairs(model: Model) -> I64:
    """All ordered pairs of observations of one point, each with itself too, shape (q, 2)."""
    starts = np.searchsorted(model.seen, np.arange(len(model.points)))
    lengths = np.diff(np.append(starts, len(model.seen)))
    found = [np.zeros((0, 2), np.int64)]
    for length in np.unique(lengths):
        begin = starts[lengths == length][:, None, None]
        one, other = np.meshgrid(np.arange(length), np.arange(length), indexing="ij")
        grid = np.stack([one.ravel(), other.ravel()], axis=1)[None]
        found.append((begin + grid).reshape(-1, 2))
    return np.concatenate(found)


def _linear(model: Model, priors: Priors, known: Information, layout: _Layout, damping: float) -> _Linear:
    """Cost and normal equations; ``damping`` enlarges their diagonal (Levenberg and Marquardt)."""
    residual, by_pose, by_point = _observed(model, layout)
    squares = np.sum(residual**2, axis=1)
    weight = 1.0 / (1.0 + squares / _CAUCHY**2)
    cost = float(np.sum(_CAUCHY**2 * np.log1p(squares / _CAUCHY**2)))
    weighted = weight[:, None, None] * by_pose
    cross = np.einsum("oij,oik->ojk", weighted, by_point)
    own = np.einsum("oij,oik->ojk", weight[:, None, None] * by_point, by_point)
    starts = np.searchsorted(model.seen, np.arange(len(model.points)))
    points = np.add.reduceat(own, starts, axis=0)
    damped = damping * np.einsum("pii->pi", points).max(axis=1) + _LEAST
    points += damped[:, None, None] * np.eye(3)
    point_right = -np.add.reduceat(
        np.einsum("oi,oij->oj", weight[:, None] * residual, by_point), starts, axis=0
    )
    spread = np.linalg.inv(points)
    count = len(model.places)
    poses = _per_camera(np.einsum("oij,oik->ojk", weighted, by_pose), model, layout)
    right = -_per_camera(np.einsum("oij,oi->oj", weighted, residual), model, layout).reshape(-1)
    drawn = np.einsum("ojk,ok->oj", cross, np.einsum("pij,pj->pi", spread, point_right)[model.seen])
    right -= _per_camera(drawn, model, layout).reshape(-1)
    normal = _reduced(cross, spread[model.seen], layout, count)
    for at in range(count):
        normal[6 * at : 6 * at + 6, 6 * at : 6 * at + 6] += poses[at]
    cost += _add_priors(normal, right, model, priors, known)
    normal[np.diag_indices(6 * count)] *= 1.0 + damping
    return _Linear(
        cost=cost, normal=normal, right=right, spread=spread, cross=cross,
        point_right=point_right, squares=squares,
    )  # fmt: skip


def _observed(model: Model, layout: _Layout) -> tuple[F64, F64, F64]:
    """Residuals (o, 2) across the observed directions in standard deviations, and their slopes by poses and points."""
    arm = model.points[model.seen] - model.centre[model.seen_by]
    back = np.swapaxes(model.turn, 1, 2)[model.seen_by]
    seen = np.einsum("oij,oj->oi", back, arm)
    far = np.maximum(np.linalg.norm(seen, axis=1), 1e-6)
    unit = seen / far[:, None]
    across = layout.tangents / model.sd[:, None, None]
    residual = np.einsum("oij,oi->oj", across, unit)
    # What lies behind projects onto the same place: it is no less wrong for that.
    behind = np.einsum("oi,oi->o", unit, model.rays) < 0
    residual[behind] = 1.0 / model.sd[behind, None]
    flat = (np.eye(3) - unit[:, :, None] * unit[:, None, :]) / far[:, None, None]
    by_point = np.einsum("oji,ojk,okl->oil", across, flat, back, optimize=True)
    by_point[behind] = 0.0
    by_turn = by_point @ rotations.crosses(arm)
    return residual, np.concatenate([by_turn, -by_point], axis=2), by_point


def _per_camera(values: F64, model: Model, layout: _Layout) -> F64:
    """Sums of the observations' values over each photograph, shape (k, ...)."""
    sums = np.zeros((len(model.places), *values.shape[1:]))
    ordered = model.seen_by[layout.by_camera]
    present, starts = np.unique(ordered, return_index=True)
    sums[present] = np.add.reduceat(values[layout.by_camera], starts, axis=0)
    return sums


def _reduced(cross: F64, spread: F64, layout: _Layout, count: int) -> F64:
    """What eliminating the points takes from the poses' normal matrix, negative, shape (6 count, 6 count)."""
    half = np.einsum("ojk,okl->ojl", cross, spread)
    blocks = np.zeros((count * count, 6, 6))
    for begin in range(0, len(layout.pairs), _AT_ONCE):
        one, other = layout.pairs[begin : begin + _AT_ONCE].T
        block, starts = np.unique(layout.block[begin : begin + _AT_ONCE], return_index=True)
        products = half[one] @ np.swapaxes(cross[other], 1, 2)
        blocks[block] -= np.add.reduceat(products, starts, axis=0)
    return np.ascontiguousarray(
        blocks.reshape(count, count, 6, 6).transpose(0, 2, 1, 3).reshape(6 * count, 6 * count)
    )


def _add_priors(normal: F64, right: F64, model: Model, priors: Priors, known: Information) -> float:
    """Add the priors to the normal equations; returns their part of the cost."""
    moved, turned = residuals(model, priors)
    cost = 0.0
    for axis in range(3):
        for first, informed, off in ((0, known.turn[axis], turned), (3, known.position[axis], moved)):
            at = slice(first + axis, None, 6)
            drawn = informed @ off[:, axis]
            normal[at, at] += informed
            right[at] -= drawn
            cost += float(off[:, axis] @ drawn)
    shared = known.common.T @ np.concatenate([turned, moved], axis=1).reshape(-1)
    normal -= known.common @ known.common.T
    right += known.common @ shared
    return cost - float(shared @ shared)


def _moved(model: Model, linear: _Linear) -> Model:
    step = np.linalg.solve(linear.normal, linear.right).reshape(-1, 6)
    drawn = np.einsum("ojk,oj->ok", linear.cross, step[model.seen_by])
    starts = np.searchsorted(model.seen, np.arange(len(model.points)))
    left = linear.point_right - np.add.reduceat(drawn, starts, axis=0)
    return replace(
        model,
        turn=rotations.turns(np.asarray(step[:, :3], np.float64)) @ model.turn,
        centre=model.centre + step[:, 3:],
        points=model.points + np.einsum("pij,pj->pi", linear.spread, left),
    )
