"""KITTI: odometry and raw recordings, through the projections of its calibration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import kitti
from coordinator.formats.camera import CAMERA
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rays_to_pixels, rotation
from tests.unit.posed_world import Reading, axes, ecef, photograph, pixels, taken

LENS = {
    "P0": [718.856, 0, 607.19, 0, 0, 718.856, 185.21, 0, 0, 0, 1, 0],
    "P2": [718.856, 0, 607.19, 45.38, 0, 719.0, 185.21, -0.11, 0, 0, 1, 0.0038],
}
POINTS = np.array([[1.0, 0.5, 12.0], [-3.0, -1.0, 20.0], [2.0, 1.0, 15.0]])
_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def _read(path: Path, folder: Path, *, projected: bool = False) -> Reading:
    findings: list[Finding] = []
    return taken(kitti.read(path, findings.append, folder, projected), findings)


def _line(values: Any) -> str:
    return " ".join(f"{value:.9e}" for value in np.ravel(values))


def _poses() -> list[F64]:
    """Camera to the first frame's camera, (3, 4)."""
    yaws, steps = [0.0, 4.0, 9.0], [(0, 0, 0), (0.1, 0.02, 1.2), (0.4, 0.03, 2.5)]
    return [
        np.column_stack([_UPRIGHT.T @ rotation(yaw, 1.0, -0.5), step]) if yaw else np.eye(3, 4)
        for yaw, step in zip(yaws, steps, strict=True)
    ]


def _odometry(folder: Path, camera: int = 2, poses: str = "poses.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / poses).write_text("\n".join(map(_line, _poses())) + "\n")
    (folder / "calib.txt").write_text("".join(f"{name}: {_line(values)}\n" for name, values in LENS.items()))
    for number in range(3):
        photograph(folder / f"image_{camera}/{number:06d}.png", 12, 4)
    return folder / poses


@pytest.mark.parametrize(("camera", "poses"), [(2, "poses.txt"), (0, "07.txt")])
def test_frames_see_points_where_kittis_projection_has_them(tmp_path: Path, camera: int, poses: str) -> None:
    path = _odometry(tmp_path, camera, poses)
    assert kitti.find(tmp_path) == path
    reading = _read(path, tmp_path, projected=True)
    assert list(reading.rows) == [f"image_{camera}/{number:06d}.png" for number in range(3)]
    projection = np.array(LENS[f"P{camera}"]).reshape(3, 4)
    for pose, row in zip(_poses(), reading.rows.values(), strict=True):
        CAMERA.validate_python(row["camera"])
        assert row["north"] == "grid"
        seen = POINTS @ pose[:, :3].T + pose[:, 3]
        homogeneous = np.column_stack([POINTS, np.ones(3)]) @ projection.T
        turn = rotation(row["heading"], row["pitch"], row["roll"])
        rays = (seen @ _UPRIGHT.T - [row["x"], row["y"], row["z"]]) @ turn
        found = rays_to_pixels(row["camera"], 1241, 376, rays)
        assert found == pytest.approx(homogeneous[:, :2] / homogeneous[:, 2:], abs=1e-4)


def test_metres_without_a_place_are_a_warning_with_a_crs_and_an_error_without(tmp_path: Path) -> None:
    path = _odometry(tmp_path)
    assert _read(path, tmp_path, projected=True).findings["no-georeference"].level is Level.WARNING
    reading = _read(path, tmp_path)
    assert not reading.rows
    assert reading.findings["no-georeference"].level is Level.ERROR


def test_a_file_of_places_tells_where_it_stands(tmp_path: Path) -> None:
    path = _odometry(tmp_path)
    origin, frame = ecef(8.4, 49.0, 115.0), axes(8.4, 49.0) @ rotation(120)
    projection = np.array(LENS["P2"]).reshape(3, 4)
    offset = -np.linalg.solve(projection[:, :3], projection[:, 3])
    centres = [origin + frame @ (pose[:, :3] @ offset + pose[:, 3]) for pose in _poses()]
    lines = [f"{number:06d}.png {' '.join(map(str, centre))}" for number, centre in enumerate(centres)]
    (tmp_path / "georeference.txt").write_text("\n".join(lines))
    reading = _read(path, tmp_path)
    row = reading.rows["image_2/000000.png"]
    assert ecef(row["longitude"], row["latitude"], row["altitude"]) == pytest.approx(centres[0], abs=1e-4)
    assert row["heading"] == pytest.approx(120.0, abs=1e-3)
    assert "georeference" in reading.findings


def test_images_beside_the_poses_are_camera_0s_and_lines_may_have_no_names(tmp_path: Path) -> None:
    _odometry(tmp_path, poses="poses_0_2.txt")
    (tmp_path / "image_2").rename(tmp_path / "aside")
    for number in range(3):
        photograph(tmp_path / f"{number:06d}.png", 12, 4)
    (tmp_path / "calib.txt").write_text(f"{_line(LENS['P0'])}\n{_line(LENS['P2'])}\n")
    path = kitti.find(tmp_path)
    assert path == tmp_path / "poses_0_2.txt"
    row = _read(path, tmp_path, projected=True).rows["000001.png"]
    assert [row[name] for name in "xyz"] == pytest.approx([0.1, 1.2, -0.02])
    assert row["camera"]["fy"] == LENS["P0"][5]


def test_counts_that_differ_are_told(tmp_path: Path) -> None:
    path = _odometry(tmp_path)
    photograph(tmp_path / "image_2/000003.png", 12, 4)
    reading = _read(path, tmp_path, projected=True)
    assert len(reading.rows) == 3
    assert "3 poses for 4 images" in reading.findings["kitti-counts-differ"].text


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("poses.txt", "1 2 3\n", "line 1: 3 numbers"),
        ("poses.txt", "a\n", "line 1"),
        ("poses.txt", " ".join(["0"] * 12), "line 1.*no rotation"),
        ("calib.txt", "P0: 1 2\n", "no line P2"),
        ("calib.txt", "P2: 1 2\n", "P2 is no projection"),
    ],
)
def test_spoilt_files_are_refused_with_the_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = _odometry(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(BatchError, match=told):
        _read(path, tmp_path, projected=True)


def test_a_calibration_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = _odometry(tmp_path)
    (tmp_path / "calib.txt").unlink()
    with pytest.raises(BatchError, match=r"calib\.txt cannot be read"):
        _read(path, tmp_path)


def test_other_folders_are_not_kittis(tmp_path: Path) -> None:
    assert kitti.find(tmp_path) is None
    (tmp_path / "calib.txt").write_text("")
    (tmp_path / "poses.txt").write_text("")
    assert kitti.find(tmp_path) is None
    with pytest.raises(BatchError, match="image_2"):
        _read(tmp_path / "poses.txt", tmp_path)


# -- raw recordings ---------------------------------------------------------------------------------------

_IMU_TO_VELO = rotation(90.4, 0.3, 0.2) @ rotation(90).T, np.array([-0.81, 0.32, -0.8])
_AHEAD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
_VELO_TO_CAM = rotation(0.3, 0.1, -0.2) @ rotation(0).T @ _AHEAD, np.array([-0.004, -0.076, -0.27])
_RECT = rotation(1.0, 0.5, -0.7) @ rotation(0).T
_OXTS = [(49.01, 8.43, 112.8, 0.03, -0.02, 0.7), (49.0101, 8.4301, 113.0, -0.01, 0.05, -2.1)]


def _raw(folder: Path, drive: str = "drive_0001_sync", *, calibrated: bool = True) -> None:
    for number, packet in enumerate(_OXTS):
        photograph(folder / drive / f"image_02/data/{number:010d}.png", 12, 4)
        path = folder / drive / f"oxts/data/{number:010d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(map(repr, (*packet, 1.0, 2.0))))
    (folder / drive / "image_02/timestamps.txt").write_text("2011-09-26 13:02:25.964389445\n" * 2)
    if calibrated:
        for name, (turn, shift) in {
            "calib_imu_to_velo": _IMU_TO_VELO,
            "calib_velo_to_cam": _VELO_TO_CAM,
        }.items():
            (folder / f"{name}.txt").write_text(f"calib_time: x\nR: {_exact(turn)}\nT: {_exact(shift)}\n")
        text = f"R_rect_00: {_exact(_RECT)}\nP_rect_02: {_exact(LENS['P2'])}\n"
        (folder / "calib_cam_to_cam.txt").write_text(text)


def _exact(values: Any) -> str:
    return " ".join(repr(float(value)) for value in np.ravel(values))


def _inertial(packet: tuple[float, ...]) -> tuple[F64, F64]:
    """Where the sensor stands and how it is turned, to earth-centred axes."""
    latitude, longitude, altitude, roll, pitch, yaw = packet
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return ecef(longitude, latitude, altitude), axes(longitude, latitude) @ about_z @ about_y @ about_x


def test_raw_frames_see_points_through_the_whole_calibration(tmp_path: Path) -> None:
    _raw(tmp_path)
    path = kitti.find(tmp_path)
    assert path == tmp_path / "drive_0001_sync/oxts/data"
    reading = _read(path, tmp_path)
    assert not reading.findings
    ahead = np.array([[10.0, 1.0, 0.5], [15.0, -4.0, 2.0], [8.0, 2.0, -1.0]])
    for packet, row in zip(_OXTS, reading.rows.values(), strict=True):
        stands, turn = _inertial(packet)
        camera = (ahead @ _IMU_TO_VELO[0].T + _IMU_TO_VELO[1]) @ _VELO_TO_CAM[0].T + _VELO_TO_CAM[1]
        homogeneous = np.column_stack([camera @ _RECT.T, np.ones(3)]) @ np.array(LENS["P2"]).reshape(3, 4).T
        found = pixels(row, 1241, 376, stands + ahead @ turn.T)
        assert found == pytest.approx(homogeneous[:, :2] / homogeneous[:, 2:], abs=1e-3)
        assert row["time"] == "2011-09-26T13:02:25.964389Z"


def test_a_car_that_drives_east_looks_east(tmp_path: Path) -> None:
    _raw(tmp_path, calibrated=False)
    packet = tmp_path / "drive_0001_sync/oxts/data/0000000000.txt"
    packet.write_text("49.0 8.4 110.0 0 0 0")
    reading = _read(packet.parent, tmp_path)
    row = reading.rows["drive_0001_sync/image_02/data/0000000000.png"]
    assert [row[name] for name in ("heading", "pitch", "roll")] == pytest.approx([90.0, 0.0, 0.0], abs=1e-9)
    assert row["camera"] is None
    assert "calib_cam_to_cam.txt" in reading.findings["kitti-no-calibration"].text


def test_all_drives_are_read_and_what_is_missing_is_told(tmp_path: Path) -> None:
    _raw(tmp_path, "a")
    _raw(tmp_path, "b")
    (tmp_path / "b/oxts/data/0000000001.txt").unlink()
    (tmp_path / "a/oxts/data/0000000001.txt").write_text("49 8")
    (tmp_path / "c/oxts/data").mkdir(parents=True)
    path = kitti.find(tmp_path)
    assert path is not None
    reading = _read(path, tmp_path)
    assert len(reading.rows) == 2
    assert "no data/0000000001.txt" in reading.reasons["b/image_02/data/0000000001.png"]
    assert "latitude" in reading.reasons["a/image_02/data/0000000001.png"]
    assert "c has no images" in reading.findings["kitti-no-images"].text


def test_the_folder_may_be_the_drive(tmp_path: Path) -> None:
    _raw(tmp_path, "d")
    drive = tmp_path / "d"
    path = kitti.find(drive)
    assert path == drive / "oxts/data"
    reading = _read(path, drive)
    assert next(iter(reading.rows)) == "image_02/data/0000000000.png"
    assert reading.rows["image_02/data/0000000000.png"]["camera"] is not None


def test_a_spoilt_calibration_is_refused(tmp_path: Path) -> None:
    _raw(tmp_path)
    (tmp_path / "calib_cam_to_cam.txt").write_text("R_rect_00: 1 2\n")
    with pytest.raises(BatchError, match="calibration"):
        _read(tmp_path / "drive_0001_sync/oxts/data", tmp_path)
