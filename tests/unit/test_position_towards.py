"""Where a sign's face looks to, by how narrow its boxes are."""

from __future__ import annotations

import numpy as np
import pytest

from steps.position.locate import locate
from steps.position.params import Params
from steps.position.towards import towards
from tests.unit.synthetic_scene import Json, Noise, Sign, along, record

NORTH, EAST = 0.0, 90.0


def found(
    facing: float, azimuths: list[float], *, proportion: float = 1.0, pixels: float = 40.0, wrong: int = 0
) -> tuple[float, float]:
    """The answer for exact boxes of a sign, but for the first ``wrong`` ones, which are half as wide."""
    azimuth = np.radians(azimuths)
    across = proportion * np.cos(np.radians(facing) - azimuth)
    across[:wrong] /= 2
    height = np.ones(len(azimuth))
    return towards(azimuth, height, across, pixels * height)


def apart(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize("facing", [0.0, 47.0, 180.0, 271.5, 358.0])
def test_views_from_several_places_tell_the_direction(facing: float) -> None:
    told, spread = found(facing, [facing + off for off in (-60, -40, -10, 5)])
    assert apart(told, facing) < 4
    assert spread < 12


@pytest.mark.parametrize("proportion", [0.9, 1.15])
def test_a_signs_own_proportions_are_found_along_with_it(proportion: float) -> None:
    told, _ = found(EAST, [EAST + off for off in (-65, -45, -20, 10, 40)], proportion=proportion)
    assert apart(told, EAST) < 4


def test_one_bad_box_does_not_turn_it() -> None:
    told, _ = found(EAST, [EAST + off for off in (0, -60, -40, -15, 20)], wrong=1)
    assert apart(told, EAST) < 8


def test_few_small_boxes_from_one_direction_say_that_it_is_not_known_well() -> None:
    _, well = found(EAST, [EAST + off for off in (-60, -40, -10, 20)], pixels=80)
    told, spread = found(EAST, [EAST, EAST + 1], pixels=8)
    assert spread > 2 * well
    assert apart(told, EAST) < spread


def seen(*, face: bool) -> list[Json]:
    signs = [Sign(centre=(5.0, 50.0, 2.8), side=0.6, facing=200.0, label="red-circle")]
    items = record(np.random.default_rng(0), signs, along((0, 10), (0, 48), 5.0), Noise())
    for item in items:
        for detection in item["detections"]:
            detection["face"] = face
    return items


def test_an_object_says_where_it_looks_to_if_its_views_show_a_face() -> None:
    (thing,) = locate(seen(face=True), None, Params())
    assert apart(thing["facing"], 200.0) < 2 * thing["facing_sd"] < 30
    (thing,) = locate(seen(face=False), None, Params())
    assert "facing" not in thing
    (thing,) = locate(seen(face=False), None, Params(two_sided=False))
    assert apart(thing["facing"], 200.0) < 30
