"""``check-step``: whether a step's image keeps the step contract, told check by check."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from coordinator.checkstep.command import CheckOptions, check_step
from coordinator.checkstep.findings import Result
from coordinator.checkstep.subject import CheckLimits
from coordinator.commands.arguments import positive
from coordinator.errors import ExitCode


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "exit codes: 0 it conforms, 1 it does not, 2 it cannot be checked, 130 interrupted"
    checked = parser.add_mutually_exclusive_group(required=True)
    checked.add_argument("image_ref", nargs="?", metavar="IMAGE_REF", help="the container image")
    checked.add_argument(
        "--socket", type=Path, metavar="FILE", help="a step behind this socket (docs/deploy.md), not an image"
    )
    parser.add_argument("--params", metavar="JSON", help="the step's parameters, an object")
    parser.add_argument(
        "--batch", type=Path, metavar="BATCH_DIR", help="the images (default: one small photograph)"
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--item", metavar="JSON", help="what to ask for (default: the batch's first recording)"
    )
    asked.add_argument("--request", metavar="FILE", help="a request with all its items, as JSON")
    parser.add_argument("--gpu", action="store_true", help="give it the machine's first GPU")
    parser.add_argument(
        "--timeout", type=positive, default=60, metavar="S", help="seconds for an answer (default: 60)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def main(options: argparse.Namespace) -> ExitCode:
    wanted = CheckOptions(
        image_ref=options.image_ref,
        socket=options.socket,
        batch=options.batch,
        request=options.request,
        item=options.item,
        params=options.params,
        gpu=options.gpu,
        limits=CheckLimits(answer=options.timeout),
    )
    if options.json:
        report = check_step(wanted)
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        report = check_step(wanted, say=_show)
        print(f"\n{report.summary}")
    return report.exit_code


def _show(result: Result) -> None:
    print("\n".join(result.lines()), flush=True)
