"""Poses and objects together: where poses are poor, what many rays agree on says how each pose is off.

The errors of poses are Gaussian with the standard deviations that the recordings state, and alike along a drive
(``drive``); objects are anywhere. Both are found by generalised least squares: with the poses' errors taken as
correlated noise of the misses, the objects follow from a linear system, and the errors from what is left (universal
kriging; Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, 2.7). Repeating that at the
new state is bundle adjustment with priors (Triggs et al., "Bundle Adjustment - A Modern Synthesis", 1999). A view that
misses by more than it should is given the variance that explains it, so that wrong boxes lose their pull. The same
algebra gives each object's covariance, honest for errors of either kind, and the restricted likelihood (Patterson and
Thompson, Biometrika 58(3), 1971), which tells which kind it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.position.drive import Likeness
from steps.position.linear import Linear, State, Views, linearise
from steps.stepkit.arrays import F64

_ITERATIONS = 10
_TRUSTED = 2
"""Iterations before views may be distrusted: at first it is the objects that are far off."""
_MOST = 2.0
"""Standard deviations of its prediction by all others beyond which a miss is explained by variance of its own."""
_FARTHEST_M = 5.0
"""Longest step of an object in one iteration."""
_SETTLED = 0.05
"""No object moves by more metres, nor its size by a larger share, once it is found."""
_RIDGE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What a box adds of its own: standard deviations of its centre, radians, and of its log height."""

    box: float
    size: float


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The objects and poses of one problem."""

    state: State
    extra: F64
    """(3M,) variances that the misses need beyond what is known of them."""
    covariance: F64
    """(K, 3, 3) of the objects, m^2."""
    left: F64
    """(R, 6) standard deviations of the poses' errors that are left, of those stated (0 to 1)."""


@dataclass(frozen=True, kw_only=True)
class _Algebra:
    """One linear system, solved. What no object can explain is told by ``inverse - spent weighted^T``."""

    inverse: F64
    """(3M, 3M)"""
    objects: F64
    """(4K, 4K) covariance of the objects."""
    weighted: F64
    """(3M, 4K) the inverse times the misses' derivatives by the objects."""
    spent: F64
    """(3M, 4K) the same, times the objects' covariance."""
    constant: F64
    """(3M,) misses with the poses as stated."""
    change: F64
    """(4K,) by which the objects have to move."""

    def beside(self, vector: F64) -> F64:
        """(3M,) what is left of a vector of misses (3M,), weighted, beside what objects can explain."""
        left: F64 = self.inverse @ vector - self.spent @ (self.weighted.T @ vector)
        return left


def refine(views: Views, start: State, way: F64, likeness: Likeness, noise: Noise) -> Solution:
    """The most likely objects and errors; ``way`` (R, D) is where recordings are (:func:`drive.ways`)."""
    alike, own = _alike(way, likeness), _own(views, noise)
    extra, state = np.zeros(len(own)), start
    for iteration in range(_ITERATIONS):
        linear = linearise(views, state)
        solved = _solve(views, state, linear, alike, own + extra)
        state = _advanced(views, state, linear, solved, alike)
        if iteration >= _TRUSTED:
            if np.abs(solved.change).max() < _SETTLED:
                break
            extra = _distrust(solved, extra)
    return Solution(
        state=state,
        extra=extra,
        covariance=_blocks(solved.objects),
        left=_left(views, linear, solved, alike),
    )


def likelihood(views: Views, solution: Solution, way: F64, likeness: Likeness, noise: Noise) -> float:
    """Restricted log-likelihood of a likeness at a solution, comparable between likenesses; ``way`` is (R, D)."""
    own = _own(views, noise) + solution.extra
    linear = linearise(views, solution.state)
    solved = _solve(views, solution.state, linear, _alike(way, likeness), own)
    _, of_misses = np.linalg.slogdet(solved.inverse)
    _, of_objects = np.linalg.slogdet(solved.objects)
    explained = solved.constant @ solved.beside(solved.constant)
    return float((of_misses + of_objects - explained) / 2)


def _alike(way: F64, likeness: Likeness) -> F64:
    alike = likeness.of(way, way)
    alike[np.diag_indices(len(way))] = 1.0
    return alike


def _own(views: Views, noise: Noise) -> F64:
    count = len(views.owner)
    return np.concatenate([np.full(2 * count, noise.box**2), np.full(count, noise.size**2)])


def _solve(views: Views, state: State, linear: Linear, alike: F64, own: F64) -> _Algebra:
    recording = np.tile(views.recording, 3)
    covariance = (linear.by_pose @ linear.by_pose.T) * alike[np.ix_(recording, recording)]
    covariance[np.diag_indices(len(own))] += own + np.tile(linear.lost, 3)
    inverse = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    weighted = inverse @ linear.by_object
    normal = linear.by_object.T @ weighted
    normal[np.diag_indices(len(normal))] += _RIDGE
    objects = np.asarray(np.linalg.inv(normal), dtype=np.float64)
    known = state.error[recording] / views.sigma[recording]
    constant = linear.miss - (linear.by_pose * known).sum(axis=1)
    return _Algebra(
        inverse=inverse,
        objects=objects,
        weighted=weighted,
        spent=weighted @ objects,
        constant=constant,
        change=-objects @ (weighted.T @ constant),
    )


def _advanced(views: Views, state: State, linear: Linear, solved: _Algebra, alike: F64) -> State:
    pull = solved.inverse @ (solved.constant + linear.by_object @ solved.change)
    recording = np.tile(views.recording, 3)
    by_recording = np.zeros_like(state.error)
    np.add.at(by_recording, recording, linear.by_pose * pull[:, None])
    error = -(alike @ by_recording) * views.sigma
    return replace(state.moved(solved.change.reshape(-1, 4), _FARTHEST_M), error=error)


def _distrust(solved: _Algebra, extra: F64) -> F64:
    """(3M,) the variances that misses need of their own, moved half way there from those before."""
    precision = np.maximum(np.diag(solved.inverse) - (solved.spent * solved.weighted).sum(axis=1), 1e-12)
    off2 = solved.beside(solved.constant) ** 2 / precision
    needed = np.where(off2 > _MOST**2, extra + (off2 - _MOST**2) / precision, 0.7 * extra)
    return (extra + needed) / 2


def _left(views: Views, linear: Linear, solved: _Algebra, alike: F64) -> F64:
    recording = np.tile(views.recording, 3)
    towards = alike[:, recording]
    left = np.empty((len(alike), 6))
    for axis in range(6):
        gain = towards * linear.by_pose[:, axis]
        known = ((gain @ solved.inverse) * gain).sum(axis=1)
        left[:, axis] = 1 - known + ((gain @ solved.spent) * (gain @ solved.weighted)).sum(axis=1)
    return np.sqrt(np.clip(left, 1e-4, 1.0))


def _blocks(objects: F64) -> F64:
    count = len(objects) // 4
    by_object = objects.reshape(count, 4, count, 4)
    at = np.arange(count)
    return by_object[at, :3, at, :3]
