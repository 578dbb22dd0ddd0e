"""One pass over a batch before a run: how many recordings each region has, and everything there is to say of them.

The counts tell the dataflow when a region is complete.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from coordinator.batch.companions import DETECTIONS
from coordinator.batch.contents import unread
from coordinator.batch.crscheck import Extent, accuracy, check
from coordinator.batch.folder import Batch
from coordinator.batch.look import Look
from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.regionplaces import Placement
from coordinator.batch.regions import Regions
from coordinator.batch.survey import Purpose, survey
from coordinator.findings import Finding, Level, Tell
from coordinator.formats.remarks import Remark
from coordinator.pipeline import Need, Per, Pipeline

_GLANCE = 200
"""Recordings that are looked at if all steps work on items, so that the first task starts at once."""

Recordings = Callable[[Tell], Iterator[Recording | BadRecording]]
"""Reads a batch's recordings; what is noticed on the way is told."""


@dataclass(frozen=True, kw_only=True)
class Census:
    """What one pass over the batch counted. ``total`` is None if no step needed a pass over all of it."""

    regions: Regions
    by_region: Counter[str]
    total: int | None
    look: Look = field(default_factory=Look)
    findings: tuple[Finding, ...] = ()
    accuracy: float | None = None
    """Metres to which longitude and latitude fit the batch's CRS, by EPSG's register; None: unknown."""

    @property
    def errors(self) -> list[str]:
        """Why no map can come of it."""
        return [finding.text for finding in self.findings if finding.level is Level.ERROR]

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """What is to be known of a map that can be made."""
        return tuple(finding for finding in self.findings if finding.level is not Level.ERROR)


def take_census(
    batch: Batch, recordings: Recordings, pipeline: Pipeline | None = None, *, limited: bool = False
) -> Census:
    """Counts the recordings of every region, holding one recording at a time.

    ``pipeline`` is what is to be run over them, ``limited`` that they are not all of the batch's. Raises BatchError if
    there is no recording at all, or what lies beside them cannot be read.
    """
    batch.check()
    told: list[Finding] = []
    divided = batch.regions(positioned=True)
    placement = _placement(batch)
    by_region: Counter[str] = Counter()
    look = Look()
    for recording in recordings(told.append):
        look.see(recording)
        if isinstance(recording, BadRecording):
            continue
        around = divided.around(recording.position)
        for region in around:
            by_region[region] += 1
        if placement is not None:
            placement.add(recording.id, recording.position, around)
    if look.bad.count and not look.total:  # then there is nothing to which detections could belong
        told = [finding for finding in told if not finding.kind.startswith("detections")]
    if (
        pipeline and pipeline.needs(Need.POSES) and not pipeline.needs(Need.DETECTIONS)
    ):  # to align: there may be none
        told = [_doubtful(finding) if finding.kind == "no-detections" else finding for finding in told]
    undivided = batch.regions(positioned=False)
    nowhere = look.total > 0 and not look.ground.count
    findings = [*_of_files(batch, look, limited=limited), *told]
    has_errors = any(
        finding.level is Level.ERROR for finding in told
    )  # which are why nothing is left to position
    turn = _convergence(batch, look)
    purpose = _purpose(None if has_errors else pipeline, limited=limited)
    findings += [*survey(look, purpose, convergence=turn), *_of_place(batch, look)]
    if placement is not None:
        findings += [*placement.file.findings, *placement.findings()]
    return Census(
        regions=undivided if nowhere else divided,
        by_region=Counter(dict.fromkeys(undivided.around(None), look.total)) if nowhere else by_region,
        total=look.total,
        look=look,
        findings=tuple(findings),
        accuracy=_accuracy(batch, look),
    )


def glance(batch: Batch, recordings: Recordings) -> Census:
    """The census of a batch of which no region is asked for: of its first recordings, so that a run starts at once."""
    batch.check()
    told: list[Finding] = []
    look = Look()
    for recording in itertools.islice(recordings(told.append), _GLANCE):
        look.see(recording)
    findings = (*batch.source.findings(), *told, *survey(look, Purpose()))
    return Census(
        regions=batch.regions(positioned=False),
        by_region=Counter(),
        total=None,
        look=look,
        findings=findings,
    )


def census_for(batch: Batch, pipeline: Pipeline, recordings: Recordings, *, limited: bool = False) -> Census:
    """The census a pipeline needs: no more than a glance if all of its steps work on items."""
    if any(step.per is not Per.ITEM for step in pipeline.steps):
        return take_census(batch, recordings, pipeline, limited=limited)
    return glance(batch, recordings)


def _placement(batch: Batch) -> Placement | None:
    if batch.region_file is None or batch.projection is None:
        return None
    return Placement(file=batch.region_file, projection=batch.projection)


def _doubtful(finding: Finding) -> Finding:
    return replace(finding, level=Level.WARNING)


def _purpose(pipeline: Pipeline | None, *, limited: bool) -> Purpose:
    if pipeline is None:
        return Purpose(limited=limited)
    reads_images = pipeline.steps[0].per is not Per.REGION
    return Purpose(
        makes_map=pipeline.needs(Need.POSES),
        of_detections=pipeline.needs(Need.DETECTIONS),
        at_once=Need.POSES in pipeline.steps[0].needs,
        reads_images=reads_images,
        limited=limited,
    )


def _of_files(batch: Batch, look: Look, *, limited: bool) -> Iterator[Finding]:
    """The files in the folder that count, and those that do not."""
    yield from batch.source.findings()
    if look.total and look.detections is None and (batch.folder / DETECTIONS).is_file():
        text = f"{DETECTIONS} is not used: the first step makes its own; --from the step behind it takes them"
        yield Finding(kind="detections-not-used", level=Level.NOTE, text=text)
    missing = look.remarks.get(Remark.IMAGE_MISSING)
    listed = look.total + look.bad.count - look.images_twice.count - (missing.count if missing else 0)
    yield from unread(
        batch.folder, batch.files(), listed=listed if batch.source.path and not limited else None
    )


def _extent(look: Look) -> Extent | None:
    middle = look.ground.middle()
    return None if middle is None else Extent(*look.ground.box, middle)


def _convergence(batch: Batch, look: Look) -> float:
    middle = look.ground.middle()
    if batch.projection is None or middle is None:
        return 0.0
    turn = batch.projection.convergence(*batch.projection.to_wgs84(*middle))
    return turn if math.isfinite(turn) else 0.0


def _accuracy(batch: Batch, look: Look) -> float | None:
    extent = _extent(look)
    return None if batch.projection is None or extent is None else accuracy(batch.projection, extent)


def _of_place(batch: Batch, look: Look) -> Iterator[Finding]:
    """Whether the CRS is one in which the recordings lie, and measures are right."""
    extent = _extent(look)
    if batch.projection is not None:
        yield from check(batch.projection, extent)
    elif extent is not None:
        text = (
            f"recordings have positions (x, y), but {batch.folder / 'batch.yaml'} names no crs;\n"
            "  write a line such as  crs: EPSG:28992  there"
        )
        yield Finding(kind="no-crs", level=Level.ERROR, text=text)
