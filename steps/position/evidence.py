"""How much more likely views are as views of an object than as boxes of nothing.

This is the score of a track in multiple hypothesis tracking (Blackman, "Multiple Hypothesis Tracking for Multiple
Target Tracking", IEEE Aerospace and Electronic Systems Magazine 19(1), 2004), for objects that stand: the density of
what is seen, with the object's place and height integrated out (Laplace's approximation), over that of boxes
anywhere. It may be compared between ways to associate the same rays, whatever accuracy each takes them to have.
Only bearings on the ground and sizes count: heights are not in all data, and level rays always agree in theirs.
"""

from __future__ import annotations

import math

import numpy as np

from steps.position.params import Params
from steps.position.rays import Rays, dot
from steps.position.refine import Fit
from steps.stepkit.arrays import F64, I64

_ANYWHERE = -math.log(2 * math.pi) - math.log(2.0)
"""Density of a box of nothing: any bearing (radians), and sizes that differ by a factor of seven (its logarithm)."""
_OBJECTS = -math.log(300.0)
"""Objects beforehand: one in 300 square metres of a street for each unit of the logarithm of its height."""
_RIDGE = 1e-4
"""1/m^2, of an object that its rays say nothing of."""


def evidence(rays: Rays, owner: I64, ray: I64, fitted: Fit, params: Params) -> F64:
    """(K,) logarithms of the odds of objects 0..K-1, observed by ``ray`` (M,) of ``owner`` (M,)."""
    offset = (fitted.point[owner] - rays.origin[ray]) * (1.0, 1.0, 0.0)
    distance = np.maximum(np.sqrt(dot(offset, offset)), 0.1)
    missed = _bearing(offset) - _bearing(rays.direction[ray])
    missed = (missed + np.pi) % (2 * np.pi) - np.pi
    variance = rays.variance(ray, distance, params) / distance**2
    differ = np.log(fitted.distance * rays.height[ray]) - fitted.log_size[owner]
    seen = _normal(missed, variance) + _normal(differ, np.full(len(ray), params.size_sigma**2)) - _ANYWHERE
    across = np.stack([offset[:, 1], -offset[:, 0]], axis=1) / distance[:, None] ** 2
    ground = np.empty((len(fitted.point), 2, 2))
    for row in range(2):
        for column in range(2):
            ground[:, row, column] = np.bincount(owner, across[:, row] * across[:, column] / variance)
    ground[:, range(2), range(2)] += _RIDGE
    size = np.bincount(owner) / params.size_sigma**2
    volume = 3 * math.log(2 * math.pi) - np.linalg.slogdet(ground)[1] - np.log(size)
    return np.asarray(np.bincount(owner, seen) + _OBJECTS + volume / 2, dtype=np.float64)


def _bearing(direction: F64) -> F64:
    return np.asarray(np.arctan2(direction[:, 0], direction[:, 1]), dtype=np.float64)


def _normal(value: F64, variance: F64) -> F64:
    """Logarithms of the normal density."""
    return np.asarray(-(value * value / variance + np.log(2 * np.pi * variance)) / 2, dtype=np.float64)
