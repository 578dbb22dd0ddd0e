"""What was measured, as a table for people, JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from coordinator.bench.cluster import (
    BUSY_AIM,
    BUSY_INSTANCES,
    CLUSTER,
    CPU_AIM,
    MEMORY_AIM,
    RATE_AIM,
    SINGLE,
    ClusterFigures,
)
from coordinator.bench.figures import Comparison, Figures, Ratio, Split, Spread
from coordinator.bench.isolationflags import FlagFigures
from coordinator.bench.scale import ScaleFigures, StartFigures

_COLUMNS = (
    "workload", "variant", "tasks", "repeats", "tasks_per_second", "tasks_per_second_least",
    "tasks_per_second_greatest", "recordings_per_second", "queue_s", "start_s", "compute_s", "transfer_s",
    "client_cpu_s_per_task", "engine_cpu_s_per_task", "peak_memory_bytes", "first_task_s", "command_s",
    "results",
)  # fmt: skip


def comparison_lines(comparison: Comparison) -> list[str]:
    """One workload: a row for each variant, then the ratios."""
    head = [
        "variant", "tasks", "tasks/s", "(least - greatest)", "rec/s",
        "queue", "start", "compute", "transfer", "CPU", "engine", "memory",
    ]  # fmt: skip
    rows = [_row(figures) for figures in comparison.figures]
    verdict = (
        "byte-identical from every variant" if comparison.identical else "NOT THE SAME from all variants"
    )
    repeats = comparison.figures[0].tasks_per_second.count if comparison.figures else 0
    return [
        f"{comparison.workload}: {comparison.about}",
        f"median of {repeats} rounds; queue to transfer: ms per task; CPU and engine: ms of CPU per task",
        "",
        *aligned([head, *rows]),
        *(f"{name}: not measured: {reason}" for name, reason in comparison.left_out.items()),
        "",
        *aligned([_ratio_row(ratio) for ratio in comparison.ratios]),
        f"results: {verdict}",
    ]


def flag_lines(figures: Sequence[FlagFigures]) -> list[str]:
    """A row for each set of flags."""
    rows = [["containers", "starts/s", "(least - greatest)", "times all flags"]]
    for row in figures:
        rate = row.starts_per_second
        rows.append([row.name, f"{rate.median:.2f}", _range(rate, "{:.2f}"), f"{row.gain.median:.3f}"])
    return aligned(rows)


def scale_lines(scale: ScaleFigures, starts: StartFigures) -> list[str]:
    """Starting, and growing."""
    rows = [
        ["what", "median", "(least - greatest)", "aim"],
        ["--help", *_seconds(starts.help), "0.15 s"],
    ]
    for rung, value in starts.first_submitted.items():
        rows.append([f"first task sent, {rung}", *_seconds(value), "1 s"])
        rows.append([f"first task ended, {rung}", *_seconds(starts.first_ended[rung]), ""])
    million = f"of {scale.rows:,} recordings"
    rows += [
        [f"first task sent, {million}", *_seconds(scale.first_submitted), "3 s"],
        [f"first task ended, {million}", *_seconds(scale.first_ended), ""],
        [
            f"peak memory after {scale.tasks:,} tasks",
            *_scaled(scale.peak_memory, 1e-6, "{:.0f} MB"),
            "200 MB",
        ],
        ["time per task behind the first 1,000", *_scaled(scale.early_task, 1e3, "{:.3f} ms"), ""],
        [f"time per task at {scale.tasks:,}", *_scaled(scale.late_task, 1e3, "{:.3f} ms"), ""],
        ["the latter over the former", *_scaled(scale.growth, 1.0, "{:.3f}"), "1.10"],
    ]
    return aligned(rows)


def cluster_lines(figures: ClusterFigures) -> list[str]:
    """Ways, then what is asked of them."""
    rows = [["way", "tasks", "tasks/s", "", "head's CPU a task", "", "memory", "first task"]]
    for name, way in figures.ways.items():
        memory, first = f"{way.memory.median / 1e6:.0f} MB", f"{way.first_task.median:.2f} s"
        rows.append(
            [
                name,
                str(way.tasks),
                *_scaled(way.rate, 1, "{:.0f}"),
                *_scaled(way.cpu, 1e6, "{:.0f} us"),
                memory,
                first,
            ]
        )
    cluster, single = figures.ways[CLUSTER], figures.ways[SINGLE]
    aims = [
        ["tasks/s, cluster / local", *_scaled(cluster.rate_ratio, 1, "{:.2f}"), f"aim {RATE_AIM:g}"],
        [
            "head's CPU a task, cluster / local",
            *_scaled(cluster.cpu_ratio, 1, "{:.2f}"),
            f"aim at most {CPU_AIM:g}",
        ],
        [
            "head's memory, cluster / local",
            *_scaled(cluster.memory_ratio, 1, "{:.2f}"),
            f"aim at most {MEMORY_AIM:g}",
        ],
        ["tasks/s, messages of 1 / local", *_scaled(single.rate_ratio, 1, "{:.2f}"), ""],
        ["head's CPU a task, messages of 1 / local", *_scaled(single.cpu_ratio, 1, "{:.2f}"), ""],
        [
            f"{BUSY_INSTANCES} instances of a step of 1 s: busy",
            f"{figures.busy:.1%}",
            "",
            f"aim {BUSY_AIM:.0%}",
        ],
    ]
    niced = [
        f"node {name}: its workers run at niceness {nice}; RAY_worker_niceness=0 before `ray start` changes that"
        for name, nice in figures.niceness.items()
        if nice > 0
    ]
    verdict = "equal" if figures.identical else "NOT EQUAL"
    return [*aligned(rows), "", *aligned(aims), *niced, f"results: {verdict}"]


def as_json(
    machine: Mapping[str, object],
    setting: Mapping[str, object],
    *,
    comparisons: Sequence[Comparison] = (),
    flags: Sequence[FlagFigures] = (),
    scale: ScaleFigures | None = None,
    starts: StartFigures | None = None,
    cluster: ClusterFigures | None = None,
) -> dict[str, object]:
    """Everything, in seconds and bytes."""
    return {
        "machine": dict(machine),
        "setting": dict(setting),
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "flags": [asdict(row) for row in flags],
        "scale": asdict(scale) if scale else None,
        "starts": asdict(starts) if starts else None,
        "cluster": asdict(cluster) if cluster else None,
    }


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """One row for each workload and variant, in seconds and bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for comparison in comparisons:
        for row in comparison.figures:
            rate, split = row.tasks_per_second, row.split
            parts = [split.queue, split.start, split.compute, split.transfer] if split else [None] * 4
            costs = [row.client_cpu, row.engine_cpu, row.peak_memory, row.first_task, row.command_seconds]
            writer.writerow(
                [comparison.workload, row.name, row.tasks, rate.count]
                + [_plain(value) for value in (rate.median, rate.least, rate.greatest)]
                + [_plain(row.recordings_per_second.median)]
                + [_plain(part) for part in parts]
                + [_plain(cost.median if cost else None) for cost in costs]
                + [" ".join(row.digests)]
            )
    return text.getvalue()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)] if rows else []
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _row(figures: Figures) -> list[str]:
    rate = figures.tasks_per_second
    memory = figures.peak_memory
    return [
        figures.name,
        str(figures.tasks),
        rounded(rate.median),
        f"({rounded(rate.least)} - {rounded(rate.greatest)})",
        rounded(figures.recordings_per_second.median),
        *_split_cells(figures.split),
        *(rounded(cpu.median * 1e3) if cpu else "-" for cpu in (figures.client_cpu, figures.engine_cpu)),
        f"{memory.median / 1e6:.0f} MB" if memory else "-",
    ]


def _split_cells(split: Split | None) -> list[str]:
    if split is None:
        return ["-"] * 4
    return [rounded(part * 1e3) for part in (split.queue, split.start, split.compute, split.transfer)]


def _ratio_row(ratio: Ratio) -> list[str]:
    aim = "" if ratio.least is None else f"aim {ratio.least:g}"
    met = "" if ratio.least is None else ("met" if ratio.value.median >= ratio.least else "MISSED")
    spread = f"({rounded(ratio.value.least)} - {rounded(ratio.value.greatest)})"
    return [f"{ratio.name} / {ratio.floor}", rounded(ratio.value.median), spread, aim, met]


def rounded(value: float) -> str:
    """Three significant figures, without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _range(value: Spread, form: str) -> str:
    return f"({form.format(value.least)} - {form.format(value.greatest)})"


def _seconds(value: Spread) -> list[str]:
    return _scaled(value, 1.0, "{:.3f} s")


def _scaled(value: Spread, factor: float, form: str) -> list[str]:
    least, greatest = form.format(value.least * factor), form.format(value.greatest * factor)
    return [form.format(value.median * factor), f"({least} - {greatest})"]


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
