"""What there is to say of the batch's CRS: whether its axes, its scale and its datum hold where the recordings are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coordinator.batch.crs import Projection
from coordinator.batch.crsfacts import Area, Operation
from coordinator.findings import Finding, Level

MAX_SCALE_ERROR = 0.02
"""Between a camera and an object lie 10 m or so; of these it is 0.2 m, more than an object may be off."""
WARN_SCALE_ERROR = 0.005
"""0.05 m in 10 m. A country's own grid stays below it within the country (Lambert-93 has 0.3%), and so does UTM up to
350 km beyond its zone."""
MARGIN = 25.0
"""Kilometres beyond a CRS's area of use that are not worth a word."""
MAX_BEYOND = 500.0
"""Kilometres beyond it that are a warning: Norway uses UTM zone 33 from 5 to 31 degrees east."""
POOR_ACCURACY = 5.0
"""Metres between a CRS and WGS84 that are worth a word, even if nothing better is known."""
_WORTH_A_GRID = 0.5
"""Metres by which a missing grid has to be better than what is used instead."""
LOCAL = 2000.0
"""Metres around 0, 0: coordinates of a local survey; national grids have their zero outside of the country."""
_LOCAL_KIND = "crs-local"
_LOCAL_HINT = "is it a local survey? Then distances and sizes are right, and longitude and latitude are wrong"
_OTHER = "x and y may be of another CRS, or wrong"
_NEAR = 50_000.0
"""Metres around the median within which the recordings' corners count; beyond them one of them is misplaced."""
_FOOT = 0.3048
_STEP = 1e-3
"""Degrees over which the scale is taken."""
_MAJOR, _ECCENTRICITY_2 = 6378137.0, 0.00669437999014
"""WGS84's ellipsoid: half of its longer axis in metres, the square of its eccentricity."""


@dataclass(frozen=True)
class Extent:
    """The recordings' box and the median of their x and of their y, in the units of the CRS."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float
    median: tuple[float, float]

    @property
    def corners(self) -> list[tuple[float, float]]:
        return [(x, y) for x in (self.min_x, self.max_x) for y in (self.min_y, self.max_y)]


def check(projection: Projection, extent: Extent | None = None) -> list[Finding]:
    """What is wrong with the CRS itself and, if it is known where the recordings are, with it at that place.

    An error comes alone: what follows from a wrong place says nothing.
    """
    findings = [*_axes(projection, extent), *_withdrawn(projection)]
    if extent is None or _is_wrong(findings):
        return findings
    findings += _place(projection, extent)
    if _is_wrong(findings) or any(finding.kind == _LOCAL_KIND for finding in findings):
        return findings
    place = projection.to_wgs84(*extent.median)
    return [*findings, *_scale(projection, place), *_datum(projection, extent, place)]


def accuracy(projection: Projection, extent: Extent) -> float | None:
    """Metres to which longitude and latitude fit x and y at the recordings, by EPSG's register; None: unknown."""
    return projection.operation(*projection.to_wgs84(*extent.median)).accuracy


def stretch(projection: Projection, longitude: float, latitude: float) -> tuple[float, float]:
    """Metres in the CRS for one on the ground, in the direction where it is least and where it is most.

    The singular values of the derivative of the projection (Snyder, Map Projections, 1987, ch. 4: Tissot's indicatrix).
    """
    slim = 1.0 - _ECCENTRICITY_2 * math.sin(math.radians(latitude)) ** 2
    north = math.radians(2.0 * _STEP) * _MAJOR * (1.0 - _ECCENTRICITY_2) / slim**1.5
    east = math.radians(2.0 * _STEP) * _MAJOR * math.cos(math.radians(latitude)) / math.sqrt(slim)
    to_projected = projection.around(longitude, latitude)
    left, right = (to_projected(longitude + step, latitude) for step in (-_STEP, _STEP))
    below, above = (to_projected(longitude, latitude + step) for step in (-_STEP, _STEP))
    a, c = (right[0] - left[0]) / east, (right[1] - left[1]) / east
    b, d = (above[0] - below[0]) / north, (above[1] - below[1]) / north
    both, apart = math.hypot(a + d, c - b) / 2.0, math.hypot(a - d, b + c) / 2.0
    return abs(both - apart), both + apart


def _is_wrong(findings: list[Finding]) -> bool:
    return any(finding.level is Level.ERROR for finding in findings)


def _axes(projection: Projection, extent: Extent | None) -> Iterator[Finding]:
    """Near a pole, where every direction is south, both axes are said to point there: that holds as it stands."""
    directions = set(projection.directions)
    if "west" in directions or directions == {"south", "east"}:
        place = projection.to_wgs84(*extent.median) if extent else (math.nan, math.nan)
        other = projection.instead(place if math.isfinite(sum(place)) else None)
        yield Finding(
            kind="crs-axes",
            level=Level.ERROR,
            text=f"crs {projection.label} counts to the {' and the '.join(projection.directions)}; x has to grow to "
            f"the east and y to the north: turn the positions into {other}, or give columns "
            "longitude and latitude",
        )


def _withdrawn(projection: Projection) -> Iterator[Finding]:
    others = projection.withdrawn
    if others is not None:
        hint = f": name {' or '.join(others)} instead" if others else ""
        yield Finding(
            kind="crs-withdrawn",
            level=Level.WARNING,
            text=f"crs {projection.label} has been withdrawn from its register{hint}",
        )


def _place(projection: Projection, extent: Extent) -> Iterator[Finding]:
    longitude, latitude = projection.to_wgs84(*extent.median)
    is_somewhere = math.isfinite(longitude + latitude)
    area = projection.area
    where = (
        f"lie at longitude {longitude:.4f}, latitude {latitude:.4f}"
        if is_somewhere
        else "have no place on Earth"
    )
    if area is None:
        if not is_somewhere:
            yield _misplaced(projection, extent, where, _OTHER)
        return
    beyond = area.beyond(longitude, latitude)
    is_outside = beyond > MARGIN
    if is_outside and is_somewhere:
        where += f", {beyond:,.0f} km outside of the area that it is made for ({area})"
    remedy = _degrees(area, extent) or (_remedy(projection, area, *extent.median) if is_outside else "")
    if remedy:
        yield _misplaced(projection, extent, where, remedy)
    elif _is_local(extent):
        yield _misplaced(projection, extent, where, _LOCAL_HINT, Level.WARNING, kind=_LOCAL_KIND)
    elif beyond > MAX_BEYOND:
        other = f"; if that is right, use {_utm(longitude, latitude)}" if is_somewhere else ""
        yield _misplaced(projection, extent, where, _OTHER + other)
    elif is_outside:
        hint = f"if that is right, better use {_utm(longitude, latitude)}"
        yield _misplaced(projection, extent, where, hint, Level.WARNING)


def _misplaced(
    projection: Projection,
    extent: Extent,
    where: str,
    hint: str,
    level: Level = Level.ERROR,
    kind: str = "crs-area",
) -> Finding:
    x, y = extent.median
    return Finding(
        kind=kind,
        level=level,
        text=f"crs {projection.label}: the recordings, in the middle x {x:,.1f}, y {y:,.1f}, {where}: {hint}",
    )


def _degrees(area: Area, extent: Extent) -> str:
    """No town is so small that all of its metres are degrees of the CRS's own area."""
    x, y = extent.median
    for longitude, latitude, turned, told in (
        (x, y, extent.corners, "longitude and latitude"),
        (y, x, [corner[::-1] for corner in extent.corners], "latitude and longitude"),
    ):
        is_survey = _is_local(extent) and not all(abs(east) <= 180.0 >= 2.0 * abs(up) for east, up in turned)
        if abs(longitude) <= 180.0 and area.holds(longitude, latitude) and not is_survey:
            return f"x and y are {told} in degrees: name the columns so"
    return ""


def _is_local(extent: Extent) -> bool:
    return all(abs(x) < LOCAL and abs(y) < LOCAL for x, y in extent.corners)


_REMEDIES: tuple[tuple[Callable[[float, float], tuple[float, float]], str], ...] = (
    (lambda x, y: (y, x), "x and y are swapped: swap them, then they lie in it"),
    (lambda x, y: (x * _FOOT, y * _FOOT), "x and y are feet: in metres they lie in it"),
    (lambda x, y: (x / 1000.0, y / 1000.0), "x and y are millimetres: in metres they lie in it"),
    (lambda x, y: (-x, -y), "x and y have the opposite signs: with the others they lie in it"),
    (
        lambda x, y: (-y, -x),
        "x and y are swapped and have the opposite signs: y, x with the others lie in it",
    ),
    (
        lambda x, y: (x % 1e6, y),
        "x has the number of its zone in front: without these digits, or in the CRS whose x has them, they lie in it",
    ),
)


def _remedy(projection: Projection, area: Area, x: float, y: float) -> str:
    """What brings the recordings into the CRS's area."""
    for turn, told in _REMEDIES:
        if turn(x, y) != (x, y) and area.holds(*projection.to_wgs84(*turn(x, y))):
            return told
    return ""


def _scale(projection: Projection, place: tuple[float, float]) -> Iterator[Finding]:
    least, most = stretch(projection, *place)
    worst = max(abs(least - 1.0), abs(most - 1.0))
    if not worst > WARN_SCALE_ERROR:
        return
    factor = f"{most:.3f}" if most - least < WARN_SCALE_ERROR else f"between {least:.3f} and {most:.3f}"
    yield Finding(
        kind="crs-scale",
        level=Level.ERROR if worst > MAX_SCALE_ERROR else Level.WARNING,
        text=f"crs {projection.label}: a metre on the ground is {factor} of its metres at the recordings (longitude "
        f"{place[0]:.4f}, latitude {place[1]:.4f}), so distances, sizes and heights come out wrong by up to "
        f"{worst:.1%}: use {_utm(*place)}, or the country's own grid",
    )


def _datum(projection: Projection, extent: Extent, place: tuple[float, float]) -> Iterator[Finding]:
    used = projection.operation(*place)
    known = math.inf if used.accuracy is None else used.accuracy
    better = [
        way
        for way in projection.unavailable(*place)
        if way.grids and way.accuracy is not None and way.accuracy <= known - _WORTH_A_GRID
    ]
    if better:
        yield _missing_grid(projection, used, min(better, key=lambda way: way.accuracy or 0.0))
    elif used.is_ballpark:
        yield Finding(
            kind="crs-accuracy",
            level=Level.WARNING,
            text=f"crs {projection.label}: no way from its datum to WGS84 is known, so longitude and latitude may be a "
            f"hundred metres off x and y: name {_registered(projection)}, whose datum is known",
        )
    elif known > POOR_ACCURACY and used.accuracy is not None:
        yield Finding(
            kind="crs-accuracy",
            level=Level.NOTE,
            text=f"crs {projection.label}: longitude and latitude fit x and y to {known:g} m ({used.name!r}); "
            "nothing better is known",
        )
    ways = {
        used.name,
        *(
            projection.operation(*projection.to_wgs84(*corner)).name
            for corner in extent.corners
            if _is_near(corner, extent)
        ),
    }
    if len(ways) > 1:
        yield Finding(
            kind="crs-seam",
            level=Level.WARNING,
            text=f"crs {projection.label}: among the recordings one way to WGS84 ends and another begins "
            f"({', '.join(sorted(map(repr, ways)))}): where they meet, longitude and latitude jump by some metres",
        )


def _registered(projection: Projection) -> str:
    return projection.registered.label if projection.registered else "a CRS of EPSG's register"


def _missing_grid(projection: Projection, used: Operation, best: Operation) -> Finding:
    now = f"only to about {used.accuracy:g} m" if used.accuracy is not None else "not to any known accuracy"
    files = " ".join(f"--file {grid}" for grid in best.grids)
    return Finding(
        kind="crs-grid-missing",
        level=Level.WARNING,
        text=f"crs {projection.label}: longitude and latitude fit x and y {now} by EPSG's register, and worse in "
        f"places ({used.name!r} is used); PROJ lacks the grid {', '.join(best.grids)}, with which they fit to "
        f"{best.accuracy:g} m: get it by `python -m pyproj sync {files}`, or set PROJ_NETWORK=ON",
    )


def _utm(longitude: float, latitude: float) -> str:
    return Projection.utm(longitude, latitude).label


def _is_near(point: tuple[float, float], extent: Extent) -> bool:
    return math.dist(point, extent.median) < _NEAR
