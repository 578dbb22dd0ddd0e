"""How pools are fitted to what waits, look by look, on a cluster that only keeps count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from coordinator.cluster.fleet import Fleet, Terms
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.link import Link
from coordinator.cluster.node import Wanted
from coordinator.cluster.nodes import Node, Room
from coordinator.cluster.steward import Steward
from coordinator.instances import Instances
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files
from coordinator.record.pools import HoldState, PoolChange, PoolState


@dataclass
class Cluster:
    """Asked for instances, which the test lets begin; one node of ``cpus``, each instance takes one."""

    cpus: int
    waiting: dict[int, str] = field(default_factory=dict)
    there: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)

    # -- as a link

    def start(self, number: int, spec: InstanceSpec, avoid: frozenset[str], tell: Any) -> None:
        self.waiting[number] = spec.step.name

    def call(self, number: int, name: str, tell: Any) -> None:
        assert name == "close"

    def kill(self, number: int) -> None:
        self.waiting.pop(number, None)
        self.there.pop(number, None)

    def look_for_room(self, tell: Callable[[Sequence[Room]], None]) -> None:
        node = Node(id="n", name="n", cpus=self.cpus, memory=2**40, gpus=0)
        free = Node(id="n", name="n", cpus=self.cpus - len(self.there), memory=2**40, gpus=0)
        tell([Room(whole=node, free=free)])

    # -- as a reporter

    def changed(self, change: PoolChange) -> None:
        self.changes.append((change.step, change.change))

    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None:
        return

    def note(self, text: str) -> None:
        self.notes.append(text)


class Estate:
    """A steward, and the world that it looks at."""

    def __init__(self, folder: Path, cpus: int, target_wait: float = 10.0) -> None:
        files = Files(batch=folder, work=folder)
        self.cluster = Cluster(cpus)
        self.backlog: Counter[str] = Counter()
        self.now = 0.0

        def make_spec(step: Step, number: int) -> InstanceSpec:
            return InstanceSpec(step=step, image_id="", files=files, owner=folder, label="", wanted=Wanted())

        terms = Terms(
            make_spec=make_spec, judge=lambda facts: None, room=lambda step: cpus, target_wait=target_wait
        )
        self.fleet = Fleet(
            cast(Link, self.cluster), terms, self.cluster, lambda event: None, lambda: self.now
        )
        self._steward = Steward(self.fleet, terms, lambda step: self.backlog[step], self.cluster)

    def step(self, name: str, backlog: int, seconds: float | None = None, **instances: Any) -> None:
        """A step with tasks that wait, and what one is known to take."""
        step = Step(
            name=name, image_ref="none", rung=Rung.PROCESS, command=("x",), instances=Instances(**instances)
        )
        self.fleet.pool(step).seconds = seconds
        self.backlog[name] = backlog

    def look(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self._steward.resize(self.now)

    def begin(self) -> None:
        """What was asked for begins, the oldest first, as far as there is room."""
        for number in sorted(self.cluster.waiting)[: self.cluster.cpus - len(self.cluster.there)]:
            self.cluster.there[number] = self.cluster.waiting.pop(number)
            self.fleet.began(number, "n", {"host": "here", "lack": None})

    def end(self) -> None:
        """Those that leave have ended."""
        for pool in self.fleet.all():
            for member in pool.left():
                self.fleet.closed(member.number, "it ended")

    def sizes(self) -> dict[str, int]:
        return {pool.step.name: pool.size for pool in self.fleet.all()}


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path, cpus=4)


def test_one_comes_first_and_once_its_tasks_are_known_as_many_as_are_needed(estate: Estate) -> None:
    estate.step("a", backlog=100, most=20)
    estate.look()
    assert estate.sizes() == {"a": 1}
    estate.begin()
    estate.step("a", backlog=100, seconds=1.5)
    estate.look()
    assert estate.sizes() == {"a": 15}


def test_the_least_is_there_before_any_task_is(estate: Estate) -> None:
    estate.step("a", backlog=0, least=2, most=3)
    estate.look()
    assert estate.sizes() == {"a": 2}


def test_it_shrinks_by_one_after_it_had_too_many_for_so_long(estate: Estate) -> None:
    estate.step("a", backlog=100, seconds=1.0, most=4, idle_s=5.0)
    estate.look()
    estate.begin()
    estate.step("a", backlog=0, seconds=1.0)
    sizes = []
    for _ in range(20):
        estate.look()
        sizes.append(estate.sizes()["a"])
        estate.end()
    assert [sizes.count(size) for size in (4, 3, 2, 1, 0)] == [5, 5, 5, 5, 0]


def test_a_step_that_waits_for_its_first_gets_the_room_of_one_and_nobody_is_before_it(estate: Estate) -> None:
    estate.step("a", backlog=1000, seconds=1.0, most=50)
    estate.look()
    estate.begin()
    estate.step("b", backlog=5, most=1)
    for _ in range(3):
        estate.look()
    assert estate.sizes() == {"a": 50, "b": 1}
    for _ in range(3):  # by now it is known that there is no room
        estate.look()
        estate.end()
    assert estate.sizes() == {"a": 3, "b": 1}
    estate.begin()
    assert Counter(estate.cluster.there.values()) == {"a": 3, "b": 1}
    estate.look()
    assert estate.sizes() == {"a": 50, "b": 1}


def test_what_was_asked_for_and_found_no_room_is_withdrawn_when_it_is_not_needed_any_more(
    estate: Estate,
) -> None:
    estate.step("a", backlog=1000, seconds=1.0, most=50, idle_s=5.0)
    estate.look()
    estate.begin()
    estate.step("a", backlog=90, seconds=1.0, most=50, idle_s=5.0)
    for _ in range(12):
        estate.look()
        estate.end()
    assert estate.sizes() == {"a": 9}
    assert len(estate.cluster.there) == 4


def test_a_run_says_what_holds_it_up_and_what_a_step_waits_for(estate: Estate) -> None:
    estate.step("a", backlog=10, seconds=1.0, most=1)
    for _ in range(70):
        estate.look()
    waits = "step 'a' waits since 31 s: its first instance is being started; it takes 1 CPUs, 1 GiB of a node"
    assert [waits in note for note in estate.cluster.notes].count(True) == 1
    assert sum("waits since" in note for note in estate.cluster.notes) == 2
    assert (
        "step 'a' holds the run up: its first instance is being started (a: 0 of 0 to 1)"
        in estate.cluster.notes
    )
