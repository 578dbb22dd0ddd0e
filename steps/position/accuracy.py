"""How far off poses are: what each recording says of its own, and the step's parameters for those that say nothing.

A ray misses what it shows by ``hypot(position, angle * distance)`` in each of the two directions across it. A
recording's ``pose.accuracy`` gives the pose's part of both; that of the box's centre (``angle_sigma_deg``) comes on top
of it, while for a recording that says nothing ``angle_sigma_deg`` is pose and box together, as it always was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steps.position.params import Params
from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64, I64
from steps.stepkit.numbers import is_finite

_LIMITS = {
    "position_m": (1e-6, 10_000.0),
    "heading_deg": (1e-6, 180.0),
    "shared_m": (0.0, 10_000.0),
    "shared_deg": (0.0, 180.0),
}
"""What an accuracy may hold, and between which numbers: beyond them it is a mistake, and what is reckoned from it is
nothing or too much for a number."""

_TYPICAL_M = 20.0
_POOR_M = 0.25
"""Rays this far off at a typical distance, one standard deviation, can no longer tell neighbouring signs apart."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """What R recordings say: one standard deviation of their poses; NaN where one says nothing, unless it is said."""

    position: F64
    """(R,) metres, along each axis."""
    angle: F64
    """(R,) radians, about each axis."""
    shared: F64
    """(R,) metres along each axis that a position has wrong together with its neighbours', beyond ``position``; 0 where
    nothing is said."""

    @property
    def poor(self) -> bool:
        """Whether any recording states a pose so poor that its neighbours can tell how it is off."""
        return bool((self._off() > _POOR_M).any())

    @property
    def typical(self) -> float:
        """Metres that rays are off at a typical distance by what is stated, one standard deviation; the median."""
        return float(np.median(self._off()))

    def _off(self) -> F64:
        return np.hypot(np.nan_to_num(self.position), np.nan_to_num(self.angle) * _TYPICAL_M)

    def times(self, factor: float) -> Accuracy:
        """The same with all standard deviations so many times as large."""
        return replace(self, position=self.position * factor, angle=self.angle * factor)

    def pose(self, params: Params) -> tuple[F64, F64]:
        """(R,) metres and (R,) radians, the parameters' where nothing was said."""
        said = (self.position, params.position_sigma_m), (self.angle, params.angle_sigma)
        position, angle = (np.where(np.isnan(own), default, own) for own, default in said)
        return position, angle

    def stated(self, recording: I64, distance: F64) -> F64:
        """The part of :meth:`variance` that recordings state themselves, 0 where they say nothing; all (N,)."""
        stated: F64 = np.nan_to_num(self.position[recording]) ** 2
        return stated + (np.nan_to_num(self.angle[recording]) * distance) ** 2

    def common(self, recording: I64, owner: I64) -> F64:
        """(K,) variance in m^2 along each axis of what all recordings of an object have in common.

        Of N observations: their recordings, and the objects 0..K-1 that own them. It is of no matter to whether rays
        meet, and moves the object as a whole.
        """
        common: F64 = np.bincount(owner, self.shared[recording] ** 2) / np.bincount(owner)
        return common

    def variance(self, recording: I64, distance: F64, params: Params) -> F64:
        """Variance in m^2 of a ray of each recording in each direction across it; all arrays are (N,)."""
        position, angle = self.position[recording], self.angle[recording]
        box = params.angle_sigma * params.angle_sigma
        metres2 = np.where(np.isnan(position), params.position_sigma_m**2, position * position)
        radians2 = np.where(np.isnan(angle), box, angle * angle + box)
        variance: F64 = metres2 + radians2 * (distance * distance)
        return variance


def read_accuracy(recordings: Sequence[Json]) -> Accuracy | None:
    """What the recordings' poses say of themselves; None if none of them says anything.

    Raises BadInput, naming the recording, for an accuracy that is no object, for a name that none of its numbers has,
    and for a number that is no standard deviation of a pose in a street.
    """
    said = [(item, item["pose"].get("accuracy")) for item in recordings]
    for item, accuracy in said:
        _check(item, accuracy)
    if all(accuracy is None for _, accuracy in said):
        return None
    position, heading, shared = (
        np.array([_sigma(accuracy, name) for _, accuracy in said])
        for name in ("position_m", "heading_deg", "shared_m")
    )
    return Accuracy(position=position, angle=np.radians(heading), shared=np.nan_to_num(shared))


def _check(item: Json, accuracy: Any) -> None:
    if accuracy is None:
        return
    called = f"recording {item['id']!r}: pose accuracy"
    if not isinstance(accuracy, dict):
        raise BadInput(f"{called} must be an object with position_m and heading_deg, not {accuracy!r}")
    for name, value in accuracy.items():
        if name not in _LIMITS:
            raise BadInput(f"{called} has no {name!r}; it may hold {', '.join(_LIMITS)}")
        least, most = _LIMITS[name]
        if value is not None and not (is_finite(value) and least <= value <= most):
            raise BadInput(f"{called} {name} must be a number from {least:g} to {most:g}, not {value!r}")


def _sigma(accuracy: Json | None, name: str) -> float:
    value = None if accuracy is None else accuracy.get(name)
    return math.nan if value is None else float(value)
