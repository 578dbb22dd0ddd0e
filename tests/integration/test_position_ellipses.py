"""Objects say how well they are known: the 95 % ellipse holds the truth about that often, with exact and poor poses.

The towns are those of ``images.render``; the boxes are the signs' projections with a detector's noise, so that no
picture has to be drawn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from images.render.municipality import ORIGIN, Options, plan, truth
from images.render.town.sight import Survey
from steps.position.locate import locate
from steps.position.params import Params
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation
from tests.unit.synthetic_scene import Sign, _box

Json = dict[str, Any]
_REACH_M, _MISSED, _PIXELS = 30.0, 0.1, 1.0


def rays(seed: int) -> tuple[list[Json], F64]:
    """A town's recordings with exact poses and the boxes of the signs that they see, and the true places (N, 3)."""
    recordings, town = plan(Options(recordings=120, signs=24, seed=seed))
    random = np.random.default_rng([seed, 5])
    signs = [sign for pole in town.poles for sign in pole.signs]
    solid = [house.box for house in town.houses] + [poster.box for poster in town.posters]
    eyes = np.array([[one.pose.x, one.pose.y, one.pose.z] for one in recordings])
    found: list[list[Json]] = [[] for _ in recordings]
    for sign in signs:
        near = np.flatnonzero(np.linalg.norm(eyes - sign.centre, axis=1) <= _REACH_M).tolist()
        others = [other.body() for other in signs if other is not sign]
        facing = math.degrees(math.atan2(sign.normal[0], sign.normal[1]))
        x, y, z = sign.centre.tolist()
        square = Sign(centre=(x, y, z), side=sign.size, facing=facing, label="")
        for at in Survey(recordings).unobstructed(near, sign.centre, sign.normal, sign.size, solid + others):
            one = recordings[at]
            view = {"camera": one.camera, "width": one.width, "height": one.height}
            turn = rotation(one.pose.heading, one.pose.pitch, one.pose.roll)
            box = _box(square, eyes[at], turn, view)
            if box is not None and random.random() >= _MISSED and min(box[2:] - box[:2]) > 10:
                left, top, right, bottom = (box + random.normal(size=4) * _PIXELS).tolist()
                bbox = [left % one.width, top, right - left, bottom - top]
                found[at].append({"bbox": bbox, "score": 0.9, "face": True, "kind": str(sign.category)})
    items = [
        {
            "id": one.id, "image": one.image, "width": one.width, "height": one.height, "camera": one.camera,
            "time": one.time, "detections": seen,
            "pose": {
                "x": one.pose.x + ORIGIN[0], "y": one.pose.y + ORIGIN[1], "z": one.pose.z + ORIGIN[2],
                "heading": one.pose.heading, "pitch": one.pose.pitch, "roll": one.pose.roll,
            },
        }
        for one, seen in zip(recordings, found, strict=True)
    ]  # fmt: skip
    return items, np.array([[true.x, true.y, true.z] for true in truth(town)])


def noisy(items: list[Json], seed: int, position_m: float, heading_deg: float, *, alike: float) -> list[Json]:
    """The recordings with Gaussian errors of their poses, which they state; the share ``alike`` fades over 100 m."""
    random = np.random.default_rng([seed, 6])
    drift, before, moved = random.normal(size=6), None, []
    for item in items:
        pose = item["pose"]
        if before is not None:
            fade = math.exp(-math.hypot(pose["x"] - before["x"], pose["y"] - before["y"]) / 100.0)
            drift = fade * drift + math.sqrt(1 - fade * fade) * random.normal(size=6)
        before = pose
        error = math.sqrt(alike) * drift + math.sqrt(1 - alike) * random.normal(size=6)
        names = ("x", "y", "z", "heading", "pitch", "roll")
        by = [*(error[:3] * position_m), *(error[3:] * heading_deg)]
        off = {name: pose[name] + step for name, step in zip(names, by, strict=True)}
        said = {"position_m": position_m, "heading_deg": heading_deg}
        moved.append({**item, "pose": {**off, "accuracy": said}})
    return moved


def inside(objects: list[Json], places: F64, within: float) -> list[bool]:
    """Of each object with a true place near it, whether the 95 % ellipse in the plane holds that."""
    held = []
    for thing in objects:
        off = places - [thing["position"][axis] for axis in "xyz"]
        nearest = off[np.argmin(np.linalg.norm(off, axis=1))]
        if np.linalg.norm(nearest) <= within:
            ground = np.array(thing["covariance"])[:2, :2]
            held.append(bool(nearest[:2] @ np.linalg.solve(ground, nearest[:2]) <= 5.991))
    return held


@pytest.mark.parametrize(
    ("position_m", "heading_deg", "alike"),
    [(0.0, 0.0, 0.0), (0.1, 0.2, 0.0), (1.0, 2.0, 0.0), (1.0, 2.0, 0.95), (3.0, 5.0, 0.0), (3.0, 5.0, 0.95)],
    ids=["exact", "surveyed", "poor", "poor, drifting", "a telephone's", "a telephone's, drifting"],
)
def test_the_ellipse_holds_the_truth_as_often_as_it_says(
    position_m: float, heading_deg: float, alike: float
) -> None:
    held, signs = [], 0
    for seed in (21, 22, 23, 24):
        items, places = rays(seed)
        signs += len(places)
        given = noisy(items, seed, position_m, heading_deg, alike=alike) if position_m else items
        held += inside(locate(given, None, Params()), places, within=max(1.0, 5 * position_m))
    assert len(held) >= 0.65 * signs
    assert np.mean(held) >= 0.9
