"""Mapillary: what mapillary_tools writes, and the records of its API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import mapillary, mapillaryapi
from coordinator.formats.camera import CAMERA
from coordinator.formats.row import Row
from steps.stepkit.arrays import F64
from tests.unit.posed_world import TOWN, Camera, Reading, axes, photograph, pixels, seen, stood_upright, taken

ENTRY = {
    "MAPLatitude": 58.5927694, "MAPLongitude": 16.1840944, "MAPAltitude": 12.5,
    "MAPCaptureTime": "2021_02_13_13_24_41_140", "MAPCompassHeading": {"TrueHeading": 33.5, "MagneticHeading": 33.5},
    "MAPSequenceUUID": "s1", "MAPOrientation": 1, "filename": "/home/me/trip/a.jpg", "filetype": "image",
}  # fmt: skip


def _description(folder: Path, *entries: Any) -> Reading:
    path = folder / "mapillary_image_description.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    findings: list[Finding] = []
    return taken(mapillary.read(path, findings.append), findings)


def test_an_entry_is_a_row_of_the_file_that_its_path_means(tmp_path: Path) -> None:
    photograph(tmp_path / "trip/a.jpg")
    reading = _description(tmp_path, ENTRY)
    assert reading.rows == {
        "trip/a.jpg": {
            "image": "trip/a.jpg", "longitude": 16.1840944, "latitude": 58.5927694, "altitude": 12.5,
            "time": "2021-02-13T13:24:41.140Z", "heading": 33.5, "sequence": "s1",
        }
    }  # fmt: skip
    Row.model_validate(reading.rows["trip/a.jpg"])
    assert not reading.findings


def test_of_files_of_one_name_the_path_tells_which(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "two/a.jpg"):
        photograph(tmp_path / name)
    windows = {**ENTRY, "filename": r"C:\trips\two\A.JPG"}
    assert list(_description(tmp_path, windows, {**ENTRY, "filename": "one/a.jpg"}).rows) == [
        "two/a.jpg",
        "one/a.jpg",
    ]


def test_a_file_that_is_not_there_is_named_all_the_same(tmp_path: Path) -> None:
    assert list(_description(tmp_path, ENTRY).rows) == ["a.jpg"]


def test_a_magnetic_heading_alone_is_called_so(tmp_path: Path) -> None:
    row = _description(tmp_path, {**ENTRY, "MAPCompassHeading": {"MagneticHeading": 12.0}}).rows["a.jpg"]
    assert (row["heading"], row["north"]) == (12.0, "magnetic")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"filename": "b.jpg", "error": {"type": "X", "message": "no GPS"}}, "gave it up: no GPS"),
        ({"filename": "b.mp4", "MAPGPSTrack": [], "filetype": "video"}, "is a video"),
        ({"MAPLatitude": 1.0}, "has no filename"),
        ("b.jpg", "no JSON object"),
    ],
)
def test_what_is_no_photograph_with_a_place_is_a_reason(tmp_path: Path, entry: Any, reason: str) -> None:
    reading = _description(tmp_path, ENTRY, entry)
    assert list(reading.rows) == ["a.jpg"]
    assert reason in reading.reasons["mapillary_image_description.json, record 2"]


def test_an_orientation_that_is_not_the_files_is_told(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg")
    photograph(tmp_path / "b.jpg", orientation=6)
    reading = _description(
        tmp_path, {**ENTRY, "MAPOrientation": 6}, {**ENTRY, "filename": "b.jpg", "MAPOrientation": 6}
    )
    assert reading.findings["orientation-differs"].text.startswith("1 photographs")


def test_it_is_found_by_its_name_or_its_keys(tmp_path: Path) -> None:
    (tmp_path / "detections.json").write_text('{"MAPLatitude": 1}')
    (tmp_path / "recordings.json").write_text('[{"MAPLatitude": 1}]')
    (tmp_path / "other.json").write_text('{"latitude": 1}')
    assert mapillary.find(tmp_path) is None
    assert mapillaryapi.find(tmp_path) is None
    (tmp_path / "described.json").write_text(json.dumps([ENTRY]))
    assert mapillary.find(tmp_path) == tmp_path / "described.json"
    assert mapillaryapi.find(tmp_path) is None


# -- the API ----------------------------------------------------------------------------------------------

SIZE = 400, 300
LENS = [0.85, -0.05, 0.01]


def _record(name: str, camera: Camera, orientation: int = 1, **more: Any) -> dict[str, Any]:
    """As the API says it of the stored original: the rotation leads from east, north, up to the camera."""
    back = {1: 0.0, 6: -90.0, 3: 180.0, 8: 90.0}[orientation]
    turn = camera.to_ecef.T @ axes(camera.longitude, camera.latitude)
    turn = cv2.Rodrigues(np.array([0.0, 0.0, np.radians(back)]))[0] @ turn
    return {
        "id": name, "sequence": "s", "captured_at": 1600000000000, "camera_type": "perspective",
        "camera_parameters": LENS, "width": SIZE[0], "height": SIZE[1], "exif_orientation": orientation,
        "geometry": {"type": "Point", "coordinates": [1.0, 2.0]}, "altitude": 99.0, "compass_angle": 1.0,
        "computed_geometry": {"type": "Point", "coordinates": [camera.longitude, camera.latitude]},
        "computed_altitude": camera.altitude, "computed_compass_angle": camera.heading,
        "computed_rotation": cv2.Rodrigues(turn)[0].ravel().tolist(), **more,
    }  # fmt: skip


def _api(folder: Path, document: Any, name: str = "images.json") -> Reading:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / name).write_text(text, encoding="utf-8")
    path = mapillaryapi.find(folder)
    assert path == folder / name
    findings: list[Finding] = []
    return taken(mapillaryapi.read(path, findings.append), findings)


def _stored(camera: Camera, orientation: int, size: tuple[int, int]) -> F64:
    """Pixels of the stored image by the perspective model of OpenSfM's documentation."""
    back = {1: 0.0, 6: -90.0, 3: 180.0, 8: 90.0}[orientation]
    rays = (seen(camera) - camera.ecef) @ camera.to_ecef
    rays = rays @ cv2.Rodrigues(np.array([0.0, 0.0, np.radians(back)]))[0].T
    a = rays[:, :2] / rays[:, 2:]
    r2 = (a**2).sum(axis=1, keepdims=True)
    middle = (np.array(size) - 1) / 2
    projected: F64 = LENS[0] * (1 + LENS[1] * r2 + LENS[2] * r2**2) * a * max(size) + middle
    return projected


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_points_are_seen_where_mapillary_sees_them_in_a_thumbnail(tmp_path: Path, orientation: int) -> None:
    stored = 200, 150
    upright = stored[::-1] if orientation in (6, 8) else stored
    for n, camera in enumerate(TOWN):
        photograph(tmp_path / f"images/{n}.jpg", *upright)
        reading = _api(tmp_path, {"data": [_record(str(n), camera, orientation)]})
        assert not reading.findings
        row = reading.rows[f"images/{n}.jpg"]
        CAMERA.validate_python(row["camera"])
        assert "width" not in row
        expected = stood_upright(_stored(camera, orientation, stored), *stored, orientation)
        assert pixels(row, *upright, seen(camera)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("form", ["data", "list", "one", "geojson", "lines", "lines of features"])
def test_every_form_in_which_records_are_kept(tmp_path: Path, form: str) -> None:
    record = _record("7", TOWN[0], thumb_original_url="https://x/7.jpg")
    properties = {name: value for name, value in record.items() if name not in ("id", "geometry")}
    feature = {"type": "Feature", "id": "7", "geometry": record["geometry"], "properties": properties}
    document: Any = {
        "data": {"data": [record]}, "list": [record], "one": record,
        "geojson": {"type": "FeatureCollection", "features": [feature]},
        "lines": json.dumps(record) + "\n\n", "lines of features": json.dumps(feature),
    }[form]  # fmt: skip
    reading = _api(tmp_path, document, "kept.jsonl" if "lines" in form else "kept.json")
    assert not reading.reasons
    row = reading.rows["https://x/7.jpg"]
    assert (row["id"], row["longitude"], row["altitude"]) == ("7", TOWN[0].longitude, TOWN[0].altitude)
    assert (row["width"], row["height"], row["time"]) == (400, 300, 1600000000.0)


def test_several_pages_are_read_together_in_the_order_of_sequence_and_time(tmp_path: Path) -> None:
    def page(name: str, *records: dict[str, Any]) -> None:
        (tmp_path / name).write_text(json.dumps({"data": records}))

    page("p1.json", _record("late", TOWN[0], captured_at=9, thumb_original_url="https://x/late"))
    page(
        "p2.json",
        _record("early", TOWN[0], captured_at=3, thumb_original_url="https://x/early"),
        _record("first", TOWN[0], captured_at=10, sequence="a", thumb_original_url="https://x/first"),
    )
    path = mapillaryapi.find(tmp_path)
    assert path == tmp_path
    findings: list[Finding] = []
    rows = taken(mapillaryapi.read(path, findings.append), findings).rows
    assert [row["id"] for row in rows.values()] == ["first", "early", "late"]


def test_what_the_device_said_is_used_where_nothing_was_computed_and_told(tmp_path: Path) -> None:
    raw = {f"computed_{name}": None for name in ("geometry", "rotation", "compass_angle", "altitude")}
    one = _record("1", TOWN[0], thumb_original_url="https://x/1")
    reading = _api(tmp_path, [one, one | {"id": "2"} | raw | {"thumb_original_url": "https://x/2"}])
    row = reading.rows["https://x/2"]
    assert (row["longitude"], row["latitude"], row["heading"]) == (1.0, 2.0, 1.0)
    assert "altitude" not in row, "heights of two levels must not be mixed"
    assert "pitch" not in row
    assert "'2'" in reading.findings["mapillary-raw-position"].text
    assert "computed_altitude" in reading.findings["mapillary-other-height"].text


def test_altitudes_are_the_devices_if_none_was_computed(tmp_path: Path) -> None:
    record = _record("1", TOWN[0], computed_altitude=None, thumb_original_url="https://x/1")
    reading = _api(tmp_path, [record])
    assert reading.rows["https://x/1"]["altitude"] == 99.0
    assert "mapillary-other-height" not in reading.findings


def test_a_compass_angle_far_from_the_rotation_is_told(tmp_path: Path) -> None:
    record = _record("1", TOWN[0], computed_compass_angle=350.0, thumb_original_url="https://x/1")
    reading = _api(tmp_path, [record])
    assert reading.rows["https://x/1"]["heading"] == 350.0
    assert reading.findings["mapillary-heading-differs"].level is Level.WARNING


@pytest.mark.parametrize(
    ("fields", "camera"),
    [
        ({"camera_type": "spherical", "camera_parameters": []}, {"model": "equirectangular"}),
        ({"camera_type": "equirectangular", "camera_parameters": None}, {"model": "equirectangular"}),
        ({"camera_type": None, "is_pano": True}, {"model": "equirectangular"}),
        ({"camera_type": "fisheye"}, None),
    ],
)
def test_cameras_other_than_perspective(tmp_path: Path, fields: dict[str, Any], camera: Any) -> None:
    reading = _api(tmp_path, [_record("1", TOWN[0], thumb_original_url="https://x/1", **fields)])
    assert reading.rows["https://x/1"]["camera"] == camera
    assert ("camera-unknown" in reading.findings) is (camera is None)


def test_nothing_is_said_of_a_camera_without_parameters(tmp_path: Path) -> None:
    row = _api(tmp_path, [_record("1", TOWN[0], thumb_original_url="https://x/1", camera_parameters=None)])
    assert "camera" not in row.rows["https://x/1"]


def test_a_file_of_another_shape_costs_the_camera(tmp_path: Path) -> None:
    photograph(tmp_path / "1.jpg", 100, 100)
    reading = _api(tmp_path, [_record("1", TOWN[0])])
    assert reading.rows["1.jpg"]["camera"] is None
    assert "camera-other-shape" in reading.findings


def test_a_smaller_thumbnail_has_the_width_of_its_name(tmp_path: Path) -> None:
    row = _api(tmp_path, [_record("1", TOWN[0], thumb_1024_url="https://x/1")]).rows["https://x/1"]
    assert (row["width"], row["height"]) == (1024, 768)
    assert row["camera"]["fx"] == pytest.approx(0.85 * 1024)


def test_records_without_an_image_or_an_id_are_reasons(tmp_path: Path) -> None:
    reading = _api(tmp_path, [_record("1", TOWN[0]), {"captured_at": 3}, 5, {"id": 1, "error": "gone"}])
    assert not reading.rows
    assert sorted(reading.reasons.values()) == [
        "has no id",
        "is no JSON object",
        "no file 1.jpg (or .png) below the folder, and no thumb_original_url",
        "the API refused it: gone",
    ]


def test_a_broken_line_is_a_reason_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    line = json.dumps(_record("1", TOWN[0], thumb_original_url="https://x/1"))
    reading = _api(tmp_path, f"{line}\n{{\n", "kept.ndjson")
    assert list(reading.rows) == ["https://x/1"]
    assert "not JSON" in reading.reasons["kept.ndjson, line 2"]
    (tmp_path / "kept.json").write_text("[{")
    with pytest.raises(BatchError, match=r"kept\.json: not JSON"):
        list(mapillaryapi.read(tmp_path / "kept.json", lambda _: None))


def test_the_accuracy_of_a_description(tmp_path: Path) -> None:
    assert (
        _description(tmp_path, {**ENTRY, "MAPGPSAccuracyMeters": 4.5}).rows["a.jpg"]["position_accuracy"]
        == 4.5
    )
    assert (
        "position_accuracy" not in _description(tmp_path, {**ENTRY, "MAPGPSAccuracyMeters": 0}).rows["a.jpg"]
    )
