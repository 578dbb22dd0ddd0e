"""OpenSfM's reconstructions: written by the formulas of its documentation, and seen through the rows that are read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import opensfm
from coordinator.formats.camera import CAMERA
from steps.stepkit.arrays import F64
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

REFERENCE = {"latitude": 52.08, "longitude": 5.08, "altitude": 1.5}
SIZE = 400, 300
SPHERES = ("spherical", "equirectangular")
CAMERAS: dict[str, dict[str, Any]] = {
    "perspective": {"projection_type": "perspective", "focal": 0.85, "k1": -0.05, "k2": 0.01},
    "simple_radial": {"projection_type": "simple_radial", "focal_x": 0.8, "focal_y": 0.82, "c_x": 0.01, "k1": 0.04},
    "brown": {
        "projection_type": "brown", "focal_x": 0.8, "focal_y": 0.82, "c_x": 0.01, "c_y": -0.02,
        "k1": -0.05, "k2": 0.01, "p1": 0.003, "p2": -0.002, "k3": 0.001,
    },
    "spherical": {"projection_type": "spherical"},
    "equirectangular": {"projection_type": "equirectangular"},
}  # fmt: skip


def _shot(camera: Camera, model: str, orientation: int = 1) -> dict[str, Any]:
    """World to camera in the straight frame at the reference; of the stored image if that is turned."""
    frame = axes(REFERENCE["longitude"], REFERENCE["latitude"])
    origin = ecef(REFERENCE["longitude"], REFERENCE["latitude"], REFERENCE["altitude"])
    turn = camera.to_ecef.T @ frame
    back = {1: 0.0, 6: -90.0, 3: 180.0, 8: 90.0}[orientation]
    turn = cv2.Rodrigues(np.array([0.0, 0.0, np.radians(back)]))[0] @ turn
    translation = -turn @ (frame.T @ (camera.ecef - origin))
    rotation = cv2.Rodrigues(turn)[0].ravel()
    return {
        "camera": model, "rotation": rotation.tolist(), "translation": translation.tolist(),
        "orientation": orientation, "capture_time": 1600000000.5,
    }  # fmt: skip


def _projected(shot: dict[str, Any], model: dict[str, Any], points: F64) -> F64:
    """Pixels of the stored image by the equations of OpenSfM's documentation."""
    frame = axes(REFERENCE["longitude"], REFERENCE["latitude"])
    origin = ecef(REFERENCE["longitude"], REFERENCE["latitude"], REFERENCE["altitude"])
    world = (points - origin) @ frame
    x, y, z = cv2.Rodrigues(np.array(shot["rotation"]))[0] @ world.T + np.array(shot["translation"])[:, None]
    if model["projection_type"] in ("spherical", "equirectangular"):
        u = np.arctan2(x, z) / (2 * np.pi)
        v = -np.arctan2(-y, np.hypot(x, z)) / (2 * np.pi)
    else:
        a, b = x / z, y / z
        r2 = a * a + b * b
        k1, k2, k3, p1, p2 = (model.get(name, 0.0) for name in ("k1", "k2", "k3", "p1", "p2"))
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        fx = model.get("focal_x", model.get("focal"))
        fy = model.get("focal_y", fx)
        u = fx * (radial * a + 2 * p1 * a * b + p2 * (r2 + 2 * a * a)) + model.get("c_x", 0.0)
        v = fy * (radial * b + 2 * p2 * a * b + p1 * (r2 + 2 * b * b)) + model.get("c_y", 0.0)
    side = max(model["width"], model["height"])
    return np.stack([u * side + (model["width"] - 1) / 2, v * side + (model["height"] - 1) / 2], axis=1)


def _write(folder: Path, *parts: dict[str, Any]) -> Path:
    path = folder / "reconstruction.json"
    path.write_text(json.dumps(list(parts)), encoding="utf-8")
    return path


def _part(shots: dict[str, Any], model: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cameras": {"c": model}, "shots": shots, "points": {}, **more}


def _read(path: Path, folder: Path | None = None) -> Reading:
    findings: list[Finding] = []
    return taken(opensfm.read(path, findings.append, folder), findings)


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [
        *itertools.product(("perspective", "simple_radial", "brown"), (1, 3, 6, 8)),
        *zip(SPHERES, (1, 1), strict=True),
    ],
)
def test_every_point_is_seen_at_the_pixel_where_opensfm_sees_it(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    width, height = (600, 300) if kind in SPHERES else SIZE
    model = {**CAMERAS[kind], "width": width, "height": height}
    shots = {f"{n}.jpg": _shot(camera, "c", orientation) for n, camera in enumerate(TOWN)}
    for name in shots:
        photograph(tmp_path / "images" / name, width, height, orientation)
    path = _write(tmp_path, _part(shots, model, reference_lla=REFERENCE))
    reading = _read(path)
    assert not reading.reasons
    assert not reading.findings
    assert list(reading.rows) == [f"images/{name}" for name in shots]
    upright = (height, width) if orientation in (6, 8) else (width, height)
    for camera, name in zip(TOWN, shots, strict=True):
        row = reading.rows[f"images/{name}"]
        CAMERA.validate_python(row["camera"])
        assert row["time"] == 1600000000.5
        expected = stood_upright(_projected(shots[name], model, seen(camera)), width, height, orientation)
        assert pixels(row, *upright, seen(camera)) == pytest.approx(expected, abs=1e-5)
        assert (row["longitude"], row["latitude"]) == pytest.approx(
            (camera.longitude, camera.latitude), abs=1e-10
        )
        assert row["altitude"] == pytest.approx(camera.altitude, abs=1e-5)
        assert (row["heading"], row["pitch"], row["roll"]) == pytest.approx(
            (camera.heading, camera.pitch, camera.roll), abs=1e-6
        )


def test_the_camera_is_that_of_the_file_if_it_was_resized(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", 200, 150)
    model = {**CAMERAS["brown"], "width": 400, "height": 300}
    path = _write(tmp_path, _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE))
    camera = _read(path).rows["a.jpg"]["camera"]
    assert (camera["fx"], camera["cx"]) == pytest.approx((160.0, 99.5 + 2.0))


def test_another_aspect_ratio_costs_the_camera_and_is_told(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", 200, 200)
    model = {**CAMERAS["brown"], "width": 400, "height": 300}
    reading = _read(_write(tmp_path, _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE)))
    assert reading.rows["a.jpg"]["camera"] is None
    assert "'a.jpg'" in reading.findings["camera-other-shape"].text


def test_a_fisheye_is_told_by_name_and_has_no_camera(tmp_path: Path) -> None:
    model = {"projection_type": "fisheye", "focal": 0.5, "width": 400, "height": 300}
    reading = _read(_write(tmp_path, _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE)))
    assert reading.rows["a.jpg"]["camera"] is None
    assert "a.jpg (fisheye)" in reading.findings["camera-unknown"].text


def test_the_reference_may_lie_beside_and_cameras_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "reference_lla.json").write_text(json.dumps(REFERENCE))
    (tmp_path / "camera_models.json").write_text(
        json.dumps({"c": {**CAMERAS["perspective"], "width": 8, "height": 6}})
    )
    part = {"shots": {"a.jpg": _shot(TOWN[0], "c")}}
    row = _read(_write(tmp_path, part)).rows["a.jpg"]
    assert row["longitude"] == pytest.approx(TOWN[0].longitude, abs=1e-10)
    assert row["camera"]["fx"] == pytest.approx(0.85 * 8)


def test_parts_without_a_reference_are_told_and_the_others_read(tmp_path: Path) -> None:
    model = {**CAMERAS["perspective"], "width": 400, "height": 300}
    good = _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE)
    reading = _read(_write(tmp_path, good, _part({"b.jpg": _shot(TOWN[1], "c")}, model)))
    assert list(reading.rows) == ["a.jpg"]
    finding = reading.findings["no-georeference"]
    assert finding.level is Level.WARNING
    assert "2 of 2 (1 shots)" in finding.text


@pytest.mark.parametrize("reference", [None, {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0}])
def test_without_any_georeference_nothing_is_read_and_it_is_an_error(
    tmp_path: Path, reference: object
) -> None:
    model = {**CAMERAS["perspective"], "width": 400, "height": 300}
    reading = _read(_write(tmp_path, _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=reference)))
    assert not reading.rows
    assert reading.findings["no-georeference"].level is Level.ERROR


def test_a_shot_twice_counts_once_and_bad_shots_are_reasons(tmp_path: Path) -> None:
    model = {**CAMERAS["perspective"], "width": 400, "height": 300}
    far = {**_shot(TOWN[0], "c"), "translation": [2e6, 0.0, 0.0]}
    shots = {"a.jpg": _shot(TOWN[0], "c"), "b.jpg": {"camera": "c", "rotation": [1, 2]}, "far.jpg": far}
    first = _part(shots, model, reference_lla=REFERENCE)
    second = _part({"a.jpg": _shot(TOWN[1], "c")}, model, reference_lla=REFERENCE)
    reading = _read(_write(tmp_path, first, second))
    assert list(reading.rows) == ["a.jpg"]
    assert reading.rows["a.jpg"]["heading"] == pytest.approx(TOWN[0].heading)
    assert "rotation" in reading.reasons["reconstruction.json, shot 'b.jpg'"]
    assert "2,000,000 m" in reading.reasons["reconstruction.json, shot 'far.jpg'"]
    assert "'a.jpg'" in reading.findings["opensfm-shot-twice"].text


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[1]", '[{"shots": 3}]'])
def test_what_is_no_reconstruction_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "reconstruction.json").write_text(text)
    with pytest.raises(BatchError, match=r"reconstruction\.json"):
        _read(tmp_path / "reconstruction.json")


def test_it_is_found_where_opensfm_and_opendronemap_have_it(tmp_path: Path) -> None:
    assert opensfm.find(tmp_path) is None
    (tmp_path / "opensfm").mkdir()
    inner = tmp_path / "opensfm/reconstruction.json"
    inner.write_text("[]")
    assert opensfm.find(tmp_path) == inner
    photograph(tmp_path / "images/a.jpg", 8, 6)
    model = {**CAMERAS["perspective"], "width": 400, "height": 300}
    inner.write_text(json.dumps([_part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE)]))
    assert list(_read(inner, tmp_path).rows) == ["images/a.jpg"]


def test_the_files_exif_tells_how_it_is_turned_if_the_shot_does_not(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", 400, 300, orientation=6)
    shot = _shot(TOWN[0], "c", 6)
    del shot["orientation"]
    model = {**CAMERAS["brown"], "width": 400, "height": 300}
    row = _read(_write(tmp_path, _part({"a.jpg": shot}, model, reference_lla=REFERENCE))).rows["a.jpg"]
    assert row["roll"] == pytest.approx(TOWN[0].roll)


def test_of_several_files_of_a_name_the_one_among_the_images_is_meant(tmp_path: Path) -> None:
    for folder in ("images", "thumbs"):
        photograph(tmp_path / folder / "a.jpg")
    model = {**CAMERAS["brown"], "width": 400, "height": 300}
    path = _write(tmp_path, _part({"a.jpg": _shot(TOWN[0], "c")}, model, reference_lla=REFERENCE))
    assert list(_read(path).rows) == ["images/a.jpg"]
