"""The town as a drive of KITTI's raw data: GPS and inertial sensor, images, and the calibration that joins them.

A. Geiger et al., "Vision meets robotics: the KITTI dataset", IJRR 2013: the sensor's axes are x forward, y left, z up;
roll, pitch and yaw are radians, yaw 0 to the east and counter-clockwise, the rotation Rz(yaw) Ry(pitch) Rx(roll).
A point goes through the laser's axes to those of camera 0, and by P_rect_02 to the pixels of camera 2.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyproj
from PIL import Image

from steps.stepkit.arrays import F64
from steps.stepkit.camera import rotation
from tests.acceptance.inputs.models import local_frame, reference
from tests.acceptance.inputs.scene import Scene, View

DRIVE = "2011_09_26_drive_0001_sync"
_TO_LASER: F64 = np.array([-0.81, 0.32, -0.8])
_LASER_TO_CAMERA: F64 = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
_TO_CAMERA: F64 = np.array([0.0, -0.08, -0.27])
_COLOUR_CAMERA: F64 = np.array([0.06, 0.0, 0.003])
"""From camera 0 to camera 2, in metres, as the last column of P_rect_02 has it before the lens."""


def by_kitti_names(scene: Scene) -> Scene:
    """The town with the names that KITTI gives to images."""
    views = tuple(
        view.on(image=f"{DRIVE}/image_02/data/{number:010d}.png") for number, view in enumerate(scene.views)
    )
    return Scene(place=scene.place, signs=scene.signs, views=views)


def write_kitti(folder: Path, scene: Scene) -> None:
    """A day's folder: a drive, synchronised and rectified, and the calibration beside it."""
    data = folder / DRIVE / "oxts" / "data"
    data.mkdir(parents=True, exist_ok=True)
    to_degrees = local_frame(reference(scene))
    for view in scene.views:
        path = folder / view.image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (view.width, view.height), 128).save(path)
        line = [*sensor(view, to_degrees), *[0.0] * 24]
        (data / f"{path.stem}.txt").write_text(" ".join(f"{value:.14g}" for value in line) + "\n")
    times = "\n".join(view.time.strftime("%Y-%m-%d %H:%M:%S.000000000") for view in scene.views)
    (folder / DRIVE / "oxts" / "timestamps.txt").write_text(times + "\n")
    _write_calibration(folder, scene.views[0])


def sensor(view: View, frame: pyproj.Transformer) -> tuple[float, ...]:
    """Latitude, longitude, altitude, roll, pitch and yaw of the sensor whose camera 2 took the view."""
    turn = rotation(view.true_heading, view.pitch, view.roll)
    at = _LASER_TO_CAMERA @ _TO_LASER + _TO_CAMERA + _COLOUR_CAMERA
    place = np.array(frame.transform(view.longitude, view.latitude, view.z)) + turn @ at
    longitude, latitude, altitude = frame.transform(place[0], place[1], place[2], direction="INVERSE")
    own = turn @ _LASER_TO_CAMERA
    roll, yaw = math.atan2(own[2, 1], own[2, 2]), math.atan2(own[1, 0], own[0, 0])
    return latitude, longitude, altitude, roll, math.asin(-own[2, 0]), yaw


def _write_calibration(folder: Path, view: View) -> None:
    lens = view.camera
    matrix = np.array([[lens["fx"], 0, lens["cx"]], [0, lens["fy"], lens["cy"]], [0, 0, 1.0]])
    projection = np.hstack([matrix, (matrix @ _COLOUR_CAMERA)[:, None]])
    _write_matrices(folder / "calib_imu_to_velo.txt", R=np.eye(3), T=_TO_LASER)
    _write_matrices(folder / "calib_velo_to_cam.txt", R=_LASER_TO_CAMERA, T=_TO_CAMERA)
    size = np.array([view.width, view.height])
    _write_matrices(
        folder / "calib_cam_to_cam.txt",
        S_rect_02=size,
        R_rect_00=np.eye(3),
        R_rect_02=np.eye(3),
        P_rect_02=projection,
    )


def _write_matrices(path: Path, **matrices: F64) -> None:
    lines = ["calib_time: 15-Mar-2012 11:37:16"]
    for name, matrix in matrices.items():
        lines.append(f"{name}: " + " ".join(f"{value:.9e}" for value in matrix.ravel()))
    path.write_text("\n".join(lines) + "\n")
