"""What one look at all recordings finds, and how it is said."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.batch.accuracies import Accuracies
from coordinator.batch.accuracy import Accuracy, Origin
from coordinator.batch.cameras import Fault, fault
from coordinator.batch.contents import unread
from coordinator.batch.headings import Headings
from coordinator.batch.look import Look
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.batch.survey import Purpose, survey
from coordinator.findings import Finding, Level, named
from coordinator.formats.remarks import Remark
from coordinator.strictjson import Json
from tests.unit.builders import write_png

PANORAMA: Json = {"model": "equirectangular"}
PINHOLE: Json = {"model": "pinhole", "fx": 300.0, "fy": 300.0, "cx": 199.5, "cy": 149.5}


def recording(number: int = 0, **given: object) -> Recording:
    """A recording on a street to the north-east, a new one every five metres, that lacks nothing."""
    name = str(given.get("id", f"r{number}"))
    where = {"x": 120_000.0 + 3.0 * number, "y": 480_000.0 + 4.0 * number, "z": 2.0, "heading": 36.87}
    place = Place(**{**where, **{key: given[key] for key in where if key in given}})  # type: ignore[arg-type]
    is_placed = given.get("placed", True)
    item = {
        "id": name,
        "image": given.get("image", f"/batch/{name}"),
        "width": 400,
        "height": 200,
        "camera": given.get("camera", PANORAMA),
        "pose": place.pose() if is_placed else None,
    }
    remarks = given.get("remarks", ())
    assert isinstance(remarks, tuple)
    return Recording(id=name, item=item, place=place if is_placed else None, remarks=remarks)


def street(count: int, **given: object) -> list[Recording]:
    return [recording(number, **given) for number in range(count)]


def look(recordings: Iterable[Recording | BadRecording]) -> Look:
    seen = Look()
    for one in recordings:
        seen.see(one)
    return seen


def findings(recordings: Iterable[Recording | BadRecording], **given: bool) -> dict[str, Finding]:
    purpose = Purpose(**{"makes_map": True, **given})
    return {finding.kind: finding for finding in survey(look(recordings), purpose)}


def test_a_batch_that_lacks_nothing_has_nothing_to_say() -> None:
    assert findings(street(12)) == {}


def test_names_are_given_for_a_few_and_a_number_for_the_rest() -> None:
    assert named(["a", "b"]) == "'a', 'b'"
    assert named(["a", "b", "c", "d", "e"]) == "'a', 'b', 'c' and 2 more"
    assert named(["a", "b", "c"], 1234) == "'a', 'b', 'c' and 1,231 more"


class TestNothingToPosition:
    @pytest.mark.parametrize(
        ("given", "what"),
        [({"heading": None}, "heading"), ({"camera": None}, "camera"), ({"placed": False}, "position")],
    )
    def test_is_an_error_that_says_what_is_missing(self, given: dict[str, object], what: str) -> None:
        (found,) = findings(street(3, **given)).values()
        assert (found.kind, found.level) == ("nothing-to-position", Level.ERROR)
        assert f"3 of 3 recordings ('r0', 'r1', 'r2') have no {what}" in found.text

    def test_is_none_where_no_map_is_made(self) -> None:
        assert findings(street(3, heading=None), makes_map=False) == {}

    def test_what_some_lack_is_a_warning(self) -> None:
        found = findings([*street(9), recording(9, heading=None)])
        assert found["no-heading"].level is Level.WARNING
        assert "1 of 10 recordings ('r9') have no heading" in found["no-heading"].text

    def test_one_place_is_no_baseline(self) -> None:
        found = findings([recording(0, id=f"s{number}") for number in range(4)])
        assert found["one-place"].level is Level.ERROR


class TestDoubts:
    @pytest.mark.parametrize("remark", list(Remark))
    def test_every_remark_has_words(self, remark: Remark) -> None:
        found = findings([*street(9), recording(9, remarks=(remark,))])
        assert "1 of 10 recordings ('r9') " in found[remark.value].text

    def test_bad_recordings(self) -> None:
        found = findings([*street(3), BadRecording(id="x", reason="row 4: it is bad")])
        assert found["bad-recordings"].text == "1 of 4 recordings ('x') cannot be used: row 4: it is bad"

    def test_ids_and_images_twice(self) -> None:
        twins = [recording(6, id="own", image="/batch/x"), recording(7, id="too", image="/batch/x")]
        found = findings([*street(4), recording(9, id="r1"), *twins])
        assert "'r1'" in found["ids-twice"].text
        assert "'too'" in found["images-twice"].text

    def test_a_standing_car(self) -> None:
        stops = [recording(10 * (number // 6), id=f"s{number}") for number in range(12)]
        assert "10 of 12 recordings were taken by a standing car" in findings(stops)["standing"].text

    def test_cameras_to_all_sides_are_no_standing_car(self) -> None:
        rig = [recording(number // 4, id=f"s{number}", heading=90.0 * (number % 4)) for number in range(40)]
        assert "standing" not in findings(rig)

    def test_a_tilt_that_no_camera_in_a_street_has(self) -> None:
        tilted = [replace(one, place=replace(one.place, pitch=90.0)) for one in street(2) if one.place]
        found = findings([*tilted, recording(5)])
        assert (
            "2 of 3 recordings ('r0', 'r1') have a pitch or a roll of more than 45 degrees"
            in found["tilted"].text
        )

    def test_far_off(self) -> None:
        found = findings([*street(5), recording(5, x=0.0, y=0.0)])
        assert "1 recordings lie tens of kilometres away from the others: 'r5'" in found["far-off"].text

    def test_a_height_of_zero_among_others(self) -> None:
        found = findings([*street(5, z=42.0), recording(6, z=0.0)])
        assert "1 of 6 recordings have the height 0, others up to 42 m" in found["height-zero"].text


def test_how_good_poses_are_and_who_says_so() -> None:
    seen = Accuracies()
    assert seen.summary("recordings.csv") == "not given (positioning takes 0.1 m and 0.25 degrees)"
    for metres in (0.5, 4.0, 2.0):
        seen.see(Accuracy(position_m=metres, position_from=Origin.ROW))
    seen.see(Accuracy(position_m=3.0, heading_deg=5.0, position_from=Origin.BATCH, heading_from=Origin.BATCH))
    assert seen.summary("recordings.csv") == (
        "position 2 m (0.5 to 4) of 3, by recordings.csv, 3 m of 1, by batch.yaml; "
        "heading 5 degrees of 1, by batch.yaml"
    )
    assert seen.as_json()["position_m"] == {"count": 4, "median": 2.0, "least": 0.5, "most": 4.0}


class TestCameras:
    @pytest.mark.parametrize(
        ("camera", "size", "wrong"),
        [
            (PANORAMA, (400, 200), None),
            (PANORAMA, (400, 300), Fault.NOT_A_SPHERE),
            ({**PANORAMA, "crop": {}}, (400, 300), None),
            (PINHOLE, (400, 300), None),
            (PINHOLE, (200, 150), Fault.OTHER_SIZE),
            (PINHOLE, (300, 400), Fault.OFF_CENTRE),
            ({**PINHOLE, "fx": 900.0, "fy": 900.0}, (400, 300), Fault.LONG),
            ({**PINHOLE, "fx": 0.5, "fy": 0.5}, (400, 300), Fault.NORMALISED),
            ({**PINHOLE, "fx": 30.0, "fy": 30.0}, (400, 300), Fault.FOCAL_LENGTH),
            (PINHOLE, (None, None), None),
            (
                {"model": "pinhole", "fx": 718.856, "fy": 718.856, "cx": 607.1928, "cy": 185.2157},
                (1241, 376),
                None,
            ),
        ],
    )
    def test_faults(self, camera: Json, size: tuple[int | None, int | None], wrong: Fault | None) -> None:
        assert fault(camera, *size) is wrong

    def test_of_all_they_are_an_error(self) -> None:
        halved = {**PINHOLE, "cx": 400.0, "cy": 300.0}
        found = findings(street(3, camera=halved))["camera-other-size"]
        assert found.level is Level.ERROR
        some = findings([*street(3, camera={**PINHOLE, "cy": 99.5}), recording(3, camera=halved)])
        assert some["camera-other-size"].level is Level.WARNING


class TestHeadings:
    @staticmethod
    def drive(turn: float = 3.0, *, as_told: object = None) -> Headings:
        seen, x, y = Headings(), 0.0, 0.0
        for number in range(40):
            way = turn * number
            told = as_told(way, number) if callable(as_told) else way
            seen.see(Place(x=x, y=y, z=0.0, heading=told % 360.0))
            x += 5.0 * math.sin(math.radians(way))
            y += 5.0 * math.cos(math.radians(way))
        return seen

    def test_ahead(self) -> None:
        seen = self.drive()
        assert not seen.are_radians(0.0)
        assert not seen.are_adrift
        assert seen.steady_offset == pytest.approx(1.5, abs=2.0)

    @pytest.mark.parametrize("turn", [3.0, -7.0])
    def test_radians(self, turn: float) -> None:
        assert self.drive(
            turn, as_told=lambda way, _: math.remainder(math.radians(way), math.tau)
        ).are_radians(0.0)

    def test_radians_on_a_straight_street(self) -> None:
        seen = Headings()
        for number in range(12):
            seen.see(Place(x=3.0 * number, y=4.0 * number, z=0.0, heading=math.radians(36.87)))
        assert seen.are_radians(0.0)

    def test_to_the_side(self) -> None:
        assert self.drive(as_told=lambda way, _: way + 90.0).steady_offset == pytest.approx(90.0, abs=5.0)

    def test_to_all_sides_is_not_adrift(self) -> None:
        assert not self.drive(as_told=lambda way, number: way + 90.0 * number).are_adrift

    def test_the_wrong_way_round(self) -> None:
        assert self.drive(9.0, as_told=lambda way, _: -way).are_adrift


class TestContents:
    def kinds(self, folder: Path, **given: object) -> dict[str, str]:
        return {finding.kind: finding.text for finding in unread(folder, (), listed=None)}

    def test_images_and_what_belongs_beside_them_need_no_word(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a.png")
        for name in ("batch.yaml", "regions.geojson", ".DS_Store", "Thumbs.db"):
            (tmp_path / name).touch()
        assert self.kinds(tmp_path) == {}

    def test_other_images_are_counted_with_what_to_do(self, tmp_path: Path) -> None:
        for name in ("a.heic", "b.HEIC", "c.mp4", "d.txt"):
            (tmp_path / name).touch()
        texts = [finding.text for finding in unread(tmp_path, (), listed=None)]
        assert any(text.startswith("not read: 2 .heic; convert them to JPEG") for text in texts)
        assert any(text.startswith("not read: 1 .mp4; cut them into frames") for text in texts)
        assert "not read: 1 .txt" in texts

    def test_a_table_of_another_name(self, tmp_path: Path) -> None:
        (tmp_path / "poses.csv").touch()
        assert (
            "'poses.csv'; name a table of recordings recordings.csv"
            in self.kinds(tmp_path)["tables-not-read"]
        )

    def test_a_name_in_other_letters_is_not_read_and_told(self, tmp_path: Path) -> None:
        (tmp_path / "Regions.GeoJSON").touch()
        assert "'Regions.GeoJSON'" in self.kinds(tmp_path)["tables-not-read"]

    def test_what_is_read_and_what_lies_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "labels").mkdir()
        (tmp_path / "labels" / "a.txt").touch()
        (tmp_path / "track.gpx").touch()
        assert not list(unread(tmp_path, (tmp_path / "labels", tmp_path / "track.gpx"), listed=None))

    def test_images_that_no_row_names(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.png", "c.png"):
            write_png(tmp_path / name)
        (found,) = unread(tmp_path, (), listed=1)
        assert found.text.startswith("2 of 3 image files are in no row")
