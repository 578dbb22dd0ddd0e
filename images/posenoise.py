"""Errors of written poses, as surveys and telephones have them.

``independent``: every recording's error is drawn by itself, as a receiver's would be that has forgotten its last fix.
``drifting``: a first-order Gauss-Markov process along the drive, as a receiver's and a gyroscope's are: the error of a
recording is that of the one before, times exp(-distance / 100 m), and as much that is new as keeps the standard
deviation. Two recordings 5 m apart have a third of it between them. Heights are off by a third of what x and y are.
Source: R. G. Brown and P. Y. C. Hwang, Introduction to Random Signals and Applied Kalman Filtering, 2.9.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from images.batchfiles import Pose
from steps.stepkit.arrays import F64

_DRIFT = 100.0
"""Metres of the drive in which an error forgets all but 1/e of itself."""
_HEIGHTS = 1.0 / 3.0


class Kind(StrEnum):
    """How the errors of neighbours go together."""

    INDEPENDENT = "independent"
    DRIFTING = "drifting"


@dataclass(frozen=True, kw_only=True)
class PoseNoise:
    """Standard deviations: metres along each axis, degrees of each angle."""

    metres: float = 0.0
    degrees: float = 0.0
    kind: Kind = Kind.INDEPENDENT

    def accuracy(self) -> dict[str, float]:
        """What an honest batch.yaml says of it; nothing of what is exact."""
        told = {"position_m": self.metres, "heading_deg": self.degrees}
        return {name: value for name, value in told.items() if value > 0}

    def put_on(self, poses: Sequence[Pose], random: np.random.Generator) -> list[Pose]:
        """The poses, in the order of the drive, as they are written down."""
        errors = _drawn(poses, random, self.kind)
        errors[:, :3] *= self.metres
        errors[:, 3:] *= self.degrees
        return [_off(pose, error) for pose, error in zip(poses, errors.tolist(), strict=True)]


EXACT = PoseNoise()


def add_options(parser: argparse.ArgumentParser) -> None:
    """--pose-noise, --noise-kind and --state-accuracy."""
    parser.add_argument(
        "--pose-noise", type=float, nargs=2, default=(0.0, 0.0), metavar=("METRES", "DEGREES"),
        help="standard deviation of the written poses' error, an axis and an angle",
    )  # fmt: skip
    parser.add_argument(
        "--noise-kind", choices=[str(kind) for kind in Kind], default=str(Kind.INDEPENDENT),
        help="drifting: slowly along the drive, the same standard deviation",
    )  # fmt: skip
    parser.add_argument(
        "--state-accuracy", action="store_true", help="write the noise into batch.yaml as the accuracy"
    )


def from_options(given: dict[str, Any]) -> tuple[PoseNoise, bool]:
    """Takes the options out of ``given``: the noise, and whether batch.yaml says so."""
    metres, degrees = given.pop("pose_noise")
    kind = Kind(given.pop("noise_kind"))
    return PoseNoise(metres=metres, degrees=degrees, kind=kind), given.pop("state_accuracy")


def _drawn(poses: Sequence[Pose], random: np.random.Generator, kind: Kind) -> F64:
    """Errors of standard deviation 1, shape (N, 6): x, y, z, heading, pitch, roll."""
    drawn: F64 = random.normal(0, 1, (len(poses), 6))
    if kind is Kind.DRIFTING:
        for number in range(1, len(poses)):
            before, here = poses[number - 1], poses[number]
            kept = math.exp(-math.dist((before.x, before.y), (here.x, here.y)) / _DRIFT)
            drawn[number] = kept * drawn[number - 1] + math.sqrt(1.0 - kept**2) * drawn[number]
        drawn[:, 2] *= _HEIGHTS
    return drawn


def _off(pose: Pose, error: Sequence[float]) -> Pose:
    dx, dy, dz, dh, dp, dr = error
    return replace(
        pose,
        x=pose.x + dx,
        y=pose.y + dy,
        z=pose.z + dz,
        heading=(pose.heading + dh) % 360.0,
        pitch=pose.pitch + dp,
        roll=pose.roll + dr,
    )
