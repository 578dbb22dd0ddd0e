"""What is known of pools over time: their pace, their totals, and what has held the run up for how long."""

from __future__ import annotations

import pytest

from coordinator.cluster.outlook import Outlook
from coordinator.cluster.pace import Pace, Pacer
from coordinator.cluster.pool import Pool
from coordinator.instances import Instances
from coordinator.pipeline import Rung, Step

STEP = Step(name="step", image_ref="none", rung=Rung.PROCESS, command=("python3",))


def test_a_pace_is_that_of_the_last_seconds_and_the_whole_that_of_all() -> None:
    pacer = Pacer()
    assert (pacer.pace, pacer.whole, pacer.there_s) == (None, None, 0.0)
    for second in range(101):
        ended = max(0, second - 50) * 4
        pacer.look(float(second), ended=ended, busy=ended * 0.25, ready=2, seconds=0.25)
    assert pacer.pace == Pace(rate=4.0, busy=0.5)
    assert pacer.whole == Pace(rate=2.0, busy=0.25)
    assert pacer.there_s == 200.0


def test_where_tasks_take_long_one_looks_back_further() -> None:
    pacer = Pacer()
    for second in range(0, 120, 2):
        pacer.look(float(second), ended=second // 20, busy=20.0 * (second // 20), ready=1, seconds=20.0)
    assert pacer.pace is not None
    assert pacer.pace.rate == pytest.approx(1 / 20, rel=0.2)


def test_without_instances_no_pace_is_told() -> None:
    pacer = Pacer()
    for second in range(30):
        pacer.look(float(second), ended=0, busy=0.0, ready=0, seconds=0.0)
    assert pacer.pace is None


def test_causes_add_up_by_how_long_they_last() -> None:
    pool, limits = Pool(STEP), Instances(least=0, most=1)
    outlook = Outlook(10.0)
    pool.ask(1, "label", 0.0)
    for second in range(5):
        outlook.look([(pool, pool.load(9, float(second)), limits)], float(second))
    pool.begin(1, "somewhere")
    pool.seconds = 3.0
    for second in range(5, 25):
        outlook.look([(pool, pool.load(9, float(second)), limits)], float(second))
    longest, before = outlook.holds()
    assert (longest.step, longest.why, longest.seconds, longest.is_now) == (
        "step",
        "it is at its most, 1",
        19.0,
        True,
    )
    assert (before.why, before.seconds, before.is_now) == ("its first instance is being started", 5.0, False)
    outlook.look([(pool, pool.load(0, 25.0), limits)], 25.0, is_last=True)
    state = outlook.states()["step"]
    assert (state.peak, state.there_s, state.rate) == (1, 21.0, 0.0)
    assert not any(one.is_now for one in outlook.holds())
