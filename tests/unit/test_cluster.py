"""What a cluster is decided by, without one: sizes of pools, messages, nodes that differ, seats and losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster import link
from coordinator.cluster.demand import LINE, Demand
from coordinator.cluster.joining import ClusterError
from coordinator.cluster.link import Link
from coordinator.cluster.messages import pack_outcomes, pack_tasks, unpack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted, differences, look
from coordinator.cluster.pace import Pace
from coordinator.cluster.pool import Pool
from coordinator.cluster.sizing import Load, has_spare, wanted
from coordinator.contract import ErrorKind, RegionMessage, Request, Success, TaskError
from coordinator.core.retries import Retry, Tries, retry
from coordinator.core.tasks import Evidence, Outcome, StepTask, Times
from coordinator.errors import UsageError
from coordinator.instances import Instances, parse_instances, read_instances
from coordinator.pipeline import Per, Pipeline, Rung, Step
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


@pytest.mark.parametrize(
    ("given", "pace", "spare"),
    [
        (load(5, ready=4, idle=1), None, True),
        (load(5, ready=4), None, False),
        (load(5, seconds=0.1, ready=4), Pace(rate=1.0, busy=0.63), True),
        (load(5, seconds=0.1, ready=3), Pace(rate=1.0, busy=0.84), False),
        (load(5, seconds=0.1, ready=1), Pace(rate=1.0, busy=0.1), False),
        (load(5, seconds=60.0, ready=4), Pace(rate=0.0, busy=0.0), False),  # none has ended yet
    ],
)
def test_an_instance_is_to_spare_if_the_others_have_time_for_its_work(
    given: Load, pace: Pace | None, spare: bool
) -> None:
    assert has_spare(given, pace) is spare


def test_the_wait_is_told_as_far_as_it_is_known() -> None:
    assert load(10, seconds=2.0, ready=4).wait == 5.0
    assert load(0, ready=0).wait == 0.0
    assert load(10, seconds=None).wait is None
    assert load(10, ready=0).wait is None


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


def test_a_message_has_no_more_tasks_than_its_step_allows() -> None:
    pool = Pool(STEP.model_copy(update={"instances": Instances(message=2)}))
    pool.seconds = 0.0001
    pool.ask(1, "label", now=0.0)
    pool.begin(1, "node")
    number = 0
    while (member := pool.seat()) is not None:
        number += 1
        pool.submit(task(f"r{number}"), member)
    assert [len(tasks) for _, tasks in pool.messages()] == [2, 2, 2]


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
    demand = Demand(watcher, (STEP,), {})
    demand.expect("step", 3)
    demand.ended("step", Status.SUCCEEDED)
    assert demand.backlog("step") == 2
    assert (watcher.expected["step"], watcher.done["step"]) == (3, 1)


def test_what_is_to_come_counts_for_a_step_whose_line_is_full() -> None:
    names = {"first": Per.ITEM, "second": Per.ITEM, "region": Per.REGION}
    steps = tuple(STEP.model_copy(update={"name": name, "per": per}) for name, per in names.items())
    demand = Demand(Watcher(), steps, {"first": 1_000_000})
    demand.expect("first", 10)
    assert demand.backlog("first") == 10
    demand.expect("first", LINE)
    assert demand.backlog("first") == 1_000_000
    demand.expect("second", 7)
    assert demand.backlog("second") == 7
    demand.expect("second", LINE)
    assert demand.backlog("second") == 1_000_000 + LINE + 7
    demand.expect("region", LINE)
    assert demand.backlog("region") == LINE


def test_instances_are_read_from_the_command_line() -> None:
    assert parse_instances("a=0:8") == ("a", Instances(least=0, most=8))
    assert parse_instances("a=1:2:7.5") == ("a", Instances(least=1, most=2, idle_s=7.5))
    pipeline = Pipeline(name="p", steps=(STEP,))
    assert pipeline.with_instances({"step": LIMITS}).steps[0].instances == LIMITS
    own = STEP.model_copy(update={"instances": Instances(least=1, most=2, idle_s=5)})
    there = Pipeline(name="p", steps=(own,))
    assert there.with_instances(read_instances(["step=0:8"])).steps[0].instances == Instances(
        least=0, most=8, idle_s=5
    )
    with pytest.raises(UsageError, match="no such step"):
        pipeline.with_instances({"other": LIMITS})


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a=3:2"], "--instances a=3:2: least is 3, which is more than most, 2"),
        (["a=0:0"], "--instances a=0:0: most should be greater than or equal to 1"),
        (["a=0:1:0"], "--instances a=0:1:0: idle_s should be greater than 0"),
        (
            ["a=0:1", "b=0:1", "a=0:2"],
            "--instances a=0:2: step 'a' has been given already; once for each step",
        ),
    ],
)
def test_what_is_wrong_with_instances_is_said(texts: list[str], told: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_instances(texts)
    assert str(raised.value) == told


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
