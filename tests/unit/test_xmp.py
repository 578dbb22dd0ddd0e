"""XMP packets as devices and programs write them: properties by namespace, and what is in them of place and pose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from coordinator.formats.xmp import GPANO, Xmp, read_xmp
from tests.unit.photographs import ascii_, exif, gps, header, rational, write_jpeg, xmp

POSE = {"PoseHeadingDegrees": "350.5", "PosePitchDegrees": "-2", "PoseRollDegrees": "1.5"}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(packet: str | bytes, tags: Any = None) -> Header:
        return header(write_jpeg(tmp_path / "a.jpg", block=exif(gps=tags) if tags else None, packet=packet))

    return read


def place(found: Header) -> tuple[float | None, float | None]:
    return found.longitude, found.latitude


class TestPacket:
    @pytest.mark.parametrize("elements", [False, True])
    @pytest.mark.parametrize("prefix", ["GPano", "pano"])
    def test_properties_by_namespace_whatever_the_prefix(self, elements: bool, prefix: str) -> None:
        found = read_xmp(xmp("GPano", POSE, elements=elements, prefix=prefix).encode())
        assert {name: found.get(GPANO, name) for name in POSE} == POSE

    def test_a_prefix_that_is_another_namespaces_is_not_gpano(self) -> None:
        packet = xmp("exif", {"PoseHeadingDegrees": "1"}, prefix="GPano")
        assert read_xmp(packet).get(GPANO, "PoseHeadingDegrees") is None

    def test_an_undeclared_prefix_is_the_usual_one(self) -> None:
        packet = "<x GPano:ProjectionType='equirectangular'><rdf:li>1</rdf:li></x>"
        assert read_xmp(packet).get(GPANO, "ProjectionType") == "equirectangular"

    @pytest.mark.parametrize("text", ['<?xml version="1.0" encoding="UTF-8"?>', "\ufeff", "\n  "])
    def test_what_may_stand_before_it(self, text: str) -> None:
        assert read_xmp((text + xmp("GPano", POSE) + "\0").encode()).get(GPANO, "PoseRollDegrees") == "1.5"

    @pytest.mark.parametrize(
        "packet",
        [
            xmp("GPano", POSE)[:-160],
            '<!DOCTYPE x [<!ENTITY a "b">]>' + xmp("GPano", POSE),
            "<x GPano:PoseHeadingDegrees='&a;'/>",
            "GPano: <<",
        ],
    )
    def test_a_broken_one_tells_nothing_but_that(self, packet: str) -> None:
        assert read_xmp(packet) == Xmp(is_broken=True, names_panorama=True)

    @pytest.mark.parametrize("packet", [b"", b"\xff\xfe\0", b"<x><y>", b"<x xmlns:dc='dc'/>"])
    def test_one_without_a_word_for_us_is_none(self, packet: bytes) -> None:
        assert read_xmp(packet) == Xmp()

    def test_a_broken_panorama_has_no_camera_and_that_is_said(self, tmp_path: Path) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", (8, 4), packet="<x GPano:ProjectionType="))
        assert (found.camera, found.remarks) == (None, (Remark.BAD_METADATA,))


class TestPose:
    @pytest.mark.parametrize("elements", [False, True])
    def test_a_photo_spheres(self, read: Any, elements: bool) -> None:
        found = read(xmp("GPano", {"ProjectionType": "cylindrical", **POSE}, elements=elements))
        assert (found.heading, found.north) == (350.5, North.TRUE)
        assert (found.pitch, found.roll) == (-2.0, 1.5)

    def test_its_heading_wins_over_the_compass(self, read: Any) -> None:
        tags = gps(t16=ascii_("M"), t17=rational(20))
        found = read(xmp("GPano", POSE), tags)
        assert (found.heading, found.north) == (350.5, North.TRUE)

    def test_one_that_is_no_angle_is_said(self, read: Any) -> None:
        values = {
            "ProjectionType": "equirectangular",
            "PosePitchDegrees": "level",
            "PoseHeadingDegrees": "NaN",
        }
        found = read(xmp("GPano", values))
        assert (found.heading, found.pitch) == (None, None)
        assert Remark.BAD_POSE in found.remarks

    def test_then_the_compass_counts(self, read: Any) -> None:
        tags = gps(t16=ascii_("M"), t17=rational(20))
        assert read(xmp("GPano", {"PoseHeadingDegrees": ""}), tags).heading == 20
        assert read(xmp("GPano", {"PoseHeadingDegrees": "?"}), tags).heading == 20

    def test_without_a_word_they_are_none(self, tmp_path: Path) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg"))
        assert (found.heading, found.north, found.pitch, found.roll) == (None, None, None, None)


class TestPlace:
    @pytest.mark.parametrize(
        ("latitude", "degrees"),
        [
            ("52,22.5N", 52.375),
            ("52,22,30N", 52.375),
            ("52,22,30.0N", 52.375),
            ("52,22,30,0N", 52.375),
            ("52,22.5S", -52.375),
            ("52, 22.5 s", -52.375),
            ("52.375N", 52.375),
            ("+52.375", 52.375),
            ("-52.375", -52.375),
        ],
    )
    def test_exifs_place_in_xmp_is_used_if_exif_has_none(
        self, read: Any, latitude: str, degrees: float
    ) -> None:
        found = read(
            xmp("exif", {"GPSLatitude": latitude, "GPSLongitude": "4,53.25E", "GPSAltitude": "25/2"})
        )
        assert place(found) == pytest.approx((4.8875, degrees))
        assert (found.altitude, found.remarks) == (12.5, ())

    @pytest.mark.parametrize(
        ("latitude", "remark"),
        [
            ("52.375", Remark.NO_HEMISPHERE),
            ("52,22.5X", Remark.NO_HEMISPHERE),
            ("north", Remark.BAD_POSITION),
            ("95,0.5N", Remark.BAD_POSITION),
            ("52;22", Remark.BAD_POSITION),
            ("-52,22", Remark.NO_HEMISPHERE),
            ("52,22N", Remark.COARSE_POSITION),
        ],
    )
    def test_one_that_cannot_be_used_is_said(self, read: Any, latitude: str, remark: Remark) -> None:
        found = read(xmp("exif", {"GPSLatitude": latitude, "GPSLongitude": "4,53.25E"}))
        assert found.remarks == (remark,)
        assert (found.latitude is None) == (remark is not Remark.COARSE_POSITION)

    def test_exif_is_first(self, read: Any) -> None:
        packet = xmp("exif", {"GPSLatitude": "10,0.5N", "GPSLongitude": "4,53.25E"})
        assert place(read(packet, gps())) == pytest.approx((4.8875, 52.375))
        assert place(read(packet, gps(refs=("", "")))) == pytest.approx((4.8875, 10 + 0.5 / 60))

    def test_what_exif_calls_void_is_not_taken_from_its_copy(self, read: Any) -> None:
        packet = xmp("exif", {"GPSLatitude": "10,0.5N", "GPSLongitude": "4,53.25E"})
        found = read(packet, gps(t9=ascii_("V")))
        assert (place(found), found.remarks) == ((None, None), (Remark.NO_FIX,))

    def test_the_compass_in_xmp(self, read: Any) -> None:
        found = read(xmp("exif", {"GPSImgDirection": "543/2", "GPSImgDirectionRef": "M"}))
        assert (found.heading, found.north) == (271.5, North.MAGNETIC)


class TestDrone:
    @pytest.mark.parametrize("longitude", ["GpsLongitude", "GpsLongtitude"])
    def test_signed_degrees_and_the_gimbal(self, read: Any, longitude: str) -> None:
        values = {
            "GpsLatitude": "-33.5",
            longitude: "+151.25",
            "AbsoluteAltitude": "+80.5",
            "GimbalYawDegree": "-90.5",
            "GimbalPitchDegree": "-90.1",
            "GimbalRollDegree": "+0.5",
        }
        found = read(xmp("drone-dji", values))
        assert (found.longitude, found.latitude, found.altitude) == (151.25, -33.5, 80.5)
        assert (found.heading, found.north, found.pitch, found.roll) == (269.5, North.TRUE, -90.1, 0.5)
        assert found.remarks == ()

    def test_exif_is_first(self, read: Any) -> None:
        packet = xmp("drone-dji", {"GpsLatitude": "1", "GpsLongitude": "1", "GimbalYawDegree": "5"})
        found = read(packet, gps(t16=ascii_("T"), t17=rational(20), t15=rational(80)))
        assert place(found) == pytest.approx((4.8875, 52.375))
        assert found.heading == 20

    def test_the_gimbal_is_before_the_way_of_the_receiver(self, read: Any) -> None:
        assert read(xmp("drone-dji", {"GimbalYawDegree": "5"}), gps(t15=rational(80))).heading == 5

    def test_half_a_place_is_said(self, read: Any) -> None:
        assert read(xmp("drone-dji", {"GpsLatitude": "1"})).remarks == (Remark.BAD_POSITION,)
