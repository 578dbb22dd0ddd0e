"""What is told of the pools: every change and how they stand to the journal, what a run waits for to its watcher."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from coordinator.cluster.pool import Pool
from coordinator.cluster.sizing import Load
from coordinator.instances import Instances
from coordinator.record.pools import PoolChange, PoolState

_TOLD = 30.0
"""Seconds between two notes that an instance is waited for."""


class Reporter(Protocol):
    """Hears of the pools: the run's journal, and whoever watches."""

    def changed(self, change: PoolChange) -> None: ...
    def stand(self, pools: Mapping[str, PoolState]) -> None: ...
    def note(self, text: str) -> None: ...


class Bulletin:
    """Tells a reporter what is new."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.note = reporter.note
        self._told: dict[str, float] = {}
        self._stood: Mapping[str, PoolState] = {}

    def changed(self, pool: Pool, change: str, why: str) -> None:
        """Something has become of an instance of the pool."""
        self._reporter.changed(
            PoolChange(at=time.time(), step=pool.step.name, size=pool.size, change=change, why=why)
        )

    def stand(self, pools: Sequence[tuple[Pool, Load, Instances]], now: float) -> None:
        """How the pools stand, if they stand otherwise than they did; ``now`` is the clock's seconds."""
        stood = {pool.step.name: _state(load, limits) for pool, load, limits in pools}
        if stood != self._stood:
            self._stood = stood
            self._reporter.stand(stood)
        for pool, load, _ in pools:
            self._tell_of_waiting(pool, load, now)

    def _tell_of_waiting(self, pool: Pool, load: Load, now: float) -> None:
        """A run that waits for the cluster says for what."""
        name, asked = pool.step.name, pool.step.resources
        is_waiting = load.backlog and not load.ready and load.since_asked > _TOLD
        if is_waiting and now - self._told.get(name, -_TOLD) >= _TOLD:
            self._told[name] = now
            gpus = f", {asked.gpus:g} GPUs" if asked.gpus else ""
            self.note(
                f"step {name!r} waits for an instance since {load.since_asked:.0f} s: it asks for {asked.cpus:g} CPUs, "
                f"{asked.memory / 1024**3:.1f} GiB{gpus} of a node"
            )


def _state(load: Load, limits: Instances) -> PoolState:
    assert limits.most is not None  # it is known for every pool
    return PoolState(
        least=limits.least,
        most=limits.most,
        idle_s=limits.idle_s,
        ready=load.ready,
        starting=load.starting,
        backlog=load.backlog,
        wait=None if load.wait is None else round(load.wait, 1),
    )
