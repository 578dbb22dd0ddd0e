"""The one loop that owns a run: with an executor that answers what the test says, in the order it says."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.regions import Grid
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.resources import Gpu, Inventory
from coordinator.core.tasks import FetchTask, StepTask, Task
from coordinator.pipeline import Per, Rung, Step
from coordinator.record.history import History
from coordinator.record.journal import GATHERED, Status
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json
from tests.unit.builders import error, item, recording, step
from tests.unit.fakes import Answer, Choose, FakeExecutor, Run, echo, first, last

DETECT = step("detect")
POSITION = step("position", Per.REGION)
RECOGNISE = step("recognise")
FLAGSHIP = (DETECT, POSITION, RECOGNISE)
GRID = Grid(size=100, halo=10)
WEST, EAST = (50.0, 50.0), (150.0, 50.0)


def flagship(task: StepTask) -> Answer:
    """Two objects per region, each seen in all of the region's recordings."""
    items = task.request.items
    if task.step.name == "position":
        assert task.request.region is not None
        return [item(f"{task.request.region.id}-{n}", seen=[one["id"] for one in items]) for n in range(2)]
    return [{**one, task.step.name: True} for one in items]


def failing(*ids: str, kind: ErrorKind = ErrorKind.CRASH, times: int = 99) -> FakeExecutor:
    """An executor where these tasks fail, the first ``times`` times."""
    left = dict.fromkeys(ids, times)

    def work(task: StepTask) -> Answer:
        if left.get(task.id, 0) > 0:
            left[task.id] -= 1
            return error(kind, f"{task.id} failed")
        return echo(task)

    return FakeExecutor(work)


class TestPipelines:
    @pytest.mark.parametrize("choose", [lambda tasks: 0, last], ids=["in order", "in reverse"])
    def test_map_gather_map(self, tmp_path: Path, choose: Choose) -> None:
        executor = FakeExecutor(flagship, choose=choose)
        recordings = [recording("r1", WEST), recording("r2", WEST), recording("r3", EAST)]
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=executor).over(recordings)
        assert run.complete
        assert run.ids("recognise") == ["0_0-0", "0_0-1", "1_0-0", "1_0-1"]
        assert {one["id"]: one["seen"] for one in run.items["position"]}["0_0-0"] == ["r1", "r2"]
        succeeded = {name: run.counts[name, Status.SUCCEEDED] for name in ("detect", "position", "recognise")}
        assert succeeded == {"detect": 3, "position": 2, "recognise": 4}
        assert run.watcher.done == run.watcher.expected

    def test_the_journal_tells_how_large_a_regions_task_was(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=FakeExecutor(flagship))
        run.over([recording("r1", WEST), recording("r2", WEST), recording("r3", EAST)])
        with History(RunFolder(tmp_path / "run").journal) as history:
            sizes = {
                done.unit: done.metrics.get(GATHERED) for done in history.done() if done.step != "recognise"
            }
        assert sizes == {"r1": None, "r2": None, "r3": None, "0_0": 2, "1_0": 1}

    def test_a_recording_in_two_halos_takes_part_in_both(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=FakeExecutor(flagship))
        run.over([recording("r1", (95.0, 50.0))])
        assert run.executor.steps_run().count("detect/r1") == 1
        assert {one["id"]: one["seen"] for one in run.items["position"]} == {
            f"{region}-{n}": ["r1"] for region in ("0_0", "1_0") for n in range(2)
        }

    def test_a_region_does_not_wait_for_another(self, tmp_path: Path) -> None:
        """The east's only recording ends last of all, after the west's objects."""

        def east_last(tasks: Sequence[Task]) -> int:
            return next((at for at, task in enumerate(tasks) if "r-east" not in task.id), 0)

        executor = FakeExecutor(flagship, choose=east_last)
        Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=executor).over(
            [recording("r-east", EAST), recording("r-west", WEST)]
        )
        order = executor.steps_run()
        assert order.index("recognise/0_0-1") < order.index("position/1_0")

    def test_requests_hold_what_the_contract_says(self, tmp_path: Path) -> None:
        executor = FakeExecutor(flagship)
        steps = (DETECT, step("position", Per.REGION, params={"k": 1}))
        Run(path=tmp_path, steps=steps, regions=GRID, executor=executor).over([recording("a b", WEST)])
        detect, position = (task.request for task in executor.submitted if isinstance(task, StepTask))
        assert (detect.task, detect.step, detect.region) == ("detect/a b", "detect", None)
        assert (detect.items, detect.work_dir) == ([recording("a b").item], "/work/detect/a%20b")
        assert (position.task, position.params, position.region) == (
            "position/0_0",
            {"k": 1},
            GRID.message("0_0"),
        )
        assert position.work_dir == "/work/position/0_0"

    def test_a_batch_without_recordings(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP).over([])
        assert (run.complete, run.counts) == (True, {})

    def test_a_region_without_items_is_skipped(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP, executor=FakeExecutor(lambda task: []))
        run.over([recording("r1")])
        assert run.counts == {("detect", Status.SUCCEEDED): 1, ("position", Status.SKIPPED): 1}

    def test_a_recording_that_vanished_after_the_census_is_not_waited_for(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=FakeExecutor(flagship))
        run.over([recording("r1", WEST)], announced=[recording("gone", WEST), recording("gone too", EAST)])
        assert run.counts["position", Status.SUCCEEDED] == 1
        assert run.counts["position", Status.SKIPPED] == 1


class TestFailures:
    @pytest.mark.parametrize(
        ("kind", "retries", "attempts"),
        [
            (ErrorKind.BAD_INPUT, 3, 1),
            (ErrorKind.CRASH, 0, 1),
            (ErrorKind.CRASH, 2, 3),
            (ErrorKind.TIMEOUT, 1, 2),
            (ErrorKind.INTERNAL, 1, 2),
            (ErrorKind.PROTOCOL, 1, 2),
            (ErrorKind.ENGINE, 1, 13),
        ],
    )
    def test_how_often_a_task_is_tried(
        self, tmp_path: Path, kind: ErrorKind, retries: int, attempts: int
    ) -> None:
        run = Run(
            path=tmp_path, steps=[step("detect", retries=retries)], executor=failing("detect/r1", kind=kind)
        )
        run.over([recording("r1"), recording("r2")])
        assert run.executor.steps_run().count("detect/r1") == attempts
        assert [(failure.id, failure.error.kind) for failure in run.failures] == [("detect/r1", kind)]
        assert run.counts["detect", Status.SUCCEEDED] == 1
        assert run.complete

    def test_after_a_crash_the_next_attempt_is_made_in_another_container(self, tmp_path: Path) -> None:
        executor = failing("detect/r1", times=1)
        steps = [step("detect", retries=1, rung=Rung.EXEC)]
        Run(path=tmp_path, steps=steps, executor=executor, jobs=1).over([recording("r1"), recording("r2")])
        lanes = [(task.id, seat.lane) for task, seat in executor.seats]
        (killed,) = executor.closed_lanes
        assert lanes[0] == ("detect/r1", killed)
        assert all(lane != killed for _, lane in lanes[1:])

    def test_a_task_that_succeeds_at_last_is_no_failure(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=[step("detect", retries=2)], executor=failing("detect/r1", times=2))
        run.over([recording("r1")])
        tried = [task.attempt for task in run.executor.submitted]
        assert (tried, run.failures, run.counts) == ([1, 2, 3], [], {("detect", Status.SUCCEEDED): 1})

    def test_a_region_goes_ahead_without_its_failed_recordings(self, tmp_path: Path) -> None:
        executor = failing("detect/r2", kind=ErrorKind.BAD_INPUT)
        run = Run(path=tmp_path, steps=(DETECT, POSITION), executor=executor)
        run.over([recording("r1"), recording("r2"), recording("r3")])
        assert run.ids("position") == ["r1", "r3"]

    def test_bad_recordings_are_failures_of_the_batch(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=(DETECT, POSITION))
        run.over([BadRecording(id="x.jpg", reason="is empty"), recording("r1")])
        (failure,) = run.failures
        assert (failure.id, failure.step, failure.unit) == ("batch/x.jpg", "batch", "x.jpg")
        assert failure.error == TaskError(kind=ErrorKind.BAD_INPUT, message="is empty")
        assert run.ids("position") == ["r1"]

    def test_an_id_used_twice_counts_once_and_holds_nothing_up(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=(DETECT, POSITION), regions=GRID, executor=FakeExecutor(flagship))
        run.over([recording("r1", WEST), recording("r1", EAST), recording("r2", EAST)])
        assert [failure.id for failure in run.failures] == ["batch/r1"]
        assert "is used twice" in run.failures[0].error.message
        assert run.counts["position", Status.SUCCEEDED] == 2

    def test_two_items_of_one_id_at_a_step_per_item(self, tmp_path: Path) -> None:
        run = Run(
            path=tmp_path, steps=(DETECT, RECOGNISE), executor=FakeExecutor(lambda task: [item("same")])
        )
        run.over([recording("r1"), recording("r2")])
        assert run.executor.steps_run().count("recognise/same") == 1
        (failure,) = run.failures
        assert (failure.error.kind, failure.unit) == (ErrorKind.PROTOCOL, "same")

    def test_two_items_of_one_id_in_a_region_are_told(self, tmp_path: Path) -> None:
        def work(task: StepTask) -> Answer:
            return [item("same", of=task.id)] if task.step == DETECT else task.request.items

        run = Run(path=tmp_path, steps=(DETECT, POSITION), executor=FakeExecutor(work))
        run.over([recording("r1"), recording("r2")])
        assert len(run.items["position"]) == 2 or run.failures

    def test_the_evidence_of_a_failure_is_kept(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=[DETECT], executor=failing("detect/r1")).over([recording("r1")])
        folder = tmp_path / "run" / "failures" / "detect%2Fr1"
        assert '"task":"detect/r1"' in (folder / "request.json").read_text()
        assert run.watcher.failures == {"detect/r1": error(message="detect/r1 failed")}

    def test_the_engines_failures_are_told_as_they_come(self, tmp_path: Path) -> None:
        """Not of another kind, and not the last one, which is the task's."""
        run = Run(
            path=tmp_path,
            steps=[step("detect", retries=3)],
            executor=failing("detect/r1", kind=ErrorKind.ENGINE),
        )
        run.over([recording("r1")])
        assert run.watcher.engine_failures == {"detect": ["detect/r1"] * 12}
        (tmp_path / "other").mkdir()
        other = Run(
            path=tmp_path / "other",
            steps=[step("detect", retries=3)],
            executor=failing("detect/r1", kind=ErrorKind.CRASH),
        )
        other.over([recording("r1")])
        assert other.watcher.engine_failures == {}

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_request_that_cannot_be_written_fails_its_task_not_the_run(
        self, tmp_path: Path, value: float
    ) -> None:
        executor = FakeExecutor(
            lambda task: error(ErrorKind.ENGINE, "Out of range float values are not JSON compliant")
        )
        assert (
            Run(path=tmp_path, steps=[DETECT], executor=executor).over([recording("r1", note=value)]).complete
        )

    def test_a_task_lost_for_another_ones_sake_is_run_again_at_no_cost(self, tmp_path: Path) -> None:
        executor = failing("detect/r1", kind=ErrorKind.LOST, times=5)
        run = Run(path=tmp_path, steps=[step("detect", retries=0)], executor=executor).over([recording("r1")])
        assert [task.attempt for task in executor.submitted] == [1] * 6
        assert run.counts == {("detect", Status.SUCCEEDED): 1}


def web(name: str, position: tuple[float, float] | None = None) -> Recording:
    return dataclasses.replace(
        recording(name, position, image=f"/work/fetch/{name}/image.jpg"), url=f"https://h.example/{name}.jpg"
    )


class TestFetching:
    def test_images_given_as_urls_are_fetched_before_the_first_step(self, tmp_path: Path) -> None:
        executor = FakeExecutor(fetched=lambda task: None)
        run = Run(path=tmp_path, steps=[DETECT], executor=executor).over([web("r1")])
        assert [task.id for task in executor.submitted] == ["fetch/r1", "detect/r1"]
        assert run.counts == {("fetch", Status.SUCCEEDED): 1, ("detect", Status.SUCCEEDED): 1}

    @pytest.mark.parametrize("count", [1, 4, 9])
    def test_the_end_of_the_batch_waits_for_what_is_being_fetched(self, tmp_path: Path, count: int) -> None:
        executor = FakeExecutor(fetched=lambda task: None)
        run = Run(path=tmp_path, steps=(DETECT, POSITION), executor=executor)
        run.over([web(f"r{n}") for n in range(count)])
        assert run.ids("position") == [f"r{n}" for n in range(count)]

    def test_an_image_that_is_not_there_costs_its_recording_only(self, tmp_path: Path) -> None:
        def fetch(task: FetchTask) -> TaskError | None:
            return error(ErrorKind.BAD_INPUT, "404") if task.id == "fetch/r1" else None

        run = Run(path=tmp_path, steps=(DETECT, POSITION), executor=FakeExecutor(fetched=fetch))
        run.over([web("r1"), web("r2")])
        assert [failure.id for failure in run.failures] == ["fetch/r1"]
        assert run.ids("position") == ["r2"]

    def test_a_server_that_stumbles_is_asked_again(self, tmp_path: Path) -> None:
        answers = [error(ErrorKind.INTERNAL, "503"), error(ErrorKind.INTERNAL, "503"), None]
        executor = FakeExecutor(fetched=lambda task: answers[task.attempt - 1])
        run = Run(path=tmp_path, steps=[DETECT], executor=executor).over([web("r1")])
        assert [task.attempt for task in executor.submitted if isinstance(task, FetchTask)] == [1, 2, 3]
        assert run.failures == []


class TestRunningAgain:
    """A second session on the same journal does what is missing, and nothing else."""

    RECORDINGS = (recording("r1", WEST), recording("r2", WEST), recording("r3", EAST))

    def session(self, path: Path, steps: Sequence[Step] = FLAGSHIP, **fields: object) -> Run:
        executor = fields.pop("executor", None) or FakeExecutor(flagship)
        return Run(path=path, steps=steps, regions=GRID, executor=executor, **fields).over(self.RECORDINGS)  # type: ignore[arg-type]

    def test_nothing_is_run_again_and_the_results_are_the_same(self, tmp_path: Path) -> None:
        once, again = self.session(tmp_path), self.session(tmp_path)
        assert again.executor.submitted == []
        assert (again.items, again.counts, again.complete) == (once.items, once.counts, True)
        assert again.watcher.reused == {"detect": 3, "position": 2, "recognise": 4}

    @pytest.mark.parametrize("changed", ["detect", "position", "recognise"])
    def test_changed_parameters_rerun_their_step_and_no_other_if_its_results_stay(
        self, tmp_path: Path, changed: str
    ) -> None:
        self.session(tmp_path)
        steps = [
            one.model_copy(update={"params": {"k": 2}}) if one.name == changed else one for one in FLAGSHIP
        ]
        again = self.session(tmp_path, steps)
        assert {task.split("/")[0] for task in again.executor.steps_run()} == {changed}

    def test_another_container_image_reruns_its_step(self, tmp_path: Path) -> None:
        self.session(tmp_path)
        again = self.session(tmp_path, image_ids={"position": "sha256:new"})
        assert again.executor.steps_run() == ["position/0_0", "position/1_0"]

    def test_different_results_rerun_what_follows_in_that_region_only(self, tmp_path: Path) -> None:
        self.session(tmp_path)

        def changed(task: StepTask) -> Answer:
            found = flagship(task)
            assert not isinstance(found, TaskError)
            return [{**one, "better": True} for one in found] if task.id == "detect/r3" else found

        steps = (step("detect", params={"k": 2}), POSITION, RECOGNISE)
        again = self.session(tmp_path, steps, executor=FakeExecutor(changed))
        later = [task for task in again.executor.steps_run() if not task.startswith("detect/")]
        assert later == ["position/1_0"]

    def test_failures_are_tried_again_and_only_they(self, tmp_path: Path) -> None:
        steps = (step("detect", retries=0),)
        first = self.session(tmp_path, steps, executor=failing("detect/r2"))
        again = self.session(tmp_path, steps)
        assert [failure.id for failure in first.failures] == ["detect/r2"]
        assert again.executor.steps_run() == ["detect/r2"]
        assert again.counts == {("detect", Status.SUCCEEDED): 3}

    def test_images_fetched_before_are_not_fetched_again(self, tmp_path: Path) -> None:
        def fetch(task: FetchTask) -> None:
            path = tmp_path / "run" / task.image.path.lstrip("/")
            path.parent.mkdir(parents=True)
            path.touch()

        first = Run(path=tmp_path, steps=(DETECT, POSITION), executor=FakeExecutor(fetched=fetch)).over(
            [web("r1")]
        )
        again = Run(path=tmp_path, steps=(DETECT, POSITION)).over([web("r1")])
        assert again.executor.submitted == []
        assert again.items == first.items

    def test_an_interrupted_run_is_continued(self, tmp_path: Path) -> None:
        executor = FakeExecutor(flagship)
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=executor, jobs=1)
        executor.on_wait = lambda: run.scheduler.drain() if len(executor.submitted) == 2 else None
        run.over(self.RECORDINGS)
        assert not run.complete
        assert run.executor.steps_run() == ["detect/r1", "detect/r2"]
        again = self.session(tmp_path)
        assert again.complete
        assert not {"detect/r1", "detect/r2"} & set(again.executor.steps_run())
        assert again.ids("recognise") == ["0_0-0", "0_0-1", "1_0-0", "1_0-1"]

    def test_a_recording_that_left_the_batch_leaves_the_results(self, tmp_path: Path) -> None:
        self.session(tmp_path)
        run = Run(path=tmp_path, steps=FLAGSHIP, regions=GRID, executor=FakeExecutor(flagship))
        run.over(self.RECORDINGS[:2])
        assert run.executor.submitted == []
        assert run.ids("recognise") == ["0_0-0", "0_0-1"]


class TestInterruption:
    def test_draining_starts_nothing_more_and_lets_end_what_runs(self, tmp_path: Path) -> None:
        executor = FakeExecutor()
        run = Run(path=tmp_path, steps=[DETECT], executor=executor, jobs=2)
        executor.on_wait = lambda: run.scheduler.drain()
        run.over([recording(f"r{n}") for n in range(9)])
        assert (run.complete, len(executor.submitted)) == (False, 2)
        assert run.counts == {("detect", Status.SUCCEEDED): 2}

    def test_cancelled_tasks_are_neither_failures_nor_done(self, tmp_path: Path) -> None:
        run = Run(path=tmp_path, steps=[DETECT], executor=failing("detect/r1", kind=ErrorKind.CANCELLED))
        run.over([recording("r1")])
        assert (run.complete, run.counts) == (False, {})


class TestLimits:
    @pytest.mark.parametrize("jobs", [1, 3])
    def test_never_more_than_jobs_at_a_time(self, tmp_path: Path, jobs: int) -> None:
        run = Run(path=tmp_path, steps=FLAGSHIP, jobs=jobs).over([recording(f"r{n}") for n in range(10)])
        assert run.executor.most == jobs

    def test_never_more_than_the_machine_has(self, tmp_path: Path) -> None:
        steps = [step("detect", resources={"cpus": 2, "memory": 1})]
        run = Run(path=tmp_path, steps=steps, jobs=99, inventory=Inventory(cpus=5, memory=99))
        assert run.over([recording(f"r{n}") for n in range(10)]).executor.most == 2

    def test_recordings_are_taken_in_as_there_is_room(self, tmp_path: Path) -> None:
        taken, ahead = 0, []

        def feed() -> Iterator[Recording]:
            nonlocal taken
            for number in range(200):
                taken += 1
                yield recording(f"r{number}")

        executor = FakeExecutor()
        executor.on_wait = lambda: ahead.append(taken - len(executor.submitted))
        Run(path=tmp_path, steps=[DETECT], jobs=2, executor=executor).over(feed())
        assert taken == 200
        assert max(ahead) <= 4

    def test_each_task_is_granted_devices_of_its_own(self, tmp_path: Path) -> None:
        gpus = tuple(Gpu(uuid=f"GPU-{n}", memory=8) for n in range(4))
        steps = [step("detect", resources={"memory": 1, "gpus": 2, "gpu_memory": 8})]
        executor = FakeExecutor()
        held: list[list[str]] = []
        executor.on_wait = lambda: held.append(
            [uuid for seat in executor.held.values() for uuid in seat.grant.gpu_uuids]
        )
        run = Run(
            path=tmp_path, steps=steps, executor=executor, inventory=Inventory(cpus=9, memory=99, gpus=gpus)
        )
        run.over([recording(f"r{n}") for n in range(6)])
        assert held[0] == ["GPU-0", "GPU-1", "GPU-2", "GPU-3"]
        assert all(len(uuids) == len(set(uuids)) for uuids in held)
        assert all(len(seat.grant.gpu_uuids) == 2 for _, seat in executor.seats)
        assert len(executor.seats) == 6

    def test_kept_lanes_take_several_tasks_but_open_no_more_than_jobs(self, tmp_path: Path) -> None:
        executor = FakeExecutor()
        run = Run(path=tmp_path, steps=[step("detect", rung=Rung.RESIDENT)], executor=executor, jobs=2)
        run.over([recording(f"r{n}") for n in range(20)])
        lanes = {seat.lane for _, seat in executor.seats}
        assert len(lanes) == 2
        assert run.counts == {("detect", Status.SUCCEEDED): 20}


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_tasks_end_never_changes_the_result(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    def work(task: StepTask) -> Answer:
        number = sum(map(ord, task.id)) % 5
        if number == 0:
            return error(ErrorKind.BAD_INPUT, "never mind")
        found: list[Json] = [item(f"{task.request.task.replace('/', '-')}-{n}") for n in range(number - 1)]
        return found

    recordings = [recording(f"r{n}", (30.0 * n, 0.0)) for n in range(8)]
    runs = []
    for name, choose in (("a", first), ("b", lambda tasks: chance.randrange(len(tasks)))):
        (tmp_path / name).mkdir()
        run = Run(path=tmp_path / name, steps=FLAGSHIP, regions=GRID, jobs=seed + 1)
        run.executor = FakeExecutor(work, choose=choose)
        runs.append(run.over(recordings))
    assert runs[0].items == runs[1].items
    assert runs[0].counts == runs[1].counts


class TestMinComplete:
    def test_objects_of_a_region_that_lost_recordings_say_so(self, tmp_path: Path) -> None:
        executor = failing("detect/r1", kind=ErrorKind.BAD_INPUT)
        run = Run(path=tmp_path, steps=[step("detect"), step("position", Per.REGION)], executor=executor)
        run.over([recording("r1"), recording("r2"), recording("r3")])
        assert {one["missing"] for one in run.items["position"]} == {1}

    def test_a_region_that_lost_too_many_fails_and_says_how_many(self, tmp_path: Path) -> None:
        executor = failing("detect/r1", kind=ErrorKind.BAD_INPUT)
        steps = [step("detect"), step("position", Per.REGION, min_complete=0.9)]
        run = Run(path=tmp_path, steps=steps, executor=executor)
        run.over([recording("r1"), recording("r2"), recording("r3")])
        (message,) = [one.error.message for one in run.failures if one.step == "position"]
        assert message.startswith("only 2 of the region's 3 items are there")
