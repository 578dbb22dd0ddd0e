"""Pairs of rays become candidates: points where an object may stand.

Every object worth reporting is where at least one pair of its own rays nearly meets, so all pairs of nearby
recordings' rays propose a point (hypothesise) and `support` then asks all rays around it (verify): Fischler and
Bolles, "Random Sample Consensus", CACM 24(6), 1981, with the sampling replaced by all local pairs, so there is
no random seed. Proposing from ray pairs is also how Krylov, Kenny and Dahyot, "Automatic Discovery and Geotagging
of Objects from Street View Imagery", Remote Sensing 10(5):661, 2018, start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steps.position.nearby import chunks, ragged
from steps.position.params import Params
from steps.position.partners import partners
from steps.position.rays import Rays, dot
from steps.stepkit.arrays import F64, I64

_VOXEL_M = 0.5
"""Points this close propose the same object; signs on one pole stand farther apart."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """N points, in the order of the ray pairs that proposed them (which is the order of ids)."""

    point: F64
    """(N, 3) world frame, metres."""
    log_size: F64
    """(N,) natural logarithm of the object's height in metres."""

    def __len__(self) -> int:
        return len(self.point)

    def only(self, kept: I64) -> Candidates:
        """The candidates with these indices, shape (K,)."""
        return Candidates(point=self.point[kept], log_size=self.log_size[kept])


def propose(rays: Rays, params: Params) -> Candidates:
    """Candidates from all pairs of rays of nearby recordings, the most certain of each voxel; world frame, metres."""
    parts = [_meet(rays, one, other, params) for one, other in _ray_pairs(rays, params)]
    point, log_size, variance, one, other = (np.concatenate(column) for column in zip(*parts, strict=True))
    in_order = np.lexsort([other, one])
    candidates = Candidates(point=point[in_order], log_size=log_size[in_order])
    return candidates.only(thin(candidates.point, variance[in_order], _VOXEL_M))


def thin(point: F64, cost: F64, voxel: float) -> I64:
    """Indices, ascending, of the cheapest point in each voxel, the first of equals; voxels lie on the CRS's zero.

    ``point`` (N, 3) and ``voxel``, a side, in metres; ``cost`` (N,).
    """
    x, y, z = np.floor(point / voxel).astype(np.int64).T
    order = np.lexsort([cost, z, y, x])
    x, y, z = x[order], y[order], z[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1]) | (z[1:] != z[:-1])
    return np.sort(order[new])


def _ray_pairs(rays: Rays, params: Params) -> Iterator[tuple[I64, I64]]:
    """Chunks of ray pairs (one, other), one < other, of recordings that are partners."""
    a, b = partners(rays.centre, params)
    count = np.diff(rays.first)
    pairs = count[a] * count[b]
    for chunk in chunks(pairs):
        pair, within = ragged(np.zeros(len(chunk), dtype=np.int64), pairs[chunk])
        pair = chunk[pair]
        yield rays.first[a[pair]] + within // count[b[pair]], rays.first[b[pair]] + within % count[b[pair]]


def _meet(rays: Rays, one: I64, other: I64, params: Params) -> tuple[F64, F64, F64, I64, I64]:
    """The ray pairs that meet in front of both cameras: (point, log size, variance, one, other).

    The point lies on the shortest segment between the rays (the midpoint method, Hartley and Sturm,
    "Triangulation", CVIU 68(2), 1997), closer to the ray that is surer there; ``variance`` is that of its
    depth. The gates: parallax, distance, height, the gap between the rays and the heights both imply.
    """
    base, u, v = rays.origin[other] - rays.origin[one], rays.direction[one], rays.direction[other]
    along_u, along_v, sine2 = _closest(base, u, v)
    size_u, size_v = along_u * rays.height[one], along_v * rays.height[other]
    in_reach = (
        (sine2 >= np.sin(params.min_parallax) ** 2)
        & (np.maximum(along_u, along_v) <= params.max_range_m)
        & (np.minimum(size_u, size_v) >= params.min_size_m)
        & (np.maximum(size_u, size_v) <= params.max_size_m)
    )
    kept = np.flatnonzero(in_reach)
    one, other, base, u, v, sine2 = one[kept], other[kept], base[kept], u[kept], v[kept], sine2[kept]
    along_u, along_v = along_u[kept], along_v[kept]
    log_u, log_v = np.log(size_u[kept]), np.log(size_v[kept])
    gap = base + along_v[:, None] * v - along_u[:, None] * u
    variance_u = rays.variance(one, along_u, params)
    variance = variance_u + rays.variance(other, along_v, params)
    differ = (log_u - log_v) / params.size_sigma
    met = np.flatnonzero(dot(gap, gap) / variance + differ * differ / 2 <= params.gate * params.gate)
    point = rays.origin[one] + along_u[:, None] * u + (variance_u / variance)[:, None] * gap
    return point[met], (log_u + log_v)[met] / 2, (variance / sine2)[met], one[met], other[met]


def _closest(base: F64, u: F64, v: F64) -> tuple[F64, F64, F64]:
    """Where two rays come closest: the distances along them, (N,) each, and the squared sine of their angle.

    ``base`` (N, 3) leads from the first rays' origins to the second's; ``u`` and ``v`` (N, 3) are unit vectors.
    Parallel rays come closest nowhere: theirs are huge numbers beside a sine of about 0.
    """
    cosine = dot(u, v)
    sine2 = 1 - cosine * cosine
    base_u, base_v = dot(base, u), dot(base, v)
    safe = np.maximum(sine2, 1e-12)
    return (base_u - cosine * base_v) / safe, (cosine * base_u - base_v) / safe, sine2
