"""KITTI's poses become ours exactly: rotation -> heading, pitch, roll -> the same rotation."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from images import kitti
from steps.stepkit import camera

_REALDATA = os.environ.get("COORDINATOR_REALDATA")


def test_angles_invert_the_rotation() -> None:
    random = np.random.default_rng(5)
    for heading, pitch, roll in random.uniform((0, -89, -180), (360, 89, 180), (200, 3)):
        turn = camera.rotation(heading, pitch, roll)
        assert np.allclose(kitti.angles(turn), (heading, pitch, roll), atol=1e-9)
        assert np.allclose(camera.rotation(*kitti.angles(turn)), turn, atol=1e-12)


def test_a_level_camera_looks_north_and_its_right_is_east() -> None:
    pose = np.hstack([np.eye(3), [[3.0], [-1.0], [7.0]]])  # 3 m right, 1 m up, 7 m ahead of the first camera
    turn, position = kitti.camera_to_world(pose)
    first = kitti.camera_to_world(np.hstack([np.eye(3), np.zeros((3, 1))]))[1]
    assert kitti.angles(turn) == (0.0, 0.0, 0.0)
    assert (position - first).tolist() == [3.0, 7.0, 1.0]


def test_a_small_sequence_becomes_a_batch(tmp_path: Path) -> None:
    (tmp_path / "detections.csv").write_text(
        "seq,frame,det,x0,y0,x1,y1\n00,1,0,10,20,19,29\n02,0,0,1,1,2,2\n"
    )
    (tmp_path / "gt_signs_camera_frame.csv").write_text(
        "seq,frame,gt_id,x,y,z\n00,0,4,1,-1,11\n00,1,4,1,-1,9\n"
    )
    with gzip.open(tmp_path / "00.txt.gz", "wt") as file:
        file.write("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 2\n")
    kitti.convert(tmp_path, tmp_path / "out", "00")

    rows = list(csv.DictReader((tmp_path / "out/recordings.csv").open()))
    assert [row["id"] for row in rows] == ["00/000001.png"]
    assert float(rows[0]["y"]) == 5428002.0
    annotation = json.loads((tmp_path / "out/detections.json").read_text())["annotations"][0]
    assert annotation["bbox"] == [10, 20, 10, 10]
    (true,) = json.loads((tmp_path / "out/truth.geojson").read_text())["features"]
    assert (true["properties"]["x"], true["properties"]["y"]) == (456001.0, 5428011.0)


@pytest.mark.skipif(_REALDATA is None, reason="COORDINATOR_REALDATA is not set")
@pytest.mark.parametrize("sequence", ["00", "02", "06"])
def test_every_pose_of_a_sequence_survives_the_round_trip(sequence: str) -> None:
    poses = kitti.read_poses(Path(str(_REALDATA)) / "kitti_signs" / f"{sequence}.txt.gz")
    for pose in poses[::40]:
        turn, _ = kitti.camera_to_world(pose)
        ours = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) @ pose[:, :3]
        assert np.allclose(camera.rotation(*kitti.angles(turn)), turn, atol=1e-9)
        assert np.allclose(turn, ours, atol=2e-6)
