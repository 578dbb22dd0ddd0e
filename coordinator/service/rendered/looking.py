"""Looks at sources: many who ask for one at a time are told the same, and a slow server keeps nobody from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from weakref import WeakValueDictionary

from coordinator.service.refusal import Refused
from coordinator.service.rendered.flights import Flights
from coordinator.service.rendered.prefixes import FIELD, is_url
from coordinator.service.rendered.sources import Seen, Sources

_FETCHES, _OF_ONE_HOST = 16, 8
"""Sources that are fetched at a time, and those among them from one host."""
_MOST_WAITING = 128
"""Fetches, those that wait for others included."""
_AFTER_DEADLINE = 5.0
"""Seconds after which a fetch that has not ended by itself, as at a slow name server, is waited for no longer."""


class Looks:
    """Belongs to the event loop's thread."""

    def __init__(self, sources: Sources, seconds: float) -> None:
        """``seconds`` are those of one fetch; who waits for others waits as long for them."""
        self._sources, self._seconds = sources, seconds
        self._flights = Flights[Seen]()
        self._threads = ThreadPoolExecutor(_FETCHES, thread_name_prefix="fetch")
        self._free = asyncio.Semaphore(_FETCHES)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def see(self, source: str) -> Seen:
        """What the source is now. Raises Refused, and OSError if it cannot be kept."""
        if not is_url(source):
            known = await asyncio.to_thread(self._sources.known, source)
            begin = partial(asyncio.to_thread, self._sources.look, source)
            return known or await self._flights.join(source, begin)
        if known := self._sources.known(source):
            return known
        if len(self._flights) >= _MOST_WAITING:
            raise _busy()
        return await self._flights.join(source, partial(self._fetched, source))

    async def _fetched(self, source: str) -> Seen:
        async with self._turn(source):
            fetch = self._threads.submit(self._sources.look, source)
            loop = asyncio.get_running_loop()

            def leave(_: object) -> None:
                with suppress(RuntimeError):  # the service has ended
                    loop.call_soon_threadsafe(self._free.release)

            fetch.add_done_callback(leave)  # a thread that nobody waits for any more still is one
            try:
                return await asyncio.wait_for(asyncio.wrap_future(fetch), self._seconds + _AFTER_DEADLINE)
            except TimeoutError as error:
                message = f"has not come within {self._seconds:g} s"
                raise Refused(FIELD, message, HTTPStatus.GATEWAY_TIMEOUT) from error

    @asynccontextmanager
    async def _turn(self, source: str) -> AsyncIterator[None]:
        """Waits until a thread is free, which who uses it says when it has ended. Raises Refused if none is in time."""
        host = source.partition("://")[2].partition("/")[0]
        of_host = self._hosts.setdefault(host, asyncio.Semaphore(_OF_ONE_HOST))
        try:
            async with asyncio.timeout(self._seconds):
                await of_host.acquire()
                try:
                    await self._free.acquire()
                except BaseException:
                    of_host.release()
                    raise
        except TimeoutError as error:
            raise _busy() from error
        try:
            yield
        finally:
            of_host.release()

    def close(self) -> None:
        """Waits for no fetch any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _busy() -> Refused:
    message = "as many sources as may be are being fetched; come again later"
    return Refused("service", message, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=5)
