"""Whether there is room for an instance, who gives way if not, and what holds a run up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordinator.cluster.hold import Hold, hold, why
from coordinator.cluster.nodes import Node, Room
from coordinator.cluster.pace import Pace
from coordinator.cluster.room import Fit, Standing, fit, gives_way, must_wait, owed
from coordinator.cluster.sizing import Load
from coordinator.instances import Instances
from coordinator.pipeline import Resources

_GIB = 1024**3
_CPU, _GPU = Resources(), Resources(gpus=1)


def room(cpus: float, free_cpus: float, *, gpus: float = 0, free_gpus: float = 0) -> Room:
    whole = Node(id="a", name="a", cpus=cpus, memory=8 * _GIB, gpus=gpus)
    return Room(whole=whole, free=replace(whole, cpus=free_cpus, gpus=free_gpus))


def pool(step: str, *, asks: Resources = _CPU, least: int = 0, most: int = 8, **more: Any) -> Standing:
    known = {name: more.pop(name) for name in ("fit", "pace") if name in more}
    counts = {"backlog": 5, "seconds": 1.0, "ready": 1, "idle": 0, "starting": 0, **more}
    return Standing(
        step=step, asks=asks, load=Load(**counts), limits=Instances(least=least, most=most), **known
    )


def stuck(fit: Fit | None = Fit.FULL, *, asks: Resources = _CPU, since: float = 9.0) -> Standing:
    return pool("stuck", asks=asks, ready=0, starting=1, since_asked=since, fit=fit)


@pytest.mark.parametrize(
    ("wanted", "rooms", "used", "found"),
    [
        (_CPU, [room(4, 1)], [], Fit.FREE),
        (_CPU, [room(4, 0.5), room(4, 0.5)], [_CPU] * 7, Fit.FULL),
        (_CPU, [room(4, 0)], [_CPU] * 3, Fit.FREE),  # it has the fourth, and is being started
        (_CPU, [room(0.5, 0.5)], [], Fit.NOWHERE),
        (_CPU, [], [], Fit.NOWHERE),
        (_GPU, [room(4, 4), room(4, 4, gpus=1, free_gpus=0)], [_GPU], Fit.NO_GPU),
        (_GPU, [room(4, 4), room(4, 3, gpus=1, free_gpus=0)], [], Fit.FREE),
        (_GPU, [room(4, 0, gpus=1, free_gpus=1)], [_CPU] * 4, Fit.FULL),
        (_GPU, [room(4, 4)], [], Fit.NOWHERE),
        (Resources(memory=9 * _GIB), [room(4, 4)], [], Fit.NOWHERE),
    ],
)
def test_whether_a_node_has_room(
    wanted: Resources, rooms: list[Room], used: list[Resources], found: Fit
) -> None:
    assert fit(wanted, rooms, used) is found


def test_who_gives_way_to_a_step_that_waits_for_its_first_instance() -> None:
    busy, several, done = pool("busy"), pool("several", ready=3), pool("done", backlog=0, idle=1)
    assert gives_way([busy, several, stuck()]) == "several"
    assert gives_way([busy, several, done, stuck()]) == "done"
    assert gives_way([busy, stuck()]) is None
    assert gives_way([busy, several, done]) is None


def test_nobody_gives_way_while_there_is_room_or_it_would_not_help() -> None:
    done = pool("done", backlog=0, idle=1)
    for known in (Fit.FREE, Fit.NOWHERE, None):
        assert gives_way([done, stuck(known)]) is None
    assert gives_way([done, stuck(None, since=31.0)]) == "done"
    assert gives_way([done, stuck(Fit.NO_GPU, asks=_GPU)]) is None
    assert gives_way([done, replace(done, step="gpu", asks=_GPU), stuck(Fit.NO_GPU, asks=_GPU)]) == "gpu"


def test_below_its_least_goes_who_would_let_another_wait_for_ever() -> None:
    pinned = pool("pinned", least=4, ready=4)
    assert gives_way([pinned, stuck()]) == "pinned"
    assert gives_way([pinned, pool("above", ready=2), stuck()]) == "above"
    blocked = pool("blocked", least=1, idle=1)  # its tasks wait for the line behind it
    assert gives_way([blocked, stuck()]) == "blocked"


def test_who_has_instances_asks_for_no_more_while_another_waits_for_its_first() -> None:
    assert must_wait(pool("growing"), [stuck()])
    assert not must_wait(pool("growing"), [])
    assert not must_wait(pool("none", ready=0), [stuck()])
    assert not must_wait(pool("growing"), [stuck(Fit.NO_GPU, asks=_GPU)])


def test_who_was_stuck_is_owed_its_first_until_it_is_there() -> None:
    placed = stuck(Fit.FREE)
    assert owed([stuck(), placed], before=()) == [stuck()]
    assert owed([placed], before=("stuck",)) == [placed]
    assert owed([pool("stuck")], before=("stuck",)) == []
    assert owed([pool("stuck", ready=0, backlog=0)], before=("stuck",)) == []


def test_the_step_whose_backlog_takes_longest_holds_the_run_up() -> None:
    enough = "its wait is below the target, 10 s, so it gets no more instances"
    lacking = "its first instance is asked for, but no node has room for it now"
    second = pool("second", backlog=30, seconds=4.0, ready=2, most=2)
    assert hold([pool("first", backlog=100), second], 10.0) == Hold("first", enough)
    assert hold([pool("first", backlog=50), second], 10.0) == Hold("second", "it is at its most, 2")
    assert hold([pool("first", backlog=100), stuck()], 10.0) == Hold("stuck", lacking)
    assert hold([pool("first", backlog=0)], 10.0) is None
    assert hold([pool("first", seconds=None)], 10.0) is None


def test_the_head_holds_up_what_waits_while_instances_have_too_little_to_do() -> None:
    slow = pool("first", backlog=100, pace=Pace(rate=1.0, busy=0.3))
    assert hold([slow], 10.0) == Hold(
        None, "instances of 'first' wait for tasks that it has not handed out yet"
    )
    assert str(hold([slow], 10.0)).startswith("the head holds the run up: instances of 'first'")
    at_work = pool("first", backlog=100, ready=8, pace=Pace(rate=1.0, busy=0.9))
    assert str(hold([at_work], 10.0)) == "step 'first' holds the run up: it is at its most, 8"


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (pool("a", starting=1), "more instances are being started"),
        (pool("a", starting=1, fit=Fit.NO_GPU), "more instances are asked for, but no GPU is free"),
        (stuck(Fit.FREE), "its first instance is being started"),
        (stuck(Fit.NOWHERE), "its first instance is asked for, but no node that is there is large enough"),
        (pool("a", backlog=2, ready=3), "each of its last tasks has an instance"),
    ],
)
def test_why_a_step_has_no_more_instances(standing: Standing, told: str) -> None:
    assert why(standing, 10.0) == told
