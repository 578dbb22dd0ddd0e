"""What is told of the pools: every change and how they stand to the journal, what matters to the run's watcher."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from coordinator.cluster.hold import Hold
from coordinator.cluster.outlook import Outlook
from coordinator.cluster.pool import Pool
from coordinator.cluster.room import Standing
from coordinator.pipeline import Step
from coordinator.record.pools import HoldState, PoolChange, PoolState

_TOLD = 30.0
"""Seconds between two notes that an instance is waited for."""
_STANDS = 5.0
"""Seconds that something holds the run up before that is told, and at least between two notes of it."""


class Reporter(Protocol):
    """Hears of the pools: the run's journal, and whoever watches."""

    def changed(self, change: PoolChange) -> None: ...
    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None: ...
    def note(self, text: str) -> None: ...


class Bulletin:
    """Tells a reporter what is new."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.note = reporter.note
        self._told: dict[str, float] = {}
        self._hold: Hold | None = None
        self._holds_since = 0.0
        self._told_hold: Hold | None = None

    def changed(self, pool: Pool, change: str, why: str) -> None:
        """Something has become of an instance of the pool."""
        self._reporter.changed(
            PoolChange(at=time.time(), step=pool.step.name, size=pool.size, change=change, why=why)
        )

    def stand(self, outlook: Outlook) -> None:
        """How the pools stand now."""
        self._reporter.stand(outlook.states(), outlook.holds())

    def tell(self, outlook: Outlook, steps: Sequence[Step], now: float) -> None:
        """What holds the run up, once it does so for a while, and that a step has no instance yet."""
        if outlook.hold != self._hold:
            self._hold, self._holds_since = outlook.hold, now
        if self._hold not in (None, self._told_hold) and now - self._holds_since >= _STANDS:
            self._told_hold = self._hold
            self.note(f"{self._hold} ({_sizes(outlook.states())})")
        for step, standing in zip(steps, outlook.standings, strict=True):
            self._tell_of_waiting(step, standing, outlook, now)

    def _tell_of_waiting(self, step: Step, standing: Standing, outlook: Outlook, now: float) -> None:
        """A run that waits for the cluster says for what."""
        load, asked = standing.load, step.resources
        is_waiting = load.backlog and not load.ready and load.since_asked > _TOLD
        if is_waiting and now - self._told.get(step.name, -_TOLD) >= _TOLD:
            self._told[step.name] = now
            gpus = f", {asked.gpus:g} GPUs" if asked.gpus else ""
            self.note(
                f"step {step.name!r} waits since {load.since_asked:.0f} s: {outlook.why(standing)}; it takes "
                f"{asked.cpus:g} CPUs, {asked.memory / 1024**3:.2g} GiB{gpus} of a node "
                "(`ray status` on a machine of the cluster tells whether one is on its way)"
            )


def _sizes(pools: Mapping[str, PoolState]) -> str:
    """How many instances the steps have."""
    return ", ".join(f"{step}: {pool.ready} of {pool.least} to {pool.most}" for step, pool in pools.items())
