"""Whether nodes have room for the instances that were asked for, and who gives way if they have not. Pure.

A step that has none goes before steps that have some: they close one, and ask for no more until it has its first.
That holds among those that take what is lacking; who takes no GPU makes no room for one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coordinator.cluster.nodes import Node, Room
from coordinator.cluster.pace import Pace
from coordinator.cluster.sizing import Load
from coordinator.instances import Instances
from coordinator.pipeline import Resources

_EPSILON = 1e-3
"""Ray counts in parts of ten thousand."""
_LONG = 30.0
"""Seconds after which an instance is taken for one without room, if the cluster does not tell."""


class Fit(StrEnum):
    """Whether the cluster has room for one more instance of a step."""

    FREE = "a node has room for it"
    NO_GPU = "no GPU is free"
    FULL = "no node has room for it now"
    NOWHERE = "no node that is there is large enough"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of a step's pool at a moment. ``limits`` have a ``most``; ``fit`` is None if it is not known."""

    step: str
    asks: Resources
    load: Load
    limits: Instances
    pace: Pace | None = None
    fit: Fit | None = None

    @property
    def lacks_room(self) -> bool:
        """Whether what was asked for is not even being started."""
        return self.load.starting > 0 and self.fit not in (None, Fit.FREE)

    @property
    def is_stuck(self) -> bool:
        """Whether it waits for its first instance, for which there is no room, but would be."""
        lacks_room = self.fit in (Fit.NO_GPU, Fit.FULL)
        waits_long = self.fit is None and self.load.since_asked > _LONG
        return bool(self.load.backlog) and not self.load.ready and (lacks_room or waits_long)


def fit(wanted: Resources, rooms: Sequence[Room], used: Sequence[Resources]) -> Fit:
    """Whether an instance that was asked for finds room on any of the nodes, or has found it.

    ``used`` is what instances that are ready have reserved: if more is, it is what starts.
    """
    if any(_is_enough(room.free, wanted) for room in rooms) or _is_placed(wanted, rooms, used):
        return Fit.FREE
    if not any(_is_enough(room.whole, wanted) for room in rooms):
        return Fit.NOWHERE
    has_gpu = any(wanted.gpus <= room.free.gpus + _EPSILON for room in rooms)
    return Fit.FULL if has_gpu else Fit.NO_GPU


def owed(pools: Sequence[Standing], before: Collection[str]) -> list[Standing]:
    """Who waits for a first instance that had no room, until it is there: of those ``before``, who still waits."""
    return [
        one
        for one in pools
        if one.is_stuck or (one.step in before and one.load.backlog and not one.load.ready)
    ]


def must_wait(standing: Standing, owed: Sequence[Standing]) -> bool:
    """Whether a step that has instances asks for no more, because another one is owed what it takes."""
    return bool(standing.load.ready) and any(_is_rival(standing, one) for one in owed)


def gives_way(pools: Sequence[Standing]) -> str | None:
    """The step that should close an instance for one that waits for its first.

    Below its least goes only who else would let the other one wait for ever.
    """
    stuck = [one for one in pools if one.is_stuck]
    rivals = [one for one in pools if must_wait(one, stuck)]
    above = [one for one in rivals if one.load.ready > one.limits.least]
    return _to_spare(above) or _to_spare(rivals)


def _to_spare(pools: Sequence[Standing]) -> str | None:
    """Who misses an instance least: with nothing to do, with the most of them, or with nothing at this moment."""
    done = [one.step for one in pools if one.load.idle and not one.load.backlog]
    several = sorted((-one.load.ready, one.step) for one in pools if one.load.ready > 1)
    idle = [one.step for one in pools if one.load.idle]
    return next(iter([*done, *(step for _, step in several), *idle]), None)


def _is_rival(standing: Standing, stuck: Standing) -> bool:
    return stuck.fit is not Fit.NO_GPU or standing.asks.gpus > 0


def _is_placed(wanted: Resources, rooms: Sequence[Room], used: Sequence[Resources]) -> bool:
    """Whether so much more is reserved than the instances that are ready have, that one is being started."""
    cpus = sum(room.whole.cpus - room.free.cpus for room in rooms) - sum(one.cpus for one in used)
    gpus = sum(room.whole.gpus - room.free.gpus for room in rooms) - sum(one.gpus for one in used)
    return cpus + _EPSILON >= wanted.cpus and gpus + _EPSILON >= wanted.gpus


def _is_enough(node: Node, wanted: Resources) -> bool:
    return (
        wanted.cpus <= node.cpus + _EPSILON
        and wanted.memory <= node.memory
        and wanted.gpus <= node.gpus + _EPSILON
    )
