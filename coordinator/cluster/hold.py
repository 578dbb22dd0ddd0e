"""Which step holds a run up, and why it does. Pure: a rule over what is known of the pools at a moment.

It is the step whose backlog takes longest with the instances that it has. A step that has none holds up more than one
that has some. If its instances could do twice what they are given, it is the head that gives it too slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.cluster.room import Fit, Standing

_IDLE = 0.5
"""Instances that work for a smaller share of their time, although tasks wait, are not what is lacking."""
_LONG = 1.0
"""Seconds of a task from which on the head has time enough to hand out the next."""


@dataclass(frozen=True)
class Hold:
    """A step that holds the run up, or the head if it is none; ``why`` stays the same as long as the cause does."""

    step: str | None
    why: str

    def __str__(self) -> str:
        return f"{'the head' if self.step is None else f'step {self.step!r}'} holds the run up: {self.why}"


def hold(pools: Sequence[Standing], target_wait: float) -> Hold | None:
    """Who holds the run up; None as long as nothing waits, or nothing is known of what does."""
    waiting = [pool for pool in pools if pool.load.backlog]
    without = [pool for pool in waiting if not pool.load.ready]
    if without:
        worst = max(without, key=lambda pool: pool.load.since_asked)
        return Hold(worst.step, why(worst, target_wait))
    known = {pool.step: pool.load.wait for pool in waiting if pool.load.wait is not None}
    if not known:
        return None
    slowest = max(known, key=lambda step: known[step])
    (worst,) = (pool for pool in waiting if pool.step == slowest)
    if _has_too_little(worst):
        return Hold(None, f"instances of {slowest!r} wait for tasks that it has not handed out yet")
    return Hold(slowest, why(worst, target_wait))


def _has_too_little(pool: Standing) -> bool:
    """Whether instances could do more than they are given; of long tasks nothing is told before they have ended."""
    pace, seconds = pool.pace, pool.load.seconds
    if pace is None or not pace.rate or seconds is None or seconds > _LONG:
        return False
    return pace.busy < _IDLE


def why(pool: Standing, target_wait: float) -> str:
    """Why a step has no more instances than it has."""
    load, most = pool.load, pool.limits.most
    if load.starting:
        which = "more instances are" if load.ready else "its first instance is"
        is_placed = pool.fit in (None, Fit.FREE)
        return f"{which} being started" if is_placed else f"{which} asked for, but {pool.fit}"
    if load.ready == most:
        return f"it is at its most, {most}"
    if load.ready >= load.backlog:
        return "each of its last tasks has an instance"
    return f"its wait is below the target, {target_wait:g} s, so it gets no more instances"
