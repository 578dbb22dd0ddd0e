"""What GDAL makes of the files that a run writes for a GIS: by Debian's ogrinfo, and by pyogrio.

A town of detections goes through ``run``, with the steps as processes of this machine.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from coordinator.cli import main
from coordinator.record import osm
from coordinator.record.osm import write_osm
from tests.integration.drawn_towns import draw, write
from tests.unit.builders import feature

DEBIANS_PYTHON = "/usr/bin/python3"
SIGNS = Path(osm.__file__).with_name("traffic_signs.csv")

LAYERS = {
    "objects": {"id": "String", "views": "Integer64", "facing": "Real", "first_seen": "DateTime"},
    "observations": {"object": "String", "distance": "Real", "time": "DateTime", "detection": "Integer64"},
    "recordings": {"id": "String", "heading": "Real", "time": "DateTime", "detections": "Integer64"},
    "regions": {"id": "String", "part": "String", "halo": "Real"},
    "failures": {"task": "String", "kind": "String", "kills": "Integer64"},
}
SHAPES = {
    "objects": "3D Point",
    "observations": "3D Line String",
    "recordings": "3D Point",
    "regions": "Multi Polygon",
    "failures": "3D Point",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over a drawn town."""
    folder = tmp_path_factory.mktemp("town")
    batch = write(draw(31, recordings=60, signs=8), folder / "batch")
    typed = ["run", str(batch), "--from", "position", "--until", "position", "--rung", "process"]
    assert main([*typed, "--out", str(folder / "run")]) == 0
    return folder / "run"


def expected(run: Path) -> dict[str, int]:
    """How many features each layer is to have, by what else the run wrote."""
    objects = json.loads((run / "objects.geojson").read_text())["features"]
    assert objects
    told = json.loads((run / "run.json").read_text())
    return {
        "objects": len(objects),
        "observations": sum(len(one["properties"]["observations"]) for one in objects),
        "recordings": 60,
        "regions": 2 * told["tasks"]["position.succeeded"],
        "failures": 0,
    }


def ogrinfo(path: Path, *options: str) -> str:
    if shutil.which("ogrinfo") is None:
        pytest.skip("ogrinfo (Debian's gdal-bin) is not installed")
    done = subprocess.run(["ogrinfo", "-ro", *options, path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_ogrinfo_reads_every_layer_of_the_geopackage(ran: Path) -> None:
    parts = re.split(r"^Layer name: ", ogrinfo(ran / "objects.gpkg", "-so", "-al"), flags=re.MULTILINE)[1:]
    told = {part.partition("\n")[0]: part for part in parts}
    assert told.keys() == LAYERS.keys() | {"layer_styles"}
    for name, fields in LAYERS.items():
        assert f"Geometry: {SHAPES[name]}\n" in told[name]
        assert f"Feature Count: {expected(ran)[name]}\n" in told[name]
        assert 'ID["EPSG",28992]]\n' in told[name]
        for field, kind in fields.items():
            assert f"\n{field}: {kind} " in told[name]


def test_gdals_validator_has_nothing_to_say_of_the_geopackage(ran: Path) -> None:
    """It comes with ogrinfo, for the Python that Debian has."""
    validator = [DEBIANS_PYTHON, "-m", "osgeo_utils.samples.validate_gpkg"]
    if subprocess.run([*validator, "--help"], capture_output=True, check=False).returncode not in (0, 2):
        pytest.skip("GDAL's validator of GeoPackages (Debian's python3-gdal) is not installed")
    done = subprocess.run(
        [*validator, "-k", "--extra", "--warning-as-error", ran / "objects.gpkg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_gis_finds_a_part_of_a_layer_by_its_index(ran: Path) -> None:
    for layer in LAYERS:
        said = ogrinfo(ran / "objects.gpkg", "-q", "-sql", f"SELECT HasSpatialIndex('{layer}', 'geom')")
        assert "HasSpatialIndex (Integer) = 1\n" in said
    raw = pytest.importorskip("pyogrio.raw", reason="pyogrio (the extra gis) is not installed")
    one = json.loads((ran / "objects.geojson").read_text())["features"][0]["properties"]
    around = (one["x"] - 0.01, one["y"] - 0.01, one["x"] + 0.01, one["y"] + 0.01)
    told, _, _, values = raw.read(ran / "objects.gpkg", layer="objects", bbox=around)
    assert list(values[list(told["fields"]).index("id")]) == [one["id"]]


def test_gdal_reads_every_sign_that_goes_to_openstreetmap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its driver for OpenStreetMap's XML, which would rather have positive ids."""
    codes = [line.partition(",")[0] for line in SIGNS.read_text(encoding="utf-8").splitlines()[1:]]
    place = {"type": "Point", "coordinates": [13.4, 52.5]}
    told = [feature(place, {"osm": {"traffic_sign": code, "seen": '<&">'}}) for code in codes]
    monkeypatch.setenv("OSM_USE_CUSTOM_INDEXING", "NO")
    found = ogrinfo(write_osm(tmp_path / "objects.osm", told), "-q", "-al")
    assert re.findall(r'"traffic_sign"=>"(.+)"$', found, flags=re.MULTILINE) == codes
    assert found.count('"seen"=>"<&\\">"') == found.count("POINT (13.4 52.5)") == len(codes)


@pytest.mark.parametrize(
    ("name", "layer"), [("objects.geojson", "objects"), ("recordings.geojson", "recordings")]
)
def test_ogrinfo_reads_the_geojson(ran: Path, name: str, layer: str) -> None:
    told = ogrinfo(ran / name, "-so", "-al")
    assert f"Feature Count: {expected(ran)[layer]}\n" in told
    assert "Point\n" in told
    assert 'ID["EPSG",4326]]\n' in told


@pytest.mark.parametrize("layer", LAYERS)
def test_pyogrio_reads_every_layer_of_the_geopackage(ran: Path, layer: str) -> None:
    raw = pytest.importorskip("pyogrio.raw", reason="pyogrio (the extra gis) is not installed")
    told: dict[str, Any]
    told, _, geometries, values = raw.read(ran / "objects.gpkg", layer=layer)
    assert told["crs"] == "EPSG:28992"
    assert len(geometries) == expected(ran)[layer]
    if layer == "objects":
        found = json.loads((ran / "objects.geojson").read_text())["features"]
        column = values[list(told["fields"]).index("id")]
        assert sorted(column) == sorted(one["id"] for one in found)


@pytest.mark.parametrize("layer", ["objects", "recordings", "regions"])
def test_a_layer_goes_out_as_flatgeobuf(ran: Path, tmp_path: Path, layer: str) -> None:
    raw = pytest.importorskip("pyogrio.raw", reason="pyogrio (the extra gis) is not installed")
    assert main(["export", str(ran), str(tmp_path / "map.fgb"), "--layer", layer]) == 0
    told, _, geometries, _ = raw.read(tmp_path / "map.fgb")
    assert (told["crs"], len(geometries)) == ("EPSG:28992", expected(ran)[layer])
    before, *_ = raw.read(ran / "objects.gpkg", layer=layer)
    assert list(told["fields"]) == list(before["fields"])
    assert [path.name for path in tmp_path.iterdir()] == ["map.fgb"]


def test_what_cannot_be_exported_is_told(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(ran), str(tmp_path / "map.dxf")]) == 2
    assert "the ending says the format" in capsys.readouterr().err
    assert main(["export", str(tmp_path), str(tmp_path / "map.fgb")]) == 2
    assert "has no objects.gpkg" in capsys.readouterr().err
    pytest.importorskip("pyogrio", reason="pyogrio (the extra gis) is not installed")
    assert main(["export", str(ran), str(tmp_path / "absent" / "map.fgb")]) == 2
    assert "cannot be written" in capsys.readouterr().err
