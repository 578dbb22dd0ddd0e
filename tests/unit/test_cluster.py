"""What a cluster is decided by, without one: sizes of pools, messages, nodes that differ, seats and losses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster import link
from coordinator.cluster.demand import Demand
from coordinator.cluster.link import ClusterError, Link
from coordinator.cluster.messages import pack_outcomes, pack_tasks, unpack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted, differences, look
from coordinator.cluster.pool import Pool
from coordinator.cluster.sizing import Load, gives_way, wanted
from coordinator.contract import ErrorKind, RegionMessage, Request, Success, TaskError
from coordinator.core.retries import Retry, Tries, retry
from coordinator.core.tasks import Evidence, Outcome, StepTask, Times
from coordinator.errors import UsageError
from coordinator.instances import Instances, parse_instances
from coordinator.pipeline import Pipeline, Rung, Step
from coordinator.record.journal import Status
from tests.unit.fakes import Watcher

STEP = Step(name="step", image_ref="none", rung=Rung.PROCESS, command=("python3",))
LIMITS = Instances(least=0, most=8)


def load(backlog: int, seconds: float | None = 1.0, ready: int = 1, **more: Any) -> Load:
    return Load(backlog=backlog, seconds=seconds, ready=ready, **{"idle": 0, "starting": 0, **more})


def task(name: str, attempt: int = 1, region: RegionMessage | None = None) -> StepTask:
    items = [{"id": name, "deep": {"x": [1, 2.5, None]}}]
    request = Request(
        task=f"step/{name}", step="step", params={}, items=items, region=region, work_dir=f"/work/step/{name}"
    )
    return StepTask(request=request, step=STEP, image_id="id", attempt=attempt)


def ended(task: StepTask, busy: float = 0.1) -> Outcome:
    return Outcome(task=task.id, result=Success(task=task.id, items=[]), times=Times(busy=busy))


@pytest.mark.parametrize(
    ("given", "limits", "instances"),
    [
        (load(0), LIMITS, 0),
        (load(0), Instances(least=2, most=8), 2),
        (load(1), LIMITS, 1),
        (load(1000, seconds=None), LIMITS, 1),
        (load(30), LIMITS, 3),
        (load(31), LIMITS, 4),
        (load(1000), LIMITS, 8),
        (load(2, seconds=100.0), LIMITS, 2),  # more than tasks are of no use
        (load(10_000, seconds=0.0001), LIMITS, 1),
    ],
)
def test_a_pool_is_as_large_as_brings_the_wait_below_the_target(
    given: Load, limits: Instances, instances: int
) -> None:
    assert wanted(given, limits, target_wait=10.0) == instances


def test_the_wait_is_told_as_far_as_it_is_known() -> None:
    assert load(10, seconds=2.0, ready=4).wait == 5.0
    assert load(0, ready=0).wait == 0.0
    assert load(10, seconds=None).wait is None
    assert load(10, ready=0).wait is None


def test_who_gives_way_to_a_step_that_waits_for_its_first_instance() -> None:
    stuck = load(5, ready=0, starting=1, since_asked=9.0)
    limits = {"a": LIMITS, "b": LIMITS, "c": LIMITS}
    busy, several, idle = load(5), load(5, ready=3), load(0, idle=1)
    assert gives_way({"a": busy, "b": several, "c": stuck}, limits, 3.0) == "b"
    assert gives_way({"a": idle, "b": several, "c": stuck}, limits, 3.0) == "a"
    assert gives_way({"a": busy, "b": busy, "c": stuck}, limits, 3.0) is None
    assert gives_way({"a": idle, "c": dataclasses.replace(stuck, since_asked=1.0)}, limits, 3.0) is None
    pinned = {**limits, "a": Instances(least=1, most=1)}
    assert gives_way({"a": idle, "c": stuck}, pinned, 3.0) is None


def test_tasks_and_outcomes_arrive_as_they_were() -> None:
    region = RegionMessage(id="0_0", core={"type": "Polygon", "coordinates": []}, halo=5.0)
    tasks = [task("a", attempt=3), task("ü/b", region=region)]
    assert unpack_tasks(pack_tasks(tasks), STEP, "id") == tasks
    outcomes = [
        Outcome(task="step/a", result=Success(task="step/a", items=[{"id": "x"}], metrics={"m": 1.0})),
        Outcome(
            task="step/b",
            result=TaskError(kind=ErrorKind.CRASH, message="it ended"),
            evidence=Evidence(stdout=b"\xff", exit_code=3, out_of_memory=True),
            times=Times(queue=1.0, busy=2.0),
        ),
    ]
    assert unpack_outcomes(pack_outcomes(outcomes)) == outcomes


def ready_pool(*numbers: int) -> Pool:
    pool = Pool(STEP)
    for number in numbers:
        pool.ask(number, f"label {number}", 0.0)
        pool.begin(number, "somewhere")
    return pool


def put(pool: Pool, one: StepTask) -> None:
    member = pool.seat()
    assert member is not None
    pool.submit(one, member)


def test_there_are_no_seats_before_an_instance_is_there() -> None:
    pool = Pool(STEP)
    pool.ask(1, "label", 0.0)
    assert pool.seat() is None
    assert pool.was_refused
    pool.begin(1, "somewhere")
    assert pool.seat() is not None


def test_messages_grow_as_tasks_turn_out_to_be_short() -> None:
    pool = ready_pool(1)
    for round_ in range(2):
        put(pool, task(f"first {round_}"))
        ((_, sent),) = pool.messages()
        assert len(sent) == 1
        pool.answered(1, [ended(sent[0], busy=0.01)])
    for number in range(150):
        put(pool, task(f"{number}"))
    assert pool.seat() is None
    assert [len(sent) for _, sent in pool.messages()] == [50, 50, 50]


def test_what_an_instance_needs_to_start_is_no_measure_of_its_tasks() -> None:
    pool = ready_pool(1)
    put(pool, task("a"))
    list(pool.messages())
    pool.answered(1, [ended(task("a"), busy=60.0)])
    assert pool.seconds is None


def test_a_task_that_was_tried_before_travels_alone() -> None:
    pool = ready_pool(1, 2)
    for name in "abcd":
        put(pool, task(name))
    sent = {one.id: member.number for member, tasks in pool.messages() for one in tasks}
    assert len(sent) == 4
    pool.alone.append(task("again", attempt=2))
    assert list(pool.messages()) == []
    (apart,) = [member for member in pool.members.values() if member.is_apart]
    for name in [name for name, number in sent.items() if number == apart.number]:
        pool.answered(apart.number, [ended(task(name.removeprefix("step/")))])
    ((member, tasks),) = pool.messages()
    assert (member.number, [one.id for one in tasks]) == (apart.number, ["step/again"])
    other = pool.seat()
    assert other is None or other.number != apart.number
    pool.answered(apart.number, [ended(task("again"))])
    assert not apart.is_apart


def test_what_was_not_sent_goes_to_others_when_an_instance_is_lost() -> None:
    pool = ready_pool(1, 2)
    for name in "abcd":
        put(pool, task(name))
    pool.members[1].messages.append(["step/sent"])
    assert pool.remove(1) == ["step/sent"]
    assert sorted(one.id for one in pool.members[2].outbox) == ["step/a", "step/b", "step/c", "step/d"]
    assert pool.remove(2) == []
    assert len(pool.alone) == 4


def test_nodes_that_differ_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    asked = Wanted(
        seen=(str(tmp_path), str(tmp_path / "a.jpg")), programs=(("python3", str(tmp_path / "a.jpg")),)
    )
    image = {"id": "sha256:1", "labels": {}, "command": []}
    here = {**look(asked), "images": {"x": image}}
    assert list(differences(here, here)) == []
    (tmp_path / "a.jpg").write_bytes(b"other")
    (moved, program) = differences({**look(asked), "images": {"x": image}}, here)
    assert "does not see" in moved
    assert "other files for the program" in program
    others: dict[str, dict[str, Any]] = {
        "has coordinator": {"coordinator": "0.0.1"},
        "is a riscv": {"machine": "riscv"},
        "has no container engine": {"engine": "none answers"},
        "has no image": {"images": {"x": "is not on this engine"}},
        "has another image": {"images": {"x": {**image, "id": "sha256:2"}}},
    }
    for words, change in others.items():
        (told,) = differences({**here, **change}, here)
        assert told.startswith(words)


def test_a_machine_may_be_lost_so_often_and_no_attempt_is_spent() -> None:
    tries, losses = Tries(), 1
    error = TaskError(kind=ErrorKind.NODE, message="gone")
    while (again := retry(error, tries, retries=0)) is not None:
        assert again == Retry(tries=Tries(losses=losses), pause=0.0)
        tries, losses = again.tries, losses + 1
    assert losses == 5


def test_demand_counts_and_passes_on() -> None:
    watcher = Watcher()
    demand = Demand(watcher)
    demand.expect("step", 3)
    demand.ended("step", Status.SUCCEEDED)
    assert (demand.backlog("step"), demand.backlog("other")) == (2, 0)
    assert (watcher.expected["step"], watcher.done["step"]) == (3, 1)


def test_instances_are_read_from_the_command_line() -> None:
    assert parse_instances("a=0:8") == ("a", Instances(least=0, most=8))
    assert parse_instances("a=1:2:7.5") == ("a", Instances(least=1, most=2, idle_s=7.5))
    pipeline = Pipeline(name="p", steps=(STEP,))
    assert pipeline.with_instances({"step": LIMITS}).steps[0].instances == LIMITS
    with pytest.raises(UsageError, match="no such step"):
        pipeline.with_instances({"other": LIMITS})


@pytest.mark.parametrize("text", ["a", "a=1", "a=3:2", "a=0:0", "a=-1:2", "=1:2", "a=1:2:x"])
def test_instances_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--instances"):
        parse_instances(text)


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("ray")

    monkeypatch.setattr(link, "_load_ray", fail)
    with pytest.raises(ClusterError, match=r"pip install 'coordinator\[cluster\]'"):
        Link("auto")
