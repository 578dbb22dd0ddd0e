"""``bench``: every way to run a task, measured in turns on the same tasks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from coordinator.bench.command import bench
from coordinator.bench.options import WORKLOADS, BenchOptions, chosen
from coordinator.bench.variants import BASELINES, RUNGS
from coordinator.commands.arguments import add_pipeline, positive
from coordinator.errors import ExitCode, UsageError


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(mode="rates")
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    add_pipeline(parser)
    _add_variants(parser)
    _add_amounts(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/bench"), metavar="DIR", help="default: runs/bench"
    )
    _add_modes(parser)


def _add_variants(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workloads", type=_names, metavar="NAMES", help="trivial, pipeline (default: both)")
    parser.add_argument(
        "--rungs",
        type=_names,
        metavar="NAMES",
        help="fresh, fresh+prestart, fresh+chunk, exec, resident, process (default: all)",
    )
    parser.add_argument(
        "--baselines",
        type=_names,
        metavar="NAMES",
        help="api-loop, parallel, xargs, shell-loop (default: all), or none",
    )


def _add_amounts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=positive, default=3, metavar="N", help="rounds (default: 3)")
    parser.add_argument(
        "--tasks",
        type=positive,
        default=40,
        metavar="N",
        help="trivial tasks of the fresh rung (default: 40)",
    )
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="tasks at a time (default: one per CPU; with --cluster: 1)"
    )
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="only the first N recordings of the batch"
    )
    parser.add_argument(
        "--patience",
        type=positive,
        default=20,
        metavar="S",
        help="wait so long for a quiet machine (default: 20)",
    )


def _add_modes(parser: argparse.ArgumentParser) -> None:
    modes = parser.add_mutually_exclusive_group()
    for mode, measured in (
        ("flags", "what each isolation flag costs instead"),
        ("scale", "starting, and a table of a million recordings instead"),
        ("service", "the image service against a plain pool of processes instead"),
        ("requests", "single small requests to the image service against a minimal one instead"),
    ):
        modes.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=measured)

    modes.add_argument(
        "--cluster", metavar="ADDRESS", help="a Ray cluster against local processes instead (auto, HOST:PORT)"
    )
    parser.add_argument(
        "--nginx",
        type=positive,
        metavar="PORT",
        help="with --requests: through the nginx of make daemon, too, which is on 8080",
    )


def main(options: argparse.Namespace) -> ExitCode:
    measured = bench(_wanted(options), say=lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(measured.lines))
    for path in measured.files:
        print(f"result      {path}")
    return ExitCode.DONE if measured.identical else ExitCode.SOME_FAILED


def _wanted(options: argparse.Namespace) -> BenchOptions:
    if options.nginx is not None and options.mode != "requests":
        raise UsageError("--nginx goes with --requests")
    return BenchOptions(
        batch=options.batch,
        out=options.out,
        pipeline=options.pipeline,
        mode=options.mode,
        cluster=options.cluster,
        nginx=options.nginx,
        rungs=chosen(RUNGS, options.rungs),
        baselines=chosen(BASELINES, options.baselines),
        workloads=chosen(WORKLOADS, options.workloads),
        repeats=options.repeats,
        tasks=options.tasks,
        jobs=options.jobs,
        limit=options.limit,
        patience=options.patience,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
