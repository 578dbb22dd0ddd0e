"""The list of formats: every folder is taken for what it is, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.findings import Finding
from coordinator.formats.foreign import FOREIGN
from coordinator.formats.format import File
from coordinator.formats.recordings import NAMES, TABLE, formats_found
from tests.unit.posed_world import taken

_FILES = {
    "table": ("recordings.csv", "image,x,y\na.jpg,1,2\n"),
    "mapillary-description": (
        "mapillary_image_description.json",
        '[{"filename": "a.jpg", "MAPLatitude": 1}]',
    ),
    "stac": (
        "items.json",
        json.dumps(
            {
                "stac_version": "1.0.0",
                "geometry": {"type": "Point", "coordinates": [5, 52]},
                "properties": {},
                "assets": {"hd": {"href": "https://x/a.jpg"}},
            }
        ),
    ),
    "mapillary": (
        "images.json",
        '{"data": [{"id": 1, "captured_at": 1, "thumb_original_url": "https://x/a.jpg"}]}',
    ),
    "opensfm": (
        "reconstruction.json",
        json.dumps(
            [
                {
                    "reference_lla": {"latitude": 52, "longitude": 5, "altitude": 0},
                    "cameras": {},
                    "shots": {"a.jpg": {"rotation": [1, 0, 0], "translation": [0, 0, 0], "camera": "c"}},
                }
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", _FILES)
def test_a_folder_is_taken_for_what_it_is(tmp_path: Path, name: str) -> None:
    file, text = _FILES[name]
    (tmp_path / file).write_text(text)
    found = formats_found(tmp_path)
    assert [known.name for known, _ in found] == [name]
    findings: list[Finding] = []
    known, path = found[0]
    reading = taken(known.read(File(path, tmp_path), findings.append), findings)
    assert len(reading.rows) == 1
    assert not reading.reasons


def test_all_that_a_folder_has_is_named_in_order(tmp_path: Path) -> None:
    for file, text in _FILES.values():
        (tmp_path / file).write_text(text)
    assert [known.name for known, _ in formats_found(tmp_path)] == list(_FILES)


def test_photographs_alone_are_no_format(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert formats_found(tmp_path) == []


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES) == 7


def test_names_are_those_of_the_formats() -> None:
    assert tuple(known.name for known in (TABLE, *FOREIGN)) == NAMES
