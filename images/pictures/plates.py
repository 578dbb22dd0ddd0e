"""The plates that name a plan's objects, each where there is room for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from images.pictures.figures import css, disc, width_of
from images.pictures.findings import Colour, Findings, label
from images.pictures.marks import TRUTH_GAP
from images.pictures.placing import Box, place
from images.pictures.sheet import Group, Sheet, ray_step
from images.pictures.svg import Point, element, text
from images.pictures.terrain import core_name
from steps.stepkit.arrays import F64

_TEXT = 12.0
_LINE = 16.0
_FREE = 30
"""How many points a recording counts for when labels look for a free place."""
_REACH = 60.0
"""How far from its object a label may stand."""


def labels_for(sheet: Sheet, findings: Findings, groups: Sequence[Group]) -> tuple[list[str], int]:
    """A plate for every group that has room for one, and how many objects have none."""
    taken = [_around(group) for group in groups]
    taken += [box for core in findings.cores if (box := core_name(sheet, findings, core))]
    avoided = _avoided(sheet, findings)
    leads, plates, unlabelled = [], [], 0
    for group, anchor in zip(groups, taken[: len(groups)], strict=True):
        size, bounds = _plate_size(group), sheet.frame.grown(-6)
        box = place(anchor, size, bounds=bounds, taken=taken, avoided=avoided, reach=_REACH)
        if box is None:
            unlabelled += len(group.members)
        else:
            taken.append(box.grown(3))
            start, end = _lead(group, box)
            avoided = np.concatenate([avoided, np.repeat(np.linspace(start, end, 12), 2, axis=0)])
            leads.append(element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_="lead"))
            plates += _plate(group, box, findings.colours)
    return [*leads, *plates], unlabelled


def _lead(group: Group, box: Box) -> tuple[Point, Point]:
    """The line to a plate: from just outside of the group's mark, radially."""
    x, y = group.middle
    end = box.nearest(group.middle)
    part = (group.radius + TRUTH_GAP) / math.dist(group.middle, end)
    return (x + (end[0] - x) * part, y + (end[1] - y) * part), end


def _around(group: Group) -> Box:
    radius = group.radius + TRUTH_GAP
    return Box(group.middle[0] - radius, group.middle[1] - radius, 2 * radius, 2 * radius)


def _avoided(sheet: Sheet, findings: Findings) -> F64:
    """Points that labels should leave free: the recordings, and a point every few pixels of the rays."""
    places = {capture.id: sheet.at(capture.place) for capture in findings.captures}
    points = [np.repeat(np.array(list(places.values())), _FREE, axis=0)]
    for thing in findings.objects:
        end = sheet.at(thing.place)
        for view in thing.observations[:: ray_step(findings)]:
            if (start := places.get(view.recording)) is not None:
                points.append(np.linspace(start, end, max(2, int(math.dist(start, end) / 12))))
    return np.concatenate(points)


def _plate_size(group: Group) -> tuple[float, float]:
    longest = max(width_of(label(thing.category), _TEXT) for thing in group.members)
    return longest + 26, len(group.members) * _LINE + 6


def _plate(group: Group, box: Box, colours: dict[str, Colour]) -> list[str]:
    drawn = [element("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=3, class_="plate")]
    for row, thing in enumerate(group.members):
        y = box.y + 3 + _LINE * (row + 0.5)
        drawn.append(disc((box.x + 10, y), 4.0, css(colours[thing.category])))
        drawn.append(text(label(thing.category), box.x + 18, y + 4.2, class_="name"))
    return drawn
