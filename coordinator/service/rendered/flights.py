"""One flight for all: what many ask for at a time is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Work by its name, for one event loop."""

    def __init__(self) -> None:
        self._flying: dict[str, asyncio.Future[T]] = {}

    def __len__(self) -> int:
        return len(self._flying)

    async def join(self, name: str, begin: Callable[[], Awaitable[T]]) -> T:
        """What the work of that name comes to; it begins unless it is in the air.

        It goes on to its end even if all who wait for it leave. What it raises, all of them meet.
        """
        flight = self._flying.get(name)
        if flight is None:
            flight = asyncio.ensure_future(begin())
            self._flying[name] = flight
            flight.add_done_callback(lambda ended: self._land(name, ended))
        return await asyncio.shield(flight)

    def _land(self, name: str, ended: asyncio.Future[T]) -> None:
        del self._flying[name]
        if not ended.cancelled():
            ended.exception()  # it counts as seen: who waited for it may be gone
