"""The threads that jobs run in: large jobs have fewer of them, so that they never have all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Lines:
    """Two lines for a thread; in each the oldest comes first."""

    def __init__(self, running: int) -> None:
        """``running`` is the number of small jobs at work at a time; large ones are half as many, and one at least."""
        self._small = ThreadPoolExecutor(max_workers=running, thread_name_prefix="job")
        self._large = ThreadPoolExecutor(max_workers=max(1, running // 2), thread_name_prefix="large-job")

    def submit(self, work: Callable[[], None], *, is_large: bool) -> Future[None]:
        """Has ``work`` done when it is its turn; until then the future can be cancelled."""
        return (self._large if is_large else self._small).submit(work)

    def shutdown(self) -> None:
        """Waits until nothing is at work any more."""
        self._small.shutdown()
        self._large.shutdown()
