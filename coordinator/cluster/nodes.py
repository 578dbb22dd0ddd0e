"""The machines of a cluster as Ray tells of them: what each has, and what of that is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine of the cluster, by its id there, with what it has. ``memory`` is bytes."""

    id: str
    name: str
    cpus: float
    memory: float
    gpus: float


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a node has in all, and what of that nobody has reserved."""

    whole: Node
    free: Node


def nodes_of(ray: Any) -> list[Node]:
    """The machines that are there now and have CPUs to give."""
    return [
        _node(
            node["NodeID"],
            f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:8]})",
            node["Resources"],
        )
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU")
    ]


def rooms_of(ray: Any) -> list[Room]:
    """The same, with what is free on each."""
    free = (
        ray._private.state.available_resources_per_node()
    )  # for developers; users are told of all nodes together
    return [
        Room(whole=node, free=_node(node.id, node.name, free[node.id]))
        for node in nodes_of(ray)
        if node.id in free
    ]


def _node(node_id: str, name: str, amounts: dict[str, float]) -> Node:
    return Node(
        id=node_id,
        name=name,
        cpus=amounts.get("CPU", 0.0),
        memory=amounts.get("memory", 0.0),
        gpus=amounts.get("GPU", 0.0),
    )
