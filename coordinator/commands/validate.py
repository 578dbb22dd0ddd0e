"""``validate``: a batch and a pipeline looked at as a run would, without running anything."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

from coordinator.batch.census import Census, take_census
from coordinator.batch.look import Look
from coordinator.batch.recording import Recording
from coordinator.commands.arguments import add_what, what
from coordinator.errors import BatchError, ExitCode
from coordinator.findings import Finding, Level
from coordinator.runners.inventory import host_inventory
from coordinator.session.options import Prepared, prepare
from coordinator.session.preflight import Problems, shortages
from coordinator.strictjson import Json

_COLUMNS = "{:24} {:>14} {:>14} {:>8} {:>8}  {:16} {}"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_what(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def main(options: argparse.Namespace) -> ExitCode:
    try:
        return _validate(options)
    except BatchError as error:
        if options.json:
            finding = Finding(kind="unreadable", level=Level.ERROR, text=str(error))
            print(json.dumps({"findings": [finding.as_json()]}, indent=2))
        raise


def _validate(options: argparse.Namespace) -> ExitCode:
    prepared = prepare(what(options))
    # Whichever step comes first: who has detections wants to know whether they can be used.
    looked_at = replace(prepared, with_detections=prepared.batch.detections is not None)
    census = take_census(prepared.batch, looked_at.recordings, prepared.pipeline, limited=prepared.is_limited)
    told = census.findings if prepared.with_detections else map(_unasked, census.findings)
    findings = (*told, *_of_pipeline(prepared, census.look))
    if options.json:
        print(json.dumps(_as_json(prepared, census, findings), indent=2))
    else:
        print("\n".join(_lines(prepared, census, findings)))
    problems = Problems()
    problems.add(*(finding.text for finding in findings if finding.level is Level.ERROR))
    problems.tell()
    return ExitCode.SOME_FAILED if census.look.bad.count else ExitCode.DONE


def _unasked(finding: Finding) -> Finding:
    """What is wrong with detections keeps no run from starting that makes its own."""
    is_of_them = finding.kind.startswith("detections") or finding.kind == "no-detections"
    return replace(finding, level=Level.WARNING) if is_of_them and finding.level is Level.ERROR else finding


def _of_pipeline(prepared: Prepared, look: Look) -> Iterator[Finding]:
    if not look.total:
        text = f"batch {str(prepared.batch.folder)!r} holds no recording that can be used"
        yield Finding(kind="no-recordings", level=Level.ERROR, text=text)
    for reason in shortages(prepared.pipeline, host_inventory()):
        yield Finding(kind="shortage", level=Level.ERROR, text=reason)


def _lines(prepared: Prepared, census: Census, findings: tuple[Finding, ...]) -> Iterator[str]:
    batch, pipeline, look = prepared.batch, prepared.pipeline, census.look
    steps = " -> ".join(f"{step.name} (per {step.per})" for step in pipeline.steps)
    source = batch.source
    read = f"{source.name}" + (f" ({source.path.name})" if source.path else "")
    yield f"batch {batch.name!r}: {look.total:,} recordings, read as {read}"
    yield f"crs: {batch.projection.name if batch.projection else 'none'}; regions: {len(census.by_region):,}"
    yield f"pipeline {pipeline.name!r}: {steps}"
    if look.detections is not None:
        yield f"detections: {look.detections:,}, from {batch.detections.where if batch.detections else '-'}"
    yield from _table(look, source.path.name if source.path else source.name)
    yield from (str(finding) for finding in findings if finding.level is not Level.ERROR)
    for reason in look.reasons[1:]:
        yield f"         {reason}"


def _table(look: Look, row: str) -> Iterator[str]:
    """How many have what, and the first recordings as they were read; ``row`` is what the file of rows is called."""
    if not look.total:
        return
    having = {name: look.total - group.count for name, group in look.without.items()}
    yield "with " + ", ".join(f"{name} {count:,}" for name, count in having.items())
    yield _COLUMNS.format("recording", "x", "y", "height", "heading", "camera", "image")
    for recording in look.first:
        yield _COLUMNS.format(*_cells(recording)).rstrip()
    if look.total > len(look.first):
        yield f"... and {look.total - len(look.first):,} more"
    if look.ground.count:
        yield f"accuracy: {look.accuracies.summary(row)}"


def _cells(recording: Recording) -> Iterator[str]:
    item, place = recording.item, recording.place
    yield recording.id[-24:]
    yield _number(place.x if place else None, 2)
    yield _number(place.y if place else None, 2)
    yield _number(place.z if place else None, 1)
    yield _number(place.heading if place else None, 1)
    yield item["camera"]["model"] if item["camera"] else "-"
    size = f" {item['width']}x{item['height']}" if item["width"] else ""
    yield f"{recording.url or item['image']}{size}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _as_json(prepared: Prepared, census: Census, findings: tuple[Finding, ...]) -> Json:
    batch, look = prepared.batch, census.look
    return {
        "batch": {"name": batch.name, "folder": str(batch.folder)},
        "format": batch.source.name,
        "crs": batch.projection.name if batch.projection else None,
        "regions": len(census.by_region),
        "pipeline": prepared.pipeline.name,
        "recordings": look.total,
        "unusable": look.bad.count,
        "without": {name: group.count for name, group in look.without.items()},
        "accuracy": look.accuracies.as_json(),
        "detections": look.detections,
        "examples": [recording.item for recording in look.first],
        "findings": [finding.as_json() for finding in findings],
    }
