"""The point of the front that is asked for, and how many instances of each step it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coordinator.instances import Instances
from coordinator.plan.front import Point
from coordinator.plan.measured import StepCosts
from coordinator.plan.play import Played

_RARE = 0.01
"""More instances than so much of the time needs are not worth having."""
_SHORTEST_IDLE = 10.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for: at most so many hours, at most so much money."""

    hours: float | None = None
    budget: float | None = None

    def grants(self, point: Point) -> bool:
        late = self.hours is not None and point.hours > self.hours
        dear = self.budget is not None and point.cost > self.budget
        return not (late or dear)

    def rank(self, point: Point) -> float:
        """The less, the better: the cheapest in time, the quickest for the money, or a balance of both."""
        if self.hours is not None:
            return point.cost
        if self.budget is not None:
            return point.hours
        return point.cost * point.hours


def choose(points: Sequence[Point], wish: Wish, play: Callable[[Point], Point]) -> tuple[Point, bool]:
    """The best point, played in full, and whether it is what was asked for.

    Where the full play breaks a promise that short ones made, the next best is tried. If none keeps it, it is the
    quickest one, or with no more than a budget the cheapest.
    """
    for point in sorted(filter(wish.grants, points), key=wish.rank):
        played = point if point.is_whole else play(point)
        if wish.grants(played):
            return played, True
    nearest = min(points, key=lambda one: one.cost if wish.hours is None else one.hours)
    return (nearest if nearest.is_whole else play(nearest)), False


def thresholds(played: Played, costs: Sequence[StepCosts]) -> dict[str, Instances]:
    """Instances of each step as the play needed them.

    ``most`` is what it had at work for all but a hundredth of the time that the step was at work. ``idle_s`` is what
    another start takes, machine and instance: who keeps one for as long as that never pays more than twice of what
    the best would have (the ski-rental rule).
    """
    boot = max((kind.boot_s for kind, count in played.fleet.counts.items() if count), default=0.0)
    return {
        one.step.name: Instances(
            least=0,
            most=_most(played.at_work[one.step.name]),
            idle_s=math.ceil(max(_SHORTEST_IDLE, boot + one.opening)),
        )
        for one in costs
    }


def _most(at_work: Mapping[int, float]) -> int:
    total = sum(seconds for count, seconds in at_work.items() if count)
    passed, most = 0.0, 1
    for count in sorted(at_work, reverse=True):
        most = max(1, count)
        passed += at_work[count]
        if passed > _RARE * total:
            break
    return most
