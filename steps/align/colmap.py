"""The one module that talks to COLMAP: two-view geometry and incremental reconstruction.

Schönberger and Frahm, "Structure-from-Motion Revisited", CVPR 2016. Features are given to it as pixels of ideal
cameras without distortion, pinhole or equirectangular, whose scale is such that a feature is as precise as COLMAP
takes it to be. So a panorama is one photograph, and a part of one is none of its business.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

# Before pycolmap: loaded after it, OpenCV's PNG and JPEG writers free what another library's allocator gave.
import cv2  # noqa: F401
import numpy as np
import pycolmap

from steps.align.model import Link, Model, View
from steps.stepkit.arrays import F64, I64

_PIXEL = 0.7
"""Standard deviation of a feature in the ideal cameras' pixels."""
_MAX_ERROR = 3.0
"""Pixels by which a feature may miss where the geometry puts it."""
_INLIERS = 0.3
"""Least share of matches that the geometry of a pair has to explain: fewer, and it is chance."""
_MIN_ANGLE_DEG = 1.0
"""Smallest angle between two rays that give a point."""
_SEED = 1

pycolmap.logging.minloglevel = 2


def seed() -> None:
    """Make what is drawn at random the same every time."""
    pycolmap.set_random_seed(_SEED)


def verified(one: View, other: View, matches: I64, fewest: int) -> tuple[I64, F64] | None:
    """The matches that one motion explains, and the rotation from the first camera's frame to the other's, (3, 3).

    None if there is no such motion, or not for ``fewest`` matches.
    """
    options = pycolmap.TwoViewGeometryOptions(
        min_num_inliers=fewest, min_inlier_ratio=_INLIERS, detect_watermark=False, compute_relative_pose=True
    )
    options.ransac.max_error = _MAX_ERROR
    options.ransac.random_seed = _SEED
    options.ransac.min_inlier_ratio = _INLIERS
    options.ransac.max_num_trials = 1500
    found = pycolmap.estimate_calibrated_two_view_geometry(
        _camera(one, 1), _pixels(one), _camera(other, 2), _pixels(other), matches.astype(np.uint32), options
    )
    inliers = np.asarray(found.inlier_matches, np.int64).reshape(-1, 2)
    if found.cam2_from_cam1 is None or len(inliers) < max(fewest, _INLIERS * len(matches)):
        return None
    return inliers, np.asarray(found.cam2_from_cam1.rotation.matrix(), np.float64)


def reconstruct(views: Mapping[int, View], links: Sequence[Link], folder: Path) -> list[Model]:
    """Models of the photographs (by place) that links connect, the largest first; a photograph is in one at most."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write(folder / "database.db", views, links)
    (folder / "models").mkdir()
    found = pycolmap.incremental_mapping(folder / "database.db", folder, folder / "models", _mapping())
    taken: set[int] = set()
    models = []
    for reconstruction in sorted(found.values(), key=lambda one: -one.num_reg_images()):
        if model := _model(reconstruction, views, taken):
            models.append(model)
            taken.update(model.places.tolist())
    shutil.rmtree(folder, ignore_errors=True)
    return models


def _mapping() -> pycolmap.IncrementalPipelineOptions:
    """Cameras go forward, so that angles between their rays are small; what is known of them is not sought."""
    options = pycolmap.IncrementalPipelineOptions(
        min_model_size=3,
        extract_colors=False,
        num_threads=1,  # with more, equal photographs would give unequal models
        random_seed=_SEED,
        ba_refine_focal_length=False,
        ba_refine_principal_point=False,
        ba_refine_extra_params=False,
        ba_refine_sensor_from_rig=False,
        ba_global_frames_ratio=1.3,
        ba_global_points_ratio=1.3,
        ba_global_max_refinements=2,
        structure_less_registration_fallback=False,
    )
    options.mapper.init_min_tri_angle = 2.0
    options.mapper.init_max_forward_motion = 1.0
    options.mapper.init_min_num_inliers = 50
    options.mapper.abs_pose_min_num_inliers = 20
    options.mapper.abs_pose_refine_focal_length = False
    options.mapper.abs_pose_refine_extra_params = False
    options.mapper.filter_min_tri_angle = _MIN_ANGLE_DEG
    options.triangulation.min_angle = _MIN_ANGLE_DEG
    return options


def _write(path: Path, views: Mapping[int, View], links: Sequence[Link]) -> None:
    # COLMAP counts from 1.
    database = pycolmap.Database.open(path)
    for place, view in sorted(views.items()):
        number = place + 1
        camera = _camera(view, number)
        sensor = pycolmap.sensor_t(pycolmap.SensorType.CAMERA, number)
        database.write_camera(camera, use_camera_id=True)
        rig = pycolmap.Rig(rig_id=number)
        rig.add_ref_sensor(sensor)
        database.write_rig(rig, use_rig_id=True)
        image = pycolmap.Image(name=str(place), camera_id=number, image_id=number)
        database.write_image(image, use_image_id=True)
        frame = pycolmap.Frame(frame_id=number, rig_id=number)
        frame.add_data_id(pycolmap.data_t(sensor, number))
        database.write_frame(frame, use_frame_id=True)
        database.write_keypoints(number, _pixels(view).astype(np.float32))
    for link in links:
        matches = link.matches.astype(np.uint32)
        geometry = pycolmap.TwoViewGeometry()
        geometry.config = pycolmap.TwoViewGeometryConfiguration.CALIBRATED
        geometry.inlier_matches = matches
        database.write_matches(link.one + 1, link.other + 1, matches)
        database.write_two_view_geometry(link.one + 1, link.other + 1, geometry)
    database.close()


def _model(found: pycolmap.Reconstruction, views: Mapping[int, View], taken: set[int]) -> Model | None:
    numbers = sorted(number for number in found.reg_image_ids() if number - 1 not in taken)
    if len(numbers) < 3:
        return None
    at = {number: index for index, number in enumerate(numbers)}
    poses = [found.image(number).cam_from_world() for number in numbers]
    points: list[F64] = []
    seen_by, seen, rays, sd, features = [], [], [], [], []
    for _, point in sorted(found.points3D.items()):
        elements = [e for e in point.track.elements if e.image_id in at]
        if len(elements) < 2:
            continue
        for element in elements:
            view = views[element.image_id - 1]
            seen_by.append(at[element.image_id])
            seen.append(len(points))
            rays.append(view.rays[element.point2D_idx])
            sd.append(view.sd)
            features.append(element.point2D_idx)
        points.append(point.xyz)
    if not points:
        return None
    return Model(
        places=np.array(numbers, np.int64) - 1,
        turn=np.array([pose.rotation.matrix().T for pose in poses]),
        centre=np.array([pose.inverse().translation for pose in poses]),
        points=np.array(points, np.float64),
        seen_by=np.array(seen_by, np.int64),
        seen=np.array(seen, np.int64),
        rays=np.array(rays, np.float64),
        sd=np.array(sd, np.float64),
        features=np.array(features, np.int64),
    )


def _camera(view: View, number: int) -> pycolmap.Camera:
    width, height = _size(view)
    focal = _PIXEL / view.sd
    parameters = [width, height] if view.round_about else [focal, focal, width / 2, height / 2]
    return pycolmap.Camera(
        camera_id=number,
        model="EQUIRECTANGULAR" if view.round_about else "PINHOLE",
        width=width,
        height=height,
        params=parameters,
        has_prior_focal_length=True,
    )


def _size(view: View) -> tuple[int, int]:
    if view.round_about:
        half = round(np.pi * _PIXEL / view.sd)
        return 2 * half, half
    side = np.abs(view.rays[:, :2] / view.rays[:, 2:]).max(axis=0, initial=0.5) * _PIXEL / view.sd
    return 2 * int(side[0] + 2), 2 * int(side[1] + 2)


def _pixels(view: View) -> F64:
    """Where an ideal camera sees the directions, in COLMAP's pixels: the first one's centre is (0.5, 0.5)."""
    width, height = _size(view)
    x, y, z = view.rays.astype(np.float64).T
    if view.round_about:
        turned = np.arctan2(x, z) / (2 * np.pi) + 0.5
        sunk = np.arctan2(y, np.hypot(x, z)) / np.pi + 0.5
        return np.stack([turned * width, sunk * height], axis=1)
    focal = _PIXEL / view.sd
    return np.stack([focal * x / z + width / 2, focal * y / z + height / 2], axis=1)
