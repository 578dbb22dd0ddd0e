"""How well a pose is known: one standard deviation, in metres along a horizontal axis and in degrees of the angles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from coordinator.strictjson import Json

FINEST, COARSEST = 0.001, 10_000.0
"""Metres between which an accuracy of a position lies: no receiver knows less than a millimetre, and none of a street
is 10 km off. Telephones give 1.4 km where they know no more than the next cell of the network."""
FINEST_ANGLE, COARSEST_ANGLE = 0.001, 180.0
"""Degrees between which one of a heading lies."""
_AHEAD = 5.0
"""Degrees between the way and where a camera looks that somebody has fixed to look ahead."""


class Origin(StrEnum):
    """What tells an accuracy."""

    ROW = "row"
    PHOTOGRAPH = "photograph"
    BATCH = "batch.yaml"
    DOP = "dilution of precision"
    COMPASS = "compass"
    TRAVEL = "direction of travel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One standard deviation: ``position_m`` along each horizontal axis, ``heading_deg`` of the angles.

    ``shared_m`` is what positions have wrong together with their neighbours', beyond ``position_m``: objects move with
    it as one; ``shared_deg`` is the same of headings. None stands for what is not known; one of the first two is.
    """

    position_m: float | None = None
    heading_deg: float | None = None
    shared_m: float | None = None
    shared_deg: float | None = None
    position_from: Origin | None = None
    heading_from: Origin | None = None

    def as_json(self) -> Json:
        """What steps are told of it."""
        told = (
            ("position_m", self.position_m),
            ("heading_deg", self.heading_deg),
            ("shared_m", self.shared_m),
            ("shared_deg", self.shared_deg),
        )
        return {name: value for name, value in told if value is not None}

    def travelling(self, way: float) -> Accuracy:
        """The same of a heading that is the direction of a way of so many metres between two such positions."""
        degrees, origin = travelled(self.heading_deg, self.heading_from, self.position_m, way)
        return replace(self, heading_deg=degrees, heading_from=origin)


def travelled(
    degrees: float | None, origin: Origin | None, metres: float | None, way: float | None
) -> tuple[float | None, Origin | None]:
    """A direction of travel is as good as the camera looks ahead, and as the ends of the way are known."""
    if metres is None and degrees is None:
        return None, None
    looks = _AHEAD if degrees is None else degrees
    turned = 0.0
    if metres is not None and way is not None:
        turned = round(math.degrees(math.atan2(metres * math.sqrt(2.0), way)), 3)
    return (looks, origin or Origin.TRAVEL) if looks >= turned else (turned, Origin.TRAVEL)
