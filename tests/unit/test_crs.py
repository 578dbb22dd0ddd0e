"""The way between the batch's CRS and WGS84, against published figures."""

from __future__ import annotations

import math

import pyproj
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
        "name",
        [
            28992,
            "28992",
            " EPSG:28992 ",
            "epsg:28992",
            "EPSG: 28992",
            "EPSG::28992",
            "EPSG 28992",
            "+init=epsg:28992",
        ],
    )
    def test_a_number_of_the_register_however_it_is_written(self, name: str | int) -> None:
        assert Projection.named(name).name == "EPSG:28992"

    @pytest.mark.parametrize(
        "name",
        [
            "Amersfoort / RD New",
            "amersfoort / rd new",
            "urn:ogc:def:crs:EPSG::28992",
            "http://www.opengis.net/def/crs/EPSG/0/28992",
            "EPSG:7415",  # with heights
            "EPSG:28992+5709",
            pyproj.CRS.from_epsg(28992).to_wkt(),
            pyproj.CRS.from_epsg(28992).to_wkt("WKT1_ESRI"),
            pyproj.CRS.from_epsg(28992).to_json(),
            pyproj.CRS.from_epsg(28992).to_3d().to_wkt(),
        ],
        ids=["title", "lower case", "urn", "address", "7415", "compound", "WKT", "Esri's WKT", "JSON", "3D"],
    )
    def test_whatever_proj_knows_keeps_its_name(self, name: str) -> None:
        projection = Projection.named(name)
        assert projection.name == name
        assert projection.to_projected(4.9, 52.4) == pytest.approx(RD.to_projected(4.9, 52.4), abs=1e-3)
        assert projection.area == RD.area

    def test_a_title_that_is_not_whole_is_completed(self) -> None:
        with pytest.raises(
            BatchError, match=r"'RD New' is not known: did you mean EPSG:28992 \(Amersfoort / RD New\)\?"
        ):
            Projection.named("RD New")

    @pytest.mark.parametrize(
        ("feet", "metres"),
        [("EPSG:2263", "EPSG:32118"), ("EPSG:2227", "EPSG:26943"), ("EPSG:29371", "EPSG:32732")],
    )
    def test_of_feet_its_sibling_in_metres_or_the_utm_zone_is_named(self, feet: str, metres: str) -> None:
        with pytest.raises(BatchError, match=f"but in .*; turn the positions into {metres} "):
            Projection.named(feet)

    def test_long_names_are_cut_in_messages(self) -> None:
        with pytest.raises(BatchError, match=r"^crs 'GEOGCRS\[.{52}\.\.\.' is not a projected CRS"):
            Projection.named(pyproj.CRS.from_epsg(4326).to_wkt())

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("EPSG:4326", "not a projected CRS in metres; name one such as EPSG:28992"),
            ("EPSG:2263", "not a projected CRS in metres"),
            ("EPSG:999999", "is not known"),
            ("the Dutch one", "is not known"),
            ("EPSG:28992abc", "is not known"),
            ("EPSG:4978", "not a projected CRS"),
            ("EPSG:4326+5773", "not a projected CRS"),
            ("", "is not known"),
        ],
        ids=[
            "degrees",
            "US feet",
            "unknown number",
            "words",
            "number and more",
            "geocentric",
            "degrees and heights",
            "empty",
        ],
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

    @pytest.mark.parametrize(
        ("latitude", "name"),
        [(83.9, "EPSG:32631"), (84.5, "EPSG:5041"), (-79.9, "EPSG:32731"), (-80.5, "EPSG:5042")],
    )
    def test_polar_stereographic_where_there_are_no_zones(self, latitude: float, name: str) -> None:
        assert Projection.utm(3.0, latitude).name == name


class TestForPlaces:
    @pytest.mark.parametrize(
        ("longitudes", "name"),
        [
            ([5.9, 6.1, 6.2], "EPSG:32632"),
            ([-75.0, 5.5, 5.6, 5.7, 120.0], "EPSG:32631"),
            ([179.9, -179.9, -179.8], "EPSG:32601"),
            ([179.8, 179.9, -179.9], "EPSG:32660"),
            ([4.9], "EPSG:32631"),
        ],
        ids=["two zones", "some far off", "antimeridian, east", "antimeridian, west", "one"],
    )
    def test_the_median_decides_not_the_first(self, longitudes: list[float], name: str) -> None:
        assert Projection.for_places([(longitude, 52.0) for longitude in longitudes]).name == name

    def test_the_median_latitude_tells_the_hemisphere(self) -> None:
        assert Projection.for_places([(3.0, 1.0), (3.0, -1.0), (3.0, -2.0)]).name == "EPSG:32731"


_ANYWHERE = [
    ("EPSG:32631", 4.9, 52.4),
    ("EPSG:28992", 4.9, 52.4),
    ("EPSG:31467", 9.7, 48.1),  # y before x
    ("EPSG:2180", 21.0, 52.2),
    ("EPSG:27700", -6.3, 49.92),
    ("EPSG:27572", 2.35, 48.86),  # from Paris
    ("EPSG:20790", -9.1, 38.7),  # from Lisbon
    ("EPSG:5221", 14.4, 50.1),  # from Ferro
    ("EPSG:5514", 14.4, 50.1),
    ("EPSG:2048", 18.4, -33.9),  # to the west and south
    ("EPSG:3031", 166.7, -77.85),
    ("EPSG:3995", 15.6, 78.2),
    ("EPSG:5041", -62.0, 84.5),
    ("EPSG:3857", 4.9, 52.4),
    ("EPSG:2193", 174.8, -41.3),
    ("EPSG:32660", 179.9999, -17.0),
    ("+proj=omerc +lat_0=52 +lonc=5 +alpha=30 +gamma=10 +datum=WGS84", 5.1, 52.1),
]


class TestConvergence:
    @pytest.mark.parametrize(("name", "longitude", "latitude"), _ANYWHERE)
    def test_it_is_the_azimuth_of_grid_north(self, name: str, longitude: float, latitude: float) -> None:
        projection = Projection(name)
        x, y = projection.to_projected(longitude, latitude)
        geod, here = pyproj.Geod(ellps="WGS84"), (longitude, latitude)
        back, _, _ = geod.inv(*here, *projection.to_wgs84(x, y - 100.0))
        onwards, _, _ = geod.inv(*here, *projection.to_wgs84(x, y + 100.0))
        for azimuth in (back + 180.0, onwards):  # meridians that are bent part them, by as much to both sides
            off = (projection.convergence(*here) - azimuth + 180.0) % 360.0 - 180.0
            assert off == pytest.approx(0.0, abs=1e-2)
        turn = (onwards - back) % 360.0 - 180.0
        off = (projection.convergence(*here) - back - turn / 2.0) % 360.0 - 180.0
        assert off == pytest.approx(0.0, abs=1e-4)

    @pytest.mark.parametrize("name", ["EPSG:32631", "EPSG:25832", "EPSG:2154", "EPSG:3067", "EPSG:3035"])
    def test_it_is_proj_s_own_where_there_is_no_change_of_datum(self, name: str) -> None:
        projection = Projection(name)
        for longitude, latitude in [(3.3, 47.0), (8.9, 50.1), (5.0, 60.3)]:
            own = pyproj.Proj(name).get_factors(longitude, latitude).meridian_convergence
            assert projection.convergence(longitude, latitude) == pytest.approx(own, abs=1e-6)

    def test_a_step_between_two_transformations_does_not_turn_it(self) -> None:
        projection = Projection("EPSG:26710")
        seam = _seam(projection, -121.5, 48.0, 50.0)
        beside = projection.convergence(-121.5, seam - 0.01)
        assert projection.convergence(-121.5, seam - 0.0005) == pytest.approx(beside, abs=1e-3)


def _seam(projection: Projection, longitude: float, south: float, north: float) -> float:
    """The latitude where one transformation ends and another begins."""
    below = projection.operation(longitude, south)
    assert projection.operation(longitude, north) != below
    while north - south > 1e-7:
        middle = (south + north) / 2.0
        south, north = (
            (middle, north) if projection.operation(longitude, middle) == below else (south, middle)
        )
    return south


class TestTransformations:
    @pytest.mark.parametrize(
        ("name", "longitude", "latitude"),
        [("EPSG:5514", 16.7, 49.2), ("EPSG:23030", -0.5, 43.0), ("EPSG:26710", -121.5, 49.0), *_ANYWHERE],
    )
    def test_there_and_back_where_proj_has_several_ways(
        self, name: str, longitude: float, latitude: float
    ) -> None:
        projection = Projection(name)
        for step in range(-20, 20):
            place = longitude, latitude + step * 0.0137
            assert projection.to_wgs84(*projection.to_projected(*place)) == pytest.approx(place, abs=2e-8)

    def test_what_has_no_place_is_infinite(self) -> None:
        assert not all(map(math.isfinite, Projection("EPSG:32631").to_wgs84(1e9, 1e9)))
        assert not all(map(math.isfinite, RD.to_wgs84(math.inf, 0.0)))

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

    @pytest.mark.parametrize("name", ["EPSG:4258", "EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4979"])
    def test_degrees_of_any_datum_are_longitude_before_latitude(self, name: str) -> None:
        turned = RD.geometry_from(square(5.0, 52.0, 5.1, 52.1), Projection.of_geometry(name))
        assert turned["coordinates"][0][0] == pytest.approx(RD.to_projected(5.0, 52.0), abs=1e-2)

    def test_feet_become_metres(self) -> None:
        utm = Projection("EPSG:32618")
        turned = utm.geometry_from(
            square(980_000, 200_000, 980_100, 200_100), Projection.of_geometry("EPSG:2263")
        )
        first, second = turned["coordinates"][0][:2]
        assert math.dist(first, second) == pytest.approx(100 * 12 / 39.37, rel=1e-3)

    @pytest.mark.parametrize("name", ["EPSG:4978", "EPSG:5703"], ids=["geocentric", "heights"])
    def test_what_is_no_map_is_refused(self, name: str) -> None:
        with pytest.raises(BatchError, match="has no place on a map"):
            Projection.of_geometry(name)

    def test_a_point_without_a_place_is_refused(self) -> None:
        with pytest.raises(
            BatchError, match=r"the point \[52.0, 95.0\] of EPSG:4326 has no place in EPSG:28992"
        ):
            RD.geometry_from(square(52.0, 95.0, 53.0, 96.0), None)


class TestFacts:
    def test_a_withdrawn_crs_has_its_replacements(self) -> None:
        assert Projection("EPSG:32662").withdrawn == ("EPSG:32663", "EPSG:3786")
        assert RD.withdrawn is None

    def test_one_given_by_its_parts_is_recognised(self) -> None:
        parts = (
            "+proj=sterea +lat_0=52.1561605555556 +lon_0=5.38763888888889 +k=0.9999079 +x_0=155000 +y_0=463000 "
            "+ellps=bessel +units=m"
        )
        assert Projection.named(parts).registered == RD
        assert Projection.named("+proj=utm +zone=31 +ellps=krass").registered is None

    def test_the_way_to_wgs84_has_an_accuracy(self) -> None:
        assert RD.operation(4.9, 52.4).accuracy == 1.0
        assert Projection("+proj=utm +zone=31 +ellps=bessel").operation(3.0, 50.0).accuracy is None
