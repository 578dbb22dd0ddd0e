"""What a run is to do, and who is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coordinator.batch.regions import Regions, point_of
from coordinator.contract import TaskError
from coordinator.pipeline import Per, Step
from coordinator.record.journal import Status
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to do. ``image_ids`` pins each step's image; ``census`` counts recordings by region.

    ``earlier`` has each step's forms (and image ids) of earlier sessions, whose results serve as well.
    With ``only``, the failures of all other steps stay as they are unless their input has changed.
    With ``hash_inputs``, image files are told apart by their content instead of size and time.
    """

    steps: tuple[Step, ...]
    image_ids: Mapping[str, str]
    regions: Regions
    census: Mapping[str, int]
    earlier: Mapping[str, Sequence[tuple[Step, str]]] = field(default_factory=dict)
    only: str | None = None
    hash_inputs: bool = False

    def around(self, item: Json) -> tuple[str, ...]:
        """The regions of an item by where it says that it is."""
        return self.regions.around(point_of(item))

    def retries(self, step: str) -> bool:
        """Whether the failures of a step are tried again."""
        return self.only in (None, step)


def known_tasks(steps: Sequence[Step], recordings: int | None, regions: int) -> dict[str, int]:
    """The number of tasks of those steps of which it is known in advance, as far as it can be.

    ``recordings`` is None where nobody has counted them. Behind a step per batch, regions are made anew.
    """
    known = {step.name: 1 for step in steps if step.per is Per.BATCH}
    if steps[0].per is Per.ITEM and recordings is not None:
        known[steps[0].name] = recordings
    divided = next((step for step in steps if step.per is not Per.ITEM), None)
    if divided is not None and divided.per is Per.REGION:
        known[divided.name] = regions
    return known


class Observer(Protocol):
    """Is told what happens, to show it."""

    def expect(self, step: str, tasks: int) -> None:
        """So many more tasks of ``step`` are known of."""
        ...

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        """One task of ``step`` has reached its final state; ``reused`` if an earlier session's result served."""
        ...

    def failed(self, task: str, error: TaskError) -> None:
        """A task failed for good."""
        ...

    def engine_failed(self, step: str, task: str, error: TaskError) -> None:
        """The engine failed a task of ``step``, which is tried again."""
        ...
