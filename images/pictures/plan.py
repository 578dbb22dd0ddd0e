"""The plan of a run as SVG: recordings, viewing rays, objects with their uncertainty, regions and the truth.

Drawn on a light sheet of its own, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from images.pictures.findings import Capture, Colour, Core, Findings, Mapped, label
from images.pictures.placing import Box, Points, place
from images.pictures.svg import Point, document, element, number, path, text

_WIDTH = 960.0
_MARGIN = 16.0
_LEGEND = 226.0
_HEIGHTS = (470.0, 690.0)
"""The least and the greatest height of the plan itself."""
_AROUND = 5.0
"""Metres of ground around what is drawn, at least."""
_MARK = 3.8
_RING = 2.3
"""Radius of an object's mark; each further object at the same place is a ring this wide around it."""
_TRUTH_GAP = 3.4
_TEXT = 12.0
_LINE = 16.0
_LETTER = 0.6
_LETTERS = {**dict.fromkeys("fijlrt ", 0.37), **dict.fromkeys("mw", 0.9)}
"""Widths of the letters of the wider sans-serif faces, as fractions of their size."""
_FREE = 30
"""How many points a recording counts for when labels look for a free place."""
_MOST_RAYS, _MOST_CAPTURES = 800, 350
"""Of more, only every n-th is drawn."""
_REACH = 60.0
"""How far from its object a label may stand."""
_NICE = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_ELLIPSE = 15.0
"""How long the middle one of the ellipses' half axes should be drawn."""

_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#24292f}
.small{font-size:11px;fill:#57606a}.name{font-size:12px}.title{font-size:17px;font-weight:600}
.region{font-size:10.5px;fill:#7a8794;letter-spacing:.3px}
.ray{fill:none;stroke-width:.7;stroke-opacity:.42}.lead{stroke:#6e7781;stroke-width:.8}
.way{fill:#4b5a6b;stroke:#4b5a6b;stroke-width:1;stroke-linejoin:round}.view{fill:#fff;stroke:#4b5a6b;stroke-width:1;stroke-linejoin:round}
.core{fill:none;stroke:#9fb0c0;stroke-width:1}.halo{fill:none;stroke:#edf2f7}.one{fill:#fff}
.mark{stroke:#fff;stroke-width:1}.error{fill-opacity:.13;stroke-width:.8;stroke-opacity:.75}.truth{fill:none;stroke:#1f2328;stroke-width:1.1}
.plate{fill:#fff;fill-opacity:.94;stroke:#d0d7de;stroke-width:.7}
"""


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
        return _MARK + _RING * (len(self.members) - 1)


def draw(findings: Findings) -> str:
    """The plan as an SVG document."""
    sheet = _sheet(findings)
    groups = _groups(sheet, findings.objects)
    enlarged = enlargement(findings.objects, sheet.scale)
    home = max(findings.cores, key=lambda core: core.recordings, default=None)
    plan = [
        *_regions(sheet, findings, home),
        *_rays(sheet, findings),
        *(_capture(sheet, capture) for capture in findings.captures[:: _capture_step(findings)]),
        *_ellipses(sheet, findings, enlarged),
        *_marks(findings, groups),
        *_truth(sheet, findings, groups),
    ]
    labels, unlabelled = _labels(sheet, findings, groups)
    frame = {"x": sheet.frame.x, "y": sheet.frame.y, "width": sheet.frame.width, "height": sheet.frame.height}
    height = sheet.frame.height + 2 * _MARGIN
    body = [
        element(
            "rect", x=0.5, y=0.5, width=_WIDTH - 1, height=height - 1, rx=8, fill="#fbfcfd", stroke="#d0d7de"
        ),
        element("clipPath", element("rect", **frame, rx=4), id="frame"),
        element("rect", **frame, rx=4, fill="#f6f8fa"),
        element("g", "\n".join([*plan, *labels]), clip_path="url(#frame)"),
        element("rect", **frame, rx=4, fill="none", stroke="#c4ced8"),
        *_legend(sheet, findings, _signs(findings, enlarged, unlabelled), home),
    ]
    return document(_WIDTH, height, f"Plan of {findings.name}: recordings, rays and objects", _STYLE, body)


def arrow(middle: Point, heading: float, length: float = 10.0) -> list[Point]:
    """The outline of an arrowhead in pixels (y down) that points along ``heading``, degrees clockwise from north."""
    angle = math.radians(heading)
    ahead = (math.sin(angle), -math.cos(angle))
    aside = (-ahead[1], ahead[0])
    shape = ((0.55, 0.0), (-0.45, 0.36), (-0.25, 0.0), (-0.45, -0.36))
    return [
        (
            middle[0] + length * (along * ahead[0] + across * aside[0]),
            middle[1] + length * (along * ahead[1] + across * aside[1]),
        )
        for along, across in shape
    ]


def ellipse_axes(covariance: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The one-sigma ellipse of a covariance of x and y: greater and lesser half axis, and where the greater points.

    Half axes in the covariance's own unit (metres of square metres); the direction in degrees clockwise from
    north, 0 to 180.
    """
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    lesser, greater = np.sqrt(np.maximum(values, 0.0))
    east, north = vectors[:, 1]
    return float(greater), float(lesser), float(np.degrees(np.arctan2(east, north)) % 180.0)


def enlargement(objects: Sequence[Mapped], scale: float) -> int:
    """How many times larger than they are ellipses must be drawn to be seen, at ``scale`` pixels a metre."""
    axes = [ellipse_axes(thing.covariance)[0] * scale for thing in objects if thing.covariance]
    middle = median(axes) if axes else 0.0
    if middle <= 0.0:
        return 1
    return min(_NICE, key=lambda factor: abs(math.log(factor * middle / _ELLIPSE)))


def _sheet(findings: Findings) -> Sheet:
    places = [
        *(capture.place for capture in findings.captures),
        *(thing.place for thing in findings.objects),
        *(findings.truth or ()),
    ]
    (west, south), (east, north) = np.min(places, axis=0), np.max(places, axis=0)
    around = max(_AROUND, 0.07 * max(east - west, north - south))
    across, along = east - west + 2 * around, north - south + 2 * around
    width = _WIDTH - 3 * _MARGIN - _LEGEND
    height = min(max(width * along / across, _HEIGHTS[0]), _HEIGHTS[1])
    scale = min(width / across, height / along)
    return Sheet(
        west=float((west + east) / 2 - width / scale / 2),
        north=float((north + south) / 2 + height / scale / 2),
        scale=float(scale),
        frame=Box(_MARGIN, _MARGIN, width, float(height)),
    )


def _groups(sheet: Sheet, objects: Sequence[Mapped]) -> list[Group]:
    """The objects by place on the sheet, those of one place by category."""
    groups: list[list[Mapped]] = []
    for thing in sorted(objects, key=lambda thing: (thing.category, thing.id)):
        here = sheet.at(thing.place)
        near = (group for group in groups if math.dist(sheet.at(group[0].place), here) < 2 * _MARK)
        group = next(near, None)
        if group is None:
            groups.append([thing])
        else:
            group.append(thing)
    return [_group(sheet, members) for members in groups]


def _group(sheet: Sheet, members: Sequence[Mapped]) -> Group:
    x, y = np.mean([sheet.at(thing.place) for thing in members], axis=0)
    return Group((float(x), float(y)), tuple(members))


def _css(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


# -- what lies on the ground ------------------------------------------------------------------------------


def _regions(sheet: Sheet, findings: Findings, home: Core | None) -> list[str]:
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
        if (box := _core_name(sheet, findings, core)) is not None:
            drawn.append(text(core.id, box.x + 3, box.y + box.height - 4, class_="region"))
    return drawn


def _outline(sheet: Sheet, core: Core) -> str:
    return "".join(path([sheet.at(corner) for corner in ring[:-1]], closed=True) for ring in core.outline)


def _core_name(sheet: Sheet, findings: Findings, core: Core) -> Box | None:
    """Where a core's name stands: in a corner of what can be seen of it, if one is free."""
    corners = np.array([sheet.at(corner) for ring in core.outline for corner in ring])
    frame = sheet.frame
    left, top = max(frame.x, corners[:, 0].min()), max(frame.y, corners[:, 1].min())
    right = min(frame.x + frame.width, corners[:, 0].max())
    bottom = min(frame.y + frame.height, corners[:, 1].max())
    width, height = _width(core.id, 10.5) + 10, 16.0
    if right - left < width + 8 or bottom - top < height + 8:
        return None
    marks = [sheet.at(thing.place) for thing in findings.objects]
    marks += [sheet.at(capture.place) for capture in findings.captures]
    for y in (float(top) + 4, float(bottom) - height - 4):
        for x in (float(left) + 4, float(right) - width - 4):
            box = Box(x, y, width, height)
            if not any(math.dist(box.nearest(mark), mark) < 3 * _MARK for mark in marks):
                return box
    return None


def _width(words: str, size: float) -> float:
    """About how wide a text is drawn; nobody knows with which typeface."""
    return size * sum(_LETTERS.get(letter, _LETTER) for letter in words)


def _rays(sheet: Sheet, findings: Findings) -> list[str]:
    """One path an object; of very many rays only every n-th is drawn."""
    every = _ray_step(findings)
    places = {capture.id: sheet.at(capture.place) for capture in findings.captures}
    drawn = []
    for thing in findings.objects:
        seen_from = [places[view.recording] for view in thing.observations if view.recording in places]
        lines = "".join(path([start, sheet.at(thing.place)]) for start in seen_from[::every])
        if lines:
            drawn.append(
                element("path", d=lines, class_="ray", stroke=_css(findings.colours[thing.category]))
            )
    return drawn


def _ray_step(findings: Findings) -> int:
    return max(1, math.ceil(sum(len(thing.observations) for thing in findings.objects) / _MOST_RAYS))


def _capture_step(findings: Findings) -> int:
    return max(1, math.ceil(len(findings.captures) / _MOST_CAPTURES))


def _capture(sheet: Sheet, capture: Capture) -> str:
    kind = "way" if capture.panorama else "view"
    x, y = sheet.at(capture.place)
    if capture.heading is None:
        return element("circle", cx=x, cy=y, r=2.5, class_=kind)
    return element("path", d=path(arrow((x, y), capture.heading), closed=True), class_=kind)


# -- the objects ------------------------------------------------------------------------------------------


def _ellipses(sheet: Sheet, findings: Findings, enlarged: int) -> list[str]:
    drawn = []
    for thing in findings.objects:
        if thing.covariance:
            greater, lesser, heading = ellipse_axes(thing.covariance)
            length = sheet.scale * enlarged
            drawn.append(
                _ellipse(
                    sheet.at(thing.place),
                    (greater * length, lesser * length),
                    heading,
                    _css(findings.colours[thing.category]),
                )
            )
    return drawn


def _ellipse(middle: Point, axes: tuple[float, float], heading: float, colour: str) -> str:
    x, y = middle
    return element(
        "ellipse",
        cx=x,
        cy=y,
        rx=axes[0],
        ry=axes[1],
        transform=f"rotate({number(heading - 90)} {number(x)} {number(y)})",
        class_="error",
        fill=colour,
        stroke=colour,
    )


def _marks(findings: Findings, groups: Sequence[Group]) -> list[str]:
    drawn = []
    for group in groups:
        for number_inside, thing in enumerate(group.members):
            radius = group.radius - _RING * number_inside
            colour = _css(findings.colours[thing.category])
            drawn.append(_disc(group.middle, radius, colour))
    return drawn


def _disc(middle: Point, radius: float, colour: str) -> str:
    return element("circle", cx=middle[0], cy=middle[1], r=radius, class_="mark", fill=colour)


def _truth(sheet: Sheet, findings: Findings, groups: Sequence[Group]) -> list[str]:
    """A ring for every true place; signs above one another share one. It is wide enough to stand around a mark."""
    places = sorted({sheet.at(place) for place in findings.truth or ()})
    return [
        element("circle", cx=x, cy=y, r=_radius_at((x, y), groups) + _TRUTH_GAP, class_="truth")
        for x, y in places
    ]


def _radius_at(point: Point, groups: Sequence[Group]) -> float:
    near = [group.radius for group in groups if math.dist(group.middle, point) < 3 * _MARK]
    return max(near, default=_MARK)


def _labels(sheet: Sheet, findings: Findings, groups: Sequence[Group]) -> tuple[list[str], int]:
    """A plate for every group that has room for one, and how many objects have none."""
    taken = [_around(group) for group in groups]
    taken += [box for core in findings.cores if (box := _core_name(sheet, findings, core))]
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
    part = (group.radius + _TRUTH_GAP) / math.dist(group.middle, end)
    return (x + (end[0] - x) * part, y + (end[1] - y) * part), end


def _around(group: Group) -> Box:
    radius = group.radius + _TRUTH_GAP
    return Box(group.middle[0] - radius, group.middle[1] - radius, 2 * radius, 2 * radius)


def _avoided(sheet: Sheet, findings: Findings) -> Points:
    """Points that labels should leave free: the recordings, and a point every few pixels of the rays."""
    places = {capture.id: sheet.at(capture.place) for capture in findings.captures}
    points = [np.repeat(np.array(list(places.values())), _FREE, axis=0)]
    for thing in findings.objects:
        end = sheet.at(thing.place)
        for view in thing.observations[:: _ray_step(findings)]:
            if (start := places.get(view.recording)) is not None:
                points.append(np.linspace(start, end, max(2, int(math.dist(start, end) / 12))))
    return np.concatenate(points)


def _plate_size(group: Group) -> tuple[float, float]:
    longest = max(_width(label(thing.category), _TEXT) for thing in group.members)
    return longest + 26, len(group.members) * _LINE + 6


def _plate(group: Group, box: Box, colours: dict[str, Colour]) -> list[str]:
    drawn = [element("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=3, class_="plate")]
    for row, thing in enumerate(group.members):
        y = box.y + 3 + _LINE * (row + 0.5)
        drawn.append(_disc((box.x + 10, y), 4.0, _css(colours[thing.category])))
        drawn.append(text(label(thing.category), box.x + 18, y + 4.2, class_="name"))
    return drawn


# -- beside the plan --------------------------------------------------------------------------------------


def _legend(
    sheet: Sheet, findings: Findings, signs: Sequence[tuple[str, ...]], home: Core | None
) -> list[str]:
    x = sheet.frame.x + sheet.frame.width + _MARGIN + 4
    y = sheet.frame.y + 16
    counts = f"{len(findings.objects)} objects from {len(findings.captures)} recordings"
    drawn = [
        text(findings.name, x, y, class_="title"),
        text(counts, x, y + 21, class_="small"),
        text(f"{findings.crs}, grid north up", x, y + 37, class_="small"),
    ]
    y += 70
    for symbol, name, *remarks in [*signs, *_grounds(findings, home)]:
        shift = f"translate({number(x + 13)} {number(y)})"
        drawn.append(element("g", symbol, transform=shift))
        drawn.append(text(name, x + 36, y + 4, class_="name"))
        drawn += [
            text(remark, x + 36, y + 19 + 14 * row, class_="small") for row, remark in enumerate(remarks)
        ]
        y += 30 + 14 * len(remarks)
    bottom = sheet.frame.y + sheet.frame.height
    return [*drawn, *_scale_bar(sheet, x, bottom - 6), *_north(x + _LEGEND - 20, bottom - 24)]


def _signs(findings: Findings, enlarged: int, unlabelled: int) -> list[tuple[str, ...]]:
    """The legend's entries for what is marked: a symbol around (0, 0), a name, remarks."""
    origin = (0.0, 0.0)
    colour = _css(next(iter(findings.colours.values())))
    pair = _disc(origin, _MARK + _RING, "#57606a") + _disc(origin, _MARK, colour)
    head = path(arrow(origin, 90.0, 13.0), closed=True)
    remarks = [f"{unlabelled} without room for a label"] if unlabelled else []
    entries: list[tuple[str, ...]] = [
        (element("path", d=head, class_="way"), "panorama", *_thinned(_capture_step(findings))),
        (element("path", d=head, class_="view"), "forward view", *_thinned(_capture_step(findings))),
        (
            element("path", d="M-12 4L12 -4", class_="ray", stroke=colour),
            "viewing ray",
            *_thinned(_ray_step(findings)),
        ),
        (pair, "object", "rings: one above another", *remarks),
        (
            _ellipse(origin, (11.0, 5.0), 70.0, colour),
            "error ellipse",
            f"one sigma, {enlarged} times as large",
        ),
    ]
    if findings.truth is not None:
        entries.append((element("circle", cx=0, cy=0, r=8, class_="truth"), "true position"))
    return entries


def _thinned(every: int) -> list[str]:
    return [f"one of {every} is drawn"] if every > 1 else []


def _grounds(findings: Findings, home: Core | None) -> list[tuple[str, ...]]:
    """The legend's entries for the regions."""
    if home is None:
        return []
    box = {"x": -12, "y": -7, "width": 24, "height": 14}
    core = element("rect", **box, fill="#fff", stroke="#9fb0c0")
    halo = element("rect", **box, fill="#edf2f7", stroke="#d9e1e9")
    return [
        (core, "core of a region", f"white: {home.id}, {home.recordings} recordings"),
        (halo, "its halo", f"{number(findings.halo)} m around it"),
    ]


def _scale_bar(sheet: Sheet, x: float, y: float) -> list[str]:
    metres = next(
        (
            step * power
            for power in (1, 10, 100, 1000, 10000)
            for step in (1, 2, 5)
            if step * power * sheet.scale > 70
        ),
        50000,
    )
    width = metres * sheet.scale
    bar = element(
        "path", d=f"M{number(x)} {number(y - 6)}v6h{number(width)}v-6", fill="none", stroke="#24292f"
    )
    return [bar, text(f"{metres} m", x + width / 2, y - 6, class_="small", text_anchor="middle")]


def _north(x: float, y: float) -> list[str]:
    needle = element("path", d=path(arrow((x, y), 0.0, 32.0), closed=True), fill="#24292f")
    return [needle, text("N", x, y - 23, class_="name", text_anchor="middle")]
