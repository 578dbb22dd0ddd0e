"""Which of a folder's files tells of its recordings, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.batch.sources import choose
from coordinator.errors import BatchError, UsageError
from tests.unit.builders import write_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_png(tmp_path / "a.png")
    (tmp_path / "recordings.csv").write_text("image\na.png\n")
    described = [{"filename": "a.png", "MAPLatitude": 1.0, "MAPLongitude": 2.0, "filetype": "image"}]
    (tmp_path / "mapillary_image_description.json").write_text(json.dumps(described))
    return tmp_path


def test_photographs_alone(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png")
    source = choose(tmp_path, None, projected=False)
    assert (source.name, source.path) == ("photographs", None)
    assert [entry[1] for entry in source.entries(print) if isinstance(entry, tuple)] == [{"image": "a.png"}]


def test_the_first_counts_and_the_others_are_named(folder: Path) -> None:
    source = choose(folder, None, projected=False)
    assert source.name == "table"
    (said,) = source.findings()
    assert said.text == (
        "not read: mapillary_image_description.json (mapillary-description), because recordings.csv counts; "
        "remove it, or choose with --format"
    )


def test_two_tables(folder: Path) -> None:
    (folder / "mapillary_image_description.json").unlink()
    (folder / "recordings.jsonl").write_text('{"image": "a.png"}\n')
    (said,) = choose(folder, None, projected=False).findings()
    assert "not read: recordings.jsonl (table), because recordings.csv counts" in said.text


@pytest.mark.parametrize("name", ["mapillary-description", "photographs"])
def test_another_is_forced(folder: Path, name: str) -> None:
    source = choose(folder, name, projected=False)
    assert source.name == name
    assert "recordings.csv (table)" in next(iter(source.findings())).text


def test_one_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(BatchError, match="holds nothing in the format 'opensfm'"):
        choose(folder, "opensfm", projected=False)
    with pytest.raises(UsageError, match="no format 'word'; there are table, "):
        choose(folder, "word", projected=False)
