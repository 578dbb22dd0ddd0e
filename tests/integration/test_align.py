"""The align step, with COLMAP: in its container, and (where pycolmap is installed) as a function."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import docker
import numpy as np
import pytest

from steps.align import params
from steps.build.images import ensure_base, ensure_step
from steps.stepkit import Json
from tests.integration import align_drive


def request(items: list[Json]) -> str:
    document = {
        "protocol": 1, "task": "align/batch", "step": "align", "params": {}, "items": items, "region": None,
        "work_dir": "/tmp/align",
    }  # fmt: skip
    return json.dumps(document)


def test_the_container_brings_photographs_together(client: docker.DockerClient) -> None:
    ensure_base(client, print)
    ensure_step(client, "align")
    given = align_drive.items("/batch")
    lost = {**given[0], "id": "lost", "pose": None}
    command = [
        "docker",
        "run",
        "--rm",
        "--interactive",
        "--network",
        "none",
        "--read-only",
        "--tmpfs",
        "/tmp",
    ]
    command += ["--user", "12345", "--volume", f"{align_drive.DEMO}:/batch:ro", "coordinator/align"]
    done = subprocess.run(
        command, input=request([*given, lost]), check=True, capture_output=True, text=True, timeout=300
    )
    made = json.loads(done.stdout)["items"]
    assert [item["aligned"] for item in made] == [True] * len(given) + [False]
    assert (made[-1]["pose"], made[-1]["alignment"]) == (None, "no pose")
    assert "6 of 7 poses aligned" in done.stderr
    assert "1 kept their pose: no pose (the first: lost)" in done.stderr
    within(made[:-1], given)


def test_the_function_does_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("pycolmap", reason="pycolmap is installed in the align step's container only")
    from steps.align.align import align

    given = align_drive.items(align_drive.DEMO)
    made = align(given, params.Params(threads=1), tmp_path)
    within(made, given)
    assert align(given, params.Params(threads=1), tmp_path) == made
    assert not list(tmp_path.iterdir())


def within(made: list[Json], given: list[Json]) -> None:
    """Six photographs along 25 m: a scale from positions that are 1 m off, everything else from the photographs."""
    before, after = (np.linalg.norm(align_drive.apart(items), axis=1) for items in (given, made))
    assert after.mean() < 0.6 * before.mean()
    assert all(item["pose"]["accuracy"]["position_m"] < 0.5 for item in made)
    assert all(0.1 < item["pose"]["accuracy"]["shared_m"] < 1.0 for item in made)


def test_the_number_of_threads_does_not_change_a_pose(tmp_path: Path) -> None:
    pytest.importorskip("pycolmap", reason="pycolmap is installed in the align step's container only")
    from steps.align.align import align

    given = align_drive.items(align_drive.DEMO)
    assert align(given, params.Params(threads=3), tmp_path) == align(
        given, params.Params(threads=1), tmp_path
    )


def test_why_photographs_keep_their_pose(tmp_path: Path) -> None:
    pytest.importorskip("pycolmap", reason="pycolmap is installed in the align step's container only")
    from steps.align.align import align

    given = align_drive.items(align_drive.DEMO)[:2]
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(Path(given[0]["image"]).read_bytes()[:20_000])
    made = align([*given, {**given[0], "id": "cut", "image": str(cut)}], params.Params(), tmp_path)
    few = "too few photographs in common: three are needed"
    reasons = [few, few, "unreadable photograph: image is a truncated JPEG"]
    assert [item["alignment"] for item in made] == reasons


def test_what_is_aligned_twice_is_known_no_better(tmp_path: Path) -> None:
    pytest.importorskip("pycolmap", reason="pycolmap is installed in the align step's container only")
    from steps.align.align import align

    once = align(align_drive.items(align_drive.DEMO), params.Params(), tmp_path)
    twice = align(once, params.Params(), tmp_path)
    for before, after in zip(once, twice, strict=True):
        told, again = before["pose"]["accuracy"], after["pose"]["accuracy"]
        assert again["shared_m"] > 0.6 * told["shared_m"]
        assert again["shared_deg"] > 0.8 * told["shared_deg"]
        assert after["pose"]["x"] == pytest.approx(before["pose"]["x"], abs=0.1)
