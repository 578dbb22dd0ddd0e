"""COLMAP's text models: written by its documentation's formulas, and placed in all the ways in which they can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import colmap
from coordinator.formats.camera import CAMERA
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rays_to_pixels, rotation
from tests.unit.posed_world import (
    TOWN,
    Camera,
    Reading,
    axes,
    ecef,
    photograph,
    pixels,
    seen,
    stood_upright,
    taken,
)

SIZE = 400, 300
LENSES = {
    "SIMPLE_PINHOLE": [340.0, 203.0, 149.0],
    "PINHOLE": [340.0, 345.0, 203.0, 149.0],
    "SIMPLE_RADIAL": [340.0, 203.0, 149.0, -0.05],
    "RADIAL": [340.0, 203.0, 149.0, -0.05, 0.01],
    "OPENCV": [340.0, 345.0, 203.0, 149.0, -0.05, 0.01, 0.002, -0.003],
    "FULL_OPENCV": [340.0, 345.0, 203.0, 149.0, -0.05, 0.01, 0.002, -0.003, 0.004, 0, 0, 0],
}
_PINHOLE = "1 PINHOLE 400 300 340 345 203 149"
Frame = tuple[F64, F64, float]
"""Columns of the model's axes in the world, its origin there, and metres for a unit of the model."""
ECEF: Frame = np.eye(3), np.zeros(3), 1.0
OWN: Frame = axes(5.1, 52.09) @ rotation(40, 10, 70), ecef(5.1003, 52.0903, 10.0), 7.5


def _names(cameras: Sequence[Camera]) -> list[str]:
    return [f"{number}.jpg" for number in range(len(cameras))]


def _model(
    folder: Path, cameras: Sequence[Camera], frame: Frame, lens: str = "1 PINHOLE 400 300 340 345 203 149"
) -> Path:
    """The cameras in a frame, as COLMAP writes them; every second image without points."""
    columns, origin, metres = frame
    lines = ["# Image list with two lines of data per image:"]
    for number, (camera, name) in enumerate(zip(cameras, _names(cameras), strict=True)):
        turn = camera.to_ecef.T @ columns
        shift = -turn @ (columns.T @ (camera.ecef - origin) / metres)
        pose = " ".join(f"{value:.17g}" for value in (*_quaternion(turn), *shift))
        lines += [
            f"{number + 1} {pose} {lens.split()[0]} {name}",
            "1.5 2.5 7 3.5 4.5 -1" if number % 2 else "",
        ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "cameras.txt").write_text(f"# Camera list\n{lens}\n")
    return folder / "images.txt"


def _quaternion(turn: F64) -> F64:
    """w, x, y, z: the eigenvector of Bar-Itzhack's matrix."""
    t = turn
    matrix = np.array(
        [
            [t[0, 0] - t[1, 1] - t[2, 2], t[1, 0] + t[0, 1], t[2, 0] + t[0, 2], t[2, 1] - t[1, 2]],
            [0, t[1, 1] - t[0, 0] - t[2, 2], t[2, 1] + t[1, 2], t[0, 2] - t[2, 0]],
            [0, 0, t[2, 2] - t[0, 0] - t[1, 1], t[1, 0] - t[0, 1]],
            [0, 0, 0, np.trace(t)],
        ]
    )
    x, y, z, w = np.linalg.eigh(matrix, UPLO="U")[1][:, -1]
    return np.array([w, x, y, z])


def _read(path: Path, folder: Path, *, projected: bool = False) -> Reading:
    findings: list[Finding] = []
    return taken(colmap.read(path, findings.append, folder, projected), findings)


def _check(reading: Reading, cameras: Sequence[Camera], *, abs_: float = 1e-4) -> None:
    """That every point is seen where it is, and nothing was lost."""
    assert list(reading.rows) == _names(cameras)
    assert not reading.reasons
    for camera, row in zip(cameras, reading.rows.values(), strict=True):
        expected = rays_to_pixels(row["camera"], *SIZE, (seen(camera) - camera.ecef) @ camera.to_ecef)
        assert pixels(row, *SIZE, seen(camera)) == pytest.approx(expected, abs=abs_)
        assert ecef(row["longitude"], row["latitude"], row["altitude"]) == pytest.approx(
            camera.ecef, abs=abs_
        )


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_points_are_seen_at_the_pixel_where_colmap_sees_them(
    tmp_path: Path, model: str, orientation: int
) -> None:
    width, height = (300, 400) if orientation == 6 else SIZE
    lens = f"1 {model} {SIZE[0]} {SIZE[1]} {' '.join(map(str, LENSES[model]))}"
    photograph(tmp_path / "0.jpg", *SIZE, orientation)
    row = _read(_model(tmp_path, TOWN[:1], ECEF, lens), tmp_path).rows["0.jpg"]
    CAMERA.validate_python(row["camera"])
    # Where COLMAP sees points that its own camera, of the stored image, has before it.
    rays = np.array([[0.3, 0.2, 1.0], [-0.4, 0.1, 1.0], [0.1, -0.3, 1.0]])
    stored = _colmap_pixels(model, rays) - 0.5
    world = TOWN[0].ecef + 10 * rays @ TOWN[0].to_ecef.T
    expected = stood_upright(stored, *SIZE, orientation)
    assert pixels(row, width, height, world) == pytest.approx(expected, abs=1e-5)


def _colmap_pixels(model: str, rays: F64) -> F64:
    """By the equations of COLMAP's documentation; the first pixel's middle is 0.5, 0.5."""
    values = dict(zip(colmap._PARAMETERS[model].split(), LENSES[model], strict=True))
    u, v = rays[:, 0] / rays[:, 2], rays[:, 1] / rays[:, 2]
    r2 = u * u + v * v
    k1, k2, k3, p1, p2 = (values.get(name, 0.0) for name in ("k1", "k2", "k3", "p1", "p2"))
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    x = u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u)
    y = v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v * v)
    fx, fy = values.get("fx", values.get("f", 0.0)), values.get("fy", values.get("f", 0.0))
    return np.stack([fx * x + values["cx"], fy * y + values["cy"]], axis=1)


def test_earth_centred_models_are_taken_as_they_are(tmp_path: Path) -> None:
    reading = _read(_model(tmp_path, TOWN, ECEF), tmp_path)
    _check(reading, TOWN)
    assert not reading.findings


@pytest.mark.parametrize("kind", ["degrees", "earth-centred"])
@pytest.mark.parametrize("name", ["georeference.txt", "ref_images.txt"])
def test_a_file_of_places_brings_a_model_to_where_it_stands(tmp_path: Path, kind: str, name: str) -> None:
    path = _model(tmp_path / "sparse/0", TOWN, OWN)
    lines = ["# image X Y Z"]
    for camera, image in zip(TOWN, _names(TOWN), strict=True):
        place = (camera.latitude, camera.longitude, camera.altitude) if kind == "degrees" else camera.ecef
        lines.append(" ".join([image, *(f"{value:.12f}" for value in place)]))
    (tmp_path / name).write_text("\n".join(lines))
    reading = _read(path, tmp_path)
    _check(reading, TOWN, abs_=1e-3)
    assert reading.findings["georeference"].level is Level.NOTE
    assert f"{name} of 4 photographs; 0.00 m" in reading.findings["georeference"].text


def test_the_photographs_gps_does_without_a_file(tmp_path: Path) -> None:
    for camera, name in zip(TOWN, _names(TOWN), strict=True):
        photograph(tmp_path / name, *SIZE, gps=camera)
    reading = _read(_model(tmp_path, TOWN, OWN), tmp_path)
    assert list(reading.rows) == _names(TOWN)
    for camera, row in zip(TOWN, reading.rows.values(), strict=True):
        assert ecef(row["longitude"], row["latitude"], row["altitude"]) == pytest.approx(
            camera.ecef, abs=0.05
        )
        assert row["heading"] == pytest.approx(camera.heading, abs=0.2)
    assert "the GPS of 4 photographs" in reading.findings["georeference"].text


def test_a_large_residual_is_a_warning(tmp_path: Path) -> None:
    moved = [*TOWN[:3], Camera(longitude=5.0999, latitude=52.09064, altitude=6.0, heading=0)]
    for camera, name in zip(moved, _names(TOWN), strict=True):
        photograph(tmp_path / name, *SIZE, gps=camera)
    finding = _read(_model(tmp_path, TOWN, OWN), tmp_path).findings["georeference"]
    assert finding.level is Level.WARNING
    assert "the most at '3.jpg'" in finding.text


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_places_are_an_error_that_says_what_to_do(tmp_path: Path, count: int) -> None:
    for number, (camera, name) in enumerate(zip(TOWN, _names(TOWN), strict=True)):
        photograph(tmp_path / name, *SIZE, gps=camera if number < count else None)
    reading = _read(_model(tmp_path, TOWN, OWN), tmp_path)
    assert not reading.rows
    finding = reading.findings["no-georeference"]
    assert finding.level is Level.ERROR
    assert f"places {count} of its photographs" in finding.text
    assert "georeference.txt" in finding.text


def test_photographs_on_one_line_leave_the_model_free_to_turn(tmp_path: Path) -> None:
    line = [Camera(longitude=5.1 + n * 1e-4, latitude=52.09, altitude=4.0, heading=90) for n in range(5)]
    for camera, name in zip(line, _names(line), strict=True):
        photograph(tmp_path / name, *SIZE, gps=camera)
    reading = _read(_model(tmp_path, line, OWN), tmp_path)
    assert not reading.rows
    assert "lie on one line" in reading.findings["no-georeference"].text


def test_a_model_in_the_batchs_crs_counts_from_its_grid(tmp_path: Path) -> None:
    centres = np.array([[136000.0, 455000.0, 3.0], [136040.0, 455010.0, 4.0], [136020.0, 455060.0, 5.0]])
    lines = []
    for number, centre in enumerate(centres):
        turn = rotation(30.0 * number, 4.0, -2.0).T
        pose = " ".join(f"{value:.17g}" for value in (*_quaternion(turn), *(-turn @ centre)))
        lines += [f"{number} {pose} 1 {number}.jpg", ""]
    (tmp_path / "images.txt").write_text("\n".join(lines))
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 400 300 340 345 203 149\n")
    reading = _read(tmp_path / "images.txt", tmp_path, projected=True)
    row = reading.rows["2.jpg"]
    assert [row[name] for name in ("x", "y", "z")] == pytest.approx(centres[2], abs=1e-8)
    assert [row[name] for name in ("heading", "pitch", "roll")] == pytest.approx([60.0, 4.0, -2.0])
    assert row["north"] == "grid"
    assert "no-georeference" in _read(tmp_path / "images.txt", tmp_path).findings
    assert not _read(tmp_path / "images.txt", tmp_path).rows


def test_a_model_around_its_own_origin_is_in_no_crs(tmp_path: Path) -> None:
    reading = _read(_model(tmp_path, TOWN, OWN), tmp_path, projected=True)
    assert not reading.rows
    assert reading.findings["no-georeference"].level is Level.ERROR


def test_places_in_the_batchs_crs_need_one(tmp_path: Path) -> None:
    path = _model(tmp_path, TOWN, OWN)
    columns, origin, _ = OWN
    world = [axes(5.1, 52.09).T @ (camera.ecef - origin) + [136000.0, 455000.0, 0.0] for camera in TOWN]
    lines = [" ".join([name, *map(str, place)]) for name, place in zip(_names(TOWN), world, strict=True)]
    (tmp_path / "georeference.txt").write_text("\n".join(lines))
    assert "batch.yaml" in _read(path, tmp_path).findings["no-georeference"].text
    reading = _read(path, tmp_path, projected=True)
    row = reading.rows["1.jpg"]
    assert [row[name] for name in ("x", "y", "z")] == pytest.approx(world[1], abs=1e-3)
    turn = axes(5.1, 52.09).T @ TOWN[1].to_ecef
    assert rotation(row["heading"], row["pitch"], row["roll"]) == pytest.approx(turn, abs=1e-6)
    assert columns.shape == (3, 3)


@pytest.mark.parametrize("text", ["", "0.jpg 1 2\n", "0.jpg a b c\n"])
def test_a_spoilt_file_of_places_is_told_and_nothing_else_is_tried(tmp_path: Path, text: str) -> None:
    for camera, name in zip(TOWN, _names(TOWN), strict=True):
        photograph(tmp_path / name, *SIZE, gps=camera)
    (tmp_path / "georeference.txt").write_text(text)
    reading = _read(_model(tmp_path, TOWN, OWN), tmp_path)
    assert not reading.rows
    assert "georeference.txt" in reading.findings["no-georeference"].text


@pytest.mark.parametrize(
    ("lens", "camera", "kind"),
    [
        ("1 OPENCV_FISHEYE 400 300 1 1 1 1 0 0 0 0", None, "camera-unknown"),
        ("1 FULL_OPENCV 400 300 9 9 1 1 0 0 0 0 0 0 0 0.1", None, "camera-unknown"),
        ("1 EQUIRECTANGULAR 400 200 400 200", {"model": "equirectangular"}, None),
        ("1 PINHOLE 400 400 9 9 1 1", None, "camera-other-shape"),
    ],
)
def test_cameras_that_no_step_knows_are_told_by_name(
    tmp_path: Path, lens: str, camera: Any, kind: str | None
) -> None:
    photograph(tmp_path / "0.jpg", *SIZE)
    reading = _read(_model(tmp_path, TOWN[:1], ECEF, lens), tmp_path)
    assert reading.rows["0.jpg"]["camera"] == camera
    assert set(reading.findings) == ({kind} if kind else set())
    assert all("0.jpg" in finding.text for finding in reading.findings.values())


def test_a_camera_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = _model(tmp_path, TOWN[:1], ECEF)
    (tmp_path / "cameras.txt").write_text("2 PINHOLE 400 300 9 9 1 1\n")
    reading = _read(path, tmp_path)
    assert "camera" not in reading.rows["0.jpg"]
    assert "camera-absent" in reading.findings


def test_the_camera_is_that_of_the_file_if_it_was_resized(tmp_path: Path) -> None:
    photograph(tmp_path / "0.jpg", 200, 150)
    camera = _read(_model(tmp_path, TOWN[:1], ECEF), tmp_path).rows["0.jpg"]["camera"]
    assert camera["fx"] == 170.0
    assert camera["cx"] == pytest.approx(203 / 2 - 0.5)


def test_an_image_that_colmap_saw_upright_is_not_turned_again(tmp_path: Path) -> None:
    photograph(tmp_path / "0.jpg", 300, 400, orientation=6)  # stored 300 x 400, upright 400 x 300
    row = _read(_model(tmp_path, TOWN[:1], ECEF), tmp_path).rows["0.jpg"]
    assert row["roll"] == pytest.approx(TOWN[0].roll)
    assert row["camera"]["fx"] == 340.0


def test_lines_of_points_may_be_left_out(tmp_path: Path) -> None:
    path = _model(tmp_path, TOWN, ECEF)
    lines = [line for line in path.read_text().splitlines() if line.endswith(".jpg")]
    path.write_text("\n".join(lines))
    assert list(_read(path, tmp_path).rows) == _names(TOWN)


def test_a_spoilt_line_is_a_reason_and_a_spoilt_camera_is_refused(tmp_path: Path) -> None:
    path = _model(tmp_path, TOWN, ECEF)
    path.write_text(path.read_text().replace(" 1 1.jpg", " x"))
    reading = _read(path, tmp_path)
    assert list(reading.rows) == ["0.jpg", "2.jpg", "3.jpg"]
    assert "ten fields" in reading.reasons["images.txt, line 4"]
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 400 300 9\n")
    with pytest.raises(BatchError, match=r"cameras\.txt, line 1"):
        _read(path, tmp_path)


def test_binary_models_are_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    model = tmp_path / "sparse/0"
    model.mkdir(parents=True)
    for name in ("images.bin", "cameras.bin"):
        (model / name).write_bytes(b"\0")
    path = colmap.find(tmp_path)
    assert path == model / "images.bin"
    with pytest.raises(BatchError, match="model_converter"):
        _read(path, tmp_path)
    text = _model(model, TOWN, ECEF)
    assert colmap.find(tmp_path) == text


def test_further_models_are_told(tmp_path: Path) -> None:
    _model(tmp_path / "sparse/1", TOWN, ECEF)
    reading = _read(_model(tmp_path / "sparse/0", TOWN, ECEF), tmp_path)
    assert "'1'" in reading.findings["colmap-further-models"].text


def test_a_folder_with_some_images_txt_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("a.jpg\n")
    assert colmap.find(tmp_path) is None
