"""Removing finished jobs: those that were kept long enough, and the oldest while all together take too much."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.service.registry import Registry
from coordinator.service.store import Store

_LOG = logging.getLogger("coordinator.service")
_SECONDS = 60.0
"""Between two looks at the time that has passed."""
_MOMENT = 1.0
"""Between two looks at what all keep together."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Finished jobs are kept so many ``seconds`` of :mod:`coordinator.service.ageing`, and ``size`` bytes in all."""

    seconds: float
    size: int


class Sweeper:
    """A thread that looks from moment to moment, until ``ended`` is set."""

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
        self._kept = 0
        """Bytes of finished jobs, never too few: counted at the last sweep, and of those that have ended since."""
        self._seen = 0
        """Of the registry's bytes that have ended, so many were there at the last look."""
        self._is_sure = False
        """Whether that is what is kept: nothing ended just before it was counted."""
        self._swept = float("-inf")
        self._thread = threading.Thread(target=self._live, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def join(self) -> None:
        """Waits for its end, if it has begun."""
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        while not self._ended.wait(_MOMENT):
            try:
                self._look()
            except (OSError, sqlite3.Error) as error:
                _LOG.error("what was kept long enough cannot be removed: %s", error)

    def _look(self) -> None:
        """Sweeps if it is time, or if more is kept than may be."""
        ended = self._registry.ended_bytes
        lately, self._seen = ended - self._seen, ended
        self._kept += lately
        self._is_sure = self._is_sure and not lately
        now = time.monotonic()
        is_too_much = self._kept > self._limits.size and not self._is_sure
        if is_too_much or now - self._swept >= _SECONDS:
            self._swept, self._is_sure = now, True  # what cannot be removed is not tried every moment
            self.sweep()
            # How the last ones ended may not be written yet: then they are counted here, and removed next time.
            self._kept = self._registry.kept_bytes() + lately
            self._is_sure = not lately

    def sweep(self) -> None:
        """Removes what is to go now. Raises OSError and sqlite3.Error."""
        registry, limits = self._registry, self._limits
        registry.note_age()
        for job_id in registry.unmeasured():
            registry.measured(job_id, self._store.size(job_id))
        for job_id in registry.aged_before(registry.age - limits.seconds):
            self._remove(job_id)
        for job_id in registry.oldest_beyond(limits.size):
            _LOG.info("job %s is removed: finished jobs keep more than %d bytes", job_id, limits.size)
            self._remove(job_id)
