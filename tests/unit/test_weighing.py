"""How well a place is known: which source counts for that, and what is worked out from others is worse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

import pytest

from coordinator.batch.accuracy import Accuracy, Origin
from coordinator.batch.facts import Sources
from coordinator.batch.folder import open_batch
from coordinator.batch.look import Look
from coordinator.batch.recording import Place, Recording
from coordinator.batch.weighing import weighed
from coordinator.cli import main
from coordinator.formats.gpx import Fix
from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North, Row
from tests.unit.builders import write_png

HERE = {"longitude": 4.9, "latitude": 52.37}
STATED = Accuracy(position_m=3.0, heading_deg=5.0, position_from=Origin.BATCH, heading_from=Origin.BATCH)
POSITION = Accuracy(position_m=3.0, position_from=Origin.BATCH)
TABLE = "image,x,y,z,heading,width,height,camera"
ROW = "a.jpg,1,2,3,4,200,100,equirectangular"


def sources(row: dict[str, object], **others: object) -> Sources:
    return Sources(row=Row(image="a.jpg", **row), **others)  # type: ignore[arg-type]


def known(
    row: dict[str, object], north: North | None = North.GRID, **others: object
) -> tuple[Any, tuple[Remark, ...]]:
    """What steps are told, and what had to be decided."""
    found, remarks = weighed(sources(row, **others), north)
    return found and found.as_json(), remarks


def header(**told: object) -> Header:
    return Header(width=4, height=2, **{**HERE, **told})  # type: ignore[arg-type]


def fix(**told: object) -> Fix:
    place: dict[str, object] = {**HERE, "altitude": 7.0, "heading_of_travel": 30.0, "speed": 10.0, "gap": 0.0}
    return Fix(**{**place, "way": 30.0, **told})  # type: ignore[arg-type]


class TestPosition:
    def test_nobody_says_so(self) -> None:
        assert known({"x": 1.0, "y": 2.0, "heading": 3.0}) == (None, ())

    def test_the_row_before_the_photograph_before_the_batch(self) -> None:
        says = header(accuracy=4.0)
        assert known({"position_accuracy": 2.0}, header=says, stated=POSITION)[0] == {"position_m": 2.0}
        assert known({}, header=says, stated=POSITION)[0] == {"position_m": 4.0}
        assert known({}, header=header(), stated=POSITION)[0] == {"position_m": 3.0}

    def test_a_photographs_is_of_its_own_position(self) -> None:
        assert known({"x": 1.0, "y": 2.0}, header=header(accuracy=4.0, dop=2.0)) == (None, ())

    def test_what_is_stated_of_all_before_a_dilution(self) -> None:
        assert known({}, header=header(dop=1.5)) == ({"position_m": 4.5}, ())
        assert known({}, header=header(dop=1.5), stated=POSITION) == ({"position_m": 3.0}, ())
        assert known({"x": 1.0, "y": 2.0, "dop": 0.9}) == ({"position_m": 2.7}, ())

    @pytest.mark.parametrize("value", [0.0, -1.0, 1e-4, 1e6, "good"])
    def test_what_can_be_none_is_told_and_not_used(self, value: object) -> None:
        row = {"x": 1.0, "y": 2.0, "position_accuracy": value}
        assert known(row) == (None, (Remark.BAD_ACCURACY,))
        assert known(row, stated=POSITION) == ({"position_m": 3.0}, (Remark.BAD_ACCURACY,))

    def test_a_place_that_tells_nothing(self) -> None:
        assert known({}, header=header(accuracy=1414.0)) == ({"position_m": 1414.0}, (Remark.POOR_POSITION,))

    @pytest.mark.parametrize(("metres", "told"), [(49.9, ()), (50.0, (Remark.POOR_POSITION,))])
    def test_no_better_than_fifty_metres_is_fifty_too(self, metres: float, told: tuple[Remark, ...]) -> None:
        assert known({"x": 1.0, "y": 2.0, "position_accuracy": metres})[1] == told

    def test_on_a_track_a_clock_of_whole_seconds_and_a_gap_make_it_worse(self) -> None:
        assert known({}, fix=fix(), taken=7.5, stated=STATED)[0]["position_m"] == 3.0
        whole = math.hypot(3.0, 10.0 / math.sqrt(12.0))
        assert known({}, fix=fix(), taken=7.0, stated=STATED)[0]["position_m"] == pytest.approx(
            whole, abs=1e-3
        )
        gap = math.hypot(3.0, 8.0**2 / 8.0)
        assert known({}, fix=fix(gap=8.0), taken=7.5, stated=STATED)[0]["position_m"] == pytest.approx(
            gap, abs=1e-3
        )
        stood = known({}, fix=fix(gap=600.0, speed=0.01), taken=7.0, stated=STATED)[0]
        assert stood["position_m"] == pytest.approx(math.hypot(3.0, 3.0), abs=1e-3)
        assert known({}, fix=fix(dop=1.0), taken=7.5)[0]["position_m"] == 3.0


class TestHeading:
    def test_of_the_row_before_that_of_all(self) -> None:
        row: dict[str, object] = {"x": 1.0, "y": 2.0, "heading": 3.0}
        assert known({**row, "heading_accuracy": 0.5}, stated=STATED)[0] == {
            "position_m": 3.0,
            "heading_deg": 0.5,
        }
        assert known(row, stated=STATED) == ({"position_m": 3.0, "heading_deg": 5.0}, ())
        assert known({**row, "heading_accuracy": 360.0}) == (None, (Remark.BAD_ACCURACY,))

    def test_of_a_compass(self) -> None:
        said = header(heading=3.0, north=North.MAGNETIC)
        found = known({}, North.MAGNETIC, header=said, stated=POSITION)
        assert found == ({"position_m": 3.0, "heading_deg": 10.0}, ())
        found = known({}, North.MAGNETIC, header=said, stated=STATED)
        assert found == ({"position_m": 3.0, "heading_deg": 5.0}, ())

    def test_of_the_way_is_as_good_as_its_ends_and_as_the_camera_looks_ahead(self) -> None:
        short = known({}, North.TRUE, fix=fix(way=10.0), taken=7.5, stated=STATED)
        turned = math.degrees(math.atan2(3.0 * math.sqrt(2.0), 10.0))
        assert short[0]["heading_deg"] == pytest.approx(turned, abs=1e-3)
        long = known({}, North.TRUE, fix=fix(way=1000.0), taken=7.5, stated=POSITION)
        assert long[0]["heading_deg"] == 5.0

    def test_of_a_receivers_motion(self) -> None:
        said = header(heading=3.0, north=North.TRUE, remarks=(Remark.HEADING_FROM_TRACK,))
        assert known({}, North.TRUE, header=said, stated=POSITION)[0] == {
            "position_m": 3.0,
            "heading_deg": 5.0,
        }

    def test_of_the_way_to_the_neighbours(self, tmp_path: Path) -> None:
        rows = "".join(f"a.jpg,{number},{number * 5},0,0,200,100\n" for number in range(3))
        write(tmp_path, "image,id,x,y,z,width,height\n" + rows, "accuracy: {position_m: 0.5}\n")
        found = [pose["accuracy"] for pose in poses(tmp_path)]
        ends, middle = (round(math.degrees(math.atan2(0.5 * math.sqrt(2.0), way)), 3) for way in (5.0, 10.0))
        assert [one["heading_deg"] for one in found] == [ends, max(middle, 5.0), ends]
        assert all(one["position_m"] == 0.5 for one in found)


class TestShared:
    METRES: ClassVar[dict[str, object]] = {"shared_accuracy": 2.0}
    DEGREES: ClassVar[dict[str, object]] = {"shared_heading_accuracy": 1.0}

    def test_it_counts_beside_ones_own_whoever_says_that(self) -> None:
        shared: dict[str, object] = {"x": 1.0, "y": 2.0, **self.METRES, **self.DEGREES}
        both = {"shared_m": 2.0, "shared_deg": 1.0}
        row = {**shared, "position_accuracy": 0.5, "heading_accuracy": 0.2}
        assert known(row) == ({"position_m": 0.5, "heading_deg": 0.2, **both}, ())
        assert known(shared, stated=STATED) == ({"position_m": 3.0, "heading_deg": 5.0, **both}, ())

    def test_alone_it_is_told_and_not_used(self) -> None:
        row: dict[str, object] = {"x": 1.0, "y": 2.0}
        assert known({**row, **self.METRES}) == (None, (Remark.SHARED_ALONE,))
        assert known({**row, **self.DEGREES}) == (None, (Remark.SHARED_HEADING_ALONE,))
        other = known({**row, **self.METRES, "heading_accuracy": 0.2})
        assert other == ({"heading_deg": 0.2}, (Remark.SHARED_ALONE,))

    def test_the_finding_names_the_column(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, f"{TABLE},shared_accuracy,shared_heading_accuracy\n{ROW},2,1\n")
        main(["validate", str(tmp_path)])
        told = " ".join(capsys.readouterr().out.split())
        assert "a 'shared_accuracy' and no 'position_accuracy'" in told
        assert "a 'shared_heading_accuracy' and no 'heading_accuracy'" in told


class TestSomeStateIt:
    SAID = (
        "state no accuracy, where others do, and are taken for a surveyor's (0.1 m and 0.25 degrees, the defaults of "
        "positioning)"
    )

    def told(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
        main(["validate", str(folder)])
        return " ".join(capsys.readouterr().out.split())

    def test_the_others_are_told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rows = "".join(f"r{number},{ROW},{value}\n" for number, value in enumerate(("3", "", "")))
        write(tmp_path, f"id,{TABLE},position_accuracy\n{rows}")
        told = self.told(tmp_path, capsys)
        assert f"2 of 3 recordings ('r1', 'r2') {self.SAID}" in told
        assert "accuracy: {position_m: 4, heading_deg: 8} into batch.yaml" in told

    def test_not_where_all_or_none_do_or_batch_yaml_does(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ids = {number: f"r{number},{ROW}" for number in range(2)}
        for values, yaml in ((("3", "3"), ""), (("", ""), ""), (("3", ""), "accuracy: {position_m: 3}\n")):
            rows = "".join(f"{ids[number]},{value}\n" for number, value in enumerate(values))
            write(tmp_path, f"id,{TABLE},position_accuracy\n{rows}", yaml)
            assert "state no accuracy" not in self.told(tmp_path, capsys)

    def test_what_a_remark_tells_is_not_told_twice(self) -> None:
        look = Look()
        stated = Place(x=0.0, y=0.0, accuracy=STATED)
        for name, where, remarks in (
            ("a", stated, ()),
            ("b", Place(x=5.0, y=0.0), (Remark.NO_ACCURACY,)),
        ):
            item = {"id": name, "image": name, "camera": None, "pose": where.pose()}
            look.see(Recording(id=name, item=item, place=where, remarks=remarks))
        assert look.unstated.count == 0


class TestUntold:
    def test_a_receivers_position_passes_for_a_surveyors(self) -> None:
        assert known({}, header=header()) == (None, (Remark.NO_ACCURACY,))
        assert known({}, fix=fix()) == (None, (Remark.NO_ACCURACY,))
        assert known({**HERE}, is_receivers=True) == (None, (Remark.NO_ACCURACY,))
        assert known({**HERE}) == (None, ())

    def test_a_compass_passes_for_a_surveyors(self) -> None:
        said = header(accuracy=4.0, heading=3.0, north=North.TRUE)
        assert known({}, North.TRUE, header=said) == ({"position_m": 4.0}, (Remark.NO_HEADING_ACCURACY,))
        assert known({}, North.TRUE, header=said, stated=STATED)[1] == ()
        surveyed = {"x": 1.0, "y": 2.0}
        said = header(heading=3.0, north=North.TRUE)
        assert known({**surveyed}, North.TRUE, header=said) == (None, (Remark.NO_HEADING_ACCURACY,))
        assert known({}, None, header=header(accuracy=4.0)) == ({"position_m": 4.0}, ())


def write(folder: Path, csv: str, yaml: str = "") -> None:
    (folder / "recordings.csv").write_text(csv)
    (folder / "batch.yaml").write_text("crs: EPSG:28992\n" + yaml)


def poses(folder: Path) -> list[dict[str, Any]]:
    found = open_batch(folder).recordings()
    return [recording.item["pose"] for recording in found if isinstance(recording, Recording)]


class TestBatch:
    def test_without_a_word_of_it_items_are_as_they_were(self, tmp_path: Path) -> None:
        write(tmp_path, f"{TABLE}\n{ROW}\n")
        assert poses(tmp_path) == [{"x": 1, "y": 2, "z": 3, "heading": 4, "pitch": 0, "roll": 0}]

    def test_of_all_and_of_one(self, tmp_path: Path) -> None:
        rows = f"{ROW},,\n{ROW},0.02,\n{ROW},,0.1\n"
        write(
            tmp_path,
            f"{TABLE},GPS Accuracy [m],heading_accuracy_deg\n{rows}",
            "accuracy: {position_m: 3, heading_deg: 5}",
        )
        assert [pose["accuracy"] for pose in poses(tmp_path)] == [
            {"position_m": 3.0, "heading_deg": 5.0},
            {"position_m": 0.02, "heading_deg": 5.0},
            {"position_m": 3.0, "heading_deg": 0.1},
        ]

    @pytest.mark.parametrize("nested", [{}, {"pose": {"x": 1, "y": 2, "z": 3}}])
    def test_of_a_json_row_as_batch_yaml_has_it(self, tmp_path: Path, nested: dict[str, object]) -> None:
        row = {"image": "a.jpg", "width": 2, "height": 1, "heading": 4, "x": 1, "y": 2, "z": 3, **nested}
        row["accuracy"] = {"position_m": 2, "heading_deg": 1}
        (tmp_path / "recordings.jsonl").write_text(json.dumps(row))
        (tmp_path / "batch.yaml").write_text("crs: EPSG:28992")
        assert [pose["accuracy"] for pose in poses(tmp_path)] == [{"position_m": 2.0, "heading_deg": 1.0}]

    def test_it_is_written_down_by_import_and_read_again(self, tmp_path: Path) -> None:
        given, out = tmp_path / "given", tmp_path / "out"
        write_png(given / "a.png", 200, 100)
        write_png(given / "b.png", 200, 100)
        rows = "a.png,1,2,3,4,0.7\nb.png,6,2,3,4,\n"
        write(
            given,
            f"image,x,y,z,heading,accuracy\n{rows}",
            "accuracy: {position_m: 3, heading_deg: 5}\ncamera: {model: equirectangular}",
        )
        assert main(["import", str(given), "--out", str(out)]) == 0
        assert "accuracy" not in (out / "batch.yaml").read_text()
        assert poses(out) == poses(given)
        assert poses(out)[0]["accuracy"] == {"position_m": 0.7, "heading_deg": 5.0}
