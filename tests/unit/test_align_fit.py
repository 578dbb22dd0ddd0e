"""From a model without scale to the world: similarity, adjustment, what errors have in common, honest accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steps.align import correlated, fuse, rotations, similarity
from steps.align.adjust import adjust
from steps.align.matching import match
from steps.align.model import Model, joined, thinned
from steps.align.params import Params
from steps.align.poses import Priors
from steps.align.similarity import Along
from steps.stepkit.arrays import F32
from tests.unit import aligned_world as world

PARAMS = Params()
ELSEWHERE = rotations.turns(np.array([0.4, -1.0, 2.0]))
"""How the frame of a reconstruction may lie."""


def lost(model: Model) -> Model:
    """The model in a frame of its own."""
    return model.moved(0.13, ELSEWHERE, np.array([5.0, -3.0, 1.0]))


def along(model: Model, white: float = 0.9) -> Along:
    metres = np.arange(len(model.places), dtype=np.float64) * 3.0
    return Along(
        metres=metres,
        drive=np.zeros(len(metres), np.int64),
        length=100.0,
        white_position=white,
        white_turn=white,
    )


def test_a_model_comes_to_where_exact_priors_say() -> None:
    truth = world.drive()
    known = world.independent(truth, 1e-6, 1e-6, 0)
    found = similarity.fit(lost(truth), known, along(truth))
    assert found is not None
    assert np.allclose(found.of(lost(truth)).centre, truth.centre, atol=1e-4)


def test_noise_does_not_pull_the_scale() -> None:
    truth = world.drive(count=15, spacing=2.0)
    scales = []
    for seed in range(60):
        found = similarity.fit(lost(truth), world.independent(truth, 3.0, 0.09, seed), along(truth))
        assert found is not None
        scales.append(found.scale * 0.13)
    # 30 m with errors of 3 m: one drive tells the scale to about 9%; many of them on the average to 1 or 2%.
    assert np.mean(scales) == pytest.approx(1.0, abs=0.04)
    assert np.std(scales) < 0.13


def test_a_few_wrong_positions_pull_little() -> None:
    truth = world.drive()
    known = world.independent(truth, 0.5, 0.02, 3)
    known.position[[3, 17, 30]] += [40.0, -60.0, 0.0]
    found = similarity.fit(lost(truth), known, along(truth))
    assert found is not None
    assert np.linalg.norm(found.of(lost(truth)).centre - truth.centre, axis=1).max() < 1.5


def test_a_model_that_runs_against_its_priors_fits_nowhere() -> None:
    truth = world.drive()
    known = replace(world.independent(truth, 0.1, 0.01, 0), position=-truth.centre)
    assert similarity.fit(lost(truth), known, along(truth)) is None


def test_a_straight_drive_stands_upright_by_its_angles() -> None:
    truth = world.drive()
    straight = replace(truth, centre=np.outer(np.arange(40) * 3.0, [0.0, 1.0, 0.0]))
    found = similarity.fit(lost(straight), world.independent(straight, 0.5, 0.02, 1), along(straight))
    assert found is not None
    turned = rotations.vectors(found.turn @ ELSEWHERE)
    assert np.degrees(np.linalg.norm(turned)) < 1.0


def test_the_adjustment_takes_out_what_a_reconstruction_bends() -> None:
    truth = world.drive()
    known = world.independent(truth, 0.3, 0.01, 5)
    bend = np.linspace(0, 1, 40)[:, None] ** 2 * np.array([2.0, -3.0, 1.0])
    bent = replace(truth, centre=truth.centre + bend)
    adjusted = adjust(bent, known, similarity.information(bent, known, along(bent)))
    off = adjusted.model.centre - truth.centre
    assert np.linalg.norm(off - off.mean(axis=0), axis=1).max() < 0.25
    assert adjusted.misfit == pytest.approx(1.0, abs=0.25)


def test_how_alike_errors_are_shows_in_neighbours() -> None:
    random = np.random.default_rng(0)
    metres, drive = np.arange(300, dtype=np.float64) * 3.0, np.zeros(300, np.int64)
    sd = np.full((300, 3), 3.0)
    alone = random.normal(0, 3.0, (300, 3))
    assert correlated.white_share(alone, sd, metres, drive, 100.0) == pytest.approx(1.0, abs=0.25)
    whole = correlated.covariance(np.full(300, 3.0), metres, drive, 100.0, 0.02)
    drifting = np.linalg.cholesky(whole) @ random.normal(size=(300, 3))
    assert correlated.white_share(drifting, sd, metres, drive, 100.0) < 0.06
    both = np.sqrt(0.5) * (alone + np.linalg.cholesky(whole) @ random.normal(size=(300, 3)))
    assert correlated.white_share(both, sd, metres, drive, 100.0) == pytest.approx(0.5, abs=0.15)
    assert correlated.white_share(alone[:1], sd[:1], metres[:1], drive[:1], 100.0) == 0.5


def test_errors_of_different_drives_have_nothing_in_common() -> None:
    found = correlated.covariance(np.array([2.0, 3.0]), np.zeros(2), np.array([0, 1]), 100.0, 0.5)
    assert found == pytest.approx(np.diag([4.0, 9.0]))


def test_accuracy_holds_what_it_says() -> None:
    truth = world.drive()
    within, relative = [], []
    for seed in range(12):
        known = world.independent(truth, 3.0, 0.09, seed)
        placed, reasons = fuse.fuse([world.alone(lost(truth))], known, world.driven(truth), PARAMS)
        assert reasons == {}
        off = (placed[0].adjusted.model.centre - truth.centre)[:, :2]
        told = placed[0].accuracy
        within.append(
            np.linalg.norm(off, axis=1) <= np.sqrt(5.991) * np.hypot(told.position_m, told.shared_m)
        )
        relative.append(told.position_m.max())
    assert np.mean(within) >= 0.9
    assert max(relative) < 0.5


def test_drifting_errors_are_said_to_be_shared() -> None:
    truth = world.drive()
    metres = np.arange(40, dtype=np.float64) * 3.0
    whole = correlated.covariance(np.full(40, 3.0), metres, np.zeros(40, np.int64), 100.0, 0.02)
    moved = np.linalg.cholesky(whole) @ np.random.default_rng(4).normal(size=(40, 3))
    known = world.priors(truth, moved, np.zeros((40, 3)) + 1e-3, 3.0, 0.02)
    placed, _ = fuse.fuse([world.alone(lost(truth))], known, world.driven(truth), PARAMS)
    assert placed[0].accuracy.shared_m.min() > 1.0
    assert np.median(placed[0].accuracy.position_m) < 0.3


def test_what_contradicts_its_priors_is_told_and_left() -> None:
    truth = world.drive()
    known = replace(world.independent(truth, 0.1, 0.01, 0), position=-truth.centre)
    placed, reasons = fuse.fuse([world.alone(lost(truth))], known, world.driven(truth), PARAMS)
    assert placed == []
    assert set(reasons.values()) == {"reconstruction contradicts the poses given"}
    assert len(reasons) == 40


def test_a_thinned_model_keeps_its_photographs_and_its_longest_tracks() -> None:
    truth = world.drive()
    thin = thinned(truth, each=20, longest=4)
    assert set(thin.seen_by.tolist()) == set(truth.seen_by.tolist())
    assert len(thin.points) < len(truth.points)
    assert np.bincount(thin.seen).max() <= 4
    assert np.bincount(thin.seen).min() >= 2


def test_a_thinned_model_keeps_the_points_that_it_is_told_to_keep() -> None:
    truth = world.drive()
    kept = np.zeros(len(truth.points), bool)
    kept[::7] = True
    thin = thinned(truth, kept, each=1)
    known = {tuple(point) for point in thin.points.tolist()}
    assert {tuple(point) for point in truth.points[kept].tolist()} <= known
    assert len(thin.points) < len(truth.points) / 2


def test_joined_models_keep_apart() -> None:
    one, other = world.drive(count=8), world.drive(count=9, seed=1)
    both = joined([one, other])
    assert len(both.places) == 17
    assert both.seen.max() == len(both.points) - 1
    assert both.seen_by[len(one.seen) :].min() >= 8


def test_matches_are_mutual_and_distinct() -> None:
    random = np.random.default_rng(2)
    described: F32 = np.abs(random.normal(size=(30, 128))).astype(np.float32) ** 4
    described /= np.linalg.norm(described, axis=1, keepdims=True)
    shuffled = random.permutation(30)
    found = match(described, described[shuffled])
    assert len(found) == 30
    assert (shuffled[found[:, 1]] == found[:, 0]).all()
    twice = np.concatenate([described, described])
    assert len(match(described, twice)) == 0
    assert match(described[:1], described).shape == (0, 2)


def test_what_was_aligned_before_knows_no_more_of_its_place_when_it_is_aligned_again() -> None:
    truth = world.drive()
    metres = np.arange(40, dtype=np.float64) * 3.0
    whole = correlated.covariance(np.full(40, 3.0), metres, np.zeros(40, np.int64), 100.0, 0.02)
    moved = np.linalg.cholesky(whole) @ np.random.default_rng(4).normal(size=(40, 3))
    known = world.priors(truth, moved, np.random.default_rng(5).normal(0, 0.09, (40, 3)), 3.0, 0.09)
    (once,), _ = fuse.fuse([world.alone(lost(truth))], known, world.driven(truth), PARAMS)
    again = Priors(
        position=once.adjusted.model.centre,
        turn=once.adjusted.model.turn,
        position_sd=np.hypot(once.accuracy.position_m, once.accuracy.shared_m),
        turn_sd=np.radians(np.hypot(once.accuracy.heading_deg, once.accuracy.shared_deg))[:, None].repeat(
            3, 1
        ),
        shared=once.accuracy.shared_m,
        shared_turn=np.radians(once.accuracy.shared_deg)[:, None].repeat(3, 1),
    )
    (twice,), _ = fuse.fuse([world.alone(lost(truth))], again, world.driven(truth), PARAMS)
    assert np.linalg.norm(twice.adjusted.model.centre - once.adjusted.model.centre, axis=1).max() < 0.1
    assert twice.accuracy.shared_m == pytest.approx(once.accuracy.shared_m, rel=0.2)
    assert twice.accuracy.shared_deg == pytest.approx(once.accuracy.shared_deg, rel=0.2)


def test_photographs_alone_do_not_say_where_the_drive_lies() -> None:
    truth = world.drive()
    known = world.independent(truth, 1e3, 0.01, 0)
    known = replace(known, position=truth.centre)
    told = adjust(truth, known, similarity.information(truth, known, along(truth)))
    shift = np.linalg.inv(told.normal)[3::6, 3::6].mean()
    # A tenth of the variance drifts, the rest is shared among forty.
    assert np.sqrt(shift) == pytest.approx(1e3 * np.sqrt(0.1 * 0.7 + 0.9 / 40), rel=0.2)


def test_photographs_taken_at_surveyed_places_hold_the_whole_drive() -> None:
    truth = world.drive()
    known = world.priors(truth, np.full((40, 3), 4.0), np.zeros((40, 3)), 3.0, 0.09)
    surveyed = [0, 20, 39]
    known.position[surveyed] = truth.centre[surveyed] + 0.03
    known.position_sd[surveyed] = 0.05
    (placed,), _ = fuse.fuse([world.alone(lost(truth))], known, world.driven(truth), PARAMS)
    off = np.linalg.norm(placed.adjusted.model.centre - truth.centre, axis=1)
    assert off.max() < 0.3
    assert placed.accuracy.shared_m.max() < 0.3


def test_a_model_far_from_its_origin_comes_to_the_same_place() -> None:
    truth = world.drive()
    known = world.independent(truth, 3.0, 0.09, 3)
    near = similarity.fit(truth, known, along(truth))
    far = truth.moved(1.0, np.eye(3), np.array([120_987.0, 486_970.0, 3.0]))
    found = similarity.fit(far, known, along(truth))
    assert near is not None
    assert found is not None
    assert np.allclose(found.of(far).centre, near.of(truth).centre, atol=1e-3)
