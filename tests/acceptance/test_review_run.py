"""A review and the run that it is of: what was decided stays with its objects when the run is made anew."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, Ended, coordinator

DEMO = ROOT / "images" / "demo"


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pipeline's own step detects in the demo."""
    out = tmp_path_factory.mktemp("detected") / "run"
    ended = coordinator("run", DEMO, "--until", "detect", "--rung", "process", "--out", out)
    assert ended.code == 0, ended.err
    return out / "detections.json"


@pytest.fixture
def batch(detected: Path, tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path / "batch")
    shutil.copy(detected, tmp_path / "batch")
    return tmp_path / "batch"


def positioned(batch: Path) -> Ended:
    arguments = ("--from", "position", "--until", "position", "--rung", "process")
    return coordinator("run", batch, *arguments, "--out", batch.parent / "run")


def places(run: Path) -> dict[str, tuple[float, float]]:
    """The objects of the results, by id, in metres."""
    features = json.loads((run / "objects.geojson").read_text())["features"]
    return {one["id"]: (one["properties"]["x"], one["properties"]["y"]) for one in features}


def write_review(run: Path, decision: str) -> Path:
    """The same decision on the first three objects."""
    features = json.loads((run / "objects.geojson").read_text())["features"]
    path = run.parent / "review.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "decision", "longitude", "latitude", "z"])
        for one in features[:3]:
            table.writerow([one["id"], decision, *one["geometry"]["coordinates"], one["properties"]["z"]])
    return path


def shift(batch: Path, metres: float) -> None:
    """Every recording was taken so much further to the east, and so every object stands there."""
    path = batch / "recordings.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows({**row, "x": str(float(row["x"]) + metres)} for row in rows)


def test_decisions_outlast_a_run_with_other_poses_until_these_are_of_another_place(batch: Path) -> None:
    assert positioned(batch).code == 0
    run = batch.parent / "run"
    before = places(run)
    assert len(before) == 9
    assert coordinator("review", run, write_review(run, "reject")).code == 0
    assert len(places(run)) == 6

    shift(batch, 0.4)
    assert positioned(batch).code == 0
    moved = places(run)
    assert len(moved) == 6
    assert all(min(abs(x - a) + abs(y - b) for a, b in before.values()) > 0.1 for x, y in moved.values())

    shift(batch, 500.0)
    ended = positioned(batch)
    assert len(places(run)) == 9
    assert "warning: 3 of 3 decisions of the review belong to no object of this run" in ended.out
    assert "3 of 3 decisions" in coordinator("status", run).out


def test_a_damaged_review_is_told_before_anything_runs(batch: Path) -> None:
    assert positioned(batch).code == 0
    run = batch.parent / "run"
    assert coordinator("review", run, write_review(run, "accept")).code == 0
    journal = (run / "run.json").read_bytes()
    (run / "decisions.csv").write_text("id,decision\n")
    ended = positioned(batch)
    assert ended.code == 2
    assert "decisions.csv, line 1: no column 'longitude', 'latitude'" in ended.err
    assert (run / "run.json").read_bytes() == journal


def test_the_score_is_that_of_the_reviewed_map(batch: Path) -> None:
    assert positioned(batch).code == 0
    run = batch.parent / "run"
    assert coordinator("review", run, write_review(run, "reject")).code == 0
    assert json.loads(coordinator("score", run, DEMO / "truth.geojson", "--json").out)["found"] == 6
