"""Poses of items and arrays: the conventions, what is told of their accuracy, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.align import poses, rotations
from steps.align.params import Params
from steps.stepkit import BadInput, Json
from steps.stepkit.camera import rotation
from tests.unit.builders import PROPERTY


def item(**pose: object) -> Json:
    stands = {"x": 1.0, "y": 2.0, "z": 3.0, "heading": 40.0}
    return {"id": "a", "image": "a.jpg", "camera": {"model": "pinhole"}, "pose": {**stands, **pose}}


@PROPERTY
@given(st.floats(0, 359.9), st.floats(-89, 89), st.floats(-179, 179))
def test_angles_are_the_inverse_of_rotation(heading: float, pitch: float, roll: float) -> None:
    back = poses.angles(rotation(heading, pitch, roll))
    assert np.allclose(rotation(*back), rotation(heading, pitch, roll), atol=1e-9)
    assert abs((back[0] - heading + 180) % 360 - 180) < 1e-6
    assert back[1:] == pytest.approx((pitch, roll), abs=1e-6)


@PROPERTY
@given(st.tuples(*[st.floats(-1.5, 1.5)] * 3))
def test_turns_and_vectors_are_each_others_inverse(vector: tuple[float, float, float]) -> None:
    turn = rotations.turns(np.array(vector))
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.allclose(rotations.vectors(turn), vector, atol=1e-9)


def test_a_turn_about_up_lowers_the_heading() -> None:
    turned = rotations.turns(np.array([0.0, 0.0, np.radians(10)])) @ rotation(40.0)
    assert poses.angles(turned)[0] == pytest.approx(30.0)


def test_what_a_pose_does_not_say_of_its_accuracy_the_parameters_say() -> None:
    found = poses.priors(
        [item(), item(accuracy={"position_m": 0.1})], Params(position_m=2.0, heading_deg=4.0)
    )
    assert found.position_sd.tolist() == [2.0, 0.1]
    assert np.degrees(found.turn_sd[:, 2]) == pytest.approx([4.0, 4.0])


def test_pitch_and_roll_that_are_not_given_are_near_level_only() -> None:
    found = poses.priors(
        [item(accuracy={"heading_deg": 0.5}), item(accuracy={"heading_deg": 0.5}, pitch=1.0, roll=0.0)],
        Params(),
    )
    assert np.degrees(found.turn_sd[:, 0]) == pytest.approx([3.0, 0.5])


def test_what_poses_aligned_before_have_in_common_is_told_apart_from_their_own_errors() -> None:
    told = {"position_m": 0.3, "shared_m": 0.4, "heading_deg": 0.3, "shared_deg": 0.4}
    found = poses.priors([item(accuracy=told, pitch=0.0, roll=0.0)], Params())
    assert (found.position_sd[0], found.own[0]) == pytest.approx((0.5, 0.3))
    assert np.degrees([*found.turn_sd[0], *found.own_turn[0]]) == pytest.approx([0.5] * 3 + [0.3] * 3)


def test_nothing_in_common_may_be_told_as_zero() -> None:
    found = poses.priors([item(accuracy={"position_m": 0.3, "shared_m": 0.0, "shared_deg": None})], Params())
    assert (found.position_sd[0], found.own[0]) == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize(
    "accuracy",
    [
        {"position_m": 0},
        {"position_m": 1, "shared_m": -1},
        {"position_m": 1, "shared_deg": True},
        {"heading_deg": float("nan")},
        {"position_m": "3"},
        3,
    ],
)
def test_an_accuracy_that_is_none_is_refused(accuracy: object) -> None:
    with pytest.raises(BadInput, match="accuracy"):
        poses.priors([item(accuracy=accuracy)], Params())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"pose": None}, "no pose"),
        ({"image": None}, "no image"),
        ({"camera": {"model": "fisheye"}}, "no camera model"),
        ({"pose": {"x": 1.0, "y": 2.0, "z": 3.0}}, "no position or no heading"),
    ],
)
def test_what_nothing_can_be_aligned_by_has_a_reason(changed: Json, reason: str) -> None:
    assert poses.unusable({**item(), **changed}) == reason
    assert poses.unusable(item()) is None


def test_an_aligned_item_keeps_what_else_it_says() -> None:
    made = poses.aligned(
        {**item(source="gps"), "time": "t"},
        np.array([1.23456789, 2.0, 3.0]),
        rotation(359.9999999),
        {"position_m": 1.0},
    )
    assert made["time"] == "t"
    assert made["aligned"] is True
    assert made["pose"]["source"] == "gps"
    assert made["pose"]["x"] == 1.234568
    assert made["pose"]["heading"] == 0.0
    assert made["pose"]["accuracy"] == {"position_m": 1.0}


def test_a_pose_that_is_kept_tells_what_was_assumed_of_it() -> None:
    params = Params(position_m=3.0, heading_deg=5.0)
    assert poses.kept(item(), params)["pose"]["accuracy"] == {"position_m": 3.0, "heading_deg": 5.0}
    stated = item(accuracy={"position_m": 0.5, "shared_m": 2.0})
    told = {"position_m": 0.5, "heading_deg": 5.0, "shared_m": 2.0}
    assert poses.kept(stated, params)["pose"]["accuracy"] == told
    assert poses.kept({"id": "a", "pose": None}, params) == {"id": "a", "pose": None}
