"""What every executor promises (schedule/executor.py), asked of each of them: real programs, real workers, real Ray.

The programs wait where a test says so, for a file that the test makes: nothing here depends on who is quicker.
"""

from __future__ import annotations

import dataclasses
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster.executor import RayExecutor
from coordinator.cluster.fleet import Terms
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.link import Link
from coordinator.cluster.node import Wanted
from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.resources import Grant, Inventory, Ledger
from coordinator.core.tasks import FetchTask, Outcome, RemoteImage, StepTask
from coordinator.instances import Instances
from coordinator.pipeline import Resources, Rung, Step
from coordinator.record.files import Files
from coordinator.record.pools import HoldState, PoolChange, PoolState
from coordinator.runners import kept
from coordinator.runners.lane import Lane
from coordinator.runners.lanerunner import LaneRunner
from coordinator.runners.local import LocalExecutor
from coordinator.runners.process import open_process
from coordinator.runners.rungs import Rungs
from coordinator.schedule.executor import Executor
from coordinator.schedule.threads import Sink
from coordinator.service.pool import JobExecutor, Pool

PROGRAM = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    item = request["items"][0]
    do = item.get("do")
    while do == "wait" and not os.path.exists(item["gate"]):
        time.sleep(0.005)
    if do == "die":
        sys.exit(3)
    print(json.dumps({"task": request["task"], "items": [item]}), flush=True)
"""
WORKERS = 2
Made = Executor[Any]


class Tasks:
    """Makes tasks of one step, and gives them to an executor as the scheduler does."""

    def __init__(self, executor: Made, files: Files, command: tuple[str, ...]) -> None:
        self.executor = executor
        self._files = files
        self.step = Step(
            name="step",
            image_ref="none",
            command=command,
            rung=Rung.PROCESS,
            writes=False,
            timeout=120,
            resources=Resources(cpus=1, memory=1024**2),
            instances=Instances(least=WORKERS, most=WORKERS),
        )

    def task(self, name: str, **item: Any) -> StepTask:
        request = Request(
            task=f"step/{name}",
            step="step",
            params={},
            items=[{"id": name, **item}],
            region=None,
            work_dir=self._files.task_folder("step", name),
        )
        return StepTask(request=request, step=self.step, image_id="none")

    def submit(self, name: str, **item: Any) -> bool:
        """Submits a task, if there is a seat for it."""
        seat = self.executor.seat(self.step)
        if seat is not None:
            self.executor.submit(self.task(name, **item), seat)
        return seat is not None

    def outcomes(self, count: int) -> dict[str, Outcome]:
        """So many outcomes by the id of their task; none comes twice."""
        found: dict[str, Outcome] = {}
        while len(found) < count:
            outcomes = self.executor.wait(timeout=120)
            assert outcomes, "no outcome came"
            for outcome in outcomes:
                assert outcome.task not in found
                found[outcome.task] = outcome
        return found


@contextmanager
def local(files: Files) -> Iterator[Made]:
    """This machine, with local processes."""
    ledger = Ledger(Inventory(cpus=WORKERS, memory=1024**3))
    with ExitStack() as stack:
        rungs = stack.enter_context(
            closing(Rungs(None, files, files.work, "test", jobs=WORKERS, starts=WORKERS))
        )
        yield LocalExecutor(rungs.runner, files, ledger, jobs=WORKERS)


@contextmanager
def service(files: Files) -> Iterator[Made]:
    """A job of the image service, at workers of its own."""

    def open_program(task: StepTask) -> Any:
        return open_process(files, Grant(resources=task.step.resources), task)

    pool = Pool(lambda sink: Lane(open_program, files, sink), WORKERS, lambda outcome: None)
    try:
        yield JobExecutor(pool, "job")
    finally:
        pool.cancel()
        pool.close()


class Silent:
    """Whoever is told of pools, and does not listen."""

    def changed(self, change: PoolChange) -> None:
        assert change.size >= 0

    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None:
        assert pools

    def note(self, text: str) -> None:
        assert text


@contextmanager
def ray(address: str, files: Files) -> Iterator[RayExecutor]:
    """A Ray cluster, with local processes on its one node."""

    def make_spec(step: Step, number: int) -> InstanceSpec:
        label = f"test-{number}"
        return InstanceSpec(
            step=step, image_id="", files=files, owner=files.work, label=label, wanted=Wanted()
        )

    terms = Terms(make_spec=make_spec, judge=lambda facts: None, room=lambda step: WORKERS, target_wait=1.0)
    with closing(Link(address)) as link:
        yield RayExecutor(link, terms, files, Silent(), lambda step: 0)


def begin(executor: RayExecutor, step: Step) -> None:
    """Waits until as many instances as are to be there can take tasks."""
    executor.ahead(step)
    while executor.ready(step) < WORKERS:
        executor.wait(timeout=1)


@pytest.fixture(params=["local", "service", "ray"])
def tasks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tasks]:
    places: dict[str, Callable[[Files], Any]] = {"local": local, "service": service}
    if request.param == "ray":
        places["ray"] = partial(ray, request.getfixturevalue("ray_address"))
    make = places[request.param]
    files = Files(batch=tmp_path / "batch", work=tmp_path / "work")
    files.batch.mkdir()
    files.work.mkdir()
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with make(files) as executor:
        made = Tasks(executor, files, (sys.executable, str(program)))
        if isinstance(executor, RayExecutor):
            begin(executor, made.step)
        yield made
        (tmp_path / "gate").touch()
        executor.cancel()
        executor.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file for which programs wait."""
    return tmp_path / "gate"


def results(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """What became of tasks, by the names of their items."""
    kinds = {name: one.result for name, one in outcomes.items()}
    return {
        name.removeprefix("step/"): str(result.kind) if isinstance(result, TaskError) else "ok"
        for name, result in kinds.items()
    }


def test_every_task_comes_back_once_with_its_own_answer(tasks: Tasks) -> None:
    submitted = ended = 0
    seen: dict[str, Outcome] = {}
    while ended < 200:
        while submitted < 200 and tasks.submit(f"{submitted}", number=submitted):
            submitted += 1
        for outcome in tasks.executor.wait(timeout=120):
            assert outcome.task not in seen
            seen[outcome.task] = outcome
            ended += 1
    for number in range(200):
        result = seen[f"step/{number}"].result
        assert isinstance(result, Success)
        assert result.items == [{"id": f"{number}", "number": number}]


def test_seats_are_limited_and_come_back_with_the_outcomes(tasks: Tasks, gate: Path) -> None:
    taken = 0
    while tasks.submit(f"{taken}", do="wait", gate=str(gate)):
        taken += 1
        assert taken < 100_000, "there is no end of seats"
    assert taken >= WORKERS
    assert tasks.executor.seat(tasks.step) is None
    gate.touch()
    assert set(results(tasks.outcomes(taken)).values()) == {"ok"}
    assert tasks.submit("again")
    assert results(tasks.outcomes(1)) == {"again": "ok"}


def test_the_executor_says_how_many_tasks_it_wants_in_advance(tasks: Tasks) -> None:
    assert tasks.executor.ahead(tasks.step) >= WORKERS
    assert (tasks.executor.fetches == 0) is isinstance(tasks.executor, RayExecutor)


def test_what_kills_its_program_is_an_outcome_and_others_go_on(tasks: Tasks) -> None:
    assert tasks.submit("dies", do="die")
    (died,) = tasks.outcomes(1).values()
    assert isinstance(died.result, TaskError)
    assert (died.result.kind, died.evidence.exit_code) == (ErrorKind.CRASH, 3)
    assert tasks.submit("lives")
    assert results(tasks.outcomes(1)) == {"lives": "ok"}


def test_an_outcome_is_frozen_small_and_says_what_the_task_took(tasks: Tasks) -> None:
    assert tasks.submit("a", ballast="x" * 100_000)
    (outcome,) = tasks.outcomes(1).values()
    assert outcome.task == "step/a"
    assert outcome.times.busy is not None
    assert outcome.times.busy >= 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.task = "other"  # type: ignore[misc]
    without_items = dataclasses.replace(outcome, result=Success(task="step/a", items=[]))
    assert len(pickle.dumps(without_items)) < 2000
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_waiting_ends_when_time_is_up_and_when_somebody_wakes_it(tasks: Tasks) -> None:
    assert tasks.executor.wait(timeout=0) == []
    threading.Timer(0.05, tasks.executor.wake).start()
    assert tasks.executor.wait(timeout=None) == []


def test_a_cancelled_executor_gives_every_task_back(tasks: Tasks, gate: Path) -> None:
    names = [name for number in range(8) if tasks.submit(name := f"{number}", do="wait", gate=str(gate))]
    tasks.executor.cancel()
    gate.touch()  # for those that are past cancelling
    outcomes = results(tasks.outcomes(len(names)))
    assert set(outcomes) == set(names)
    assert set(outcomes.values()) <= {"cancelled", "ok"}
    assert "cancelled" in outcomes.values()


def test_what_is_submitted_after_a_cancel_comes_back_cancelled(tasks: Tasks, gate: Path) -> None:
    assert tasks.submit("before", do="wait", gate=str(gate))
    tasks.executor.cancel()
    assert tasks.submit("after")
    gate.touch()
    assert results(tasks.outcomes(2))["after"] == "cancelled"


def test_closing_waits_for_what_runs(tasks: Tasks, gate: Path) -> None:
    assert tasks.submit("runs", do="wait", gate=str(gate))
    closer = threading.Thread(target=tasks.executor.close)
    closer.start()
    gate.touch()
    closer.join(120)
    assert not closer.is_alive()


def test_a_seat_that_nobody_took_keeps_it_from_nothing(tasks: Tasks) -> None:
    """Whoever schedules may fail between the seat and the task: at a full disk, for example."""
    assert tasks.executor.seat(tasks.step) is not None
    closer = threading.Thread(target=tasks.executor.close)
    closer.start()
    closer.join(120)
    assert not closer.is_alive()


def test_what_cannot_be_fetched_is_an_outcome(tasks: Tasks) -> None:
    if not tasks.executor.fetches:
        pytest.skip("whoever runs a task fetches its images")
    image = RemoteImage(url="http://127.0.0.1:1/a.jpg", path="/work/fetch/a/image.jpg")
    task = FetchTask(id="fetch/a", image=image)
    tasks.executor.fetch(task)
    (outcome,) = tasks.executor.wait(timeout=120)
    assert (outcome.task, isinstance(outcome.result, TaskError)) == ("fetch/a", True)


class TestRoom:
    """What a lane holds is free once it has ended. Local processes stand for containers; the test lets them end."""

    PROGRAM = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"task": request["task"], "items": [{"id": "a", "program": os.getpid()}]}), flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.005)
"""

    @pytest.fixture
    def tasks(self, tmp_path: Path, gate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tasks]:
        """On a machine with room for one program, which is given as long to end as the test takes."""
        monkeypatch.setattr(kept, "_GRACE", 120.0)
        files = Files(batch=tmp_path, work=tmp_path)

        def runner(rung: Rung, sink: Sink) -> LaneRunner:
            assert rung is Rung.RESIDENT
            return LaneRunner(partial(open_process, files), files, sink)

        executor = LocalExecutor(runner, files, Ledger(Inventory(cpus=9, memory=1024**2)), jobs=9)
        yield Tasks(executor, files, (sys.executable, "-c", self.PROGRAM, str(gate)))
        gate.touch()
        executor.close()

    def test_of_a_chunk_for_the_next_one(self, tasks: Tasks, gate: Path) -> None:
        tasks.step = tasks.step.model_copy(update={"rung": Rung.FRESH, "chunk": 2})
        assert [tasks.submit(name) for name in "abc"] == [True, True, False]
        first = programs(tasks.outcomes(2))
        assert len(first) == 1
        assert not tasks.submit("c")  # its memory is taken until it has ended
        gate.touch()
        assert tasks.executor.wait(timeout=120) == []
        assert tasks.submit("c")
        assert not first & programs(tasks.outcomes(1))

    def test_of_an_idle_lane_for_another_step(self, tasks: Tasks, gate: Path) -> None:
        tasks.step = tasks.step.model_copy(update={"rung": Rung.RESIDENT})
        assert tasks.submit("a")
        tasks.outcomes(1)
        other = tasks.step.model_copy(update={"name": "other"})
        assert tasks.executor.seat(other) is None
        assert tasks.executor.wait(timeout=0) == []
        assert tasks.executor.seat(other) is None
        gate.touch()
        assert tasks.executor.wait(timeout=120) == []
        assert tasks.executor.seat(other) is not None


def programs(outcomes: dict[str, Outcome]) -> set[int]:
    """The processes that gave these answers."""
    results = [outcome.result for outcome in outcomes.values()]
    return {item["program"] for result in results if isinstance(result, Success) for item in result.items}


def test_a_task_is_plain_data(tasks: Tasks) -> None:
    task = tasks.task("a", number=1)
    assert pickle.loads(pickle.dumps(task)) == task
