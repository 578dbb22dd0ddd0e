"""GPX tracks, and where they were at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyproj
import pytest

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import gpx
from coordinator.formats.gpx import Fix, Track, read_track
from coordinator.formats.gpxfile import Point

START = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC).timestamp()
LONGITUDE, LATITUDE = 5.1, 52.09
_GEOD = pyproj.Geod(ellps="WGS84")
Row = tuple[float, float, float]
"""Seconds after START, metres east, metres north."""


def _place(east: float, north: float) -> tuple[float, float]:
    longitude, latitude, _ = _GEOD.fwd(LONGITUDE, LATITUDE, 90.0, east)
    longitude, latitude, _ = _GEOD.fwd(longitude, latitude, 0.0, north)
    return longitude, latitude


def _gpx(*segments: list[Row], zone: str = "Z", prefix: str = "", height: bool = True) -> str:
    def point(row: Row) -> str:
        longitude, latitude = _place(row[1], row[2])
        time = datetime.fromtimestamp(START + row[0], UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + zone
        ele = f"<{prefix}ele>{10 + row[0]}</{prefix}ele>" if height else ""
        inner = (
            f"{ele}<{prefix}time>{time}</{prefix}time><{prefix}extensions><x:hr>9</x:hr></{prefix}extensions>"
        )
        return f'<{prefix}trkpt lat="{latitude:.10f}" lon="{longitude:.10f}">{inner}</{prefix}trkpt>'

    tracks = "".join(f"<{prefix}trkseg>{''.join(map(point, rows))}</{prefix}trkseg>" for rows in segments)
    spaces = 'xmlns:g="http://www.topografix.com/GPX/1/1" xmlns:x="http://x"'
    return f'<?xml version="1.0"?><{prefix}gpx {spaces}><{prefix}trk>{tracks}</{prefix}trk></{prefix}gpx>'


def _read(folder: Path, *texts: str) -> tuple[Track, dict[str, Finding]]:
    for number, text in enumerate(texts):
        (folder / f"{number}.gpx").write_text(text, encoding="utf-8")
    findings: list[Finding] = []
    track = read_track(gpx.find(folder), findings.append)
    return track, {finding.kind: finding for finding in findings}


def _at(track: Track, seconds: float) -> Fix:
    fix = track.at(START + seconds)
    assert fix is not None
    return fix


@pytest.mark.parametrize("prefix", ["", "g:"])
def test_between_two_points_the_way_is_straight_and_even(tmp_path: Path, prefix: str) -> None:
    track, findings = _read(tmp_path, _gpx([(0, 0, 0), (10, 30, 40), (20, 60, 80)], prefix=prefix))
    assert not findings
    assert track.span == (START, START + 20)
    fix = _at(track, 12.5)
    assert (fix.longitude, fix.latitude) == pytest.approx(_place(37.5, 50.0), abs=1e-9)
    assert fix.altitude == pytest.approx(22.5)
    assert fix.heading_of_travel == pytest.approx(36.87, abs=0.2)
    assert fix.speed == pytest.approx(5.0, rel=0.01)
    assert fix.gap == 10.0


@pytest.mark.parametrize("seconds", [0.0, 10.0, 20.0])
def test_at_a_point_it_is_the_point(tmp_path: Path, seconds: float) -> None:
    track, _ = _read(tmp_path, _gpx([(0, 0, 0), (10, 0, 50), (20, 0, 100)]))
    fix = _at(track, seconds)
    assert (fix.longitude, fix.latitude) == pytest.approx(_place(0, 5 * seconds), abs=1e-9)
    assert fix.heading_of_travel == pytest.approx(0.0, abs=0.01)
    assert (fix.gap, fix.altitude) == (0.0, 10 + seconds)
    assert fix.speed == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize("seconds", [-0.001, 20.001, 1e9])
def test_nothing_is_said_of_times_before_and_after(tmp_path: Path, seconds: float) -> None:
    track, _ = _read(tmp_path, _gpx([(0, 0, 0), (20, 0, 100)]))
    assert track.at(START + seconds) is None


def test_nothing_is_said_in_a_gap_unless_it_stood_still(tmp_path: Path) -> None:
    far = gpx.MAX_GAP + 1
    track, _ = _read(tmp_path, _gpx([(0, 0, 0), (far, 0, 100), (3 * far, 0, 109)]))
    assert track.at(START + 15) is None
    standing = _at(track, 2 * far)
    assert standing.latitude == pytest.approx(_place(0, 104.5)[1], abs=1e-9)
    assert standing.gap == 2 * far


def test_nothing_is_said_between_segments(tmp_path: Path) -> None:
    track, _ = _read(tmp_path, _gpx([(0, 0, 0), (10, 0, 50)], [(20, 0, 100), (30, 0, 150)]))
    assert track.at(START + 15) is None
    assert _at(track, 25).latitude == pytest.approx(_place(0, 125)[1], abs=1e-9)


def test_a_long_segment_counts_behind_a_short_one_within_it(tmp_path: Path) -> None:
    long, short = (
        [(float(t), 0.0, 5.0 * t) for t in range(0, 60, 10)],
        [(12.0, 500.0, 0.0), (14.0, 500.0, 9.0)],
    )
    track, _ = _read(tmp_path, _gpx(long), _gpx(short))
    assert _at(track, 33).latitude == pytest.approx(_place(0, 165)[1], abs=1e-9)
    assert _at(track, 13).longitude == pytest.approx(_place(500, 0)[0], abs=1e-6)


def test_it_has_no_direction_while_it_stands(tmp_path: Path) -> None:
    rows: list[Row] = [(float(t), 0.1 * (t % 2), 0.0) for t in range(60)]
    track, _ = _read(tmp_path, _gpx(rows))
    assert _at(track, 30.5).heading_of_travel is None


def test_the_direction_of_slow_travel_is_that_of_a_longer_way(tmp_path: Path) -> None:
    rows: list[Row] = [(float(t), 1.0 * t, 0.2 * (t % 2)) for t in range(20)]
    track, _ = _read(tmp_path, _gpx(rows))
    heading = _at(track, 10.0).heading_of_travel
    assert heading == pytest.approx(90.0, abs=5.0)


def test_it_crosses_the_antimeridian(tmp_path: Path) -> None:
    points = "".join(
        f'<trkpt lat="10" lon="{lon}"><time>2024-05-01T12:00:{s:02d}Z</time></trkpt>'
        for lon, s in ((179.9999, 0), (-179.9997, 10))
    )
    track, _ = _read(tmp_path, f"<gpx><trk><trkseg>{points}</trkseg></trk></gpx>")
    fix = _at(track, 5)
    assert fix.longitude == pytest.approx(-179.9999, abs=1e-9)
    assert fix.heading_of_travel == pytest.approx(90.0, abs=0.01)
    assert fix.altitude is None


def test_points_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    text = _gpx([(0, 0, 0), (10, 0, 50)]).replace(
        "<trk>",
        '<wpt lat="1" lon="1"/><rte><rtept lat="1" lon="1"/></rte><trk><trkseg>'
        '<trkpt lat="52" lon="5"/><trkpt lat="0" lon="0"><time>2024-05-01T12:00:00Z</time></trkpt></trkseg>',
    )
    track, findings = _read(tmp_path, text)
    assert track.span == (START, START + 10)
    assert findings["gpx-no-time"].text.startswith("2 track points")
    assert findings["gpx-no-time"].level is Level.WARNING
    assert findings["gpx-not-track"].text.startswith(
        "2 waypoints and points of routes are not read: '0.gpx'; "
    )


def test_times_without_a_zone_are_utc_and_told(tmp_path: Path) -> None:
    track, findings = _read(tmp_path, _gpx([(0, 0, 0), (10, 0, 50)], zone=""))
    assert track.span == (START, START + 10)
    assert "UTC" in findings["gpx-no-zone"].text
    track, findings = _read(tmp_path, _gpx([(0, 0, 0), (10, 0, 50)], zone="+02:00"))
    assert track.span == (START - 7200, START - 7190)
    assert not findings


def test_a_segment_out_of_order_is_put_into_it(tmp_path: Path) -> None:
    track, findings = _read(tmp_path, _gpx([(20, 0, 100), (0, 0, 0), (10, 0, 50), (10, 0, 50)]))
    assert _at(track, 5).latitude == pytest.approx(_place(0, 25)[1], abs=1e-9)
    assert "gpx-out-of-order" in findings


def test_a_track_without_points_is_told_and_has_no_span(tmp_path: Path) -> None:
    track, findings = _read(tmp_path, "<gpx><trk><trkseg/></trk></gpx>")
    assert track.span is None
    assert track.at(START) is None
    assert "0.gpx" in findings["gpx-empty"].text


_BOMB = '<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx>&b;</gpx>'


@pytest.mark.parametrize("text", ["", "<gpx>", "<kml></kml>", "no xml", _BOMB, "<gpx><trkpt/></gpx>"])
def test_what_is_no_gpx_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BatchError, match=r"0\.gpx: no GPX"):
        _read(tmp_path, text)


def test_a_fix_is_found_quickly_among_many_points(tmp_path: Path) -> None:
    looked: list[Any] = []

    class Counted(list[Any]):
        def __getitem__(self, index: Any) -> Any:
            looked.append(index)
            return super().__getitem__(index)

    points = [Point(START + t, LONGITUDE, LATITUDE + t * 1e-5, None) for t in range(100_000)]
    track = Track.of([Counted(points)])
    assert _at(track, 54_321.5).latitude == pytest.approx(LATITUDE + 0.543215)
    assert len(looked) < 60


def test_the_dilution_of_precision_is_the_worse_of_both_points(tmp_path: Path) -> None:
    text = _gpx([(0, 0, 0), (10, 50, 0), (20, 100, 0)])
    told = iter(["<hdop>0.8</hdop><pdop>9</pdop>", "<pdop>1.5</pdop>", ""])
    parts = text.split("<ele>")
    text = parts[0] + "".join(f"{next(told)}<ele>{part}" for part in parts[1:])
    track, _ = _read(tmp_path, text)
    assert [_at(track, seconds).dop for seconds in (0, 5, 10, 15, 20)] == [0.8, 1.5, 1.5, 1.5, None]
    assert _at(track, 5).way == pytest.approx(50.0, rel=0.01)
