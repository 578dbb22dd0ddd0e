"""What is never loaded for a folder, and that no folder of a format goes by without its reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.formats import telltales, voc, yolo
from coordinator.formats.colmap import _FOLDERS as COLMAP
from coordinator.formats.opensfm import _PLACES as OPENSFM

_RECORDINGS = [
    *(f"{folder}/images.txt" for folder in COLMAP),
    "images.bin",
    *OPENSFM,
    "mapillary_image_description.json",
    "Export.JSONL",
    "export.ndjson",
    "export.geojson",
    "items/a.json",
    "calib.txt",
    "oxts/data/0000000000.txt",
    "2011_09_26/oxts/data/0000000000.txt",
]
_DETECTIONS = [
    "detections.json",
    "coco.json",
    "annotations/instances.json",
    "annotations.xml",
    *(f"{folder}/a.xml" for folder in voc.FOLDERS),
    *(f"{folder}/a.txt" for folder in yolo.FOLDERS),
    *yolo._NAME_LISTS,
]
_WITHOUT = """
import sys
from coordinator.cli import main
assert main(["validate", sys.argv[1]]) == 0
heavy = ("PIL", "pygeomag", "xml", "shapely", "coordinator.formats.foreign", "coordinator.formats.coco",
         "coordinator.formats.imageheader", "coordinator.batch.regionfile", "coordinator.batch.tracks")
print(*(name for name in heavy if name in sys.modules))
"""


def _made(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return folder


@pytest.mark.parametrize("name", _RECORDINGS)
def test_recordings_of_other_formats_are_looked_for(tmp_path: Path, name: str) -> None:
    assert telltales.recordings(_made(tmp_path, name))


@pytest.mark.parametrize("name", _DETECTIONS)
def test_detections_are_looked_for(tmp_path: Path, name: str) -> None:
    assert telltales.detections(_made(tmp_path, name))


def test_a_track_is_looked_for(tmp_path: Path) -> None:
    assert telltales.track(_made(tmp_path, "Drive.GPX"))


def test_a_plain_batch_has_nothing_to_look_for(tmp_path: Path) -> None:
    for name in ("recordings.json", "regions.geojson", "truth.geojson", "batch.yaml", "forward/a.jpg"):
        _made(tmp_path, name)
    assert not telltales.recordings(tmp_path)
    (tmp_path / "recordings.json").rename(tmp_path / "recordings.csv")
    assert not telltales.detections(tmp_path)
    assert not telltales.track(tmp_path)


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert not telltales.detections(tmp_path / "gone")


def test_a_plain_table_loads_none_of_what_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "batch.yaml").write_text("crs: EPSG:28992\n")
    rows = [f"{x},{x}.jpg,{x},487000,2,90,equirectangular,4000,2000" for x in range(120000, 120040, 5)]
    table = "\n".join(["id,image,x,y,z,heading,camera,width,height", *rows])
    (tmp_path / "recordings.csv").write_text(table)
    (tmp_path / "120000.jpg").write_text("not looked into")
    command = [sys.executable, "-c", _WITHOUT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
