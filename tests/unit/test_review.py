"""A reader's decisions: merged, matched to objects, put into the results. Of their files: test_reviewfile.py."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.cli import main
from coordinator.errors import RunFolderError
from coordinator.record.facts import SessionState
from coordinator.record.lock import locked
from coordinator.record.merging import merged
from coordinator.record.review import Decision, Known, Verdict, matched
from coordinator.record.reviewfile import keep, read_kept
from coordinator.record.runfolder import RunFolder
from tests.made_up_run import Wanted, write_run

HEAD = "id,decision,category,longitude,latitude,note,time,was,z\n"
DEGREE = 111_195.0


def decision(
    name: str = "o1", verdict: Verdict = Verdict.ACCEPT, north: float = 0.0, **fields: Any
) -> Decision:
    noted = {"was": "stop", **fields}
    return Decision(id=name, verdict=verdict, longitude=5.0, latitude=52.0 + north / DEGREE, **noted)


def known(
    name: str = "o1", north: float = 0.0, category: str | None = "stop", z: float | None = None
) -> Known:
    return Known(id=name, longitude=5.0, latitude=52.0 + north / DEGREE, z=z, category=category)


class TestMerging:
    def test_a_later_decision_takes_the_place_of_an_earlier_one(self) -> None:
        earlier = [decision("o1"), decision("o2", north=10.0)]
        later = [decision("o1", Verdict.REJECT), decision("o2", Verdict.UNDO, north=10.0)]
        assert merged(earlier, later, [known("o1"), known("o2", north=10.0)]).kept == (later[0],)

    @pytest.mark.parametrize("id_of_the_later", ["new", "old"])
    def test_it_does_though_the_object_has_another_id_now(self, id_of_the_later: str) -> None:
        earlier = [decision("old", Verdict.REJECT)]
        for verdict, left in ((Verdict.ACCEPT, 1), (Verdict.UNDO, 0)):
            later = [decision(id_of_the_later, verdict, north=0.5)]
            found = merged(earlier, later, [known("new", north=0.5), known("beside", north=1.5)])
            assert (found.kept, found.unknown) == (tuple(later[:left]), ())

    def test_what_belongs_to_nothing_is_not_kept(self) -> None:
        later = [decision("typo", north=50.0), decision("never", Verdict.UNDO, north=90.0)]
        found = merged([], later, [known()])
        assert (found.kept, found.unknown, found.needless) == ((), (later[0],), (later[1],))

    def test_what_is_taken_back_twice_is_told(self) -> None:
        undo = decision("o1", Verdict.UNDO)
        once = merged([decision()], [undo], [known()])
        assert (once.kept, once.needless) == ((), ())
        twice = merged(once.kept, [undo], [known()])
        assert (twice.kept, twice.unknown, twice.needless) == ((), (), (undo,))

    def test_what_is_taken_back_of_another_category_is_not_taken_for_needless(self) -> None:
        undo = decision("o1", Verdict.UNDO, was="yield")
        found = merged([decision()], [undo], [known()])
        assert (found.kept, found.unknown, found.needless) == ((decision(),), (undo,), ())

    def test_what_is_lost_stays_until_it_is_taken_back(self) -> None:
        """Also where another thing stands in its place, which has a decision of its own."""
        gone, here = decision("gone", was="yield"), decision("o1", was="stop")
        assert merged([gone, here], [], [known()]).kept == (gone, here)
        assert merged([gone, here], [decision("gone", Verdict.UNDO)], [known()]).kept == (here,)

    def test_what_is_kept_notes_what_its_object_is(self) -> None:
        (kept,) = merged([], [decision(was=None)], [known(z=2.5)]).kept
        assert (kept.was, kept.z) == ("stop", 2.5)
        (kept,) = merged([], [decision(was="'stop", z=2.0)], [known(z=2.5)]).kept
        assert (kept.was, kept.z) == ("'stop", 2.0)

    def test_of_two_in_one_review_the_last_counts_and_that_is_told(self) -> None:
        later = [decision("o1"), decision("o1", Verdict.REJECT)]
        found = merged([], later, [known()])
        assert (found.kept, found.repeated) == (tuple(later[1:]), ("o1",))

    def test_so_it_is_of_two_ids_of_one_object(self) -> None:
        later = [decision("old"), decision("o1", Verdict.REJECT)]
        found = merged([decision("old")], later, [known()])
        assert (found.kept, found.repeated) == (tuple(later[1:]), ("old",))


class TestMatching:
    def test_the_same_id_at_the_same_place(self) -> None:
        found = matched([decision("o1"), decision("o2")], [known("o2"), known("o1")])
        assert {name: one.id for name, one in found.by_object.items()} == {"o1": "o1", "o2": "o2"}

    def test_an_object_that_moved_a_little_keeps_its_decision_under_whatever_id(self) -> None:
        found = matched([decision("o1", was="stop")], [known("other", north=2.9)])
        assert list(found.by_object) == ["other"]

    @pytest.mark.parametrize("other", [known("o1", north=3.1), known("o1", category="yield")])
    def test_another_place_or_category_is_another_thing(self, other: Known) -> None:
        mine = decision("o1", was="stop")
        assert matched([mine], [other]).lost == (mine,)

    @pytest.mark.parametrize("category", [" stop", "'=stop", "stop "])
    def test_a_category_is_the_same_whatever_a_table_makes_of_its_ends(self, category: str) -> None:
        mine = decision("o1", was=category.strip().lstrip("'"))
        assert matched([mine], [known("o1", category=category)]).lost == ()

    def test_of_two_on_one_pole_each_keeps_its_own(self) -> None:
        low, high = decision("low", z=2.0), decision("high", Verdict.REJECT, z=2.8)
        found = matched([low, high], [known("a", z=2.9), known("b", z=2.1)])
        assert found.by_object == {"a": high, "b": low}

    def test_no_object_has_two_decisions(self) -> None:
        near, far = decision("near", north=0.1), decision("far", north=1.0)
        found = matched([far, near], [known("o")])
        assert (found.by_object, found.lost) == ({"o": near}, (far,))

    def test_without_objects_all_are_lost(self) -> None:
        assert matched([decision()], []).lost == (decision(),)

    def test_many_at_once(self) -> None:
        """Objects 4 m apart that have all moved by 1 m to the north: none is taken for its neighbour."""
        decisions = [decision(f"o{n}", north=4.0 * n) for n in range(1000)]
        found = matched(decisions, [known(f"p{n}", north=4.0 * n + 1.0) for n in range(1000)])
        assert {name: one.id for name, one in found.by_object.items()} == {
            f"p{n}": f"o{n}" for n in range(1000)
        }


def review(run: RunFolder, text: str) -> int:
    path = run.path.parent / "review.csv"
    path.write_text(HEAD + text)
    return main(["review", str(run.path), str(path)])


def features(run: RunFolder, name: str = "objects.geojson") -> dict[str, Any]:
    found = json.loads((run.path / name).read_text())["features"]
    return {feature["id"]: feature for feature in found}


def row(feature: Any, verdict: str, category: str = "", was: str = "") -> str:
    longitude, latitude = feature["geometry"]["coordinates"]
    return f"{feature['id']},{verdict},{category},{longitude},{latitude},seen,,{was},{feature['properties']['z']}\n"


class TestTheCommand:
    @pytest.fixture
    def run(self, tmp_path: Path) -> RunFolder:
        return write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False, objects=4))

    def test_decisions_change_the_results_and_what_the_run_said_is_kept(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before, bytes_before = features(run), (run.path / "objects.geojson").read_bytes()
        a, b, c, _ = before.values()
        assert (
            review(run, row(a, "accept") + row(b, "reject") + row(c, "reclass", "kiosk", "priority_road"))
            == 0
        )
        assert "1 accepted, 1 rejected, 1 re-classed" in (said := capsys.readouterr().out)
        assert "3 of the 4 that the run found" in said
        after = features(run)
        assert [name for name in before if name not in after] == [b["id"]]
        said_of = {name: feature["properties"] for name, feature in after.items()}
        assert [said_of[one["id"]]["review"] for one in before.values() if one is not b] == [
            "accept",
            "reclass",
            None,
        ]
        changed = said_of[c["id"]]
        assert (changed["category"], changed["category_before_review"]) == ("kiosk", "priority_road")
        assert "category_score" not in changed
        assert (run.path / "objects.unreviewed.geojson").read_bytes() == bytes_before
        rows = list(csv.DictReader((run.path / "objects.csv").open()))
        assert [one["category"] for one in rows if one["review"] == "reclass"] == ["kiosk"]

    def test_twice_is_as_once_and_more_decisions_come_to_those_that_are_there(self, run: RunFolder) -> None:
        a, b, *_ = features(run).values()
        for _ in range(2):
            assert review(run, row(a, "reject")) == 0
        once = (run.path / "objects.geojson").read_bytes()
        assert review(run, row(a, "reject")) == 0
        assert (run.path / "objects.geojson").read_bytes() == once
        assert review(run, row(b, "reject")) == 0
        assert len(features(run)) == 2

    def test_what_is_taken_back_leaves_everything_as_it_was(self, run: RunFolder) -> None:
        before = (run.path / "objects.geojson").read_bytes()
        a, *_ = features(run).values()
        assert review(run, row(a, "reject")) == 0
        assert review(run, row(a, "undo")) == 0
        assert (run.path / "objects.geojson").read_bytes() == before
        assert not (run.path / "objects.unreviewed.geojson").exists()

    def test_a_run_anew_keeps_decisions_though_positions_and_ids_change(self, run: RunFolder) -> None:
        a, b, *_ = features(run).values()
        assert review(run, row(a, "reject", was=a["properties"]["category"]) + row(b, "accept")) == 0
        for name in ("journal.db", "objects.geojson"):
            (run.path / name).unlink()
        write_run(run.path, run.path.parent / "batch", Wanted(photographs=False, objects=4, moved=1.0))
        assert [one["properties"]["review"] for one in features(run).values()] == ["accept", None, None]

    def test_an_earlier_decision_is_taken_back_under_the_id_that_its_object_has_now(
        self, run: RunFolder
    ) -> None:
        a, *_ = features(run).values()
        assert review(run, row(a, "reclass", "kiosk", a["properties"]["category"])) == 0
        for name in ("journal.db", "objects.geojson"):
            (run.path / name).unlink()
        write_run(run.path, run.path.parent / "batch", Wanted(photographs=False, objects=4, moved=1.0))
        (now,) = (one for one in features(run).values() if one["properties"]["review"] == "reclass")
        assert now["id"] != a["id"]
        assert review(run, row(now, "undo", was=a["properties"]["category"])) == 0
        assert read_kept(run.path) == []
        assert {one["properties"].get("review") for one in features(run).values()} == {None}

    def test_a_sign_is_not_taken_for_another_on_its_pole(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = features(run)
        a, *_ = before.values()
        for name in ("typo", a["id"]):
            longitude, latitude = a["geometry"]["coordinates"]
            assert review(run, f"{name},reject,other,{longitude},{latitude},,,,\n") == 1
            assert repr(name) in capsys.readouterr().err
        assert features(run) == before

    def test_what_belongs_to_nothing_is_told_and_not_kept(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert review(run, "typo,reject,,5.0,52.0,,,,\n") == 1
        assert "belong to no object of this run, and are not kept" in (told := capsys.readouterr().err)
        assert "'typo'" in told
        assert read_kept(run.path) == []
        assert review(run, "") == 0
        assert "review.csv has no decisions" in capsys.readouterr().err

    def test_what_belongs_to_nothing_any_more_is_kept_and_told_until_it_is_dropped(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        keep(run.path, [decision("gone")])
        assert review(run, "") == 1
        assert "with 'undo' as its decision" in capsys.readouterr().err
        assert [one.id for one in read_kept(run.path)] == ["gone"]
        for told in (
            "",
            "note: the review takes back decisions that are not there, which changes nothing: 'gone'",
        ):
            assert review(run, "gone,undo,,5.0,52.0,,,,\n") == 0
            assert told in capsys.readouterr().err
            assert read_kept(run.path) == []

    def test_what_is_lost_stays_a_failure_though_another_is_taken_back(self, run: RunFolder) -> None:
        """As with a mistyped id."""
        keep(run.path, [decision("gone")])
        assert review(run, "gonne,undo,,5.0,52.1,,,,\n") == 1
        assert [one.id for one in read_kept(run.path)] == ["gone"]

    def test_two_decisions_on_one_object_are_told(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, *_ = features(run).values()
        assert review(run, row(a, "accept") + row(a, "reject")) == 0
        assert f"the last counts: {a['id']!r}" in capsys.readouterr().err
        assert a["id"] not in features(run)

    def test_a_run_that_is_not_complete_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = Wanted(photographs=False, state=SessionState.INTERRUPTED)
        run = write_run(tmp_path / "run", tmp_path / "batch", wanted)
        assert review(run, "") == 2
        assert "is not complete" in capsys.readouterr().err
        assert not (run.path / "decisions.csv").exists()

    def test_a_run_that_goes_on_is_refused(self, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
        with locked(run.path):
            assert review(run, "") == 2
        assert "is in use by process" in capsys.readouterr().err

    def test_a_folder_that_cannot_be_written(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (run.path / ".lock").unlink(missing_ok=True)
        (run.path / ".lock").mkdir()  # refuses to be opened for writing for everybody, root too
        assert review(run, "") == 2
        assert "cannot be written: Is a directory" in capsys.readouterr().err

    def test_a_result_that_cannot_be_written_is_named_and_the_same_command_mends_it(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, *_ = features(run).values()
        table = run.path / "objects.csv"
        table.unlink()
        table.mkdir()
        assert review(run, row(a, "reject")) == 2
        told = capsys.readouterr().err
        assert f"{table} cannot be written: Is a directory; a part of the results may have the review" in told
        table.rmdir()
        assert review(run, row(a, "reject")) == 0
        assert a["id"] not in features(run)
        assert a["id"] not in table.read_text()

    @pytest.mark.parametrize("text", ["{}", "[]"])
    def test_a_run_json_that_tells_nothing(
        self, run: RunFolder, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run.about.write_text(text)
        for command in (["review", str(run.path)], ["report"], ["compare", str(run.path)]):
            (run.path.parent / "review.csv").write_text(HEAD)
            last = run.path.parent / "review.csv" if command[0] == "review" else run.path
            assert main([*command, str(last)]) == 2
            assert "run.json tells of no run" in capsys.readouterr().err

    def test_what_is_no_run_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError):
            RunFolder(tmp_path).read_about()
        (tmp_path / "review.csv").write_text(HEAD)
        assert main(["review", str(tmp_path), str(tmp_path / "review.csv")]) == 2
