"""What a caller may set: the step's parameters, their defaults and their checks."""

from __future__ import annotations

from dataclasses import dataclass

from steps.stepkit import Json
from steps.stepkit.parameters import Reader, number, whole


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of ``align``; the defaults are for photographs every one to ten metres."""

    position_m: float = 3.0
    """Standard deviation of a position along each axis, for recordings that do not say it (``pose.accuracy``)."""
    heading_deg: float = 5.0
    """Standard deviation of heading, pitch and roll, for recordings that do not say it."""
    drift_m: float = 100.0
    """Way after which the errors of two poses of one drive are hardly alike any more (their correlation is 1/e)."""
    features: int = 2000
    """Largest number of features of a photograph."""
    max_side: int = 2048
    """Photographs are scaled down to this for their features: pixels of the longer side."""
    radius_m: float = 25.0
    """Photographs farther apart than this, by their poses, are not compared, unless they follow each other."""
    following: int = 3
    """Photographs of a drive that are compared with each one: the next ones."""
    neighbours: int = 4
    """Photographs nearby that are compared with each one: of another drive, or from long before or after."""
    min_matches: int = 20
    """Fewest features that two photographs must have in common, after the geometry has been verified."""
    threads: int = 0
    """Photographs and pairs worked on at a time; 0: as many as the step has CPUs. Poses do not depend on it."""


def read_params(given: Json) -> Params:
    """The parameters of a request. Raises BadInput for an unknown name or a value out of place."""
    return _READER.read(given)


_READER = Reader(
    kind=Params,
    unknown="unknown parameter {name!r}; align knows {known}",
    checks={
        "position_m": number(0.01, 100.0),
        "heading_deg": number(0.01, 90.0),
        "drift_m": number(1.0, 100_000.0),
        "features": whole(100, 20_000),
        "max_side": whole(256, 8192),
        "radius_m": number(0.0, 1000.0),
        "following": whole(1, 50),
        "neighbours": whole(0, 100),
        "min_matches": whole(10, 10_000),
        "threads": whole(0, 256),
    },
)
