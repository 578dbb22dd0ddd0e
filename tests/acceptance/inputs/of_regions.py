"""Inputs: regions, right and wrong."""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance.inputs.areas import feature, in_degrees, polygon, square
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right, Told
from tests.acceptance.inputs.parts import coco, given, images, regions, settings, table, text
from tests.acceptance.inputs.scene import (
    Json,
    Scene,
)

AROUND = (-60.0, -60.0, 60.0, 60.0)


def around(scene: Scene, *sides: float) -> list[list[float]]:
    return in_degrees(scene, square(scene, *(sides or AROUND)))


def areas(
    name: str, what: str, expect: Expected, make: Callable[[Scene], list[Json]], crs: str | None = None
) -> Input:
    """A right table, and regions."""
    return given(name, what, expect, images(), table(), settings(), coco(), regions(make, crs))


def open_ring(scene: Scene) -> list[Json]:
    return [polygon("a", around(scene)[:-1])]


def multi(scene: Scene, *sides: tuple[float, float, float, float]) -> list[Json]:
    return [feature("a", {"type": "MultiPolygon", "coordinates": [[around(scene, *side)] for side in sides]})]


OVERLAP = Either(of=(Right(), Refused("overlap")))

ELSEWHERE = Refused("regions.geojson|none of|crs")


INPUTS = (
    areas(
        "regions-one", "one polygon around everything", Right(), lambda scene: [polygon("a", around(scene))]
    ),
    areas(
        "regions-two",
        "two polygons that meet",
        Right(),
        lambda scene: [
            polygon("a", around(scene, -60, -60, 0, 60)),
            polygon("b", around(scene, 0, -60, 60, 60)),
        ],
    ),
    areas(
        "regions-rd",
        "coordinates of RD New, named by the crs member",
        Right(),
        lambda scene: [polygon("a", square(scene, *AROUND))],
        "urn:ogc:def:crs:EPSG::28992",
    ),
    areas(
        "regions-wgs84-named",
        "WGS84, named by the crs member",
        Right(),
        lambda scene: [polygon("a", around(scene))],
        "urn:ogc:def:crs:OGC:1.3:CRS84",
    ),
    areas(
        "regions-etrs",
        "another CRS in degrees, named by the crs member",
        Either(of=(Right(), Refused("crs|EPSG:4258"))),
        lambda scene: [polygon("a", around(scene))],
        "EPSG:4258",
    ),
    areas(
        "regions-open-ring",
        "a ring that is not closed",
        Either(of=(Right(), Refused("ring|closed"))),
        open_ring,
    ),
    areas(
        "regions-multi",
        "a MultiPolygon of two parts",
        Right(),
        lambda scene: multi(scene, (-60, -60, 0, 60), (0, -60, 60, 60)),
    ),
    areas(
        "regions-multi-overlap",
        "a MultiPolygon whose parts overlap",
        OVERLAP,
        lambda scene: multi(scene, (-60, -60, 20, 60), (-20, -60, 60, 60)),
    ),
    areas(
        "regions-overlap",
        "two polygons that overlap",
        OVERLAP,
        lambda scene: [
            polygon("a", around(scene, -60, -60, 20, 60)),
            polygon("b", around(scene, -20, -60, 60, 60)),
        ],
    ),
    areas(
        "regions-identical",
        "the same polygon twice",
        OVERLAP,
        lambda scene: [polygon("a", around(scene)), polygon("b", around(scene))],
    ),
    areas(
        "regions-within",
        "a polygon within another one",
        OVERLAP,
        lambda scene: [polygon("a", around(scene)), polygon("b", around(scene, -10, -10, 10, 10))],
    ),
    areas(
        "regions-slivers",
        "two polygons whose common edge was digitised twice, 4 cm apart",
        Either(of=(Right(), Refused("overlap"))),
        lambda scene: [
            polygon("a", around(scene, -60, -60, 0.02, 60)),
            polygon("b", around(scene, -0.02, -60, 60, 60)),
        ],
    ),
    areas(
        "regions-projected",
        "coordinates of RD New without a crs member",
        ELSEWHERE,
        lambda scene: [polygon("a", square(scene, *AROUND))],
    ),
    areas(
        "regions-swapped",
        "latitude before longitude",
        ELSEWHERE,
        lambda scene: [polygon("a", in_degrees(scene, square(scene, *AROUND), swapped=True))],
    ),
    areas(
        "regions-another-town",
        "another town",
        ELSEWHERE,
        lambda scene: [polygon("a", around(scene, 20000, 20000, 20400, 20400))],
    ),
    areas("regions-empty", "no feature", Refused("regions.geojson"), lambda scene: []),
    given(
        "regions-some-outside",
        "half of the recordings lie outside of all regions and halos",
        Told("outside|of no region|in no region"),
        images(),
        table(),
        settings(region={"halo": 2.0}),
        coco(),
        regions(lambda scene: [polygon("a", around(scene, -60, -60, 60, -2))]),
    ),
    areas(
        "regions-null",
        "a feature without a geometry",
        Refused("geometry|regions.geojson"),
        lambda scene: [feature("a", None)],
    ),
    areas(
        "regions-null-beside",
        "a feature without a geometry beside a right one",
        Either(of=(Right(saying="geometry"), Refused("geometry"), Told("geometry"))),
        lambda scene: [polygon("a", around(scene)), feature("b", None)],
    ),
    areas(
        "regions-points",
        "points",
        Refused("Point"),
        lambda scene: [feature("a", {"type": "Point", "coordinates": [4.9, 52.4]})],
    ),
    areas(
        "regions-same-id",
        "two regions of one name",
        Either(of=(Refused("'a'|id"), Right())),
        lambda scene: [
            polygon("a", around(scene, -60, -60, 0, 60)),
            polygon("a", around(scene, 0, -60, 60, 60)),
        ],
    ),
    areas(
        "regions-crs-unknown",
        "a crs member that nobody knows",
        Refused("crs|known"),
        lambda scene: [polygon("a", around(scene))],
        "EPSG:99999",
    ),
    given(
        "regions-other-name",
        "wijken.geojson, which is not regions.geojson",
        Either(of=(Right(), Told(r"wijken\.geojson"))),
        images(),
        table(),
        settings(),
        coco(),
        text("wijken.geojson", '{"type": "FeatureCollection", "features": []}'),
    ),
    given(
        "regions-broken",
        "GeoJSON that is none",
        Refused("regions.geojson"),
        images(),
        table(),
        settings(),
        coco(),
        text("regions.geojson", '{"type": '),
    ),
)
