"""What is made of poses that say how poor they are: adjusted, or found to be better; and what two places tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steps.position.associate import associate, owners
from steps.position.drive import Likeness, apart_by_accuracy
from steps.position.evidence import evidence
from steps.position.locate import locate
from steps.position.merge import merged
from steps.position.nearby import around
from steps.position.params import Params
from steps.position.rays import NO_LABEL, Rays, cast
from steps.position.refine import Fit, fit
from steps.position.support import Sights
from steps.stepkit import BadInput
from tests.unit.synthetic_scene import Json, Noise, Sign, along, matches, record, street


def _sign(x: float, y: float, z: float = 2.8, label: str = "red-circle") -> Sign:
    return Sign(centre=(x, y, z), side=0.6, facing=180.0, label=label)


def _stating(items: list[Json], position_m: float, heading_deg: float) -> list[Json]:
    said = {"position_m": position_m, "heading_deg": heading_deg}
    return [{**item, "pose": {**item["pose"], "accuracy": said}} for item in items]


def test_two_places_suffice_where_recordings_are_sparse() -> None:
    sign = _sign(6.0, 40.0)
    items = record(np.random.default_rng(0), [sign], along((0, 0), (0, 30), 15.0), Noise())
    assert sum(bool(item["detections"]) for item in items) == 2
    assert matches([sign], locate(items, None, Params()), within=0.1)
    assert locate(items, None, Params(sparse=0)) == []
    crowd = [{**items[0], "id": f"c{at}", "pose": {**items[0]["pose"], "x": -9.0 - at}} for at in range(14)]
    blind = [{**one, "detections": [{"bbox": [5.0, 900.0, 20.0, 20.0], "score": 0.5}]} for one in crowd]
    assert locate(items + blind, None, Params()) == []


def test_around_counts_what_is_in_nine_squares() -> None:
    rng = np.random.default_rng(0)
    points, places = rng.uniform(-60, 60, (300, 3)), rng.uniform(-60, 60, (40, 3))
    apart = np.abs(np.floor(points[None, :, :2] / 10) - np.floor(places[:, None, :2] / 10)).max(axis=2)
    assert around(points, places, 10.0).tolist() == (apart <= 1).sum(axis=1).tolist()


def _fitted(rays: Rays, params: Params) -> tuple[Sights, Fit]:
    claimed = associate(rays, params)
    return claimed, fit(rays, owners(claimed), claimed.ray, params)


def test_rays_that_meet_are_more_evidence_the_better_they_may_meet_and_chance_is_none() -> None:
    signs, poses = street(4, recordings=60, signs=10)
    exact = cast(_stating(record(np.random.default_rng(4), signs, poses, Noise(pixels=0.5)), 0.4, 0.5))
    claimed, fitted = _fitted(exact, Params())
    assert exact.accuracy is not None
    told = []
    for factor in (4.0, 1.0, 0.25):
        stating = replace(exact, accuracy=exact.accuracy.times(factor))
        told.append(evidence(stating, owners(claimed), claimed.ray, fitted, Params()))
    assert (told[0] < told[1]).all()
    assert (told[1] < told[2]).all()
    assert (told[1] > 0).all()
    ray = np.array([0, 20, 40])
    owner = np.zeros(3, dtype=np.int64)
    chance = fit(exact, owner, ray, Params())
    assert evidence(exact, owner, ray, chance, Params())[0] < 0


def test_poses_that_are_better_than_they_say_tell_neighbours_apart() -> None:
    signs = [_sign(5.0, y) for y in (20.0, 23.0, 26.0, 50.0, 53.0)]
    items = record(np.random.default_rng(1), signs, along((0, 0), (0, 60), 4.0), Noise(pixels=0.5))
    objects = locate(_stating(items, 3.0, 2.0), None, Params())
    assert len(objects) == len(matches(signs, objects, within=0.3)) == len(signs)
    # How sure the map is, is told as the poses state it all the same.
    assert min(np.sqrt(thing["covariance"][0][0]) for thing in objects) > 0.3


def _objects(
    apart: float, recordings: list[list[int]], labels: list[int]
) -> tuple[Sights, np.ndarray, Rays, Fit]:
    """Two objects so far apart, with a metre of uncertainty each: the claims, their owners, the rays and the fit."""
    recording = np.array([one for each in recordings for one in each])
    owner = np.repeat([0, 1], [len(each) for each in recordings])
    count = len(recording)
    claimed = Sights(candidate=owner * 7, ray=np.arange(count), recording=recording, weight=np.ones(count))
    seen: Json = {"width": 200, "height": 100, "camera": {"model": "equirectangular"}}
    seen = {
        **seen,
        "pose": {"x": 0.0, "y": 0.0, "z": 0.0, "heading": 0.0},
        "detections": [{"bbox": [1, 1, 2, 2]}],
    }
    rays = cast([{**seen, "id": f"{at:03d}"} for at in range(count)])
    rays = replace(rays, label=np.repeat(labels, [len(each) for each in recordings]))
    metre = np.repeat(np.eye(3)[None], 2, axis=0)
    point = np.array([[0.0, 0.0, 0.0], [apart, 0.0, 0.0]])
    nothing = np.zeros(count)
    fitted = Fit(
        point=point, covariance=metre, reported=metre, log_size=np.zeros(2), distance=nothing, missed=nothing
    )
    return claimed, owner, rays, fitted


@pytest.mark.parametrize(
    ("apart", "recordings", "labels", "objects"),
    [
        (3.0, [[0, 1, 2], [3, 4, 5]], [2, 2], 1),
        (3.0, [[0, 1, 2], [3, 4, 5]], [NO_LABEL, NO_LABEL], 1),
        (3.0, [[0, 1, 2], [2, 4, 5]], [2, 2], 2),
        (3.0, [[0, 1, 2], [3, 4, 5]], [1, 2], 2),
        (6.0, [[0, 1, 2], [3, 4, 5]], [2, 2], 2),
    ],
    ids=["one thing", "without labels", "seen beside each other", "of two kinds", "too far apart"],
)
def test_what_may_be_one_thing_is_one(
    apart: float, recordings: list[list[int]], labels: list[int], objects: int
) -> None:
    claimed, owner, rays, fitted = _objects(apart, recordings, labels)
    together = merged(claimed, owner, rays, fitted)
    assert len(np.unique(together.candidate)) == objects
    assert sorted(together.ray.tolist()) == claimed.ray.tolist()
    assert (np.diff(together.candidate) >= 0).all()


def test_what_is_left_of_distant_signs_makes_no_others() -> None:
    """Rays beyond the range belong to what stands there, and meet nothing on their way to it by chance."""
    signs, poses = street(2, recordings=60, signs=24)
    noise = Noise(position_m=1.0, angle_deg=2.0, pixels=1.0)
    items = _stating(record(np.random.default_rng(2), signs, poses, noise), 1.0, 2.0)
    objects = locate(items, None, Params(max_range_m=25.0))
    assert len(objects) - len(matches(signs, objects, within=5.0)) <= 1


def test_a_kind_tells_more_than_a_label_and_a_face_without_one_may_be_any() -> None:
    pose = {"x": 0.0, "y": 0.0, "z": 0.0, "heading": 0.0}
    said: list[Json] = [
        {"label": "red-circle"},
        {"label": "red-circle", "face": True, "kind": "speed_limit_30"},
        {"label": "red-circle", "face": True},
        {"kind": "speed_limit_30"},
    ]
    detections = [{"bbox": [5.0, 5.0, 9.0, 9.0], **one} for one in said]
    item = {"id": "a", "pose": pose, "camera": {"model": "equirectangular"}, "width": 200, "height": 100}
    rays = cast([{**item, "detections": detections}])
    assert rays.label.tolist() == [0, 1, NO_LABEL, NO_LABEL]
    assert rays.face.tolist() == [False, True, True, False]


def test_a_surveyors_errors_say_nothing_of_a_telephones() -> None:
    way = np.column_stack([[0.0, 5.0, 10.0], apart_by_accuracy(np.array([0.1, 3.0, 2.5]))])
    alike = Likeness(shared=0.9, length_m=100.0).of(way, way)
    assert alike[0, 1] == 0
    assert alike[1, 2] > 0.8


def test_a_region_without_a_core_is_told() -> None:
    for region in ({}, {"id": "a", "core": None}):
        with pytest.raises(BadInput, match="a region must be an object with a core"):
            locate([], region, Params())


def test_a_distortion_that_leaves_no_ray_is_told_with_the_recording() -> None:
    camera = {"model": "pinhole", "fx": 900.0, "fy": 900.0, "cx": 600.0, "cy": 400.0, "k1": 1e7, "k2": -1e7}
    pose = {"x": 0.0, "y": 0.0, "z": 0.0, "heading": 0.0}
    item = {"id": "a", "pose": pose, "camera": camera, "width": 1200, "height": 800}
    with pytest.raises(BadInput, match=r"'a'.* distortion .* leaves no ray"):
        cast([{**item, "detections": [{"bbox": [5.0, 5.0, 9.0, 9.0]}]}])
