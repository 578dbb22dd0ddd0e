"""Rows that say the same of their cameras share the check of it, and no more than that."""

from __future__ import annotations

from pathlib import Path

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import BadRecording, Recording


def _read(folder: Path, table: str, name: str) -> list[Recording | BadRecording]:
    (folder / "batch.yaml").write_text("crs: EPSG:28992\n")
    (folder / name).write_text(table)
    return list(open_batch(folder).recordings())


def test_another_camera_is_another(tmp_path: Path) -> None:
    rows = ["a,a.jpg,700", "b,b.jpg,700", "c,c.jpg,800", "d,d.jpg,0", "e,e.jpg,700"]
    table = "\n".join(["id,image,fx,fy,cx,cy,width,height", *(f"{row},700,500,300,1000,600" for row in rows)])
    found = _read(tmp_path, table, "recordings.csv")
    widths = [one.item["camera"]["fx"] if isinstance(one, Recording) else one.reason for one in found]
    assert widths[:3] == [700.0, 700.0, 800.0]
    assert "fx" in widths[3]
    assert widths[4] == 700.0


def test_a_list_for_a_number_is_a_bad_row(tmp_path: Path) -> None:
    table = '[{"id": "a", "image": "a.jpg", "fx": [1], "fy": 1, "cx": 1, "cy": 1, "width": 9, "height": 9}]'
    (found,) = _read(tmp_path, table, "recordings.json")
    assert isinstance(found, BadRecording)
    assert "fx" in found.reason
