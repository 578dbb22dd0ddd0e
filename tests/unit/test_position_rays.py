"""Detections become rays that point at what was seen and say how large it looked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steps.position.rays import NO_LABEL, cast
from steps.stepkit import BadInput
from tests.unit.synthetic_scene import DASHCAM, PANORAMA, Json, Noise, Sign, record

_POSE = {"x": 100.0, "y": 200.0, "z": 2.0, "heading": 0.0}


def _recording(name: str = "a", **given: Any) -> Json:
    detections = [{"bbox": [1900, 900, 200, 100], "score": 0.9}]
    return {"id": name, **PANORAMA, "pose": _POSE, "detections": detections, **given}


@pytest.mark.parametrize("view", [PANORAMA, DASHCAM])
def test_a_ray_points_at_the_sign_and_its_reach_gives_the_signs_size(view: Json) -> None:
    sign = Sign(centre=(103.0, 210.0, 3.5), side=0.7, facing=180.0, label="red-circle")
    pose = {**_POSE, "heading": 10.0, "pitch": 3.0, "roll": -2.0}
    rays = cast(record(np.random.default_rng(0), [sign], [pose], Noise(), view=view))
    offset = np.subtract(sign.centre, rays.origin[0])
    distance = np.linalg.norm(offset)
    assert np.allclose(rays.direction[0], offset / distance, atol=1e-3)
    assert rays.height[0] * distance == pytest.approx(0.7, rel=0.08)  # the leaning camera's box is larger


def test_a_box_across_the_seam_of_a_panorama_is_behind_the_camera() -> None:
    rays = cast([_recording(detections=[{"bbox": [3950, 950, 100, 100], "score": 1}])])
    assert np.allclose(rays.direction[0], [0, -1, 0], atol=1e-3)
    assert rays.extent[0] == pytest.approx(100 * 2 * np.pi / 4000, rel=0.01)


def test_the_height_of_a_wide_box_is_its_upright_side() -> None:
    rays = cast([_recording()])
    assert rays.extent[0] == pytest.approx(2 * rays.height[0], rel=0.02)


def test_items_without_pose_camera_or_detections_contribute_nothing() -> None:
    silent = [
        _recording("a", pose=None),
        _recording("b", camera=None),
        _recording("c", detections=[]),
        {"id": "d", "image": "d.jpg"},
    ]
    assert len(cast(silent)) == 0
    assert [item["id"] for item in cast([*silent, _recording("e")]).recordings] == ["e"]


def test_the_order_of_items_does_not_matter_and_labels_are_numbered_by_name() -> None:
    one = _recording("a", detections=[{"bbox": [0, 0, 9, 9], "score": 1, "label": "red"}])
    other = _recording("b", detections=[{"bbox": [0, 0, 9, 9], "label": "blue"}, {"bbox": [5, 5, 9, 9]}])
    rays = cast([other, one])
    assert [item["id"] for item in rays.recordings] == ["a", "b"]
    assert rays.recording.tolist() == [0, 1, 1]
    assert rays.label.tolist() == [1, 0, NO_LABEL]


_LENS: Json = {"model": "pinhole", "fx": 900.0, "fy": 900.0, "cx": 639.5, "cy": 359.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pose": {"x": 1, "y": 2, "heading": 0}}, "pose z must be a finite number, not None"),
        ({"pose": {**_POSE, "roll": "0"}}, "pose roll must be a finite number, not '0'"),
        ({"pose": {**_POSE, "x": 1e200}}, "pose x must be a number from -1e+08 to 1e+08, not 1e+200"),
        ({"pose": {**_POSE, "heading": 1e300}}, "pose heading must be a number from"),
        ({"pose": "here"}, "pose must be an object, not 'here'"),
        ({"camera": {"model": "fisheye"}}, "unknown camera model 'fisheye'"),
        ({"camera": "pinhole"}, "camera must be null or an object with a model, not 'pinhole'"),
        ({"camera": {**PANORAMA["camera"], "crop": 5}}, "camera cannot be used: crop must be an object"),
        ({"camera": {"model": "pinhole", "fx": 1}}, "camera fy must be a finite number, not None"),
        ({"camera": _LENS | {"fx": 0}}, "camera fx must be a number from 0.001 to 1e+08, not 0"),
        ({"camera": _LENS | {"fx": 10**400}}, "camera fx must be a finite number"),
        ({"camera": _LENS | {"k1": "0.1"}}, "camera k1 must be a finite number, not '0.1'"),
        ({"detections": {"bbox": [1, 2, 3, 4]}}, "detections must be a list of objects"),
        ({"detections": ["sign"]}, "detections must be a list of objects, not ['sign']"),
        ({"detections": [{"bbox": [1e300, 2, 3, 4]}]}, "bbox must be a number from -1e+08 to 1e+08"),
        ({"detections": [{"bbox": [1, 2, 3, 4], "score": 80}]}, "score must be a number from 0 to 1, not 80"),
        ({"width": 0}, "width must be a number from 1 to 1e+08, not 0"),
        ({"width": None}, "width must be a finite number"),
        ({"detections": [{"bbox": [1, 2, 3]}]}, "bbox must be [x, y, width, height], not [1, 2, 3]"),
        ({"detections": [{"bbox": [1, 2, 0, 4]}]}, "bbox [1, 2, 0, 4] is empty"),
        ({"detections": [{"bbox": [1, 2, 3, float("nan")]}]}, "bbox must be a finite number, not nan"),
        ({"detections": [{"bbox": [1, 2, 3, 4], "score": None}]}, "score must be a finite number, not None"),
    ],
)
def test_an_item_that_cannot_be_used_is_named(given: Json, message: str) -> None:
    with pytest.raises(BadInput) as told:
        cast([_recording("street/7.jpg", **given)])
    assert str(told.value).startswith("recording 'street/7.jpg': ")
    assert message in str(told.value)


def test_an_id_comes_once() -> None:
    with pytest.raises(BadInput, match="two recordings have the id 'a'"):
        cast([_recording("a"), _recording("a")])


def test_null_pitch_and_roll_are_level() -> None:
    level = cast([_recording()]).direction
    assert np.array_equal(cast([_recording(pose={**_POSE, "pitch": None, "roll": None})]).direction, level)
