"""Turns: so many jobs are at work at a time, and the others begin in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from coordinator.service.jobs import Job

Begin = Callable[[], None]
"""Has a job begin. It is called without a lock, and does not wait for the job."""


class Turns:
    """Safe to use from many threads. Who has begun says so when it has ended (:meth:`leave`)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work = 0
        self._line: deque[Begin] = deque()
        self._lock = threading.Lock()

    def enter(self, begin: Begin) -> None:
        """Calls ``begin`` as soon as it is its turn: in here, or in the thread of whoever makes room."""
        with self._lock:
            if self._at_work >= self._most:
                self._line.append(begin)
                return
            self._at_work += 1
        begin()

    def withdraw(self, begin: Begin) -> bool:
        """Takes it out of the line; False if it has had its turn."""
        with self._lock:
            try:
                self._line.remove(begin)
            except ValueError:
                return False
        return True

    def leave(self) -> None:
        """One that has begun has ended: the next one begins."""
        with self._lock:
            if not self._line:
                self._at_work -= 1
                return
            begin = self._line.popleft()
        begin()


class Lines:
    """The two lines of turns: large jobs, which hold theirs for long, have half as many of their own."""

    def __init__(self, running: int) -> None:
        """``running`` is the maximum number of small jobs at work."""
        large = max(1, running // 2)
        self.most = running + large
        """Maximum number of jobs at work."""
        self._small, self._large = Turns(running), Turns(large)

    def of(self, job: Job) -> Turns:
        """The line in which a job waits."""
        return self._large if job.is_large else self._small
