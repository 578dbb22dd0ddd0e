"""Time against cost: numbers of machines of each type that are worth playing, and what they come to.

A town of a million recordings takes minutes to play, so that of all numbers of machines only those are played that a
bound says are worth it, and those by two short plays: on the *same* machines, a part of the recordings and twice as
many. Between the two, the machines have come and the last tasks have been waited for in both; what differs is the time
that recordings take when everything is at work, which the rest is taken to go on with. Whoever chooses one of them
plays that in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.pipeline import Step
from coordinator.plan.clockwork import Weather
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.play import Fleet, Played, play
from coordinator.plan.work import Work, worthwhile

_SHORT, _PER_LANE = 5_000, 10
"""Recordings of the shorter play, at least, and for each lane."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a fleet comes to: hours and money. ``shorter`` is the first of two short plays, None if it is the whole."""

    fleet: Fleet
    hours: float
    cost: float
    played: Played
    shorter: Played | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of the town was played."""
        return self.shorter is None


def front(points: Sequence[Point]) -> list[Point]:
    """Those to which no other is both as quick and as cheap, the quickest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda one: (one.hours, one.cost)):
        if not best or point.cost < best[-1].cost:
            best.append(point)
    return best


def survey(work: Work, machines: Sequence[MachineType], head: Head, weather: Weather) -> list[Point]:
    """What the fleets that are worth it come to; where there is no choice, that is played in full at once."""
    fleets = worthwhile(work, machines, head)
    play = short if len(fleets) > 1 else whole
    return [play(work, fleet, weather) for fleet in fleets]


def whole(work: Work, fleet: Fleet, weather: Weather) -> Point:
    """All of the town, played."""
    played = play(work.costs, work.town(work.recordings, weather.seed), fleet, weather)
    return Point(fleet=fleet, hours=played.hours, cost=played.cost, played=played)


def short(work: Work, fleet: Fleet, weather: Weather) -> Point:
    """What two short plays say of the whole, or the whole if that is not much longer."""
    less = max(_SHORT, _PER_LANE * lanes(fleet, work.steps[0]))
    if work.has_barrier or work.recordings <= 3 * less:
        return whole(work, fleet, weather)
    calm = Weather(lost_s=weather.lost_s, seed=weather.seed, spots_stay=True)
    one, two = (play(work.costs, work.town(count, weather.seed), fleet, calm) for count in (less, 2 * less))
    rest = (work.recordings - 2 * less) / less * _delay(work, fleet, weather)
    return Point(
        fleet=fleet,
        hours=two.hours + rest * (two.hours - one.hours),
        cost=two.cost + rest * (two.cost - one.cost),
        played=two,
        shorter=one,
    )


def lanes(fleet: Fleet, step: Step) -> int:
    """How many tasks of a step are worked on at a time."""
    return sum(
        int(kind.cpus / step.resources.cpus) * count
        for kind, count in fleet.counts.items()
        if kind.runs(step)
    )


def _delay(work: Work, fleet: Fleet, weather: Weather) -> float:
    """By what factor recordings take longer for machines that are lost, which short plays see none of.

    Each loss costs its machine the time until it is noticed, that of another one's coming, and half of a task.
    """
    undone = max(one.opening + one.busy / 2 for one in work.costs)
    lost = sum(
        count * weather.rate(kind) * (weather.lost_s + kind.boot_s + undone)
        for kind, count in fleet.counts.items()
    ) / max(1, sum(fleet.counts.values()))
    return 1 + lost
