"""Photographs on a GPX track, and what is said if the clocks do not go together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coordinator.batch.tracks import Times, read_times

NOON = datetime(2024, 5, 14, 12, 0, tzinfo=UTC)


def track(folder: Path, minutes: int = 10) -> Path:
    points = "".join(
        f'<trkpt lat="{52.37 + 0.0001 * second}" lon="4.9"><ele>3</ele>'
        f"<time>{(NOON + timedelta(seconds=second)).strftime('%Y-%m-%dT%H:%M:%SZ')}</time></trkpt>"
        for second in range(0, 60 * minutes + 1, 10)
    )
    text = f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    (folder / "drive.gpx").write_text(text)
    return folder


def times(folder: Path, offset: float = 0.0) -> Times:
    found = read_times(track(folder), offset)
    assert found is not None
    return found


def test_none_without_a_file(tmp_path: Path) -> None:
    assert read_times(tmp_path, 0.0) is None


def test_between_two_points(tmp_path: Path) -> None:
    fix = times(tmp_path).fix(NOON.timestamp() + 15)
    assert fix is not None
    assert fix.latitude == pytest.approx(52.3715)


def test_the_offset_is_added(tmp_path: Path) -> None:
    found = times(tmp_path, offset=-7200.0)
    fix = found.fix(NOON.timestamp() + 7200)
    assert fix is not None
    assert fix.latitude == pytest.approx(52.37)
    assert not list(found.findings())


def test_clocks_of_other_zones_are_told_with_the_offset_that_fits(tmp_path: Path) -> None:
    found = times(tmp_path)
    for minute in (1, 9, 4):
        assert found.fix(NOON.timestamp() + 7200 + 60 * minute) is None
    (said,) = found.findings()
    assert "covers 2024-05-14 12:00:00 to 2024-05-14 12:10:00" in said.text
    assert "taken from 2024-05-14 14:01:00 to 2024-05-14 14:09:00" in said.text
    assert said.text.endswith("Then it is --time-offset -7200")


def test_without_such_an_offset_it_is_asked_for(tmp_path: Path) -> None:
    found = times(tmp_path)
    found.fix(NOON.timestamp() - 86400 * 3 - 400)
    found.fix(NOON.timestamp() - 86400 * 9)
    (said,) = found.findings()
    assert said.text.endswith("; name the difference of the clocks with --time-offset")
