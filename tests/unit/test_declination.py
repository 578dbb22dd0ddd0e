"""The declination, against the values that NOAA and BGS publish with each World Magnetic Model."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coordinator.core.declination import declination

SEATTLE = (-122.3493, 47.6205)


def when(year: int, month: int = 1, day: int = 1) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("year", "published"),
    [
        (2010, (-6.13, 0.97, 70.21)),
        (2015, (-3.90, 0.55, 69.81)),
        (2020, (-1.28, 0.16, 69.36)),
        (2025, (1.28, -0.16, 68.78)),
    ],
)
def test_the_test_values_of_each_model(year: int, published: tuple[float, ...]) -> None:
    """At height 0 and the model's first day: 80 N 0 E, 0 N 120 E, 80 S 240 E (its report, table of test values)."""
    found = [declination(*place, 0.0, when(year)) for place in ((0.0, 80.0), (120.0, 0.0), (-120.0, -80.0))]
    assert found == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize(
    ("date", "degrees"), [((2025, 4, 1), 15.0656), ((2013, 4, 2), 16.4156)], ids=["2025.25", "2013.25"]
)
def test_seattle(date: tuple[int, int, int], degrees: float) -> None:
    """The values that pygeomag's documentation gives for the Space Needle."""
    assert declination(*SEATTLE, 0.0, when(*date)) == pytest.approx(degrees, abs=0.02)


def test_it_is_west_of_north_where_it_is_negative() -> None:
    sao_paulo = declination(-46.63, -23.55, 760.0, when(2025, 6))
    assert sao_paulo == pytest.approx(-21.7, abs=0.5)


def test_in_a_street_it_hardly_changes() -> None:
    here, there = (
        declination(4.9, 52.37, 0.0, when(2024)),
        declination(4.9004, 52.3703, 12.0, when(2024, 1, 2)),
    )
    assert here == pytest.approx(there, abs=0.02)


def test_without_a_date_the_newest_model_s_first_year_counts() -> None:
    assert declination(*SEATTLE, 0.0, None) == declination(*SEATTLE, 0.0, when(2025))


@pytest.mark.parametrize("date", [when(2009, 12, 31), when(2030), -1e15, 1e15, float("nan"), float("inf")])
def test_beyond_the_models_there_is_none(date: float) -> None:
    assert declination(*SEATTLE, 0.0, date) is None


def test_the_models_meet_at_their_last_second() -> None:
    last, first = declination(*SEATTLE, 0.0, when(2025) - 1.0), declination(*SEATTLE, 0.0, when(2025))
    assert last is not None
    assert last == pytest.approx(first, abs=0.15)


def test_near_the_magnetic_pole_a_compass_says_nothing() -> None:
    assert declination(139.3, 85.8, 0.0, when(2025)) is None


@pytest.mark.parametrize("altitude", [-12_000.0, 1e9])
def test_an_altitude_that_is_nonsense_is_no_failure(altitude: float) -> None:
    assert declination(*SEATTLE, altitude, when(2025)) is not None


def test_both_sides_of_the_antimeridian_are_one() -> None:
    assert declination(180.0, 10.0, 0.0, when(2025)) == pytest.approx(
        declination(-180.0, 10.0, 0.0, when(2025))
    )
