"""A whole plan: from measured runs and a wish to a fleet, what it comes to, and its thresholds."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.errors import UsageError
from coordinator.instances import parse_instances
from coordinator.pipeline import Rung, Step
from coordinator.plan.choice import Wish, choose, thresholds
from coordinator.plan.clockwork import Weather
from coordinator.plan.cluster import Cluster
from coordinator.plan.front import Point, front, survey, whole
from coordinator.plan.machines import Head, Machines, MachineType, check_fit, load_machines
from coordinator.plan.measured import Measured, read_measured
from coordinator.plan.play import Fleet, play
from coordinator.plan.pools import NODE
from coordinator.plan.rooms import Rooms
from coordinator.plan.table import Planned
from coordinator.plan.work import Work, check_weather, work_of

_HERE = "here"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user asked for. ``recordings`` and ``jobs`` are those of the first run where they are not given.

    Without a file of ``machines``, it is that run's own machine, or its cluster with ``instances`` as
    :func:`parse_instances` reads them. ``fail_every`` is hours.
    """

    runs: Sequence[Path]
    recordings: int | None = None
    machines: Path | None = None
    wish: Wish = field(default_factory=Wish)
    jobs: int | None = None
    rung: Rung | None = None
    fail_every: float | None = None
    seed: int = 0
    instances: Sequence[str] = ()


def make(asked: Asked) -> Planned:
    """The plan. Raises CoordinatorError for runs and machines that cannot be planned with."""
    _check_twice(asked.runs)
    runs = [read_measured(folder) for folder in asked.runs]
    cluster = runs[0].cluster
    if asked.instances and (cluster is None or asked.machines is not None):
        raise UsageError(
            "--instances is of a plan for the cluster that the first run ran on: it goes with such a run, and not with "
            "--machines"
        )
    recordings = asked.recordings or runs[0].recordings
    weather = Weather(fail_every=asked.fail_every, seed=asked.seed)
    if asked.machines is None and cluster is not None:
        return _on_cluster(asked, runs, cluster, recordings, weather)
    if asked.machines is None:
        return _at_home(asked, runs, recordings, weather)
    if asked.jobs is not None:
        raise UsageError("--jobs is of a plan for the run's own machine; with --machines, as many run as fit")
    machines = load_machines(asked.machines)
    weather = replace(weather, lost_s=machines.lost_s)
    work, notes = work_of(runs, recordings, rung=asked.rung, load=lambda step: 1.0)
    notes += [
        f"{run.folder} ran on a cluster; on these machines tasks sit wherever there is room, "
        "without its pools and messages"
        for run in runs
        if run.cluster is not None
    ]
    check_fit(work.steps, machines.machines)
    check_weather(work, machines.machines, weather)
    points = front(survey(work, machines.machines, machines.head, weather))
    return _finish(runs, work, machines, points, asked.wish, weather, notes)


def _check_twice(folders: Sequence[Path]) -> None:
    """Raises UsageError for a run that is named twice: each of its tasks would count as two."""
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise UsageError(
                f"run {str(folder)!r} is named twice, by which each of its tasks would count twice"
            )
        seen.add(folder.resolve())


def _at_home(asked: Asked, runs: Sequence[Measured], recordings: int, weather: Weather) -> Planned:
    """On the first run's own machine, which is there, costs nothing, and is all there is."""
    jobs, inventory = asked.jobs or runs[0].jobs, runs[0].inventory
    work, notes = work_of(runs, recordings, rung=asked.rung, load=_load(jobs, inventory.cpus))
    here = MachineType(
        name=_HERE,
        cpus=inventory.cpus,
        memory=inventory.memory,
        gpus=len(inventory.gpus),
        gpu_memory=inventory.gpus[0].memory if inventory.gpus else None,
        price=0.0,
        boot_s=0.0,
        least=1,
    )
    machines = Machines(machines=(here,))
    check_weather(work, machines.machines, weather)
    fleet = Fleet(counts={here: 1}, head=machines.head, jobs=jobs)
    points = [whole(work, fleet, weather)]
    return _finish(runs, work, machines, points, asked.wish, weather, notes)


def _on_cluster(
    asked: Asked, runs: Sequence[Measured], cluster: Cluster, recordings: int, weather: Weather
) -> Planned:
    """On the nodes that the first run's cluster had, with the pools that its steps had there, or are to have."""
    if asked.jobs is not None:
        raise UsageError(
            "--jobs is of a plan for one machine; on a cluster, --instances says how many there may be"
        )
    if asked.fail_every is not None:
        raise UsageError(
            "--fail-every is of a plan with --machines; a cluster's nodes are played without losses"
        )
    pipeline = runs[0].pipeline.with_instances(dict(map(parse_instances, asked.instances)))
    first = replace(runs[0], pipeline=pipeline)
    rooms = Rooms(cluster.nodes)

    def load(step: Step) -> float:
        room = rooms.count(step)
        return min(1.0, min(step.instances.most or room, room) * step.resources.cpus / first.inventory.cpus)

    work, notes = work_of([first, *runs[1:]], recordings, rung=asked.rung, load=load)
    kinds = _kinds(cluster)
    check_fit(work.steps, tuple(kinds))
    fleet = Fleet(counts=kinds, head=Head(), cluster=cluster)
    points = [whole(work, fleet, weather)]
    return _finish(runs, work, Machines(machines=tuple(kinds)), points, asked.wish, weather, notes)


def _kinds(cluster: Cluster) -> dict[MachineType, int]:
    """The nodes as machines that are there and cost nothing, those that are alike as one type of them."""
    alike = Counter((node.cpus, node.memory, node.gpus) for node in cluster.nodes)
    return {
        MachineType(
            name=f"{NODE}{number}",
            cpus=cpus,
            memory=int(memory),
            gpus=int(gpus),
            gpu_memory=sys.maxsize if gpus >= 1 else None,
            price=0.0,
            boot_s=0.0,
            least=count,
            most=count,
        ): count
        for number, ((cpus, memory, gpus), count) in enumerate(alike.items(), start=1)
    }


def _load(jobs: int, cpus: float) -> Callable[[Step], float]:
    return lambda step: min(1.0, jobs * step.resources.cpus / cpus)


def _finish(
    runs: Sequence[Measured],
    work: Work,
    machines: Machines,
    points: Sequence[Point],
    wish: Wish,
    weather: Weather,
    notes: Sequence[str],
) -> Planned:
    chosen, is_granted = choose(points, wish, lambda point: whole(work, point.fleet, weather))
    calm = None
    if any(weather.rate(kind) for kind, count in chosen.fleet.counts.items() if count):
        clear = replace(weather, fail_every=None, spots_stay=True)
        calm = play(work.costs, work.town(work.recordings, weather.seed), chosen.fleet, clear)
    return Planned(
        runs=runs,
        work=work,
        machines=machines,
        points=points,
        wish=wish,
        chosen=chosen,
        is_granted=is_granted,
        calm=calm,
        thresholds=thresholds(chosen.played, work.costs),
        notes=notes,
    )
