"""Which lane serves the next task of a step on one machine: pure bookkeeping over the ledger.

On the fresh rung every task is a lane of its own and holds all that its step asks for while it runs. On the
other rungs a lane is what is kept (a container, a process): it holds the memory and the GPUs for as long
as it is open, and the CPUs only while it has something to do, so that several steps can stay loaded.
A kept lane takes several tasks at once, as many as keep it busy until the coordinator looks again.

A step in chunks has lanes, too, of which each gives only so many seats and is closed then. Lanes that have nothing
to do are closed if another step needs their room. Whatever it is closed for, a lane holds what it has until nothing
is left of it (:meth:`Seating.ended`): two containers are never where there is room for one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from coordinator.core.resources import Grant, Ledger
from coordinator.pipeline import Resources, Rung, Step

_BUSY_SECONDS = 0.1
"""So much work a lane should have in hand."""
_MIN_DEPTH, _MAX_DEPTH = 2, 512
_WEIGHT = 0.2
"""Of the newest task in the running mean of a step's seconds per task."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A task's place in a lane, and what the lane may use."""

    lane: int
    step: Step
    grant: Grant


@dataclass(kw_only=True)
class _OpenLane:
    """A lane that is kept: ``kept`` is held as long as it is open, ``active`` while it has a task."""

    step: Step
    kept: Grant
    left: float
    """Seats that it still gives."""
    active: Grant | None = None
    in_flight: int = 0

    @property
    def is_ending(self) -> bool:
        """Whether it has been closed."""
        return not self.left and not self.in_flight


class Seating:
    """Gives tasks their seats, within what the ledger grants, in a maximum of ``jobs`` lanes at a time."""

    def __init__(self, ledger: Ledger, *, jobs: int) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._lanes: dict[int, _OpenLane] = {}
        self._seconds: dict[str, float] = {}
        self._depths: dict[str, int] = {}
        self._next = 0
        self._closed: list[int] = []
        self.busy = 0
        """Lanes that have a task."""

    def take(self, step: Step) -> Seat | None:
        """A seat for one task of ``step``: on an idle lane, a new one, or a busy one that has room.

        A kept lane's seats beyond its first are no further job.
        """
        return self.take_idle(step) or self.join(step)

    def take_idle(self, step: Step) -> Seat | None:
        """A seat where it would be the lane's only task: on an idle lane, or a new one."""
        if self.busy >= self._jobs:
            return None
        if not step.keeps:
            return self._take_fresh(step)
        number = self._wake(step)
        if number is None:
            number = self._open(step)
        return None if number is None else self._sit(number)

    def give_back(self, seat: Seat, seconds: float, *, spoilt: bool = False) -> None:
        """The seat's task has ended; ``seconds`` is what it kept its lane busy for.

        A task that killed its step, or that may have failed of a lost GPU, leaves its lane ``spoilt``: what is kept
        there is closed, so that the next attempt, and everybody else's, is made elsewhere. Without GPUs, a lane of one
        program stays: it has a new program by then.
        """
        lane = self._lanes.get(seat.lane)
        if lane is None:  # a fresh one, which ends with its task
            self._ledger.release(seat.grant)
            self.busy -= 1
            return
        self._note_seconds(seat.step, seconds)
        lane.in_flight -= 1
        if spoilt and (seat.step.rung is Rung.EXEC or seat.grant.gpu_uuids):
            lane.left = 0
        if lane.in_flight == 0:
            self.busy -= 1
            if lane.active is not None:
                self._ledger.release(lane.active)
            lane.active = None
            if not lane.left:
                self._close(seat.lane)

    def closed(self) -> list[int]:
        """The lanes closed since the last call, after their chunk or to make room for others."""
        closed, self._closed = self._closed, []
        return closed

    def ended(self, lane: int) -> None:
        """Nothing is left of a closed lane: what it held until now is free."""
        self._ledger.release(self._lanes.pop(lane).kept)

    def lose(self, uuids: Collection[str]) -> None:
        """These devices are given to nobody any more, and what is kept with one of them takes no further task."""
        self._ledger.lose(uuids)
        for number, lane in self._lanes.items():
            if lane.left and not set(uuids).isdisjoint(lane.kept.gpu_uuids):
                lane.left = 0
                if not lane.in_flight:
                    self._close(number)

    def _take_fresh(self, step: Step) -> Seat | None:
        active = self._ledger.reserve(_activity(step.resources))
        if active is None:
            return None
        self._ledger.release(active)
        grant = self._with_room(step, step.resources)
        if grant is None:
            return None
        self.busy += 1
        return Seat(lane=self._number(), step=step, grant=grant)

    def join(self, step: Step) -> Seat | None:
        """A seat on a busy kept lane of ``step`` that has room for one more task."""
        least, found = self._depth(step), None
        for number, lane in self._of(step):
            if 0 < lane.in_flight < least:
                least, found = lane.in_flight, number
        return self._sit(found) if found is not None else None

    def _sit(self, number: int) -> Seat:
        lane = self._lanes[number]
        self.busy += lane.in_flight == 0
        lane.in_flight += 1
        lane.left -= 1
        return Seat(lane=number, step=lane.step, grant=lane.kept)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _of(self, step: Step) -> Iterator[tuple[int, _OpenLane]]:
        """The step's lanes that have seats to give."""
        lanes = self._lanes.items()
        return ((number, lane) for number, lane in lanes if lane.step.name == step.name and lane.left)

    def _wake(self, step: Step) -> int | None:
        """An open lane without a task, if the CPUs for it are free."""
        for number, lane in self._of(step):
            if lane.in_flight == 0:
                lane.active = self._ledger.reserve(_activity(step.resources))
                return number if lane.active else None
        return None

    def _open(self, step: Step) -> int | None:
        active = self._ledger.reserve(_activity(step.resources))
        if active is None:
            return None
        kept = self._with_room(step, _residence(step.resources))
        if kept is None:
            self._ledger.release(active)
            return None
        number = self._number()
        left = step.chunk if step.takes_chunks else math.inf
        self._lanes[number] = _OpenLane(step=step, kept=kept, active=active, left=left)
        return number

    def _note_seconds(self, step: Step, seconds: float) -> None:
        """Learns from a task's seconds how many tasks keep a lane of its step busy."""
        mean = self._seconds.get(step.name)
        mean = mean + _WEIGHT * (seconds - mean) if mean else seconds
        self._seconds[step.name] = mean
        if mean and step.rung is not Rung.EXEC:
            self._depths[step.name] = min(_MAX_DEPTH, max(_MIN_DEPTH, int(_BUSY_SECONDS / mean)))

    def _depth(self, step: Step) -> int:
        """How many tasks a lane of the step takes at once."""
        found = self._depths.get(step.name)
        return found or (1 if step.rung is Rung.EXEC else _MIN_DEPTH)

    def _with_room(self, step: Step, resources: Resources) -> Grant | None:
        """A grant, if there is room for it now; else an idle lane of another step is closed, so that there will be."""
        grant = self._ledger.reserve(resources)
        if grant is None and not any(lane.is_ending for lane in self._lanes.values()):
            self._close_idle(but=step)
        return grant

    def _close_idle(self, *, but: Step) -> None:
        """Closes one lane of another step that has nothing to do."""
        for number, lane in self._lanes.items():
            if lane.in_flight == 0 and lane.step.name != but.name:
                self._close(number)
                return

    def _close(self, number: int) -> None:
        self._lanes[number].left = 0
        self._closed.append(number)


@lru_cache(maxsize=1024)
def _residence(resources: Resources) -> Resources:
    """What a lane holds as long as it is open."""
    return resources.model_copy(update={"cpus": 0.0})


@lru_cache(maxsize=1024)
def _activity(resources: Resources) -> Resources:
    """What a lane holds while it works."""
    return resources.model_copy(update={"memory": 0, "gpus": 0.0, "gpu_memory": None})
