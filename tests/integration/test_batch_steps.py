"""A step per batch in a whole run: over containers and processes, what runs again, and what a failure leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.commands.retry import retry_options
from coordinator.errors import ExitCode
from coordinator.pipeline import Rung
from coordinator.record.journal import Journal, Status
from coordinator.session.run import run
from tests.integration.test_incremental import GRID, TOWN, Town

SMALL = TOWN[:12]
MOVE = 70.0


def objects(town: Town) -> dict[str, float]:
    """The x of every object on the map."""
    found = json.loads((town.folder / "run" / "objects.geojson").read_text())["features"]
    return {one["id"]: one["properties"]["x"] for one in found}


def counts(town: Town) -> dict[tuple[str, Status], int]:
    with Journal(town.folder / "run" / "journal.db") as journal:
        return journal.counts()


@pytest.mark.parametrize("rung", [Rung.PROCESS, Rung.FRESH, Rung.RESIDENT])
def test_objects_are_found_where_the_recordings_have_come_to(
    tmp_path: Path, rung: Rung, request: pytest.FixtureRequest
) -> None:
    image = "none" if rung is Rung.PROCESS else request.getfixturevalue("survey_image")
    town = Town(tmp_path / "town", SMALL[:6])
    town.survey(rung, image, aligned=True, align={"move": MOVE})
    assert objects(town) == {f"object-{number:03}": x + MOVE for number, (x, _) in enumerate(SMALL[:6])}
    around = {region for x, y in SMALL[:6] for region in GRID.around((x + MOVE, y))}
    assert town.attempted()["align"] == ["all"]
    assert town.attempted()["position"] == sorted(around)
    town.survey(rung, image, aligned=True, align={"move": MOVE})
    assert town.attempted() == {}


class TestWhatRunsAgain:
    @pytest.fixture
    def town(self, tmp_path: Path) -> Town:
        made = Town(tmp_path / "town", SMALL)
        made.survey(Rung.PROCESS, aligned=True)
        return made

    def test_one_recording_more_is_a_new_batch(self, town: Town) -> None:
        town.add([(0.0, 395.0)])
        town.survey(Rung.PROCESS, aligned=True)
        ran = town.attempted()
        assert (ran["detect"], ran["align"]) == (["012"], ["all"])
        assert "object-012" in ran["recognise"]

    def test_any_photograph_that_has_changed_is_one_that_it_reads(self, town: Town) -> None:
        (town.batch / "003.jpg").write_text("another photograph")
        town.survey(Rung.PROCESS, aligned=True)
        ran = town.attempted()
        assert (ran["detect"], ran["align"], ran["recognise"]) == (["003"], ["all"], ["object-003"])

    def test_what_is_told_apart_by_content_and_stays_the_same_leaves_it_alone(self, town: Town) -> None:
        town.survey(Rung.PROCESS, aligned=True, hash_inputs=True)
        (town.batch / "003.jpg").write_text("another photograph")
        town.survey(Rung.PROCESS, aligned=True, hash_inputs=True)
        assert town.attempted() == {"detect": ["003"]}

    def test_other_poses_make_the_regions_run_again(self, town: Town) -> None:
        town.survey(Rung.PROCESS, aligned=True, align={"move": MOVE})
        assert set(town.attempted()) == {"align", "position", "recognise"}
        around = {region for x, y in SMALL for region in GRID.around((x + MOVE, y))}
        assert set(town.attempted()["position"]) <= around

    def test_the_file_that_it_left_is_lost(self, town: Town) -> None:
        (town.folder / "run" / "work" / "align" / "all" / "seen.txt").unlink()
        before = town.results()
        town.survey(Rung.PROCESS, aligned=True)
        assert "all" in town.attempted()["align"]
        assert town.results() == before


def test_its_failure_leaves_what_came_before_and_is_mended_by_running_again(tmp_path: Path) -> None:
    town = Town(tmp_path / "town", SMALL[:4])
    town.survey(Rung.PROCESS, aligned=True, ends=ExitCode.SOME_FAILED, align={"move": "far"})
    found = counts(town)
    assert (found["detect", Status.SUCCEEDED], found["align", Status.FAILED]) == (4, 1)
    assert {name for name, status in found if status is Status.SKIPPED} == {"position"}
    told = json.loads((town.folder / "run" / "failures" / "align%2Fall" / "error.json").read_text())
    assert "could not convert string to float: 'far'" in told["error"]["message"]
    town.survey(Rung.PROCESS, aligned=True)
    assert {name for name, count in town.counted().items() if count} == {"align", "position", "recognise"}
    assert len(objects(town)) == 4


def test_retry_tries_what_failed_before_it_and_runs_it_again_with_all(
    tmp_path: Path, survey_image: str
) -> None:
    town = Town(tmp_path / "town", SMALL[:4])
    (town.batch / "mood.json").write_text(json.dumps({"crash": ["002"]}))
    town.survey(Rung.RESIDENT, survey_image, aligned=True, ends=ExitCode.SOME_FAILED)
    assert set(objects(town)) == {"object-000", "object-001", "object-003"}
    (town.batch / "mood.json").unlink()
    again = retry_options(town.folder / "run", None)
    assert again is not None
    assert run(again, "a test").exit_code is ExitCode.DONE
    ran = town.attempted()
    assert (ran["detect"], ran["align"]) == (["002"], ["all"])
    assert set(objects(town)) == {f"object-{number:03}" for number in range(4)}
