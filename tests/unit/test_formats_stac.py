"""STAC items of street-level photographs, as Panoramax gives them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from coordinator.findings import Finding, Level
from coordinator.formats import stac
from coordinator.formats.camera import CAMERA
from coordinator.formats.row import Row
from tests.unit.posed_world import Reading, photograph, taken

HD = "https://panoramax.example/pictures/7f/hd.jpg"


def _item(name: Any = "7f", *, assets: Any = None, geometry: Any = None, **properties: Any) -> dict[str, Any]:
    base = {
        "datetime": "2025-04-12T02:14:55+00:00", "view:azimuth": 91, "pers:pitch": -2.5, "pers:roll": 1.5,
        "pers:interior_orientation": {"field_of_view": 360, "sensor_array_dimensions": [5760, 2880]},
    }  # fmt: skip
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "c",
        "geometry": geometry or {"type": "Point", "coordinates": [5.1, 52.09]},
        "assets": {"hd": {"href": HD}, "thumb": {"href": HD + "?t"}} if assets is None else assets,
        "properties": {**base, **properties},
    }  # fmt: skip


def _read(folder: Path, document: Any, name: str = "items.json") -> Reading:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / name).write_text(text, encoding="utf-8")
    path = stac.find(folder)
    assert path is not None
    findings: list[Finding] = []
    return taken(stac.read(path, findings.append, folder), findings)


def _camera(folder: Path, interior: dict[str, Any], **properties: Any) -> Any:
    row = _read(folder, _item(**{"pers:interior_orientation": interior}, **properties)).rows["7f.jpg"]
    if row.get("camera"):
        CAMERA.validate_python(row["camera"])
    return row.get("camera", "nothing")


def test_an_item_is_a_row(tmp_path: Path) -> None:
    photograph(tmp_path / "pictures/7f.jpg", 20, 10)
    reading = _read(tmp_path, {"type": "FeatureCollection", "features": [_item()]})
    assert reading.rows == {
        "pictures/7f.jpg": {
            "id": "7f", "image": "pictures/7f.jpg", "longitude": 5.1, "latitude": 52.09, "heading": 91, "pitch": -2.5,
            "roll": 1.5, "time": "2025-04-12T02:14:55+00:00", "sequence": "c", "camera": {"model": "equirectangular"},
        }
    }  # fmt: skip
    Row.model_validate(reading.rows["pictures/7f.jpg"])
    assert not reading.findings


@pytest.mark.parametrize("form", ["collection", "list", "one", "lines"])
def test_every_form_in_which_items_are_kept(tmp_path: Path, form: str) -> None:
    items = [_item("1"), _item("2")]
    for item in items:
        photograph(tmp_path / f"{item['id']}.jpg")
    document: Any = {
        "collection": {"type": "FeatureCollection", "features": items}, "list": items, "one": items[0],
        "lines": "\n".join(map(json.dumps, items)),
    }[form]  # fmt: skip
    reading = _read(tmp_path, document, "kept.jsonl" if form == "lines" else "kept.json")
    assert list(reading.rows) == (["1.jpg"] if form == "one" else ["1.jpg", "2.jpg"])


@pytest.mark.parametrize("folder", [".", "items"])
def test_a_file_for_each_item_and_their_collection_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "a.json").write_text(json.dumps(_item("1")))
    (tmp_path / folder / "b.json").write_text(json.dumps(_item("2")))
    collection = {"type": "Collection", "stac_version": "1.0.0", "id": "c"}
    (tmp_path / folder / "collection.json").write_text(json.dumps(collection))
    for name in ("1", "2"):
        photograph(tmp_path / f"pictures/{name}.jpg")
    path = stac.find(tmp_path)
    assert path is not None
    findings: list[Finding] = []
    reading = taken(stac.read(path, findings.append, tmp_path), findings)
    assert list(reading.rows) == ["pictures/1.jpg", "pictures/2.jpg"]
    assert reading.findings["stac-not-read"].level is Level.NOTE


def test_the_photograph_is_told_by_id_original_name_or_asset_else_by_address(tmp_path: Path) -> None:
    photograph(tmp_path / "IMG_1.JPG")
    photograph(tmp_path / "x.jpg")
    photograph(tmp_path / "hd.jpg")
    reading = _read(
        tmp_path,
        [
            _item("1", **{"original_file:name": "IMG_1.JPG"}),
            _item("2", assets={"data": {"href": "./pictures/x.jpg", "type": "image/jpeg"}}),
            _item("3"),
            _item("4", assets={"meta": {"href": "https://x/4.xml", "type": "text/xml"}}),
        ],
    )
    assert [row["id"] for row in reading.rows.values()] == ["1", "2", "3"]
    assert list(reading.rows) == ["IMG_1.JPG", "x.jpg", HD]
    assert (reading.rows[HD]["width"], reading.rows[HD]["height"]) == (5760, 2880)
    assert "none of its assets" in reading.reasons["items.json, record 4, item '4'"]


def test_the_small_asset_has_panoramax_width(tmp_path: Path) -> None:
    interior = {"field_of_view": 90, "sensor_array_dimensions": [4096, 3072]}
    assets = {"sd": {"href": "https://x/sd.jpg"}, "thumb": {"href": "https://x/thumb.jpg"}}
    reading = _read(tmp_path, _item(assets=assets, **{"pers:interior_orientation": interior}))
    row = reading.rows["https://x/sd.jpg"]
    assert (row["width"], row["height"]) == (2048, 1536)
    assert row["camera"]["fx"] == pytest.approx(1024.0)


def test_heights_and_magnetic_headings_come_from_the_exif_that_is_passed_on(tmp_path: Path) -> None:
    photograph(tmp_path / "7f.jpg")
    exif = {
        "Exif.GPSInfo.GPSAltitude": "1234/100", "Exif.GPSInfo.GPSAltitudeRef": "1",
        "Exif.GPSInfo.GPSImgDirection": "9130/100", "Exif.GPSInfo.GPSImgDirectionRef": "M",
    }  # fmt: skip
    row = _read(tmp_path, _item(exif=exif)).rows["7f.jpg"]
    assert (row["altitude"], row["north"]) == (-12.34, "magnetic")
    exif["Exif.GPSInfo.GPSImgDirection"] = "20/1"
    point = {"type": "Point", "coordinates": [5, 52, 7]}
    row = _read(tmp_path, _item(exif=exif, geometry=point)).rows["7f.jpg"]
    assert row["altitude"] == 7
    assert "north" not in row


def test_yaw_stands_in_for_the_azimuth_and_is_told_where_both_differ(tmp_path: Path) -> None:
    photograph(tmp_path / "7f.jpg")
    reading = _read(tmp_path, _item(**{"view:azimuth": None, "pers:yaw": 33.0}))
    assert reading.rows["7f.jpg"]["heading"] == 33.0
    reading = _read(tmp_path, _item(**{"pers:yaw": 33.0}))
    assert reading.rows["7f.jpg"]["heading"] == 91
    assert "'7f'" in reading.findings["stac-yaw-differs"].text


def test_a_perspective_camera_by_pixels_by_angle_or_by_film(tmp_path: Path) -> None:
    photograph(tmp_path / "7f.jpg", 200, 150)
    sensor = {"sensor_array_dimensions": [4000, 3000], "focal_length": 20.0}
    camera = _camera(tmp_path, {**sensor, "pixel_spacing": [0.005, 0.005], "field_of_view": 10})
    assert camera == {"model": "pinhole", "fx": 200.0, "fy": 200.0, "cx": 99.5, "cy": 74.5}
    camera = _camera(tmp_path, {**sensor, "field_of_view": 60})
    assert camera["fx"] == pytest.approx(100 / math.tan(math.radians(30)))
    camera = _camera(tmp_path, sensor, exif={"Exif.Photo.FocalLengthIn35mmFilm": "27"})
    assert camera["fx"] == pytest.approx(150.0)
    assert _camera(tmp_path, sensor) == "nothing"


def test_panoramax_angle_is_that_of_the_longer_side(tmp_path: Path) -> None:
    photograph(tmp_path / "7f.jpg", 150, 200)
    camera = _camera(tmp_path, {"field_of_view": 90}, **{"geovisio:status": "ready"})
    assert camera["fx"] == pytest.approx(100.0)
    assert _camera(tmp_path, {"field_of_view": 90})["fx"] == pytest.approx(75.0)


@pytest.mark.parametrize(
    ("interior", "exif"),
    [
        ({"field_of_view": 360, "sensor_array_dimensions": [5760, 2880], "visible_area": [720, 600, 0, 840]}, {}),
        (
            {"field_of_view": 360},
            {
                "Xmp.GPano.FullPanoWidthPixels": "5760", "Xmp.GPano.FullPanoHeightPixels": "2880",
                "Xmp.GPano.CroppedAreaImageWidthPixels": "5040", "Xmp.GPano.CroppedAreaImageHeightPixels": "1440",
                "Xmp.GPano.CroppedAreaLeftPixels": "720", "Xmp.GPano.CroppedAreaTopPixels": "600",
            },
        ),
    ],
)  # fmt: skip
def test_a_part_of_a_panorama_lies_in_the_whole_one(
    tmp_path: Path, interior: dict[str, Any], exif: dict[str, str]
) -> None:
    photograph(tmp_path / "7f.jpg", 504, 144)
    crop = {"full_width": 576.0, "full_height": 288.0, "left": 72.0, "top": 60.0}
    assert _camera(tmp_path, interior, exif=exif) == {"model": "equirectangular", "crop": pytest.approx(crop)}


@pytest.mark.parametrize(
    ("interior", "told"),
    [
        ({"field_of_view": 60, "visible_area": [1, 0, 0, 0]}, "visible_area"),
        ({"field_of_view": 60, "sensor_array_dimensions": [10, 10]}, "200x150"),
        ({"field_of_view": 60, "radial_distortion": [0, 1e-4, 0, 0]}, "radial_distortion"),
        ({"field_of_view": 60, "principal_point_offset": [0.1, 0]}, "principal_point_offset"),
    ],
)
def test_a_camera_that_is_not_understood_is_told_by_name(
    tmp_path: Path, interior: dict[str, Any], told: str
) -> None:
    photograph(tmp_path / "7f.jpg", 200, 150)
    reading = _read(tmp_path, _item(**{"pers:interior_orientation": interior}))
    assert reading.rows["7f.jpg"]["camera"] is None
    assert told in reading.findings["camera-unknown"].text


def test_a_part_of_a_panorama_elsewhere_is_not_placed(tmp_path: Path) -> None:
    interior = {
        "field_of_view": 360,
        "sensor_array_dimensions": [5760, 2880],
        "visible_area": [720, 600, 0, 840],
    }
    reading = _read(tmp_path, _item(**{"pers:interior_orientation": interior}))
    assert reading.rows[HD]["camera"] is None
    assert "download it" in reading.findings["camera-unknown"].text


def test_places_that_are_none_are_reasons(tmp_path: Path) -> None:
    polygon = {"type": "Polygon", "coordinates": []}
    utm = {"pers:perspective_center": [593092.7, 6140947.6, 1510.2], "pers:crs": 25832}
    reading = _read(
        tmp_path,
        [
            _item("1", geometry=polygon),
            _item("2", geometry=polygon, **utm),
            _item("3", geometry=polygon, **{"pers:perspective_center": [5.0, 52.0, 3.0]}),
            {"type": "Feature", "stac_version": "1.0.0"},
        ],
    )
    assert reading.rows[HD]["altitude"] == 3.0
    reasons = list(reading.reasons.values())
    assert "Polygon" in reasons[0]
    assert "25832" in reasons[1]
    assert "no STAC item" in reasons[2]


def test_a_collection_alone_is_no_batch_of_items(tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text('{"type": "Collection", "stac_version": "1.0.0", "id": "c"}')
    assert stac.find(tmp_path) is None


def test_numbers_may_be_texts(tmp_path: Path) -> None:
    reading = _read(tmp_path, _item(**{"view:azimuth": "12.5", "pers:pitch": "level", "pers:roll": True}))
    row = reading.rows[HD]
    assert row["heading"] == 12.5
    assert "pitch" not in row
    assert "roll" not in row


def test_the_accuracy_is_panoramax_own_or_of_a_radius(tmp_path: Path) -> None:
    def accuracy(**properties: Any) -> Any:
        named = {f"quality:horizontal_{name}": value for name, value in properties.items()}
        return next(iter(_read(tmp_path, _item(**named)).rows.values())).get("position_accuracy")

    assert accuracy() is None
    assert accuracy(accuracy=4) == 4.0
    assert accuracy(accuracy=2.448, accuracy_type="95% confidence interval") == pytest.approx(1.0)
