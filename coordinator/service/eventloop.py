"""The event loop in a thread of its own: the main one has the signals, and waits for what begins and ends slowly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from coordinator.runners.looptalk import runs_here

T = TypeVar("T")


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs until the block ends."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Waits for work in the loop, and for all that it has left there and in threads that it was lent."""
    asyncio.run_coroutine_threadsafe(_to_its_end(work), loop).result()


async def done(future: Future[T]) -> T:
    """What a future of any thread comes to. It is not cancelled with who waits for it, as others may wait, too."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not told.done():
            told.set_result(None)

    def pass_on(_: Future[T]) -> None:
        if runs_here(loop):
            tell()
        else:
            loop.call_soon_threadsafe(tell)

    future.add_done_callback(pass_on)
    await told
    return future.result()


def in_loop() -> bool:
    """Whether a loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()
