"""``import``: a batch of whatever format written as a plain one, so that one can look at what was read, and mend it."""

from __future__ import annotations

import argparse
from pathlib import Path

from coordinator.batch.companions import DETECTIONS
from coordinator.batch.folder import open_batch
from coordinator.batch.survey import Purpose, survey
from coordinator.commands.arguments import add_reading
from coordinator.commands.plainbatch import CONFIG, TABLE, write_batch
from coordinator.errors import ExitCode, UsageError
from coordinator.findings import Finding


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what is to be read")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="BATCH",
        help="the batch to write; FOLDER itself adds to it",
    )
    add_reading(parser)


def main(options: argparse.Namespace) -> ExitCode:
    batch = open_batch(options.folder, format=options.format, time_offset=options.time_offset)
    out = options.out.resolve()
    taken = [name for name in (TABLE, CONFIG, DETECTIONS) if (out / name).exists()]
    if TABLE in taken or (out != batch.folder and taken):
        raise UsageError(f"{out / taken[0]} is there already; name another folder with --out")
    batch.check()
    out.mkdir(parents=True, exist_ok=True)
    told: list[Finding] = []
    recordings = batch.recordings(with_detections=batch.detections is not None, tell=told.append)
    look = write_batch(batch, recordings, out)
    for finding in (*told, *survey(look, Purpose(makes_map=True))):
        print(finding)
    print(f"recordings  {look.total:,}, read as {batch.source.name}; {look.bad.count:,} left out")
    print(f"result      {out / TABLE}")
    return ExitCode.SOME_FAILED if look.bad.count else ExitCode.DONE
