"""One play of a run from its first task to its last, and its figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.pipeline import Per, Step
from coordinator.plan.clockwork import Clockwork, Weather
from coordinator.plan.dealer import Dealer
from coordinator.plan.machine import Machine
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.measured import StepCosts
from coordinator.plan.memory import Memory, PlayedFiles, Unwatched
from coordinator.plan.town import Town
from coordinator.plan.watch import Used, Watch
from coordinator.record.evidence import FailureFolder
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.plan import Plan
from coordinator.schedule.scheduler import Scheduler

_KEPT_AHEAD = 1024
"""Tasks that should be ready where lanes take many of them at once, on each machine."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """So many machines of each type. ``jobs`` is the maximum of tasks at a time on each; None: as many as fit."""

    counts: Mapping[MachineType, int]
    head: Head
    jobs: int | None = None

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
    steps = tuple(one.step for one in costs)
    machines = fleet.machines()
    watch = Watch(town, steps)
    clockwork = Clockwork(
        machines,
        steps,
        Dealer(costs, town, seed=weather.seed),
        watch,
        ahead=_ahead(steps, fleet),
        head_s=fleet.head.task_s,
        weather=weather,
    )
    _drive(steps, town, clockwork, journal or Memory())
    now = watch.last
    paid = {kind.name: 0.0 for kind in fleet.counts}
    for machine in machines:
        paid[machine.kind.name] += machine.paid_until(clockwork.now) / 3600
    return Played(
        fleet=fleet,
        recordings=town.recordings,
        makespan=now,
        head_busy=clockwork.head_busy,
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


def _drive(steps: Sequence[Step], town: Town, clockwork: Clockwork, journal: Chronicle) -> None:
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
        executor=clockwork,
        observer=Unwatched(),
        clock=lambda: clockwork.now,
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
