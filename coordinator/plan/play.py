"""One play of a run from its first task to its last, and its figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.pipeline import Per, Step
from coordinator.plan.clockwork import Clockwork, Weather
from coordinator.plan.cluster import Cluster
from coordinator.plan.dealer import Dealer
from coordinator.plan.machine import Machine
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.measured import StepCosts
from coordinator.plan.memory import Memory, PlayedFiles, Unwatched
from coordinator.plan.pools import PlayedPools
from coordinator.plan.town import Town
from coordinator.plan.watch import Used, Watch
from coordinator.record.evidence import FailureFolder
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.executor import Executor
from coordinator.schedule.plan import Observer, Plan, known_tasks
from coordinator.schedule.scheduler import Scheduler

_KEPT_AHEAD = 1024
"""Tasks that should be ready where lanes take many of them at once, on each machine."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """So many machines of each type. ``jobs`` is the maximum of tasks at a time on each; None: as many as fit.

    With a ``cluster``, they are its nodes, and steps have their pools on them.
    """

    counts: Mapping[MachineType, int]
    head: Head
    jobs: int | None = None
    cluster: Cluster | None = None

    def machines(self) -> list[Machine]:
        jobs = self.jobs or sys.maxsize
        return [
            Machine(kind=kind, number=number, jobs=jobs)
            for kind, count in self.counts.items()
            for number in range(count)
        ]


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a play came to. ``makespan`` is seconds from the first task's being asked for to the last one's end.

    ``paid`` is hours by type of machine, ``cost`` money with the head's. ``latencies`` are seconds for each region, in
    order. ``at_work`` says for how many seconds so many instances of a step were at work.
    """

    fleet: Fleet
    recordings: int
    makespan: float
    head_busy: float
    tasks: Mapping[str, int]
    paid: Mapping[str, float]
    cost: float
    by_step: Mapping[str, Used]
    by_kind: Mapping[str, Used]
    latencies: Sequence[float]
    at_work: Mapping[str, Mapping[int, float]]
    machines_lost: int
    tasks_lost: int
    lost: Used

    @property
    def hours(self) -> float:
        return self.makespan / 3600

    def latency(self, share: float) -> float | None:
        """Seconds in which that share of the regions has its objects; None if there are no regions."""
        if not self.latencies:
            return None
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def play(
    costs: Sequence[StepCosts],
    town: Town,
    fleet: Fleet,
    weather: Weather,
    journal: Chronicle | None = None,
) -> Played:
    """Plays a town on a fleet with the real scheduler. The same arguments always come to the same.

    Without a ``journal``, what happens is kept in memory as far as it is asked for.
    """
    # Nothing that is played is written, nor is anything looked for in folders.
    steps = tuple(one.step.model_copy(update={"writes": False}) for one in costs)
    watch = Watch(town, steps)
    dealer = Dealer(costs, town, seed=weather.seed)
    driven = _on_cluster if fleet.cluster else _on_machines
    paid, head_busy = driven(steps, town, fleet, weather, dealer, watch, journal or Memory())
    now = watch.last
    return Played(
        fleet=fleet,
        recordings=town.recordings,
        makespan=now,
        head_busy=head_busy,
        tasks=dict(watch.tasks),
        paid=paid,
        cost=fleet.head.price * now / 3600 + sum(kind.price * paid[kind.name] for kind in fleet.counts),
        by_step=watch.by_step,
        by_kind=watch.by_kind,
        latencies=watch.latencies(),
        at_work={step.name: dict(watch.shares(step.name, now)) for step in steps},
        machines_lost=watch.machines_lost,
        tasks_lost=watch.tasks_lost,
        lost=watch.lost,
    )


def _on_machines(
    steps: Sequence[Step],
    town: Town,
    fleet: Fleet,
    weather: Weather,
    dealer: Dealer,
    watch: Watch,
    journal: Chronicle,
) -> tuple[Mapping[str, float], float]:
    """Plays machines with as many tasks as fit; the hours paid by type, and the seconds that the head worked."""
    machines = fleet.machines()
    clockwork = Clockwork(
        machines, steps, dealer, watch, ahead=_ahead(steps, fleet), head_s=fleet.head.task_s, weather=weather
    )
    _drive(steps, town, clockwork, Unwatched(), journal, lambda: clockwork.now)
    paid = {kind.name: 0.0 for kind in fleet.counts}
    for machine in machines:
        paid[machine.kind.name] += machine.paid_until(clockwork.now) / 3600
    return paid, clockwork.head_busy


def _on_cluster(
    steps: Sequence[Step],
    town: Town,
    fleet: Fleet,
    weather: Weather,
    dealer: Dealer,
    watch: Watch,
    journal: Chronicle,
) -> tuple[Mapping[str, float], float]:
    """The same on a cluster's nodes, which are there from the first to the last."""
    assert fleet.cluster is not None
    pools = PlayedPools(
        steps,
        fleet.cluster,
        dealer,
        watch,
        expected=known_tasks(steps, town.recordings, len(town.names)),
        head_s=fleet.head.task_s,
        seed=weather.seed,
    )
    with closing(pools.executor):
        _drive(steps, town, pools.executor, pools.observer, journal, lambda: pools.agenda.now)
    paid = {kind.name: count * watch.last / 3600 for kind, count in fleet.counts.items()}
    return paid, pools.calls.head_busy


def _drive(
    steps: Sequence[Step],
    town: Town,
    executor: Executor[Any],
    observer: Observer,
    journal: Chronicle,
    clock: Callable[[], float],
) -> None:
    divided = any(step.per is not Per.ITEM for step in steps)
    scheduler = Scheduler(
        Plan(
            steps=tuple(steps),
            image_ids={step.name: "" for step in steps},
            regions=town,
            census=town.census() if divided else {},
        ),
        files=PlayedFiles(),
        failures=FailureFolder(Path()),
        journal=journal,
        executor=executor,
        observer=observer,
        clock=clock,
    )
    scheduler.run(town.drive())


def _ahead(steps: Sequence[Step], fleet: Fleet) -> int:
    """As on this machine (runners/local.py), for each of them."""
    machines = sum(fleet.counts.values())
    if steps[0].keeps:
        return _KEPT_AHEAD * machines
    if fleet.jobs:
        return 2 * fleet.jobs * machines
    lanes = sum(int(kind.cpus / steps[0].resources.cpus) * count for kind, count in fleet.counts.items())
    return 2 * max(1, lanes)
