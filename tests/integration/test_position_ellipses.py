"""Objects say how well they are known: the 95 % ellipse holds the truth about that often, with exact and poor poses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from steps.position.locate import locate
from steps.position.params import Params
from steps.stepkit.arrays import F64
from tests.integration.drawn_towns import draw

Json = dict[str, Any]


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
        town = draw(seed)
        items, places = town.items, np.array([[true.x, true.y, true.z] for true in town.truth])
        signs += len(places)
        given = noisy(items, seed, position_m, heading_deg, alike=alike) if position_m else items
        held += inside(locate(given, None, Params()), places, within=max(1.0, 5 * position_m))
    assert len(held) >= 0.65 * signs
    assert np.mean(held) >= 0.9
