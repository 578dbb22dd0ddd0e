"""``demo``: the sample municipality that comes with the coordinator, mapped, compared with its truth, and shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import coordinator
from coordinator.commands import report, run, score
from coordinator.errors import BatchError, ExitCode

_SAMPLE = Path(coordinator.__file__).resolve().parents[1] / "images" / "demo"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), metavar="RUN_DIR", help="default: runs/demo"
    )
    parser.add_argument("--reuse", action="store_true", help="keep the steps' models loaded, as of `run`")
    parser.description = (
        "Runs the pipeline over the sample municipality, as `run` would, then `score` and `report` with its truth. "
        "The images of the steps must be there: `images build` makes them."
    )


def main(options: argparse.Namespace) -> ExitCode:
    truth = _SAMPLE / "truth.geojson"
    if not truth.exists():
        raise BatchError(f"the sample municipality is not there: {_SAMPLE}; install the coordinator anew")
    out, reuse = options.out, ["--reuse"] if options.reuse else []
    code = run.main(_typed(run.add_options, _SAMPLE, "--out", out, *reuse))
    if code is ExitCode.DONE:
        code = score.main(_typed(score.add_options, out, truth))
    if code is ExitCode.DONE:
        code = report.main(_typed(report.add_options, out, "--truth", truth))
    return code


def _typed(add_options: Callable[[argparse.ArgumentParser], None], *words: str | Path) -> argparse.Namespace:
    """A command's options, as if they had been typed."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args([str(word) for word in words])
