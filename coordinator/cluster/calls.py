"""What a run asks of a cluster in mid-run: the seam behind which Ray is, or a plan that only plays one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.link import Event
from coordinator.cluster.nodepaths import HeadFolder
from coordinator.cluster.nodes import Room


class Calls(Protocol):
    """Asks for instances and calls them; :class:`coordinator.cluster.link.Link` has what each of these promises."""

    def start(
        self, number: int, spec: InstanceSpec, avoid: frozenset[str], tell: Callable[[Event], None]
    ) -> None: ...

    def call(self, number: int, name: str, tell: Callable[[Event], None], *arguments: Any) -> None: ...

    def kill(self, number: int) -> None: ...

    def look_for_room(self, tell: Callable[[list[Room]], None]) -> None: ...

    def sweep(self, labels: list[str]) -> None: ...

    def remove_left(self, labels: list[str], folder: HeadFolder | None) -> Mapping[Any, int | str]: ...
