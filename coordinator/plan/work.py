"""What there is to do, and by a bound of its time on which fleets it is worth playing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from coordinator.pipeline import Per, Rung, Step
from coordinator.plan.clockwork import NeverEnds, Weather
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.measured import Measured, Sample, StepCosts, choose
from coordinator.plan.play import Fleet
from coordinator.plan.town import Town, build

_PLAYS, _PURE = 12, 12
"""So many fleets near the front are played, and so many that are of one type."""
_PROGRAM = {
    "image_ref": "image",
    "command": "command",
    "params": "set of parameters",
    "resources": "set of resources",
}
"""What a step's costs are of, by its field."""
_OTHER_LOAD, _FEW = 0.2, 20
_MAX_BATCH = 100_000
"""Recordings, about: their items are as large as a request and a response may be."""
_FLEETS = 20_000
"""Of so many at most, the bound is worked out."""
_LIVES = 4.0
"""A task that takes as many of a machine's mean lives is begun 55 times on average: a play of that hardly ends."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What there is to do: recordings, and what they cost. ``overlap`` is in how many regions one is, on average."""

    recordings: int
    costs: Sequence[StepCosts]
    regions: Sequence[Sample]
    overlap: float

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(one.step for one in self.costs)

    @property
    def has_barrier(self) -> bool:
        """Whether a step per batch takes longer the more recordings there are before it."""
        return any(step.per is Per.BATCH for step in self.steps)

    def town(self, recordings: int, seed: int) -> Town:
        return build(recordings, self.regions, self.overlap, seed)

    @cached_property
    def tasks(self) -> Mapping[str, float]:
        """How many tasks each step has."""
        items = float(self.recordings)
        found: dict[str, float] = {}
        for one in self.costs:
            if one.step.per is Per.REGION:
                items = self.recordings * self.overlap / fmean(sample.size for sample in one.samples)
            elif one.step.per is Per.BATCH:
                items = self.recordings / fmean(sample.size for sample in one.samples)  # in tasks as measured
            found[one.step.name] = items
            each = fmean(sample.items for sample in one.samples)
            items = self.recordings if one.step.per is Per.BATCH else items * each
        return found


def work_of(
    runs: Sequence[Measured], recordings: int, *, rung: Rung | None, load: Callable[[Step], float]
) -> tuple[Work, list[str]]:
    """The steps of the first run over so many recordings, with what is to be known of their costs.

    ``load`` is how busy a step's machines will be, in tasks at a time for each CPU. Raises RunFolderError for a step of
    which nothing was measured.
    """
    costs: list[StepCosts] = []
    notes: list[str] = []
    regions: tuple[Sample, ...] = ()
    overlap = 1.0
    used: set[Path] = set()
    for run in runs:
        notes += _flaws(run)
    for step in runs[0].pipeline.steps:
        planned = step.on(rung=rung, prestart=None, chunk=None)
        found, of = choose(runs, planned, load(step))
        costs.append(replace(found, step=planned))
        used.update(run.folder for run in of)
        notes += _doubts(found, of, load(step), recordings)
        if step.per is Per.REGION and not regions:
            regions = found.samples
            overlap = max(1.0, sum(one.size for one in regions) / max(1, sum(run.recordings for run in of)))
        notes += _others(step, of)
    notes += [
        f"{run.folder}: nothing of it is used: no step that is planned was measured there on its rung, or other runs "
        "had their CPUs more nearly as busy as planned"
        for run in runs
        if run.folder not in used
    ]
    return Work(recordings=recordings, costs=costs, regions=regions, overlap=overlap), notes


def _flaws(run: Measured) -> Iterator[str]:
    """Why a run as a whole may tell less than it seems to."""
    if run.failed_attempts:
        yield (
            f"{run.folder}: {run.failed_attempts} attempts came to nothing there, and {run.failed} tasks failed for "
            "good; in the plan none does, and none takes time for it"
        )
    elif run.failed:
        yield f"{run.folder}: {run.failed} tasks failed there; in the plan none does"
    if not run.is_complete:
        yield (
            f"{run.folder} did not come to its end: of the {run.recordings} recordings that it took in not all were "
            "worked on, so that regions may overlap, and tasks per recording be, more than planned; complete it first"
        )


def _others(step: Step, of: Sequence[Measured]) -> Iterator[str]:
    """Runs in which a step of that name is another program."""
    for run in of:
        measured = next(one.step for one in run.steps if one.step.name == step.name)
        told = [word for field, word in _PROGRAM.items() if getattr(measured, field) != getattr(step, field)]
        if told:
            yield (
                f"{step.name}: {run.folder} has another {' and another '.join(told)} for it than what is planned; "
                "its costs count all the same"
            )


def _doubts(costs: StepCosts, of: Sequence[Measured], load: float, recordings: int) -> Iterator[str]:
    name, had = costs.step.name, of[0].load(costs.step)
    if abs(had - load) > _OTHER_LOAD:
        yield (
            f"{name} was measured with {had:.0%} of the CPUs at work and is planned with {load:.0%}: "
            "name a run with as many tasks at a time, too"
        )
    if len(costs.samples) < _FEW:
        yield f"{name}: only {len(costs.samples)} tasks were measured"
    if costs.step.per is Per.BATCH:
        size = costs.samples[0].size
        yield (
            f"{name} is one task with the whole batch: measured with {size:,} items on {of[0].inventory.cpus:g} CPUs, "
            "taken to be in proportion to the items, whatever CPUs it has"
        )
        if recordings > _MAX_BATCH:
            yield f"{name}: so many recordings are more than a step per batch can be given (docs/design.md)"


def check_weather(work: Work, machines: Sequence[MachineType], weather: Weather) -> None:
    """Raises NeverEnds for every type of machine that is lost too soon for a task of a step that it runs."""
    faults = []
    for kind in machines:
        rate = weather.rate(kind)
        for one in work.costs:
            seconds = _longest(one, work.recordings) / kind.speed
            if kind.runs(one.step) and seconds * rate > _LIVES:
                faults.append(
                    f"  {kind.name}: one is lost after {1 / rate:.4g} s on average, and a task of step "
                    f"{one.step.name!r} takes {seconds:.4g} s with the opening of its lane"
                )
    if faults:
        raise NeverEnds("this never ends, since machines are lost too soon:\n" + "\n".join(faults))


def _longest(costs: StepCosts, recordings: int) -> float:
    """Seconds from a lane's opening to the end of the longest task in it."""
    if costs.step.per is Per.BATCH:
        return costs.opening + max(one.busy * recordings / max(1, one.size) for one in costs.samples)
    return costs.opening + max(one.busy for one in costs.samples)


_Bounded = tuple[float, float, Fleet]
"""Hours and money by the bound, and of which fleet."""


def worthwhile(work: Work, machines: Sequence[MachineType], head: Head) -> list[Fleet]:
    """Fleets near the front by a bound of their time, from the quickest to the cheapest.

    Where there are several types, those fleets of one that are worth it among their like are played too: the bound
    thinks better of mixed ones, which it takes to be at work from the first to the last.
    """
    bounds: list[_Bounded] = []
    for counts in _counts(machines):
        fleet = Fleet(counts=counts, head=head)
        hours = bound(work, fleet)
        if hours is not None:
            bounds.append((hours, _cost(fleet, hours), fleet))
    bounds.sort(key=lambda one: one[:2])
    found = _spread(_best(bounds), _PLAYS)
    if len(machines) > 1:
        pure = _spread(_best([one for one in bounds if _is_pure(one[2])]), _PURE)
        found += [one for one in pure if one not in found]
    return [fleet for _, _, fleet in sorted(found, key=lambda one: one[:2])]


def _is_pure(fleet: Fleet) -> bool:
    """Whether it has one type at most, beside those machines that are always there."""
    return sum(count > kind.least for kind, count in fleet.counts.items()) <= 1


def _best(bounds: Sequence[_Bounded]) -> list[_Bounded]:
    """Those to which none before is as cheap; they come in order of time."""
    best: list[_Bounded] = []
    for one in bounds:
        if not best or one[1] < best[-1][1]:
            best.append(one)
    return best


def _spread(best: list[_Bounded], most: int) -> list[_Bounded]:
    """So many of them at most, at equal distances, with the first and the last."""
    if len(best) <= most:
        return best
    every = (len(best) - 1) / (most - 1)
    return [best[round(number * every)] for number in range(most)]


def bound(work: Work, fleet: Fleet) -> float | None:
    """Hours below which no order of tasks comes; None if a step finds no machine.

    Whichever steps one takes together, they need their CPUs and GPUs of the machines that run one of them, none of
    which has any before it has come. Behind that the last task of each step ends; and the head hands out all of them.
    """
    there = [kind for kind, count in fleet.counts.items() if count]
    tasks = work.tasks
    groups: dict[frozenset[str], list[StepCosts]] = {}
    for one in work.costs:
        groups.setdefault(frozenset(kind.name for kind in there if kind.runs(one.step)), []).append(one)
    if frozenset() in groups:
        return None
    seconds = min(kind.boot_s for kind in there) + fleet.head.task_s * sum(tasks.values())
    for size in range(1, len(groups) + 1):
        for names in itertools.combinations(groups, size):
            together = [one for name in names for one in groups[name]]
            able = [kind for kind in there if any(kind.name in name for name in names)]
            seconds = max(seconds, _cpus(together, able, tasks, fleet), _gpus(together, able, tasks, fleet))
    return (seconds + sum(one.opening + one.busy for one in work.costs)) / 3600


def _cpus(
    costs: Sequence[StepCosts], able: Sequence[MachineType], tasks: Mapping[str, float], fleet: Fleet
) -> float:
    wanted = sum(tasks[one.step.name] * one.busy * one.step.resources.cpus for one in costs)
    return _had(wanted, [(kind.boot_s, fleet.counts[kind] * kind.cpus * kind.speed) for kind in able])


def _gpus(
    costs: Sequence[StepCosts], able: Sequence[MachineType], tasks: Mapping[str, float], fleet: Fleet
) -> float:
    wanted = sum(tasks[one.step.name] * one.busy * one.step.resources.gpus for one in costs)
    return _had(wanted, [(kind.boot_s, fleet.counts[kind] * kind.gpus * kind.speed) for kind in able])


def _had(wanted: float, rates: Sequence[tuple[float, float]]) -> float:
    """When as much has been had, if each type gives its rate from its own boot time on."""
    now, rate, left = 0.0, 0.0, wanted
    for boot, more in sorted(rates):
        if left <= rate * (boot - now):
            break
        left -= rate * (boot - now)
        now, rate = boot, rate + more
    return now + left / rate if rate else now


def _cost(fleet: Fleet, hours: float) -> float:
    return hours * (fleet.head.price + sum(kind.price * count for kind, count in fleet.counts.items()))


def _counts(machines: Sequence[MachineType]) -> Iterator[dict[MachineType, int]]:
    """Numbers of machines of each type, each about half as many again as the one before."""
    steps = max(2, int(_FLEETS ** (1 / len(machines))))
    for numbers in itertools.product(*(_ladder(kind, steps) for kind in machines)):
        if any(numbers):
            yield dict(zip(machines, numbers, strict=True))


def _ladder(kind: MachineType, most_steps: int) -> list[int]:
    found = {kind.least, kind.most}
    count = 1
    while count < kind.most:
        if count >= kind.least:
            found.add(count)
        count += max(1, count // 2)
    steps = sorted(found)
    if len(steps) <= most_steps:
        return steps
    return [steps[round(number * (len(steps) - 1) / (most_steps - 1))] for number in range(most_steps)]
