"""What may be typed: the commands with their options. Nothing is loaded for it, so that ``--help`` comes at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from coordinator import __version__

RUNGS = ("fresh", "exec", "resident", "process")
"""The rungs by name; here as well, so that --help needs no import of the pipeline (a test holds them equal)."""
_EPILOG = "exit codes: 0 all done, 1 some items failed, 2 wrong usage or preflight, 130 interrupted"


def parser() -> argparse.ArgumentParser:
    """The whole command line; ``command`` of what it parses is the command's name."""
    parser = argparse.ArgumentParser(
        prog="python -m coordinator",
        description="Runs a pipeline of containerised steps over a municipality's street-level images.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"coordinator {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_validate(commands)
    _add_schema(commands)
    _add_score(commands)
    _add_bench(commands)
    _add_check_step(commands)
    _add_doctor(commands)
    _add_status(commands)
    _add_retry(commands)
    _add_clean(commands)
    _add_replay(commands)
    _add_serve(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run", help="run a pipeline over a batch; run again to continue", epilog=_EPILOG
    )
    _add_what(run)
    run.add_argument("--out", type=Path, metavar="RUN_DIR", help="the run folder (default: runs/<batch>)")
    run.add_argument(
        "--jobs", type=_positive, metavar="N", help="at most N tasks at a time (default: what fits)"
    )
    run.add_argument(
        "--rung", choices=RUNGS, help="how tasks run (default: as the pipeline says, else fresh)"
    )
    run.add_argument(
        "--reuse", dest="rung", action="store_const", const="resident", help="short for --rung resident"
    )
    run.add_argument("--prestart", type=_positive, metavar="N", help="start N containers of each step ahead")
    run.add_argument(
        "--hash-inputs",
        action="store_true",
        help="tell image files apart by content instead of size and time",
    )
    run.add_argument("--pull", action="store_true", help="pull images that the engine has not got")
    run.add_argument(
        "--dry-run", action="store_true", help="print the docker run lines as a shell script instead"
    )


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser("validate", help="check a batch and a pipeline without running anything")
    _add_what(validate)


def _add_what(parser: argparse.ArgumentParser) -> None:
    """What to run: the same for every command that takes a batch."""
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    parser.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    parser.add_argument(
        "--from", dest="first", metavar="STEP", help="start at STEP, with the batch's detections.json"
    )
    parser.add_argument("--until", dest="last", metavar="STEP", help="end with STEP")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N recordings")


def _add_schema(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser("schema", help="print the step contract as JSON Schema")


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser("score", help="compare a run's objects with a truth")
    score.add_argument("run", type=Path, metavar="RUN_DIR")
    score.add_argument("truth", type=Path, metavar="TRUTH.geojson")
    score.add_argument(
        "--radius", type=_metres, default=1.0, metavar="METRES", help="matching radius (default: 1)"
    )
    score.add_argument("--json", action="store_true", help="print the figures as JSON")


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser("bench", help="measure every way to run a task, in turns, on the same tasks")
    bench.set_defaults(mode="rates")
    bench.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    bench.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    bench.add_argument("--workloads", type=_names, metavar="NAMES", help="trivial, pipeline (default: both)")
    bench.add_argument(
        "--rungs",
        type=_names,
        metavar="NAMES",
        help="fresh, fresh+prestart, exec, resident, process (default: all)",
    )
    bench.add_argument(
        "--baselines",
        type=_names,
        metavar="NAMES",
        help="api-loop, parallel, xargs, shell-loop (default: all), or none",
    )
    bench.add_argument("--repeats", type=_positive, default=3, metavar="N", help="rounds (default: 3)")
    bench.add_argument(
        "--tasks",
        type=_positive,
        default=40,
        metavar="N",
        help="trivial tasks of the fresh rung (default: 40)",
    )
    bench.add_argument("--jobs", type=_positive, metavar="N", help="tasks at a time (default: one per CPU)")
    bench.add_argument(
        "--limit", type=_positive, metavar="N", help="only the first N recordings of the batch"
    )
    bench.add_argument(
        "--patience",
        type=_positive,
        default=20,
        metavar="S",
        help="wait so long for a quiet machine (default: 20)",
    )
    bench.add_argument(
        "--out", type=Path, default=Path("runs/bench"), metavar="DIR", help="default: runs/bench"
    )
    modes = bench.add_mutually_exclusive_group()
    modes.add_argument(
        "--flags",
        dest="mode",
        action="store_const",
        const="flags",
        help="what each isolation flag costs instead",
    )
    modes.add_argument(
        "--scale",
        dest="mode",
        action="store_const",
        const="scale",
        help="starting, and a table of a million recordings instead",
    )
    modes.add_argument(
        "--service",
        dest="mode",
        action="store_const",
        const="service",
        help="the image service against a plain pool of processes instead",
    )


def _add_check_step(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check-step",
        help="check that a step's image keeps the step contract",
        epilog="exit codes: 0 it conforms, 1 it does not, 2 it cannot be checked, 130 interrupted",
    )
    check.add_argument("image_ref", metavar="IMAGE_REF", help="the container image")
    check.add_argument("--params", metavar="JSON", help="the step's parameters, an object")
    check.add_argument(
        "--batch", type=Path, metavar="BATCH_DIR", help="the images (default: one small photograph)"
    )
    asked = check.add_mutually_exclusive_group()
    asked.add_argument(
        "--item", metavar="JSON", help="what to ask for (default: the batch's first recording)"
    )
    asked.add_argument("--request", metavar="FILE", help="a request with all its items, as JSON")
    check.add_argument("--gpu", action="store_true", help="give it the machine's first GPU")
    check.add_argument(
        "--timeout", type=_positive, default=60, metavar="S", help="seconds for an answer (default: 60)"
    )
    check.add_argument("--json", action="store_true", help="print the verdict as JSON")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="check engine, GPUs, disk, limits and images; change nothing")
    doctor.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    doctor.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where runs are to lie")


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="what a run has come to, also while it is going on")
    status.add_argument("run", type=Path, metavar="RUN_DIR")
    status.add_argument("--json", action="store_true", help="print it as JSON")


def _add_retry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    retry = commands.add_parser(
        "retry", help="try what failed again, and only that and what depends on it", epilog=_EPILOG
    )
    retry.add_argument("run", type=Path, metavar="RUN_DIR")
    retry.add_argument("--failed", action="store_true", required=True, help="the failed tasks")
    retry.add_argument("--step", metavar="STEP", help="only those of STEP; the others stay failed")


def _add_clean(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    clean = commands.add_parser(
        "clean", help="remove what dead runs left: containers, unfinished work folders"
    )
    clean.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUN_DIR",
        help="default: all of this host's on the engine, and runs/*",
    )
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="run one failed task again, its output on the terminal",
        epilog="exit codes: 0 a valid response, 1 none, 2 wrong usage, 130 interrupted",
    )
    replay.add_argument("run", type=Path, metavar="RUN_DIR")
    replay.add_argument("task", metavar="TASK", help="as failures name it, for example detect/a.jpg")


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from coordinator.service.flags import add_flags

    serve = commands.add_parser(
        "serve",
        help="the image service: resize, split and blur over HTTP",
        epilog="options can be given as the variables behind them instead; exit codes: 0 stopped, 2 not started",
    )
    add_flags(serve)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _metres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in metres")
    return value
