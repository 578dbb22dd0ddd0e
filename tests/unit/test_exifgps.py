"""Positions, altitudes and headings as devices write them into EXIF: read, or said why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from tests.unit.photographs import (
    Ifd,
    Value,
    ascii_,
    double,
    exif,
    gps,
    header,
    rational,
    raw,
    short,
    write_jpeg,
)

NOT_TOLD = (0, 0)
AMSTERDAM = (4.8875, 52.375)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(tags: Ifd | bytes) -> Header:
        return header(write_jpeg(tmp_path / "a.jpg", block=exif(gps=tags)))

    return read


def place(found: Header) -> tuple[float | None, float | None]:
    return found.longitude, found.latitude


class TestHemispheres:
    @pytest.mark.parametrize(
        ("refs", "signs"),
        [
            (("N", "E"), (1, 1)),
            (("S", "W"), (-1, -1)),
            (("South", "West"), (-1, -1)),
            (("north", "east"), (1, 1)),
            (("s", "w"), (-1, -1)),
            ((" S ", "\tW"), (-1, -1)),
            (("S\0\0", "W\0"), (-1, -1)),
        ],
    )
    def test_a_word_counts_by_its_first_letter(self, read: Any, refs: tuple[str, str], signs: Any) -> None:
        found = read(gps(refs=refs))
        assert place(found) == pytest.approx((AMSTERDAM[0] * signs[1], AMSTERDAM[1] * signs[0]))
        assert found.remarks == ()

    @pytest.mark.parametrize("kind", [1, 7], ids=["BYTE", "UNDEFINED"])
    def test_bytes_are_letters(self, read: Any, kind: int) -> None:
        found = read({**gps(), 1: raw(kind, b"S\0"), 3: raw(kind, b"W\0")})
        assert place(found) == pytest.approx((-AMSTERDAM[0], -AMSTERDAM[1]))

    @pytest.mark.parametrize(
        "refs", [("", ""), ("N", ""), ("", "E"), ("X", "E"), ("E", "N"), ("N", "O"), ("+", "-"), ("N", "1")]
    )
    def test_none_is_guessed(self, read: Any, refs: tuple[str, str]) -> None:
        found = read(gps(refs=refs))
        assert (place(found), found.remarks) == ((None, None), (Remark.NO_HEMISPHERE,))

    @pytest.mark.parametrize("tag", [1, 3])
    def test_an_absent_one_is_not_guessed_either(self, read: Any, tag: int) -> None:
        tags = gps()
        del tags[tag]
        found = read(tags)
        assert (place(found), found.remarks) == ((None, None), (Remark.NO_HEMISPHERE,))


class TestDegrees:
    @pytest.mark.parametrize(
        "latitude",
        [
            rational(52, 22.5, NOT_TOLD),
            rational(52, 22.5, (7, 0)),
            rational(52, 22.5),
            rational(52, 22.5, 0),
            rational(52.375),
            rational(52.375, NOT_TOLD, NOT_TOLD),
            rational(52.375, 0, 0),
            rational(52, 22, 30, signed=True),
            double(52, 22, 30),
            ascii_("52.375"),
        ],
    )
    def test_all_ways_to_write_them(self, read: Any, latitude: Value) -> None:
        found = read(gps(latitude))
        assert place(found) == pytest.approx(AMSTERDAM)
        assert found.remarks == ()

    @pytest.mark.parametrize(
        ("latitude", "degrees"),
        [(rational(52, 22, NOT_TOLD), 52 + 22 / 60), (rational(52, 22), 52 + 22 / 60), (rational(52), 52)],
    )
    def test_whole_minutes_without_seconds_are_said_to_be_coarse(
        self, read: Any, latitude: Value, degrees: float
    ) -> None:
        found = read(gps(latitude))
        assert found.latitude == pytest.approx(degrees)
        assert found.remarks == (Remark.COARSE_POSITION,)

    @pytest.mark.parametrize(
        "latitude",
        [
            rational((52, 0), 22, 30),
            rational(NOT_TOLD, NOT_TOLD, NOT_TOLD),
            rational(52, NOT_TOLD, 30),
            rational(91, 0, 0),
            rational(52, 75, 0),
            rational(52, 22, 3050),
            rational(52, 22, 30, 0),
            rational(-52, 22, 30, signed=True),
            double(float("nan"), 0, 0),
            double(float("inf"), 0, 0),
            ascii_("fifty-two"),
            raw(7, b"\xff\x00\x01"),
        ],
    )
    def test_what_is_no_latitude_is_said(self, read: Any, latitude: Value) -> None:
        found = read(gps(latitude))
        assert (place(found), found.remarks) == ((None, None), (Remark.BAD_POSITION,))

    def test_a_longitude_may_be_beyond_90_and_not_beyond_180(self, read: Any) -> None:
        assert read(gps(longitude=rational(179, 30, 0))).longitude == 179.5
        assert read(gps(longitude=rational(180, 30, 0))).remarks == (Remark.BAD_POSITION,)

    @pytest.mark.parametrize("lost", [(2,), (4,), (2, 4)])
    def test_half_a_position_is_said(self, read: Any, lost: tuple[int, ...]) -> None:
        found = read({tag: value for tag, value in gps().items() if tag not in lost})
        assert (place(found), found.remarks) == ((None, None), (Remark.BAD_POSITION,))

    def test_a_directory_that_cannot_be_read_is_said(self, read: Any) -> None:
        for rubbish in (b"", b"\xff", b"\xff\xff" + bytes(20), bytes(2)):
            found = read(rubbish)
            assert (place(found), Remark.BAD_POSITION in found.remarks) == ((None, None), True)

    def test_coordinates_behind_the_end_of_the_block_are_said(self, tmp_path: Path) -> None:
        whole = exif(gps=gps())
        found = header(write_jpeg(tmp_path / "a.jpg", block=whole[:-30]))
        assert (place(found), set(found.remarks)) == (
            (None, None),
            {Remark.BAD_POSITION, Remark.BAD_METADATA},
        )

    def test_no_gps_at_all_is_no_fault(self, tmp_path: Path) -> None:
        assert header(write_jpeg(tmp_path / "a.jpg", block=exif(image={0x0131: ascii_("x")}))).remarks == ()

    def test_a_receivers_version_and_time_are_no_broken_position(self, read: Any) -> None:
        assert read({0: raw(1, b"\x02\x03\0\0"), 29: ascii_("2026:11:28")}).remarks == ()


class TestWithoutFix:
    @pytest.mark.parametrize("status", ["V", "v", "Void", " V"])
    def test_a_void_position_is_not_used_nor_its_altitude(self, read: Any, status: str) -> None:
        found = read(gps(t9=ascii_(status), t6=rational(2)))
        assert (place(found), found.altitude, found.remarks) == ((None, None), None, (Remark.NO_FIX,))

    def test_its_heading_is_the_compass_and_used(self, read: Any) -> None:
        found = read(gps(t9=ascii_("V"), t16=ascii_("M"), t17=rational(20)))
        assert (found.heading, found.north) == (20, North.MAGNETIC)

    def test_an_active_one_is_used(self, read: Any) -> None:
        assert place(read(gps(t9=ascii_("A")))) == pytest.approx(AMSTERDAM)

    @pytest.mark.parametrize("refs", [("N", "E"), ("S", "W"), ("", "")])
    @pytest.mark.parametrize("degrees", [rational(0, 0, 0), rational((9, 100_000))])
    def test_0_0_is_not_used_nor_its_altitude(self, read: Any, refs: tuple[str, str], degrees: Value) -> None:
        found = read(gps(degrees, degrees, refs, t6=rational(0)))
        assert (place(found), found.altitude, found.remarks) == ((None, None), None, (Remark.NULL_ISLAND,))

    def test_the_equator_and_the_meridian_are_places(self, read: Any) -> None:
        assert place(read(gps(rational(0, 0, 0)))) == pytest.approx((AMSTERDAM[0], 0))
        assert place(read(gps(longitude=rational(0, 0, 0)))) == pytest.approx((0, AMSTERDAM[1]))


class TestAltitude:
    @pytest.mark.parametrize(
        ("ref", "altitude"),
        [
            (None, 12.5),
            (raw(1, b"\0"), 12.5),
            (raw(1, b"\1"), -12.5),
            (raw(1, b"\2"), 12.5),
            (raw(1, b"\3"), -12.5),
            (raw(7, b"\1"), -12.5),
            (short(1), -12.5),
            (ascii_("1"), -12.5),
            (ascii_("0"), 12.5),
        ],
    )
    def test_above_and_below(self, read: Any, ref: Value | None, altitude: float) -> None:
        more: dict[str, Any] = {} if ref is None else {"t5": ref}
        found = read(gps(t6=rational(12.5), **more))
        assert (found.altitude, found.remarks) == (altitude, ())

    def test_zero_is_an_altitude(self, read: Any) -> None:
        assert read(gps(t6=rational(0))).altitude == 0

    @pytest.mark.parametrize(
        "tags",
        [
            {"t6": rational(12), "t5": raw(1, b"\4")},
            {"t6": rational(12), "t5": ascii_("x")},
            {"t6": rational(NOT_TOLD)},
            {"t6": rational((5, 0))},
            {"t6": rational((4_294_967_295, 1))},
        ],
    )
    def test_one_that_cannot_be_used_is_said(self, read: Any, tags: dict[str, Any]) -> None:
        found = read(gps(**tags))
        assert (found.altitude, found.remarks) == (None, (Remark.BAD_ALTITUDE,))
        assert place(found) == pytest.approx(AMSTERDAM)

    def test_an_absent_one_is_none(self, read: Any) -> None:
        assert (read(gps()).altitude, read(gps()).remarks) == (None, ())


class TestHeading:
    @pytest.mark.parametrize(
        ("ref", "north"),
        [("T", North.TRUE), ("true", North.TRUE), ("M", North.MAGNETIC), ("m\0", North.MAGNETIC)],
    )
    def test_from_which_north_it_counts(self, read: Any, ref: str, north: North) -> None:
        found = read(gps(t16=ascii_(ref), t17=rational(271.5)))
        assert (found.heading, found.north, found.remarks) == (271.5, north, ())

    @pytest.mark.parametrize("ref", [None, "", " ", "X"])
    def test_a_north_that_is_not_told_is_said(self, read: Any, ref: str | None) -> None:
        more: dict[str, Any] = {} if ref is None else {"t16": ascii_(ref)}
        found = read(gps(t17=rational(271.5), **more))
        assert (found.heading, found.north, found.remarks) == (271.5, None, (Remark.NORTH_UNKNOWN,))

    @pytest.mark.parametrize(
        ("value", "heading"),
        [(rational(-1, signed=True), 359), (rational(400), 40), (rational(360), 0), (rational(0), 0)],
    )
    def test_it_is_within_one_turn(self, read: Any, value: Value, heading: float) -> None:
        assert read(gps(t16=ascii_("T"), t17=value)).heading == heading

    @pytest.mark.parametrize(
        "value",
        [rational(NOT_TOLD), rational((3, 0)), rational((65_535, 1)), double(float("nan")), ascii_("N")],
    )
    def test_nonsense_is_none_and_said(self, read: Any, value: Value) -> None:
        found = read(gps(t16=ascii_("T"), t17=value))
        assert (found.heading, found.north, found.remarks) == (None, None, (Remark.BAD_POSE,))

    def test_the_way_of_the_receiver_is_used_for_want_of_another(self, read: Any) -> None:
        track: dict[str, Any] = {"t14": ascii_("M"), "t15": rational(80)}
        found = read(gps(**track))
        assert (found.heading, found.north, found.remarks) == (
            80,
            North.MAGNETIC,
            (Remark.HEADING_FROM_TRACK,),
        )
        assert read(gps(**track, t16=ascii_("T"), t17=rational(20))).heading == 20
        assert read(gps(**track, t16=ascii_("T"), t17=rational(NOT_TOLD))).heading == 80

    def test_a_way_without_a_north_is_said(self, read: Any) -> None:
        assert read(gps(t15=rational(80))).remarks == (Remark.NORTH_UNKNOWN, Remark.HEADING_FROM_TRACK)


class TestAccuracy:
    def test_of_the_receiver(self, read: Any) -> None:
        found = read(gps(t31=rational((47, 10)), t11=rational((9, 10))))
        assert (found.accuracy, found.dop) == (4.7, 0.9)

    def test_none_where_it_is_none(self, read: Any) -> None:
        found = read(gps(t31=rational((1, 0)), t11=rational(0)))
        assert (found.accuracy, found.dop) == (None, None)

    def test_of_a_void_position_it_is_not_used(self, read: Any) -> None:
        assert read(gps(t9=ascii_("V"), t31=rational(5))).accuracy is None
