"""What the executor makes of what it hears of a cluster; the real one is in tests/integration/test_cluster.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from coordinator.cluster.executor import RayExecutor
from coordinator.cluster.fleet import Terms
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.joining import ClusterError
from coordinator.cluster.link import Event, Link
from coordinator.cluster.messages import pack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted
from coordinator.cluster.shelf import MANY
from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.instances import Instances
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files
from coordinator.record.pools import HoldState, PoolChange, PoolState

STEP = Step(
    name="step",
    image_ref="none",
    rung=Rung.PROCESS,
    command=("python3",),
    instances=Instances(least=1, most=2),
)
FACTS = {"host": "there", "lack": None}


@dataclass
class FakeLink:
    """A cluster that does what a test tells it: ``begin`` answers a start, ``run`` a message."""

    begin: Callable[[int], Event]
    run: Callable[[int, bytes], Event] = lambda number, packed: Event(
        instance=number, call="run", failed="no"
    )
    killed: list[int] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    avoided: frozenset[str] = frozenset()

    def start(
        self, number: int, spec: InstanceSpec, avoid: frozenset[str], tell: Callable[[Event], None]
    ) -> None:
        self.avoided = avoid
        tell(self.begin(number))

    def call(self, number: int, name: str, tell: Callable[[Event], None], *arguments: Any) -> None:
        tell(self.run(number, *arguments) if name == "run" else Event(instance=number, call=name))

    def kill(self, number: int) -> None:
        self.killed.append(number)

    def sweep(self, labels: list[str]) -> None:
        self.swept += labels

    def remove_left(self, labels: list[str], folder: str | None) -> dict[Any, int]:
        self.swept += labels
        return {}


@dataclass
class Heard:
    """All that is reported."""

    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stood: Mapping[str, PoolState] = field(default_factory=dict)

    def changed(self, change: PoolChange) -> None:
        self.changes.append(change.change)

    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None:
        self.stood = pools

    def note(self, text: str) -> None:
        self.notes.append(text)


def begun(number: int, node: str = "node") -> Event:
    return Event(instance=number, call="begin", answer=(node, FACTS))


def answered(number: int, packed: bytes) -> Event:
    outcomes = [
        Outcome(task=one.id, result=Success(task=one.id, items=[])) for one in unpack_tasks(packed, STEP, "")
    ]
    return Event(instance=number, call="run", answer=pack_outcomes(outcomes))


def made(
    link: FakeLink,
    heard: Heard,
    folder: Path,
    judge: Callable[[Any], str | None] = lambda facts: None,
    least: int = 1,
) -> RayExecutor:
    files = Files(batch=folder, work=folder / "work")

    def make_spec(step: Step, number: int) -> InstanceSpec:
        label = f"run-{number}"
        return InstanceSpec(step=step, image_id="", files=files, owner=folder, label=label, wanted=Wanted())

    terms = Terms(make_spec=make_spec, judge=judge, room=lambda step: 2, target_wait=1.0)
    executor = RayExecutor(cast(Link, link), terms, files, heard, lambda step: 0)
    executor.ahead(STEP.model_copy(update={"instances": Instances(least=least, most=2)}))
    return executor


def task(name: str, attempt: int = 1, items: int = 1) -> StepTask:
    request = Request(
        task=f"step/{name}",
        step="step",
        params={},
        items=[{"id": f"{name} {number}"} for number in range(items)],
        region=None,
        work_dir=f"/work/step/{name}",
    )
    return StepTask(request=request, step=STEP, image_id="", attempt=attempt)


def run_one(executor: RayExecutor, name: str, items: int = 1) -> Outcome:
    while (seat := executor.seat(STEP)) is None:
        executor.wait(timeout=1)
    executor.submit(task(name, items=items), seat)
    while not (outcomes := executor.wait(timeout=1)):
        continue
    (outcome,) = outcomes
    return outcome


def test_a_task_goes_there_and_its_outcome_comes_back(tmp_path: Path) -> None:
    link, heard = FakeLink(begun, answered), Heard()
    executor = made(link, heard, tmp_path)
    assert isinstance(run_one(executor, "a").result, Success)
    executor.close()
    assert heard.changes == ["asked", "began", "closed"]
    assert (heard.stood["step"].least, heard.stood["step"].most) == (1, 2)
    assert link.swept == []  # it has ended as it was asked to


def test_what_a_task_has_written_is_taken_over_when_its_outcome_has_come(tmp_path: Path) -> None:
    executor = made(FakeLink(begun, answered), Heard(), tmp_path)
    apart, kept = tmp_path / "work/.apart/run-1/a", tmp_path / "work/step/a"
    for folder, text in ((apart, "now"), (kept, "in an earlier session")):
        folder.mkdir(parents=True)
        (folder / "note").write_text(text)
    run_one(executor, "a")
    assert (kept / "note").read_text() == "now"
    (tmp_path / "work/step/b").mkdir()  # by a session in which it wrote something
    run_one(executor, "b")
    executor.close()
    assert sorted(path.name for path in (tmp_path / "work").rglob("*")) == ["a", "note", "step"]


def test_many_items_lie_in_a_file_until_their_task_has_ended(tmp_path: Path) -> None:
    there: list[int] = []

    def looked_for(number: int, packed: bytes) -> Event:
        there.append(sum(path.is_file() for path in (tmp_path / "work").rglob("*")))
        return answered(number, packed)

    (tmp_path / "work").mkdir()
    executor = made(FakeLink(begun, looked_for), Heard(), tmp_path)
    assert isinstance(run_one(executor, "a", items=MANY).result, Success)
    assert there == [1]
    assert not [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    executor.close()


def test_items_that_cannot_be_written_fail_their_task_alone(tmp_path: Path) -> None:
    executor = made(FakeLink(begun, answered), Heard(), tmp_path)  # there is no folder to write to
    result = run_one(executor, "a", items=MANY).result
    assert isinstance(result, TaskError)
    assert result.kind is ErrorKind.INTERNAL
    assert "its items cannot be written for the nodes" in result.message
    assert isinstance(run_one(executor, "b").result, Success)
    executor.close()


def test_a_message_that_fails_is_a_lost_instance_which_is_killed_and_swept(tmp_path: Path) -> None:
    link, heard = FakeLink(begun), Heard()
    executor = made(link, heard, tmp_path)
    (tmp_path / "work/.apart/run-1/a").mkdir(parents=True)
    (tmp_path / "work/step/a").mkdir(parents=True)  # of an earlier session
    outcome = run_one(executor, "a")
    assert isinstance(outcome.result, TaskError)
    assert (outcome.result.kind, outcome.result.message) == (
        ErrorKind.NODE,
        "the instance that it ran on was lost: no",
    )
    assert (link.killed, link.swept) == ([1], ["run-1"])
    assert not (tmp_path / "work/.apart/run-1").exists()
    assert not (tmp_path / "work/step/a").exists()
    assert heard.changes[:3] == ["asked", "began", "lost"]
    executor.cancel()
    executor.close()


def test_an_engine_that_is_given_up_takes_its_instance_with_it(tmp_path: Path) -> None:
    def gone(number: int, packed: bytes) -> Event:
        error = TaskError(kind=ErrorKind.NODE, message="the engine has gone")
        return Event(
            instance=number, call="run", answer=pack_outcomes([Outcome(task="step/a", result=error)])
        )

    link, heard = FakeLink(begun, gone), Heard()
    executor = made(link, heard, tmp_path)
    result = run_one(executor, "a").result
    assert isinstance(result, TaskError)
    assert result.kind is ErrorKind.NODE
    assert link.killed == [1]
    executor.cancel()
    executor.close()


def test_instances_that_do_not_begin_end_the_run_with_the_reason(tmp_path: Path) -> None:
    link = FakeLink(lambda number: Event(instance=number, call="begin", failed="no engine answers"))
    executor = made(link, Heard(), tmp_path)
    with pytest.raises(ClusterError, match=r"'step': 3 instances in a row did not begin.*no engine answers"):
        run_one(executor, "a")
    executor.cancel()
    executor.close()


def test_a_node_that_differs_is_not_used_again(tmp_path: Path) -> None:
    nodes = iter(["bad", "good", "good"])
    link, heard = FakeLink(lambda number: begun(number, next(nodes)), answered), Heard()
    judged = iter(["has another image", None, None])
    executor = made(link, heard, tmp_path, lambda facts: next(judged), least=2)
    assert isinstance(run_one(executor, "a").result, Success)
    while link.avoided != {"bad"}:
        executor.wait(timeout=1)
    assert "refused" in heard.changes
    assert any("has another image" in note for note in heard.notes)
    executor.close()


def test_if_the_only_node_differs_the_run_ends_with_the_reason(tmp_path: Path) -> None:
    executor = made(FakeLink(begun), Heard(), tmp_path, lambda facts: "has another image")
    with pytest.raises(ClusterError, match=r"no node can be used: .* has another image"):
        executor.wait(timeout=2)
    executor.close()


@pytest.mark.parametrize("differs", [False, True])
def test_a_step_that_has_instances_goes_on_with_them_if_no_other_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: bool
) -> None:
    monkeypatch.setattr("coordinator.cluster.executor._TICK", 0.01)
    asked: list[int] = []

    def begin(number: int) -> Event:
        asked.append(number)
        no_engine = Event(instance=number, call="begin", failed="no engine answers")
        return begun(number, f"node {number}") if number == 1 or differs else no_engine

    judged = itertools.chain([None], itertools.repeat("has another image"))
    heard = Heard()
    executor = made(FakeLink(begin, answered), heard, tmp_path, lambda facts: next(judged), least=2)
    while len(asked) < 4:
        executor.wait(timeout=0.05)
    for name in "abc":
        assert isinstance(run_one(executor, name).result, Success)
        executor.wait(timeout=0.05)
    assert len(asked) == 4
    assert any("goes on with 1 instances; another one is tried in 60 s" in note for note in heard.notes)
    executor.close()
