"""Where the signs of whole towns look to, with a detector's noise on every box."""

from __future__ import annotations

import math

import numpy as np

from steps.position.locate import locate
from steps.position.params import Params
from tests.integration.drawn_towns import draw


def test_facings_are_right_and_so_is_their_spread() -> None:
    errors, spreads = [], []
    for seed in (51, 52):
        town = draw(seed)
        for thing in locate(town.items, None, Params()):
            place = [thing["position"][axis] for axis in "xyz"]
            near = min(town.truth, key=lambda true: math.dist((true.x, true.y, true.z), place))
            if math.dist((near.x, near.y, near.z), place) <= 1.0:
                assert near.facing is not None
                errors.append(abs((thing["facing"] - near.facing + 180) % 360 - 180))
                spreads.append(thing["facing_sd"])
    assert len(errors) >= 30
    assert np.median(errors) < 10
    assert np.mean(np.array(errors) <= 2 * np.array(spreads)) >= 0.8
