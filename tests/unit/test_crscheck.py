"""What is told of a CRS: each fault at a place where it is one, and nothing where there is none."""

from __future__ import annotations

import math

import pytest

from coordinator.batch.crs import Projection
from coordinator.batch.crscheck import Extent, accuracy, check, stretch
from coordinator.findings import Finding, Level

AMSTERDAM = (4.9, 52.37)


def around(x: float, y: float, metres: float = 100.0) -> Extent:
    return Extent(x - metres, y - metres, x + metres, y + metres, (x, y))


def at(name: str, longitude: float, latitude: float) -> list[Finding]:
    projection = Projection.named(name)
    return check(projection, around(*projection.to_projected(longitude, latitude)))


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


class TestNothingToSay:
    @pytest.mark.parametrize(
        ("name", "longitude", "latitude"),
        [
            ("EPSG:28992", *AMSTERDAM),
            ("EPSG:7415", *AMSTERDAM),
            ("EPSG:32631", *AMSTERDAM),
            ("EPSG:25831", 6.3, 51.0),  # 20 km beyond the zone
            ("EPSG:25832", 9.0, 50.0),
            ("EPSG:2154", 2.35, 48.86),
            ("EPSG:2154", 2.9, 42.7),
            ("EPSG:2180", 21.0, 52.2),
            ("EPSG:3067", 25.0, 65.0),
            ("EPSG:3006", 18.1, 59.3),
            ("EPSG:2056", 7.4, 46.9),
            ("EPSG:31370", 4.4, 50.8),
            ("EPSG:27572", 2.35, 48.86),
            ("EPSG:5514", 14.4, 50.1),
            ("EPSG:3035", 10.0, 52.0),
            ("EPSG:2193", 174.8, -41.3),
            ("EPSG:5041", 15.0, 84.5),
            ("EPSG:32760", 179.99, -17.0),
            ("+proj=tmerc +lon_0=4.9 +lat_0=52.37 +datum=WGS84", *AMSTERDAM),
        ],
    )
    def test_of_a_crs_in_its_place(self, name: str, longitude: float, latitude: float) -> None:
        assert not [finding for finding in at(name, longitude, latitude) if finding.level is not Level.NOTE]

    def test_without_a_place_only_the_crs_itself_is_judged(self) -> None:
        assert check(Projection("EPSG:3857")) == []


class TestAxes:
    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("EPSG:2046", "EPSG:32733"),
            ("EPSG:2048", "EPSG:32734"),
            ("EPSG:22275", "EPSG:32733"),
            ("EPSG:5513", "EPSG:5514"),
            ("EPSG:2065", "EPSG:5221"),
            ("+proj=tmerc +lon_0=19 +axis=wsu +datum=WGS84", "the UTM zone of the place"),
        ],
    )
    def test_the_other_way_round_is_refused_and_another_named(self, name: str, other: str) -> None:
        finding = only(check(Projection.named(name)))
        assert (finding.kind, finding.level) == ("crs-axes", Level.ERROR)
        assert "west" in finding.text
        assert f"turn the positions into {other}" in finding.text

    def test_without_an_area_the_zone_is_that_of_the_recordings(self) -> None:
        finding = only(at("+proj=tmerc +lon_0=19 +axis=wsu +datum=WGS84", 19.1, -33.0))
        assert "turn the positions into EPSG:32734 " in finding.text

    @pytest.mark.parametrize(
        "name", ["EPSG:31467", "EPSG:2180", "EPSG:3031", "EPSG:3995", "EPSG:32661", "EPSG:5041"]
    )
    def test_north_before_east_and_the_poles_are_as_they_should_be(self, name: str) -> None:
        assert check(Projection.named(name)) == []


class TestWithdrawn:
    def test_the_valid_ones_are_named(self) -> None:
        finding = only(check(Projection.named("EPSG:32662")))
        assert (finding.kind, finding.level) == ("crs-withdrawn", Level.WARNING)
        assert "name EPSG:32663 or EPSG:3786 instead" in finding.text


class TestScale:
    @pytest.mark.parametrize(
        ("name", "longitude", "latitude", "factor", "level"),
        [
            ("EPSG:3857", *AMSTERDAM, "1.639", Level.ERROR),
            ("EPSG:3395", *AMSTERDAM, "1.634", Level.ERROR),
            ("EPSG:4087", *AMSTERDAM, "between 1.000 and 1.634", Level.ERROR),
            ("EPSG:3035", -9.1, 38.7, "between 0.987 and 1.013", Level.WARNING),
            ("EPSG:3031", 166.7, -77.85, "0.984", Level.WARNING),
        ],
    )
    def test_metres_that_are_none(
        self, name: str, longitude: float, latitude: float, factor: str, level: Level
    ) -> None:
        finding = only(at(name, longitude, latitude))
        assert (finding.kind, finding.level) == ("crs-scale", level)
        assert f"a metre on the ground is {factor} of its metres" in finding.text
        assert f"use {Projection.utm(longitude, latitude).label}" in finding.text

    def test_stretch_is_that_of_the_books(self) -> None:
        assert stretch(Projection("EPSG:32631"), 3.0, 50.0) == pytest.approx((0.9996, 0.9996), abs=1e-7)
        mercator = 1.0 / math.cos(math.radians(60.0))  # on a sphere, to which the ellipsoid is close
        assert stretch(Projection("EPSG:3857"), 3.0, 60.0) == pytest.approx((mercator, mercator), rel=5e-3)
        least, most = stretch(Projection("EPSG:3035"), -9.0, 38.7)
        assert least * most == pytest.approx(1.0, abs=1e-5)  # equal areas

    def test_a_step_between_two_transformations_is_no_scale(self) -> None:
        projection = Projection("EPSG:26710")
        for step in range(-30, 30):
            assert stretch(projection, -121.5, 49.05 + step * 0.0005) == pytest.approx((1.0, 1.0), abs=2e-3)


class TestPlace:
    @pytest.mark.parametrize(
        ("name", "extent", "told"),
        [
            ("EPSG:28992", around(487_000, 121_000), "x and y are swapped"),
            ("EPSG:32631", around(5_800_000, 600_000), "x and y are swapped"),
            ("EPSG:28992", around(121_000 / 0.3048, 487_000 / 0.3048), "x and y are feet"),
            ("EPSG:28992", around(121_000_000, 487_000_000), "x and y are millimetres"),
            ("EPSG:28992", around(4.9, 52.4, 0.01), "x and y are longitude and latitude in degrees"),
            ("EPSG:28992", around(52.4, 4.9, 0.01), "x and y are latitude and longitude in degrees"),
            ("EPSG:27700", around(-0.1, 51.5, 0.01), "x and y are longitude and latitude in degrees"),
            ("EPSG:2056", around(47.0, 7.4, 0.01), "x and y are latitude and longitude in degrees"),
            ("EPSG:5514", around(740_000, 1_040_000), "opposite signs"),
            ("EPSG:5514", around(1_040_000, 740_000), "swapped and have the opposite signs"),
            ("EPSG:25832", around(32_500_000, 5_500_000), "x has the number of its zone in front"),
            ("EPSG:2056", around(600_000, 200_000), "x and y may be of another CRS, or wrong"),
            ("EPSG:2154", around(650_000, 2_450_000), "x and y may be of another CRS, or wrong"),
            ("EPSG:32631", around(1e9, 1e9), "have no place on Earth"),
            ("EPSG:28992", around(math.inf, 1.0), "have no place on Earth"),
            ("+proj=utm +zone=31 +datum=WGS84", around(1e9, 1e9), "have no place on Earth"),
        ],
    )
    def test_outside_of_its_area_it_is_refused(self, name: str, extent: Extent, told: str) -> None:
        finding = only(check(Projection.named(name), extent))
        assert (finding.kind, finding.level) == ("crs-area", Level.ERROR)
        assert told in finding.text

    @pytest.mark.parametrize("name", ["EPSG:32635", "EPSG:32601"])
    def test_a_zone_far_away_is_refused_and_the_right_one_named(self, name: str) -> None:
        finding = only(at(name, *AMSTERDAM))
        assert (finding.kind, finding.level) == ("crs-area", Level.ERROR)
        assert "if that is right, use EPSG:32631" in finding.text

    @pytest.mark.parametrize(
        ("name", "longitude", "latitude"), [("EPSG:25833", 5.3, 60.4), ("EPSG:32632", *AMSTERDAM)]
    )
    def test_somewhat_outside_is_a_warning(self, name: str, longitude: float, latitude: float) -> None:
        finding = only(at(name, longitude, latitude))
        assert (finding.kind, finding.level) == ("crs-area", Level.WARNING)
        assert "km outside of the area" in finding.text

    @pytest.mark.parametrize(
        ("name", "extent"),
        [
            ("EPSG:28992", around(0, 0)),
            ("EPSG:28992", around(5, 52)),  # degrees would not spread so far
            ("EPSG:28992", around(121, 487)),  # might be kilometres
            ("EPSG:27700", around(50, 50)),  # in its area, in the sea
            ("EPSG:2056", around(500, 300)),
        ],
    )
    def test_a_local_survey_is_a_warning(self, name: str, extent: Extent) -> None:
        finding = only(check(Projection.named(name), extent))
        assert (finding.kind, finding.level) == ("crs-local", Level.WARNING)

    def test_one_recording_far_off_does_not_hide_degrees(self) -> None:
        extent = Extent(4.89, 52.3, 121_000.0, 487_000.0, AMSTERDAM)
        assert "longitude and latitude in degrees" in only(check(Projection("EPSG:28992"), extent)).text


def _lacks_grid(name: str, longitude: float, latitude: float) -> bool:
    return bool(Projection(name).unavailable(longitude, latitude))


class TestDatum:
    @pytest.mark.parametrize(
        ("name", "longitude", "latitude", "grid", "metres"),
        [
            ("EPSG:27700", -6.29977752, 49.92226394, "uk_os_OSTN15_NTv2_OSGBtoETRS.tif", 2.0),
            ("EPSG:31466", 6.9, 50.9, "de_adv_BETA2007.tif", 3.0),
            ("EPSG:31467", 9.0, 50.0, "de_adv_BETA2007.tif", 3.0),
            ("EPSG:26710", -122.0, 37.5, "us_noaa_conus.tif", 7.0),
        ],
    )
    def test_a_missing_grid_is_named_with_the_accuracy(
        self, name: str, longitude: float, latitude: float, grid: str, metres: float
    ) -> None:
        if not _lacks_grid(name, longitude, latitude):
            pytest.skip("the grid is installed here")
        finding = only(at(name, longitude, latitude))
        assert (finding.kind, finding.level) == ("crs-grid-missing", Level.WARNING)
        assert f"fit x and y only to about {metres:g} m" in finding.text
        assert f"--file {grid}" in finding.text
        projection = Projection(name)
        assert accuracy(projection, around(*projection.to_projected(longitude, latitude))) == metres

    def test_a_datum_that_nobody_knows_is_told(self) -> None:
        finding = only(at("+proj=utm +zone=31 +ellps=bessel", 3.0, 50.0))
        assert (finding.kind, finding.level) == ("crs-accuracy", Level.WARNING)
        assert "name a CRS of EPSG's register" in finding.text

    def test_that_of_the_register_is_named_if_it_has_the_same_parts(self) -> None:
        parts = (
            "+proj=sterea +lat_0=52.1561605555556 +lon_0=5.38763888888889 +k=0.9999079 +x_0=155000 +y_0=463000 "
            "+ellps=bessel +units=m"
        )
        assert "name EPSG:28992 (Amersfoort / RD New)" in only(at(parts, *AMSTERDAM)).text

    def test_a_datum_that_is_known_badly_is_a_note(self) -> None:
        finding = only(at("EPSG:20437", 38.0, 25.0))
        assert (finding.kind, finding.level) == ("crs-accuracy", Level.NOTE)
        assert "fit x and y to 18 m ('Ain el Abd to WGS 84 (2)'); nothing better is known" in finding.text

    def test_two_ways_within_the_recordings_are_told(self) -> None:
        projection = Projection("EPSG:26710")
        middle = projection.to_projected(-121.5, 49.05)
        kinds = {finding.kind for finding in check(projection, around(*middle, metres=20_000.0))}
        assert "crs-seam" in kinds

    def test_a_recording_far_off_makes_no_seam(self) -> None:
        projection = Projection("EPSG:28992")
        extent = Extent(0.0, 0.0, 121_100.0, 487_100.0, (121_000.0, 487_000.0))
        assert check(projection, extent) == []
