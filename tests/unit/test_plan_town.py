"""A municipality of as many recordings as one likes, made of the regions that were measured."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.plan.measured import Sample
from coordinator.plan.town import build, shuffled
from tests.unit.builders import PROPERTY


def regions(*sizes: int) -> list[Sample]:
    return [Sample(busy=float(size), items=1, size=size) for size in sizes]


def test_recordings_stand_in_a_row_of_regions() -> None:
    town = build(10, regions(5), overlap=1.0, seed=0)
    assert town.census() == {"g0": 5, "g1": 5}
    assert [town.around(one.position) for one in town.drive()] == [("g0",)] * 5 + [("g1",)] * 5


def test_regions_overlap_by_as_much_as_was_measured() -> None:
    town = build(1000, regions(40), overlap=4.0, seed=0)
    around = Counter(len(town.around(one.position)) for one in town.drive())
    assert around.most_common(1)[0][0] == 4


@PROPERTY
@given(
    recordings=st.integers(1, 300),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    overlap=st.floats(1.0, 6.0),
)
def test_the_census_counts_what_drives_by(recordings: int, sizes: list[int], overlap: float) -> None:
    town = build(recordings, regions(*sizes), overlap, seed=1)
    drive = list(town.drive())
    found = Counter(region for one in drive for region in town.around(one.position))
    assert len({one.id for one in drive}) == recordings
    assert found == Counter(town.census())
    assert all(town.sample(region).size >= count for region, count in found.items())


def test_on_average_there_is_as_much_of_it_as_was_measured() -> None:
    town = build(100_000, regions(10, 20, 90), overlap=3.0, seed=0)
    assert sum(town.census().values()) == pytest.approx(300_000, rel=0.01)


def test_without_regions_it_is_not_divided() -> None:
    town = build(3, [], overlap=1.0, seed=0)
    assert [town.around(one.position) for one in town.drive()] == [()] * 3


def test_samples_are_dealt_evenly() -> None:
    deck = list(itertools.islice(shuffled(regions(1, 2, 3), random.Random(0)), 300))
    assert Counter(sample.size for sample in deck) == {1: 100, 2: 100, 3: 100}
