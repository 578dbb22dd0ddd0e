"""``compare``: what has changed between two runs over the same place."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.commands.arguments import metres, share
from coordinator.commands.changes import Change, Comparison, Kind, Limits, compare, with_rejections
from coordinator.commands.comparable import looks, rejected, things
from coordinator.errors import EXIT_CODES, ExitCode, RunFolderError
from coordinator.record.disk import write_json
from coordinator.record.runfolder import RunFolder
from coordinator.report.earlier import Earlier
from coordinator.report.model import SAME, Changed
from coordinator.report.written import write_report
from coordinator.strictjson import Json


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_CODES
    parser.add_argument("old", type=Path, metavar="OLD_RUN_DIR")
    parser.add_argument("new", type=Path, metavar="NEW_RUN_DIR")
    parser.add_argument(
        "--radius",
        type=metres,
        default=Limits.radius,
        metavar="METRES",
        help="how far an object may have moved and still be itself (default: 5)",
    )
    parser.add_argument(
        "--moved",
        type=metres,
        default=Limits.moved,
        metavar="METRES",
        help="from where on an object has moved; or from 3 standard deviations, if that is more (default: 1)",
    )
    parser.add_argument(
        "--sure",
        type=share,
        default=Limits.sure,
        metavar="SCORE",
        help="what is in one run only and has a lower score there is 'unsure' and neither new nor gone (default: 0.6)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.geojson", help="write the changes as GeoJSON")
    parser.add_argument(
        "--report", action="store_true", help="show the changes in report.html of the new run, too"
    )
    parser.add_argument("--json", action="store_true", help="print them as GeoJSON instead of a table")


def main(options: argparse.Namespace) -> ExitCode:
    crs = _crs(options.old)
    projection = Projection.named(crs)
    found = _compared(
        options, projection, Limits(radius=options.radius, moved=options.moved, sure=options.sure)
    )
    if _is_apart(found):
        _warn("the two runs share no place: no recording of either looks at an object of the other")
    found = _without_what_is_open(options.old, found, [one for one in found.changes if one.old is None])
    found = _without_what_is_open(options.new, found, [one for one in found.changes if one.new is None])
    document = as_geojson(found, crs)
    if options.out is not None:
        try:
            write_json(options.out, document)
        except OSError as error:
            raise RunFolderError(f"{options.out} cannot be written: {error.strerror}") from error
    page = _write_page(options, found) if options.report else None
    if options.json:
        print(json.dumps(document, indent=2))
        return ExitCode.DONE
    print("\n".join(lines(found)))
    if page is not None:
        print(f"report      {page}")
    return ExitCode.DONE


def _compared(options: argparse.Namespace, projection: Projection, limits: Limits) -> Comparison:
    old, new = things(options.old, projection), things(options.new, projection)
    found = compare(old, new, limits, looks(options.old, projection), looks(options.new, projection))
    out_of_old, out_of_new = rejected(options.old, old, projection), rejected(options.new, new, projection)
    return with_rejections(found, out_of_old, out_of_new, limits)


def _is_apart(found: Comparison) -> bool:
    """Whether nothing is in both runs, and nobody looks at what is in one of them; not where looks are not known."""
    return bool(found.changes) and not found.same and all(change.looks == 0 for change in found.changes)


def _write_page(options: argparse.Namespace, found: Comparison) -> Path:
    """The new run's page with the changes in it."""
    here = {thing.id: Changed(kind=SAME) for thing in found.same}
    here |= {change.new.id: _changed(change) for change in found.changes if change.new}
    gone = {change.old.id: _changed(change) for change in found.changes if change.old and not change.new}
    earlier = Earlier(folder=RunFolder(options.old), here=here, gone=gone)
    return write_report(RunFolder(options.new), warn=_warn, earlier=earlier)


def _warn(told: str) -> None:
    print(f"coordinator: warning: {told}", file=sys.stderr)


def _changed(change: Change) -> Changed:
    old = change.old
    return Changed(
        kind=str(change.kind),
        id=old.id if old else None,
        category=old.category if old else None,
        at=old.degrees if old else None,
        moved=round(change.moved, 2) if old and change.new else None,
        looks=change.looks,
    )


def _without_what_is_open(run: Path, found: Comparison, lacks: list[Change]) -> Comparison:
    """Leaves out what a run ``lacks`` that is not complete, and says so: it may still come to it."""
    if RunFolder(run).read_about().get("complete", True):
        return found
    left_out = frozenset(lacks)
    _warn(
        f"run {str(run)!r} is not complete: {len(left_out)} objects that it lacks are no change, and left out"
    )
    return replace(found, changes=tuple(change for change in found.changes if change not in left_out))


def _crs(run: Path) -> str:
    crs = RunFolder(run).read_about().get("crs")
    if not isinstance(crs, str):
        raise RunFolderError(f"run {str(run)!r} has no map: its batch has no positions")
    return crs


def as_geojson(found: Comparison, crs: str) -> Json:
    """A feature for each change: where the object is now, or was."""
    return {"type": "FeatureCollection", "features": [_feature(change, crs) for change in found.changes]}


def _feature(change: Change, crs: str) -> Json:
    thing = change.new or change.old
    assert thing is not None
    old, new = change.old, change.new
    told = {
        "change": str(change.kind),
        "old_id": old.id if old else None,
        "new_id": new.id if new else None,
        "old_category": old.category if old else None,
        "new_category": new.category if new else None,
        "moved": round(change.moved, 3) if old and new else None,
        "looks": change.looks,
        "score": thing.score,
        "x": thing.x,
        "y": thing.y,
        "z": thing.z,
        "crs": crs,
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": list(thing.degrees)},
        "properties": told,
    }


def lines(found: Comparison) -> Iterator[str]:
    """The changes for a reader."""
    counts = Counter(change.kind for change in found.changes)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in Kind)
    yield f"objects     {len(found.same)} as they were; {told}"
    for change in found.changes:
        yield f"{change.kind:<12}{_words(change)}"


def _words(change: Change) -> str:
    old, new = change.old, change.new
    if old and new:
        what = (
            repr(new.category) if old.category == new.category else f"{old.category!r}, now {new.category!r}"
        )
        return f"{new.id!r}  {what}, {change.moved:.2f} m from where {old.id!r} was"
    thing, other = new or old, "old" if new else "new"
    assert thing is not None
    what = f"{thing.id!r}  {thing.category!r} at {thing.x:.2f}, {thing.y:.2f}"
    if change.kind is Kind.REJECTED:
        return f"{what}, rejected in the review of the {other} run"
    score = f", score {thing.score:.2f}" if change.kind is Kind.UNSURE else ""
    looked = (
        ""
        if change.looks is None
        else f", its place is looked at by {change.looks} recordings of the {other} run"
    )
    return f"{what}{score}{looked}"
