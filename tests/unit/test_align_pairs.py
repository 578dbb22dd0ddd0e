"""Which photographs are compared: drives by order and jumps, neighbours by priors."""

from __future__ import annotations

import numpy as np
import pytest

from steps.align import pairs, poses
from steps.align.params import Params
from steps.stepkit import Json


def item(name: str, x: float, y: float = 0.0, heading: float = 90.0, **more: object) -> Json:
    return {
        "id": name,
        "image": name,
        "camera": {"model": "pinhole"},
        "pose": {
            "x": x,
            "y": y,
            "z": 0.0,
            "heading": heading,
            "accuracy": {"position_m": 1.0, "heading_deg": 1.0},
        },
        **more,
    }


def drives(items: list[Json]) -> pairs.Drives:
    return pairs.drives(items, poses.priors(items, Params()))


def compared(items: list[Json], **params: int) -> list[tuple[int, int]]:
    known = poses.priors(items, Params())
    return pairs.pairs(items, known, pairs.drives(items, known), Params(**params))


def test_drives_follow_time_where_there_is_one() -> None:
    items = [item("b", 0, time="2024-01-01T00:00:02Z"), item("a", 5, time="2024-01-01T00:00:03Z")]
    assert drives(items).order.tolist() == [0, 1]


def test_without_times_numbers_in_names_count_as_numbers() -> None:
    items = [item("d/r10", 0), item("d/r9", 5)]
    assert drives(items).order.tolist() == [1, 0]


def test_a_jump_begins_another_drive_and_so_does_another_folder() -> None:
    items = [item("d/1", 0), item("d/2", 5), item("d/3", 500), item("e/4", 505)]
    assert drives(items).drive.tolist() == [0, 0, 1, 2]


def test_a_receiver_goes_on_over_a_jump_but_not_over_a_pause_nor_in_another_folder() -> None:
    assert drives([item("d/1", 0), item("d/2", 500), item("e/1", 505)]).receiver.tolist() == [0, 0, 2]
    times = ["2024-01-01T10:00:00Z", "2024-01-01T10:04:00Z", "2024-01-01T10:20:00Z"]
    timed = [item(f"{at}", 500.0 * at, time=time) for at, time in enumerate(times)]
    assert drives(timed).drive.tolist() == [0, 1, 2]
    assert drives(timed).receiver.tolist() == [0, 0, 2]
    assert drives([{**one, "time": f"in hour {at}"} for at, one in enumerate(timed)]).receiver.tolist() == [
        0,
        1,
        2,
    ]


def test_cars_that_take_turns_have_a_receiver_each_though_one_jumps() -> None:
    items = [item(f"d/{at}", 5.0 * at + 5000.0 * (at % 2) + 700.0 * (at >= 20)) for at in range(40)]
    receiver = drives(items).receiver
    assert receiver[:20].tolist() == [0, 1] * 10
    assert len(set(receiver.tolist())) == 4


def test_a_car_that_comes_by_again_has_not_been_there_just_now() -> None:
    there = [item(f"d/{at:03}", 5.0 * at) for at in range(10)]
    away = [item(f"d/{at:03}", 5.0 * at, 900.0) for at in range(10, 30)]
    back = [item(f"d/{at:03}", 5.0 * (at - 20)) for at in range(30, 40)]
    found = drives([*there, *away, *back])
    assert found.drive[30] == found.drive[9] != found.drive[20]
    assert set(found.receiver.tolist()) == {0}
    assert found.passed.tolist() == list(range(40))
    positions = np.array([[one["pose"]["x"], one["pose"]["y"], 0.0] for one in [*there, *away, *back]])
    metres = pairs.path(positions, np.argsort(found.passed), found.receiver)
    assert metres[30] - metres[9] > 1800.0


def test_cars_that_drive_at_the_same_time_are_told_apart() -> None:
    times = [f"2024-01-01T00:00:{at:02d}Z" for at in range(6)]
    items = [item(f"{at}", 5.0 * at + 1000.0 * (at % 2), time=time) for at, time in enumerate(times)]
    found = drives(items)
    assert found.drive.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.order.tolist() == [0, 2, 4, 1, 3, 5]


def test_those_that_follow_each_other_are_compared_and_those_nearby() -> None:
    there = [item(f"{at}", at * 10.0) for at in range(6)]
    back = [item("back/6", 45.0, 4.0)]
    found = compared([*there, *back], following=1, neighbours=2)
    assert (0, 1) in found
    assert (4, 6) in found
    assert (0, 6) not in found
    assert (1, 3) not in found
    assert found == sorted(set(found))


def test_cameras_that_look_apart_are_not_compared_but_panoramas_are() -> None:
    one, other = item("d/1", 0), item("e/2", 5.0, heading=270.0)
    assert compared([one, other]) == []
    assert compared([one, {**other, "camera": {"model": "equirectangular"}}]) == [(0, 1)]


def test_components_are_what_links_connect() -> None:
    assert pairs.components(5, [(3, 4), (0, 3)]) == [[0, 3, 4], [1], [2]]


def test_the_way_driven_begins_anew_with_each_drive() -> None:
    items = [item("d/1", 0), item("d/2", 3), item("e/1", 90), item("e/2", 94)]
    driven = drives(items)
    positions = np.array([[one["pose"]["x"], 0.0, 0.0] for one in items])
    assert pairs.path(positions, driven.order, driven.drive) == pytest.approx([0.0, 3.0, 0.0, 4.0])
