"""All instances of a run: asked for as the backlog grows, taken back as it shrinks, given up when they are lost.

The scheduler's thread owns it. Every change goes into the journal with its reason.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.cluster.bulletin import Bulletin, Reporter
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.link import ClusterError, Event, Link
from coordinator.cluster.messages import pack_tasks
from coordinator.cluster.pool import Pool
from coordinator.cluster.sizing import Load, gives_way, wanted
from coordinator.instances import Instances
from coordinator.pipeline import Step
from coordinator.strictjson import Json

_STARTS = 3
"""So many instances of a step may fail to begin, one after the other."""
_STUCK = 3.0
"""Seconds for which an instance may wait for room on a node before another step's gives way."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for a whole run.

    ``make_spec`` says what an instance is made with, by its step and number; ``judge`` why a node, by what it says of
    itself, cannot take part; ``room`` how many instances of a step the cluster has room for; ``target_wait`` is the
    seconds below which the last task in line should wait.
    """

    make_spec: Callable[[Step, int], InstanceSpec]
    judge: Callable[[Json], str | None]
    room: Callable[[Step], int]
    target_wait: float


class Fleet:
    """The pools of a run."""

    def __init__(
        self,
        link: Link,
        terms: Terms,
        backlog: Callable[[str], int],
        reporter: Reporter,
        tell: Callable[[Event], None],
    ) -> None:
        """``backlog`` counts a step's tasks that wait or run; ``tell`` hears of every event, from any thread."""
        self._link = link
        self._terms = terms
        self._backlog = backlog
        self._bulletin = Bulletin(reporter)
        self._tell = tell
        self._pools: dict[str, Pool] = {}
        self._numbers = itertools.count(1)
        self._avoid: frozenset[str] = frozenset()
        self._over_since: dict[str, float] = {}
        self.labels: list[str] = []
        """Of all instances that did not end by themselves: they may have left something."""

    def pool(self, step: Step) -> Pool:
        """The step's pool, made when it is first asked for."""
        if step.name not in self._pools:
            self._pools[step.name] = Pool(step)
        return self._pools[step.name]

    def all(self) -> list[Pool]:
        return list(self._pools.values())

    def holder(self, number: int) -> Pool | None:
        """The pool that the instance is in; None if it has gone."""
        return next((pool for pool in self._pools.values() if number in pool.members), None)

    # -- how many -----------------------------------------------------------------------------------------

    def resize(self, now: float) -> None:
        """Looks at all pools, and asks for instances or takes some back. ``now`` is the clock's seconds."""
        loads = {name: self._load(pool, now) for name, pool in self._pools.items()}
        for name, pool in self._pools.items():
            self._fit(pool, loads[name], now)
        limits = {name: pool.step.instances for name, pool in self._pools.items()}
        is_one_leaving = any(one.is_leaving for pool in self._pools.values() for one in pool.members.values())
        yielding = None if is_one_leaving else gives_way(loads, limits, _STUCK)
        if yielding is not None:
            self._retire(self._pools[yielding], "another step waits for its first")
        self._bulletin.stand(
            [(pool, loads[name], self._limits(pool.step)) for name, pool in self._pools.items()], now
        )

    def send(self) -> None:
        """Sends what waits in the instances' outboxes, and closes those that leave and have nothing more."""
        for pool in self._pools.values():
            for member, tasks in pool.messages():
                self._link.call(member.number, "run", self._tell, pack_tasks(tasks))
            for member in pool.left():
                member.is_ready = False
                self._link.call(member.number, "close", self._tell)

    def _load(self, pool: Pool, now: float) -> Load:
        least = pool.in_flight + pool.was_refused  # what the run says of itself may be behind
        pool.was_refused = False
        return pool.load(max(least, self._backlog(pool.step.name)), now)

    def _limits(self, step: Step) -> Instances:
        """The step's limits, with what the cluster has room for where none was set."""
        asked = step.instances
        most = asked.most or max(1, self._terms.room(step))
        return asked.model_copy(update={"least": min(asked.least, most), "most": most})

    def _fit(self, pool: Pool, load: Load, now: float) -> None:
        step = pool.step
        due = wanted(load, self._limits(step), self._terms.target_wait)
        for _ in range(due - load.size):
            waits = "unknown" if load.wait is None else f"{load.wait:.1f} s"
            self._ask(pool, f"{load.backlog} tasks, wait {waits}" if load.backlog else "the least", now)
        if load.size <= due:
            self._over_since.pop(step.name, None)
        elif now - self._over_since.setdefault(step.name, now) >= step.instances.idle_s:
            self._over_since[step.name] = now
            self._retire(pool, f"{due} are enough for {load.backlog} tasks")

    def _ask(self, pool: Pool, why: str, now: float) -> None:
        number = next(self._numbers)
        spec = self._terms.make_spec(pool.step, number)
        self.labels.append(spec.label)
        pool.ask(number, spec.label, now)
        self._link.start(number, spec, self._avoid, self._tell)
        self._bulletin.changed(pool, "asked", why)

    def _retire(self, pool: Pool, why: str) -> None:
        if pool.retire():
            self._bulletin.changed(pool, "leaves", why)

    # -- what becomes of them -----------------------------------------------------------------------------

    def began(self, number: int, node: str, facts: Json) -> None:
        """An instance is there. On a node that differs from the others it is not used, nor is any later one.

        Raises ClusterError if no other instance is there or on its way.
        """
        pool = self.holder(number)
        if pool is None:
            return
        where = f"{facts['host']} ({node[:8]})"
        difference = self._terms.judge(facts)
        if difference is not None:
            self._avoid |= {node}
            self._remove(pool, number, "refused", f"node {where} {difference}")
            if not any(one.members for one in self._pools.values()):
                raise ClusterError(f"no node can be used: {where} {difference}")
            self._bulletin.note(f"node {where} is not used: it {difference}")
            return
        pool.failures = 0
        pool.begin(number, where)
        self._bulletin.changed(pool, "began", where)

    def did_not_begin(self, number: int, why: str) -> None:
        """Raises ClusterError if the step's instances fail to begin again and again."""
        pool = self.holder(number)
        if pool is None:
            return
        pool.failures += 1
        self._remove(pool, number, "did not begin", why)
        self._bulletin.note(f"an instance of step {pool.step.name!r} did not begin: {why}")
        if pool.failures >= _STARTS:
            raise ClusterError(
                f"step {pool.step.name!r}: {_STARTS} instances in a row did not begin, the last one because of {why}\n"
                "  what had ended before is kept; when this is mended, the same command continues"
            )

    def lose(self, number: int, why: str) -> list[str]:
        """An instance has gone, or must go: the ids of the tasks that are lost with it."""
        pool = self.holder(number)
        if pool is None:
            return []
        member = pool.members[number]
        self._bulletin.note(f"an instance of step {pool.step.name!r} on {member.node} is lost: {why}")
        lost = self._remove(pool, number, "lost", f"{member.node}: {why}")
        self._link.sweep([member.label])
        return lost

    def closed(self, number: int, failed: str | None) -> None:
        """An instance has ended as it was asked to, and left nothing; or it could not."""
        pool = self.holder(number)
        if pool is None:
            return
        if failed is None:
            self.labels.remove(pool.members[number].label)
        self._remove(pool, number, "closed", failed or "")

    def cancel(self) -> None:
        """All that runs ends soon; instances that are not there yet are not waited for."""
        for pool in self._pools.values():
            for number, member in tuple(pool.members.items()):
                if member.node is None:
                    self._remove(pool, number, "withdrawn", "the run ends")
                else:
                    self._link.call(number, "cancel", self._tell)

    def dismiss(self) -> None:
        """All instances end once they have nothing to do; those that are not there yet are not waited for."""
        for pool in self._pools.values():
            for number, member in tuple(pool.members.items()):
                if member.node is None:
                    self._remove(pool, number, "withdrawn", "the run ends")
                member.is_leaving = True
        self.send()

    def rest(self) -> None:
        """The run has ended: nothing waits, and what is left of the pools is what is told of them."""
        now = time.monotonic()
        pools = self._pools.values()
        self._bulletin.stand([(pool, pool.load(0, now), self._limits(pool.step)) for pool in pools], now)

    def _remove(self, pool: Pool, number: int, change: str, why: str) -> list[str]:
        lost = pool.remove(number)
        self._link.kill(number)
        self._bulletin.changed(pool, change, why)
        return lost
