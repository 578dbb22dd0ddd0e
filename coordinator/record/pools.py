"""What the journal keeps of a cluster's pools: every change, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class PoolChange:
    """What has become of an instance of a step, and its pool's ``size`` after it. ``at`` is seconds since the epoch."""

    at: float
    step: str
    size: int
    change: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PoolState:
    """How one step's pool stands: its limits, instances ready and starting, tasks that wait or run, seconds they take.

    ``wait`` is None as long as it is not known; ``limits`` are what the pool may be.
    """

    least: int
    most: int
    idle_s: float
    ready: int
    starting: int
    backlog: int
    wait: float | None

    def as_json(self) -> Json:
        return dict(vars(self))
