"""Cores that share edges share out the plane: every object is kept by exactly one region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steps.position.core import contains
from steps.stepkit import BadInput


def _polygon(*rings: list[tuple[float, float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*map(list, ring), list(ring[0])] for ring in rings]}


def _cell(column: int, row: int) -> dict[str, Any]:
    x, y = 50.0 * column, 50.0 * row
    return _polygon([(x, y), (x + 50, y), (x + 50, y + 50), (x, y + 50)])


def test_a_cell_has_its_lower_and_left_edge_only() -> None:
    assert contains(_cell(-1, 2), -50.0, 100.0)
    assert not contains(_cell(-1, 2), 0.0, 120.0)
    assert not contains(_cell(-1, 2), -20.0, 150.0)
    assert contains(_cell(-1, 2), float(np.nextafter(0.0, -1.0)), float(np.nextafter(150.0, 0.0)))


def test_each_point_of_a_grid_is_in_one_cell_corners_and_edges_included() -> None:
    cells = [_cell(column, row) for column in range(-2, 2) for row in range(-2, 2)]
    for x in np.arange(-100.0, 100.0, 12.5):
        for y in np.arange(-100.0, 100.0, 12.5):
            assert sum(contains(cell, x, y) for cell in cells) == 1


def test_regions_with_slanted_shared_edges_share_out_points_on_these_edges() -> None:
    random = np.random.default_rng(4)
    hub = (121_687.3, 487_484.1)
    rim = [(hub[0] + 70 * np.cos(turn), hub[1] + 70 * np.sin(turn)) for turn in np.linspace(0, 6, 8)]
    wedges = [_polygon([hub, one, other]) for one, other in zip(rim, [*rim[1:], rim[0]], strict=True)]
    for one in rim:
        for share in random.uniform(0, 0.9, 30):
            x, y = hub[0] + share * (one[0] - hub[0]), hub[1] + share * (one[1] - hub[1])
            assert sum(contains(wedge, x, y) for wedge in wedges) == 1


def test_the_direction_of_a_ring_does_not_matter_and_holes_are_out() -> None:
    square = [(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)]
    hole = [(3.0, 3.0), (3.0, 6.0), (6.0, 6.0), (6.0, 3.0)]
    for outer in (square, square[::-1]):
        assert contains(_polygon(outer, hole), 1.0, 4.0)
        assert not contains(_polygon(outer, hole), 4.0, 4.0)
        assert not contains(_polygon(outer, hole), 10.0, 4.0)


def test_a_multipolygon_holds_what_any_part_holds() -> None:
    both = {"type": "MultiPolygon", "coordinates": [_cell(0, 0)["coordinates"], _cell(4, 0)["coordinates"]]}
    assert contains(both, 10.0, 10.0)
    assert contains(both, 210.0, 10.0)
    assert not contains(both, 110.0, 10.0)


def test_another_geometry_is_refused() -> None:
    with pytest.raises(BadInput, match="must be a GeoJSON Polygon or MultiPolygon, not 'Point'"):
        contains({"type": "Point", "coordinates": [0, 0]}, 0.0, 0.0)
