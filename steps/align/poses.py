"""Poses of items as arrays, and back: the conventions are those of :mod:`steps.stepkit.camera`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steps.align.params import Params
from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation
from steps.stepkit.numbers import is_finite

_LEVEL_DEG = 3.0
"""Standard deviation of pitch and roll where a pose gives none: how far a car's camera is from level."""
_DIGITS = 6
_AXES = ("x", "y", "z")
_OWN, _SHARED = ("position_m", "heading_deg"), ("shared_m", "shared_deg")


@dataclass(frozen=True, kw_only=True)
class Priors:
    """What is known of n recordings' poses beforehand, and how well. World: x east, y north, z up, metres."""

    position: F64
    """Shape (n, 3)."""
    turn: F64
    """Camera to world, shape (n, 3, 3)."""
    position_sd: F64
    """Along each axis, metres, shape (n,)."""
    turn_sd: F64
    """About the world's x, y and z axes, radians, shape (n, 3): the last is the heading's."""
    shared: F64
    """The part of ``position_sd`` that all have in common, metres, shape (n,): zero, but for poses aligned before."""
    shared_turn: F64
    """The same of ``turn_sd``, shape (n, 3)."""

    @property
    def own(self) -> F64:
        """Standard deviation of a position beside what all have in common, metres, shape (n,)."""
        return np.sqrt(self.position_sd**2 - self.shared**2)

    @property
    def own_turn(self) -> F64:
        """The same of turns, radians, shape (n, 3)."""
        return np.sqrt(self.turn_sd**2 - self.shared_turn**2)

    def part(self, which: Sequence[int]) -> Priors:
        """Those of some of the recordings, by their places."""
        at = np.asarray(which, dtype=np.intp)
        return Priors(
            position=self.position[at],
            turn=self.turn[at],
            position_sd=self.position_sd[at],
            turn_sd=self.turn_sd[at],
            shared=self.shared[at],
            shared_turn=self.shared_turn[at],
        )


def angles(turn: F64) -> tuple[float, float, float]:
    """Heading in [0, 360), pitch and roll in degrees of a camera-to-world rotation, shape (3, 3).

    The inverse of :func:`steps.stepkit.camera.rotation`. Straight up or down, where heading and roll are one, the
    answer is one of the valid ones.
    """
    heading = math.degrees(math.atan2(turn[0, 2], turn[1, 2])) % 360.0
    pitch = math.degrees(math.atan2(turn[2, 2], math.hypot(turn[0, 2], turn[1, 2])))
    roll = math.degrees(math.atan2(-turn[2, 0], -turn[2, 1]))
    return heading, pitch, roll


def priors(items: Sequence[Json], params: Params) -> Priors:
    """The priors of items that all have a pose. Raises BadInput for a pose or an accuracy that is none."""
    poses = [item["pose"] for item in items]
    given = [_accuracy(item) for item in items]
    told = [pose.get("pitch") is not None and pose.get("roll") is not None for pose in poses]
    own = np.array([a.get("position_m", params.position_m) for a in given])
    shared = np.array([a.get("shared_m", 0.0) for a in given])
    shared_heading = np.array([a.get("shared_deg", 0.0) for a in given])
    heading_sd = np.hypot([a.get("heading_deg", params.heading_deg) for a in given], shared_heading)
    level_sd = np.where(told, heading_sd, np.maximum(heading_sd, _LEVEL_DEG))
    return Priors(
        position=np.array([[_number(item, axis) for axis in _AXES] for item in items]).reshape(-1, 3),
        turn=np.array([_turn(item) for item in items]).reshape(-1, 3, 3),
        position_sd=np.hypot(own, shared),
        turn_sd=np.radians(np.stack([level_sd, level_sd, heading_sd], axis=1)),
        shared=shared,
        shared_turn=np.radians(np.repeat(shared_heading[:, None], 3, axis=1)),
    )


def unusable(item: Json) -> str | None:
    """Why there is nothing to align an item by; None if there is."""
    if not isinstance(item.get("pose"), dict):
        return "no pose"
    if not isinstance(item.get("image"), str):
        return "no image"
    camera = item.get("camera")
    if not isinstance(camera, dict) or camera.get("model") not in ("pinhole", "equirectangular"):
        return "no camera model"
    if any(item["pose"].get(name) is None for name in (*_AXES, "heading")):
        return "no position or no heading"
    return None


def aligned(item: Json, position: F64, turn: F64, accuracy: Json) -> Json:
    """The item with another pose, to a millionth of a metre and of a degree; what else the pose says is kept.

    ``position``: metres, shape (3,); ``turn``: camera to world, shape (3, 3).
    """
    heading, pitch, roll = angles(turn)
    x, y, z = (float(value) for value in position)
    values = {"x": x, "y": y, "z": z, "heading": heading, "pitch": pitch, "roll": roll}
    pose = {name: round(value, _DIGITS) for name, value in values.items()}
    pose["heading"] %= 360.0
    return {**item, "pose": {**item["pose"], **pose, "accuracy": accuracy}, "aligned": True}


def kept(item: Json, params: Params) -> Json:
    """The item with its pose as it was, which tells how accurate it was taken to be where it said nothing itself."""
    pose = item.get("pose")
    if not isinstance(pose, dict):
        return item
    taken = {"position_m": params.position_m, "heading_deg": params.heading_deg}
    return {**item, "pose": {**pose, "accuracy": {**taken, **_accuracy(item)}}}


def _accuracy(item: Json) -> Json:
    given = item["pose"].get("accuracy")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput(f"item {item['id']!r}: pose.accuracy must be an object, not {given!r}")
    told = {name: given[name] for name in (*_OWN, *_SHARED) if given.get(name) is not None}
    if not all(_is_deviation(value, name in _SHARED) for name, value in told.items()):
        raise BadInput(f"item {item['id']!r}: pose.accuracy must hold numbers above 0, not {given!r}")
    return {name: float(value) for name, value in told.items()}


def _turn(item: Json) -> F64:
    pitch, roll = (
        _number(item, name) if item["pose"].get(name) is not None else 0.0 for name in ("pitch", "roll")
    )
    return rotation(_number(item, "heading"), pitch, roll)


def _number(item: Json, name: str) -> float:
    value = item["pose"][name]
    if not is_finite(value):
        raise BadInput(f"item {item['id']!r}: pose {name} must be a finite number, not {value!r}")
    return float(value)


def _is_deviation(value: object, may_be_none: bool) -> bool:
    """Whether it is a standard deviation; one that neighbours share may be zero."""
    return is_finite(value) and (value > 0 or (may_be_none and value == 0))
