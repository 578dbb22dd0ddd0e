"""How far off poses are: what each recording says of its own, and the step's parameters for those that say nothing.

A ray misses what it shows by ``hypot(position, angle * distance)`` in each of the two directions across it. A
recording's ``pose.accuracy`` gives the pose's part of both; that of the box's centre (``angle_sigma_deg``) comes on top
of it, while for a recording that says nothing ``angle_sigma_deg`` is pose and box together, as it always was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steps.position.params import Params
from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64, I64


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

    Raises BadInput, naming the recording, for an accuracy that is no object of numbers above 0.
    """
    said = [(item, item["pose"].get("accuracy")) for item in recordings]
    if all(accuracy is None for _, accuracy in said):
        return None
    position = np.array([_sigma(item, accuracy, "position_m") for item, accuracy in said])
    heading = np.array([_sigma(item, accuracy, "heading_deg") for item, accuracy in said])
    shared = np.array([_sigma(item, accuracy, "shared_m") for item, accuracy in said])
    return Accuracy(position=position, angle=np.radians(heading), shared=np.nan_to_num(shared))


def _sigma(item: Json, accuracy: Any, name: str) -> float:
    if accuracy is None:
        return math.nan
    if not isinstance(accuracy, dict):
        raise BadInput(
            f"recording {item['id']!r}: pose accuracy must be an object with position_m and heading_deg, "
            f"not {accuracy!r}"
        )
    value = accuracy.get(name)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise BadInput(
            f"recording {item['id']!r}: pose accuracy {name} must be a number above 0, not {value!r}"
        )
    return float(value)
