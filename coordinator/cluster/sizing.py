"""How many instances a step should have. Pure: a rule over what is known at a moment.

A pool grows to as many instances as bring the wait of the last task in line below a target, at once; it shrinks by one
when it has been larger than that for a while, because an instance costs seconds to start. What no node has room for
waits; then pools that have more than they need give way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.instances import Instances


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


def gives_way(loads: Mapping[str, Load], limits: Mapping[str, Instances], patience: float) -> str | None:
    """The step that should close an instance, because another one waits for its first and no node has room for it.

    One that is idle first, then the step with the most instances; nobody goes below its least.
    """
    is_stuck = any(
        load.backlog and not load.ready and load.starting and load.since_asked > patience
        for load in loads.values()
    )
    if not is_stuck:
        return None
    spare = {name: load for name, load in loads.items() if load.ready > limits[name].least}
    idle = [name for name, load in spare.items() if load.idle and not load.backlog]
    if idle:
        return idle[0]
    several = {name: load.ready for name, load in spare.items() if load.ready > 1}
    return max(several, key=lambda name: several[name], default=None)
