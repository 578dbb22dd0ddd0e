"""Removing finished jobs: those that were kept long enough, and the oldest while all together take too much."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.service.registry import Registry
from coordinator.service.store import Store

_LOG = logging.getLogger("coordinator.service")
_SECONDS = 60.0
"""Between two looks."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Finished jobs are kept so many ``seconds`` of :mod:`coordinator.service.ageing`, and ``size`` bytes in all."""

    seconds: float
    size: int


class Sweeper:
    """A thread that looks from time to time, until ``ended`` is set."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        limits: Limits,
        remove: Callable[[str], None],
        ended: threading.Event,
    ) -> None:
        """``remove`` removes the job of an id; it may raise OSError."""
        self._registry, self._store = registry, store
        self._limits = limits
        self._remove = remove
        self._ended = ended
        self._thread = threading.Thread(target=self._live, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def join(self) -> None:
        """Waits for its end, if it has begun."""
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        while not self._ended.wait(_SECONDS):
            try:
                self.sweep()
            except (OSError, sqlite3.Error) as error:
                _LOG.error("what was kept long enough cannot be removed: %s", error)

    def sweep(self) -> None:
        """Looks once. Raises OSError and sqlite3.Error."""
        registry, limits = self._registry, self._limits
        registry.note_age()
        for job_id in registry.unmeasured():
            registry.measured(job_id, self._store.size(job_id))
        for job_id in registry.aged_before(registry.age - limits.seconds):
            self._remove(job_id)
        for job_id in registry.oldest_beyond(limits.size):
            _LOG.info("job %s is removed: finished jobs keep more than %d bytes", job_id, limits.size)
            self._remove(job_id)
