"""Everything that can be known to be wrong before a run starts, found in one pass and told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.batch import BadRecording, Batch, Recording
from coordinator.errors import CoordinatorError
from coordinator.pipeline import Per, Pipeline
from coordinator.regions import Regions
from coordinator.resources import Inventory, fit, shortage


class PreflightError(CoordinatorError):
    """The run cannot start; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class Census:
    """What one pass over the batch counted. ``total`` is None if no step needed the pass."""

    regions: Regions
    by_region: Counter[str]
    total: int | None
    without_position: int = 0
    bad: tuple[BadRecording, ...] = ()


def fitted(pipeline: Pipeline, inventory: Inventory) -> Pipeline:
    """The pipeline as it can run here: optional GPUs are left out where there are none."""
    steps = tuple(
        step.model_copy(update={"resources": fit(step.resources, inventory)}) for step in pipeline.steps
    )
    return pipeline.model_copy(update={"steps": steps})


def shortages(pipeline: Pipeline, inventory: Inventory) -> list[str]:
    """The steps that this machine can never run, each with the reason."""
    found = ((step.name, shortage(step.resources, inventory)) for step in pipeline.steps)
    return [f"step {name!r} {reason}" for name, reason in found if reason]


def take_census(batch: Batch, recordings: Iterable[Recording | BadRecording]) -> Census:
    """Counts the recordings of every region, holding one recording at a time."""
    total = without_position = 0
    positions = batch.regions(positioned=True) if _may_be_positioned(batch) else None
    by_region: Counter[str] = Counter()
    bad = []
    for recording in recordings:
        if isinstance(recording, BadRecording):
            bad.append(recording)
            continue
        total += 1
        without_position += recording.position is None
        if positions is not None:
            by_region.update(positions.around(recording.position))
    if total and without_position == total:
        undivided = batch.regions(positioned=False)
        by_region = Counter(dict.fromkeys(undivided.around(None), total))
        return Census(regions=undivided, by_region=by_region, total=total, bad=tuple(bad))
    regions = positions or batch.regions(positioned=False)
    return Census(
        regions=regions, by_region=by_region, total=total, without_position=without_position, bad=tuple(bad)
    )


def census_for(batch: Batch, pipeline: Pipeline, recordings: Iterable[Recording | BadRecording]) -> Census:
    """The census a pipeline needs: none at all if no step works on regions, so that it starts at once."""
    if any(step.per is Per.REGION for step in pipeline.steps):
        return take_census(batch, recordings)
    return Census(regions=batch.regions(positioned=False), by_region=Counter(), total=None)


def _may_be_positioned(batch: Batch) -> bool:
    """Positions can be told from the batch only where it has a CRS, or a table that then must name one."""
    if batch.projection is None and batch.table is not None and batch.has_positions:
        raise PreflightError(
            f"{batch.table}: has positions (x, y), but {batch.folder / 'batch.yaml'} names no crs;\n"
            "  write a line such as  crs: EPSG:28992  there"
        )
    return batch.projection is not None
