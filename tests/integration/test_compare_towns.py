"""Two drives through a town in which five signs were put up or taken down in between: exactly these are told.

The detector has errors of its own on both days but misses nothing: a sign that it misses once too often is told, too.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from coordinator.cli import main
from images.batchfiles import TrueObject
from tests.integration.drawn_towns import Town, draw, write

SEED, ADDED, REMOVED = 61, {2, 9}, {5, 14, 20}


def run(town: Town, folder: Path, name: str) -> str:
    batch, out = write(town, folder / f"{name}-batch"), folder / name
    typed = ["run", str(batch), "--from", "position", "--until", "position", "--rung", "process"]
    assert main([*typed, "--out", str(out)]) == 0
    return str(out)


def test_exactly_the_signs_that_differ_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = draw(SEED)
    old = run(draw(SEED, shows=lambda sign: sign not in ADDED, missed=0.0), tmp_path, "old")
    new = run(draw(SEED, shows=lambda sign: sign not in REMOVED, day=1, missed=0.0), tmp_path, "new")
    capsys.readouterr()
    assert main(["compare", old, new, "--json"]) == 0
    told: dict[str, set[str]] = {}
    for change in json.loads(capsys.readouterr().out)["features"]:
        said = change["properties"]
        told.setdefault(said["change"], set()).add(_nearest(whole, said["x"], said["y"], said["z"]).id)
    assert told == {
        "new": {whole.truth[sign].id for sign in ADDED},
        "gone": {whole.truth[sign].id for sign in REMOVED},
    }


def _nearest(town: Town, *place: float) -> TrueObject:
    near = min(town.truth, key=lambda true: math.dist((true.x, true.y, true.z), place))
    assert math.dist((near.x, near.y, near.z), place) <= 1.0
    return near
