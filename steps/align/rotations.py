"""Rotations as vectors: many at once."""

from __future__ import annotations

import numpy as np

from steps.stepkit.arrays import F64


def crosses(vectors: F64) -> F64:
    """The matrices [v]x with [v]x w = v x w, shape (..., 3, 3), of vectors, shape (..., 3)."""
    made = np.zeros((*vectors.shape, 3))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    made[..., 0, 1], made[..., 0, 2] = -z, y
    made[..., 1, 0], made[..., 1, 2] = z, -x
    made[..., 2, 0], made[..., 2, 1] = -y, x
    return made


def turns(vectors: F64) -> F64:
    """The rotations about vectors, shape (..., 3), by their length in radians: shape (..., 3, 3) (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    cross = crosses(vectors)
    safe = np.maximum(angle, 1e-12)
    first = np.where(angle > 1e-6, np.sin(safe) / safe, 1.0)
    second = np.where(angle > 1e-6, (1 - np.cos(safe)) / safe**2, 0.5)
    made: F64 = np.eye(3) + first * cross + second * (cross @ cross)
    return made


def vectors(turned: F64) -> F64:
    """The inverse of :func:`turns`: shape (..., 3), of length pi at most, for rotations of shape (..., 3, 3)."""
    skew = np.stack(
        [
            turned[..., 2, 1] - turned[..., 1, 2],
            turned[..., 0, 2] - turned[..., 2, 0],
            turned[..., 1, 0] - turned[..., 0, 1],
        ],
        axis=-1,
    )
    cosine = np.clip((np.trace(turned, axis1=-2, axis2=-1) - 1) / 2, -1.0, 1.0)
    angle = np.arctan2(np.linalg.norm(skew, axis=-1) / 2, cosine)
    sine = np.sin(angle)
    factor = np.where(sine > 1e-6, angle / np.maximum(2 * sine, 1e-12), 0.5)
    return skew * factor[..., None]


def nearest(matrices: F64) -> F64:
    """The rotations nearest to matrices, shape (..., 3, 3) (Arun, Huang and Blostein, PAMI 1987)."""
    u, _, vt = np.linalg.svd(matrices)
    flip = np.ones(u.shape[:-1])
    flip[..., 2] = np.sign(np.linalg.det(u @ vt))
    made: F64 = (u * flip[..., None, :]) @ vt
    return made
