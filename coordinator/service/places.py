"""The places that jobs have in the service: so many may wait and run, and who comes then is told when to come again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from coordinator.service.refusal import Refused

_WEIGHT = 0.2
"""Of the newest job in the running mean of the seconds per job."""
_MAX_TURN = 60
"""Maximum number of seconds after which a client is asked to come again."""


class Places:
    """Counts who has a place; safe to use from many threads."""

    def __init__(self, *, running: int, waiting: int) -> None:
        """Maximum numbers of jobs that run, and that wait."""
        self._running = running
        self._capacity = running + waiting
        self._taken = 0
        self._seconds = 1.0
        self._is_closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Lets nobody in any more.

        It takes no lock: a signal's handler calls it in the thread of the event loop, which may hold that lock.
        """
        self._is_closed = True

    def look(self) -> None:
        """Raises Refused if no place is free now."""
        with self._lock:
            self._check()

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Holds a place while a job is taken on; it stays taken if the block ends well.

        Raises Refused if none is free.
        """
        with self._lock:
            self._check()
            self._taken += 1
        try:
            yield
        except BaseException:
            self.leave()
            raise

    def take(self) -> None:
        """A job that an earlier process had let in has a place, whether or not one is free."""
        with self._lock:
            self._taken += 1

    def leave(self) -> None:
        """A place is free again."""
        with self._lock:
            self._taken -= 1

    def note(self, seconds: float) -> None:
        """A job took so long."""
        with self._lock:
            self._seconds += _WEIGHT * (seconds - self._seconds)

    def _check(self) -> None:
        """Raises Refused if nobody is let in. The lock is held."""
        if self._is_closed:
            raise Refused("service", "is being stopped", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10)
        if self._taken >= self._capacity:
            message = f"{self._taken} jobs are waiting or running; come again later"
            raise Refused("service", message, HTTPStatus.TOO_MANY_REQUESTS, retry_after=self._turn_in())

    def _turn_in(self) -> int:
        """Seconds until a place may be free."""
        return min(_MAX_TURN, 1 + int(self._seconds * self._capacity / self._running / 2))
