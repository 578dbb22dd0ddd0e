"""What lies on a plan's ground: regions, viewing rays, recordings."""

from __future__ import annotations

import math

import numpy as np

from images.pictures.figures import arrow, css, width_of
from images.pictures.findings import Capture, Core, Findings
from images.pictures.placing import Box
from images.pictures.sheet import MARK, Sheet, ray_step
from images.pictures.svg import element, path, text


def regions(sheet: Sheet, findings: Findings, home: Core | None) -> list[str]:
    """All cores as lines with their names; the halo of one of them as a tint around it."""
    drawn = []
    if home is not None:
        outline = _outline(sheet, home)
        corners = "miter" if findings.square else "round"
        band = 2 * findings.halo * sheet.scale
        drawn.append(element("path", d=outline, class_="halo", stroke_width=band, stroke_linejoin=corners))
        drawn.append(element("path", d=outline, class_="one", fill_rule="evenodd"))
    drawn += [element("path", d=_outline(sheet, core), class_="core") for core in findings.cores]
    for core in findings.cores:
        if (box := core_name(sheet, findings, core)) is not None:
            drawn.append(text(core.id, box.x + 3, box.y + box.height - 4, class_="region"))
    return drawn


def _outline(sheet: Sheet, core: Core) -> str:
    return "".join(path([sheet.at(corner) for corner in ring[:-1]], closed=True) for ring in core.outline)


def core_name(sheet: Sheet, findings: Findings, core: Core) -> Box | None:
    """Where a core's name stands: in a corner of what can be seen of it, if one is free."""
    corners = np.array([sheet.at(corner) for ring in core.outline for corner in ring])
    frame = sheet.frame
    left, top = max(frame.x, corners[:, 0].min()), max(frame.y, corners[:, 1].min())
    right = min(frame.x + frame.width, corners[:, 0].max())
    bottom = min(frame.y + frame.height, corners[:, 1].max())
    width, height = width_of(core.id, 10.5) + 10, 16.0
    if right - left < width + 8 or bottom - top < height + 8:
        return None
    marks = [sheet.at(thing.place) for thing in findings.objects]
    marks += [sheet.at(capture.place) for capture in findings.captures]
    for y in (float(top) + 4, float(bottom) - height - 4):
        for x in (float(left) + 4, float(right) - width - 4):
            box = Box(x, y, width, height)
            if not any(math.dist(box.nearest(mark), mark) < 3 * MARK for mark in marks):
                return box
    return None


def rays(sheet: Sheet, findings: Findings) -> list[str]:
    """One path an object; of very many rays only every n-th is drawn."""
    every = ray_step(findings)
    places = {capture.id: sheet.at(capture.place) for capture in findings.captures}
    drawn = []
    for thing in findings.objects:
        seen_from = [places[view.recording] for view in thing.observations if view.recording in places]
        lines = "".join(path([start, sheet.at(thing.place)]) for start in seen_from[::every])
        if lines:
            drawn.append(element("path", d=lines, class_="ray", stroke=css(findings.colours[thing.category])))
    return drawn


def capture_mark(sheet: Sheet, capture: Capture) -> str:
    """An arrow along the heading of a capture, or a disc where that is not known."""
    kind = "way" if capture.panorama else "view"
    x, y = sheet.at(capture.place)
    if capture.heading is None:
        return element("circle", cx=x, cy=y, r=2.5, class_=kind)
    return element("path", d=path(arrow((x, y), capture.heading), closed=True), class_=kind)
