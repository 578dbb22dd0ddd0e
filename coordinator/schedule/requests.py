"""From a unit to its request: what its task is called, what it works on, and where it may write."""

from __future__ import annotations

from coordinator.contract import PROTOCOL, RegionMessage, Request
from coordinator.core.dataflow import Unit
from coordinator.pipeline import Per, Step
from coordinator.record.files import Files
from coordinator.record.journal import Journal
from coordinator.schedule.plan import Plan
from coordinator.strictjson import Json


class Requests:
    """Makes requests of units; a region's items are read from the journal, where they wait."""

    def __init__(self, plan: Plan, journal: Journal, files: Files) -> None:
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

    def done(self, unit: Unit) -> None:
        """The unit's task has ended: a region's items wait no longer."""
        if unit.item is None:
            self._journal.take_gathered(unit.step, unit.id)
