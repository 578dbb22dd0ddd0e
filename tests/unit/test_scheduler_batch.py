"""A step per batch in the middle of a run: one task for all, behind which regions begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from coordinator.batch.recording import Recording
from coordinator.batch.regions import Grid
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Per, Step
from coordinator.record.journal import Status
from coordinator.schedule import requests
from coordinator.strictjson import Json
from tests.unit.builders import error, item, recording, step
from tests.unit.fakes import Answer, FakeExecutor, Run

DETECT, ALIGN = step("detect", retries=0), step("align", Per.BATCH, retries=0)
POSITION, RECOGNISE = step("position", Per.REGION), step("recognise")
STEPS = (DETECT, ALIGN, POSITION, RECOGNISE)
GRID = Grid(size=100, halo=10)
SHIFT = 50.0
"""Metres by which every recording is moved east."""


def posed(name: str, x: float) -> Recording:
    return recording(name, (x, 50.0), pose={"x": x, "y": 50.0})


RECORDINGS = (posed("r1", 30.0), posed("r2", 70.0), posed("r3", 170.0))
"""By their priors in the cells 0_0, 0_0 and 1_0; moved in 0_0, 1_0 and 2_0."""


def shifted(one: Json) -> Json:
    pose = one["pose"]
    return {**one, "pose": {**pose, "x": pose["x"] + SHIFT}, "aligned": True}


def work(task: StepTask) -> Answer:
    """Detects, moves every recording, and gives for each region one object that says who was there."""
    items = task.request.items
    if task.step.name == "align":
        return [shifted(one) for one in items]
    if task.step.name == "position":
        assert task.request.region is not None
        return [item(f"o-{task.request.region.id}", seen=[one["id"] for one in items])]
    return [{**one, task.step.name: True} for one in items]


def without(*ids: str, kind: ErrorKind = ErrorKind.BAD_INPUT) -> FakeExecutor:
    """An executor where these tasks fail."""
    return FakeExecutor(lambda task: error(kind, f"{task.id} broke") if task.id in ids else work(task))


def session(path: Path, steps: Sequence[Step] = STEPS, executor: FakeExecutor | None = None) -> Run:
    found = Run(path=path, steps=steps, regions=GRID, executor=executor or FakeExecutor(work))
    return found.over(RECORDINGS)


def of_step(run: Run, name: str) -> list[StepTask]:
    return [task for task in run.executor.submitted if isinstance(task, StepTask) and task.step.name == name]


class TestOneTask:
    def test_it_gets_all_items_ordered_by_id_and_no_region(self, tmp_path: Path) -> None:
        (task,) = of_step(session(tmp_path), "align")
        assert [one["id"] for one in task.request.items] == ["r1", "r2", "r3"]
        assert all(one["detect"] for one in task.request.items)
        assert (task.id, task.request.region, task.request.work_dir) == ("align/all", None, "/work/align/all")

    def test_nothing_behind_it_begins_before_it_has_ended(self, tmp_path: Path) -> None:
        order = session(tmp_path).executor.steps_run()
        assert sorted(order[:3]) == ["detect/r1", "detect/r2", "detect/r3"]
        assert order[3] == "align/all"

    def test_regions_behind_it_have_what_is_there_now(self, tmp_path: Path) -> None:
        run = session(tmp_path)
        assert run.complete
        seen = {one["id"]: one["seen"] for one in run.items["recognise"]}
        assert seen == {"o-0_0": ["r1"], "o-1_0": ["r2"], "o-2_0": ["r3"]}
        assert run.watcher.done == run.watcher.expected

    def test_a_region_that_all_have_left_is_skipped(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=STEPS, regions=GRID, executor=FakeExecutor(work))
        run.over([posed("r1", 70.0)])
        assert run.counts["position", Status.SKIPPED] == 1
        assert run.ids("recognise") == ["o-1_0"]

    def test_an_item_that_tells_no_place_is_in_no_region(self, tmp_path: Path) -> None:
        executor = FakeExecutor(lambda task: [{**one, "pose": None} for one in task.request.items])
        run = session(tmp_path, (ALIGN, POSITION), executor)
        assert run.counts == {("align", Status.SUCCEEDED): 1, ("position", Status.SKIPPED): 2}

    def test_it_may_be_first_and_last(self, tmp_path: Path) -> None:
        run = session(tmp_path, (ALIGN,))
        assert (run.ids("align"), run.complete) == (["r1", "r2", "r3"], True)

    def test_objects_of_regions_are_gathered_too(self, tmp_path: Path) -> None:
        run = session(tmp_path, (DETECT, POSITION, step("merge", Per.BATCH)))
        assert run.ids("merge") == ["o-0_0", "o-1_0"]

    def test_two_items_of_one_id_are_told(self, tmp_path: Path) -> None:
        executor = FakeExecutor(
            lambda task: [item("same", at=task.id)] if task.step.name == "detect" else work(task)
        )
        run = session(tmp_path, (DETECT, step("merge", Per.BATCH)), executor)
        assert len(run.items["merge"]) == 1
        assert "another item of the same id 'same'" in run.failures[0].error.message


class TestFailures:
    def test_what_failed_before_does_not_hold_it_up(self, tmp_path: Path) -> None:
        run = session(tmp_path, executor=without("detect/r1"))
        assert run.ids("align") == ["r2", "r3"]
        assert not any("missing" in one for one in run.items["align"])

    def test_regions_behind_it_say_what_they_lost_in_front_of_it(self, tmp_path: Path) -> None:
        run = session(tmp_path, executor=without("detect/r2"))
        assert {one["id"]: one.get("missing") for one in run.items["position"]} == {"o-0_0": 1, "o-2_0": None}

    def test_it_does_not_run_with_too_little(self, tmp_path: Path) -> None:
        steps = (DETECT, step("align", Per.BATCH, min_complete=0.9), POSITION)
        run = session(tmp_path, steps, without("detect/r1"))
        message = next(one.error.message for one in run.failures if one.step == "align")
        assert message.startswith("only 2 of the batch's 3 items are there, the others failed")
        assert run.counts["position", Status.SKIPPED] == 2

    @pytest.mark.parametrize("kind", [ErrorKind.BAD_INPUT, ErrorKind.CRASH])
    def test_its_failure_ends_the_run_with_its_reason(self, tmp_path: Path, kind: ErrorKind) -> None:
        run = session(tmp_path, executor=without("align/all", kind=kind))
        (failure,) = run.failures
        assert (run.complete, failure.id, failure.error.message) == (True, "align/all", "align/all broke")
        assert run.counts["position", Status.SKIPPED] == 2

    def test_more_than_a_response_can_hold_is_refused_before_it_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(requests, "MAX_RESPONSE_BYTES", 100)
        run = session(tmp_path)
        (failure,) = run.failures
        assert failure.error.kind is ErrorKind.BAD_INPUT
        assert failure.error.message.startswith("the batch's 3 items are 0 MiB, and a step per batch gets")
        assert not of_step(run, "align")


class TestRunningAgain:
    def test_nothing_is_run_again(self, tmp_path: Path) -> None:
        once, again = session(tmp_path), session(tmp_path)
        assert again.executor.submitted == []
        assert (again.items, again.counts) == (once.items, once.counts)
        assert again.watcher.reused["align"] == 1

    def test_interrupted_in_it_what_was_done_before_is_kept(self, tmp_path: Path) -> None:
        cancelled = FakeExecutor(
            lambda task: TaskError(kind=ErrorKind.CANCELLED, message="") if task.step is ALIGN else work(task)
        )
        assert not session(tmp_path, executor=cancelled).complete
        again = session(tmp_path)
        assert again.executor.steps_run()[0] == "align/all"
        assert again.ids("recognise") == ["o-0_0", "o-1_0", "o-2_0"]

    def test_any_image_that_has_changed_makes_it_run_again(self, tmp_path: Path) -> None:
        photograph = tmp_path / "batch" / "r2"
        photograph.parent.mkdir()
        photograph.write_text("before")
        session(tmp_path, (ALIGN,))
        photograph.write_text("and after")
        assert session(tmp_path, (ALIGN,)).executor.steps_run() == ["align/all"]

    def test_only_what_moved_differently_follows(self, tmp_path: Path) -> None:
        session(tmp_path)

        def otherwise(task: StepTask) -> Answer:
            found = work(task)
            assert not isinstance(found, TaskError)
            return [{**one, "better": True} if one["id"] == "r3" else one for one in found]

        steps = (DETECT, step("align", Per.BATCH, params={"k": 2}), POSITION, RECOGNISE)
        again = session(tmp_path, steps, FakeExecutor(otherwise))
        assert again.executor.steps_run() == ["align/all", "position/2_0"]

    def test_a_failure_that_is_mended_makes_it_run_with_all(self, tmp_path: Path) -> None:
        session(tmp_path, executor=without("detect/r1"))
        again = session(tmp_path)
        assert again.executor.steps_run()[:2] == ["detect/r1", "align/all"]
        assert again.ids("align") == ["r1", "r2", "r3"]

    def test_what_failed_and_has_left_since_changes_nothing(self, tmp_path: Path) -> None:
        session(tmp_path, executor=without("detect/r3"))
        run = Run(path=tmp_path, steps=STEPS, regions=GRID, executor=FakeExecutor(work))
        run.over(RECORDINGS[:2])
        assert not of_step(run, "align")
