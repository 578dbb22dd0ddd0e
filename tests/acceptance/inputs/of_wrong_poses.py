"""Inputs: tables whose positions, headings or heights are wrong or wanting."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.acceptance.inputs import tables
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right, Told
from tests.acceptance.inputs.parts import (
    Part,
    coco,
    given,
    images,
    moved,
    settings,
    table,
    turned,
)
from tests.acceptance.inputs.photographs import directed
from tests.acceptance.inputs.scene import Json, Scene, View, projected, town
from tests.acceptance.inputs.tables import but, canonical, geographic, rename


def blank(column: str, when: Callable[[int], bool]) -> tables.Row:
    """A row in which a column is empty for some recordings."""
    return but(
        canonical, **{column: lambda view: "" if when(int(view.image[1:4])) else canonical(view)[column]}
    )


def spoiled(name: str, what: str, expect: Expected, row: tables.Row, *more: Part) -> Input:
    """A table whose rows are wrong."""
    return given(name, what, expect, images(), table(row), settings(), coco(), *more)


def degrees_for_metres(view: View) -> Json:
    return {**canonical(view), "x": view.longitude, "y": view.latitude}


def swapped(view: View) -> Json:
    return {**canonical(view), "x": canonical(view)["y"], "y": canonical(view)["x"]}


def in_feet(view: View) -> Json:
    return tables.in_feet([canonical(view)], "x", "y", "z")[0]


def local(view: View) -> Json:
    return {**canonical(view), "x": f"{view.x - 121800:.3f}", "y": f"{view.y - 490300:.3f}"}


def number(view: View) -> int:
    return int(view.image[1:4])


def twelve() -> Scene:
    return town(count=12)


def stopped(scene: Scene, stands: int) -> Scene:
    """A car that stood at some places while its camera went on: the same picture several times at each."""
    each = len(scene.views) // stands
    at = [scene.views[each * (index // each)] for index in range(len(scene.views))]
    views = [stand.on(image=view.image, time=view.time) for stand, view in zip(at, scene.views, strict=True)]
    return Scene(place=scene.place, signs=scene.signs, views=tuple(views))


def by_crs(scene: Scene, crs: str) -> tables.Row:
    """Rows with x and y of another CRS."""
    points = {view.image: point for view, point in zip(scene.views, projected(scene, crs), strict=True)}
    return lambda view: {**canonical(view), "x": points[view.image][0], "y": points[view.image][1]}


ZERO = r"\b0, ?0\b|longitude and latitude 0|null island"
FAR = r"\bfar\b|\bkm\b|kilomet"
OUTSIDE = "outside|area of use|not in the area"
LOCAL = Either(of=(Refused(f"local|{OUTSIDE}"), Told(f"local|{OUTSIDE}")))


INPUTS = (
    spoiled("table-degrees", "degrees in x and y", Refused(f"degree|{OUTSIDE}"), degrees_for_metres),
    spoiled("table-swapped", "x and y swapped", Refused("swap|exchange"), swapped),
    given(
        "table-lat-lon-swapped",
        "lat and lon swapped: Amsterdam off Somalia",
        Either(of=(Told(f"swap|{OUTSIDE}"), Refused(f"swap|{OUTSIDE}"))),
        images(),
        table(rename(geographic, lat="lon", lon="lat")),
        settings(),
        coco(),
    ),
    spoiled("table-feet", "feet in x and y", Refused(f"feet|{OUTSIDE}"), in_feet),
    spoiled(
        "table-local",
        "local coordinates in x and y",
        LOCAL,
        local,
    ),
    given(
        "table-other-zone",
        "x and y of UTM zone 32 where batch.yaml names RD New",
        Refused(OUTSIDE),
        images(),
        lambda folder, scene: tables.write_csv(folder, scene, by_crs(scene, "EPSG:32632")),
        settings(),
        coco(),
    ),
    given("table-no-crs", "x and y, and no crs named anywhere", Refused("crs"), images(), table(), coco()),
    spoiled(
        "table-radians",
        "headings in radians",
        Either(of=(Told("radian"), Refused("radian"))),
        but(canonical, heading=lambda view: f"{math.radians(view.heading):.6f}"),
    ),
    given(
        "table-reversed",
        "headings that point backwards",
        Told("travel|direction in which"),
        images(),
        table(),
        settings(),
        coco(),
        told=turned(lambda index, heading: (heading + 180) % 360),
    ),
    given(
        "table-counter-clockwise",
        "headings as in mathematics: from east, counter-clockwise",
        Told("travel|direction in which"),
        images(),
        table(),
        settings(),
        coco(),
        told=turned(lambda index, heading: (90 - heading) % 360),
    ),
    given(
        "table-heading-zero",
        "all headings 0, as a device without a compass writes",
        Told("heading.*(same|0)|travel|direction in which"),
        images(),
        table(),
        settings(),
        coco(),
        told=turned(lambda index, heading: 0.0),
        scene=lambda: town(bearing=70.0),
    ),
    spoiled(
        "table-heading-empty",
        "no heading in any row",
        Either(of=(Right(saying="heading"), Told("heading"), Refused("heading"))),
        blank("heading", lambda index: True),
    ),
    spoiled(
        "table-heading-some",
        "no heading in half of the rows",
        Either(of=(Right(saying="heading"), Told("heading"))),
        blank("heading", lambda index: index % 2 == 1),
    ),
    spoiled(
        "table-z-some",
        "no z in half of the rows, 42 m above the datum",
        Either(of=(Right(saying="height|\\bz\\b"), Told("height|\\bz\\b"))),
        but(canonical, z=lambda view: "" if number(view) % 2 else "42.0"),
    ),
    spoiled(
        "table-x-some",
        "no x and y in half of the rows",
        Told("without a position|no position"),
        but(
            blank("x", lambda index: index % 2 == 1),
            y=lambda view: "" if number(view) % 2 else f"{view.y:.4f}",
        ),
    ),
    spoiled(
        "table-zero-some",
        "0, 0 for recordings without a position",
        Told(f"{ZERO}|{FAR}|outside"),
        but(
            canonical,
            x=lambda view: 0 if number(view) == 2 else view.x,
            y=lambda view: 0 if number(view) == 2 else view.y,
        ),
    ),
    given(
        "table-lat-lon-zero",
        "lat and lon 0, 0 in the first row",
        Told(ZERO),
        images(),
        table(
            but(
                geographic,
                lat=lambda view: view.latitude if number(view) else 0,
                lon=lambda view: view.longitude if number(view) else 0,
            )
        ),
        coco(),
    ),
    given(
        "table-far-off",
        "one recording 300 km away",
        Told(FAR),
        images(),
        table(),
        settings(),
        coco(),
        told=moved(lambda index: (90000.0, 280000.0) if index == 3 else (0.0, 0.0)),
    ),
    given(
        "table-astray",
        "one recording 300 m away: its rays meet no others",
        Either(of=(Right(), Told(FAR))),
        images(),
        table(),
        settings(),
        coco(),
        told=moved(lambda index: (300.0, 50.0) if index == 3 else (0.0, 0.0)),
    ),
    given(
        "table-two-stops",
        "a standing car: six recordings at each of two places",
        Told("stand|stop|same place|baseline"),
        images(),
        table(),
        settings(),
        coco(),
        scene=lambda: stopped(twelve(), 2),
    ),
    given(
        "table-heading-only-magnetic",
        "a table that says that its headings are magnetic",
        Either(of=(Right(saying="magnetic|declination"), Told("magnetic|declination"))),
        images(directed),
        table(
            but(
                rename(geographic, heading="magnetic_heading"),
                magnetic_heading=lambda view: view.true_heading - 2.5,
            )
        ),
        coco(),
    ),
)
