"""A region's poses and objects adjusted to each other, block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.position.accuracy import Accuracy
from steps.position.blocks import Block, blocks, spread
from steps.position.drive import LIKENESSES, Likeness, apart_by_accuracy, ways
from steps.position.joint import Noise, Solution, likelihood, refine
from steps.position.linear import State, Views, turned
from steps.position.params import Params
from steps.position.rays import Rays
from steps.position.refine import Fit, residuals
from steps.stepkit.arrays import F64, I64

_MIDDLING = LIKENESSES[2]
"""What is assumed until a likeness is chosen."""
_UNSURE, _UNSURER = 1.0, 0.4
"""By how much variances are larger than the algebra's, which takes every view for one of its object, and by how much
more for each metre that rays are off at a typical distance, and so given to wrong objects (chosen by eye on towns of
1 m and 2 degrees and of 3 m and 5 degrees, not derived)."""
_UNDECIDED = 3.0
"""Likenesses whose log-likelihoods differ by less are not told apart by the rays."""
_JUDGED = 4
"""Blocks, those with the most objects, that choose the likeness."""


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """Poses and objects that agree: ``rays`` from corrected poses with the accuracy that is left to them."""

    rays: Rays
    fit: Fit
    error: F64
    """(R, 6) what was added to the poses: metres and radians about the world's axes."""
    likeness: Likeness


def adjust(
    rays: Rays, owner: I64, ray: I64, fit: Fit, params: Params, before: Adjusted | None = None
) -> Adjusted:
    """Objects 0..K-1, observed by ``ray`` (M,) of ``owner`` (M,) ascending, and the poses of ``rays`` together.

    ``rays`` are as stated; ``fit`` is where to start, and ``before`` an earlier result to start from.
    """
    kept = spread(rays.origin[ray], fit.point, owner)
    cut = list(blocks(fit.point, np.bincount(owner[kept])))
    region = _Region(rays, owner[kept], ray[kept], fit, params, before)
    likeness = before.likeness if before else _likeness(region, cut)
    error, left = np.zeros((len(rays.centre), 6)), np.ones((len(rays.centre), 6))
    nearest = np.full(len(rays.centre), np.inf)
    point, covariance = fit.point.copy(), fit.covariance.copy()
    for block in cut:
        recordings, solution = region.solve(block, likeness)
        own = np.searchsorted(block.objects, block.own)
        point[block.own], covariance[block.own] = solution.state.point[own], solution.covariance[own]
        apart = np.hypot(*(rays.centre[recordings, :2] - block.middle).T)
        closer = apart < nearest[recordings]
        nearest[recordings[closer]] = apart[closer]
        error[recordings[closer]], left[recordings[closer]] = (
            solution.state.error[closer],
            solution.left[closer],
        )
    moved = _moved(rays, error, left, params)
    distance, missed = residuals(moved.origin[ray], moved.direction[ray], point[owner])
    log_size = np.bincount(owner, np.log(distance * rays.height[ray])) / np.bincount(owner)
    assert rays.accuracy is not None
    fitted = Fit(
        point=point,
        covariance=covariance,
        reported=(_UNSURE + _UNSURER * rays.accuracy.typical) * covariance,
        log_size=log_size,
        distance=distance,
        missed=missed,
    )
    return Adjusted(rays=moved, fit=fitted, error=error, likeness=likeness)


class _Region:
    """All that the blocks are cut from."""

    def __init__(
        self, rays: Rays, owner: I64, ray: I64, fit: Fit, params: Params, before: Adjusted | None
    ) -> None:
        assert rays.accuracy is not None
        position, angle = rays.accuracy.pose(params)
        self._sigma = np.repeat(np.stack([position, angle], axis=1), 3, axis=1)
        self._rays, self._owner, self._ray, self._fit = rays, owner, ray, fit
        self._error = before.error if before else np.zeros_like(self._sigma)
        self._way = np.column_stack([ways(rays.recordings, rays.centre), apart_by_accuracy(position)])
        self._noise = Noise(box=params.angle_sigma, size=params.size_sigma / 2)

    def solve(self, block: Block, likeness: Likeness) -> tuple[I64, Solution]:
        """The recordings (R,) that see the block's objects, and the solution of both."""
        recordings, views = self._views(block)
        start = State(
            point=self._fit.point[block.objects],
            log_size=self._fit.log_size[block.objects],
            error=self._error[recordings],
        )
        return recordings, refine(views, start, self._way[recordings], likeness, self._noise)

    def likelihoods(self, block: Block) -> F64:
        """How well each likeness explains the block's views; log-likelihoods in the order of LIKENESSES."""
        recordings, solution = self.solve(block, _MIDDLING)
        _, views = self._views(block)
        way = self._way[recordings]
        return np.array([likelihood(views, solution, way, one, self._noise) for one in LIKENESSES])

    def _views(self, block: Block) -> tuple[I64, Views]:
        place = np.full(len(self._fit.point), -1)
        place[block.objects] = np.arange(len(block.objects))
        mine = np.flatnonzero(place[self._owner] >= 0)
        ray = self._ray[mine]
        recordings, recording = np.unique(self._rays.recording[ray], return_inverse=True)
        views = Views(
            centre=self._rays.centre[recordings],
            sigma=self._sigma[recordings],
            recording=recording,
            owner=place[self._owner[mine]],
            direction=self._rays.direction[ray],
            height=self._rays.height[ray],
        )
        return recordings, views


def _likeness(region: _Region, cut: list[Block]) -> Likeness:
    """The most careful of the likenesses that explain the views of the largest blocks about as well as the best.

    On a short drive the rays cannot tell them apart, and errors that are taken to be independent average out to a
    certainty that is not there.
    """
    judged = sorted(cut, key=lambda block: -len(block.objects))[:_JUDGED]
    likely = np.sum([region.likelihoods(block) for block in judged], axis=0)
    return LIKENESSES[int(np.flatnonzero(likely >= likely.max() - _UNDECIDED)[-1])]


def _moved(rays: Rays, error: F64, left: F64, params: Params) -> Rays:
    """The rays from corrected poses, with what is left of their errors."""
    assert rays.accuracy is not None
    position, angle = rays.accuracy.pose(params)
    centre = rays.centre + error[:, :3]
    return replace(
        rays,
        centre=centre,
        origin=centre[rays.recording],
        direction=turned(rays.direction, error[rays.recording, 3:]),
        accuracy=Accuracy(
            position=position * np.sqrt(np.mean(left[:, :3] ** 2, axis=1)),
            angle=angle * np.sqrt(np.mean(left[:, 3:] ** 2, axis=1)),
            shared=rays.accuracy.shared,
        ),
    )
