"""What is known of all pools, look by look: how they stand, how fast they go, and what holds the run up.

The scheduler's thread owns it; only :meth:`Outlook.take_rooms` is another's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from coordinator.cluster.hold import Hold, hold, why
from coordinator.cluster.nodes import Room
from coordinator.cluster.pace import Pacer
from coordinator.cluster.pool import Pool
from coordinator.cluster.room import Fit, Standing, fit
from coordinator.cluster.sizing import Load
from coordinator.instances import Instances
from coordinator.pipeline import Resources
from coordinator.record.pools import HoldState, PoolState

_PLACED = 3.0
"""Seconds after which an instance that was asked for has found room, if there is any."""

Seen = tuple[Pool, Load, Instances]
"""A pool, what is known of its step now, and its limits, with a ``most``."""


class Outlook:
    """Is shown the pools again and again."""

    def __init__(self, target_wait: float) -> None:
        self._target_wait = target_wait
        self._rooms: tuple[Room, ...] | None = None
        self._pacers: defaultdict[str, Pacer] = defaultdict(Pacer)
        self._peaks: dict[str, int] = {}
        self._held: dict[Hold, float] = {}
        self._looked: float | None = None
        self._has_ended = False
        self.standings: tuple[Standing, ...] = ()
        """How the pools stood at the last look."""
        self.hold: Hold | None = None
        """What holds the run up now."""

    def take_rooms(self, rooms: Sequence[Room]) -> None:
        """What the nodes have free; from any thread."""
        self._rooms = tuple(rooms)

    def look(self, pools: Sequence[Seen], now: float, *, is_last: bool = False) -> None:
        """Sees how the pools stand; ``now`` is the clock's seconds. The last look is when the run has ended."""
        if self.hold is not None and self._looked is not None:
            self._held[self.hold] = self._held.get(self.hold, 0.0) + now - self._looked
        self._looked = now
        used = [one for pool, load, _ in pools for one in [pool.step.resources] * load.ready]
        self.standings = tuple(self._standing(*seen, used, now) for seen in pools)
        self.hold = hold(self.standings, self._target_wait)
        self._has_ended = is_last

    @property
    def is_waiting(self) -> bool:
        """Whether an instance waits for longer than one that finds room."""
        return any(one.load.since_asked > _PLACED for one in self.standings)

    def why(self, standing: Standing) -> str:
        """Why a step has no more instances than it has."""
        return why(standing, self._target_wait)

    def states(self) -> dict[str, PoolState]:
        """The pools by step, as they were seen last, for the journal."""
        return {one.step: self._state(one) for one in self.standings}

    def holds(self) -> tuple[HoldState, ...]:
        """All that has held the run up, what did it longest first."""
        found = {**dict.fromkeys([self.hold] if self.hold else [], 0.0), **self._held}
        return tuple(
            HoldState(step=one.step, why=one.why, seconds=round(found[one], 1), is_now=one == self.hold)
            for one in sorted(found, key=lambda one: -found[one])
        )

    def _standing(
        self, pool: Pool, load: Load, limits: Instances, used: Sequence[Resources], now: float
    ) -> Standing:
        name = pool.step.name
        self._peaks[name] = pool.peak
        self._pacers[name].look(
            now, ended=pool.ended, busy=pool.busy, ready=load.ready, seconds=load.seconds or 0.0
        )
        return Standing(
            step=name,
            asks=pool.step.resources,
            load=load,
            limits=limits,
            pace=self._pacers[name].pace,
            fit=self._fit(pool.step.resources, load, used),
        )

    def _fit(self, wanted: Resources, load: Load, used: Sequence[Resources]) -> Fit | None:
        if self._rooms is None or load.since_asked <= _PLACED:
            return None
        return fit(wanted, self._rooms, used)

    def _state(self, one: Standing) -> PoolState:
        load, limits, pacer = one.load, one.limits, self._pacers[one.step]
        pace = pacer.whole if self._has_ended else one.pace
        assert limits.most is not None  # it is known for every pool
        return PoolState(
            least=limits.least,
            most=limits.most,
            idle_s=limits.idle_s,
            ready=load.ready,
            starting=load.starting,
            backlog=load.backlog,
            wait=None if load.wait is None else round(load.wait, 1),
            rate=None if pace is None else round(pace.rate, 2),
            busy=None if pace is None else round(pace.busy, 2),
            peak=self._peaks[one.step],
            there_s=round(pacer.there_s, 1),
        )
