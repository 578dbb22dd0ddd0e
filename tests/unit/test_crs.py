"""The way between the batch's CRS and WGS84, against published figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.batch.crs import Projection
from coordinator.errors import BatchError
from tests.unit.builders import PROPERTY, square

RD = Projection("EPSG:28992")
AMERSFOORT = (5.38720621, 52.15517440)
"""The origin of the Dutch grid (Onze Lieve Vrouwetoren): x = 155,000, y = 463,000; degrees on Bessel's ellipsoid."""


class TestNamed:
    @pytest.mark.parametrize("name", ["EPSG:28992", "EPSG:25832", "EPSG:32631"])
    def test_a_projected_crs_in_metres(self, name: str) -> None:
        assert Projection.named(name).name == name

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("EPSG:4326", "not a projected CRS in metres; name one such as EPSG:28992"),
            ("EPSG:2263", "not a projected CRS in metres"),
            ("EPSG:999999", "is not known"),
            ("the Dutch one", "is not known"),
            ("", "is not known"),
        ],
        ids=["degrees", "US feet", "unknown number", "words", "empty"],
    )
    def test_anything_else_is_refused(self, name: str, told: str) -> None:
        with pytest.raises(BatchError, match=told):
            Projection.named(name)


class TestUtm:
    @pytest.mark.parametrize(
        ("longitude", "latitude", "name"),
        [
            (5.4, 52.2, "EPSG:32631"),
            (6.0, 52.2, "EPSG:32632"),
            (-0.1, 51.5, "EPSG:32630"),
            (151.2, -33.9, "EPSG:32756"),
            (-180.0, 10.0, "EPSG:32601"),
            (180.0, 10.0, "EPSG:32660"),
        ],
    )
    def test_the_zone_that_holds_the_point(self, longitude: float, latitude: float, name: str) -> None:
        assert Projection.utm(longitude, latitude).name == name


class TestTransformations:
    def test_the_origin_of_the_dutch_grid(self) -> None:
        longitude, latitude = RD.to_wgs84(155_000, 463_000)
        assert longitude == pytest.approx(AMERSFOORT[0], abs=2e-3)
        assert latitude == pytest.approx(AMERSFOORT[1], abs=2e-3)

    @PROPERTY
    @given(st.floats(20_000, 270_000), st.floats(310_000, 610_000))
    def test_there_and_back_again(self, x: float, y: float) -> None:
        assert RD.to_projected(*RD.to_wgs84(x, y)) == pytest.approx((x, y), abs=1e-3)

    @PROPERTY
    @given(st.floats(3.6, 7.2), st.floats(50.8, 53.5))
    def test_convergence_is_the_angle_of_true_north_on_the_grid(
        self, longitude: float, latitude: float
    ) -> None:
        x, y = RD.to_projected(longitude, latitude)
        north_x, north_y = RD.to_projected(longitude, latitude + 1e-4)
        grid_heading_of_true_north = math.degrees(math.atan2(north_x - x, north_y - y))
        assert -RD.convergence(longitude, latitude) == pytest.approx(grid_heading_of_true_north, abs=1e-3)

    def test_east_of_the_central_meridian_grid_north_leans_east(self) -> None:
        assert RD.convergence(6.5, 52.2) > 0.5
        assert RD.convergence(4.3, 52.2) < -0.5


class TestGeometry:
    def test_wgs84_polygons_come_into_the_crs(self) -> None:
        turned = RD.geometry_from(square(5.0, 52.0, 5.1, 52.1), None)
        corner = turned["coordinates"][0][0]
        assert tuple(corner) == pytest.approx(RD.to_projected(5.0, 52.0), abs=1e-6)

    def test_several_parts_keep_their_nesting(self) -> None:
        part = square(5.0, 52.0, 5.1, 52.1)["coordinates"]
        turned = RD.geometry_from({"type": "MultiPolygon", "coordinates": [part, part]}, None)
        assert [len(polygon[0]) for polygon in turned["coordinates"]] == [5, 5]

    def test_what_is_in_the_crs_already_stays_as_it_is(self) -> None:
        geometry = square(0, 0, 1, 1)
        assert RD.geometry_from(geometry, Projection("EPSG:28992")) is geometry
