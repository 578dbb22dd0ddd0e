"""Time against cost: which fleets are played, which point is chosen, and what is told of it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from coordinator.pipeline import Per, Rung
from coordinator.plan.choice import Wish, choose, thresholds
from coordinator.plan.clockwork import Weather
from coordinator.plan.front import Point, front, short, whole
from coordinator.plan.load import bottleneck, loads
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.picture import svg
from coordinator.plan.play import Fleet
from coordinator.plan.table import duration, fleet_name
from coordinator.plan.work import bound, worthwhile
from tests.unit.planned import FREE_HEAD, costs, kind, played, work

STEPS = (
    costs("detect", 1.0, 2.0, rung=Rung.RESIDENT, opening=5.0),
    costs("position", 5.0, per=Per.REGION, size=50, items=5),
    costs("recognise", 0.5),
)
SMALL = kind("small", boot_s=60.0, most=8, price=1.0)
LARGE = kind("large", cpus=8, boot_s=60.0, most=4, price=5.0)


def fleet(count: int, of: MachineType = SMALL) -> Fleet:
    return Fleet(counts={of: count}, head=FREE_HEAD)


def point(hours: float, cost: float) -> Point:
    return Point(fleet=fleet(1), hours=hours, cost=cost, played=played(1, costs()))


def test_the_front_is_what_nothing_else_beats() -> None:
    points = [point(3.0, 1.0), point(1.0, 5.0), point(2.0, 5.0), point(2.0, 3.0), point(3.0, 2.0)]
    assert [(one.hours, one.cost) for one in front(points)] == [(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)]


@pytest.mark.parametrize("counts", [{SMALL: 1}, {SMALL: 8}, {LARGE: 3}, {SMALL: 3, LARGE: 1}])
def test_no_play_is_quicker_than_the_bound(counts: dict[MachineType, int]) -> None:
    there = Fleet(counts=counts, head=Head())
    found = work(500, *STEPS)
    hours = bound(found, there)
    assert hours is not None
    assert whole(found, there, Weather()).hours >= hours * 0.95, "regions at the edge are cut"


def test_no_fleet_is_worth_it_that_lacks_a_steps_machine() -> None:
    gpu = kind("gpu", gpus=1, gpu_memory=1 << 30, most=2)
    found = worthwhile(work(500, costs("detect", 1.0, resources={"gpus": 1})), [SMALL, gpu], Head())
    assert found
    assert all(one.counts[gpu] for one in found)


QUICK = kind("quick", cpus=16, boot_s=60.0, most=50, price=0.6)
SPOT = kind("spot", cpus=16, boot_s=90.0, most=50, price=0.2, spot=True, taken_back_h=8)


@pytest.mark.parametrize("spots", [0, 1, 9])
def test_machines_do_nothing_before_they_come(spots: int) -> None:
    """64 CPUs for ten seconds, all of which have passed before a spot machine comes."""
    hours = bound(work(640, costs("detect", 1.0)), Fleet(counts={QUICK: 4, SPOT: spots}, head=FREE_HEAD))
    assert hours is not None
    assert hours * 3600 == pytest.approx(60.0 + 10.0 + 1.0)


def test_those_that_come_later_help_with_what_is_left() -> None:
    """Of 4,800 seconds, one machine has had 480 when the other one comes; both have the rest in 135 seconds."""
    hours = bound(work(4800, costs("detect", 1.0)), Fleet(counts={QUICK: 1, SPOT: 1}, head=FREE_HEAD))
    assert hours is not None
    assert hours * 3600 == pytest.approx(90.0 + (4800 - 480) / 32 + 1.0)


def test_cheap_machines_that_come_late_do_not_push_out_quick_ones() -> None:
    """Quick ones alone, as few as do it within a quarter of a minute of their coming, are among what is played."""
    found = worthwhile(work(640, costs("detect", 1.0)), [QUICK, SPOT], Head())
    pure = {
        kind.name: [one.counts[kind] for one in found if not one.counts[other]]
        for kind, other in ((QUICK, SPOT), (SPOT, QUICK))
    }
    assert 4 in pure["quick"]
    assert 1 in pure["spot"]
    quickest = sorted(found, key=lambda one: bound(work(640, costs("detect", 1.0)), one) or 0.0)
    assert [fleet.counts for fleet in found] == [fleet.counts for fleet in quickest]


def test_dear_machines_that_are_no_quicker_are_not_played() -> None:
    dear = kind("dear", boot_s=60.0, most=8, price=3.0)
    found = worthwhile(work(500, *STEPS), [SMALL, dear], Head())
    assert all(one.counts[SMALL] for one in found)


def test_two_short_plays_tell_what_the_whole_comes_to() -> None:
    found = work(20_000, *STEPS)
    guess, truth = (play(found, fleet(8), Weather()) for play in (short, whole))
    assert not guess.is_whole
    assert guess.hours == pytest.approx(truth.hours, rel=0.02)
    assert guess.cost == pytest.approx(truth.cost, rel=0.02)


class TestChoice:
    POINTS = (point(1.0, 9.0), point(2.0, 5.0), point(4.0, 3.0))

    @pytest.mark.parametrize(
        ("wish", "hours", "is_granted"),
        [
            (Wish(hours=2.5), 2.0, True),
            (Wish(hours=0.5), 1.0, False),
            (Wish(budget=6.0), 2.0, True),
            (Wish(budget=1.0), 4.0, False),
            (Wish(), 1.0, True),
        ],
    )
    def test_the_best_that_keeps_the_wish(self, wish: Wish, hours: float, is_granted: bool) -> None:
        found, granted = choose(self.POINTS, wish, lambda one: one)
        assert (found.hours, granted) == (hours, is_granted)

    def test_a_promise_that_the_full_play_breaks_is_not_believed(self) -> None:
        some = played(1, costs())
        guesses = [
            Point(fleet=fleet(count), hours=hours, cost=cost, played=some, shorter=some)
            for count, hours, cost in ((2, 1.9, 3.0), (4, 1.0, 6.0))
        ]

        def play(guess: Point) -> Point:
            return Point(fleet=guess.fleet, hours=guess.hours * 1.2, cost=guess.cost, played=guess.played)

        found, granted = choose(guesses, Wish(hours=2.0), play)
        assert (found.hours, granted) == (1.2, True)


def test_thresholds_are_what_the_play_needed() -> None:
    there = kind(cpus=4, boot_s=60.0)
    one = costs("detect", 10.0, rung=Rung.RESIDENT, opening=5.0)
    (found,) = thresholds(played(40, one, on=there, count=2), [one]).values()
    assert (found.least, found.most, found.idle_s) == (0, 8, 65)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "CPUs, 100% busy: 100% of that with detect"),
        ({"head": Head(task_s=2.0), "count": 10}, "head, 89% busy"),
        ({"on": kind(cpus=100, memory=1 << 40)}, "nothing is full"),
        ({"on": kind(cpus=100, memory=4 << 30)}, "memory, 100% busy"),
    ],
)
def test_the_bottleneck(fields: dict[str, object], told: str) -> None:
    found = played(40, costs("detect", 10.0, resources={"memory": 1 << 30}), **fields)  # type: ignore[arg-type]

    assert re.search(told, bottleneck(loads(found)))


def test_the_picture_is_drawn() -> None:
    drawing = ElementTree.fromstring(svg([point(1.0, 2.0), point(3.0, 1.0)], point(1.0, 2.0), "a < b", "EUR"))
    circles = [one for one in drawing.iter() if one.tag.endswith("circle")]
    assert len(circles) == 3


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (8.24, "8.2 s"),
        (59.96, "1 min"),
        (750, "12 min 30 s"),
        (3599.9, "1 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_fleets_are_named_by_what_is_in_them() -> None:
    assert fleet_name(Fleet(counts={SMALL: 2, LARGE: 0, kind("gpu"): 1}, head=Head())) == "2 small + 1 gpu"
