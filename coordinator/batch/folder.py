"""A folder of photographs to recordings, streamed; a bad file or row is a value, never an exception.

Where the facts of a recording come from, the first that has them: its row in the file that tells of the batch's
recordings, whatever its format; the image file's own header (size, EXIF, XMP); a GPX track, at the time when the image
was taken; ``batch.yaml``'s default camera; the recordings beside it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from coordinator.batch.companions import companions, detections_of, regions_of, track_of
from coordinator.batch.contents import unread
from coordinator.batch.crs import Projection
from coordinator.batch.merging import Merger
from coordinator.batch.neighbours import completed
from coordinator.batch.placing import geographic
from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.regions import Grid, Polygons, Regions, Undivided
from coordinator.batch.sidecars import BatchFile, read_config
from coordinator.batch.sources import Source, choose
from coordinator.contract import first_reason
from coordinator.core.paths import IMAGE_SUFFIXES, is_url, mounted, unmounted
from coordinator.errors import BatchError
from coordinator.findings import Finding, Tell
from coordinator.formats.recordings import OF_RECEIVERS
from coordinator.formats.row import Row
from coordinator.strictjson import readable

if TYPE_CHECKING:
    from coordinator.batch.detections import Detections
    from coordinator.batch.regionfile import RegionFile
    from coordinator.batch.tracks import Times

_SAMPLE = 500
"""Recordings whose median place chooses the CRS of a batch that names none."""
_MAX_SAMPLED = 10_000
"""Recordings among which they are chosen: a table is not read whole for their sake."""


def ignore(finding: Finding) -> None:
    """Takes a finding that has been told."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A municipality's folder; nothing in it is ever changed.

    ``format`` forces the format of its recordings; ``time_offset`` is added to the times of photographs, in seconds,
    before they are looked up in a track.
    """

    folder: Path
    config: BatchFile
    format: str | None = None
    time_offset: float = 0.0

    @property
    def name(self) -> str:
        return self.config.name or self.folder.name

    @cached_property
    def source(self) -> Source:
        """What tells of the recordings. Raises CoordinatorError if the format that was asked for is not there."""
        return choose(self.folder, self.format, projected=self.config.crs is not None)

    @cached_property
    def projection(self) -> Projection | None:
        """The batch's projected CRS: named in batch.yaml, or chosen by the median place of its recordings."""
        if self.config.crs is not None:
            return Projection.named(self.config.crs)
        rows = (row for row in self._rows(ignore) if isinstance(row[1], Row))
        sampled = _sample(itertools.islice(rows, _MAX_SAMPLED))
        places = [geographic(self._merger.sources(row)) for _, row in sampled if isinstance(row, Row)]
        known = [place for place in places if place is not None]
        return Projection.for_places(known) if known else None

    @cached_property
    def detections(self) -> Detections | None:
        """Detections made elsewhere, matched to the batch's images; None if there are none.

        Raises BatchError for a file that is no such thing.
        """
        return detections_of(self.folder, self._images)

    def recordings(
        self, *, with_detections: bool = False, tell: Tell = ignore
    ) -> Generator[Recording | BadRecording, None, None]:
        """Every recording in a fixed order, one at a time; what is noticed on the way is told."""
        found = completed(self._found(tell))
        detections = self.detections if with_detections else None
        try:
            for recording in found:
                if detections is not None and isinstance(recording, Recording):
                    recording.item["detections"] = detections.take_for(recording)
                yield recording
        finally:
            for known in (self.times, detections):
                for finding in known.findings() if known is not None else ():
                    tell(finding)

    def check(self) -> None:
        """Raises BatchError if there is no recording at all, good or bad: most likely the wrong folder was named."""
        told: list[Finding] = []
        if next(self._rows(told.append), None) is not None:
            return
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        path = self.source.path
        what = f"{path.name} has no row" if path else f"no image ({kinds}), no recordings.csv"
        others = [*told, *unread(self.folder, self.files(), listed=None)]
        said = "".join(f"\n  {finding.text}" for finding in others)
        raise BatchError(f"batch {str(self.folder)!r} holds no recording: {what}{said}")

    @cached_property
    def region_file(self) -> RegionFile | None:
        """The user's regions; None if the batch has none. Raises BatchError for what cannot be meant."""
        return regions_of(self.folder, lambda: self.projection)

    def regions(self, *, positioned: bool) -> Regions:
        """How the batch is divided; ``positioned`` says whether any of its recordings has a position."""
        if not positioned:
            return Undivided()
        if self.region_file is not None:
            return Polygons(cores=self.region_file.cores, halo=self.config.region.halo)
        return Grid(size=self.config.region.size, halo=self.config.region.halo)

    def files(self) -> list[Path]:
        """What is read beside the images: files, and folders with all that is in them."""
        return [*([self.source.path] if self.source.path else ()), *companions(self.folder)]

    @cached_property
    def times(self) -> Times | None:
        """The GPX track; None if the batch has none. Raises BatchError for a file that is no such thing."""
        return track_of(self.folder, self.time_offset)

    @cached_property
    def _merger(self) -> Merger:
        config, is_receivers = self.config, self.source.name in OF_RECEIVERS
        return Merger(
            folder=self.folder,
            camera=config.camera,
            times=self.times,
            accuracy=config.accuracy.stated() if config.accuracy else None,
            is_receivers=is_receivers,
        )

    def _found(self, tell: Tell) -> Iterator[Recording | BadRecording]:
        projection, merger = self.projection, self._merger
        for label, row in self._rows(tell):
            if isinstance(row, BadRecording):
                yield row
            else:
                yield merger.recording(row, row.id or row.image, label, projection)

    def _rows(self, tell: Tell) -> Iterator[tuple[str, Row | BadRecording]]:
        for entry in self.source.entries(tell):
            if isinstance(entry, BadRecording):
                yield entry.id, entry
                continue
            label, fields = entry
            if isinstance(fields, str):
                yield label, BadRecording(id=label, reason=readable(fields))
                continue
            try:
                yield label, Row.model_validate(fields)
            except ValidationError as error:
                reason = f"{label}: {first_reason(error)}"
                yield label, BadRecording(id=str(fields.get("id") or label), reason=reason)

    def _images(self) -> Iterator[str]:
        """The images of all recordings, as their rows name them."""
        rows = (row for _, row in self._rows(ignore) if isinstance(row, Row))
        return (row.image if is_url(row.image) else unmounted(mounted(row.image)) for row in rows)


def open_batch(folder: Path, *, format: str | None = None, time_offset: float = 0.0) -> Batch:
    """The batch in ``folder``. Raises BatchError if it is no readable folder or its batch.yaml is wrong."""
    if not folder.is_dir():
        raise BatchError(f"batch {str(folder)!r}: no such folder; give the folder that holds the images")
    config = read_config(folder / "batch.yaml")
    return Batch(folder=folder.resolve(), config=config, format=format, time_offset=time_offset)


def _sample(found: Iterable[tuple[str, Row | BadRecording]]) -> list[tuple[str, Row | BadRecording]]:
    """Some of them, each as likely as any other, and the same ones every time."""
    chance = random.Random(0)
    kept: list[tuple[str, Row | BadRecording]] = []
    for number, one in enumerate(found):
        if number < _SAMPLE:
            kept.append(one)
        elif (place := chance.randrange(number + 1)) < _SAMPLE:
            kept[place] = one
    return kept
