"""An executor that only keeps a clock: machines come, are lost and go, and tasks take as long as they were measured.

It stands behind the same seam as this machine and a cluster do, so that the scheduler that it plays with is the real
one. Nothing waits: the clock jumps to whatever happens next. The head's own time passes with each task it hands out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.seating import Seat
from coordinator.core.tasks import FetchTask, Outcome, StepTask
from coordinator.errors import MachinesError
from coordinator.pipeline import Step
from coordinator.plan.agenda import Agenda
from coordinator.plan.dealer import Dealer
from coordinator.plan.machine import Held, Machine
from coordinator.plan.machines import MachineType
from coordinator.plan.watch import Watch

_FETCHES = 4
_TRIES = 1000
"""So often at most a task at work is lost: weather that :func:`check_weather` lets pass comes nowhere near."""
_LOST = TaskError(kind=ErrorKind.LOST, message="its machine has gone")


class StandsStill(Exception):
    """Tasks wait, and nothing will ever happen: a mistake of whoever chose the machines."""


class NeverEnds(MachinesError):
    """Machines are lost too soon for a task to be done on one."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What may befall machines: one is lost after ``fail_every`` hours of being there, on average; None: none is.

    That one has gone is noticed ``lost_s`` seconds later. With ``spots_stay``, none is taken back. ``seed`` makes every
    play of the same weather the same.
    """

    fail_every: float | None = None
    lost_s: float = 10.0
    seed: int = 0
    spots_stay: bool = False

    def rate(self, kind: MachineType) -> float:
        """How many times a second one of the type is lost: it fails, or is taken back."""
        hours = (self.fail_every, None if self.spots_stay else kind.taken_back_h)
        return sum(1 / (3600 * one) for one in hours if one is not None)


@dataclass(frozen=True, slots=True)
class Place:
    """A seat on a machine."""

    machine: Machine
    seat: Seat


@dataclass
class _Room:
    """The machines that may have a place for a task of a step, those that have been waiting longest first."""

    step: Step
    able: frozenset[Machine]
    idle: dict[Machine, None] = field(default_factory=dict)
    shared: dict[Machine, None] = field(default_factory=dict)

    def add(self, machine: Machine) -> None:
        if machine in self.able:
            self.idle[machine] = None
            if self.step.keeps:
                self.shared[machine] = None

    def drop(self, machine: Machine) -> None:
        self.idle.pop(machine, None)
        self.shared.pop(machine, None)

    def seat(self) -> Place | None:
        """A lane that has nothing to do, on whichever machine, before one that has: behind others one waits."""
        return _first(self.idle, lambda machine: machine.idle_seat(self.step)) or _first(
            self.shared, lambda machine: machine.shared_seat(self.step)
        )


def _first(machines: dict[Machine, None], ask: Callable[[Machine], Seat | None]) -> Place | None:
    """The first place found; a machine that has none is not asked again before something ends there."""
    while machines:
        machine = next(iter(machines))
        seat = ask(machine)
        if seat is not None:
            return Place(machine, seat)
        del machines[machine]
    return None


class Clockwork:
    """Plays tasks on machines."""

    def __init__(
        self,
        machines: Sequence[Machine],
        steps: Sequence[Step],
        dealer: Dealer,
        watch: Watch,
        *,
        ahead: int,
        head_s: float,
        weather: Weather,
    ) -> None:
        """``ahead`` is how many tasks of a step should be ready, ``head_s`` the head's seconds for each task."""
        self._agenda = Agenda()
        self._dealer = dealer
        self._watch = watch
        self._ahead = ahead
        self._head_s = head_s
        self._weather = weather
        self._chance = random.Random(weather.seed)
        self._rooms = {
            step.name: _Room(step, frozenset(one for one in machines if one.kind.runs(step)))
            for step in steps
        }
        self.head_busy = 0.0
        self._tries: Counter[str] = Counter()
        self._wanted: set[str] = set()
        self._ended: list[Outcome] = []
        self._away = dict.fromkeys(machines)
        self._booting = 0
        for machine in machines:
            if machine.number < machine.kind.least:
                self._ask(machine)

    @property
    def now(self) -> float:
        return self._agenda.now

    # -- the seam -----------------------------------------------------------------------------------------

    @property
    def fetches(self) -> int:
        return _FETCHES

    def ahead(self, step: Step) -> int:
        return self._ahead

    @property
    def longest(self) -> None:
        """Steps share what there is."""

    def seat(self, step: Step) -> Place | None:
        place = self._rooms[step.name].seat()
        if place is None:
            self._want(step)
        return place

    def submit(self, task: StepTask, place: Place) -> None:
        self._agenda.now += self._head_s
        self.head_busy += self._head_s
        machine, step = place.machine, task.step
        opening = self._dealer.opening(step) if machine.is_new(place.seat) else 0.0
        held = machine.sit(task.id, place.seat, self.now, self._dealer.seconds(task), opening)
        self._watch.submitted(task, machine.lane(held.seat), self.now)
        life = machine.life
        self._agenda.at(held.end, lambda: self._end(task, machine, life))

    def fetch(self, task: FetchTask) -> None:
        raise NotImplementedError("a town's recordings are there")

    def wait(self, timeout: float | None) -> list[Outcome]:
        """The outcomes of what happens next; none if that is a machine's coming."""
        if timeout is None and self._agenda.is_empty:
            raise StandsStill(f"after {self.now:.0f} s of the play tasks wait, and no machine will come")
        self._agenda.go_on(None if timeout is None else self.now + timeout)
        ended, self._ended = self._ended, []
        return ended

    def wake(self) -> None:
        """Nobody waits."""

    def cancel(self) -> None:
        """Nobody waits for what is played."""

    def close(self) -> None:
        """Nothing is left behind."""

    # -- what happens -------------------------------------------------------------------------------------

    def _end(self, task: StepTask, machine: Machine, life: int) -> None:
        """The task is done, unless its machine has gone meanwhile."""
        if machine.life != life:
            return
        held = machine.rise(task.id, self.now)
        self._tries.pop(task.id, None)
        self._watch.ended(task, machine.lane(held.seat), machine.kind.name, held.end - held.begin, self.now)
        self._offer(machine)
        # With all of its fields, or else it costs as much as the rest of the event.
        success = Success.model_construct(task=task.id, items=self._dealer.items(task), metrics={})
        self._ended.append(Outcome(task=task.id, result=success))

    def _offer(self, machine: Machine) -> None:
        """There may be seats on it. If nobody takes one for a while, it is given back."""
        for room in self._rooms.values():
            room.add(machine)
        if machine.is_idle and machine.number >= machine.kind.least:
            life, since = machine.life, machine.idle_since
            self._agenda.at(self.now + machine.kind.idle_s, lambda: self._give_back(machine, life, since))

    def _want(self, step: Step) -> None:
        """Asks for machines: at first for all that there may be, later one at a time, for those that have gone.

        Nobody brings machines to a backlog of days one by one.
        """
        if not self._away:
            return
        able = [machine for machine in self._away if machine in self._rooms[step.name].able]
        if step.name in self._wanted:
            able = able[: 0 if self._booting else 1]
        self._wanted.add(step.name)
        for machine in able:
            self._ask(machine)

    def _ask(self, machine: Machine) -> None:
        self._away.pop(machine, None)
        self._booting += 1
        machine.ask(self.now)
        self._agenda.at(self.now + machine.kind.boot_s, lambda: self._come(machine))

    def _come(self, machine: Machine) -> None:
        self._booting -= 1
        machine.come(self.now)
        self._offer(machine)
        if (rate := self._weather.rate(machine.kind)) > 0:
            life = machine.life
            self._agenda.at(self.now + self._chance.expovariate(rate), lambda: self._lose(machine, life))

    def _give_back(self, machine: Machine, life: int, since: float) -> None:
        if machine.life == life and machine.is_idle and machine.idle_since == since:
            self._leave(machine)
            self._away[machine] = None

    def _lose(self, machine: Machine, life: int) -> None:
        """It has gone, its tasks with it; after a while that is noticed, and another one asked for."""
        if machine.life != life:
            return
        self._watch.gone(
            [(machine.lane(held.seat), held.seat.step, held.begin) for held in machine.held.values()],
            self.now,
        )
        left = self._leave(machine)
        self._count_tries(left)
        self._agenda.at(self.now + self._weather.lost_s, lambda: self._notice(machine, list(left)))

    def _count_tries(self, left: Mapping[str, Held]) -> None:
        """A task that was at work has been tried once more; one behind others in its lane has not."""
        for task, held in left.items():
            if held.begin < self.now:
                self._tries[task] += 1
                if self._tries[task] >= _TRIES:
                    raise NeverEnds(
                        f"this never ends: machines are lost so soon that a task of step {held.seat.step.name!r} was "
                        f"begun {_TRIES:,} times and never done"
                    )

    def _leave(self, machine: Machine) -> dict[str, Held]:
        for room in self._rooms.values():
            room.drop(machine)
        return machine.go(self.now)

    def _notice(self, machine: Machine, left: Sequence[str]) -> None:
        self._ask(machine)
        self._ended += [Outcome(task=task, result=_LOST) for task in left]
