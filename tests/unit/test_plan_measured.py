"""What a run's journal tells of what its tasks cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import RunFolderError, UsageError
from coordinator.pipeline import Per, Pipeline, Rung
from coordinator.plan.measured import choose, read_measured
from coordinator.plan.planning import Asked, make
from coordinator.plan.table import lines
from coordinator.plan.work import work_of
from coordinator.record.facts import SessionState
from coordinator.record.journal import Journal
from coordinator.record.runfolder import RunFolder
from tests.unit.builders import error, step
from tests.unit.planned import attempt, measured_run

DETECT = step("detect", rung=Rung.RESIDENT)
POSITION = step("position", Per.REGION)
PIPELINE = Pipeline(name="signs", steps=(DETECT, POSITION))


def run(folder: Path, busy: float = 1.0, jobs: int | None = 1) -> Path:
    """Four recordings, of which the first opened a lane; one region of them all."""
    done = [
        attempt("detect/r0", 100.0, 104.0, busy_s=busy + 2.0, compute_s=busy - 0.25, open_s=1.0),
        *(
            attempt(f"detect/r{number}", 100.0, 104.0 + number, busy_s=busy, compute_s=busy - 0.25)
            for number in (1, 2, 3)
        ),
        attempt("position/g0", 107.0, 109.0, size=4, busy_s=2.0, start_s=0.5, compute_s=1.0),
    ]
    return measured_run(folder, PIPELINE, done, jobs)


def test_a_lanes_first_task_tells_what_it_takes_to_open(tmp_path: Path) -> None:
    found = read_measured(run(tmp_path))
    detect = found.steps[0]
    assert [sample.busy for sample in detect.samples] == pytest.approx([1.0] * 4)
    assert detect.openings == pytest.approx((1.0 + 2.0,))


def test_a_region_has_its_size_and_its_parts(tmp_path: Path) -> None:
    found = read_measured(run(tmp_path))
    (region,) = found.steps[1].samples
    assert (region.size, region.start, region.compute, region.rest) == (4, 0.5, 1.0, 0.5)


def test_the_run_as_a_whole(tmp_path: Path) -> None:
    found = read_measured(run(tmp_path, jobs=None))
    assert (found.recordings, found.makespan, found.around) == (4, 9.0, 1.0)
    assert found.jobs == 2, "what fits on its two CPUs"


def test_a_run_that_was_resumed_has_its_pauses_in_it_and_is_not_compared(tmp_path: Path) -> None:
    folder = run(tmp_path)
    asked = Asked(runs=[folder])
    assert any("the plan is" in line for line in lines(make(asked)))
    again(folder, "r0", "r1", "r2", "r3")
    found = list(lines(make(asked)))
    assert any("not compared: it ran in 2 sessions" in line for line in found)
    assert not any("the plan is" in line for line in found)


def again(folder: Path, *recordings: str, state: SessionState = SessionState.COMPLETE) -> None:
    """Another session, with these recordings, whose results are found there."""
    with Journal(RunFolder(folder).journal) as journal:
        journal.begin_session()
        for recording in recordings:
            journal.admit(recording)
            journal.keep(f"detect/{recording}")
        journal.keep("position/g0")
        journal.note(session_state=state)


def test_recordings_and_tasks_are_of_one_session(tmp_path: Path) -> None:
    """After a run over four, the same over two of them: of the others nothing is taken, be it in the journal."""
    folder = run(tmp_path)
    again(folder, "r0", "r1")
    found = read_measured(folder)
    assert found.recordings == 2
    assert len(found.steps[0].samples) == 2


def test_a_run_that_was_interrupted_is_told_and_not_compared(tmp_path: Path) -> None:
    """What it took in counts with what it had found before."""
    folder = run(tmp_path)
    again(folder, "r0", state=SessionState.INTERRUPTED)
    assert read_measured(folder).recordings == 4
    found = list(lines(make(Asked(runs=[folder]))))
    assert any("not compared: it did not come to its end" in line for line in found)
    assert any("complete it first" in line for line in found)


def test_costs_are_those_of_a_machine_as_busy(tmp_path: Path) -> None:
    alone, together = (
        read_measured(run(tmp_path / str(jobs), busy, jobs)) for busy, jobs in ((1.0, 1), (1.5, 2))
    )
    for load, busy in ((0.5, 1.0), (1.0, 1.5), (0.7, 1.0)):
        found, of = choose([together, alone], DETECT, load)
        assert found.busy == pytest.approx(busy)
        assert len(of) == 1


def test_runs_that_were_as_busy_count_together(tmp_path: Path) -> None:
    runs = [read_measured(run(tmp_path / str(number), 1.0 + number)) for number in range(2)]
    found, of = choose(runs, DETECT, 0.5)
    assert found.busy == pytest.approx(1.5)
    assert len(of) == 2


def test_what_is_to_be_known_of_the_costs_is_told(tmp_path: Path) -> None:
    folder = run(tmp_path)
    with Journal(RunFolder(folder).journal) as journal:
        for number in (1, 2):
            tried = replace(attempt("detect/r9", 105.0, 106.0), number=number, error=error())
            journal.attempted(tried)
        journal.failed("detect/r9", "detect", "r9", error())
    found, notes = work_of([read_measured(folder)], 100, rung=None, load=lambda step: 1.0)
    assert found.overlap == 1.0
    assert found.tasks == {"detect": 100.0, "position": 25.0}
    assert any(
        "detect was measured with 50% of the CPUs at work and is planned with 100%" in n for n in notes
    )
    assert any("2 attempts came to nothing there, and 1 tasks failed for good" in note for note in notes)
    assert any("position: only 1 tasks were measured" in note for note in notes)


def test_a_run_of_which_nothing_is_used_is_told(tmp_path: Path) -> None:
    """It is of another step; and one that was less busy than the other, and than planned."""
    other = Pipeline(name="other", steps=(step("align", rung=Rung.RESIDENT),))
    strange = measured_run(tmp_path / "strange", other, [attempt("align/r0", 0.0, 1.0)])
    busy, lazy = run(tmp_path / "busy", jobs=2), run(tmp_path / "lazy", jobs=1)
    runs = [read_measured(folder) for folder in (busy, strange, lazy)]
    _, notes = work_of(runs, 100, rung=None, load=lambda step: 1.0)
    assert [note.partition(":")[0] for note in notes if "nothing of it is used" in note] == [
        str(strange),
        str(lazy),
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"image_ref": "signs:2"}, "has another image for it"),
        ({"command": ("python", "-m", "other")}, "has another command for it"),
        ({"image_ref": "signs:2", "command": ("x",)}, "has another image and another command for it"),
        ({"params": {"model": "other"}}, "has another set of parameters for it"),
        ({"resources": {"memory": 2 << 30}}, "has another set of resources for it"),
    ],
)
def test_costs_of_another_program_of_that_name_are_told(
    tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    there = PIPELINE.steps[0].model_dump() | fields
    other = Pipeline.model_validate({"name": "signs", "steps": [there, PIPELINE.steps[1].model_dump()]})
    done = [attempt("detect/r0", 0.0, 1.0), attempt("position/g0", 1.0, 2.0, size=1)]
    runs = [read_measured(run(tmp_path / "a")), read_measured(measured_run(tmp_path / "b", other, done))]
    _, notes = work_of(runs, 100, rung=None, load=lambda step: 0.5)
    assert [note for note in notes if note.startswith(f"detect: {tmp_path / 'b'} {told}")]
    assert not [note for note in notes if str(tmp_path / "a") in note or note.startswith("position: /")]


class TestRefusals:
    def test_a_run_that_is_named_twice(self, tmp_path: Path) -> None:
        folder = run(tmp_path / "a")
        with pytest.raises(UsageError, match="is named twice"):
            make(Asked(runs=[folder, tmp_path / "b" / ".." / "a"]))

    def test_a_rung_that_was_not_measured(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="no task of step 'detect' has succeeded on rung exec"):
            work_of([read_measured(run(tmp_path))], 100, rung=Rung.EXEC, load=lambda step: 1.0)

    def test_a_run_without_a_task(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="no task of it has succeeded"):
            read_measured(measured_run(tmp_path, PIPELINE, []))

    def test_a_journal_that_does_not_tell_a_regions_size(self, tmp_path: Path) -> None:
        folder = measured_run(tmp_path, PIPELINE, [attempt("position/g0", 0.0, 1.0)])
        with pytest.raises(RunFolderError, match="was made by an earlier version"):
            read_measured(folder)

    def test_no_run_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="is no run folder"):
            read_measured(tmp_path)

    @pytest.mark.parametrize(
        ("about", "told"),
        [
            ({"pipeline": {"name": "x"}}, "tells no pipeline"),
            ({"host": {}}, "on what machine it ran"),
            ({"host": {"cpus": 0, "memory": 1, "gpus": []}}, "on what machine it ran"),
            ({"job": []}, "how many tasks ran at a time"),
            ({"job": {"jobs": -3}}, "how many tasks ran at a time: -3"),
            ({"job": {"jobs": 10**9}}, "how many tasks ran at a time"),
            ({"seconds": None}, "how long it took: None"),
        ],
    )
    def test_a_run_json_that_lacks_something(
        self, tmp_path: Path, about: dict[str, object], told: str
    ) -> None:
        with pytest.raises(RunFolderError, match=told):
            read_measured(measured_run(tmp_path, PIPELINE, [attempt("detect/r0", 0.0, 1.0)], about=about))
