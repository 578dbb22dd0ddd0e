"""The ``bench`` command: what was asked for -> what is measured -> what is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.bench import report
from coordinator.bench.cluster import BUSY_TASKS, compare_cluster
from coordinator.bench.figures import Aim, Comparison, Sample, identical, ratios, summarise, turns
from coordinator.bench.isolationflags import measure_flags
from coordinator.bench.machine import BenchError, EngineClock, Pace, Say, describe, wait_until_quiet
from coordinator.bench.options import BenchOptions, BenchResult
from coordinator.bench.plot import svg
from coordinator.bench.requests import compare_requests
from coordinator.bench.scale import ROWS, measure_scale, measure_starts
from coordinator.bench.service import RUNGS as SERVICE_RUNGS
from coordinator.bench.service import compare_service, first_photograph
from coordinator.bench.variants import (
    AIMS,
    API_LOOP,
    FLAGSHIP_AIMS,
    PROCESS,
    RUNGS,
    Conditions,
    Variant,
    baseline_variants,
    local_command,
    rung_variant,
    tasks_of,
)
from coordinator.bench.workloads import TRIVIAL_IMAGE, flagship, trivial
from coordinator.record.disk import write_json, write_text
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import host_inventory

_FEW = 2
"""Tasks of the run by which start-up is told from the work."""
_MAX_ELSEWHERE, _MAX_TRIES = 0.2, 3
"""Maximum share of the machine that other work takes during a sample, and maximum number of times it is taken."""
_WITH_START_UP = (*RUNGS, API_LOOP)
_FLAG_TASKS = 16
_SCALE_TASKS = 100_000
_SERVICE_IMAGES = 4
"""So many times as many images as tasks of the fresh rung."""


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """One bench: what is asked for, where it works, what is known of the machine."""

    options: BenchOptions
    folder: Path
    jobs: int
    machine: Mapping[str, object]
    pace: Pace

    def compare(
        self,
        conditions: Conditions,
        variants: Sequence[Variant],
        aims: Sequence[Aim],
        left_out: Mapping[str, str],
    ) -> Comparison:
        """Samples every variant in turns; with a number of tasks given, start-up is sampled apart."""
        repeats = self.pace.repeats
        rounds: list[dict[str, Sample]] = [{} for _ in range(repeats)]
        start_ups: list[dict[str, Sample]] = [{} for _ in range(repeats)]
        for number, variant in turns(variants, repeats):
            if variant.name in _WITH_START_UP and variant.tasks:
                start_ups[number][variant.name] = variant.with_tasks(_FEW).sample(conditions)
            sample = rounds[number][variant.name] = self.undisturbed(conditions, variant)
            rate = report.rounded(sample.tasks / sample.seconds)
            self.pace.say(
                f"round {number + 1}: {variant.name}: {rate} tasks/s ({sample.tasks} in {sample.seconds:.1f} s), "
                f"other work {sample.elsewhere:.0%}"
            )
        figures = (summarise(variant.name, rounds, start_ups) for variant in variants)
        return Comparison(
            workload=conditions.workload.name,
            about=conditions.workload.about,
            figures=tuple(row for row in figures if row is not None),
            ratios=tuple(ratios(aims, rounds)),
            identical=identical(rounds),
            left_out=left_out,
        )

    def undisturbed(self, conditions: Conditions, variant: Variant) -> Sample:
        """A sample, taken again while other work on the machine falls into it; the last one counts anyway."""
        tries = _MAX_TRIES if self.pace.patience else 1
        for _ in range(tries):
            if self.pace.patience and not wait_until_quiet(self.pace.patience):
                self.pace.say("the machine does not get quiet")
            sample = variant.sample(conditions)
            if sample.elsewhere <= _MAX_ELSEWHERE:
                break
            self.pace.say(f"{variant.name}: other work took {sample.elsewhere:.0%} of the machine")
        return sample

    def write(self, name: str, texts: Mapping[str, str] | None = None, **measured: Any) -> tuple[Path, ...]:
        """Writes NAME.json with what was measured, and further files; returns them all."""
        options = self.options
        setting = {
            "jobs": self.jobs,
            "repeats": options.repeats,
            "tasks": options.tasks,
            "limit": options.limit,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"{name}.json"
        write_json(path, report.as_json(self.machine, setting, **measured))
        for file_name, text in (texts or {}).items():
            write_text(options.out / file_name, text)
        return (path, *(options.out / file_name for file_name in texts or {}))


def bench(options: BenchOptions, say: Say) -> BenchResult:
    """Measures what was asked for. Raises CoordinatorError if it cannot be measured."""
    inventory = host_inventory()
    with closing(Engine()) as engine:
        program = engine.image(TRIVIAL_IMAGE).command[0]
        machine = describe(engine.describe(), inventory.cpus, inventory.memory)
    if float(str(machine["load"])) > inventory.cpus / 2:
        say(f"this machine is busy (load {machine['load']}): the figures will be too low")
    if options.cluster:
        options.out.mkdir(parents=True, exist_ok=True)
    # Nodes see what is in the folder of results rather than this machine's temporary files.
    place = options.out if options.cluster else None
    with tempfile.TemporaryDirectory(prefix="coordinator-bench-", dir=place) as name:
        pace = Pace(repeats=options.repeats, patience=options.patience, say=say)
        jobs = options.jobs or (1 if options.cluster else max(1, int(inventory.cpus)))
        work = _Bench(options=options, folder=Path(name), jobs=jobs, machine=machine, pace=pace)
        if options.mode == "flags":
            return _flags(work)
        if options.mode == "service":
            return _service(work)
        if options.mode == "requests":
            return _requests(work)
        if options.cluster:
            return _cluster(work, options.cluster, program)
        return _scale(work) if options.mode == "scale" else _rates(work, program)


def _rates(work: _Bench, program: str) -> BenchResult:
    comparisons = []
    if "trivial" in work.options.workloads:
        comparisons.append(_compare_trivial(work, program))
    if "pipeline" in work.options.workloads:
        comparisons.append(_compare_pipeline(work))
    machine = work.machine
    about = f"{machine['cpus']:g} CPUs, {machine['engine']}, {work.jobs} tasks at a time"
    caption = f"{about}; median, least and greatest of {work.options.repeats}"
    texts = {"bench.csv": report.as_csv(comparisons), "bench.svg": svg(comparisons, caption)}
    files = work.write("bench", texts, comparisons=comparisons)
    lines = [line for comparison in comparisons for line in (*report.comparison_lines(comparison), "")]
    same = all(comparison.identical for comparison in comparisons)
    return BenchResult(lines=tuple(lines), files=files, identical=same)


def _compare_trivial(work: _Bench, program: str) -> Comparison:
    options, folder = work.options, work.folder / "trivial"
    folder.mkdir()
    left_out: dict[str, str] = {}
    command: tuple[str, ...] | None = None
    try:
        command = local_command(TRIVIAL_IMAGE, program, folder)
    except BenchError as error:
        left_out[PROCESS] = str(error)
    counts = {name: tasks_of(name, options.tasks) for name in RUNGS}
    workload = trivial(folder, options.batch, max(counts.values()), command)
    found, missing = baseline_variants(options.tasks)
    left_out |= {name: reason for name, reason in missing.items() if name in options.baselines}
    rungs = [rung_variant(name, counts[name]) for name in options.rungs if name not in left_out]
    baselines = [found[name] for name in options.baselines if name in found]
    conditions = Conditions(
        workload=workload,
        folder=folder,
        jobs=work.jobs,
        clock=EngineClock(),
        compared=options.tasks,
    )
    return work.compare(conditions, [*baselines, *rungs], AIMS, left_out)


def _compare_pipeline(work: _Bench) -> Comparison:
    options, folder = work.options, work.folder / "pipeline"
    folder.mkdir()
    conditions = Conditions(
        workload=flagship(options.batch, options.pipeline),
        folder=folder,
        jobs=work.jobs,
        clock=EngineClock(),
        compared=None,
        limit=options.limit,
    )
    return work.compare(conditions, [rung_variant(name, None) for name in options.rungs], FLAGSHIP_AIMS, {})


def _flags(work: _Bench) -> BenchResult:
    options, tasks = work.options, min(_FLAG_TASKS, work.options.tasks)
    workload = trivial(work.folder / "trivial", options.batch, tasks, None)
    figures = measure_flags(
        workload,
        work.folder,
        tasks=tasks,
        jobs=work.jobs,
        pace=work.pace,
    )
    files = work.write("flags", flags=figures)
    return BenchResult(lines=tuple(report.flag_lines(figures)), files=files, identical=True)


def _scale(work: _Bench) -> BenchResult:
    options, folder = work.options, work.folder
    workload = trivial(folder / "trivial", options.batch, ROWS, None)
    starts = measure_starts(workload, folder, work.pace)
    scale = measure_scale(
        workload,
        folder,
        tasks=_SCALE_TASKS,
        jobs=work.jobs,
        pace=work.pace,
    )
    files = work.write("scale", scale=scale, starts=starts)
    return BenchResult(lines=tuple(report.scale_lines(scale, starts)), files=files, identical=True)


def _cluster(work: _Bench, address: str, program: str) -> BenchResult:
    options, folder = work.options, work.folder.resolve()
    programs = folder / "program"
    programs.mkdir()
    tasks = tasks_of(PROCESS, options.tasks)
    workload = trivial(
        folder / "trivial",
        options.batch,
        max(tasks, BUSY_TASKS),
        local_command(TRIVIAL_IMAGE, program, programs),
    )
    found = compare_cluster(workload, folder, address, tasks=tasks, jobs=work.jobs, pace=work.pace)
    files = work.write("cluster", cluster=found)
    return BenchResult(lines=tuple(report.cluster_lines(found)), files=files, identical=found.identical)


def _service(work: _Bench) -> BenchResult:
    options = work.options
    comparison = compare_service(
        options.batch,
        work.folder,
        rungs=[rung for rung in SERVICE_RUNGS if rung in options.rungs],
        images=_SERVICE_IMAGES * options.tasks,
        workers=work.jobs,
        pace=work.pace,
    )
    files = work.write("service", comparisons=[comparison])
    return BenchResult(
        lines=tuple(report.comparison_lines(comparison)), files=files, identical=comparison.identical
    )


def _requests(work: _Bench) -> BenchResult:
    options = work.options
    rung = PROCESS if PROCESS in options.rungs else SERVICE_RUNGS[0]
    comparison = compare_requests(
        first_photograph(options.batch),
        work.folder,
        rung=rung,
        workers=work.jobs,
        nginx=options.nginx,
        pace=work.pace,
    )
    files = work.write("requests", comparisons=[comparison])
    return BenchResult(
        lines=tuple(report.comparison_lines(comparison)), files=files, identical=comparison.identical
    )
