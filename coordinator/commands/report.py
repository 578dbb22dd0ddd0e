"""``report``: the page of a run as it is now, for who looks before they believe."""

from __future__ import annotations

import argparse
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.commands.placed import read_placed
from coordinator.commands.streams import warn
from coordinator.errors import ExitCode
from coordinator.record.runfolder import RunFolder
from coordinator.report.model import Mark
from coordinator.report.written import write_report


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="TRUTH.geojson",
        help="show these points beside the objects that were found",
    )


def main(options: argparse.Namespace) -> ExitCode:
    folder = RunFolder(options.run)
    path = write_report(folder, _truth(folder, options.truth), warn)
    print(f"report      {path}")
    return ExitCode.DONE


def _truth(folder: RunFolder, path: Path | None) -> list[Mark]:
    """The points of the truth in the run's CRS."""
    crs = folder.read_about().get("crs")
    if path is None or not crs:
        return []
    placed, _ = read_placed(path, Projection.named(crs))
    return [Mark(id=one.id, x=one.position[0], y=one.position[1], category=one.category) for one in placed]
