"""Models that were reconstructed apart become one by what photographs of both see; which features can be the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steps.align import fuse, rotations, seams
from steps.align.model import Model, View, part
from steps.align.overlap import overlapping
from steps.align.params import Params
from steps.align.seams import Component
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation
from tests.unit import aligned_world as world

TURN = rotations.turns(np.array([0.02, -0.01, 0.08]))
"""How a model may stand to another one, with 4 m and 3%: as poor priors of each put them."""


def halves(truth: Model) -> tuple[Model, Model]:
    return world.halved(truth, 0), world.halved(truth, 1)


def off(model: Model) -> Model:
    middle = model.centre.mean(axis=0)
    return model.moved(1.03, TURN, middle - 1.03 * TURN @ middle + np.array([3.0, -2.0, 1.5]))


def errors(model: Model, truth: Model) -> F64:
    """Of the photographs' places, metres."""
    return np.asarray(np.linalg.norm(model.centre - truth.centre[model.places], axis=1), np.float64)


def test_what_pairs_say_of_the_other_models_points_is_told_once() -> None:
    truth = world.drive()
    one, other = halves(truth)
    found = seams.sightings([one, other], world.links(truth), world.views(truth))
    assert len(found) > 30
    keys = np.stack([found.model, found.point, found.place], axis=1)
    assert len(np.unique(keys, axis=0)) == len(found)
    for model, point, place, ray in zip(found.model, found.point, found.place, found.rays, strict=True):
        assert place not in (one, other)[model].places
        arm = truth.turn[place].T @ ((one, other)[model].points[point] - truth.centre[place])
        assert np.linalg.norm(arm / np.linalg.norm(arm) - ray) < 0.01


@pytest.mark.parametrize("wrong", [0.0, 0.4])
def test_two_halves_of_a_drive_become_one_though_some_sightings_are_wrong(wrong: float) -> None:
    truth = world.drive(noise=1e-4)
    one, other = halves(truth)
    seen = seams.sightings([one, other], world.links(truth, wrong), world.views(truth))
    (whole,) = seams.sewn({0: one, 1: off(other)}, seen)
    assert errors(off(other), truth).min() > 2.0
    assert errors(whole, truth).max() < 0.3
    between = seams.across(whole, [one, other])
    assert between.sum() > 20
    assert not between.all()
    assert (np.diff(whole.seen) >= 0).all()


def test_three_parts_in_whatever_order_become_one() -> None:
    truth = world.drive(count=60, noise=1e-4)
    parts = [part(truth, np.arange(at, at + 20))[0] for at in (40, 0, 20)]
    seen = seams.sightings(parts, world.links(truth), world.views(truth))
    (whole,) = seams.sewn({0: off(parts[0]), 1: parts[1], 2: off(parts[2])}, seen)
    assert sorted(whole.places.tolist()) == list(range(60))
    relative = errors(
        replace(whole, centre=whole.centre - whole.centre[whole.places == 0] + truth.centre[0]), truth
    )
    assert relative.max() < 3.0


def test_models_that_nothing_connects_and_chance_stay_apart() -> None:
    truth = world.drive()
    one, other = halves(truth)
    assert len(seams.sewn({0: one, 1: off(other)}, world.alone(one, other).sightings)) == 2
    chance = seams.sightings([one, other], world.links(truth, wrong=1.0), world.views(truth))
    assert len(chance) > 30
    assert len(seams.sewn({0: one, 1: off(other)}, chance)) == 2


def test_a_drive_in_two_models_is_as_straight_as_one_in_one() -> None:
    truth = world.drive()
    lost = [half.moved(0.2, TURN.T, np.ones(3)) for half in halves(truth)]
    component = Component(
        models=lost, sightings=seams.sightings(lost, world.links(truth), world.views(truth))
    )
    together: list[float] = []
    apart: list[float] = []
    for seed in range(3):
        known = world.independent(truth, 3.0, 0.09, seed)
        for found, made in ((together, component), (apart, world.alone(*lost))):
            (placed,), _ = fuse.fuse([made], known, world.driven(truth), Params())
            centre = placed.adjusted.model.centre[np.argsort(placed.adjusted.model.places)]
            step = np.linalg.norm(np.diff(centre - truth.centre, axis=0), axis=1)
            found.append(float(step[19]))
    assert max(together) < 0.2
    assert min(apart) > max(together)


def view(rays: F64, *, panorama: bool) -> View:
    return View(rays=rays.astype(np.float32), sd=1e-3, round_about=panorama)


def test_of_a_panorama_only_what_a_photograph_may_show_is_compared_with_it() -> None:
    around = np.radians(np.arange(0, 360, 5.0))
    panorama = view(np.stack([np.sin(around), 0 * around, np.cos(around)], axis=1), panorama=True)
    tangents = np.linspace(-1.0, 1.0, 21)
    photograph = view(np.stack([tangents, 0 * tangents, np.ones(21)], axis=1), panorama=False)
    turn = rotation(120.0).T @ rotation(
        30.0
    )  # the photograph looks 90 degrees to the right of the panorama's middle
    here, there = overlapping(panorama, photograph, turn, np.radians(5.0))
    assert np.degrees(around[here]).min() == pytest.approx(90 - 65)
    assert np.degrees(around[here]).max() == pytest.approx(90 + 65)
    assert len(there) == 21
    assert [len(found) for found in overlapping(photograph, panorama, turn.T, np.radians(5.0))] == [
        21,
        len(here),
    ]


def test_of_two_photographs_alike_everything_is_compared() -> None:
    narrow = view(np.array([[0.0, 0.0, 1.0]] * 3), panorama=False)
    wide = view(np.array([[0.0, 0.0, -1.0]] * 4), panorama=True)
    assert [len(found) for found in overlapping(narrow, narrow, np.eye(3), 0.1)] == [3, 3]
    assert [len(found) for found in overlapping(wide, wide, np.eye(3), 0.1)] == [4, 4]
