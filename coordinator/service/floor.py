"""What each worker has to do, and which of them may take on what: so that small tasks always find one. Pure.

A worker that has a large task takes nothing more, so nothing small waits behind it. Beside the workers there may be one
more that takes only small tasks, and only when no other can: with it, a small task waits for small ones alone, however
many large ones there are.

Tasks that need much memory go to work only while all of them together stay within what there is.
"""

from __future__ import annotations

from collections.abc import Callable

from coordinator.service.budget import Weight

_DEPTH = 2
"""Tasks at one worker: the one that it works on, and the next, so that it never waits for this process."""


class Floor:
    """The workers by their numbers; the one for small tasks, if there is one, comes last."""

    def __init__(self, workers: int, *, with_express: bool, shared: float) -> None:
        """``shared`` is the memory that large tasks may take together, in bytes."""
        self._ordinary = workers
        self._has: list[list[Weight]] = [[] for _ in range(workers + with_express)]
        self._free = shared

    @property
    def size(self) -> int:
        """All workers, the one for small tasks included."""
        return len(self._has)

    @property
    def idle(self) -> int:
        """The ordinary workers that have nothing to do."""
        return sum(not has for has in self._has[: self._ordinary])

    def round(self) -> Callable[[Weight], bool]:
        """Who may go now, asked in the order of their turns.

        Once one has to wait for memory, no other that needs some goes before it: it would wait for ever.
        """
        memory_is_awaited = False

        def may_go(weight: Weight) -> bool:
            nonlocal memory_is_awaited
            if weight.extra and (memory_is_awaited or not self._has_memory(weight)):
                memory_is_awaited = True
                return False
            return self._place(weight) is not None

        return may_go

    def take(self, weight: Weight) -> int:
        """Finds the worker that has least to do for a task that may go, and gives it the task."""
        number = self._place(weight)
        assert number is not None
        self.give(number, weight)
        return number

    def give(self, number: int, weight: Weight) -> None:
        """A worker has one more task."""
        self._has[number].append(weight)
        self._free -= weight.extra

    def leave(self, number: int, weight: Weight) -> None:
        """A worker has ended a task."""
        self._has[number].remove(weight)
        self._free += weight.extra

    def has_one(self, number: int) -> bool:
        """Whether a worker has a single task."""
        return len(self._has[number]) == 1

    def is_express(self, number: int) -> bool:
        """Whether it is the worker for small tasks."""
        return number >= self._ordinary

    def _has_memory(self, weight: Weight) -> bool:
        """Whether there is memory for it; a task that has been let in may always go alone."""
        return weight.extra <= self._free or not any(one.extra for has in self._has for one in has)

    def _place(self, weight: Weight) -> int | None:
        open_ones = [number for number, has in enumerate(self._has) if self._is_open(has)]
        ordinary = [number for number in open_ones if number < self._ordinary]
        if not ordinary and not weight.is_large:
            ordinary = open_ones
        return min(ordinary, key=lambda number: len(self._has[number]), default=None)

    @staticmethod
    def _is_open(has: list[Weight]) -> bool:
        return len(has) < _DEPTH and not any(weight.is_large for weight in has)
