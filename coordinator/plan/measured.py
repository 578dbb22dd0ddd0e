"""What tasks cost in runs that were made: read from their journals."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from pydantic import ValidationError

from coordinator.core.resources import Gpu, Inventory, at_a_time
from coordinator.errors import RunFolderError
from coordinator.pipeline import Per, Pipeline, Rung, Step
from coordinator.plan.cluster import Cluster, read_cluster
from coordinator.record.facts import SessionState
from coordinator.record.history import Done, History
from coordinator.record.journal import GATHERED
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

_SAME_LOAD = 0.05
_MOST_JOBS = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What one task cost: ``busy`` seconds of its lane, of which ``start`` and ``compute`` are known parts.

    ``items`` came out of it; ``size`` went in, where that is a region or the batch.
    """

    busy: float
    items: int
    start: float = 0.0
    compute: float = 0.0
    size: int = 1

    @property
    def rest(self) -> float:
        """What is neither start nor computing: request, answer and whatever the program does besides, the end."""
        return max(0.0, self.busy - self.start - self.compute)


@dataclass(frozen=True, kw_only=True)
class StepCosts:
    """A step's tasks as they were measured.

    ``openings`` are the seconds that lanes took to be ready for their first task: opening the program, and what that
    does once (imports, a model). Samples are without them. On the fresh rung, that is part of every task.
    """

    step: Step
    samples: tuple[Sample, ...]
    openings: tuple[float, ...] = ()

    @cached_property
    def opening(self) -> float:
        return fmean(self.openings) if self.openings else 0.0

    @cached_property
    def busy(self) -> float:
        """Seconds of a lane for a task, on average."""
        return fmean(sample.busy for sample in self.samples)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run. ``jobs`` is how many tasks it ran at a time at most, ``makespan`` the seconds from its first task to
    its last, or on a ``cluster`` from the first instance that was asked for; ``around`` what its command took before
    and behind that. With more ``sessions`` than one, both have the time in them in which nobody ran it.

    ``failed`` is how many tasks did not come to anything, ``failed_attempts`` how many attempts did not, those of tasks
    that succeeded later with them. One that is not complete was interrupted, or is still at work. ``steps`` has the
    costs of its steps in the pipeline's order; a step without a task that succeeded has no samples.
    """

    folder: Path
    pipeline: Pipeline
    inventory: Inventory
    jobs: int
    recordings: int
    makespan: float
    around: float
    failed: int
    steps: tuple[StepCosts, ...]
    sessions: int = 1
    failed_attempts: int = 0
    is_complete: bool = True
    cluster: Cluster | None = None

    def load(self, step: Step) -> float:
        """How many tasks of a step there were at a time for each of the machine's CPUs, when all were at work."""
        at_a_time = self.jobs if self.cluster is None else self.cluster.peaks.get(step.name, 1)
        return min(1.0, at_a_time * step.resources.cpus / self.inventory.cpus)


def read_measured(folder: Path) -> Measured:
    """What a run's journal tells. Raises RunFolderError if it is none, or has nothing that can be planned with."""
    found = RunFolder(folder)
    about = found.read_about()
    pipeline = _pipeline(folder, about)
    with History(found.journal) as history:
        done, recordings = list(history.done()), history.taken_in()
        failed, tries = sum(1 for _ in history.failures()), history.failed_attempts()
        changes = list(history.pool_changes()) if about.get("cluster") else []
    if not done:
        raise RunFolderError(
            f"run {str(folder)!r}: no task of it has succeeded, so that nothing is known of their cost"
        )
    cluster = read_cluster(folder, about, pipeline.steps, changes)
    inventory = cluster.inventory if cluster else _inventory(folder, about)
    makespan = max(one.ended for one in done) - min(
        [done[0].submitted, *(change.at for _, change in changes)]
    )
    return Measured(
        folder=folder,
        pipeline=pipeline,
        inventory=inventory,
        jobs=_jobs(folder, about) or at_a_time((step.resources for step in pipeline.steps), inventory),
        recordings=recordings,
        makespan=makespan,
        around=max(0.0, _seconds(folder, about, makespan) - makespan),
        failed=failed,
        failed_attempts=tries,
        is_complete=history.facts.session_state is SessionState.COMPLETE,
        steps=tuple(_steps(folder, pipeline, done)),
        sessions=history.session,
        cluster=cluster,
    )


def choose(runs: Sequence[Measured], step: Step, load: float) -> tuple[StepCosts, tuple[Measured, ...]]:
    """The costs of a step as it is to run, and the runs that they are of: those whose machine was as busy as ``load``.

    ``load`` is tasks at a time for each CPU: side by side, tasks take longer each. If no run had it, those that came
    nearest. Raises RunFolderError if no task of the step has succeeded in any.
    """
    able = [
        (abs(run.load(costs.step) - load), run, costs)
        for run in runs
        for costs in run.steps
        if _way(costs.step) == _way(step) and costs.samples
    ]
    if not able:
        names = ", ".join(repr(str(run.folder)) for run in runs)
        raise RunFolderError(
            f"no task of step {step.name!r} has succeeded {_how(step)} in {names}: "
            "name a run in which some have"
        )
    nearest = min(distance for distance, _, _ in able)
    found = [(run, costs) for distance, run, costs in able if distance <= nearest + _SAME_LOAD]
    together = StepCosts(
        step=found[0][1].step,
        samples=tuple(sample for _, costs in found for sample in costs.samples),
        openings=tuple(opening for _, costs in found for opening in costs.openings),
    )
    return together, tuple(run for run, _ in found)


def _how(step: Step) -> str:
    return f"on rung {step.rung}" + (f" in chunks of {step.chunk}" if step.takes_chunks else "")


def _way(step: Step) -> tuple[str, Rung, int]:
    """What must be the same for costs to be comparable."""
    return step.name, step.rung, step.chunk


def _steps(folder: Path, pipeline: Pipeline, done: Iterable[Done]) -> Iterator[StepCosts]:
    by_step: dict[str, list[Done]] = defaultdict(list)
    for one in done:
        by_step[one.step].append(one)
    for step in pipeline.steps:
        found = by_step[step.name]
        samples = [_sample(folder, one, step) for one in found]
        opened = [one.metrics.get("open_s") for one in found]
        yield _warm(step, samples, opened)


def _warm(step: Step, samples: Sequence[Sample], opened: Sequence[float | None]) -> StepCosts:
    """What the first task of a lane took longer than the others, beside computing, is its program's and not its own."""
    usual = [sample.rest for sample, opening in zip(samples, opened, strict=True) if opening is None]
    rest = fmean(usual) if usual else math.inf
    warm, openings = [], []
    for sample, opening in zip(samples, opened, strict=True):
        if opening is None:
            warm.append(sample)
            continue
        once = max(0.0, sample.rest - rest)
        warm.append(replace(sample, busy=sample.busy - once))
        openings.append(opening + once)
    return StepCosts(step=step, samples=tuple(warm), openings=tuple(openings))


def _sample(folder: Path, done: Done, step: Step) -> Sample:
    told = done.metrics
    if step.per is not Per.ITEM and GATHERED not in told:
        raise RunFolderError(
            f"run {str(folder)!r} was made by an earlier version, whose journal does not tell the size of a region's "
            "task: make it anew, in another folder"
        )
    return Sample(
        busy=told.get("busy_s", done.ended - done.submitted),
        items=done.items,
        start=told.get("start_s", 0.0),
        compute=told.get("compute_s", 0.0),
        size=int(told.get(GATHERED, 1)),
    )


def _pipeline(folder: Path, about: Json) -> Pipeline:
    try:
        return Pipeline.model_validate(about["pipeline"])
    except (KeyError, TypeError, ValidationError) as error:
        raise RunFolderError(f"{folder / 'run.json'} tells no pipeline that this version knows") from error


def _inventory(folder: Path, about: Json) -> Inventory:
    try:
        host = about["host"]
        # How much memory a GPU has, run.json does not tell; what ran there did fit.
        gpus = tuple(Gpu(uuid=str(uuid), memory=sys.maxsize) for uuid in host["gpus"])
        cpus = float(host["cpus"])
        if not 0 < cpus < math.inf:
            raise ValueError(cpus)
        return Inventory(cpus=cpus, memory=int(host["memory"]), gpus=gpus)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{folder / 'run.json'} does not tell on what machine it ran") from error


def _jobs(folder: Path, about: Json) -> int | None:
    """The maximum number of tasks at a time that was asked for, None if it was what fits."""
    try:
        jobs = about.get("job", {}).get("jobs")
        if jobs is None or 1 <= int(jobs) <= _MOST_JOBS:
            return None if jobs is None else int(jobs)
    except (AttributeError, TypeError, ValueError):
        jobs = about.get("job")
    raise RunFolderError(f"{folder / 'run.json'} does not tell how many tasks ran at a time: {jobs!r}")


def _seconds(folder: Path, about: Json, otherwise: float) -> float:
    """The seconds of the whole run; ``otherwise`` if nothing is said of them."""
    told = about.get("seconds", otherwise)
    if not isinstance(told, int | float) or not 0 <= told < math.inf:
        raise RunFolderError(f"{folder / 'run.json'} does not tell how long it took: {told!r} s")
    return float(told)
