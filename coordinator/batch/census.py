"""How many recordings each region has, counted in one pass before a run: so the dataflow knows when one is complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.batch.folder import Batch
from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.regions import Regions
from coordinator.errors import BatchError
from coordinator.pipeline import Per, Pipeline


@dataclass(frozen=True, kw_only=True)
class Census:
    """What one pass over the batch counted. ``total`` is None if no step needed the pass."""

    regions: Regions
    by_region: Counter[str]
    total: int | None
    without_position: int = 0
    bad: tuple[BadRecording, ...] = ()


def take_census(batch: Batch, recordings: Iterable[Recording | BadRecording]) -> Census:
    """Counts the recordings of every region, holding one recording at a time.

    Raises BatchError if recordings have positions, and nothing says in which CRS.
    """
    total = without_position = 0
    divided = batch.regions(positioned=True)
    by_region: Counter[str] = Counter()
    bad = []
    for recording in recordings:
        if isinstance(recording, BadRecording):
            bad.append(recording)
            continue
        total += 1
        without_position += recording.position is None
        by_region.update(divided.around(recording.position))
    if without_position < total and batch.projection is None:
        raise BatchError(
            f"recordings have positions (x, y), but {batch.folder / 'batch.yaml'} names no crs;\n"
            "  write a line such as  crs: EPSG:28992  there"
        )
    undivided = batch.regions(positioned=False)
    nowhere = total > 0 and without_position == total
    return Census(
        regions=undivided if nowhere else divided,
        by_region=Counter(dict.fromkeys(undivided.around(None), total)) if nowhere else by_region,
        total=total,
        without_position=without_position,
        bad=tuple(bad),
    )


def census_for(batch: Batch, pipeline: Pipeline, recordings: Iterable[Recording | BadRecording]) -> Census:
    """The census a pipeline needs: none at all if no step works on regions, so that it starts at once."""
    if any(step.per is Per.REGION for step in pipeline.steps):
        return take_census(batch, recordings)
    return Census(regions=batch.regions(positioned=False), by_region=Counter(), total=None)
