"""What several commands have on their command lines."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from coordinator.batch.sources import FORMAT_NAMES
from coordinator.session.options import RunOptions


def add_what(parser: argparse.ArgumentParser) -> None:
    """What to run: the same for every command that takes a batch."""
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    add_pipeline(parser)
    parser.add_argument(
        "--from", dest="first", metavar="STEP", help="start at STEP, with the batch's detections.json"
    )
    parser.add_argument("--until", dest="last", metavar="STEP", help="end with STEP")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N recordings")
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """How the batch's folder is read."""
    parser.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        help="what tells of the recordings, where the folder holds several (default: found by itself)",
    )
    parser.add_argument(
        "--time-offset",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="added to the times of photographs before they are looked up in a GPX track",
    )


def add_pipeline(parser: argparse.ArgumentParser) -> None:
    """Which pipeline: a built-in one, or a file."""
    parser.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )


def what(options: argparse.Namespace) -> RunOptions:
    """A run of what :func:`add_what` has taken, in the folder that a run has if none is named."""
    return RunOptions(
        batch=options.batch,
        out=Path("runs") / (options.batch.resolve().name or "batch"),
        pipeline=options.pipeline,
        first=options.first,
        last=options.last,
        limit=options.limit,
        format=options.format,
        time_offset=options.time_offset,
    )


def positive(text: str) -> int:
    """A whole number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    """A finite number. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def metres(text: str) -> float:
    """A length above 0. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in metres")
    return value


def share(text: str) -> float:
    """A number from 0 to 1. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
