"""Nodes that Ray's autoscaler starts and ends on this machine: it loads this by its name."""

from __future__ import annotations

from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider


class Provider(FakeMultiNodeProvider):  # type: ignore[misc]
    """Ray's own, which cannot start a node of a type that says how much memory it has."""

    def create_node_with_resources_and_labels(
        self, node_config: Any, tags: Any, count: int, resources: dict[str, Any], labels: Any
    ) -> None:
        """The node takes the memory that is there."""
        others = {name: amount for name, amount in resources.items() if name != "memory"}
        # The autoscaler brings a node for what asks for memory only if its type says that it has some.
        super().create_node_with_resources_and_labels(node_config, tags, count, others, labels)

    def _next_hex_node_id(self) -> str:
        """Ids that differ in their first letters, by which nodes are named."""
        number = super()._next_hex_node_id()
        return str(number[-5:] + number[:-5])
