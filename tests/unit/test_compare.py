"""What has changed between two maps of the same place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.batch.crs import Projection
from coordinator.cli import main
from coordinator.commands.changes import Comparison, Kind, Limits, Look, Thing, compare
from coordinator.strictjson import Json
from tests.unit.builders import collection, feature

STOP = Thing(
    id="a", x=0.0, y=0.0, z=3.0, category="stop", sigma=0.1, facing=None, score=None, degrees=(5.0, 52.0)
)
HERE = [Look(x=0.0, y=-10.0 - place, heading=heading) for place, heading in enumerate((None, 10.0, 350.0))]
"""A panorama and two cameras that look to the north, all south of the object."""


def kinds(found: Comparison) -> list[Kind]:
    return [change.kind for change in found.changes]


def at(x: float, **fields: Any) -> Thing:
    return replace(STOP, **{"id": "b", "x": x, **fields})


class TestOneObject:
    def test_that_stands_where_it_stood_has_not_changed(self) -> None:
        found = compare([STOP], [at(0.4)], Limits())
        assert (found.changes, len(found.same)) == ((), 1)

    def test_that_stands_elsewhere_has_moved(self) -> None:
        (change,) = compare([STOP], [at(3.0)], Limits()).changes
        assert (change.kind, change.moved, change.old, change.new) == (Kind.MOVED, 3.0, STOP, at(3.0))

    def test_has_not_moved_by_what_may_be_an_error_of_its_poses(self) -> None:
        assert kinds(compare([STOP], [at(3.0, sigma=1.2)], Limits())) == []

    def test_too_far_away_is_another_one(self) -> None:
        found = compare([STOP], [at(6.0)], Limits())
        assert kinds(found) == [Kind.NEW, Kind.GONE]
        assert kinds(compare([STOP], [at(6.0)], Limits(radius=7.0))) == [Kind.MOVED]

    def test_of_another_category_is_re_classed_where_it_stood(self) -> None:
        assert kinds(compare([STOP], [at(0.5, category="yield")], Limits())) == [Kind.RECLASSED]

    def test_of_another_category_is_another_one_elsewhere(self) -> None:
        assert kinds(compare([STOP], [at(3.0, category="yield")], Limits())) == [Kind.NEW, Kind.GONE]

    def test_far_west_and_south_of_the_origin_is_found_as_well(self) -> None:
        far = replace(STOP, x=-1234.5, y=-9876.5)
        assert len(compare([far], [replace(far, y=-9876.2)], Limits()).same) == 1


class TestSigns:
    def test_on_one_pole_are_told_apart_by_their_height(self) -> None:
        pole = [STOP, replace(STOP, id="under", z=2.2)]
        assert len(compare(pole, [at(0.0, z=2.3), at(0.0, z=2.9)], Limits()).same) == 2

    def test_that_changed_places_are_the_ones_of_their_category(self) -> None:
        old = [STOP, at(0.8, category="yield")]
        new = [at(0.8), at(0.0, category="yield", id="c")]
        assert (kinds(compare(old, new, Limits())), len(compare(old, new, Limits()).same)) == ([], 2)


class TestWhatARunIsNotSureOf:
    def test_is_neither_new_nor_gone_if_only_that_run_has_it(self) -> None:
        doubtful = replace(STOP, score=0.3)
        assert kinds(compare([doubtful], [], Limits(), seen_again=HERE)) == [Kind.UNSURE]
        assert kinds(compare([], [doubtful], Limits(), seen_before=HERE)) == [Kind.UNSURE]
        assert kinds(compare([doubtful], [], Limits(sure=0.2), seen_again=HERE)) == [Kind.GONE]

    def test_is_not_seen_where_nobody_looks_again(self) -> None:
        assert kinds(compare([replace(STOP, score=0.3)], [], Limits(), seen_again=[])) == [Kind.NOT_SEEN]

    def test_is_as_it_was_if_both_have_it(self) -> None:
        assert kinds(compare([STOP], [at(0.1, score=0.3)], Limits())) == []


class TestWhatIsGone:
    def test_is_gone_if_its_place_is_looked_at_again(self) -> None:
        (change,) = compare([STOP], [], Limits(), seen_again=HERE).changes
        assert (change.kind, change.looks) == (Kind.GONE, 3)

    @pytest.mark.parametrize(
        "looks",
        [
            [],
            HERE[:2],
            [replace(look, y=-40.0) for look in HERE],
            [replace(look, heading=180.0) for look in HERE],
        ],
        ids=["nobody", "twice", "from afar", "looking away"],
    )
    def test_was_not_seen_if_hardly_anybody_looks_at_its_place(self, looks: list[Look]) -> None:
        assert kinds(compare([STOP], [], Limits(), seen_again=looks)) == [Kind.NOT_SEEN]

    def test_was_not_seen_if_it_is_looked_at_from_behind(self) -> None:
        assert kinds(compare([replace(STOP, facing=0.0)], [], Limits(), seen_again=HERE)) == [Kind.NOT_SEEN]
        assert kinds(compare([replace(STOP, facing=180.0)], [], Limits(), seen_again=HERE)) == [Kind.GONE]

    def test_is_gone_where_recordings_are_not_known(self) -> None:
        (change,) = compare([STOP], [], Limits()).changes
        assert (change.kind, change.looks) == (Kind.GONE, None)


def test_what_is_new_says_how_often_its_place_was_looked_at_before() -> None:
    assert kinds(compare([], [STOP], Limits(), seen_before=HERE[:2])) == [Kind.FIRST_SEEN]
    (change,) = compare([], [STOP], Limits(), seen_before=HERE).changes
    assert (change.kind, change.looks) == (Kind.NEW, 3)


def run_folder(
    folder: Path, *objects: tuple[str, float, str], crs: str = "EPSG:28992", complete: bool = True
) -> Path:
    """A run with objects by id, x in RD and category, and three panoramas beside them."""
    folder.mkdir()
    told = {"crs": crs, "complete": complete}
    (folder / "run.json").write_text(json.dumps(told))
    rd, own = Projection("EPSG:28992"), Projection(crs)

    def one(name: str, x: float, **fields: Any) -> Json:
        degrees = rd.to_wgs84(x, 463_000.0)
        place = own.to_projected(*degrees)
        told = {"id": name, "x": place[0], "y": place[1], "z": None, "crs": crs, **fields}
        return feature({"type": "Point", "coordinates": list(degrees)}, told)

    things = [one(name, x, category=category) for name, x, category in objects]
    (folder / "objects.geojson").write_text(json.dumps(collection(things)))
    looks = [
        one(name, x, camera="equirectangular", heading=0.0)
        for name, x in (("r1", 155_000.0), ("r2", 155_005.0), ("r3", 155_006.0))
    ]
    (folder / "recordings.geojson").write_text(json.dumps(collection(looks)))
    return folder


class TestTheCommand:
    def test_tells_the_changes_and_writes_them(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        old = run_folder(tmp_path / "old", ("o1", 155_000.0, "stop"), ("o2", 155_010.0, "yield"))
        new = run_folder(tmp_path / "new", ("n1", 155_000.1, "stop"), ("n3", 155_900.0, "yield"))
        assert main(["compare", str(old), str(new), "--out", str(tmp_path / "changes.geojson")]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "objects     1 as they were; 0 new, 1 gone, 1 first seen, 0 not seen, 0 unsure, 0 rejected, 0 moved, "
            "0 re-classed",
            "gone        'o2'  'yield' at 155010.00, 463000.00, its place is looked at by 3 recordings of the new run",
            "first seen  'n3'  'yield' at 155900.00, 463000.00, its place is looked at by 0 recordings of the old run",
        ]
        features = json.loads((tmp_path / "changes.geojson").read_text())["features"]
        told = [
            (one["properties"]["change"], one["properties"]["old_id"], one["properties"]["new_id"])
            for one in features
        ]
        assert told == [("gone", "o2", None), ("first seen", None, "n3")]
        assert features[0]["geometry"]["coordinates"] == pytest.approx([5.387, 52.155], abs=0.01)

    def test_what_a_review_took_out_of_either_run_is_no_change_in_the_street(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole = run_folder(tmp_path / "whole", ("o1", 155_000.0, "stop"), ("o2", 155_010.0, "yield"))
        reviewed = run_folder(tmp_path / "reviewed", ("n1", 155_000.0, "stop"), ("n2", 155_010.3, "yield"))
        path = reviewed / "objects.geojson"
        map_ = json.loads(path.read_text())
        path.rename(reviewed / "objects.unreviewed.geojson")
        path.write_text(json.dumps({**map_, "features": map_["features"][:1]}))
        for old, new, side in ((whole, reviewed, "new"), (reviewed, whole, "old")):
            assert main(["compare", str(old), str(new)]) == 0
            told = capsys.readouterr().out
            assert "1 as they were; 0 new, 0 gone" in told
            assert "rejected    'o2'  'yield' at 155010.00" in told
            assert f"463000.00, rejected in the review of the {side} run" in told

    def test_warns_of_runs_that_share_no_place(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        here = run_folder(tmp_path / "here", ("o1", 155_000.0, "stop"))
        far = run_folder(tmp_path / "far", ("n1", 160_000.0, "stop"))
        (far / "recordings.geojson").write_text(json.dumps(collection([])))
        for old, new in ((here, far), (far, here), (here, here)):
            assert main(["compare", str(old), str(new)]) == 0
            assert ("share no place" in capsys.readouterr().err) is (old != new)

    def test_takes_runs_of_different_crs(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        old = run_folder(tmp_path / "old", ("o1", 155_000.0, "stop"))
        new = run_folder(tmp_path / "new", ("n1", 155_000.1, "yield"), crs="EPSG:32631")
        assert main(["compare", str(old), str(new), "--json"]) == 0
        (one,) = json.loads(capsys.readouterr().out)["features"]
        assert (one["properties"]["change"], one["properties"]["crs"]) == ("re-classed", "EPSG:28992")
        assert one["properties"]["x"] == pytest.approx(155_000.1, abs=0.01)

    def test_what_a_run_that_is_not_complete_lacks_is_no_change(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole = run_folder(tmp_path / "whole", ("o1", 155_000.0, "stop"), ("o2", 155_900.0, "stop"))
        part = run_folder(tmp_path / "part", complete=False)
        for old, new in ((whole, part), (part, whole)):
            assert main(["compare", str(old), str(new), "--json"]) == 0
            said = capsys.readouterr()
            assert json.loads(said.out)["features"] == []
            assert f"{str(part)!r} is not complete: 2 objects that it lacks are no change" in said.err

    def test_an_edited_map_is_read_as_far_as_it_says_where_things_stand(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        old = run_folder(tmp_path / "old", ("o1", 155_000.0, "stop"))
        new = run_folder(tmp_path / "new", ("n1", 155_000.0, "stop"))
        path = new / "objects.geojson"
        map_ = json.loads(path.read_text())
        (one,) = map_["features"]
        one.pop("id", None)
        one["properties"] = {"category": "stop", "crs": "EPSG:28992"}
        path.write_text(json.dumps(map_))
        assert main(["compare", str(old), str(new)]) == 0
        assert "1 as they were" in capsys.readouterr().out
        one["geometry"] = None
        path.write_text(json.dumps(map_))
        assert main(["compare", str(old), str(new)]) == 2
        assert "objects.geojson: feature 0 ('0') is no point" in capsys.readouterr().err

    def test_names_the_step_that_a_run_without_a_map_ended_with(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        old, new = run_folder(tmp_path / "old"), run_folder(tmp_path / "new")
        steps = [{"name": "detect", "per": "item"}]
        (new / "run.json").write_text(json.dumps({"crs": "EPSG:28992", "pipeline": {"steps": steps}}))
        (new / "objects.geojson").unlink()
        assert main(["compare", str(old), str(new)]) == 2
        assert "its last step is 'detect'; run it up to the step that positions" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["run.json", "objects.geojson"])
    def test_refuses_what_is_no_run(
        self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        old = run_folder(tmp_path / "old", ("o1", 155_000.0, "stop"))
        new = run_folder(tmp_path / "new")
        (new / name).unlink()
        assert main(["compare", str(old), str(new)]) == 2
        assert name in capsys.readouterr().err
