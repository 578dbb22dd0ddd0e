"""``score-detections``: how well the boxes that a run found agree with true ones (COCO's average precision, recall)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from coordinator.commands.boxfigures import figures, lines
from coordinator.commands.boxfiles import compare
from coordinator.errors import ExitCode


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a COCO file of detections")
    parser.add_argument(
        "truth", type=Path, metavar="TRUTH", help="a COCO file, or whatever a batch's detections may be"
    )
    parser.add_argument(
        "--threshold", type=_score, default=0.0, metavar="SCORE", help="leave out boxes of a lower score"
    )
    parser.add_argument(
        "--common", action="store_true", help="judge only the images that the run and the truth have"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _score(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a score from 0 to 1")
    return value


def main(options: argparse.Namespace) -> ExitCode:
    compared = compare(options.run, options.truth, common=options.common, threshold=options.threshold)
    for finding in compared.findings:
        print(f"coordinator: {finding}", file=sys.stderr)
    found = figures(compared.images, compared.labels, comparable=compared.comparable)
    print(json.dumps(found.as_json(), indent=2) if options.json else "\n".join(lines(found)))
    return ExitCode.DONE
