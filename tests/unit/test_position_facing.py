"""Frames of a standing vehicle are one place; signs back to back are two."""

from __future__ import annotations

import numpy as np
import pytest

from steps.position.locate import locate
from steps.position.params import Params
from tests.unit.synthetic_scene import Json, Noise, Sign, along, matches, record


def _sign(facing: float, label: str = "red-circle", x: float = 5.0) -> Sign:
    return Sign(centre=(x, 50.0, 2.8), side=0.6, facing=facing, label=label)


def _standing(items: list[Json], *, frames: int) -> list[Json]:
    """The first recording as a vehicle that waits would take it, its others left as they are."""
    first, *others = items
    frozen = []
    for number in range(frames):
        pose = {**first["pose"], "y": first["pose"]["y"] + 0.02 * number}
        frozen.append({**first, "id": f"{first['id']}.{number}", "pose": pose})
    return [*frozen, *others]


def test_many_frames_of_one_place_are_one_view() -> None:
    (sign,) = [_sign(180.0)]
    items = record(np.random.default_rng(0), [sign], along((0, 30), (0, 40), 5.0), Noise())
    assert len(items) == 2
    assert locate(_standing(items, frames=20), None, Params()) == []
    assert len(locate(_standing(items, frames=20), None, Params(min_views=2))) == 1


def test_a_standing_vehicle_does_not_hinder() -> None:
    (sign,) = [_sign(180.0)]
    items = record(np.random.default_rng(0), [sign], along((0, 20), (0, 40), 5.0), Noise())
    (thing,) = locate(_standing(items, frames=20), None, Params())
    assert thing["views"] == 23
    assert matches([sign], [thing], within=0.1)


@pytest.mark.parametrize("label", ["red-circle", "blue-circle"])
def test_signs_back_to_back_are_two_objects_if_only_faces_are_seen(label: str) -> None:
    signs = [_sign(180.0), _sign(0.0, label)]
    there = record(np.random.default_rng(1), signs, along((0, 10), (0, 48), 5.0), Noise(), prefix="a/")
    back = record(np.random.default_rng(2), signs, along((2, 90), (2, 52), 5.0), Noise(), prefix="b/")
    objects = locate(there + back, None, Params(two_sided=False))
    assert len(objects) == 2
    for thing in objects:
        assert len({seen["recording"][0] for seen in thing["observations"]}) == 1
        assert matches(signs[:1], [thing], within=0.1)


def test_what_is_seen_from_both_sides_is_one_object_unless_it_is_said_to_have_one() -> None:
    signs = [_sign(180.0), _sign(0.0)]
    items = record(np.random.default_rng(1), signs, along((0, 10), (0, 90), 5.0), Noise())
    (thing,) = locate(items, None, Params())
    assert thing["views"] == sum(len(item["detections"]) for item in items)


def test_a_few_views_from_behind_are_none_of_a_face() -> None:
    signs = [_sign(180.0), _sign(0.0)]
    there = record(np.random.default_rng(1), signs, along((0, 10), (0, 48), 5.0), Noise(), prefix="a/")
    back = record(np.random.default_rng(2), signs, along((2, 90), (2, 52), 20.0), Noise(), prefix="b/")
    assert 0 < sum(bool(item["detections"]) for item in back) < 3
    (thing,) = locate(there + back, None, Params(two_sided=False, sparse=0))
    assert {seen["recording"][0] for seen in thing["observations"]} == {"a"}


def test_detections_that_show_a_face_say_so_themselves() -> None:
    signs = [_sign(180.0), _sign(0.0)]
    there = record(np.random.default_rng(1), signs, along((0, 10), (0, 48), 5.0), Noise(), prefix="a/")
    back = record(np.random.default_rng(2), signs, along((2, 90), (2, 52), 5.0), Noise(), prefix="b/")
    assert len(locate(there + back, None, Params())) == 1
    faces = [{**one, "face": True} for item in there + back for one in item["detections"]]
    rows = iter(faces)
    marked = [{**item, "detections": [next(rows) for _ in item["detections"]]} for item in there + back]
    assert len(locate(marked, None, Params())) == 2


def test_a_sign_that_is_passed_by_is_one() -> None:
    (sign,) = [_sign(-90.0)]
    items = record(np.random.default_rng(1), [sign], along((0, 20), (0, 80), 5.0), Noise())
    (thing,) = locate(items, None, Params())
    assert matches([sign], [thing], within=0.1)
