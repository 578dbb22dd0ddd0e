"""A plan's sheet: where on it the ground lies, and which objects share a place on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from images.pictures.findings import Findings, Mapped
from images.pictures.placing import Box
from images.pictures.svg import Point

WIDTH = 960.0
MARGIN = 16.0
LEGEND = 226.0
_HEIGHTS = (470.0, 690.0)
"""The least and the greatest height of the plan itself."""
_AROUND = 5.0
"""Metres of ground around what is drawn, at least."""
MARK = 3.8
RING = 2.3
"""Radius of an object's mark; each further object at the same place is a ring this wide around it."""
_MOST_RAYS, _MOST_CAPTURES = 800, 350
"""Of more, only every n-th is drawn."""


@dataclass(frozen=True)
class Sheet:
    """Metres to the plan's pixels: ``west`` and ``north`` lie at its top-left corner; ``scale`` is pixels a metre."""

    west: float
    north: float
    scale: float
    frame: Box

    def at(self, place: Point) -> Point:
        return (
            self.frame.x + (place[0] - self.west) * self.scale,
            self.frame.y + (self.north - place[1]) * self.scale,
        )


@dataclass(frozen=True)
class Group:
    """Objects whose marks would hide one another, such as signs on one pole."""

    middle: Point
    members: tuple[Mapped, ...]

    @property
    def radius(self) -> float:
        return MARK + RING * (len(self.members) - 1)


def sheet_of(findings: Findings) -> Sheet:
    """The sheet that shows all captures, objects and true places, with some ground around them."""
    places = [
        *(capture.place for capture in findings.captures),
        *(thing.place for thing in findings.objects),
        *(findings.truth or ()),
    ]
    (west, south), (east, north) = np.min(places, axis=0), np.max(places, axis=0)
    around = max(_AROUND, 0.07 * max(east - west, north - south))
    across, along = east - west + 2 * around, north - south + 2 * around
    width = WIDTH - 3 * MARGIN - LEGEND
    height = min(max(width * along / across, _HEIGHTS[0]), _HEIGHTS[1])
    scale = min(width / across, height / along)
    return Sheet(
        west=float((west + east) / 2 - width / scale / 2),
        north=float((north + south) / 2 + height / scale / 2),
        scale=float(scale),
        frame=Box(MARGIN, MARGIN, width, float(height)),
    )


def groups_on(sheet: Sheet, objects: Sequence[Mapped]) -> list[Group]:
    """The objects by place on the sheet, those of one place by category."""
    groups: list[list[Mapped]] = []
    for thing in sorted(objects, key=lambda thing: (thing.category, thing.id)):
        here = sheet.at(thing.place)
        near = (group for group in groups if math.dist(sheet.at(group[0].place), here) < 2 * MARK)
        group = next(near, None)
        if group is None:
            groups.append([thing])
        else:
            group.append(thing)
    return [_group(sheet, members) for members in groups]


def _group(sheet: Sheet, members: Sequence[Mapped]) -> Group:
    x, y = np.mean([sheet.at(thing.place) for thing in members], axis=0)
    return Group((float(x), float(y)), tuple(members))


def ray_step(findings: Findings) -> int:
    """Of how many viewing rays one is drawn."""
    return max(1, math.ceil(sum(len(thing.observations) for thing in findings.objects) / _MOST_RAYS))


def capture_step(findings: Findings) -> int:
    """Of how many captures one is drawn."""
    return max(1, math.ceil(len(findings.captures) / _MOST_CAPTURES))
