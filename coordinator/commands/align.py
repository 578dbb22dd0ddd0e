"""``align``: a batch's poses refined from its photographs, written as a batch of its own beside the images.

The step runs as in any run, in a run folder beside the new batch, which goes when that is there. A run that was killed
or failed leaves it: the same command goes on from there, and its evidence can be looked at. The new batch appears
whole.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import yaml

from coordinator.batch.folder import Batch, open_batch
from coordinator.batch.look import Look
from coordinator.batch.recording import Recording
from coordinator.commands.alignment import Alignment
from coordinator.commands.arguments import add_reading
from coordinator.commands.plainbatch import TABLE, write_batch
from coordinator.errors import EXIT_CODES, BatchError, ExitCode, RunFolderError, UsageError
from coordinator.findings import Level
from coordinator.pipeline import Pipeline, Rung, load_pipeline
from coordinator.record.disk import remove_tree, sync, write_text
from coordinator.record.history import History
from coordinator.record.journal import Journal, Status
from coordinator.record.lock import locked
from coordinator.record.runfolder import RunFolder
from coordinator.session.options import RunOptions
from coordinator.session.progress import tell
from coordinator.session.run import Summary, run
from coordinator.strictjson import Json, decode

_BUILT_IN, _STEP = "traffic-signs-aligned", "align"
_FEWEST = 3
"""Recordings: two photographs tell a motion, but not how far it was."""
_PIPELINE, _STAGED, _TRUTH = "pipeline.yaml", "batch", "truth.geojson"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_CODES
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="BATCH", help="the batch to write: a new folder"
    )
    parser.add_argument("--params", default="{}", metavar="JSON", help="the step's parameters, an object")
    parser.add_argument("--image", metavar="IMAGE_REF", help="another step's image than coordinator/align")
    parser.add_argument(
        "--rung", choices=[rung.value for rung in Rung], help="how the step runs (default: fresh)"
    )
    add_reading(parser)


def main(options: argparse.Namespace) -> ExitCode:
    batch = open_batch(options.batch, format=options.format, time_offset=options.time_offset)
    out = options.out.resolve()
    _check(batch, out)
    _count(batch)
    pipeline = _pipeline(options)
    with _beside(out) as own:
        write_text(
            own / _PIPELINE,
            yaml.safe_dump(pipeline.model_dump(mode="json", exclude_unset=True), sort_keys=False),
        )
        wanted = RunOptions(
            batch=options.batch,
            out=own,
            pipeline=str(own / _PIPELINE),
            rung=Rung(options.rung) if options.rung else None,
            format=options.format,
            time_offset=options.time_offset,
        )
        summary = run(wanted, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]]))
        if not summary.complete:
            raise KeyboardInterrupt
        if not summary.counts.get((_STEP, Status.SUCCEEDED)):
            return _tell_failure(summary, own)
        look, alignment = _write(batch, own, out)
    for finding in summary.findings:
        if finding.level is Level.WARNING and finding.kind != "not-aligned":  # which is told with its reasons
            print(finding)
    if look.bad.count:
        print(f"left out    {look.bad.count:,}: {look.reasons[0]}")
    print(f"result      {out / TABLE}")
    if not alignment.count:
        print("nothing was aligned: the new batch has the poses of the old one")
    return ExitCode.DONE if alignment.count and not look.bad.count else ExitCode.SOME_FAILED


def _check(batch: Batch, out: Path) -> None:
    """Raises UsageError for a place where no new batch can be."""
    if out.is_relative_to(batch.folder):
        raise UsageError(
            f"{str(out)!r} lies inside the batch, which is never changed; name another folder with --out"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{str(out)!r} is there already; name another folder with --out")


def _count(batch: Batch) -> None:
    """Raises BatchError for too few recordings; what is the matter if none has a pose, the look before the run says."""
    found = (one for one in batch.recordings() if isinstance(one, Recording) and one.item["pose"] is not None)
    count = sum(1 for _ in islice(found, _FEWEST))
    if 0 < count < _FEWEST:
        some = "one recording has a pose" if count == 1 else f"{count} recordings have poses"
        raise BatchError(
            f"{str(batch.folder)!r}: {some}; aligning takes at least {_FEWEST} of one street, a few metres apart"
        )


def _pipeline(options: argparse.Namespace) -> Pipeline:
    """The step alone. Raises UsageError."""
    try:
        params = decode(options.params.encode())
    except ValueError as error:
        raise UsageError(f"--params is not JSON: {error}") from error
    if not isinstance(params, dict):
        raise UsageError(f"--params is not an object: {json.dumps(params)}")
    (step,) = load_pipeline(_BUILT_IN).between(_STEP, _STEP).steps
    changes: Json = {"params": {**step.params, **params}}
    if options.image:
        changes["image_ref"] = options.image
    return Pipeline(name=_STEP, steps=(step.model_copy(update=changes),))


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """The run folder beside the new batch; what is refused or interrupted leaves none, unless the step is done.

    One that an earlier attempt left is gone on with, and stays if this one is refused.
    """
    own = out.parent / f".{out.name}.{_STEP}"
    is_ours = not own.exists()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"{str(own)!r} cannot be made: {error.strerror}") from error
    try:
        yield own
    except BaseException as error:
        if _is_done(own):
            tell(f"the poses are kept in {own}: the same command writes the batch")
        elif is_ours or isinstance(error, KeyboardInterrupt):
            remove_tree(own)
        raise


def _is_done(own: Path) -> bool:
    """Whether the step has ended well, which may have taken hours."""
    with suppress(RunFolderError), History(RunFolder(own).journal) as history:
        return any(history.succeeded(_STEP))
    return False


def _tell_failure(summary: Summary, own: Path) -> ExitCode:
    for failure in summary.failures:
        print(f"  failed: {failure.id!r}: {failure.error.kind}: {failure.error.message}")
    print("nothing was aligned, and no batch written")
    print(f"evidence    {own / 'failures'}{os.sep}")
    print("again       the same command tries it again")
    return ExitCode.SOME_FAILED


def _write(batch: Batch, own: Path, out: Path) -> tuple[Look, Alignment]:
    """Writes the new batch aside, moves it to its place and tells what came of it; the run folder goes."""
    staged = own / _STAGED
    try:
        with locked(own):
            remove_tree(staged)  # which a killed attempt may have left
            staged.mkdir()
            with Journal(RunFolder(own).journal) as journal:
                alignment = Alignment(journal.items(_STEP))
            found = batch.recordings(with_detections=batch.detections is not None)
            look = write_batch(batch, alignment.apply(found), staged)
            if (truth := batch.folder / _TRUTH).is_file():
                shutil.copy2(truth, staged / _TRUTH)
            staged.replace(out)
            sync(out.parent)
    except OSError as error:
        raise BatchError(f"{str(out)!r} cannot be written: {error}") from error
    remove_tree(own)
    print("\n".join(alignment.lines()))
    return look, alignment
