"""One machine that is only played: seats as on a real one, and when what sits there will be done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from coordinator.core.resources import Ledger
from coordinator.core.seating import Seat, Seating
from coordinator.pipeline import Step
from coordinator.plan.machines import MachineType


class State(Enum):
    """Where a machine is in its life. One that is not there can be asked for."""

    AWAY = "away"
    BOOTING = "booting"
    UP = "up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A task on a machine: it has its lane from ``begin`` until ``end``, with the ``opening`` seconds of that."""

    seat: Seat
    begin: float
    end: float
    opening: float


@dataclass(eq=False)
class Machine:
    """One machine. Times are seconds of the play.

    ``jobs`` is the maximum number of tasks that are worked on at a time. ``life`` counts how often it has gone: what is
    told of an earlier life is told of nobody.
    """

    kind: MachineType
    number: int
    jobs: int
    state: State = State.AWAY
    life: int = 0
    asked: float = 0.0
    idle_since: float = 0.0
    paid: float = 0.0
    """Seconds, of the lives that are over."""

    held: dict[str, Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._seating = Seating(Ledger(self.kind.inventory), jobs=self.jobs)
        self._free: dict[int, float] = {}
        self.held.clear()

    # -- its life -----------------------------------------------------------------------------------------

    def ask(self, now: float) -> None:
        """Somebody pays for it from now on."""
        self.state, self.asked = State.BOOTING, now

    def come(self, now: float) -> None:
        """It takes tasks from now on."""
        self.state, self.idle_since = State.UP, now

    def go(self, now: float) -> dict[str, Held]:
        """It is given back, or has gone: nobody pays any more. Gives the tasks that it leaves undone."""
        left = dict(self.held)
        self.paid += now - self.asked
        self.state = State.AWAY
        self.life += 1
        self._empty()
        return left

    def paid_until(self, now: float) -> float:
        """Seconds that were paid for until now."""
        return self.paid + (0.0 if self.state is State.AWAY else now - self.asked)

    @property
    def is_idle(self) -> bool:
        return not self.held

    def lane(self, seat: Seat) -> tuple[int, int, int]:
        """What tells a seat's lane from those of other machines, and of other lives."""
        return id(self), self.life, seat.lane

    # -- its tasks ----------------------------------------------------------------------------------------

    def idle_seat(self, step: Step) -> Seat | None:
        """A seat in a lane that has nothing to do."""
        seat = self._seating.take_idle(step)
        while seat is None and self._forget_closed():  # an idle lane of another step has made room
            seat = self._seating.take_idle(step)
        return seat

    def shared_seat(self, step: Step) -> Seat | None:
        """A seat behind others in a lane that is kept."""
        return self._seating.join(step)

    def is_new(self, seat: Seat) -> bool:
        """Whether the seat's lane has yet to be opened."""
        return seat.step.keeps and seat.lane not in self._free

    def sit(self, task: str, seat: Seat, now: float, seconds: float, opening: float) -> Held:
        """The task takes its seat; ``seconds`` are those of a machine of speed 1, without its lane's ``opening``."""
        begin = max(now, self._free.get(seat.lane, -math.inf))
        opening /= self.kind.speed
        held = Held(seat=seat, begin=begin, end=begin + opening + seconds / self.kind.speed, opening=opening)
        if seat.step.keeps:
            self._free[seat.lane] = held.end
        self.held[task] = held
        return held

    def rise(self, task: str, now: float) -> Held:
        """The task is done, and its seat free."""
        held = self.held.pop(task)
        self._seating.give_back(held.seat, held.end - held.begin - held.opening)
        self._forget_closed()
        if not self.held:
            self.idle_since = now
        return held

    def _forget_closed(self) -> bool:
        """Nothing is left of lanes that were closed; a played container takes no time to end. False if none was."""
        closed = self._seating.closed()
        for lane in closed:
            self._free.pop(lane, None)
            self._seating.ended(lane)
        return bool(closed)
