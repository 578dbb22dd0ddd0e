"""Regions partition the ground: every point lies in one core, whatever halos overlap it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coordinator.batch.regions import WHOLE, Grid, Point, Polygons, Undivided, holds
from coordinator.strictjson import Json
from steps.position.core import contains
from tests.unit.builders import PROPERTY, square

METRES = st.floats(-1e7, 1e7) | st.integers(-50, 50).map(float)
POINT = st.tuples(METRES, METRES)
SIZES = st.sampled_from([1.0, 0.1, 1 / 3, 7.3, 50.0, 200.0, 1000.0])


def core(grid: Grid, region: str) -> Json:
    return grid.message(region).core


def neighbours(grid: Grid, point: Point) -> list[str]:
    column, row = (math.floor(value / grid.size) for value in point)
    return [f"{column + i}_{row + j}" for i in (-1, 0, 1) for j in (-1, 0, 1)]


class TestGrid:
    @PROPERTY
    @given(POINT, SIZES)
    def test_every_point_lies_in_exactly_one_core(self, point: Point, size: float) -> None:
        grid = Grid(size=size, halo=0)
        assert sum(holds(core(grid, region), point) for region in neighbours(grid, point)) == 1

    @PROPERTY
    @given(st.integers(-40, 40), st.integers(-40, 40), SIZES)
    def test_a_corner_belongs_to_the_cell_above_and_right_of_it(self, i: int, j: int, size: float) -> None:
        corner = (i * size, j * size)
        grid = Grid(size=size, halo=0)
        candidates = [f"{column}_{row}" for column in (i - 1, i) for row in (j - 1, j)]
        assert [region for region in candidates if holds(core(grid, region), corner)] == [f"{i}_{j}"]

    @PROPERTY
    @given(POINT, SIZES, st.floats(0.001, 300))
    def test_the_core_that_holds_a_recording_is_among_its_regions(
        self, point: Point, size: float, halo: float
    ) -> None:
        grid = Grid(size=size, halo=min(halo, 3 * size))
        (home,) = (region for region in neighbours(grid, point) if holds(core(grid, region), point))
        assert home in grid.around(point)

    @pytest.mark.parametrize(
        ("point", "regions"),
        [
            ((50, 50), ["0_0"]),
            ((95, 50), ["0_0", "1_0"]),
            ((5, 50), ["0_0", "-1_0"]),
            ((50, 90), ["0_0", "0_1"]),
            ((91, 91), ["0_0", "0_1", "1_0", "1_1"]),
            ((-100, -100), ["-1_-1", "-1_-2", "-2_-1", "-2_-2"]),
            ((89.999, 10.001), ["0_0"]),
        ],
    )
    def test_a_recording_within_the_halo_belongs_to_the_neighbour_too(
        self, point: Point, regions: list[str]
    ) -> None:
        assert sorted(Grid(size=100, halo=10).around(point)) == sorted(regions)

    def test_a_halo_wider_than_a_cell_reaches_over_several(self) -> None:
        assert len(Grid(size=10, halo=25).around((5, 5))) == 36

    def test_a_recording_without_position_lies_nowhere(self) -> None:
        assert Grid(size=10, halo=1).around(None) == ()

    def test_the_message_names_core_and_halo(self) -> None:
        message = Grid(size=100, halo=10).message("-1_2")
        assert (message.id, message.core, message.halo) == ("-1_2", square(-100, 200, 0, 300), 10)


@st.composite
def fans(draw: st.DrawFn) -> dict[str, Json]:
    """A rectangle cut into triangles around an inner point: adjoining polygons with slanted shared edges."""
    inner = (draw(st.floats(-30, 30)), draw(st.floats(-30, 30)))
    corners = [
        (-60.0, -60.0),
        (draw(st.floats(-50, 50)), -60.0),
        (60.0, -60.0),
        (60.0, draw(st.floats(-50, 50))),
    ]
    corners += [(60.0, 60.0), (draw(st.floats(-50, 50)), 60.0), (-60.0, 60.0)]
    rings = [[inner, a, b, inner] for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    turned = [ring[::-1] if draw(st.booleans()) else ring for ring in rings]
    return {str(number): {"type": "Polygon", "coordinates": [ring]} for number, ring in enumerate(turned)}


@st.composite
def points_near(draw: st.DrawFn, cores: dict[str, Json]) -> Point:
    """A point anywhere, or as near to a shared edge as floats can be.

    Nearer than a nanometre to x = 0 or y = 0, but not on it, products of floats underflow: that is left out.
    """
    if draw(st.booleans()):
        point = draw(st.tuples(st.floats(-59, 59), st.floats(-59, 59)))
    else:
        (ring,) = draw(st.sampled_from(list(cores.values())))["coordinates"]
        (x0, y0), (x1, y1) = ring[0], ring[1]
        share = draw(st.floats(0, 0.9))
        point = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    (first,) = cores["0"]["coordinates"]
    assume(all(value == 0 or abs(value) > 1e-9 for value in (*point, *first[0])))
    return point


class TestPolygons:
    @PROPERTY
    @given(st.data())
    def test_adjoining_polygons_share_no_point_and_leave_none_out(self, data: st.DataObject) -> None:
        cores = data.draw(fans())
        point = data.draw(points_near(cores))
        assert sum(holds(one, point) for one in cores.values()) == 1

    @PROPERTY
    @given(st.data())
    def test_the_position_step_keeps_by_the_same_rule(self, data: st.DataObject) -> None:
        cores = data.draw(fans())
        x, y = data.draw(points_near(cores))
        assert [contains(one, x, y) for one in cores.values()] == [
            holds(one, (x, y)) for one in cores.values()
        ]

    HOLED: ClassVar[Json] = {
        "type": "MultiPolygon",
        "coordinates": [
            [*square(0, 0, 10, 10)["coordinates"], *square(4, 4, 6, 6)["coordinates"]],
            square(20, 0, 30, 10)["coordinates"],
        ],
    }

    @pytest.mark.parametrize(
        ("point", "inside"),
        [
            ((1, 1), True),
            ((5, 5), False),
            ((25, 5), True),
            ((15, 5), False),
            ((0, 0), True),
            ((10, 10), False),
        ],
    )
    def test_holes_and_several_parts(self, point: Point, inside: bool) -> None:
        assert holds(self.HOLED, point) is inside

    @pytest.mark.parametrize(
        ("point", "distance", "around"),
        [
            ((5, 5), 0.5, ()),
            ((5, 5), 1.0, ("a",)),
            ((12, 5), 2.0, ("a",)),
            ((12, 12), 2.8, ()),
            ((12, 12), 2.9, ("a",)),
            ((18.5, 5), 2.0, ("a",)),
        ],
        ids=[
            "in the hole",
            "near the hole's edge",
            "beside",
            "off the corner",
            "at the corner",
            "beside a part",
        ],
    )
    def test_the_halo_is_a_distance_in_metres(
        self, point: Point, distance: float, around: tuple[str, ...]
    ) -> None:
        assert Polygons(cores={"a": self.HOLED}, halo=distance).around(point) == around

    def test_regions_may_overlap_in_their_halos(self) -> None:
        regions = Polygons(cores={"w": square(0, 0, 10, 10), "e": square(10, 0, 20, 10)}, halo=3)
        assert [regions.around((x, 5)) for x in (5, 8, 12, 15)] == [("w",), ("w", "e"), ("w", "e"), ("e",)]

    def test_heights_in_the_geometry_do_not_matter(self) -> None:
        ring: list[Any] = [[*point, 12.5] for point in square(0, 0, 1, 1)["coordinates"][0]]
        assert holds({"type": "Polygon", "coordinates": [ring]}, (0.5, 0.5))

    def test_a_recording_without_position_lies_nowhere(self) -> None:
        assert Polygons(cores={"a": square(0, 0, 1, 1)}, halo=1).around(None) == ()


def test_an_undivided_batch_is_one_region_that_needs_no_message() -> None:
    assert Undivided().around(None) == Undivided().around((1.0, 2.0)) == (WHOLE,)
    assert Undivided().message(WHOLE) is None
