"""What recordings say of their poses, and what becomes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steps.position.accuracy import read_accuracy
from steps.position.drive import Likeness, ways
from steps.position.locate import locate
from steps.position.params import Params
from steps.position.rays import cast
from steps.stepkit import BadInput
from tests.unit.synthetic_scene import Json, Noise, along, matches, record, street

_PARAMS = Params(position_sigma_m=0.1, angle_sigma_deg=0.3)


def _items(*accuracies: Any) -> list[Json]:
    return [
        {"id": f"r{number}", "pose": {"x": 0.0, "y": 0.0, "z": 0.0, "heading": 0.0, "accuracy": accuracy}}
        for number, accuracy in enumerate(accuracies)
    ]


def test_nothing_said_is_none() -> None:
    assert read_accuracy(_items(None, None)) is None


def test_a_ray_is_off_by_its_own_pose_and_box_or_by_the_parameters() -> None:
    said = read_accuracy(_items({"position_m": 3, "heading_deg": 0.4}, None, {"position_m": 1.0}))
    assert said is not None
    distance = np.full(3, 10.0)
    sigma = np.sqrt(said.variance(np.arange(3), distance, _PARAMS))
    # The angle stated is the pose's: the box's comes on top. For who says nothing, one parameter is both.
    assert sigma[0] == pytest.approx(np.hypot(3, 10 * np.radians(0.5)))
    assert sigma[1] == pytest.approx(np.sqrt(_PARAMS.variance(distance)[0]))
    assert sigma[2] == pytest.approx(np.hypot(1, 10 * np.radians(0.3)))


@pytest.mark.parametrize(
    ("accuracy", "message"),
    [
        (3, "pose accuracy must be an object with position_m and heading_deg, not 3"),
        ({"position_m": 0}, "pose accuracy position_m must be a number from 1e-06 to 10000, not 0"),
        ({"position_m": "3"}, "pose accuracy position_m must be a number from 1e-06 to 10000, not '3'"),
        ({"position_m": True}, "pose accuracy position_m must be a number from 1e-06 to 10000, not True"),
        ({"position_m": 1e200}, "pose accuracy position_m must be a number from 1e-06 to 10000, not 1e+200"),
        ({"position_m": 1e-200}, "pose accuracy position_m must be a number from 1e-06 to 10000, not 1e-200"),
        (
            {"position_m": 10**400},
            f"pose accuracy position_m must be a number from 1e-06 to 10000, not {10**400}",
        ),
        (
            {"heading_deg": float("inf")},
            "pose accuracy heading_deg must be a number from 1e-06 to 180, not inf",
        ),
        ({"heading_deg": 1000}, "pose accuracy heading_deg must be a number from 1e-06 to 180, not 1000"),
        ({"shared_m": -1}, "pose accuracy shared_m must be a number from 0 to 10000, not -1"),
        (
            {"positon_m": 3},
            "pose accuracy has no 'positon_m'; it may hold position_m, heading_deg, shared_m, shared_deg",
        ),
    ],
)
def test_what_is_no_accuracy_is_told_with_the_recording(accuracy: Any, message: str) -> None:
    with pytest.raises(BadInput) as told:
        read_accuracy(_items(None, accuracy))
    assert str(told.value) == f"recording 'r1': {message}"


def test_what_align_says_is_an_accuracy() -> None:
    said = read_accuracy(
        _items({"position_m": 0.03, "heading_deg": None, "shared_m": 0.0, "shared_deg": 0.0})
    )
    assert said is not None
    assert (said.position[0], said.shared[0]) == (0.03, 0.0)
    assert np.isnan(said.angle[0])


def _stating(items: list[Json], position_m: float, heading_deg: float) -> list[Json]:
    said = {"position_m": position_m, "heading_deg": heading_deg}
    return [{**item, "pose": {**item["pose"], "accuracy": said}} for item in items]


def test_the_step_refuses_a_bad_accuracy() -> None:
    signs, poses = street(1, recordings=4, signs=1)
    items = record(np.random.default_rng(0), signs, poses, Noise())
    items[0]["detections"] = [{"bbox": [5, 5, 9, 9]}]
    items[0]["pose"] = {**items[0]["pose"], "accuracy": {"position_m": -1}}
    with pytest.raises(BadInput, match=r"recording 'r0000\.jpg': pose accuracy position_m"):
        locate(items, None, Params())


def test_with_exact_poses_that_say_so_nothing_is_lost() -> None:
    signs, poses = street(4, recordings=100, signs=20)
    items = record(
        np.random.default_rng(4), signs, poses, Noise(pixels=1.0, missed=0.05, false_positives=0.1)
    )
    silent = locate(items, None, Params())
    for stated in ((0.02, 0.05), (0.1, 0.2)):
        objects = locate(_stating(items, *stated), None, Params())
        assert len(matches(signs, objects, within=1.0)) >= len(matches(signs, silent, within=1.0))
        assert len(objects) <= len(silent)


def test_what_poses_have_wrong_together_widens_the_ellipse_and_moves_nothing() -> None:
    signs, poses = street(4, recordings=40, signs=8)
    items = _stating(record(np.random.default_rng(4), signs, poses, Noise(pixels=1.0)), 0.05, 0.1)
    for item in items:
        item["pose"]["accuracy"] = dict(item["pose"]["accuracy"])
    alone = locate(items, None, Params())
    for item in items:
        item["pose"]["accuracy"]["shared_m"] = 2.0
    together = locate(items, None, Params())
    assert alone
    assert [thing["position"] for thing in together] == [thing["position"] for thing in alone]
    for one, other in zip(alone, together, strict=True):
        widened = np.array(other["covariance"]) - np.array(one["covariance"])
        assert widened == pytest.approx(4.0 * np.eye(3), abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_poor_poses_that_say_so_still_give_the_map(seed: int) -> None:
    signs, poses = street(seed, recordings=80, signs=16)
    noise = Noise(position_m=1.0, angle_deg=2.0, pixels=1.0, missed=0.05, false_positives=0.1)
    items = record(np.random.default_rng([seed, 1]), signs, poses, noise)
    silent = matches(signs, locate(items, None, Params()), within=2.0)
    objects = locate(_stating(items, 1.0, 2.0), None, Params())
    found = matches(signs, objects, within=2.0)
    assert len(found) >= 0.65 * len(signs)
    assert len(found) >= 2 * len(silent)
    assert len(objects) <= len(signs) + 2


def test_poor_poses_give_the_same_objects_in_any_order() -> None:
    signs, poses = street(3, recordings=24, signs=5)
    noise = Noise(position_m=1.0, angle_deg=2.0, pixels=1.0)
    items = _stating(record(np.random.default_rng(3), signs, poses, noise), 1.0, 2.0)
    assert locate(items[::-1], None, Params()) == locate(items, None, Params())


def test_a_recording_is_as_far_along_its_drive_as_was_driven_until_its_time() -> None:
    poses = along((0, 0), (0, 40), 10.0)
    items = [{"id": f"{at}", "pose": pose} for at, pose in enumerate(poses)]
    centre = np.array([[pose[axis] for axis in "xyz"] for pose in poses])
    assert ways(items, centre) is centre
    for item, time in zip(items, ("2", "1", "2024-05-14T10:00:00Z", "2024-05-14T10:00:02"), strict=True):
        item["time"] = time
    way = ways(items, centre)[:, 0]
    assert way[1] == 0
    assert way[0] == 10
    assert way[3] - way[2] == pytest.approx(10)
    assert way[2] - way[0] > 1e6  # another drive


def test_what_is_shared_fades_along_the_way() -> None:
    alike = Likeness(shared=0.5, length_m=100.0).of(np.array([[0.0]]), np.array([[0.0], [100.0]]))
    assert alike[0].tolist() == pytest.approx([0.5, 0.5 / np.e])


def test_rays_of_recordings_that_say_nothing_are_as_ever() -> None:
    signs, poses = street(1, recordings=8, signs=2)
    rays = cast(record(np.random.default_rng(0), signs, poses, Noise()))
    assert rays.accuracy is None
    distance = np.linspace(1, 50, len(rays))
    assert np.array_equal(rays.variance(np.arange(len(rays)), distance, _PARAMS), _PARAMS.variance(distance))
