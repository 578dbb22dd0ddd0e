"""From a unit to its request: what its task is called, what it works on, and where it may write."""

from __future__ import annotations

from coordinator.contract import MAX_RESPONSE_BYTES, PROTOCOL, RegionMessage, Request
from coordinator.core.dataflow import Unit
from coordinator.core.paths import image_paths, is_fetched
from coordinator.core.tasks import Outcome, RemoteImage, StepTask
from coordinator.pipeline import Per, Step
from coordinator.record.files import Files
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.plan import Plan
from coordinator.strictjson import Json


class Requests:
    """Makes requests of units; the items of a region, or of the batch, are read from the journal, where they wait."""

    def __init__(self, plan: Plan, journal: Chronicle, files: Files) -> None:
        self._plan = plan
        self._journal = journal
        self._files = files

    def step(self, unit: Unit) -> Step:
        return self._plan.steps[unit.step]

    def task_id(self, unit: Unit) -> str:
        return f"{self._plan.steps[unit.step].name}/{unit.id}"

    def items(self, unit: Unit) -> list[Json]:
        """All that the unit's task works on."""
        return [unit.item] if unit.item is not None else self._journal.gathered(unit.step, unit.id)

    def region(self, unit: Unit) -> RegionMessage | None:
        """The region as the unit's step sees it."""
        per_region = self.step(unit).per is Per.REGION
        return self._plan.regions.message(unit.id) if per_region else None

    def missing(self, unit: Unit) -> int:
        """How many of a region's items failed on their way, which its objects tell."""
        return unit.lost if self.step(unit).per is Per.REGION else 0

    def incompleteness(self, unit: Unit) -> str:
        """Why a place that lost many of its items is not worked on."""
        step = self.step(unit)
        whose = "region" if step.per is Per.REGION else "batch"
        return (
            f"only {unit.gathered} of the {whose}'s {unit.gathered + unit.lost} items are there, the others failed; "
            f"min_complete is {step.min_complete:g}"
        )

    def excess(self, unit: Unit) -> str | None:
        """Why the batch cannot be worked on in one task; None if it can. Its items come back as a rule."""
        if self.step(unit).per is not Per.BATCH:
            return None
        size = self._journal.gathered_bytes(unit.step, unit.id)
        if size <= MAX_RESPONSE_BYTES:
            return None
        return (
            f"the batch's {unit.gathered:,} items are {size / 1024**2:,.0f} MiB, and a step per batch gets "
            f"{MAX_RESPONSE_BYTES // 1024**2} at most, as no response may be larger; divide the batch"
        )

    def request(self, unit: Unit) -> Request:
        """The unit's request, as long as its items are there."""
        step = self.step(unit)
        # Made from checked parts; checking every item of a large region once more would cost time for nothing.
        return Request.model_construct(
            protocol=PROTOCOL,
            task=self.task_id(unit),
            step=step.name,
            params=step.params,
            items=self.items(unit),
            region=self.region(unit),
            work_dir=self._files.task_folder(step.name, unit.id),
        )

    def inputs(self, unit: Unit) -> tuple[list[Json], RegionMessage | None, int]:
        """What the unit's result depends on: its items, its region, and how many of its items are missing."""
        return self.items(unit), self.region(unit), self.missing(unit)

    def task(self, unit: Unit, attempt: int, *, with_images: bool) -> StepTask:
        """One attempt at it; ``with_images`` names those that whoever runs it has to fetch."""
        step, request = self.step(unit), self.request(unit)
        images = self._images(request) if with_images and step.reads else ()
        image_id = self._plan.image_ids[step.name]
        return StepTask(request=request, step=step, image_id=image_id, attempt=attempt, images=images)

    def _images(self, request: Request) -> tuple[RemoteImage, ...]:
        paths = {path: None for item in request.items for path in image_paths(item) if is_fetched(path)}
        found = map(self._journal.images.of, paths)
        return tuple(image for image in found if image is not None)

    def fetched(self, outcome: Outcome) -> bool:
        """Puts down what was fetched for a task; whether any of it is other than what was known."""
        images = self._journal.images
        changed = [(path, stamp) for path, stamp in outcome.fetched if images.stamp(path) != stamp]
        for path, stamp in changed:
            images.fetched(path, stamp, self._journal.session)
        return bool(changed)

    def done(self, unit: Unit) -> None:
        """The unit's task has ended: items that were gathered for it wait no longer."""
        if unit.item is None:
            self._journal.take_gathered(unit.step, unit.id)
