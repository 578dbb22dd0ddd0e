"""Everything that can be known to be wrong before a run starts, found in one pass and told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.batch import BadRecording, Batch, Recording
from coordinator.errors import CoordinatorError
from coordinator.messages import PROTOCOL
from coordinator.pipeline import Per, Pipeline, Rung, Step
from coordinator.program import program_id
from coordinator.regions import Regions
from coordinator.resources import Inventory, fit, shortage
from coordinator.runners.engine import Engine, ImageFacts


class PreflightError(CoordinatorError):
    """The run cannot start; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A pipeline that can run here: fitted to the machine, each step's program pinned.

    ``image_ids`` are the images' digests, and for a step that runs as a local process what tells its files.
    """

    pipeline: Pipeline
    images: dict[str, ImageFacts]
    image_ids: dict[str, str]


def needs_engine(pipeline: Pipeline) -> bool:
    """Whether any step runs in a container, or its image must tell what it runs."""
    return any(step.rung is not Rung.PROCESS or step.command is None for step in pipeline.steps)


def check(pipeline: Pipeline, engine: Engine | None, inventory: Inventory) -> Checked:
    """Fits and pins the pipeline. Raises PreflightError that lists everything that is wrong with it."""
    wanted = fitted(pipeline, inventory)
    problems = shortages(wanted, inventory)
    steps: list[Step] = []
    images: dict[str, ImageFacts] = {}
    for step in wanted.steps:
        if engine is not None and (step.rung is not Rung.PROCESS or step.command is None):
            try:
                images[step.name] = engine.image(step.image_ref)
            except CoordinatorError as error:
                problems.append(f"step {step.name!r}: {error}")
                continue
            problems += _misfits(step, images[step.name])
        command = step.command or images[step.name].command
        steps.append(step.model_copy(update={"command": command}))
    if problems:
        raise PreflightError("the run cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
    image_ids = {
        step.name: program_id(step.command or ()) if step.rung is Rung.PROCESS else images[step.name].id
        for step in steps
    }
    checked = pipeline.model_copy(update={"steps": tuple(steps)})
    return Checked(pipeline=checked, images=images, image_ids=image_ids)


def _misfits(step: Step, image: ImageFacts) -> list[str]:
    """What a step's image says of itself that does not go with what is asked of it."""
    problems = []
    protocol = image.labels.get("coordinator.protocol", str(PROTOCOL))
    if protocol != str(PROTOCOL):
        problems.append(
            f"step {step.name!r}: its image speaks protocol {protocol}, this coordinator {PROTOCOL}"
        )
    if step.rung is Rung.RESIDENT and image.labels.get("coordinator.loop") != "true":
        problems.append(
            f"step {step.name!r} cannot run on the resident rung: image {step.image_ref!r} does not say that it "
            'loops over lines (LABEL coordinator.loop="true"); use --rung fresh or exec'
        )
    return problems


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

    Raises PreflightError if recordings have positions, and nothing says in which CRS.
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
        raise PreflightError(
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
