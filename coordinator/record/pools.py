"""What the journal keeps of a cluster's pools: every change, how they stand, and what has held the run up."""

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

    ``rate`` is tasks that end a second, ``busy`` the share of their time, 0 to 1, that instances work, both over the
    last seconds; once the run has ended, over all of it. ``peak`` is the most instances that were ready at a time,
    ``there_s`` the seconds of all of them together. ``wait``, ``rate`` and ``busy`` are None as long as they are not
    known.
    """

    least: int
    most: int
    idle_s: float
    ready: int
    starting: int
    backlog: int
    wait: float | None
    rate: float | None
    busy: float | None
    peak: int
    there_s: float

    def as_json(self) -> Json:
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class HoldState:
    """What has held the run up for ``seconds``: a step, or the head if it is none; why; and whether it does now."""

    step: str | None
    why: str
    seconds: float
    is_now: bool

    def as_json(self) -> Json:
        return dict(vars(self))
