"""What an event loop does for a lane: it talks with a program without waiting, minds a clock, and lends threads."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

_CHUNK = 256 * 1024


class Talk:
    """A talk over a socket, from its beginning to :meth:`end`, all in the loop's thread. It closes no socket."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, hear: Callable[[bytes], None]
    ) -> None:
        """``hear`` is given what comes, and ``b""`` once the other side has ended, or the connection broke."""
        connection.setblocking(False)
        self._loop, self._connection, self._hear = loop, connection, hear
        self._unsent: deque[memoryview] = deque()
        self._awaits_room = False
        loop.add_reader(connection, self._read)

    def say(self, data: bytes) -> None:
        """Sends bytes, now or as soon as they are taken."""
        self._unsent.append(memoryview(data))
        self._write()

    def end(self) -> None:
        """Lets go of the socket, before it is closed; what has not been sent is dropped."""
        self._loop.remove_reader(self._connection)
        self._stop_awaiting_room()

    def _read(self) -> None:
        try:
            data = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._hear(data)

    def _write(self) -> None:
        try:
            while self._unsent:
                sent = self._connection.send(self._unsent[0])
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            if not self._awaits_room:
                self._awaits_room = True
                self._loop.add_writer(self._connection, self._write)
            return
        except OSError:  # who reads will notice
            self._unsent.clear()
        self._stop_awaiting_room()

    def _stop_awaiting_room(self) -> None:
        if self._awaits_room:
            self._awaits_room = False
            self._loop.remove_writer(self._connection)


class Alarm:
    """Has somebody look at the clock when a time is up, which may be put off again and again at no cost."""

    def __init__(self, loop: asyncio.AbstractEventLoop, look: Callable[[], None]) -> None:
        """``look`` may be called too early, too: it sets the alarm anew then."""
        self._loop, self._look = loop, look
        self._timer: asyncio.TimerHandle | None = None

    def set(self, deadline: float) -> None:
        """Rings at the deadline, on the monotonic clock, or before. One that is due earlier is left as it is."""
        due = self._loop.time() + deadline - time.monotonic()
        if self._timer is None or due < self._timer.when():
            self.stop()
            self._timer = self._loop.call_at(due, self._ring)

    def stop(self) -> None:
        """Rings no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._look()


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether it is this thread's loop, and runs."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # none runs in this thread
        return False


def lend(
    loop: asyncio.AbstractEventLoop,
    threads: Executor,
    work: Callable[[], object],
    then: Callable[[Any], None],
) -> None:
    """Has a thread do something; what it gives, or the exception that it raises, goes to ``then``, in the loop."""

    def do() -> None:
        try:
            done: object = work()
        except Exception as error:
            done = error
        with suppress(RuntimeError):  # the loop has gone, and everything with it
            loop.call_soon_threadsafe(then, done)

    threads.submit(do)
