"""What may be worked on at a time, and what is refused: limits on estimates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coordinator.service.costs import Cost
from coordinator.service.refusal import TOO_LARGE, Refused

MIB = 1 << 20
_LARGE_TASK_SECONDS, _LARGE_JOB_SECONDS = 1.0, 2.0
ALLOWANCE = 128 * MIB
"""Memory that every worker may hold at any time, beside its program: it keeps that of one image for the next."""
_PROGRAM, _SERVICE = 64 * MIB, 128 * MIB
"""Memory of a worker before its first task, and of the service's own process."""
_OF_A_TIMEOUT = 0.5
"""The share of a task's time that its estimate may take: other machines are slower, and several share one."""


@dataclass(frozen=True)
class Weight:
    """What the pool knows of a task: whether it is large, the memory that it needs beyond a worker's allowance, and the
    seconds that it will take; both by estimate.
    """

    is_large: bool = False
    extra: int = 0
    seconds: float = 0.0


def weight(cost: Cost) -> Weight:
    """Of a task that does everything to an image that costs so much."""
    extra = max(0, cost.memory - ALLOWANCE)
    is_large = cost.seconds > _LARGE_TASK_SECONDS or extra > 0
    return Weight(is_large=is_large, extra=extra, seconds=cost.seconds)


def is_large(costs: Iterable[Cost]) -> bool:
    """Whether a job with these images holds its place for long."""
    costs = list(costs)
    return sum(cost.seconds for cost in costs) > _LARGE_JOB_SECONDS or any(
        weight(cost).is_large for cost in costs
    )


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The limits. ``job`` and ``task`` are seconds of a worker, by estimate; ``memory`` is the most that one task may
    need, and ``shared`` the most that all tasks at work need together beyond their allowances; both are bytes.
    """

    job: float
    task: float
    memory: int
    shared: int

    def check(self, costs: Sequence[Cost], fields: Sequence[str]) -> None:
        """Raises Refused, with the estimate, for a job that costs too much. ``fields`` name its images."""
        for cost, field in zip(costs, fields, strict=True):
            if cost.seconds > self.task:
                message = (
                    f"would take a worker about {cost.seconds:,.0f} s; at most {self.task:,.0f} s are allowed"
                )
                raise Refused(field, f"{message} for one image, with these operations", TOO_LARGE)
            if cost.memory > self.memory:
                need, limit = cost.memory // MIB, self.memory // MIB
                message = (
                    f"would need about {need:,} MiB of memory; at most {limit:,} MiB are there for one image"
                )
                raise Refused(field, f"{message}, with these operations", TOO_LARGE)
        total = sum(cost.seconds for cost in costs)
        if total > self.job:
            message = f"would take a worker about {total:,.0f} s for all images; at most {self.job:,.0f} s are allowed"
            raise Refused("actions.operations", message, TOO_LARGE)


def budget(*, job: float, timeout: float, workers: int, memory: int, is_shared: bool) -> Budget:
    """The budget of so many workers, beside which there is one more for small tasks.

    ``timeout`` is the seconds of a task, ``memory`` the bytes of each worker, or, if that ``is_shared``, of all of them
    and of the service itself.
    """
    if is_shared:
        extra = max(0, memory - _SERVICE - (workers + 1) * (_PROGRAM + ALLOWANCE))
        return Budget(job=job, task=timeout * _OF_A_TIMEOUT, memory=ALLOWANCE + extra, shared=extra)
    own = max(ALLOWANCE, memory - _PROGRAM)
    return Budget(job=job, task=timeout * _OF_A_TIMEOUT, memory=own, shared=workers * own)
