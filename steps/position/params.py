"""What a caller may set: the step's parameters, their defaults and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64
from steps.stepkit.parameters import Reader, flag, number, positive, positive_whole, whole


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of ``position``; the defaults hold for car-borne cameras with survey-grade poses.

    A ray's standard deviation at distance d is ``hypot(position_sigma_m, angle_sigma_deg in radians * d)``
    in each of the two directions across it; every gate is ``gate`` such standard deviations, so that what
    is tolerated grows with distance as the errors do.
    """

    max_range_m: float = 50.0
    """Farthest distance between an object and a recording that may see it."""
    min_views: int = 3
    """Places an object has to be seen from. Two rays nearly always meet somewhere; a third one tests it."""
    sparse: int = 12
    """Where no more recordings than these are around (in nine squares of half ``max_range_m``), two places suffice."""
    min_parallax_deg: float = 3.0
    """Smallest angle between two rays that may propose a point."""
    position_sigma_m: float = 0.1
    """Standard deviation of a recording's position, along each axis."""
    angle_sigma_deg: float = 0.25
    """Standard deviation of a ray's direction: the pose's angles and the box's centre together."""
    size_sigma: float = 0.2
    """Standard deviation of the logarithm of an object's height, as one box and one distance tell it."""
    gate: float = 3.5
    """How many standard deviations a ray may miss an object by."""
    min_size_m: float = 0.2
    """Smallest height of an object."""
    max_size_m: float = 2.5
    """Largest height of an object."""
    max_partners: int = 24
    """Recordings, the nearest ones, that a recording's rays are paired with. It bounds the work in dense places."""
    min_baseline_m: float = 1.0
    """Recordings closer together than this are not paired (frames of a vehicle that stands still)."""
    two_sided: bool = True
    """Whether what does not say that it shows a face may look the same from opposite sides, as a lamp does."""
    max_uncertainty_m: float = 2.0
    """Largest standard deviation of a position along its worst axis; worse objects are dropped."""

    @property
    def angle_sigma(self) -> float:
        """``angle_sigma_deg`` in radians."""
        return math.radians(self.angle_sigma_deg)

    @property
    def min_parallax(self) -> float:
        """``min_parallax_deg`` in radians."""
        return math.radians(self.min_parallax_deg)

    def variance(self, distance: F64) -> F64:
        """Variance in m^2 of a ray in each direction across it, at distances in metres (same shape)."""
        across = self.angle_sigma * distance
        return self.position_sigma_m * self.position_sigma_m + across * across


def read_params(given: Json) -> Params:
    """The parameters of a request. Raises BadInput for an unknown name or a value out of place."""
    # Who asks for so many places means it everywhere.
    params = _READER.read({"sparse": 0, **given} if "min_views" in given else given)
    if params.min_views < 2:
        raise BadInput(
            f"parameter 'min_views' must be at least 2 (one ray has no end), not {params.min_views}"
        )
    if params.min_parallax_deg >= 90:
        raise BadInput(f"parameter 'min_parallax_deg' must be below 90, not {params.min_parallax_deg}")
    if params.min_size_m >= params.max_size_m:
        raise BadInput(f"min_size_m {params.min_size_m} must be below max_size_m {params.max_size_m}")
    if params.min_baseline_m >= params.max_range_m:
        raise BadInput(
            f"min_baseline_m {params.min_baseline_m} must be below max_range_m {params.max_range_m}"
        )
    return params


_READER = Reader(
    kind=Params,
    unknown="unknown parameter {name!r}; position knows {known}",
    checks={
        "max_range_m": positive,
        "min_views": positive_whole,
        "sparse": whole(0),
        "min_parallax_deg": positive,
        "position_sigma_m": positive,
        "angle_sigma_deg": positive,
        "size_sigma": positive,
        "gate": positive,
        "min_size_m": positive,
        "max_size_m": positive,
        "max_partners": positive_whole,
        "min_baseline_m": positive,
        "two_sided": flag,
        "max_uncertainty_m": number(1e-6, 1e6),
    },
)
