"""Which lane serves the next task of a step: pure bookkeeping between the ledger and the scheduler.

On the fresh rung every task is a lane of its own and holds all that its step asks for while it runs. On the
other rungs a lane is what is kept (a container, a process): it holds the memory and the GPUs for as long
as it is open, and the CPUs only while it has something to do, so that several steps can stay loaded.
A kept lane takes several tasks at once, as many as keep it busy until the coordinator looks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coordinator.core.resources import Grant, Ledger
from coordinator.pipeline import Resources, Rung, Step

_BUSY_SECONDS = 0.1
"""So much work a lane should have in hand."""
_LEAST_DEPTH, _MOST_DEPTH = 2, 512
_MEMORY = 0.2
"""The weight of the newest task in the running mean of a step's seconds per task."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A task's place in a lane."""

    lane: int
    step: int
    grant: Grant


@dataclass(kw_only=True)
class _Lane:
    step: int
    kept: Grant
    active: Grant | None = None
    in_flight: int = 0


class Lanes:
    """The lanes of all steps, within what the ledger grants."""

    def __init__(self, ledger: Ledger, steps: Sequence[Step]) -> None:
        self._ledger = ledger
        self._steps = steps
        self._lanes: dict[int, _Lane] = {}
        self._seconds = [0.0] * len(steps)
        self._next = 0
        self._closed: list[int] = []
        self.busy = 0
        """Lanes that have a task."""

    def take(self, step: int) -> Seat | None:
        """A seat for one task of ``step``: on an idle lane, a new one, or a busy one that has room."""
        if not self._steps[step].rung.keeps:
            return self._take_fresh(step)
        number = self._wake(step)
        if number is None:
            number = self._open(step)
        return self.join(step) if number is None else self._sit(number)

    def _take_fresh(self, step: int) -> Seat | None:
        active = self._ledger.reserve(_activity(self._steps[step].resources))
        if active is None:
            return None
        self._ledger.release(active)
        grant = self._with_room(step, self._steps[step].resources)
        if grant is None:
            return None
        self.busy += 1
        return Seat(lane=self._number(), step=step, grant=grant)

    def join(self, step: int) -> Seat | None:
        """A seat on a busy kept lane of ``step`` that has room for one more task."""
        busy = ((lane.in_flight, number) for number, lane in self._of(step) if lane.in_flight)
        least, number = min(busy, default=(0, None))
        return self._sit(number) if number is not None and least < self._depth(step) else None

    def _sit(self, number: int) -> Seat:
        lane = self._lanes[number]
        self.busy += lane.in_flight == 0
        lane.in_flight += 1
        return Seat(lane=number, step=lane.step, grant=lane.kept)

    def give_back(self, seat: Seat, seconds: float, *, spoilt: bool = False) -> None:
        """The seat's task has ended; ``seconds`` is what it kept its lane busy for.

        A task that killed its step leaves its lane ``spoilt``: what is kept there is closed, so that the next attempt,
        and everybody else's, is made elsewhere. A lane of one program has a new program by then.
        """
        if not self._steps[seat.step].rung.keeps:
            self._ledger.release(seat.grant)
            self.busy -= 1
            return
        mean = self._seconds[seat.step]
        self._seconds[seat.step] = mean + _MEMORY * (seconds - mean) if mean else seconds
        lane = self._lanes[seat.lane]
        lane.in_flight -= 1
        if lane.in_flight == 0:
            self.busy -= 1
            if lane.active is not None:
                self._ledger.release(lane.active)
            lane.active = None
            if spoilt and self._steps[seat.step].rung is Rung.EXEC:
                self._close(seat.lane)

    def closed(self) -> list[int]:
        """The lanes closed since the last call, to make room for others."""
        closed, self._closed = self._closed, []
        return closed

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _of(self, step: int) -> Iterator[tuple[int, _Lane]]:
        return ((number, lane) for number, lane in self._lanes.items() if lane.step == step)

    def _wake(self, step: int) -> int | None:
        """An open lane without a task, if the CPUs for it are free."""
        for number, lane in self._of(step):
            if lane.in_flight == 0:
                lane.active = self._ledger.reserve(_activity(self._steps[step].resources))
                return number if lane.active else None
        return None

    def _open(self, step: int) -> int | None:
        resources = self._steps[step].resources
        active = self._ledger.reserve(_activity(resources))
        if active is None:
            return None
        kept = self._with_room(step, _residence(resources))
        if kept is None:
            self._ledger.release(active)
            return None
        number = self._number()
        self._lanes[number] = _Lane(step=step, kept=kept, active=active)
        return number

    def _depth(self, step: int) -> int:
        if self._steps[step].rung is Rung.EXEC:
            return 1
        mean = self._seconds[step]
        return min(_MOST_DEPTH, max(_LEAST_DEPTH, int(_BUSY_SECONDS / mean))) if mean else _LEAST_DEPTH

    def _with_room(self, step: int, resources: Resources) -> Grant | None:
        """A grant for which idle lanes of other steps are closed if need be."""
        while (grant := self._ledger.reserve(resources)) is None and self._close_idle(but=step):
            continue
        return grant

    def _close_idle(self, *, but: int) -> bool:
        """Closes one lane of another step that has nothing to do."""
        for number, lane in self._lanes.items():
            if lane.in_flight == 0 and lane.step != but:
                self._close(number)
                return True
        return False

    def _close(self, number: int) -> None:
        self._ledger.release(self._lanes.pop(number).kept)
        self._closed.append(number)


def _residence(resources: Resources) -> Resources:
    """What a lane holds as long as it is open."""
    return resources.model_copy(update={"cpus": 0.0})


def _activity(resources: Resources) -> Resources:
    """What a lane holds while it works."""
    return resources.model_copy(update={"memory": 0, "gpus": 0.0, "gpu_memory": None})
