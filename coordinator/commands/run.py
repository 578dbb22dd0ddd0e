"""``run``: a pipeline over a batch, from the start or from where an earlier session of the run has ended."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from coordinator.commands.arguments import add_what, positive, what
from coordinator.commands.dryrun import script
from coordinator.commands.running import add_on_end, run_and_tell
from coordinator.errors import EXIT_CODES, EngineError, ExitCode, UsageError
from coordinator.pipeline import Rung
from coordinator.runners.engine import Engine
from coordinator.runners.habits import Habits
from coordinator.session.options import RunOptions


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_CODES
    add_what(parser)
    parser.add_argument("--out", type=Path, metavar="RUN_DIR", help="the run folder (default: runs/<batch>)")
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="maximum number of tasks at a time (default: what fits)"
    )
    parser.add_argument(
        "--rung",
        choices=[rung.value for rung in Rung],
        help="how tasks run (default: as the pipeline says, else fresh)",
    )
    parser.add_argument(
        "--reuse", dest="rung", action="store_const", const="resident", help="short for --rung resident"
    )
    parser.add_argument(
        "--prestart", type=positive, metavar="N", help="start N containers of each step ahead"
    )
    parser.add_argument(
        "--chunk",
        type=positive,
        metavar="N",
        help="on the fresh rung: a container takes N tasks, one after the other, and ends",
    )
    parser.add_argument(
        "--hash-inputs",
        action="store_true",
        help="tell image files apart by content instead of size and time",
    )
    add_on_end(parser)
    parser.add_argument("--pull", action="store_true", help="pull images that the engine has not got")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the docker run lines as a shell script instead"
    )
    _add_cluster(parser)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    """Where a run is that is not on this machine alone."""
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="run on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT"
    )
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="STEP=LEAST:MOST",
        help="how many instances of STEP the cluster may have (once for each step)",
    )
    parser.add_argument(
        "--node-paths",
        action="append",
        default=[],
        metavar="HEAD=NODE",
        help="the cluster's nodes have this machine's folder HEAD at NODE (once for each such folder)",
    )
    parser.add_argument(
        "--node-cache",
        metavar="DIR:SIZE",
        help="where the cluster's nodes keep images by URL, and how much (default: the user's cache folder, 20g)",
    )
    parser.add_argument(
        "--target-wait",
        type=positive,
        metavar="SECONDS",
        help="instances are added until the last task in line waits less than this (default: 10)",
    )


def main(options: argparse.Namespace) -> ExitCode:
    asked = _run_options(options)
    if not options.dry_run:
        return run_and_tell(asked, options.on_end)
    for line in script(asked, _habits_here()):
        print(line)
    return ExitCode.DONE


def _habits_here() -> Habits | None:
    """Those of the engine that a script is most likely to be run on; None if none answers."""
    try:
        with closing(Engine()) as engine:
            return engine.habits
    except EngineError:
        return None


def _run_options(options: argparse.Namespace) -> RunOptions:
    asked = what(options)
    if options.cluster is None and (options.instances or options.target_wait):
        name = "--instances" if options.instances else "--target-wait"
        raise UsageError(
            f"{name} is about instances on a cluster; use it with --cluster, or --jobs without one"
        )
    if options.cluster is None and (options.node_paths or options.node_cache):
        name = "--node-paths" if options.node_paths else "--node-cache"
        raise UsageError(f"{name} is about folders of a cluster's nodes; use it with --cluster")
    if options.on_end is not None and options.dry_run:
        raise UsageError(
            "--on-end is for when a run has ended, and --dry-run runs nothing: leave one of them out"
        )
    if options.cluster is not None and (options.jobs or options.dry_run):
        raise UsageError("--cluster goes with --instances, and with neither --jobs nor --dry-run")
    if options.cluster is not None and (options.chunk or options.prestart):
        raise UsageError(
            "--cluster goes with neither --chunk nor --prestart: instances keep what they need themselves"
        )
    return replace(
        asked,
        out=options.out or asked.out,
        jobs=options.jobs,
        rung=Rung(options.rung) if options.rung else None,
        prestart=options.prestart,
        chunk=options.chunk,
        hash_inputs=options.hash_inputs,
        pull=options.pull,
        cluster=options.cluster,
        instances=tuple(options.instances),
        target_wait=options.target_wait or asked.target_wait,
        node_paths=tuple(options.node_paths),
        node_cache=options.node_cache,
    )
