"""What ``status`` makes of a journal and a lock."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from coordinator.commands.runmetrics import prometheus
from coordinator.commands.status import lines, status
from coordinator.contract import ErrorKind
from coordinator.errors import RunFolderError
from coordinator.record.facts import SessionState
from coordinator.record.journal import FailedTask, Journal
from coordinator.record.lock import locked
from coordinator.record.pools import PoolState
from coordinator.record.reasons import grouped
from coordinator.record.runfolder import RunFolder
from coordinator.record.runstate import RunState
from tests.unit.builders import error


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.create()
    with Journal(made.journal) as journal:
        journal.begin_session()
        journal.note(run_id="0a1b", steps=("detect", "position"), covered=False)
        journal.note(command="python -m coordinator run b", directory="/here")
        journal.succeeded("detect/a", "detect", "a", "key", [])
        journal.failed("detect/b", "detect", "b", error(ErrorKind.CRASH, "exit code 3"))
    return made


def note(folder: RunFolder, **facts: object) -> None:
    with Journal(folder.journal) as journal:
        journal.note(**facts)


class TestState:
    def test_while_the_lock_is_held_a_coordinator_is_at_work(self, folder: RunFolder) -> None:
        with locked(folder.path):
            report = status(folder.path)
        assert (report.state, report.proceed) == (RunState.AT_WORK, None)
        told = report.as_json()["owner"]
        assert (told["process"], told["host"]) == (os.getpid(), socket.gethostname())
        assert f"at work: process {os.getpid()} on " in "\n".join(lines(report))

    def test_a_session_that_began_and_is_gone_has_died(self, folder: RunFolder) -> None:
        with locked(folder.path):
            pass
        report = status(folder.path)
        assert (report.state, report.owner) == (RunState.DIED, None)
        assert report.proceed == "(cd /here && python -m coordinator run b)"

    def test_a_journal_of_a_version_that_did_not_note_it(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal.db") as journal:
            journal.begin_session()
            journal._db.execute("DELETE FROM facts WHERE name = 'session_state'")
        assert status(tmp_path).state is RunState.ENDED

    def test_an_interrupted_run_goes_on_by_its_own_command(self, folder: RunFolder) -> None:
        note(folder, session_state=SessionState.INTERRUPTED)
        report = status(folder.path)
        assert (report.state, report.proceed) == (
            RunState.INTERRUPTED,
            "(cd /here && python -m coordinator run b)",
        )

    def test_a_complete_run_with_failures_goes_on_by_trying_them_again(self, folder: RunFolder) -> None:
        note(folder, session_state=SessionState.COMPLETE, covered="yes")
        report = status(folder.path)
        assert report.state is RunState.COMPLETE
        assert report.proceed == f"python -m coordinator retry --failed {folder.path}"

    def test_failures_of_an_interrupted_session_that_was_not_come_to_are_told(
        self, folder: RunFolder
    ) -> None:
        with Journal(folder.journal) as journal:
            journal.begin_session()
        report = status(folder.path)
        (detect, _) = report.steps
        assert (detect.succeeded, detect.failed, detect.before) == (0, 0, 2)
        assert [reason.tasks for reason in report.reasons] == [("detect/b",)]

    def test_no_run_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="is no run folder"):
            status(tmp_path)

    def test_nothing_is_written(self, folder: RunFolder) -> None:
        before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
        status(folder.path)
        assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before


class TestFigures:
    def test_steps_in_the_pipelines_order_even_those_not_begun(self, folder: RunFolder) -> None:
        report = status(folder.path)
        assert [step.name for step in report.steps] == ["detect", "position"]
        assert (report.steps[0].succeeded, report.steps[0].failed) == (1, 1)

    def test_for_programs(self, folder: RunFolder) -> None:
        told = json.loads(json.dumps(status(folder.path).as_json()))
        assert (told["run_id"], told["state"], told["steps"]["detect"]["failed"]) == ("0a1b", "died", 1)
        assert told["failures"][0]["tasks"] == ["detect/b"]


def test_failures_are_grouped_whatever_the_name_and_the_number() -> None:
    messages = ["image 'a.jpg' ends at byte 12", "image 'b.jpg' ends at byte 7", "it is too dark"]
    found = grouped(
        FailedTask(id=f"detect/{n}", step="detect", unit=str(n), error=error(ErrorKind.BAD_INPUT, message))
        for n, message in enumerate([*messages, messages[0], messages[1]])
    )
    assert [(reason.count, reason.message) for reason in found] == [(4, messages[0]), (1, messages[2])]
    assert found[0].tasks == ("detect/0", "detect/1", "detect/3")


class TestPools:
    """What a cluster's pools come to, while the run goes on and at its end."""

    STATE = PoolState(
        least=0,
        most=2,
        idle_s=30.0,
        ready=2,
        starting=0,
        backlog=83,
        wait=20.75,
        rate=3.95,
        busy=0.97,
        peak=2,
        there_s=120.4,
    )
    POOL = STATE.as_json()
    HOLDS = (
        {"step": "detect", "why": "it is at its most, 2", "seconds": 12.3, "is_now": True},
        {"step": None, "why": "they wait", "seconds": 4.0, "is_now": False},
        {"step": "position", "why": "its first instance is being started", "seconds": 0.2, "is_now": False},
    )

    def test_while_it_goes_on_one_sees_what_waits_and_why(self, folder: RunFolder) -> None:
        note(folder, pools={"detect": self.POOL}, holds=self.HOLDS)
        with locked(folder.path):
            report = status(folder.path)
        text = "\n".join(lines(report))
        head, row = [line.split() for line in text.splitlines() if line.startswith(("pool ", "detect "))][-2:]
        assert head == ["pool", "least", "most", "ready", "starting", "tasks", "wait/s", "per", "s", "busy"]
        assert row == ["detect", "0", "2", "2", "0", "83", "20.8", "3.95", "97%"]
        assert "bottleneck  detect: it is at its most, 2 (now, for 12.3 s)" in text
        assert "bottleneck  the head: they wait (for 4.0 s)" in text
        assert "being started" not in text
        assert report.as_json()["pools"] == {"detect": self.POOL}
        assert report.as_json()["holds"] == list(self.HOLDS)

    def test_at_its_end_one_sees_what_it_came_to(self, folder: RunFolder) -> None:
        note(folder, pools={"detect": {**self.POOL, "rate": None, "busy": None}}, holds=())
        text = "\n".join(lines(status(folder.path)))
        (row,) = [line.split() for line in text.splitlines() if line.startswith("detect") and "120" in line]
        assert row == ["detect", "0", "2", "2", "120", "-", "-"]
        assert "bottleneck" not in text

    def test_on_a_single_host_there_are_none(self, folder: RunFolder) -> None:
        assert "pool" not in "\n".join(lines(status(folder.path)))


def test_prometheus_reads_the_figures_whatever_the_folder_and_the_steps_are_called(tmp_path: Path) -> None:
    made = RunFolder(tmp_path / 'a "run"\\ with\nlines 🛑')
    made.create()
    with Journal(made.journal) as journal:
        journal.begin_session()
        journal.note(steps=('d"e}\ntect',), mapped={**_CAME, "objects": 3})
        journal.succeeded("d/a", 'd"e}\ntect', "a", "key", [])
    text = "\n".join(prometheus(status(made.path).as_json())) + "\n"
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels["run"] for sample in samples} == {str(made.path)}
    told = {
        (sample.name, sample.labels.get("step"), sample.labels.get("state")): sample.value
        for sample in samples
    }
    assert told["coordinator_run_tasks", 'd"e}\ntect', "succeeded"] == 1
    assert told["coordinator_run_state", None, "died"] == 1
    assert told["coordinator_run_state", None, "complete"] == 0
    assert told["coordinator_run_objects", None, None] == 3
    assert not any(sample.name == "coordinator_run_attempt_seconds_mean" for sample in samples)


_CAME = {"objects": 0, "placed": 5, "detections": 9, "recordings": 2, "posed": 2}
