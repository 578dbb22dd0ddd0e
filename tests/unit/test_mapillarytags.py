"""What mapillary_tools writes into ImageDescription, beside the device's own tags."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from tests.unit.photographs import Ifd, ascii_, exif, gps, header, rational, write_jpeg

PLACE = {"MAPLatitude": 59.5, "MAPLongitude": -3.25}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(description: dict[str, Any] | str, tags: Ifd | None = None) -> Header:
        text = description if isinstance(description, str) else json.dumps(description)
        block = exif(image={0x010E: ascii_(text)}, gps=tags)
        return header(write_jpeg(tmp_path / "a.jpg", block=block))

    return read


def heading(true: float, magnetic: float) -> dict[str, Any]:
    return {"MAPCompassHeading": {"TrueHeading": true, "MagneticHeading": magnetic}}


def test_its_facts(read: Any) -> None:
    time = {"MAPCaptureTime": "2016_01_01_12_00_00_250", "MAPAltitude": 12.5}
    found = read({**PLACE, **time, **heading(271.5, 270.0)})
    assert (found.longitude, found.latitude, found.altitude) == (-3.25, 59.5, 12.5)
    assert (found.heading, found.north) == (271.5, North.TRUE)
    noon = datetime(2016, 1, 1, 12, tzinfo=UTC).timestamp()
    assert (found.taken, found.taken_zone_known) == (noon + 0.25, False)
    assert found.remarks == ()


def test_what_it_has_corrected_is_before_the_devices_tags(read: Any) -> None:
    tags = gps(refs=("", ""), t16=ascii_("M"), t17=rational(20), t6=rational(7))
    found = read({**PLACE, **heading(90, 90)}, tags)
    assert (found.longitude, found.latitude, found.altitude) == (-3.25, 59.5, 7)
    assert (found.heading, found.north, found.remarks) == (90, North.TRUE, ())


def test_a_heading_that_was_copied_counts_from_where_the_device_says(read: Any) -> None:
    found = read(heading(20, 20), gps(t16=ascii_("M"), t17=rational(20)))
    assert (found.heading, found.north) == (20, North.MAGNETIC)


@pytest.mark.parametrize(
    "told", [heading(0, 0), heading(-1, -1), {"MAPCompassHeading": None}, {"MAPOther": 1}]
)
def test_an_unknown_heading_is_none(read: Any, told: dict[str, Any]) -> None:
    assert read(told).heading is None
    assert read(told, gps(t16=ascii_("T"), t17=rational(20))).heading == 20


def test_a_magnetic_heading_alone_is_magnetic(read: Any) -> None:
    found = read({"MAPCompassHeading": {"MagneticHeading": 15}})
    assert (found.heading, found.north) == (15, North.MAGNETIC)


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        ({"MAPLatitude": 0, "MAPLongitude": 0.0}, Remark.NULL_ISLAND),
        ({"MAPLatitude": 95, "MAPLongitude": 1}, Remark.BAD_POSITION),
        ({"MAPLatitude": "north", "MAPLongitude": 1}, Remark.BAD_POSITION),
        ({"MAPLatitude": 5}, Remark.BAD_POSITION),
        ({**PLACE, "MAPAltitude": "high"}, Remark.BAD_ALTITUDE),
        ('{"MAPLatitude": 59.5, "MAPLong', Remark.BAD_METADATA),
        ('{"MAPLatitude": NaN}', Remark.BAD_METADATA),
    ],
)
def test_what_cannot_be_used_is_said(read: Any, values: Any, remark: Remark) -> None:
    assert read(values).remarks == (remark,)


@pytest.mark.parametrize("text", ["A street", "{a street}", "[1]", '{"title": "x"}'])
def test_another_description_is_none(read: Any, text: str) -> None:
    assert read(text).remarks == ()


def test_the_accuracy_is_of_its_own_position(read: Any) -> None:
    assert read({**PLACE, "MAPGPSAccuracyMeters": "10.0"}, gps(t31=rational(3))).accuracy == 10.0
    assert read({**PLACE, "MAPGPSAccuracyMeters": 0}, gps(t31=rational(3))).accuracy is None
    assert read({"MAPAltitude": 3.0}, gps(t31=rational(3))).accuracy == 3.0
