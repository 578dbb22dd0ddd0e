"""What an object's result says beyond what the steps said of it."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator.record.recorded import Recorded, recorded
from coordinator.record.said import said
from coordinator.record.signcodes import sign_tags
from coordinator.strictjson import Json
from steps.signs.classes import CODES
from tests.unit.builders import item


def sign(*recordings: str, **fields: Any) -> Json:
    views = [{"recording": name, "bbox": [0, 0, 10 + place, 10]} for place, name in enumerate(recordings)]
    return item("o1", position={"x": 0.0, "y": 0.0, "z": 5.0}, observations=views, **fields)


def taken(name: str, **fields: Any) -> Recorded:
    return recorded(item(name, image=f"/batch/{name}.jpg", **fields))


def tell(one: Json, *recordings: Recorded, turn: float = 0.0) -> Json:
    return said(one, {recording.id: recording for recording in recordings}, turn)


class TestWhenItWasSeen:
    def test_is_from_the_first_to_the_last_of_its_recordings_in_utc(self) -> None:
        told = tell(
            sign("a", "b", "c"),
            taken("a", time="2024-05-14T12:00:00+02:00"),
            taken("b", time=1_715_680_799),
            taken("c", time="2024-05-14T10:00:00.5Z"),
        )
        assert (told["first_seen"], told["last_seen"]) == (
            "2024-05-14T09:59:59.000Z",
            "2024-05-14T10:00:00.500Z",
        )

    @pytest.mark.parametrize("time", [None, "yesterday", True, 1e300, 10**400, ["2024"], "9" * 5000])
    def test_is_not_said_where_no_recording_tells_a_time(self, time: object) -> None:
        told = tell(sign("a"), taken("a", time=time))
        assert "first_seen" not in told
        assert "last_seen" not in told

    def test_what_a_step_said_itself_counts(self) -> None:
        told = tell(sign("a", first_seen="2001-01-01"), taken("a", time="2024-05-14T12:00:00Z"))
        assert told["first_seen"] == "2001-01-01"


class TestHeightAboveTheRoad:
    def test_is_above_the_road_under_the_nearest_camera_that_says_how_high_it_is(self) -> None:
        near = taken("a", pose={"x": 3.0, "y": 0.0, "z": 4.0}, camera_height="2.5")
        far = taken("b", pose={"x": 9.0, "y": 0.0, "z": 9.0}, camera_height=2.5)
        assert tell(sign("a", "b"), near, far)["height_above_road"] == pytest.approx(3.5)

    def test_is_not_known_without_a_cameras_height(self) -> None:
        assert "height_above_road" not in tell(sign("a"), taken("a", pose={"x": 3.0, "y": 0.0, "z": 4.0}))


def test_its_photograph_is_the_one_with_the_largest_box() -> None:
    assert tell(sign("a", "b"), taken("a"), taken("b"))["photo"] == "b.jpg"


class TestItsSign:
    def test_has_the_tags_that_the_table_has_for_its_code(self) -> None:
        told = tell(sign(category="speed_limit_50", category_code="DE:274-50"))
        assert told["traffic_sign"] == "DE:274-50"
        assert told["osm"] == {"traffic_sign": "DE:274-50", "maxspeed": "50"}

    def test_a_code_of_another_country_is_passed_on(self) -> None:
        assert tell(sign(category_code="NL:A01-50"))["osm"] == {"traffic_sign": "NL:A01-50"}

    def test_directions_there_count_from_true_north(self) -> None:
        told = tell(sign(category_code="DE:206", facing=359.2), turn=1.5)
        assert told["osm"]["direction"] == "1"

    def test_the_day_is_that_of_the_last_recording(self) -> None:
        told = tell(sign("a", category_code="DE:206"), taken("a", time="2024-05-14T12:00:00Z"))
        assert told["osm"]["survey:date"] == "2024-05-14"

    @pytest.mark.parametrize("code", [None, "", 206, "206", "stop", "DE:", "DE:" + "9" * 300])
    def test_what_is_no_code_makes_no_tags(self, code: object) -> None:
        told = tell(sign(category="stop", category_code=code))
        assert "osm" not in told
        assert "traffic_sign" not in told


def test_every_sign_that_is_recognised_is_in_the_table() -> None:
    limits = {code: dict(sign_tags(code)) for name, code in CODES.items() if name.startswith("speed_limit")}
    assert limits == {
        code: {"maxspeed": code.removeprefix("DE:274-")} if code.startswith("DE:274-") else {}
        for code in limits
    }
    assert len(limits) == 9
