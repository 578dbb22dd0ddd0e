"""How much memory requests hold while they come: beyond that, their small images go to disk like large ones. Pure."""

from __future__ import annotations

from types import TracebackType

_MOST = 64 * 1024 * 1024


class Holding:
    """What all requests hold together. For one thread, the loop's."""

    def __init__(self, most: int = _MOST) -> None:
        """``most`` is the maximum number of bytes."""
        self.left = most


class Share:
    """What one of them holds of it, to the end of a block."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._size = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back(self._size)

    def take(self, size: int) -> bool:
        """Whether so many bytes more may be held, which then are."""
        if size > self._holding.left:
            return False
        self._holding.left -= size
        self._size += size
        return True

    def give_back(self, size: int) -> None:
        """So many bytes are held no longer."""
        self._holding.left += size
        self._size -= size
