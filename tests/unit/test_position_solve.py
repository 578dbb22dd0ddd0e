"""Claims are those of the plain queue: best first, rescore, repeat."""

from __future__ import annotations

import numpy as np
import pytest

from steps.position.solve import claim
from steps.position.support import Sights


def _sights(rows: list[tuple[int, int, int, float]]) -> Sights:
    """From (candidate, recording, ray, weight)."""
    rows = sorted(rows, key=lambda row: (row[0], row[1], -row[3], row[2]))
    candidate, recording, ray, weight = (list(column) for column in zip(*rows, strict=True))
    return Sights(
        candidate=np.array(candidate),
        recording=np.array(recording),
        ray=np.array(ray),
        weight=np.array(weight),
    )


def _by_queue(sights: Sights, min_views: int) -> list[tuple[int, int]]:
    """(candidate, ray) of the same greedy choice, one candidate at a time."""
    claims: list[tuple[int, int]] = []
    while True:
        best = sights.best()
        scored = [
            (float(best.weight[best.candidate == one].sum()), -one)
            for one in np.unique(best.candidate).tolist()
            if (best.candidate == one).sum() >= min_views
        ]
        if not scored:
            return sorted(claims)
        winner = -max(scored)[1]
        rays = best.ray[best.candidate == winner]
        claims += [(winner, ray) for ray in rays.tolist()]
        sights = sights.only((sights.candidate != winner) & ~np.isin(sights.ray, rays))


@pytest.mark.parametrize("seed", range(20))
def test_rounds_claim_what_the_queue_claims(seed: int) -> None:
    random = np.random.default_rng(seed)
    recording_of_ray = np.sort(random.integers(0, 12, 40))
    # Coarse weights make equal scores, which the order of candidates must decide.
    rows = [
        (candidate, int(recording_of_ray[ray]), ray, float(random.integers(1, 5)) / 4)
        for candidate in range(25)
        for ray in random.choice(40, 8, replace=False).tolist()
    ]
    sights = _sights(rows)
    claims = claim(sights, 25, 40, min_views=3)
    assert list(zip(claims.candidate.tolist(), claims.ray.tolist(), strict=True)) == _by_queue(sights, 3)


def test_a_ray_belongs_to_one_object_and_an_object_has_one_ray_a_recording() -> None:
    upper = [(0, recording, 2 * recording, 1.0) for recording in range(5)]
    upper += [(0, recording, 2 * recording + 1, 0.3) for recording in range(5)]
    lower = [(1, recording, 2 * recording + 1, 0.9) for recording in range(5)]
    lower += [(1, recording, 2 * recording, 0.2) for recording in range(5)]
    claims = claim(_sights(upper + lower), 2, 10, min_views=3)
    assert claims.ray.tolist() == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]


def test_a_ghost_that_lives_on_the_rays_of_real_objects_gets_nothing() -> None:
    real = [(1, recording, recording, 0.9) for recording in range(6)]
    ghost = [(0, recording, recording, 1.0) for recording in range(2)] + [(0, 7, 7, 1.0)]
    assert set(claim(_sights(real + ghost), 2, 8, min_views=2).candidate.tolist()) == {1}


def test_too_few_views_are_no_object() -> None:
    rows = [(0, 0, 0, 1.0), (0, 0, 1, 1.0), (0, 1, 2, 1.0)]  # three rays, two recordings
    assert not len(claim(_sights(rows), 1, 3, min_views=3))
    assert len(claim(_sights(rows), 1, 3, min_views=2)) == 2
