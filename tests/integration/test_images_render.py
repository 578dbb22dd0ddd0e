"""Drawn municipalities are deterministic, and what the truth says stands at the pixels geometry says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from images.batchfiles import Pose
from images.posenoise import PoseNoise
from images.render import municipality
from images.render.camera.lens import photograph
from images.render.camera.raster import Bodies, View, paint
from images.render.looks import facades
from images.render.looks.wardrobe import Wardrobe
from images.render.scene import light
from images.render.scene.bodies import sign_quad
from images.render.signs import faces
from images.render.town.sight import LEAST_RECORDINGS, Box, Survey
from images.render.town.things import Sign
from steps.stepkit import camera as geometry
from steps.stepkit.arrays import F64, U8

_GREY = 96
_NO_ENTRY = faces.CATEGORIES.index("do_not_enter")
_PANORAMA = ({"model": "equirectangular"}, 768, 384)
_PINHOLE = ({"model": "pinhole", "fx": 620.0, "fy": 600.0, "cx": 410.0, "cy": 262.0}, 800, 500)


def _sign_at(centre: F64, eye: F64) -> Sign:
    """A round sign 20 degrees off the camera."""
    towards = np.arctan2(*(eye - centre)[:2]) + np.radians(20)
    return Sign(centre, np.array([np.sin(towards), np.cos(towards)]), _NO_ENTRY, 0.75)


def _picture_of(sign: Sign, camera: dict[str, Any], width: int, height: int, pose: Pose) -> U8:
    sun = light.Sun(np.array([0.0, 0.0, 1.0]))
    bodies = Bodies([sign_quad(sign, *Wardrobe(1).sign(sign.category), sun)])

    def draw(view: View) -> U8:
        image = np.full((view.height, view.width, 3), _GREY, np.uint8)
        paint(view, bodies.seen_from(view, 100.0), image, np.zeros((view.height, view.width), np.float32))
        return image

    return photograph(draw, camera, width, height, pose)


def _middle_of_colour(image: U8) -> F64:
    """The middle of the coloured pixels' extent; a sign across the seam is put together right of it."""
    rows, columns = np.nonzero(np.ptp(image.astype(int), axis=2) > 50)
    if columns.max() - columns.min() > image.shape[1] / 2:
        columns = np.where(columns < image.shape[1] / 2, columns + image.shape[1], columns)
    return np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2])


@pytest.mark.parametrize(("camera", "width", "height"), [_PANORAMA, _PINHOLE])
@pytest.mark.parametrize(
    ("ahead", "turn"),
    [
        ((0.3, 9.0, 0.4), (40.0, 0.0, 0.0)),
        ((-1.5, 8.0, 1.0), (300.0, 9.0, -14.0)),
        ((2.0, 9.0, -0.5), (181.0, -11.0, 21.0)),
    ],
)
def test_a_sign_is_drawn_where_the_geometry_says(
    camera: dict[str, Any], width: int, height: int, ahead: F64, turn: tuple[float, float, float]
) -> None:
    pose = Pose(x=3.0, y=-2.0, z=2.4, heading=turn[0], pitch=turn[1], roll=turn[2])
    eye = np.array([pose.x, pose.y, pose.z])
    centre = eye + geometry.rotation(pose.heading) @ np.array([ahead[0], -ahead[2], ahead[1]])
    found = _middle_of_colour(_picture_of(_sign_at(centre, eye), camera, width, height, pose))
    expected = geometry.rays_to_pixels(camera, width, height, (centre - eye) @ geometry.rotation(*turn))[0]
    assert np.abs(found - expected).max() < 1.2


@pytest.mark.parametrize("aside", [-0.2, 0.0, 0.2])
def test_a_sign_across_the_panoramas_seam_is_whole(aside: float) -> None:
    pose = Pose(x=0.0, y=0.0, z=2.4, heading=70.0, pitch=4.0, roll=-6.0)
    eye, turn = np.array([0.0, 0.0, 2.4]), geometry.rotation(70.0, 4.0, -6.0)
    centre = eye + turn @ np.array([aside, 0.3, -7.0])
    camera, width, height = _PANORAMA
    image = _picture_of(_sign_at(centre, eye), camera, width, height, pose)
    expected = geometry.rays_to_pixels(camera, width, height, (centre - eye) @ turn)[0]
    offset = (_middle_of_colour(image) - expected + width / 2) % width - width / 2
    assert np.abs(offset[0]) < 1.2
    assert (np.ptp(image[:, [0, -1]].astype(int), axis=2) > 50).any(axis=0).all()


def test_a_sign_shows_its_grey_back_from_behind() -> None:
    eye, centre = np.array([0.0, 0.0, 2.4]), np.array([0.0, 6.0, 2.4])
    away = replace(_sign_at(centre, eye), normal=np.array([0.0, 1.0]))
    image = _picture_of(away, *_PINHOLE, Pose(x=0, y=0, z=2.4, heading=0))
    assert np.ptp(image.astype(int), axis=2).max() < 20
    assert (np.abs(image.astype(int) - _GREY).max(axis=2) > 5).sum() > 2000


def test_a_box_stands_in_the_line_of_sight() -> None:
    box = Box(np.array([0.0, 5.0]), np.array([1.0, 0.0]), 2.0, 1.0, 0.0, 3.0)
    eyes = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 5.0], [3.0, 0.0, 2.0], [0.0, 8.0, 2.0]])
    assert box.crossed_by(eyes, np.array([0.0, 10.0, 2.0])).tolist() == [True, False, False, False]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_options_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facades, "FACADE_SCALE", 14)  # coarse house fronts: most of a small batch's time
    options = municipality.Options(recordings=1, signs=0, seed=4, width=64, panorama_share=0.0)
    for name in ("one", "two"):
        municipality.render(options, tmp_path / name / "town")
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    assert len(one) == 4
    assert one == two


def test_every_sign_is_shown_often_enough_and_written_down() -> None:
    options = municipality.Options(recordings=16, signs=3, seed=4)
    recordings, town = municipality.plan(options)
    survey = Survey(recordings)
    shown = [sign for pole in town.poles for sign in pole.signs]
    assert len(shown) == len(municipality.truth(town)) == 3
    for sign in shown:
        assert len(survey.candidates(sign.centre, sign.normal, sign.size)) >= LEAST_RECORDINGS


def test_pose_noise_changes_the_written_poses_only() -> None:
    options = municipality.Options(recordings=16, signs=1, seed=4)
    noisy = replace(options, pose_noise=PoseNoise(metres=0.3, degrees=1.0))
    recordings, town = municipality.plan(options)
    assert municipality.truth(municipality.plan(noisy)[1]) == municipality.truth(town)
    exact = list(municipality.measured(recordings, options))
    shifts = [
        a.pose.x - b.pose.x for a, b in zip(exact, municipality.measured(recordings, noisy), strict=True)
    ]
    assert 0.1 < float(np.std(shifts)) < 0.6
    assert exact[0].pose.x == recordings[0].pose.x + municipality.ORIGIN[0]


def test_too_many_signs_are_refused() -> None:
    with pytest.raises(ValueError, match="signs found a place"):
        municipality.plan(municipality.Options(recordings=1, signs=1, seed=1))
