"""Whose turn it is: things that wait, by whom they belong to, taken in turns. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Rotation(Generic[Thing]):
    """Queues by owner. Each owner's things come in order, and the owners by turns, however much each of them has."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Thing]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __bool__(self) -> bool:
        return bool(self._queues)

    def push(self, owner: str, thing: Thing) -> None:
        """Adds to the owner's queue; a new owner comes after all others."""
        self._queues.setdefault(owner, deque()).append(thing)

    def pop(self, may_go: Callable[[Thing], bool] = lambda thing: True) -> Thing | None:
        """The next thing of the owner whose turn it is, who then comes last; None if nothing waits.

        Whose next thing may not go now keeps their turn, and the others are asked, in order.
        """
        owner = next((owner for owner, queue in self._queues.items() if may_go(queue[0])), None)
        if owner is None:
            return None
        queue = self._queues.pop(owner)
        thing = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return thing

    def withdraw(self, owner: str) -> list[Thing]:
        """Takes out everything of one owner."""
        return list(self._queues.pop(owner, ()))
