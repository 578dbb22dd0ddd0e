"""A Ray cluster that is only played: instances that begin, messages that are answered, in simulated time.

What is played with is the cluster's own executor, with its pools, their sizes and its messages
(coordinator/cluster); Ray is played, behind the calls that are made of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coordinator.cluster.demand import Demand
from coordinator.cluster.executor import RayExecutor
from coordinator.cluster.fleet import Terms
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.link import Event
from coordinator.cluster.messages import pack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted
from coordinator.cluster.nodepaths import HeadFolder
from coordinator.cluster.nodes import Room
from coordinator.cluster.pool import Member
from coordinator.contract import Success
from coordinator.core.tasks import Outcome, StepTask, Times
from coordinator.errors import MachinesError
from coordinator.pipeline import Step
from coordinator.plan.agenda import Agenda
from coordinator.plan.cluster import Cluster
from coordinator.plan.dealer import Dealer
from coordinator.plan.memory import PlayedFiles, Unheard, Unwatched
from coordinator.plan.rooms import Rooms
from coordinator.plan.town import shuffled
from coordinator.plan.watch import Watch
from coordinator.schedule.threads import Inbox

NODE = "node"
"""The kind of all nodes of a cluster, as far as tasks are counted by it."""
_WAY = 0.002
"""Seconds of a message on its way: 4 ms there and back were measured on one machine."""
_STILL = 60.0
"""After so many seconds without any task at work, beside those for which instances are idle or begin, none will be."""


class NoRoom(MachinesError):
    """A step waits for an instance, and those of others keep all that there is."""


@dataclass
class _Instance:
    """One instance. It works until ``free``, in the order in which its messages came."""

    step: Step
    node: str | None = None
    free: float = 0.0
    is_open: bool = False


class PlayedCalls:
    """What a cluster answers: a :class:`coordinator.cluster.calls.Calls`."""

    def __init__(
        self, agenda: Agenda, cluster: Cluster, dealer: Dealer, watch: Watch, *, head_s: float, seed: int
    ) -> None:
        """``head_s`` is what a task takes of the head's time."""
        self._agenda = agenda
        self._dealer = dealer
        self._watch = watch
        self._head_s = head_s
        self._rooms = Rooms(cluster.nodes)
        self._cluster = cluster
        self._seed = seed
        self._starts: dict[str, Iterator[float]] = {}
        self._instances: dict[int, _Instance] = {}
        self._waiting: dict[int, Callable[[Event], None]] = {}
        self.head_busy = 0.0
        self.at_work = 0
        """Messages that have not been answered."""
        self.tasks: dict[str, StepTask] = {}
        """By their ids, those that were given to an instance and have not ended."""

    @property
    def waiting(self) -> list[str]:
        """The steps with instances that wait for room."""
        return [self._instances[number].step.name for number in self._waiting]

    # -- the seam -----------------------------------------------------------------------------------------

    def start(
        self, number: int, spec: InstanceSpec, avoid: frozenset[str], tell: Callable[[Event], None]
    ) -> None:
        self._instances[number] = _Instance(spec.step)
        self._waiting[number] = tell
        self._place()

    def call(self, number: int, name: str, tell: Callable[[Event], None], *arguments: Any) -> None:
        if name == "run":
            self._run(number, tell, *arguments)
        else:
            ends = self._cluster.ends.get(self._instances[number].step.name, 2 * _WAY)
            self._tell_later(number, ends, Event(instance=number, call=name), tell)

    def kill(self, number: int) -> None:
        gone = self._instances.pop(number, None)
        self._waiting.pop(number, None)
        if gone is not None and gone.node is not None:
            self._rooms.give_back(gone.node, gone.step)
            self._place()

    def look_for_room(self, tell: Callable[[list[Room]], None]) -> None:
        tell(self._rooms.told())

    def sweep(self, labels: list[str]) -> None:
        """Nothing is left of what is played."""

    def remove_left(self, labels: list[str], folder: HeadFolder | None) -> dict[Any, int | str]:
        return {}

    # -- what happens -------------------------------------------------------------------------------------

    def _place(self) -> None:
        for number, tell in tuple(self._waiting.items()):
            instance = self._instances[number]
            instance.node = self._rooms.take(instance.step)
            if instance.node is not None:
                del self._waiting[number]
                begun = Event(
                    instance=number, call="begin", answer=(instance.node, {"host": NODE, "lack": None})
                )
                self._tell_later(number, self._start_of(instance.step.name), begun, tell)

    def _start_of(self, step: str) -> float:
        """The seconds that the next instance of the step takes to begin."""
        if step not in self._starts:
            chance = random.Random(f"{self._seed} start {step}")
            self._starts[step] = shuffled(self._cluster.starts_of(step), chance)
        return next(self._starts[step])

    def _tell_later(self, number: int, after: float, event: Event, tell: Callable[[Event], None]) -> None:
        """Tells it, unless the instance has gone by then."""

        def happen() -> None:
            if number in self._instances:
                tell(event)

        self._agenda.at(self._agenda.now + after, happen)

    def _run(self, number: int, tell: Callable[[Event], None], packed: bytes) -> None:
        instance = self._instances[number]
        tasks = [self.tasks[bare.id] for bare in unpack_tasks(packed, instance.step, "")]
        self._agenda.now += self._head_s * len(tasks)
        self.head_busy += self._head_s * len(tasks)
        now = self._agenda.now
        instance.free = max(now + _WAY, instance.free)
        seconds: list[float] = []
        for task in tasks:
            self._watch.submitted(task, number, now)
            opening = self._dealer.opening(task.step) if task.step.keeps and not instance.is_open else 0.0
            instance.is_open = True
            seconds.append(opening + self._dealer.seconds(task))
        instance.free += sum(seconds)
        self.at_work += 1
        self._agenda.at(instance.free + _WAY, lambda: self._answer(number, tasks, seconds, tell))

    def _answer(
        self, number: int, tasks: Sequence[StepTask], seconds: Sequence[float], tell: Callable[[Event], None]
    ) -> None:
        self.at_work -= 1
        outcomes = []
        for task, busy in zip(tasks, seconds, strict=True):
            del self.tasks[task.id]
            self._watch.ended(task, number, NODE, busy, self._agenda.now)
            success = Success.model_construct(task=task.id, items=self._dealer.items(task), metrics={})
            outcomes.append(Outcome(task=task.id, result=success, times=Times(busy=busy)))
        tell(Event(instance=number, call="run", answer=pack_outcomes(outcomes)))


class PlayedInbox(Inbox[Outcome | Event]):
    """Who waits at it makes the clock go on."""

    def __init__(self, agenda: Agenda, calls: PlayedCalls, patience: float) -> None:
        """``patience`` is the seconds without any task at work after which none will be."""
        super().__init__()
        self._agenda = agenda
        self._calls = calls
        self._patience = patience
        self._come: list[Outcome | Event] = []
        self._worked = 0.0
        self.put = self._come.extend

    def wait(self, timeout: float | None) -> list[Outcome | Event]:
        """Raises NoRoom if the run would wait for ever."""
        if not self._come:
            self._agenda.go_on(None if timeout is None else self._agenda.now + timeout)
        self._check()
        come = self._come.copy()
        self._come.clear()
        return come

    def _check(self) -> None:
        now, waiting = self._agenda.now, self._calls.waiting
        if self._calls.at_work or not waiting:
            self._worked = now
        elif now - self._worked > self._patience:
            raise NoRoom(
                f"this never ends: an instance of step {waiting[0]!r} finds no room on any node: it asks for more than "
                "any has, or other steps' instances stay; give those fewer (`least`, `most`), or take larger nodes"
            )


class PlayedExecutor(RayExecutor):
    """The executor of a cluster, from which a task's items do not travel."""

    def __init__(self, calls: PlayedCalls, *arguments: Any, **named: Any) -> None:
        super().__init__(calls, *arguments, **named)
        self._calls = calls

    def submit(self, task: StepTask, seat: Member) -> None:
        self._calls.tasks[task.id] = task
        bare = task.request.model_copy(update={"items": []})
        super().submit(replace(task, request=bare), seat)


class PlayedPools:
    """The executor of a cluster over one that is played."""

    def __init__(
        self,
        steps: Sequence[Step],
        cluster: Cluster,
        dealer: Dealer,
        watch: Watch,
        *,
        expected: Mapping[str, int],
        head_s: float,
        seed: int,
    ) -> None:
        """``expected`` is the number of tasks of those steps of which it is known in advance."""
        self.agenda = Agenda()
        self.observer = Demand(Unwatched(), steps, expected)
        self.calls = PlayedCalls(self.agenda, cluster, dealer, watch, head_s=head_s, seed=seed)
        starts = (start for step in steps for start in cluster.starts_of(step.name))
        patience = _STILL + max(step.instances.idle_s for step in steps) + max(starts)
        files = PlayedFiles()

        def make_spec(step: Step, number: int) -> InstanceSpec:
            return InstanceSpec(
                step=step, image_id="", files=files, owner=Path(), label=str(number), wanted=Wanted()
            )

        self.executor = PlayedExecutor(
            self.calls,
            Terms(
                make_spec=make_spec,
                judge=lambda facts: None,
                room=Rooms(cluster.nodes).count,
                target_wait=cluster.target_wait,
            ),
            files,
            Unheard(),
            self.observer.backlog,
            clock=lambda: self.agenda.now,
            arrived=PlayedInbox(self.agenda, self.calls, patience),
        )
