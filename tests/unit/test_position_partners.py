"""Which recordings are paired, and how crowded they are, asked of cells as of each pair."""

from __future__ import annotations

import time

import numpy as np
import pytest

from steps.position.locate import locate
from steps.position.params import Params
from steps.position.partners import partners
from steps.position.refine import _crowd
from steps.stepkit.arrays import F64
from tests.unit.synthetic_scene import Noise, record, street

CORNER = np.array([155_000.0, 463_000.0, 2.0])


def places(seed: int) -> F64:
    """Recordings in a street, a square or a heap, some of them at one place and some on the lines of a grid."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 150))
    centre = rng.uniform(0, rng.choice([1.0, 8.0, 60.0, 200.0]), (count, 3))
    if rng.random() < 0.5:
        centre = centre[rng.integers(0, max(1, count // 5), count)]
    if rng.random() < 0.5:
        centre = np.round(centre * 4) / 4
    return np.asarray(centre + CORNER, dtype=np.float64)


def by_each_pair(centre: F64, params: Params) -> set[tuple[int, int]]:
    found = set()
    for place, own in enumerate(centre):
        apart = centre[:, :2] - own[:2]
        square = apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1]
        fit = np.flatnonzero((np.sqrt(square) >= params.min_baseline_m) & (square <= params.max_range_m**2))
        nearest = sorted(fit.tolist(), key=lambda point: (square[point], point))[: params.max_partners]
        found |= {(min(place, point), max(place, point)) for point in nearest}
    return found


@pytest.mark.parametrize("seed", range(40))
def test_partners_are_the_nearest_with_a_baseline(seed: int) -> None:
    rng = np.random.default_rng([seed, 1])
    params = Params(
        max_range_m=float(rng.choice([20.0, 50.0])),
        min_baseline_m=float(rng.choice([0.5, 1.0, 3.0])),
        max_partners=int(rng.choice([1, 5, 24])),
    )
    centre = places(seed)
    one, other = partners(centre, params)
    found = list(zip(one.tolist(), other.tolist(), strict=True))
    assert found == sorted(by_each_pair(centre, params))


@pytest.mark.parametrize("seed", range(20))
def test_a_crowd_is_all_that_was_taken_within_the_radius(seed: int) -> None:
    origin = places(seed)
    owner = np.sort(np.random.default_rng([seed, 2]).integers(0, 3, len(origin)))
    owner = np.unique(owner, return_inverse=True)[1]
    apart = ((origin[:, None] - origin[None]) ** 2).sum(axis=2)
    expected = ((apart <= 1.0) & (owner[:, None] == owner[None])).sum(axis=1)
    assert _crowd(origin, owner, 1.0).tolist() == expected.tolist()


def test_ten_thousand_recordings_at_one_place_cost_no_more_than_as_many_elsewhere() -> None:
    signs, poses = street(1, recordings=20, signs=8)
    standing = [poses[10]] * 10_000
    noise = Noise(pixels=1.0)
    items = record(np.random.default_rng(1), signs, poses, noise, prefix="drive/")
    items += record(np.random.default_rng(2), signs[:2], standing, noise, prefix="stop/")
    started = time.process_time()
    objects = locate(items, None, Params())
    assert time.process_time() - started < 6  # a second; a pair of recordings each took thirteen
    assert objects
