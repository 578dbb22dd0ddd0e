"""When photographs were taken, as their tags tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coordinator.formats.exiftime import moment
from tests.unit.photographs import (
    Ifd,
    Value,
    ascii_,
    exif,
    gps,
    header,
    rational,
    write_jpeg,
    xmp,
)

ORIGINAL, OFFSET, PART = 0x9003, 0x9011, 0x9291
NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def taken(tmp_path: Path) -> Any:
    def taken(photo: Ifd | None = None, tags: Ifd | None = None, **more: Any) -> tuple[float | None, bool]:
        packet = more.pop("packet", None)
        block = exif(image=more.get("image"), photo=photo, gps=tags)
        found = header(write_jpeg(tmp_path / "a.jpg", block=block, packet=packet))
        return found.taken, found.taken_zone_known

    return taken


def received(date: str, *clock: float | tuple[int, int]) -> dict[int, Value]:
    return gps(t29=ascii_(date), t7=rational(*clock))


class TestClock:
    def test_without_a_zone_it_is_read_as_utc_and_said(self, taken: Any) -> None:
        assert taken({ORIGINAL: ascii_("2026:06:01 12:00:00")}) == (NOON, False)

    @pytest.mark.parametrize(
        ("offset", "hour"), [("+02:00", 14), ("+0200", 14), ("-03:30", 8.5), ("Z", 12), ("+00:00", 12)]
    )
    def test_an_offset_is_taken_off(self, taken: Any, offset: str, hour: float) -> None:
        clock = f"2026:06:01 {int(hour):02}:{int(hour % 1 * 60):02}:00"
        assert taken({ORIGINAL: ascii_(clock), OFFSET: ascii_(offset)}) == (NOON, True)

    @pytest.mark.parametrize(
        ("part", "seconds"), [("5", 0.5), ("050", 0.05), ("123456", 0.123456), ("", 0), ("x", 0)]
    )
    def test_parts_of_a_second(self, taken: Any, part: str, seconds: float) -> None:
        found, _ = taken({ORIGINAL: ascii_("2026:06:01 12:00:00"), PART: ascii_(part)})
        assert found == pytest.approx(NOON + seconds, abs=1e-6)

    @pytest.mark.parametrize(
        "clock",
        [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "",
            "2026:13:01 12:00:00",
            "2026:06:01 25:00:00",
            "now",
        ],
    )
    def test_no_time_is_none(self, taken: Any, clock: str) -> None:
        assert taken({ORIGINAL: ascii_(clock)}) == (None, False)

    def test_the_time_of_digitising_and_of_the_last_change_stand_in(self, taken: Any) -> None:
        changed = {0x0132: ascii_("2027:06:01 12:00:00")}
        assert taken({0x9004: ascii_("2026:06:01 12:00:00")}, image=changed) == (NOON, False)
        assert taken(image={0x0132: ascii_("2026:06:01 12:00:00")}) == (NOON, False)


class TestReceiver:
    @pytest.mark.parametrize("date", ["2026:06:01", "2026-06-01"])
    def test_its_time_is_utc(self, taken: Any, date: str) -> None:
        assert taken(tags=received(date, 12, 0, 0)) == (NOON, True)

    def test_it_is_before_a_clock_that_is_wrong(self, taken: Any) -> None:
        photo = {ORIGINAL: ascii_("2026:06:01 14:03:20")}
        assert taken(photo, received("2026:06:01", 12, 0, 0)) == (NOON, True)

    @pytest.mark.parametrize("offset", [None, "+02:00"])
    def test_a_clock_that_agrees_but_for_the_zone_has_the_parts_of_the_second(
        self, taken: Any, offset: str | None
    ) -> None:
        photo = {ORIGINAL: ascii_("2026:06:01 14:00:00"), PART: ascii_("25")}
        if offset:
            photo[OFFSET] = ascii_(offset)
        assert taken(photo, received("2026:06:01", 12, 0, 0)) == (NOON + 0.25, True)

    @pytest.mark.parametrize(
        ("date", "clock"),
        [
            ("2026:06:31", (12, 0, 0)),
            ("", (12, 0, 0)),
            ("2026:06:01", (700, 0, 0)),
            ("2026:06:01", ((12, 0), 0, 0)),
            ("2026:06:01", (12, 0)),
        ],
    )
    def test_half_a_time_is_none(self, taken: Any, date: str, clock: Any) -> None:
        assert taken(tags=received(date, *clock)) == (None, False)


class TestXmp:
    @pytest.mark.parametrize(
        ("name", "value", "known"),
        [
            ("DateTimeOriginal", "2026-06-01T14:00:00+02:00", True),
            ("DateTimeOriginal", "2026-06-01T12:00:00", False),
            ("DateTimeOriginal", "2026-06-01T12:00", False),
            ("GPSTimeStamp", "2026-06-01T12:00:00", True),
        ],
    )
    def test_it_stands_in_for_exif(self, taken: Any, name: str, value: str, known: bool) -> None:
        assert taken(packet=xmp("exif", {name: value})) == (NOON, known)


@pytest.mark.parametrize(
    ("text", "seconds", "known"),
    [
        ("2026_06_01_12_00_00_250", 0.25, False),
        ("2026-06-01T12:00:00.5Z", 0.5, True),
        ("2026-06-01T12:00:00,123456789123Z", 0.123456789, True),
        (b"2026:06:01 12:00:00\0", 0.0, False),
    ],
)
def test_the_ways_to_write_a_moment(text: str | bytes, seconds: float, known: bool) -> None:
    found = moment(text)
    assert found is not None
    assert found.seconds == pytest.approx(NOON + seconds, abs=1e-6)
    assert found.zone_known == known
