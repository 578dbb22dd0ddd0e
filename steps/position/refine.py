"""Positions from rays by least squares, for many objects at once.

A ray misses a point by ``(I - d d^T)(p - c)``; weighted by the ray's variance at the point's distance, that is its
angular residual, and the sum of squares has the 3x3 normal matrix ``sum w (I - d d^T)``. Repeating the solution
with new weights is Gauss-Newton with iterative reweighting; Huber's weights ("Robust Estimation of a Location
Parameter", Annals of Mathematical Statistics 35(1), 1964) limit the pull of rays that do not fit.

An object's numbers come from its own rays in their own order, from a start computed from these rays, with a fixed
number of iterations: whichever other objects are in the arrays, they are the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steps.position.certainty import reported
from steps.position.nearby import Cells, chunks, ragged, runs
from steps.position.params import Params
from steps.position.rays import Rays, dot
from steps.stepkit.arrays import F64, I64

_HUBER = 1.345
"""Standard deviations beyond which a residual counts linearly: 95 % efficient on Gaussian errors."""
_ITERATIONS = 15
_CELLS_PER_RADIUS = 8
_RIDGE = 1e-9
"""Added to the normal matrix, 1/m^2: parallel rays give a hopeless point, never a singular matrix."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """K objects from M observations."""

    point: F64
    """(K, 3) metres."""
    covariance: F64
    """(K, 3, 3) m^2, from the assumed standard deviations."""
    reported: F64
    """(K, 3, 3) m^2, what is said of them (``certainty``)."""
    log_size: F64
    """(K,) mean natural logarithm of the height in metres."""
    distance: F64
    """(M,) metres from recording to object."""
    missed: F64
    """(M,) metres between object and ray."""


def fit(rays: Rays, owner: I64, ray: I64, params: Params) -> Fit:
    """The robust fit of objects 0..K-1; observation m gives ``ray[m]`` to object ``owner[m]``, owners ascending.

    ``owner`` and ``ray`` are (M,); each object has a ray at least. World frame, metres.
    """
    origin, direction = rays.origin[ray], rays.direction[ray]
    ones = np.ones(len(ray))
    crowd = _crowd(origin, owner, params.min_baseline_m)
    point, _ = triangulate(origin, direction, ones, owner)
    for _ in range(_ITERATIONS):
        distance, missed = residuals(origin, direction, point[owner])
        variance = rays.variance(ray, distance, params)
        deviation = missed / np.sqrt(variance)
        weight = _HUBER / np.maximum(deviation, _HUBER) / (variance * crowd)
        point, normal = triangulate(origin, direction, weight, owner)
    distance, missed = residuals(origin, direction, point[owner])
    covariance = np.asarray(np.linalg.inv(normal), dtype=np.float64)
    deviation2 = missed * missed / rays.variance(ray, distance, params)
    return Fit(
        point=point,
        covariance=covariance,
        reported=reported(covariance, deviation2, weight, crowd, point[owner] - origin, owner, ray, rays),
        log_size=mean(np.log(distance * rays.height[ray]), ones, owner),
        distance=distance,
        missed=missed,
    )


def _crowd(origin: F64, owner: I64, radius: float) -> F64:
    """(M,) how many of its object's observations, itself included, were taken within the radius of each.

    Such frames, of a vehicle that queues, share the errors of their poses: together they count as one.
    """
    cells = Cells(origin, radius / _CELLS_PER_RADIUS, owner)
    within, partly = _cell_crowd(cells, owner[cells.members[cells.first]], radius)
    crowd = within[cells.of]
    for one, other in cells.pairs(*partly):
        apart = origin[one] - origin[other]
        near = dot(apart, apart) <= radius * radius
        crowd += np.bincount(one[near], minlength=len(crowd))
    return crowd


def _cell_crowd(cells: Cells, owner: I64, radius: float) -> tuple[F64, tuple[I64, I64, I64]]:
    """(C,) the points in all cells that surely lie within the radius of each, and the cells that may do so in part.

    ``owner`` (C,) is that of a cell's points, ascending.
    """
    count = np.bincount(owner)
    first = np.cumsum(count) - count
    within = np.zeros(len(owner))
    nothing = np.empty(0, dtype=np.int64)
    cell, near = [nothing], [nothing]
    for chunk in chunks(count[owner]):
        one, other = ragged(first[owner[chunk]], count[owner[chunk]])
        apart = cells.middle[chunk[one]] - cells.middle[other]
        distance = np.sqrt(dot(apart, apart))
        sure = distance + cells.slack <= radius
        within[chunk] = np.bincount(one[sure], cells.count[other[sure]], len(chunk))
        partly = ~sure & (distance - cells.slack <= radius)
        cell.append(chunk[one[partly]])
        near.append(other[partly])
    return within, runs(np.concatenate(cell), np.concatenate(near), len(owner))


def residuals(origin: F64, direction: F64, point: F64) -> tuple[F64, F64]:
    """(M,) distances from the recordings to their points and (M,) distances of the points from the rays, metres."""
    offset = point - origin
    across = offset - dot(offset, direction)[:, None] * direction
    return np.sqrt(dot(offset, offset)), np.sqrt(dot(across, across))


def triangulate(origin: F64, direction: F64, weight: F64, owner: I64) -> tuple[F64, F64]:
    """Weighted least-squares meeting points (K, 3) of each owner's rays, and normal matrices (K, 3, 3).

    Arrays are (M, 3), (M, 3), (M,) in 1/m^2, (M,); each of the owners 0..K-1 has a ray. Coordinates are taken
    relative to an owner's first ray, since squares of national coordinates would cost digits.
    """
    owners, first = np.unique(owner, return_index=True)
    local = origin[first]
    start = origin - local[owner]
    normal = np.empty((len(owners), 3, 3))
    right = np.empty((len(owners), 3))
    along = dot(start, direction)
    for row in range(3):
        right[:, row] = np.bincount(owner, weights=weight * (start[:, row] - along * direction[:, row]))
        for column in range(row, 3):
            entry = weight * ((row == column) - direction[:, row] * direction[:, column])
            normal[:, row, column] = normal[:, column, row] = np.bincount(owner, weights=entry)
    normal[:, range(3), range(3)] += _RIDGE
    solution = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    return np.asarray(local + solution, dtype=np.float64), normal


def mean(value: F64, weight: F64, owner: I64) -> F64:
    """(K,) weighted mean of each owner's values; all arrays are (M,), owners 0..K-1."""
    average: F64 = np.bincount(owner, weights=weight * value) / np.bincount(owner, weights=weight)
    return average
