"""The marks of a plan's objects: discs, error ellipses, and rings for the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from images.pictures.figures import css, disc, ellipse, ellipse_axes
from images.pictures.findings import Findings
from images.pictures.sheet import MARK, RING, Group, Sheet
from images.pictures.svg import Point, element

TRUTH_GAP = 3.4


def ellipses(sheet: Sheet, findings: Findings, enlarged: int) -> list[str]:
    """An error ellipse for every object that has a covariance, ``enlarged`` times as large as it is."""
    drawn = []
    for thing in findings.objects:
        if thing.covariance:
            greater, lesser, heading = ellipse_axes(thing.covariance)
            length = sheet.scale * enlarged
            drawn.append(
                ellipse(
                    sheet.at(thing.place),
                    (greater * length, lesser * length),
                    heading,
                    css(findings.colours[thing.category]),
                )
            )
    return drawn


def marks(findings: Findings, groups: Sequence[Group]) -> list[str]:
    """A disc for every object; those of one group lie around one another."""
    drawn = []
    for group in groups:
        for number_inside, thing in enumerate(group.members):
            radius = group.radius - RING * number_inside
            colour = css(findings.colours[thing.category])
            drawn.append(disc(group.middle, radius, colour))
    return drawn


def truth(sheet: Sheet, findings: Findings, groups: Sequence[Group]) -> list[str]:
    """A ring for every true place; signs above one another share one. It is wide enough to stand around a mark."""
    places = sorted({sheet.at(place) for place in findings.truth or ()})
    return [
        element("circle", cx=x, cy=y, r=_radius_at((x, y), groups) + TRUTH_GAP, class_="truth")
        for x, y in places
    ]


def _radius_at(point: Point, groups: Sequence[Group]) -> float:
    near = [group.radius for group in groups if math.dist(group.middle, point) < 3 * MARK]
    return max(near, default=MARK)
