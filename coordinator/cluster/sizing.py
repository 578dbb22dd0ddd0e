"""How many instances a step should have. Pure: a rule over what is known at a moment.

A pool grows to as many instances as bring the wait of the last task in line below a target, at once; it shrinks by one
when it has been larger than that for a while, because an instance costs seconds to start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from coordinator.cluster.pace import Pace
from coordinator.instances import Instances

_FULL = 0.85
"""The share of their time that instances may work, so that the line does not grow by chance alone."""
_SHORT = 1.0
"""Seconds of a task up to which a pace is that of now, not of the tasks before."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is known of one step: tasks that wait or run, seconds a task, and its instances.

    ``seconds`` is None before any has ended. ``ready`` can take tasks, ``idle`` of them have none, ``starting`` have
    been asked for; ``since_asked`` is for how many seconds the oldest of those.
    """

    backlog: int
    seconds: float | None
    ready: int
    idle: int
    starting: int
    since_asked: float = 0.0

    @property
    def size(self) -> int:
        return self.ready + self.starting

    @property
    def wait(self) -> float | None:
        """Seconds until all that waits has ended, with the instances that are ready; None if that is not known."""
        if not self.backlog:
            return 0.0
        return self.backlog * self.seconds / self.ready if self.seconds is not None and self.ready else None


def wanted(load: Load, limits: Instances, target_wait: float) -> int:
    """The number of instances that the backlog asks for, within limits of which ``most`` is given."""
    assert limits.most is not None
    if not load.backlog:
        return limits.least
    if load.seconds is None:  # the first ones' times tell more than a guess
        return max(1, limits.least)
    needed = min(load.backlog, math.ceil(load.backlog * load.seconds / target_wait))
    return min(limits.most, max(1, limits.least, needed))


def has_spare(load: Load, pace: Pace | None) -> bool:
    """Whether one instance fewer would do the same work: one has nothing to do, or the others have time for it."""
    if load.idle or pace is None or load.seconds is None or load.seconds > _SHORT:
        return load.idle > 0
    return pace.busy * load.ready <= _FULL * (load.ready - 1)
