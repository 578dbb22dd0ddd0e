"""The whole step on made-up streets whose signs are known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steps.position.locate import locate
from steps.position.params import Params
from tests.unit.synthetic_scene import (
    DASHCAM,
    PANORAMA,
    Json,
    Noise,
    Sign,
    along,
    grid_regions,
    matches,
    record,
    street,
    town,
)

_ROOT = Path(__file__).resolve().parents[2]
_POSE_NOISE = Noise(
    position_m=0.1, angle_deg=0.2, pixels=1.0, missed=0.05, false_positives=0.1, wrong_label=0.05
)


def _scene(seed: int, noise: Noise) -> tuple[list[Sign], list[Json]]:
    signs, poses = street(seed)
    return signs, record(np.random.default_rng([seed, 1]), signs, poses, noise)


@pytest.mark.parametrize("seed", [1, 2])
def test_with_exact_poses_nearly_every_sign_is_found_and_nothing_else(seed: int) -> None:
    signs, items = _scene(seed, Noise(pixels=1.0, missed=0.05, false_positives=0.1))
    objects = locate(items, None, Params())
    found = matches(signs, objects, within=1.0)
    assert 2 * len(found) / (len(signs) + len(objects)) >= 0.98
    assert np.median(found) < 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_pose_noise_is_tolerated(seed: int) -> None:
    signs, items = _scene(seed, _POSE_NOISE)
    objects = locate(items, None, Params())
    found = matches(signs, objects, within=2.0)
    assert len(found) >= 0.95 * len(signs)
    assert len(found) >= 0.95 * len(objects)


def test_parts_of_panoramas_give_the_objects_of_whole_ones() -> None:
    signs = _row((5.0, 40.0, 2.8), (-4.0, 25.0, 3.0))
    whole = record(np.random.default_rng(0), signs, along((0, 0), (0, 60), 5.0), Noise())
    objects = locate(whole, None, Params())
    assert len(matches(signs, objects, within=0.1)) == 2
    cropped = locate(
        [_cropped(item, left=1003, top=512, width=2001, height=900) for item in whole], None, Params()
    )
    assert [one["id"] for one in cropped] == [one["id"] for one in objects]
    for one, other in zip(cropped, objects, strict=True):
        assert one["position"] == pytest.approx(other["position"], abs=2e-6)
        assert one["size"] == pytest.approx(other["size"], abs=2e-6)


def _cropped(item: Json, *, left: int, top: int, width: int, height: int) -> Json:
    """The recording with only a part of its panorama; what was seen elsewhere has boxes beside it."""
    crop = {"full_width": item["width"], "full_height": item["height"], "left": left, "top": top}
    moved = [
        {**found, "bbox": [found["bbox"][0] - left, found["bbox"][1] - top, *found["bbox"][2:]]}
        for found in item["detections"]
    ]
    camera = {**item["camera"], "crop": crop}
    return {**item, "width": width, "height": height, "camera": camera, "detections": moved}


def test_a_forward_looking_camera_finds_the_signs_it_passes() -> None:
    (sign,) = _row((5.0, 40.0, 2.8))
    items = record(np.random.default_rng(0), [sign], along((0, 0), (0, 60), 2.5), Noise(), view=DASHCAM)
    (thing,) = locate(items, None, Params())
    assert matches([sign], [thing], within=0.1)


def _row(*centres: tuple[float, float, float]) -> list[Sign]:
    return [Sign(centre=centre, side=0.6, facing=180.0, label="red-circle") for centre in centres]


@pytest.mark.parametrize(
    "centres",
    [
        [(5.0, 50.0, 3.0), (5.0, 50.0, 2.3)],
        [(5.0, 50.0, 3.1), (5.0, 50.0, 2.4), (5.0, 50.0, 1.7)],
        [(5.0, 50.0, 3.0), (5.0, 53.0, 3.0)],
        [(5.0, 50.0, 3.0), (-5.0, 50.0, 3.0)],
        [(5.0, 40.0 + step, 3.0) for step in (0.0, 4.0, 8.0, 12.0)],
    ],
    ids=["two on one pole", "three on one pole", "one behind the other", "a gate", "a row"],
)
def test_signs_that_look_the_same_are_told_apart(centres: list[tuple[float, float, float]]) -> None:
    signs = _row(*centres)
    items = record(
        np.random.default_rng(5), signs, along((0, 0), (0, 100), 5.0), Noise(pixels=1.0, missed=0.05)
    )
    objects = locate(items, None, Params())
    assert len(objects) == len(signs)
    assert len(matches(signs, objects, within=0.3)) == len(signs)


def test_an_object_carries_what_the_next_step_needs() -> None:
    (sign,) = _row((5.0, 40.0, 2.8))
    items = record(np.random.default_rng(0), [sign], along((0, 0), (0, 50), 5.0), Noise())
    (thing,) = locate(items, None, Params())
    assert (
        thing["views"]
        == len(thing["observations"])
        == len({seen["recording"] for seen in thing["observations"]})
    )
    assert thing["size"] == pytest.approx(0.6, rel=0.05)
    assert 0.75 < thing["score"] < 1
    assert thing["residual"] < 0.02
    assert np.all(np.linalg.eigvalsh(thing["covariance"]) > 0)
    by_id = {item["id"]: item for item in items}
    for seen in thing["observations"]:
        item = by_id[seen["recording"]]
        detection = item["detections"][seen["detection"]]
        assert {name: seen[name] for name in ("image", "width", "height", "camera")} == {
            name: item[name] for name in ("image", "width", "height", "camera")
        }
        assert (seen["bbox"], seen["score"], seen["label"]) == (
            detection["bbox"],
            detection["score"],
            "red-circle",
        )
        offset = np.subtract(sign.centre, [item["pose"][axis] for axis in "xyz"])
        assert seen["distance"] == pytest.approx(np.linalg.norm(offset), abs=0.05)
    assert json.loads(json.dumps(thing, allow_nan=False)) == thing


def test_the_order_of_the_items_does_not_matter() -> None:
    _, items = _scene(3, _POSE_NOISE)
    assert locate(items[::-1], None, Params()) == locate(items, None, Params())


def test_nothing_to_see_gives_no_objects() -> None:
    assert locate([], None, Params()) == []
    assert locate([{"id": "a", **PANORAMA, "pose": None, "detections": []}], None, Params()) == []


def test_regions_give_the_objects_of_one_region_to_the_last_bit() -> None:
    items = town(seed=6, tiles=2)
    whole = locate(items, None, Params())
    parts = [
        thing
        for region, members in grid_regions(items, 50.0, 60.0)
        for thing in locate(members, region, Params())
    ]
    assert len(whole) > 20
    assert sorted(parts, key=lambda thing: str(thing["id"])) == whole


def test_the_program_answers_one_line_for_one_line() -> None:
    (sign,) = _row((5.0, 40.0, 2.8))
    items = record(np.random.default_rng(0), [sign], along((0, 0), (0, 50), 5.0), Noise())
    request = {"protocol": 1, "step": "position", "items": items, "region": None, "work_dir": "/none"}
    lines = [
        json.dumps({**request, "task": "position/all", "params": {}}),
        json.dumps({**request, "task": "position/bad", "params": {"min_views": 0}}),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "steps.position"],
        cwd=_ROOT,
        input="\n".join(lines),
        capture_output=True,
        text=True,
    )
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert good["items"] == locate(items, None, Params())
    assert bad["error"]["kind"] == "bad_input"
    assert done.returncode == 0
