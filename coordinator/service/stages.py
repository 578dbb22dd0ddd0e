"""From operations to the steps of a pipeline. Pure.

All operations live in one program, so as many as possible go into one step: nothing is written between them.
A step ends after a split only while there are fewer images than idle workers, so that the quarters keep them busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coordinator.service.orders import Operation, Order
from coordinator.strictjson import Json

_MAX_NAME = 40
"""Maximum number of characters of a step's name."""
_QUARTERS = 4


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step: the operations that a task of it carries out. ``tasks`` is their number for the whole job."""

    name: str
    operations: tuple[Operation, ...]
    tasks: int

    @property
    def params(self) -> Json:
        """The parameters of the step in the contract of ``steps/imaging``."""
        return {"operations": [list(operation) for operation in self.operations]}


@lru_cache(maxsize=256)
def stages(order: Order, *, files: int, workers: int) -> tuple[Stage, ...]:
    """The stages for a job of so many files; the last one ends with writing the results, in their quality."""
    cuts: list[tuple[int, list[Operation]]] = []
    images, stretch = files, list[Operation]()
    of_output = [operation for operation in order.operations if operation[0] == "quality"]
    of_image = [operation for operation in order.operations if operation[0] != "quality"]
    for left, operation in enumerate(of_image, start=1 - len(of_image)):
        stretch.append(operation)
        if operation[0] == "split" and images < workers and left:
            cuts.append((images, stretch))
            images, stretch = images * _QUARTERS, []
    cuts.append((images, [*stretch, *of_output, ("write", order.output)]))
    return tuple(
        Stage(name=_name(number, operations), operations=tuple(operations), tasks=tasks)
        for number, (tasks, operations) in enumerate(cuts, start=1)
    )


def item_id(job: str, file: int) -> str:
    """The id of a file's item. It carries its job, because tasks of all jobs meet at the same workers."""
    return f"{job}-{file}"


def place(item: str) -> tuple[int, ...]:
    """Where an item belongs: its file's number, then the quarters that led to it, outermost first."""
    _, *numbers = item.split("-")
    return tuple(map(int, numbers))


def in_order(items: Iterable[Json]) -> list[Json]:
    """Items by file, then as they lie in it."""
    return sorted(items, key=lambda item: place(item["id"]))


def _name(number: int, operations: Sequence[Operation]) -> str:
    words = [name for name, _ in operations if name not in ("quality", "write")] or ["write"]
    return "-".join([str(number), *words])[:_MAX_NAME].rstrip("-")
