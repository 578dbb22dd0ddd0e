"""``review``: a reader's decisions, as the report saves them, become part of the results."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.batch.regions import from_json
from coordinator.errors import ExitCode, RunFolderError
from coordinator.pipeline import Per, Step
from coordinator.record.facts import SessionState
from coordinator.record.gis.reading import read_recordings
from coordinator.record.gis.write import OBJECTS_GPKG
from coordinator.record.history import History
from coordinator.record.lock import locked
from coordinator.record.merging import Merged, merged
from coordinator.record.results import object_features, write_results
from coordinator.record.review import Decision, Matched, Verdict
from coordinator.record.reviewed import known_objects, lost, matched_features, needless, repeated, unknown
from coordinator.record.reviewfile import keep, read_kept, read_review
from coordinator.record.runfolder import RunFolder
from coordinator.record.surroundings import Surroundings, surroundings
from coordinator.strictjson import Json

_WORDS = {Verdict.ACCEPT: "accepted", Verdict.REJECT: "rejected", Verdict.RECLASS: "re-classed"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("review", type=Path, metavar="REVIEW.csv", help="as the report saves it")


def main(options: argparse.Namespace) -> ExitCode:
    folder, decisions = RunFolder(options.run), read_review(options.review)
    about = folder.read_about()
    if not decisions:
        print(f"note: {options.review} has no decisions", file=sys.stderr)
    if not about.get("crs"):
        raise RunFolderError(f"run folder {str(folder.path)!r} has no map: its batch has no positions")
    with locked(folder.path), History(folder.journal) as history:
        if history.facts.session_state is not SessionState.COMPLETE:
            raise RunFolderError(
                f"run folder {str(folder.path)!r} is not complete: let the run end first (`status` says how), "
                "or else decisions would be lost on objects that are still to come"
            )
        return _put_in(folder, history, decisions, about)


def _put_in(folder: RunFolder, history: History, decisions: list[Decision], about: Json) -> ExitCode:
    steps = folder.read_steps()
    projection = Projection.named(about["crs"])
    features = object_features(history, steps, projection)
    both = merged(read_kept(folder.path), decisions, known_objects(features))
    found = matched_features(features, both.kept)
    try:
        keep(folder.path, both.kept)
        files = write_results(history, steps, projection, folder.path, _around(folder, history, steps, about))
    except OSError as error:
        raise RunFolderError(
            f"{error.filename2 or error.filename or folder.path} cannot be written: {error.strerror}; a part of the "
            "results may have the review already, and all of them once the same command has ended well"
        ) from error
    counts = Counter(decision.verdict for decision in found.by_object.values())
    print("review      " + ", ".join(f"{counts[verdict]} {word}" for verdict, word in _WORDS.items()))
    print(f"objects     {len(features) - counts[Verdict.REJECT]} of the {len(features)} that the run found")
    for path in files:
        print(f"result      {path}")
    return _told(found, both)


def _told(found: Matched, both: Merged) -> ExitCode:
    """Says what does not count; that a later row counts instead, or that all is as it should be, is no failure."""
    failures = [finding for finding in (unknown(both.unknown), lost(found)) if finding is not None]
    for finding in (repeated(both.repeated), needless(both.needless), *failures):
        if finding is not None:
            print(finding, file=sys.stderr)
    return ExitCode.SOME_FAILED if failures else ExitCode.DONE


def _around(folder: RunFolder, history: History, steps: Sequence[Step], about: Json) -> Surroundings:
    """What the results tell of besides what the journal has, as the run itself wrote it."""
    units = {unit for step in steps if step.per is Per.REGION for unit in history.states(step.name)}
    before = partial(read_recordings, folder.path / OBJECTS_GPKG)
    return surroundings(
        folder, Path(about["batch"]["folder"]), from_json(about.get("regions")), units, before
    )
