"""From samples to figures: the order of measuring, medians with their spreads, ratios. Pure: no clock, no files."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar

T = TypeVar("T")
Figure = TypeVar("Figure")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Mean seconds of one task by where they went.

    ``queue`` is from the coordinator's hand to the task's turn, ``compute`` what the step itself says it took,
    ``transfer`` the rest: the request and the response on their way, and the end of the step's program.
    """

    queue: float
    start: float
    compute: float
    transfer: float


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of several figures, the least and the greatest."""

    median: float
    least: float
    greatest: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Measures(Generic[Figure]):
    """What is measured of a variant: a number in one run, the spread of the numbers over all of them.

    Times are seconds, memory is bytes; None is what could not be told. ``command_seconds`` is the whole command,
    ``client_cpu`` its own CPU time and that of its helpers, without its steps: of a run, or of one task of it.
    """

    tasks: int
    command_seconds: Figure
    first_task: Figure | None = None
    client_cpu: Figure | None = None
    engine_cpu: Figure | None = None
    peak_memory: Figure | None = None
    split: Split | None = None
    elsewhere: float = 0.0
    """The share of the machine's CPUs that was at work for neither the command nor the engine, at its greatest."""


@dataclass(frozen=True, kw_only=True)
class Sample(Measures[float]):
    """One run of one variant. ``seconds`` runs from the first task handed over to the last one's end."""

    recordings: int
    seconds: float
    digest: str


@dataclass(frozen=True, kw_only=True)
class Figures(Measures[Spread]):
    """What the samples of one variant come to. CPU is seconds per task, start-up taken off where it was measured."""

    name: str
    tasks_per_second: Spread
    recordings_per_second: Spread
    digests: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A ratio to report: of a variant's rate to that of ``floor``; ``least`` is what is aimed at, if anything."""

    name: str
    floor: str
    least: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ratio(Aim):
    """A ratio that was aimed at, and what was reached."""

    value: Spread


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that was measured of one workload."""

    workload: str
    about: str
    figures: tuple[Figures, ...]
    ratios: tuple[Ratio, ...]
    identical: bool
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Variants that could not be measured, and why."""


Rounds = Sequence[Mapping[str, Sample]]
"""One mapping from a variant's name to its sample for each round."""


def turns(variants: Sequence[T], repeats: int) -> Iterator[tuple[int, T]]:
    """(round, variant): every variant once in every round, each round starting with another one.

    What drifts (heat, caches, other work on the machine) so falls on all variants alike.
    """
    for number in range(repeats):
        start = number % len(variants) if variants else 0
        for variant in (*variants[start:], *variants[:start]):
            yield number, variant


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError without a value."""
    if not values:
        raise ValueError("no values to take the median of")
    return Spread(
        median=statistics.median(values), least=min(values), greatest=max(values), count=len(values)
    )


def summarise(name: str, rounds: Rounds, start_ups: Rounds = ()) -> Figures | None:
    """The figures of one variant; ``start_ups`` are its runs of very few tasks. None without a sample."""
    samples = [samples[name] for samples in rounds if name in samples]
    if not samples:
        return None
    small = [samples[name] for samples in start_ups if name in samples]
    return Figures(
        name=name,
        tasks=samples[0].tasks,
        tasks_per_second=spread([sample.tasks / sample.seconds for sample in samples]),
        recordings_per_second=spread([sample.recordings / sample.seconds for sample in samples]),
        command_seconds=spread([sample.command_seconds for sample in samples]),
        digests=tuple(sorted({sample.digest for sample in samples})),
        first_task=_spread_of([sample.first_task for sample in samples]),
        client_cpu=_per_task(samples, small, "client_cpu"),
        engine_cpu=_per_task(samples, small, "engine_cpu"),
        peak_memory=_spread_of([sample.peak_memory for sample in samples]),
        split=_mean_split([sample.split for sample in samples if sample.split]),
        elsewhere=max(sample.elsewhere for sample in samples),
    )


def ratios(aims: Sequence[Aim], rounds: Rounds) -> list[Ratio]:
    """Ratios of rates, each taken within one round; those of which a side was not measured are left out."""
    found = []
    for aim in aims:
        values = [
            _rate(samples[aim.name]) / _rate(samples[aim.floor])
            for samples in rounds
            if aim.name in samples and aim.floor in samples
        ]
        if values:
            found.append(Ratio(**vars(aim), value=spread(values)))
    return found


def identical(rounds: Rounds) -> bool:
    """Whether every sample of every variant gave the same results."""
    return len({sample.digest for samples in rounds for sample in samples.values()}) <= 1


def _rate(sample: Sample) -> float:
    return sample.tasks / sample.seconds


def _spread_of(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return spread(known) if known else None


def _per_task(samples: Sequence[Sample], small: Sequence[Sample], name: str) -> Spread | None:
    """Seconds of CPU per task: what a run took above a run of very few tasks, by the tasks it had more."""
    known = [(sample.tasks, value) for sample in samples if (value := getattr(sample, name)) is not None]
    if not known:
        return None
    start_up, few = 0.0, 0
    if small_known := [value for sample in small if (value := getattr(sample, name)) is not None]:
        start_up, few = statistics.median(small_known), small[0].tasks
    return _spread_of([(value - start_up) / (tasks - few) for tasks, value in known if tasks > few])


def _mean_split(splits: Sequence[Split]) -> Split | None:
    if not splits:
        return None
    medians = {
        part.name: statistics.median(getattr(split, part.name) for split in splits) for part in fields(Split)
    }
    return Split(**medians)
