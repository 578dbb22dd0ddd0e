"""All instances of a run: asked for, taken back, given up when they are lost. How many there are, a steward decides.

The scheduler's thread owns it. Every change goes into the journal with its reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator.cluster.bulletin import Bulletin, Reporter
from coordinator.cluster.calls import Calls
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.joining import ClusterError
from coordinator.cluster.link import Event
from coordinator.cluster.messages import pack_tasks
from coordinator.cluster.nodes import Room
from coordinator.cluster.pool import Pool
from coordinator.instances import Instances
from coordinator.pipeline import Step
from coordinator.strictjson import Json

_STARTS = 3
"""So many instances of a step may fail to begin, one after the other."""
_PAUSE = 60.0
"""Seconds until the next is tried after that, if the step has others."""


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

    def limits(self, step: Step) -> Instances:
        """The step's limits, with what the cluster has room for where no most was set."""
        asked = step.instances
        return asked.model_copy(update={"most": asked.most or max(1, asked.least, self.room(step))})


class Fleet:
    """The pools of a run."""

    def __init__(
        self,
        link: Calls,
        terms: Terms,
        reporter: Reporter,
        tell: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        """``tell`` hears of every event, from any thread."""
        self._link = link
        self._terms = terms
        self._bulletin = Bulletin(reporter)
        self._tell, self._clock = tell, clock
        self._pools: dict[str, Pool] = {}
        self._numbers = itertools.count(1)
        self._avoid: frozenset[str] = frozenset()
        self._pauses: dict[str, float] = {}
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

    def pauses(self, pool: Pool, now: float) -> bool:
        """Whether no more instances of the step are tried for a while, because the last ones did not begin."""
        return now < self._pauses.get(pool.step.name, now)

    def look_for_room(self, tell: Callable[[Sequence[Room]], None]) -> None:
        """Tells, from another thread, what the nodes have free, if the cluster tells that."""
        avoid = self._avoid
        self._link.look_for_room(lambda rooms: tell([room for room in rooms if room.whole.id not in avoid]))

    def send(self) -> None:
        """Sends what waits in the instances' outboxes, and closes those that leave and have nothing more."""
        for pool in self._pools.values():
            for member, tasks in pool.messages():
                self._link.call(member.number, "run", self._tell, pack_tasks(tasks))
            for member in pool.left():
                member.is_ready = False
                self._link.call(member.number, "close", self._tell)

    def ask(self, pool: Pool, why: str, now: float) -> None:
        """Asks the cluster for one more instance; ``now`` is the clock's seconds."""
        number = next(self._numbers)
        spec = self._terms.make_spec(pool.step, number)
        self.labels.append(spec.label)
        pool.ask(number, spec.label, now)
        self._link.start(number, spec, self._avoid, self._tell)
        self._bulletin.changed(pool, "asked", why)

    def retire(self, pool: Pool, why: str) -> None:
        """The instance that has least to do ends when it has done that."""
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
        difference = facts["lack"] or self._terms.judge(facts)
        if difference is not None:
            self._avoid |= {node}
            self._remove(pool, number, "refused", f"node {where} {difference}")
            if not any(one.members for one in self._pools.values()):
                raise ClusterError(f"no node can be used: {where} {difference}")
            self._bulletin.note(f"node {where} is not used: it {difference}")
            self._failed(pool, f"node {where} {difference}")
            return
        pool.failures = 0
        pool.begin(number, where)
        self._bulletin.changed(pool, "began", where)

    def did_not_begin(self, number: int, why: str) -> None:
        """Raises ClusterError if the step's instances fail to begin again and again."""
        pool = self.holder(number)
        if pool is None:
            return
        self._remove(pool, number, "did not begin", why)
        self._bulletin.note(f"an instance of step {pool.step.name!r} did not begin: {why}")
        self._failed(pool, why)

    def _failed(self, pool: Pool, why: str) -> None:
        """An instance did not begin, or not on a node that can be used: neither is tried without end."""
        pool.failures += 1
        if pool.failures < _STARTS:
            return
        name, there = pool.step.name, pool.load(0, 0.0).ready
        if not there:
            raise ClusterError(
                f"step {name!r}: {_STARTS} instances in a row did not begin, the last one because of {why}\n"
                "  what had ended before is kept; when this is mended, the same command continues"
            )
        self._pauses[name] = self._clock() + _PAUSE
        self._bulletin.note(
            f"step {name!r} goes on with {there} instances; another one is tried in {_PAUSE:g} s"
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
            self.withdraw(pool, "the run ends")
            for number in pool.members:
                self._link.call(number, "cancel", self._tell)

    def dismiss(self) -> None:
        """All instances end once they have nothing to do; those that are not there yet are not waited for."""
        for pool in self._pools.values():
            self.withdraw(pool, "the run ends")
            for member in pool.members.values():
                member.is_leaving = True
        self.send()

    def withdraw(self, pool: Pool, why: str, *, most: int | None = None) -> None:
        """Instances that are not there yet are not waited for; of several, the last ones that were asked for."""
        coming = sorted(number for number, member in pool.members.items() if member.node is None)
        for number in coming[::-1][:most]:
            self._remove(pool, number, "withdrawn", why)

    def _remove(self, pool: Pool, number: int, change: str, why: str) -> list[str]:
        lost = pool.remove(number)
        self._link.kill(number)
        self._bulletin.changed(pool, change, why)
        return lost
