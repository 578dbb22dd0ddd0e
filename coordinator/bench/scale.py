"""How the coordinator starts and how it grows: a table of a million recordings, the trivial step, resident.

Time per task is taken from the journal, over windows of equally many tasks: an early one behind the first
thousand, when the containers have started, and the last one. Their ratio tells whether a run slows down.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.bench.figures import Spread, spread
from coordinator.bench.machine import Pace, measure, wait_until_quiet
from coordinator.bench.reading import ended_times, read_run
from coordinator.bench.workloads import Workload

ROWS = 1_000_000
_EARLY = 1_000
_WINDOW = 10_000
_HELPS = 10
_STARTS = ("fresh", "resident")
_WARM_TASKS = 2


@dataclass(frozen=True, kw_only=True)
class ScaleFigures:
    """Seconds and bytes. ``growth`` is the time per task at the end over that at the beginning."""

    rows: int
    tasks: int
    first_submitted: Spread
    first_ended: Spread
    peak_memory: Spread
    early_task: Spread
    late_task: Spread
    growth: Spread


@dataclass(frozen=True, kw_only=True)
class StartFigures:
    """Seconds from the command to its end (``help``), and to the first task handed over and ended, by rung."""

    help: Spread
    first_submitted: dict[str, Spread]
    first_ended: dict[str, Spread]


def measure_scale(
    workload: Workload,
    folder: Path,
    *,
    tasks: int,
    jobs: int,
    pace: Pace,
) -> ScaleFigures:
    """Runs the first ``tasks`` of the workload's recordings, again and again. Raises BenchError if a run fails."""
    submitted, ended, memory, early, late = [], [], [], [], []
    for number in range(pace.repeats):
        out = folder / "scale"
        wait_until_quiet(pace.patience)
        usage = measure(run_command(workload, out, "resident", tasks, jobs))
        told = read_run(out)
        before, after = windows(ended_times(out))
        submitted.append(told.first_submitted - usage.started)
        ended.append(told.first_ended - usage.started)
        memory.append(float(usage.peak_memory))
        early.append(before)
        late.append(after)
        pace.say(
            f"run {number + 1}: first task after {submitted[-1]:.2f} s, {usage.peak_memory / 1e6:.0f} MB, "
            f"{before * 1e3:.3f} ms per task early, {after * 1e3:.3f} ms late"
        )
        shutil.rmtree(out)
    return ScaleFigures(
        rows=ROWS,
        tasks=tasks,
        first_submitted=spread(submitted),
        first_ended=spread(ended),
        peak_memory=spread(memory),
        early_task=spread(early),
        late_task=spread(late),
        growth=spread([after / before for before, after in zip(early, late, strict=True)]),
    )


def measure_starts(workload: Workload, folder: Path, pace: Pace) -> StartFigures:
    """How long ``--help`` takes, and how soon ``run`` has sent its first task, on an engine that has run some.

    Raises BenchError if one of them fails.
    """
    wait_until_quiet(pace.patience)
    helps = [measure([sys.executable, "-m", "coordinator", "--help"]).seconds for _ in range(_HELPS)]
    submitted: dict[str, list[float]] = {rung: [] for rung in _STARTS}
    ended: dict[str, list[float]] = {rung: [] for rung in _STARTS}
    for _ in range(pace.repeats):
        for rung in _STARTS:
            out = folder / "start"
            wait_until_quiet(pace.patience)
            usage = measure(run_command(workload, out, rung, _WARM_TASKS, 1))
            told = read_run(out)
            submitted[rung].append(told.first_submitted - usage.started)
            ended[rung].append(told.first_ended - usage.started)
            pace.say(f"{rung}: first task sent after {submitted[rung][-1]:.2f} s")
            shutil.rmtree(out)
    return StartFigures(
        help=spread(helps),
        first_submitted={rung: spread(values) for rung, values in submitted.items()},
        first_ended={rung: spread(values) for rung, values in ended.items()},
    )


def windows(ended: Sequence[float]) -> tuple[float, float]:
    """Seconds per task in the window behind the first thousand tasks, and in the last one of the same size.

    ``ended`` are the times at which tasks ended, in seconds and in order. Raises ValueError for too few of them.
    """
    size = min(_WINDOW, (len(ended) - _EARLY - 1) // 2)
    if size < 1:
        raise ValueError(f"{len(ended)} tasks are too few to compare the beginning with the end")
    early = ended[_EARLY + size] - ended[_EARLY]
    late = ended[-1] - ended[-1 - size]
    return early / size, late / size


def run_command(workload: Workload, out: Path, rung: str, tasks: int, jobs: int) -> list[str]:
    """The command line of a run of the workload's first tasks."""
    command = [sys.executable, "-m", "coordinator", "run", str(workload.batch), "--out", str(out)]
    command += ["--pipeline", workload.pipeline, "--jobs", str(jobs)]
    return [*command, "--rung", rung, "--limit", str(tasks)]
