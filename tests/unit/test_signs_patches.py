"""Patches are where the box is, upright and undistorted, also at the seam and towards the poles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from steps.signs.patches import MARGIN, SIDE, patch, shown
from steps.stepkit.arrays import Image
from steps.stepkit.camera import pixels_to_rays

PANORAMA = {"model": "equirectangular"}


def ramp(width: int, height: int) -> Image:
    """Blue grows by one a column, green by one a row."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image


def disc_on_the_sphere(azimuth_deg: float, elevation_deg: float, radius_deg: float) -> Image:
    """A panorama, 1024 x 512, that is white within an angle of one direction."""
    grid = np.stack(np.meshgrid(np.arange(1024), np.arange(512)), axis=-1).reshape(-1, 2)
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    level = np.cos(elevation)
    centre = np.array([level * np.sin(azimuth), -np.sin(elevation), level * np.cos(azimuth)])
    inside = pixels_to_rays(PANORAMA, 1024, 512, grid) @ centre > np.cos(np.radians(radius_deg))
    return np.repeat(inside.reshape(512, 1024, 1), 3, axis=2).astype(np.uint8) * 255


def test_flat_patch_shows_the_box_and_its_margin() -> None:
    box = [40.0, 60.0, 60.0, 60.0]
    found = patch(ramp(200, 200), None, box).astype(float)
    edge = MARGIN * 60
    step = (60 + 2 * edge) / SIDE
    expected = 40 - edge - 0.5 + step * (np.arange(SIDE) + 0.5)
    assert np.abs(found[:, :, 0] - expected).max() <= 1
    assert np.abs(found[:, :, 1].T - (expected + 20)).max() <= 1


def test_flat_patch_stretches_a_narrow_box_to_a_square() -> None:
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    cv2.ellipse(image, (50, 50), (10, 30), 0, 0, 360, (255, 255, 255), -1)
    white = patch(image, None, [39.5, 19.5, 21, 61])[..., 0] > 127
    assert white.any(axis=0).sum() == pytest.approx(white.any(axis=1).sum(), abs=2)


def test_a_camera_changes_nothing_on_a_flat_photograph() -> None:
    camera = {"model": "pinhole", "fx": 100.0, "fy": 100.0, "cx": 99.5, "cy": 99.5}
    box = [40.0, 60.0, 50.0, 40.0]
    assert np.array_equal(patch(ramp(200, 200), camera, box), patch(ramp(200, 200), None, box))


def test_patch_across_the_seam_equals_the_same_patch_elsewhere() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (256, 512, 3), dtype=np.uint8)
    panorama = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), dtype=np.uint8)
    turned = np.roll(panorama, 256, axis=1)
    box = [500.0, 110.0, 30.0, 30.0]
    across = patch(panorama, PANORAMA, box)
    within = patch(turned, PANORAMA, [244.0, *box[1:]])
    assert np.abs(across.astype(int) - within).max() <= 1


def a_part(image: Image, left: int, top: int, width: int, height: int) -> tuple[Image, dict[str, object]]:
    """A part of a panorama, and its camera."""
    crop = {"full_width": image.shape[1], "full_height": image.shape[0], "left": left, "top": top}
    return image[top : top + height, left : left + width], {**PANORAMA, "crop": crop}


def test_a_patch_of_a_part_of_a_panorama_is_that_of_the_whole() -> None:
    panorama = disc_on_the_sphere(60.0, 45.0, 8.0)
    box = [640.0, 100.0, 80.0, 60.0]
    image, camera = a_part(panorama, 560, 64, 300, 200)
    found = patch(image, camera, [box[0] - 560, box[1] - 64, *box[2:]])
    assert np.array_equal(found, patch(panorama, PANORAMA, box))
    assert found.any()


def test_only_a_part_that_goes_all_the_way_round_wraps() -> None:
    panorama = np.zeros((512, 1024, 3), dtype=np.uint8)
    panorama[:, :60] = 255
    around, round_camera = a_part(panorama, 0, 100, 1024, 200)
    box = [1004.0, 130.0, 40.0, 40.0]
    assert patch(around, round_camera, box)[:, SIDE // 2 + 4 :].min() == 255
    cut, cut_camera = a_part(panorama, 0, 100, 1020, 200)
    assert patch(cut, cut_camera, [980.0, *box[1:]]).max() == 0
    with pytest.raises(ValueError, match="outside the 1020x200 image"):
        patch(cut, cut_camera, [1021.0, *box[1:]])


@pytest.mark.parametrize("elevation", [-50.0, 0.0, 35.0, 60.0])
def test_a_disc_on_the_sphere_is_round_in_its_patch(elevation: float) -> None:
    radius = 8.0
    panorama = disc_on_the_sphere(178.0, elevation, radius)
    half_width = np.degrees(np.arcsin(np.sin(np.radians(radius)) / np.cos(np.radians(elevation))))
    width, height = 2 * half_width / 360 * 1024, 2 * radius / 180 * 512
    box = [(178.0 + 180) / 360 * 1024 - width / 2, (90 - elevation) / 180 * 512 - height / 2, width, height]
    rows, columns = np.nonzero(patch(panorama, PANORAMA, box)[..., 0] > 127)
    spread = np.cov(np.stack([rows, columns]))
    assert spread[0, 0] == pytest.approx(spread[1, 1], rel=0.12)
    assert abs(spread[0, 1]) < 0.05 * spread[0, 0]
    assert [rows.mean(), columns.mean()] == pytest.approx([SIDE / 2 - 0.5] * 2, abs=2)


def test_large_boxes_are_averaged_not_thinned() -> None:
    stripes = np.zeros((600, 600, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    found = patch(stripes, None, [60, 60, 480, 480])
    assert found.min() > 100
    assert found.max() < 155


def test_positions_outside_the_photograph_repeat_its_border() -> None:
    image = np.full((50, 50, 3), 200, dtype=np.uint8)
    assert (patch(image, None, [-10, -10, 40, 40]) == 200).all()


@pytest.mark.parametrize("box", [[300.0, 10, 20, 20], [10.0, -40, 20, 20], [10.0, 101, 20, 20]])
def test_a_box_outside_the_photograph_is_refused(box: list[float]) -> None:
    with pytest.raises(ValueError, match="outside the 200x100 image"):
        patch(ramp(200, 100), None, box)


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ([10, 20, 30, 40], (10, 20, 30, 40)),
        ([-10, 20, 30, 40], (0, 20, 20, 40)),
        ([180, -4, 30, 20], (180, 0, 20, 16)),
        ([0, 0, 200, 100], (0, 0, 200, 100)),
    ],
)
def test_a_flat_photograph_shows_a_box_up_to_its_edges(box: list[float], seen: tuple[float, ...]) -> None:
    assert shown(None, 200, 100, box) == seen


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ([190, 20, 30, 40], (190, 20, 30, 40)),
        ([-10, 20, 30, 40], (-10, 20, 30, 40)),
        ([190, -10, 30, 40], (190, 0, 30, 30)),
        ([0, 10, 230, 40], (0, 10, 200, 40)),
    ],
)
def test_a_panorama_shows_a_box_across_its_seam(box: list[float], seen: tuple[float, ...]) -> None:
    assert shown(PANORAMA, 200, 100, box) == seen


def test_a_part_of_a_panorama_has_edges_unless_it_goes_round() -> None:
    box = [190, 20, 30, 40]
    crop = {"full_width": 200, "full_height": 200, "left": 0, "top": 50}
    assert shown({**PANORAMA, "crop": crop}, 200, 100, box) == (190, 20, 30, 40)
    with pytest.raises(ValueError, match="shows less than half"):
        shown({**PANORAMA, "crop": {**crop, "full_width": 400, "full_height": 200}}, 200, 100, box)


@pytest.mark.parametrize("camera", [None, PANORAMA])
@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([10, -60, 20, 100], "of box .* the 200x100 image shows less than half; is it this image's"),
        ([10, 10, 1e308, 1e308], "less than half"),
        ([-1e308, 10, 20, 20], "less than half"),
        ([500, 10, 20, 20], "less than half"),
        ([10, 10, 0.9, 20], "a side of less than a pixel; boxes are in pixels"),
    ],
)
def test_a_box_that_is_not_shown_is_told(
    camera: dict[str, str] | None, box: list[float], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        shown(camera, 200, 100, box)
