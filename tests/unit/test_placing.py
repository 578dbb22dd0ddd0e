"""Of each fact the first source that has it counts: the row, the file's header, the track."""

from __future__ import annotations

import pytest

from coordinator.batch.crs import Projection
from coordinator.batch.facts import Sources
from coordinator.batch.placing import geographic, place
from coordinator.batch.recording import Place
from coordinator.core.declination import declination
from coordinator.formats.gpx import Fix
from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North, Row

RD = Projection.named("EPSG:28992")
LONGITUDE, LATITUDE = 4.9, 52.37
X, Y = RD.to_projected(LONGITUDE, LATITUDE)
HERE = {"longitude": LONGITUDE, "latitude": LATITUDE}
FIX = Fix(longitude=LONGITUDE, latitude=LATITUDE, altitude=7.0, heading_of_travel=30.0, speed=5.0, gap=1.0)
MAY_2024 = 1_715_680_000.0


def header(**told: object) -> Header:
    return Header(width=4, height=2, **told)  # type: ignore[arg-type]


def found(row: dict[str, object], **others: object) -> Place:
    where, _ = place(Sources(row=Row(image="a.jpg", **row), **others), RD)  # type: ignore[arg-type]
    assert where is not None
    return where


def remarks(row: dict[str, object], **others: object) -> tuple[Remark, ...]:
    """All but that nobody has said how good the place is."""
    said = place(Sources(row=Row(image="a.jpg", **row), **others), RD)[1]  # type: ignore[arg-type]
    return tuple(one for one in said if one is not Remark.NO_ACCURACY)


class TestPosition:
    def test_of_the_row_in_the_batchs_crs(self) -> None:
        where = found({"x": 1.0, "y": 2.0, "z": 3.0}, header=header(**HERE, altitude=9.0))
        assert (where.x, where.y, where.z) == (1.0, 2.0, 3.0)

    def test_of_the_row_in_degrees(self) -> None:
        where = found({**HERE, "altitude": 3.0}, header=header(longitude=5.0, latitude=50.0))
        assert (where.x, where.y, where.z or 0.0) == pytest.approx((X, Y, 3.0))

    def test_of_the_header_beside_what_the_row_tells(self) -> None:
        where = found(
            {"heading": 20.0, "pitch": 1.0}, header=header(**HERE, altitude=9.0, heading=99.0, roll=2.0)
        )
        assert (where.x, where.z or 0.0, where.heading or 0.0) == pytest.approx((X, 9.0, 20.0))
        assert (where.pitch, where.roll) == (1.0, 2.0)

    def test_of_the_track(self) -> None:
        where = found({}, header=header(), fix=FIX)
        assert (where.x, where.y, where.z or 0.0) == pytest.approx((X, Y, 7.0))
        assert remarks({}, header=header(heading=1.0), fix=FIX) == (Remark.POSITION_FROM_TRACK,)

    def test_null_island_is_none(self) -> None:
        sources = Sources(row=Row(image="a.jpg", longitude=0.0, latitude=0.0))
        assert geographic(sources) is None
        assert place(sources, RD) == (None, (Remark.NULL_ISLAND,))

    def test_where_the_projection_ends_there_is_none(self) -> None:
        sources = Sources(row=Row(image="a.jpg", longitude=93.0, latitude=0.0))
        assert place(sources, Projection.named("EPSG:32631")) == (None, (Remark.BAD_POSITION,))

    def test_without_any_the_reasons_stay(self) -> None:
        said = header(remarks=(Remark.NO_HEMISPHERE,))
        assert remarks({}, header=said, astray=Remark.NO_TIME) == (Remark.NO_HEMISPHERE, Remark.NO_TIME)

    def test_what_a_headers_gps_lacks_does_not_matter_beside_a_rows(self) -> None:
        said = header(remarks=(Remark.NO_FIX, Remark.BAD_ALTITUDE, Remark.CAMERA_GUESSED))
        assert remarks({"x": 1.0, "y": 2.0, "z": 3.0}, header=said) == (Remark.CAMERA_GUESSED,)
        assert Remark.BAD_ALTITUDE in remarks({"x": 1.0, "y": 2.0}, header=said)


@pytest.mark.parametrize("z", [-9999.0, 99999.0])
def test_a_height_that_no_street_has_is_none(z: float) -> None:
    assert found({"x": 1.0, "y": 2.0, "z": z}).z is None


class TestAgainstThePhotograph:
    """A wrong CRS, or rows beside other images, can be seen where the photographs have a GPS of their own."""

    @pytest.mark.parametrize(
        ("metres", "far"), [(0.0, False), (90.0, False), (110.0, True), (400_000.0, True)]
    )
    def test_a_rows_position_far_from_it_is_remarked(self, metres: float, far: bool) -> None:
        told = remarks({"x": X + metres, "y": Y, "z": 0.0, "heading": 1.0}, header=header(**HERE))
        assert told == ((Remark.POSITION_DISAGREES,) if far else ())

    def test_the_rows_counts(self) -> None:
        assert found({"x": X + 400.0, "y": Y}, header=header(**HERE)).x == X + 400.0

    def test_without_a_gps_there_is_nothing_to_say(self) -> None:
        assert remarks({"x": 1.0, "y": 2.0}, header=header()) == ()


class TestHeading:
    convergence = RD.convergence(LONGITUDE, LATITUDE)

    def test_beside_x_and_y_it_counts_from_grid_north(self) -> None:
        assert found({"x": X, "y": Y, "heading": 400.0}).heading == 40.0

    def test_beside_longitude_and_latitude_from_true_north(self) -> None:
        assert abs(self.convergence) > 0.3
        assert found({**HERE, "heading": 40.0}).heading == pytest.approx(40.0 - self.convergence)

    def test_as_it_says(self) -> None:
        assert found({**HERE, "heading": 40.0, "north": North.GRID}).heading == 40.0
        true = found({"x": X, "y": Y, "heading": 40.0, "north": North.TRUE})
        assert true.heading == pytest.approx(40.0 - self.convergence)

    def test_alone_in_a_row_from_grid_north(self) -> None:
        assert found({"heading": 40.0}, header=header(**HERE)).heading == 40.0

    @pytest.mark.parametrize("north", [North.TRUE, None])
    def test_of_a_header_from_true_north(self, north: North | None) -> None:
        where = found({"x": X, "y": Y}, header=header(heading=40.0, north=north))
        assert where.heading == pytest.approx(40.0 - self.convergence)

    def test_magnetic_it_is_turned_by_the_declination_of_its_date(self) -> None:
        said = header(**HERE, heading=40.0, north=North.MAGNETIC)
        east = declination(LONGITUDE, LATITUDE, 0.0, MAY_2024)
        assert east is not None
        assert 2.0 < east < 3.5
        assert found({}, header=said, taken=MAY_2024).heading == pytest.approx(40.0 + east - self.convergence)
        assert remarks({}, header=said, taken=MAY_2024) == (Remark.MAGNETIC_HEADING,)
        assert remarks({}, header=said) == (Remark.MAGNETIC_UNDATED,)

    def test_magnetic_of_a_date_without_a_model_it_is_not_used(self) -> None:
        said = header(**HERE, heading=40.0, north=North.MAGNETIC)
        assert found({}, header=said, taken=0.0).heading is None
        assert remarks({}, header=said, taken=0.0) == (Remark.MAGNETIC_UNUSED,)

    def test_of_the_track_for_want_of_any_other(self) -> None:
        assert found({}, fix=FIX).heading == pytest.approx(30.0 - self.convergence)
        assert remarks({}, fix=FIX) == (Remark.POSITION_FROM_TRACK, Remark.HEADING_FROM_TRAVEL)

    def test_what_a_header_decided_for_its_own_does_not_matter_beside_a_rows(self) -> None:
        said = header(**HERE, heading=1.0, remarks=(Remark.NORTH_UNKNOWN,))
        assert remarks({}, header=said) == (Remark.NORTH_UNKNOWN,)
        assert remarks({"heading": 2.0}, header=said) == ()
