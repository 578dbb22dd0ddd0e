"""How long a run will still take, by how quickly its steps have gone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ENOUGH = 3
"""Tasks that tell how quick one is: the first ones wait for containers and models."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """One step: tasks that ran and ended, tasks that are left as far as is known, and seconds since its first one.

    ``known`` is whether any of its tasks are known of.
    """

    ran: int
    left: int
    seconds: float
    known: bool = True


def time_left(steps: Sequence[Pace]) -> float | None:
    """Seconds until all tasks have ended; None as long as nothing tells.

    Steps share one machine, so what is left of each adds up. The less of a step has ended, the more it is taken to be
    as quick as all tasks were until now; and one of which nothing is known to have as many tasks as the one in front.
    """
    ran = sum(step.ran for step in steps)
    if ran < _ENOUGH:
        return None
    mean = max(step.seconds for step in steps) / ran
    total, before = 0.0, 0
    for step in steps:
        tasks = step.ran + step.left if step.known else before
        guessed = max(0, _ENOUGH - step.ran)
        each = (step.seconds + guessed * mean) / (step.ran + guessed) if step.ran else mean
        total += (tasks - step.ran) * each
        before = tasks
    return total


def in_words(seconds: float) -> str:
    """Roughly, as the estimate is: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
