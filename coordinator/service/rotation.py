"""Whose turn it is: things that wait, by whom they belong to, taken in turns. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Rotation(Generic[Thing]):
    """Queues by owner. Each owner's things come in order, and the owners by turns, however much each of them has."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Thing]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def push(self, owner: str, thing: Thing) -> None:
        """Adds to the owner's queue; a new owner comes after all others."""
        self._queues.setdefault(owner, deque()).append(thing)

    def pop(self) -> Thing | None:
        """The next thing of the owner whose turn it is, who then comes last; None if nothing waits."""
        if not self._queues:
            return None
        owner, queue = self._queues.popitem(last=False)
        thing = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return thing

    def withdraw(self, owner: str) -> list[Thing]:
        """Takes out everything of one owner."""
        return list(self._queues.pop(owner, ()))
