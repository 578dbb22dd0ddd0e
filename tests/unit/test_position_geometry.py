"""The pieces between rays and objects: neighbours, ray pairs, verification and least squares."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steps.position.candidates import Candidates, propose, thin
from steps.position.nearby import Grid, chunks, ragged
from steps.position.params import Params
from steps.position.rays import NO_LABEL, Rays
from steps.position.refine import fit, triangulate
from steps.position.support import Sights, prefer_label, verify

_PARAMS = Params()
Array = NDArray[np.float64]


def _rays(origin: Array, target: Array, *, size: float = 0.7, label: list[int] | None = None) -> Rays:
    """One recording and one ray for each row of ``origin`` (N, 3), towards ``target`` (N, 3)."""
    offset = target - origin
    distance = np.linalg.norm(offset, axis=1)
    count = np.arange(len(origin))
    return Rays(
        recordings=[{"id": f"r{number}"} for number in count],
        centre=origin,
        first=np.arange(len(origin) + 1),
        recording=count,
        origin=origin,
        direction=offset / distance[:, None],
        height=size / distance,
        across=size / distance,
        label=np.array(label or [NO_LABEL] * len(origin)),
        face=np.zeros(len(origin), dtype=np.bool_),
    )


def _drive(*, steps: int = 6, sign: tuple[float, float, float] = (5.0, 40.0, 3.0)) -> tuple[Array, Array]:
    origin = np.array([[0.0, 5.0 * step, 2.0] for step in range(steps)])
    return origin, np.repeat([sign], steps, axis=0)


def test_ragged_lays_runs_end_to_end() -> None:
    owner, index = ragged(np.array([7, 0, 3]), np.array([2, 0, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert index.tolist() == [7, 8, 3, 4, 5]


def test_chunks_keep_everything_in_order() -> None:
    parts = chunks(np.full(100, 3000))
    assert len(parts) > 1
    assert np.concatenate(parts).tolist() == list(range(100))
    assert max(3000 * len(part) for part in parts) < 2 * 65536


def test_the_grid_finds_what_brute_force_finds() -> None:
    random = np.random.default_rng(1)
    points, places = random.uniform(-100, 100, (300, 3)), random.uniform(-120, 120, (200, 3))
    points[:40] = np.round(points[:40], -1)  # on the edges of cells
    found = {
        pair
        for chunk in Grid(points, 20.0).within(places)
        for pair in zip(*map(np.ndarray.tolist, chunk), strict=True)
    }
    apart = np.linalg.norm(places[:, None, :2] - points[None, :, :2], axis=2)
    assert found == {
        (int(place), int(point)) for place, point in zip(*np.nonzero(apart <= 20.0), strict=True)
    }


def test_two_rays_propose_the_point_where_they_meet() -> None:
    origin, target = _drive(steps=2, sign=(6.0, 20.0, 3.0))
    candidates = propose(_rays(origin, target), _PARAMS)
    assert np.allclose(candidates.point, [[6.0, 20.0, 3.0]])
    assert np.allclose(np.exp(candidates.log_size), 0.7)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"origin": [0.0, 0.4, 2.0]}, "the recordings stand still"),
        ({"origin": [-3.0, -10.0, 1.5]}, "the rays are nearly parallel"),
        ({"target": [6.0, 20.0, 5.0]}, "the rays pass by each other"),
        ({"target": [-6.0, 20.0, 3.0]}, "the rays part"),
    ],
)
def test_rays_that_do_not_meet_propose_nothing(change: dict[str, list[float]], why: str) -> None:
    origin, target = _drive(steps=2, sign=(6.0, 20.0, 3.0))
    origin[1] = change.get("origin", origin[1])
    target[1] = change.get("target", target[1])
    assert not len(propose(_rays(origin, target), _PARAMS)), why


@pytest.mark.parametrize("size", [0.1, 4.0])
def test_rays_to_something_too_small_or_too_large_propose_nothing(size: float) -> None:
    origin, target = _drive(steps=2, sign=(6.0, 20.0, 3.0))
    assert not len(propose(_rays(origin, target, size=size), _PARAMS))


def test_rays_that_imply_different_heights_propose_nothing() -> None:
    origin, target = _drive(steps=2, sign=(6.0, 20.0, 3.0))
    rays = _rays(origin, target)
    rays.height[1] *= 3
    assert not len(propose(rays, _PARAMS))


def test_thinning_keeps_the_cheapest_of_a_voxel_and_the_first_of_equals() -> None:
    point = np.array([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [0.3, 0.1, 0.1], [-0.1, 0.1, 0.1]])
    assert thin(point, np.array([2.0, 1.0, 1.0, 9.0]), 0.5).tolist() == [1, 3]


def test_all_rays_of_a_point_see_it_and_a_ray_beside_it_sees_it_less() -> None:
    origin, target = _drive()
    target[2] += [0.3, 0.0, 0.0]
    target[3] += [3.0, 0.0, 0.0]
    at_sign = Candidates(point=target[:1], log_size=np.log([0.7]))
    sights = verify(at_sign, _rays(origin, target), _PARAMS, 50.0)
    assert sights.ray.tolist() == [0, 1, 2, 4, 5]
    assert np.allclose(sights.weight[[0, 1, 3, 4]], 1.0)
    assert 0.2 < sights.weight[2] < 0.9


def test_a_point_behind_the_camera_or_out_of_range_is_not_seen() -> None:
    origin, target = _drive(steps=2)
    behind = Candidates(point=2 * origin[:1] - target[:1], log_size=np.log([0.7]))
    assert not len(verify(behind, _rays(origin, target), _PARAMS, 50.0))
    ahead = Candidates(point=target[:1], log_size=np.log([0.7]))
    assert not len(verify(ahead, _rays(origin, target), _PARAMS, 30.0))


def test_the_best_sight_of_each_recording_counts() -> None:
    sights = Sights(
        candidate=np.array([0, 0, 0, 1]),
        recording=np.array([4, 4, 5, 5]),
        ray=np.array([8, 9, 10, 10]),
        weight=np.array([0.9, 0.5, 0.4, 1.0]),
    )
    assert sights.best().ray.tolist() == [8, 10, 10]


def test_a_label_that_differs_from_most_weighs_a_quarter() -> None:
    origin, target = _drive(steps=4)
    rays = _rays(origin, target, label=[3, 7, NO_LABEL, 3])
    sights = verify(Candidates(point=target[:1], log_size=np.log([0.7])), rays, _PARAMS, 50.0)
    assert np.allclose(prefer_label(sights, rays).weight, [1.0, 0.25, 1.0, 1.0])


def test_exact_rays_give_the_exact_point_far_from_the_origin() -> None:
    origin, target = _drive()
    away = np.array([456_000.0, 5_428_000.0, 0.0])
    fitted = fit(_rays(origin + away, target + away), np.zeros(6, dtype=np.int64), np.arange(6), _PARAMS)
    assert np.allclose(fitted.point[0] - away, target[0], atol=1e-6)
    assert np.allclose(fitted.missed, 0.0, atol=1e-6)


def test_one_ray_far_off_hardly_moves_the_point() -> None:
    origin, target = _drive(steps=8)
    target[3] += [1.5, 0.0, 0.0]
    rays, owner = _rays(origin, target), np.zeros(8, dtype=np.int64)
    robust = fit(rays, owner, np.arange(8), _PARAMS).point[0]
    plain = triangulate(rays.origin, rays.direction, np.ones(8), owner)[0][0]
    assert np.linalg.norm(robust - target[0]) < 0.15
    assert np.linalg.norm(robust - target[0]) < 0.5 * np.linalg.norm(plain - target[0])


def test_the_covariance_tells_the_scatter_of_the_positions() -> None:
    random = np.random.default_rng(2)
    origin, target = _drive(steps=6)
    many = 2000
    sigma = np.sqrt(_PARAMS.variance(np.linalg.norm(target - origin, axis=1)))
    noisy = np.tile(target, (many, 1)) + random.normal(size=(6 * many, 3)) * np.tile(sigma, many)[:, None]
    rays = _rays(np.tile(origin, (many, 1)), noisy)
    fitted = fit(rays, np.repeat(np.arange(many), 6), np.arange(6 * many), _PARAMS)
    scatter = np.cov(fitted.point.T)
    assert np.allclose(np.sqrt(np.diag(scatter)), np.sqrt(np.diag(fitted.covariance.mean(axis=0))), rtol=0.15)


def test_frames_taken_at_one_place_count_as_one() -> None:
    origin, target = _drive()
    queue = np.r_[np.arange(6), np.full(30, 5)]
    owner = np.zeros(len(queue), dtype=np.int64)
    moving = fit(_rays(origin, target), owner[:6], np.arange(6), _PARAMS)
    queueing = fit(_rays(origin[queue], target[queue]), owner, np.arange(len(queue)), _PARAMS)
    assert np.allclose(queueing.covariance, moving.covariance, rtol=1e-6)


def test_an_objects_numbers_do_not_depend_on_its_neighbours() -> None:
    random = np.random.default_rng(3)
    origin, target = _drive()
    rays = _rays(np.tile(origin, (50, 1)), np.tile(target, (50, 1)) + random.normal(size=(300, 3)) * 0.1)
    together = fit(rays, np.repeat(np.arange(50), 6), np.arange(300), _PARAMS)
    alone = fit(rays, np.zeros(6, dtype=np.int64), np.arange(102, 108), _PARAMS)
    assert np.array_equal(alone.point[0], together.point[17])
    assert np.array_equal(alone.covariance[0], together.covariance[17])
