"""``plan``: what a municipality would take on machines that one has not got yet, from runs that were measured."""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from coordinator.commands.arguments import positive
from coordinator.errors import ExitCode, RunFolderError
from coordinator.instances import Instances, as_option
from coordinator.pipeline import Rung
from coordinator.plan.choice import Wish
from coordinator.plan.picture import svg
from coordinator.plan.planning import Asked, make
from coordinator.plan.table import Planned, document, lines
from coordinator.record.disk import write_json

_HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0}
_FILES = _PLAN, _FRONT, _INSTANCES = "plan.json", "front.svg", "instances.yaml"
_CENTURY = 876_600.0
_MOST_RECORDINGS = 10_000_000
_MOST_JOBS = 10_000
_TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "exit codes: 0 planned, 1 nothing keeps the deadline or the budget, 2 wrong usage, 130 interrupted"
    )
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN_DIR", help="a run whose tasks were measured"
    )
    parser.add_argument(
        "--recordings",
        type=_recordings,
        metavar="N",
        help="how many there are, 10 million at most (default: as the first run had)",
    )
    parser.add_argument(
        "--machines", type=Path, metavar="FILE", help="machines to choose from (default: the first run's own)"
    )
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument(
        "--deadline", type=_hours, metavar="TIME", help="the cheapest within TIME, as 8h or 90min"
    )
    wish.add_argument("--budget", type=_money, metavar="MONEY", help="the quickest for MONEY")
    parser.add_argument("--jobs", type=_jobs, metavar="N", help="as for run, on the first run's own machine")
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="STEP=LEAST:MOST",
        help="as for run --cluster, on the cluster of the first run (once for each step)",
    )
    parser.add_argument(
        "--rung", choices=[rung.value for rung in Rung], help="how tasks run (default: as in the first run)"
    )
    parser.add_argument(
        "--fail-every", type=_hours, metavar="TIME", help="a machine is lost after TIME on average"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another order of chances")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write plan.json, front.svg and instances.yaml there"
    )


def main(options: argparse.Namespace) -> ExitCode:
    if options.out is not None:
        _make(options.out)  # a play of minutes is not to end with a folder that cannot be written to
    plan = make(
        Asked(
            runs=options.runs,
            recordings=options.recordings,
            machines=options.machines,
            wish=Wish(hours=options.deadline, budget=options.budget),
            jobs=options.jobs,
            rung=Rung(options.rung) if options.rung else None,
            fail_every=options.fail_every,
            seed=options.seed,
            instances=options.instances,
        )
    )
    if options.out is not None:
        _write(plan, options.out)
    print(json.dumps(document(plan), indent=2) if options.json else "\n".join(lines(plan)))
    return ExitCode.DONE if plan.is_granted else ExitCode.SOME_FAILED


def _make(folder: Path) -> None:
    """The folder for the plan, with a file written to it for a moment. Raises RunFolderError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if folders := [name for name in _FILES if (folder / name).is_dir()]:
            raise IsADirectoryError(f"{folders[0]} is a folder there")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunFolderError:
    return RunFolderError(f"the plan cannot be written to {str(folder)!r}: {error}")


def _write(plan: Planned, folder: Path) -> None:
    """The plan, its picture, and the thresholds. Raises RunFolderError if they cannot be written."""
    title = f"{plan.work.recordings:,} recordings: time against cost"
    told = document(plan)
    try:
        write_json(folder / _PLAN, told)
        picture = svg(plan.points, plan.chosen, title, plan.machines.currency)
        (folder / _FRONT).write_text(picture, encoding="utf-8")
        (folder / _INSTANCES).write_text(_instances(plan.thresholds), encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _instances(thresholds: Mapping[str, Instances]) -> str:
    """The thresholds as a pipeline file has them, and as a command line has."""
    options = " ".join(f"--instances {as_option(name, one)}" for name, one in thresholds.items())
    steps = {"steps": [{"name": name, "instances": one.model_dump()} for name, one in thresholds.items()]}
    return (
        f"# As options: run BATCH_DIR --cluster ADDRESS {options}\n"
        "# Or in the pipeline file, beside what its steps have there:\n"
        f"{yaml.safe_dump(steps, sort_keys=False)}"
    )


def _recordings(text: str) -> int:
    """A number of recordings that can be played. Raises ArgumentTypeError."""
    value = positive(text)
    if value > _MOST_RECORDINGS:
        raise argparse.ArgumentTypeError(
            f"{text} recordings are more than {_MOST_RECORDINGS:,}, of which a play takes an hour and 2.5 GB: "
            "plan a part, its time and cost are in proportion"
        )
    return value


def _jobs(text: str) -> int:
    """A number of tasks at a time. Raises ArgumentTypeError."""
    value = positive(text)
    if value > _MOST_JOBS:
        raise argparse.ArgumentTypeError(
            f"{text} at a time are more than {_MOST_JOBS:,}, the most of one machine"
        )
    return value


def _hours(text: str) -> float:
    """A time such as 8h, 90min or 2d, in hours. Raises ArgumentTypeError."""
    match = _TIME.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 8h, 90min or 2d")
    hours = float(match[1]) * _HOURS[match[2]]
    if hours > _CENTURY:
        raise argparse.ArgumentTypeError(f"{text!r} is more than a century")
    return hours


def _money(text: str) -> float:
    """A finite amount above zero. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of money; write for example 200")
    return value
