"""Which ready unit starts next: the step nearest the end first, first fit, nobody passed over for ever.

Where all steps share one machine, what does not fit holds the others back in the end: only so it comes to its turn.
Where every step has places of its own, nobody takes another's; there a step waits only for the lines behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
G = TypeVar("G")

_PATIENCE = 32
"""So many later starts may pass a unit that does not fit; then everything waits until it does."""


class ReadyQueue(Generic[T]):
    """Units that are ready, one line per step."""

    def __init__(self, steps: int, *, longest: int | None = None) -> None:
        """``longest`` is how long a line may get before earlier steps wait for it, where every step has places of its
        own; None: they share the same ones.
        """
        self._longest = longest
        self._lines: list[deque[T]] = [deque() for _ in range(steps)]
        self._passed = [0] * steps

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    def waiting(self, step: int) -> int:
        return len(self._lines[step])

    def push(self, step: int, unit: T) -> None:
        self._lines[step].append(unit)

    def pop(self, reserve: Callable[[int], G | None]) -> tuple[T, G] | None:
        """The next unit to start with what ``reserve(step)`` granted it; None if nothing ready fits."""
        for step in self._order():
            grant = reserve(step)
            if grant is not None:
                self._passed[step] = 0
                return self._lines[step].popleft(), grant
            if self._holds_back(step):
                return None
        return None

    def _holds_back(self, step: int) -> bool:
        """Whether the others wait for a step that does not fit now."""
        if self._longest is not None:
            return len(self._lines[step]) >= self._longest
        self._passed[step] += 1
        return self._passed[step] > _PATIENCE

    def _order(self) -> Sequence[int]:
        """Steps with ready units: who was passed over too often first, then the later steps first."""
        ready = [step for step in reversed(range(len(self._lines))) if self._lines[step]]
        if len(ready) < 2:
            return ready
        return sorted(ready, key=lambda step: self._passed[step] < _PATIENCE)
