"""Views of objects, linearised: by how much each misses, and how that changes with objects and poses.

A view gives three misses: two angles between where its ray points and where its object is seen from the camera, and the
logarithm of the height that its box implies there against the object's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steps.position.rays import dot
from steps.stepkit.arrays import F64, I64

_UP = np.array([0.0, 0.0, 1.0])
_BEHIND = 0.2
"""Cosine between ray and object from which on the view has lost its object (its angles would say nothing)."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """M views of K objects from R poses, world frame; ``sigma`` (R, 6) is the poses' standard deviation.

    A pose's error is a shift in metres and a small turn in radians, about the world's axes.
    """

    centre: F64
    """(R, 3) as the recordings say."""
    sigma: F64
    """(R, 6)"""
    recording: I64
    """(M,)"""
    owner: I64
    """(M,)"""
    direction: F64
    """(M, 3) as the recordings say."""
    height: F64
    """(M,) upright reach, metres per metre."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What is looked for: K objects and the errors of R poses."""

    point: F64
    """(K, 3)"""
    log_size: F64
    """(K,)"""
    error: F64
    """(R, 6) what has to be added to the poses."""

    def moved(self, by: F64, farthest_m: float) -> State:
        """Objects moved by (K, 4), a shift and a change of log size, but no farther than that."""
        length = np.sqrt(dot(by, by))
        shorter = np.minimum(1.0, farthest_m / np.maximum(length, 1e-9))[:, None]
        return replace(
            self,
            point=self.point + by[:, :3] * shorter,
            log_size=self.log_size + np.clip(by[:, 3], -0.5, 0.5),
        )


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The 3M misses around a state, first all views' first angles, then their second ones, then log sizes."""

    miss: F64
    """(3M,)"""
    by_object: F64
    """(3M, 4K) derivatives by the objects' x, y, z and log size."""
    by_pose: F64
    """(3M, 6) derivatives by the error of the view's own pose, in its standard deviations."""
    lost: F64
    """(M,) 1 where the object is not ahead of the ray, else 0."""


def linearise(views: Views, state: State) -> Linear:
    """The misses of all views at a state."""
    error = state.error[views.recording]
    ray = turned(views.direction, error[:, 3:])
    offset = state.point[views.owner] - views.centre[views.recording] - error[:, :3]
    distance = np.sqrt(dot(offset, offset))
    seen = offset / distance[:, None]
    one = np.cross(ray, _UP)
    one /= np.maximum(np.sqrt(dot(one, one)), 1e-9)[:, None]
    two = np.cross(ray, one)
    implied = np.log(distance * views.height) - state.log_size[views.owner]
    miss = np.concatenate([dot(seen, one), dot(seen, two), implied])
    shift = [(axis - seen * dot(seen, axis)[:, None]) / distance[:, None] for axis in (one, two)]
    by_point = np.concatenate([*shift, seen / distance[:, None]])
    by_turn = np.concatenate([np.cross(one, seen), np.cross(two, seen), np.zeros_like(seen)])
    by_pose = np.concatenate([-by_point, by_turn], axis=1) * np.tile(views.sigma[views.recording], (3, 1))
    rows, first = np.arange(len(miss)), 4 * np.tile(views.owner, 3)
    by_object = np.zeros((len(miss), 4 * len(state.point)))
    for axis in range(3):
        by_object[rows, first + axis] = by_point[:, axis]
    sizes = rows[2 * len(seen) :]
    by_object[sizes, first[sizes] + 3] = -1.0
    lost = (dot(seen, ray) < _BEHIND).astype(np.float64)
    return Linear(miss=miss, by_object=by_object, by_pose=by_pose, lost=lost)


def turned(ray: F64, by: F64) -> F64:
    """Rays (N, 3) turned by rotation vectors (N, 3) in radians (Rodrigues' formula)."""
    angle = np.sqrt(dot(by, by))
    axis = by / np.maximum(angle, 1e-12)[:, None]
    along = dot(axis, ray)[:, None] * axis
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    rotated: F64 = ray * cosine + np.cross(axis, ray) * sine + along * (1 - cosine)
    return rotated
