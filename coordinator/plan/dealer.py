"""What every played task takes and gives: samples of measured ones, dealt so that on average they are as measured."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from coordinator.core.tasks import StepTask
from coordinator.pipeline import Per, Step
from coordinator.plan.measured import Sample, StepCosts
from coordinator.plan.town import Town, shuffled
from coordinator.strictjson import Json

OF = "of"
"""Under this name an item that came of a region says which."""


class Dealer:
    """Deals each task a sample of its step, and keeps it until the task is done: one that is lost costs the same again.

    A region's task is dealt the sample that its region was made of. A step per batch takes time in proportion to its
    items.
    """

    def __init__(self, costs: Sequence[StepCosts], town: Town, *, seed: int) -> None:
        self._town = town
        self._decks: Mapping[str, Iterator[Sample]] = {
            one.step.name: shuffled(one.samples, random.Random(f"{seed} {one.step.name}")) for one in costs
        }
        self._openings = {one.step.name: one.opening for one in costs}
        self._divides = next((one.step.name for one in costs if one.step.per is Per.REGION), None)
        self._dealt: dict[str, Sample] = {}

    def opening(self, step: Step) -> float:
        """Seconds until a lane of the step is ready for its first task."""
        return self._openings[step.name]

    def seconds(self, task: StepTask) -> float:
        """What the task keeps its lane busy for, on a machine of speed 1."""
        sample = self._dealt.get(task.id)
        if sample is None:
            sample = self._dealt[task.id] = self._deal(task)
        if task.step.per is Per.BATCH:
            return sample.busy * len(task.request.items) / max(1, sample.size)
        return sample.busy

    def items(self, task: StepTask) -> list[Json]:
        """What a task that is done gives, each item with an id of its own."""
        sample, given = self._dealt.pop(task.id), task.request.items
        if task.step.per is Per.BATCH:
            return given
        if task.step.per is Per.ITEM:
            if sample.items == 1:
                return given
            return [{**given[0], "id": f"{given[0]['id']}.{number}"} for number in range(sample.items)]
        region, place = unit_of(task), given[0].get("position")
        return [
            {"id": f"{task.step.name}-{region}-{number}", "position": place, OF: region}
            for number in range(sample.items)
        ]

    def _deal(self, task: StepTask) -> Sample:
        if task.step.name == self._divides:
            return self._town.sample(unit_of(task))
        return next(self._decks[task.step.name])


def unit_of(task: StepTask) -> str:
    """What the task works on."""
    return task.id.partition("/")[2]
