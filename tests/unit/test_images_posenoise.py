"""Noise on written poses: as large as it says, alone or drifting, and of batches that are there."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from images import noisy
from images.batchfiles import Pose
from images.posenoise import EXACT, Kind, PoseNoise
from steps.stepkit.arrays import F64

DEMO = Path("images/demo")


def errors(kind: Kind, count: int = 4000, step: float = 5.0) -> F64:
    """Of poses along a street, shape (N, 6)."""
    poses = [Pose(x=number * step, y=0.0, z=2.0, heading=180.0) for number in range(count)]
    told = PoseNoise(metres=3.0, degrees=5.0, kind=kind).put_on(poses, np.random.default_rng(1))
    return np.array([
        (a.x - b.x, a.y - b.y, a.z - b.z, a.heading - b.heading, a.pitch - b.pitch, a.roll - b.roll)
        for a, b in zip(told, poses, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_the_standard_deviation_is_what_was_asked_for(kind: Kind) -> None:
    height = 3.0 if kind is Kind.INDEPENDENT else 1.0
    tolerance = 0.05 if kind is Kind.INDEPENDENT else 0.2
    found = errors(kind).std(axis=0)
    assert found == pytest.approx([3.0, 3.0, height, 5.0, 5.0, 5.0], rel=tolerance)


def test_neighbours_have_most_of_a_drift_in_common() -> None:
    found = errors(Kind.DRIFTING)[:, 0]
    assert np.corrcoef(found[1:], found[:-1])[0, 1] == pytest.approx(math.exp(-0.05), abs=0.02)
    assert np.diff(found).std() == pytest.approx(3.0 * math.sqrt(2 * (1 - math.exp(-0.05))), rel=0.1)


def test_exact_poses_stay() -> None:
    pose = Pose(x=1.0, y=2.0, z=3.0, heading=4.0, pitch=5.0, roll=6.0)
    assert EXACT.put_on([pose], np.random.default_rng(1)) == [pose]
    assert EXACT.accuracy() == {}


def test_a_batch_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--pose-noise", "3", "5", "--noise-kind", "drifting", "--seed", "7", "--state-accuracy"]
    noisy.main([str(DEMO), str(tmp_path / "out"), *arguments])
    found = [one for one in open_batch(tmp_path / "out").recordings() if isinstance(one, Recording)]
    before = [one for one in open_batch(DEMO).recordings() if isinstance(one, Recording)]
    assert all(one.item["pose"]["accuracy"] == {"position_m": 3.0, "heading_deg": 5.0} for one in found)
    away = [
        math.dist(one.position or (), other.position or ()) for one, other in zip(found, before, strict=True)
    ]
    assert 0.5 < float(np.mean(away)) < 12.0
    assert (tmp_path / "out" / "truth.geojson").read_bytes() == (DEMO / "truth.geojson").read_bytes()
    with pytest.raises(SystemExit):
        noisy.main([str(DEMO), str(tmp_path / "out"), *arguments])
    assert "is not empty" in capsys.readouterr().err


def test_without_noise_a_batch_stays_as_it_is(tmp_path: Path) -> None:
    noisy.main([str(DEMO), str(tmp_path / "out"), "--state-accuracy"])
    for name in ("recordings.csv", "batch.yaml"):
        given, written = ((folder / name).read_text() for folder in (DEMO, tmp_path / "out"))
        if name.endswith(".csv"):
            rows = [[{key: _value(text) for key, text in row.items()} for row in csv.DictReader(one.splitlines())]
                    for one in (given, written)]  # fmt: skip
            assert rows[0] == rows[1]
        else:
            assert written == given


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
