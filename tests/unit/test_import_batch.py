"""``import``: what was read of any format, written as a plain batch that gives the same recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from coordinator.cli import main
from tests.unit.builders import write_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings in degrees, of three kinds of camera, with detections."""
    for name in ("a.png", "b.png", "sub/c.png"):
        write_png(tmp_path / "given" / name, 100, 50)
    (tmp_path / "given" / "Recordings.CSV").write_text(
        "filename;lat;lon;alt;yaw;camera;fx;fy;cx;cy;full_width;full_height;left;top;note\n"
        "a.png;52,37;4,9;3;40;equirectangular;;;;;;;;;x\n"
        "b.png;52,3701;4,9;3;41;pinhole;80;80;49,5;24,5;;;;;y\n"
        "sub\\c.png;52,3702;4,9;3;42;equirectangular;;;;;200;100;50;20;z\n"
    )
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 50}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 7, "name": "sign"}]}
    (tmp_path / "given" / "boxes.json").write_text(json.dumps(document))
    return tmp_path / "given"


def items(folder: Path) -> list[dict[str, object]]:
    found = open_batch(folder).recordings(with_detections=True)
    return [recording.item for recording in found if isinstance(recording, Recording)]


def test_the_same_recordings_come_of_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "batch"
    assert main(["import", str(folder), "--out", str(out)]) == 0
    before, after = items(folder), items(out)
    assert [item["image"] for item in before] == ["/batch/a.png", "/batch/b.png", "/batch/sub/c.png"]
    for one, other in zip(before, after, strict=True):
        assert one.pop("pose") == pytest.approx(other.pop("pose"), abs=1e-6)
        del one["note"]
        assert one == other
    assert before[2]["camera"] == {
        "model": "equirectangular",
        "crop": {"full_width": 200.0, "full_height": 100.0, "left": 50.0, "top": 20.0},
    }
    assert (out / "sub" / "c.png").samefile(folder / "sub" / "c.png")


def test_nothing_is_written_over(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "batch"
    out.mkdir()
    (out / "recordings.csv").write_text("mine")
    assert main(["import", str(folder), "--out", str(out)]) == 2
    assert "recordings.csv is there already" in capsys.readouterr().err
    assert (out / "recordings.csv").read_text() == "mine"


def test_into_the_folder_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(tmp_path / "a.png", 100, 50)
    assert main(["import", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "recordings.csv").read_text().splitlines()[1].startswith("a.png,a.png,")
    assert "recordings  1, read as photographs; 0 left out" in capsys.readouterr().out


def test_a_folder_without_recordings_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.heic").touch()
    assert main(["import", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "not read: 1 .heic; convert them" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
