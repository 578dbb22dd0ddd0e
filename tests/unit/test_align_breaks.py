"""Photographs at a wrong place of the reconstruction are found by the jump to their neighbours, and right ones kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steps.align import breaks, correlated, fuse, seams
from steps.align.model import Model
from steps.align.params import Params
from steps.align.poses import Priors
from steps.align.seams import Component
from steps.align.similarity import Along
from steps.stepkit.arrays import F64
from tests.unit import aligned_world as world

COUNT = 60
METRES = np.arange(COUNT, dtype=np.float64) * 4.0
DRIVE = np.zeros(COUNT, np.int64)
SD = np.full(COUNT, 3.0)


def errors(white: float, seed: int) -> F64:
    """Of positions, metres along each axis, shape (COUNT, 3)."""
    root = np.linalg.cholesky(correlated.covariance(SD, METRES, DRIVE, 100.0, white))
    drawn: F64 = root @ np.random.default_rng(seed).normal(size=(COUNT, 3))
    return drawn


def pieces(off: F64, white: float, drive: np.ndarray = DRIVE) -> list[list[int]]:
    along = Along(metres=METRES, drive=drive, length=100.0, white_position=white, white_turn=white)
    return [piece.tolist() for piece in breaks.pieces(off, SD, along, np.arange(COUNT))]


@pytest.mark.parametrize("white", [0.02, 0.2, 1.0])
def test_errors_as_they_are_stated_break_nothing(white: float) -> None:
    for seed in range(20):
        assert pieces(errors(white, seed), white) == [list(range(COUNT))]


def test_photographs_at_a_wrong_place_are_pieces_of_their_own() -> None:
    for seed in range(20):
        off = errors(0.05, seed)
        off[30:34] += [14.0, 0.0, 0.0]
        off[45] -= [0.0, 16.0, 0.0]
        main, few, one = pieces(off, 0.05)
        assert (few, one) == ([30, 31, 32, 33], [45])
        assert len(main) == COUNT - 5


def test_what_follows_a_wrong_one_is_not_judged_by_it() -> None:
    off = errors(0.05, 0)
    off[20] += [0.0, 15.0, 0.0]
    assert pieces(off, 0.05) == [[*range(20), *range(21, COUNT)], [20]]


def test_between_drives_there_is_nothing_to_compare() -> None:
    off = np.repeat([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]], COUNT // 2, axis=0)
    assert pieces(off, 0.05, np.repeat([0, 1], COUNT // 2)) == [list(range(COUNT))]


def torn(truth: Model) -> Model:
    """A reconstruction in which five photographs are at a wrong place with their points, and another one alone."""
    centre, points = truth.centre.copy(), truth.points.copy()
    centre[30:35] += [20.0, 5.0, 0.0]
    centre[45] -= [20.0, 0.0, 5.0]
    theirs = np.isin(truth.seen_by, range(30, 35))
    points[np.setdiff1d(truth.seen[theirs], truth.seen[~theirs])] += [20.0, 5.0, 0.0]
    return replace(truth, centre=centre, points=points)


def priors(truth: Model) -> Priors:
    return world.priors(truth, errors(0.05, 3), np.zeros((COUNT, 3)), 3.0, 0.05)


def test_a_torn_reconstruction_is_mended_and_whom_it_lost_is_told() -> None:
    truth = world.drive(count=COUNT, spacing=4.0)
    (placed,), reasons = fuse.fuse([world.alone(torn(truth))], priors(truth), world.driven(truth), Params())
    assert reasons == {45: "reconstruction contradicts the poses given"}
    made = placed.adjusted.model
    assert len(made.places) == COUNT - 1
    off = (made.centre - truth.centre[made.places])[np.argsort(made.places)]
    assert np.linalg.norm(np.diff(off, axis=0), axis=1).max() < 3.0  # and not 20


def test_sightings_go_with_the_points_of_a_model_that_is_split() -> None:
    truth = world.drive(count=COUNT)
    halves = [world.halved(truth, 0), world.halved(truth, 1)]
    seen = seams.sightings(halves, world.links(truth), world.views(truth))
    cut = np.arange(20), np.arange(20, 30)
    models, split = seams.split(dict(enumerate(halves)), seen, 0, cut)
    assert [len(models[number].places) for number in sorted(models)] == [20, 30, 10]
    kept = split.model == 2
    assert kept.sum() > 10
    numbers = dict(zip(halves[0].places.tolist(), range(30), strict=True))
    assert set(models[2].places.tolist()) == {place for place, at in numbers.items() if at >= 20}
    for model, point, before in zip(split.model[kept], split.point[kept], seen.point[kept], strict=True):
        assert (models[model].points[point] == halves[0].points[before]).all()
    whole = Component(models=[models[number] for number in sorted(models)], sightings=split)
    assert len(whole.sightings) == len(seen)
