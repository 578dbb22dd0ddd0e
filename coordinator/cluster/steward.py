"""How many instances each pool has, look by look: asks a fleet for more, and takes some back.

The scheduler's thread owns it.
"""

from __future__ import annotations

from collections.abc import Callable

from coordinator.cluster.bulletin import Bulletin, Reporter
from coordinator.cluster.fleet import Fleet, Terms
from coordinator.cluster.outlook import Outlook
from coordinator.cluster.pool import Pool
from coordinator.cluster.room import Standing, gives_way, must_wait, owed
from coordinator.cluster.sizing import has_spare, wanted

_GIVEN_WAY = "another step waits for its first"


class Steward:
    """Fits a fleet's pools to what waits."""

    def __init__(self, fleet: Fleet, terms: Terms, backlog: Callable[[str], int], reporter: Reporter) -> None:
        """``backlog`` counts a step's tasks that wait or run."""
        self._fleet = fleet
        self._terms = terms
        self._backlog = backlog
        self._bulletin = Bulletin(reporter)
        self._outlook = Outlook(terms.target_wait)
        self._over_since: dict[str, float] = {}
        self._owed: frozenset[str] = frozenset()

    def resize(self, now: float) -> None:
        """Looks at all pools, and asks for instances or takes some back. ``now`` is the clock's seconds."""
        self._look(now)
        pools, standings = self._fleet.all(), self._outlook.standings
        waiting = owed(standings, self._owed)
        self._owed = frozenset(one.step for one in waiting)
        for pool, standing in zip(pools, standings, strict=True):
            if must_wait(standing, waiting):
                self._fleet.withdraw(pool, _GIVEN_WAY)
            elif not self._fleet.pauses(pool, now):
                self._grow(pool, standing, now)
            self._shrink(pool, standing, now)
        is_one_leaving = any(member.is_leaving for pool in pools for member in pool.members.values())
        yielding = None if is_one_leaving else gives_way(standings)
        for pool in pools:
            if pool.step.name == yielding:
                self._fleet.retire(pool, _GIVEN_WAY)
        if self._outlook.is_waiting:
            self._fleet.look_for_room(self._outlook.take_rooms)
        self._bulletin.stand(self._outlook)
        self._bulletin.tell(self._outlook, [pool.step for pool in pools], now)

    def rest(self, now: float) -> None:
        """The run has ended: nothing waits, and what is left of the pools is what is told of them."""
        self._look(now, is_last=True)
        self._bulletin.stand(self._outlook)

    def _look(self, now: float, *, is_last: bool = False) -> None:
        """Sees how the pools stand."""
        seen = []
        for pool in self._fleet.all():
            backlog = 0 if is_last else max(pool.least_backlog(), self._backlog(pool.step.name))
            seen.append((pool, pool.load(backlog, now), self._terms.limits(pool.step)))
        self._outlook.look(seen, now, is_last=is_last)

    def _grow(self, pool: Pool, standing: Standing, now: float) -> None:
        load = standing.load
        waits = "unknown" if load.wait is None else f"{load.wait:.1f} s"
        why = f"{load.backlog} tasks, wait {waits}" if load.backlog else "the least"
        for _ in range(self._due(standing) - load.size):
            self._fleet.ask(pool, why, now)

    def _shrink(self, pool: Pool, standing: Standing, now: float) -> None:
        name, load, due = standing.step, standing.load, self._due(standing)
        if load.size <= due or not (standing.lacks_room or has_spare(load, standing.pace)):
            self._over_since.pop(name, None)
        elif now - self._over_since.setdefault(name, now) >= standing.limits.idle_s:
            self._over_since[name] = now
            why = f"{due} are enough for {load.backlog} tasks"
            if standing.lacks_room:  # nothing is lost with those, and no node comes for them
                self._fleet.withdraw(pool, why, most=load.size - due)
            else:
                self._fleet.retire(pool, why)

    def _due(self, standing: Standing) -> int:
        return wanted(standing.load, standing.limits, self._terms.target_wait)
