"""The cluster on which a run was measured: its nodes, and what an instance of each step took to begin there."""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.cluster.nodes import Node
from coordinator.core.resources import Gpu, Inventory
from coordinator.errors import RunFolderError
from coordinator.pipeline import Step
from coordinator.plan.rooms import Rooms
from coordinator.record.pools import PoolChange
from coordinator.strictjson import Json

_LEFT = frozenset({"closed", "lost", "withdrawn", "refused", "did not begin"})
"""What becomes of an instance that has its room on a node no longer."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Ray cluster, with the nodes that there were at the start of a run.

    ``starts`` are by step the seconds in which instances of it began, from when a node had room for them; ``ends`` the
    seconds in which one at the least had ended that was told to. ``peaks`` are the most instances that each step had,
    ``target_wait`` is as for ``run``.
    """

    nodes: tuple[Node, ...]
    starts: Mapping[str, Sequence[float]]
    target_wait: float
    ends: Mapping[str, float] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)

    @property
    def inventory(self) -> Inventory:
        """What all nodes have together. How much memory a GPU has, nobody tells; what ran there did fit."""
        gpus = round(sum(node.gpus for node in self.nodes))
        return Inventory(
            cpus=sum(node.cpus for node in self.nodes),
            memory=int(sum(node.memory for node in self.nodes)),
            gpus=tuple(Gpu(uuid=f"gpu{number}", memory=sys.maxsize) for number in range(gpus)),
        )

    @property
    def terms(self) -> tuple[object, ...]:
        """What must be the same for two clusters to take equally long: what the nodes have, and the wait aimed at."""
        return self.target_wait, *sorted((node.cpus, node.memory, node.gpus) for node in self.nodes)

    def starts_of(self, step: str) -> Sequence[float]:
        """Those of the step, or of all steps if none of its instances was seen to begin."""
        return self.starts.get(step) or [one for starts in self.starts.values() for one in starts]


def read_cluster(
    folder: Path, about: Json, steps: Sequence[Step], changes: Iterable[tuple[int, PoolChange]]
) -> Cluster | None:
    """The cluster of the run in ``folder``, by its run.json and the changes of its pools, each with its session; None
    if it had none. Raises RunFolderError if these do not tell what the nodes were, or of an instance on one.
    """
    if about.get("cluster") is None:
        return None
    try:
        nodes = tuple(_node(told) for told in about["cluster"]["nodes"])
        target_wait = float(about["job"]["target_wait"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{folder / 'run.json'} does not tell on what nodes it ran: {error!r}"
        ) from error
    replayed = _Replay(nodes, steps)
    for session, change in changes:
        replayed.see(session, change)
    if not replayed.starts:
        raise RunFolderError(
            f"run {str(folder)!r}: its journal tells of no instance that began on the cluster"
        )
    return Cluster(
        nodes=nodes, starts=replayed.starts, target_wait=target_wait, ends=replayed.ends, peaks=replayed.peaks
    )


def _node(told: Json) -> Node:
    return Node(
        id=str(told["id"]),
        name=str(told["name"]),
        cpus=float(told["cpus"]),
        memory=float(told["memory"]),
        gpus=float(told["gpus"]),
    )


class _Replay:
    """The changes of the pools once more, with what the nodes had room for: who waits for room has not begun to start.

    The journal does not say which instance a change is of; those of a step are taken in their order.
    """

    def __init__(self, nodes: Sequence[Node], steps: Sequence[Step]) -> None:
        self._nodes = nodes
        self._steps = {step.name: step for step in steps}
        self._session = 0
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.ends: dict[str, float] = {}
        self.peaks: dict[str, int] = defaultdict(int)

    def see(self, session: int, change: PoolChange) -> None:
        if session != self._session:
            self._session = session
            self._rooms = Rooms(self._nodes)
            self._waiting: list[str] = []
            self._starting: dict[str, deque[tuple[str, float]]] = defaultdict(deque)
            self._leaving: dict[str, deque[float]] = defaultdict(deque)
            self._there: dict[str, deque[str]] = defaultdict(deque)
        name = change.step
        if change.change == "asked":
            self._waiting.append(name)
        elif change.change == "began" and self._starting[name]:
            node, since = self._starting[name].popleft()
            self._there[name].append(node)
            self.starts[name].append(max(0.0, change.at - since))
            self.peaks[name] = max(self.peaks[name], len(self._there[name]))
        elif change.change == "leaves":
            self._leaving[name].append(change.at)
        elif change.change in _LEFT:
            if change.change == "closed" and self._leaving[name]:
                took = (
                    change.at - self._leaving[name].popleft()
                )  # with what it still had to do, if it had anything
                self.ends[name] = max(0.0, min(took, self.ends.get(name, took)))
            self._leave(name)
        self._place(change.at)

    def _leave(self, name: str) -> None:
        if self._there[name]:
            self._rooms.give_back(self._there[name].popleft(), self._steps[name])
        elif self._starting[name]:
            self._rooms.give_back(self._starting[name].popleft()[0], self._steps[name])
        elif name in self._waiting:
            self._waiting.remove(name)

    def _place(self, now: float) -> None:
        for name in tuple(self._waiting):
            node = self._rooms.take(self._steps[name])
            if node is not None:
                self._waiting.remove(name)
                self._starting[name].append((node, now))
