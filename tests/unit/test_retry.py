"""``retry``: which options it takes, and what runs again then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.commands.retry import retry_options
from coordinator.contract import ErrorKind
from coordinator.errors import RunFolderError, UsageError
from coordinator.pipeline import Per, Rung
from coordinator.record.disk import write_json
from coordinator.record.facts import SessionState
from coordinator.record.journal import Journal, Status
from coordinator.session.options import FailedOnly, RunOptions
from tests.unit.builders import error, recording, step
from tests.unit.fakes import Run
from tests.unit.test_scheduler import failing

DETECT, POSITION = step("detect"), step("position", Per.REGION)
RECORDINGS = [recording("r1"), recording("r2"), recording("r3")]


class TestOptions:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "run"
        folder.mkdir()
        options = RunOptions(
            batch=tmp_path / "batch", out=folder, pipeline="p.yaml", jobs=3, limit=7, rung=Rung.RESIDENT
        )
        write_json(folder / "run.json", {"job": options.settings()})
        with Journal(folder / "journal.db") as journal:
            journal.begin_session()
            journal.note(steps=("detect", "position"))
            journal.note(covered=True)
            journal.note(session_state=SessionState.COMPLETE)
            journal.failed("detect/a", "detect", "a", error())
        return folder

    def test_it_has_the_settings_of_the_run_wherever_it_is_called(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = Path.cwd()
        monkeypatch.chdir(folder)
        options = retry_options(folder, None)
        assert options is not None
        assert (options.batch, options.pipeline) == (folder.parent / "batch", str(here / "p.yaml"))
        assert (options.jobs, options.limit, options.rung, options.first) == (3, 7, Rung.RESIDENT, None)
        assert (options.out, options.failed_only) == (folder, FailedOnly(None))

    def test_a_built_in_pipeline_stays_a_name(self, tmp_path: Path) -> None:
        options = RunOptions(batch=tmp_path, out=tmp_path, pipeline="traffic-signs", first="position")
        assert RunOptions.from_settings(json.loads(json.dumps(options.settings())), tmp_path) == options

    def test_nothing_failed_at_that_step(self, folder: Path) -> None:
        assert retry_options(folder, "position") is None
        assert retry_options(folder, "detect") is not None

    def test_no_such_step(self, folder: Path) -> None:
        with pytest.raises(UsageError, match="has no step 'paint'; its steps are detect, position"):
            retry_options(folder, "paint")

    def test_a_failure_of_a_complete_run_that_was_not_come_to_again_is_none(self, folder: Path) -> None:
        with Journal(folder / "journal.db") as journal:
            journal.begin_session()
            journal.note(session_state=SessionState.COMPLETE)
        assert retry_options(folder, None) is None

    @pytest.mark.parametrize("state", [SessionState.BEGUN, SessionState.INTERRUPTED])
    def test_a_retry_that_did_not_complete_goes_on(self, folder: Path, state: SessionState) -> None:
        with Journal(folder / "journal.db") as journal:
            journal.begin_session()
            journal.note(session_state=state)
            journal.succeeded("detect/a", "detect", "a", "key", [])
        assert retry_options(folder, None) is not None

    def test_an_interrupted_run_without_failures_is_not_for_it(self, folder: Path) -> None:
        with Journal(folder / "journal.db") as journal:
            journal.begin_session()
            journal.note(session_state=SessionState.INTERRUPTED)
            journal.note(covered=False)
            journal.succeeded("detect/a", "detect", "a", "key", [])
        assert retry_options(folder, None) is None

    def test_settings_that_were_not_kept(self, folder: Path) -> None:
        write_json(folder / "run.json", {"command": "x"})
        with pytest.raises(RunFolderError, match="does not tell with which settings"):
            retry_options(folder, None)


class TestWhatRuns:
    def test_results_of_an_earlier_form_of_a_step_stay(self, tmp_path: Path) -> None:
        Run(path=tmp_path, steps=[DETECT], executor=failing("detect/r2")).over(RECORDINGS)
        mended = DETECT.model_copy(update={"params": {"mended": True}})
        again = Run(path=tmp_path, steps=[mended], earlier={"detect": [(DETECT, "sha256:detect")]})
        again.over(RECORDINGS)
        assert again.executor.steps_run() == ["detect/r2"]
        assert again.counts == {("detect", Status.SUCCEEDED): 3}

    def test_a_plain_run_afterwards_does_not_mix_them(self, tmp_path: Path) -> None:
        Run(path=tmp_path, steps=[DETECT], executor=failing("detect/r2")).over(RECORDINGS)
        mended = DETECT.model_copy(update={"params": {"mended": True}})
        Run(path=tmp_path, steps=[mended], earlier={"detect": [(DETECT, "sha256:detect")]}).over(RECORDINGS)
        plain = Run(path=tmp_path, steps=[mended]).over(RECORDINGS)
        assert plain.executor.steps_run() == ["detect/r1", "detect/r3"]

    def test_what_depends_on_a_failure_runs_again(self, tmp_path: Path) -> None:
        steps = (DETECT, POSITION)
        Run(path=tmp_path, steps=steps, executor=failing("detect/r2")).over(RECORDINGS)
        again = Run(path=tmp_path, steps=steps).over(RECORDINGS)
        assert [name.split("/")[0] for name in again.executor.steps_run()] == ["detect", "position"]

    def test_failures_of_other_steps_stay_as_they_are(self, tmp_path: Path) -> None:
        steps = (DETECT, step("second"))
        executor = failing("detect/r1", "second/r2", kind=ErrorKind.BAD_INPUT)
        Run(path=tmp_path, steps=steps, executor=executor).over(RECORDINGS)
        again = Run(path=tmp_path, steps=steps, only="detect").over(RECORDINGS)
        assert again.executor.steps_run() == ["detect/r1", "second/r1"]
        assert [failure.id for failure in again.failures] == ["second/r2"]
        assert again.watcher.done == again.watcher.expected

    def test_a_failure_whose_input_has_changed_is_another_task(self, tmp_path: Path) -> None:
        steps = (DETECT, POSITION)
        executor = failing("detect/r1", "position/all", kind=ErrorKind.BAD_INPUT)
        failed = Run(path=tmp_path, steps=steps, executor=executor).over(RECORDINGS)
        assert {failure.step for failure in failed.failures} == {"detect", "position"}
        again = Run(path=tmp_path, steps=steps, only="detect").over(RECORDINGS)
        assert {name.split("/")[0] for name in again.executor.steps_run()} == {"detect", "position"}
        assert again.failures == []


def test_the_journal_knows_recordings_good_and_bad_of_all_sessions(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.begin_session()
        journal.admit("r1")
        journal.failed("batch/r2", "batch", "r2", error())
        journal.begin_session()
        assert [journal.knows(name) for name in ("r1", "r2", "r3")] == [True, True, False]
