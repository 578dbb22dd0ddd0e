"""Which node of a cluster has room for an instance: what Ray counts, and where it puts one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coordinator.cluster.nodes import Node, Room
from coordinator.pipeline import Step


@dataclass
class _Free:
    cpus: float
    memory: float
    gpus: float


class Rooms:
    """The nodes, and what of each no instance has."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = tuple(nodes)
        self._free = {node.id: _Free(node.cpus, node.memory, node.gpus) for node in self._nodes}

    def take(self, step: Step) -> str | None:
        """The id of the node that has most CPUs to spare for an instance of the step, which has it from now on."""
        asked = step.resources
        able = [
            name
            for name, free in self._free.items()
            if free.cpus >= asked.cpus and free.memory >= asked.memory and free.gpus >= asked.gpus
        ]
        if not able:
            return None
        found = max(able, key=lambda name: self._free[name].cpus)
        self._change(found, step, -1)
        return found

    def give_back(self, node: str, step: Step) -> None:
        """An instance of the step on the node has gone."""
        self._change(node, step, 1)

    def told(self) -> list[Room]:
        """The nodes, with what is free of them now."""
        return [Room(whole=node, free=replace(node, **vars(self._free[node.id]))) for node in self._nodes]

    def count(self, step: Step) -> int:
        """So many instances of the step there is room for."""
        taken: list[str] = []
        while (node := self.take(step)) is not None:
            taken.append(node)
        for node in taken:
            self.give_back(node, step)
        return len(taken)

    def _change(self, node: str, step: Step, by: int) -> None:
        free, asked = self._free[node], step.resources
        free.cpus += by * asked.cpus
        free.memory += by * asked.memory
        free.gpus += by * asked.gpus
