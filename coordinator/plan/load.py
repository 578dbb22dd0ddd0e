"""How busy what was paid for has been in a play, and what held it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator.plan.machines import MachineType
from coordinator.plan.play import Played
from coordinator.plan.watch import Used

_FULL = 0.6
"""From this share on something counts as full: the rest goes to coming, to opening lanes, and to the last tasks."""
_INSTANT = 1e-9


@dataclass(frozen=True, kw_only=True)
class Load:
    """The share of what was paid for that tasks had; ``by_step`` is how that is divided."""

    name: str
    share: float
    by_step: dict[str, float]

    @property
    def step(self) -> str:
        """Who has most of it."""
        return max(self.by_step, key=lambda step: self.by_step[step])


_RESOURCES: dict[str, tuple[Callable[[Used], float], Callable[[MachineType], float]]] = {
    "CPUs": (lambda used: used.cpus, lambda kind: kind.cpus),
    "GPUs": (lambda used: used.gpus, lambda kind: float(kind.gpus)),
    "memory": (lambda used: used.memory, lambda kind: float(kind.memory)),
}


def loads(played: Played, before: Played | None = None) -> list[Load]:
    """Of CPUs, GPUs, memory, and the head's time. What no machine has is left out.

    With a shorter play on the same machines ``before``, of what the longer one had more: when everything is at work.
    Their last tasks are not waited for equally long, so that this is off by a few hundredths; all is the most.
    """
    found = []
    for name, (used, had) in _RESOURCES.items():
        by_step = {
            step: used(one) - (used(before.by_step[step]) if before else 0.0)
            for step, one in played.by_step.items()
        }
        all_of_it = _paid(played, had) - (_paid(before, had) if before else 0.0)
        if all_of_it > 0:
            found.append(Load(name=name, share=min(1.0, sum(by_step.values()) / all_of_it), by_step=by_step))
    seconds = played.makespan - (before.makespan if before else 0.0)
    busy = played.head_busy - (before.head_busy if before else 0.0)
    tasks = {step: float(count) for step, count in played.tasks.items()}
    return [*found, Load(name="head", share=busy / max(seconds, _INSTANT), by_step=tasks)]


def bottleneck(found: Sequence[Load]) -> str:
    """What more of would make it faster."""
    fullest = max(found, key=lambda load: load.share)
    if fullest.share < _FULL:
        waits = "machines come, lanes open, the last tasks are waited for"
        return f"nothing is full ({fullest.name}: {fullest.share:.0%}): {waits}"
    total = sum(fullest.by_step.values())
    share = fullest.by_step[fullest.step] / total if total else 0.0
    return f"{fullest.name}, {fullest.share:.0%} busy: {share:.0%} of that with {fullest.step}"


def _paid(played: Played, had: Callable[[MachineType], float]) -> float:
    """What there was of something in the time that was paid for, in seconds of it."""
    return sum(played.paid[kind.name] * 3600 * had(kind) for kind in played.fleet.counts)
