"""Plays with the real scheduler, so small that their ends can be counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.pipeline import Per, Rung
from coordinator.plan.clockwork import NeverEnds, StandsStill, Weather
from coordinator.plan.machines import Head
from coordinator.plan.memory import Memory
from coordinator.plan.play import Fleet, Played, play
from coordinator.plan.work import check_weather
from coordinator.record.journal import Journal
from tests.unit.planned import FREE_HEAD, costs, kind, played, work


class TestMakespans:
    @pytest.mark.parametrize(("jobs", "seconds"), [(1, 10.0), (2, 5.0), (3, 5.0)])
    def test_fresh_tasks_side_by_side(self, jobs: int, seconds: float) -> None:
        """Ten tasks of a second on two CPUs: three at a time do not fit."""
        assert played(10, costs("detect", 1.0), jobs=jobs).makespan == pytest.approx(seconds)

    def test_the_last_task_of_an_odd_number_is_waited_for(self) -> None:
        assert played(5, costs("detect", 2.0)).makespan == pytest.approx(6.0)

    def test_a_lane_opens_once(self) -> None:
        found = played(8, costs("detect", 1.0, rung=Rung.RESIDENT, opening=3.0), jobs=2)
        assert found.makespan == pytest.approx(3.0 + 4.0)
        assert found.by_step["detect"].lanes == pytest.approx(2 * 3.0 + 8.0)

    def test_a_container_of_a_chunk_opens_for_each(self) -> None:
        found = played(8, costs("detect", 1.0, opening=3.0, chunk=4), jobs=1)
        assert found.makespan == pytest.approx(2 * 3.0 + 8 * 1.0)

    def test_an_idle_lane_makes_room_for_another_steps(self) -> None:
        """One lane fits in memory at a time: when nothing is to detect any more, that one goes."""
        kept: dict[str, Any] = {"rung": Rung.RESIDENT, "opening": 1.0, "resources": {"memory": 2 << 30}}
        steps = (costs("detect", 1.0, **kept), costs("position", 5.0, per=Per.REGION, size=2, **kept))
        assert played(2, *steps, on=kind(memory=3 << 30)).makespan == pytest.approx(1 + 2 * 1 + 1 + 5)

    def test_lanes_on_machines_that_are_free_come_before_seats_behind_others(self) -> None:
        found = played(4, costs("detect", 1.0, rung=Rung.RESIDENT, opening=1.0), count=2)
        assert found.makespan == pytest.approx(2.0)

    def test_a_machine_of_twice_the_speed(self) -> None:
        assert played(10, costs("detect", 1.0), on=kind(speed=2.0)).makespan == pytest.approx(2.5)

    def test_a_machine_has_to_come_first(self) -> None:
        assert played(2, costs("detect", 1.0), on=kind(boot_s=60.0)).makespan == pytest.approx(61.0)

    def test_a_pipeline_with_regions(self) -> None:
        """Four recordings in two regions of two; each gives three objects."""
        found = played(
            4,
            costs("detect", 1.0),
            costs("position", 10.0, per=Per.REGION, size=2, items=3),
            costs("recognise", 2.0),
            jobs=1,
        )
        assert found.tasks == {"detect": 4, "position": 2, "recognise": 6}
        assert found.makespan == pytest.approx(4 * 1.0 + 2 * 10.0 + 6 * 2.0)

    def test_a_region_does_not_wait_for_the_batch(self) -> None:
        """Its latency is from when its last recording was taken up: what is nearest to the end goes first."""
        found = played(
            4, costs("detect", 1.0), costs("position", 10.0, per=Per.REGION, size=2, items=0), jobs=1
        )
        assert found.latencies == pytest.approx([11.0, 11.0])

    def test_a_step_per_batch_takes_longer_the_more_there_is(self) -> None:
        found = played(6, costs("detect", 1.0), costs("align", 8.0, per=Per.BATCH, size=2), jobs=1)
        assert found.makespan == pytest.approx(6 * 1.0 + 8.0 * 6 / 2)

    def test_the_heads_time_is_the_limit_in_the_end(self) -> None:
        found = played(100, costs("detect", 0.5), count=100, on=kind(most=100), head=Head(task_s=0.1))
        assert found.makespan == pytest.approx(100 * 0.1 + 0.5)
        assert found.head_busy == pytest.approx(10.0)

    def test_memory_is_shared_as_on_a_real_machine(self) -> None:
        small = kind(memory=3 << 30)
        assert played(4, costs("detect", 1.0, resources={"memory": 2 << 30}), on=small).makespan == 4.0

    def test_gpus_are(self) -> None:
        gpu = kind(cpus=8, gpus=2, gpu_memory=1 << 30)
        step = costs("detect", 1.0, resources={"gpus": 0.5})
        assert played(8, step, on=gpu).makespan == pytest.approx(2.0)

    def test_a_step_that_fits_nowhere_is_no_endless_play(self) -> None:
        with pytest.raises(StandsStill):
            played(1, costs("detect", 1.0, resources={"cpus": 4}))


class TestMoney:
    def test_paid_from_asking_to_the_end(self) -> None:
        found = played(
            2, costs("detect", 1.0), on=kind(boot_s=1799.0, price=2.0), head=Head(price=0.5, task_s=0)
        )
        assert found.paid == {"small": pytest.approx(0.5)}
        assert found.cost == pytest.approx(0.5 * 2.0 + 0.5 * 0.5)

    def test_who_is_idle_is_given_back(self) -> None:
        """Two recordings, one machine each: the second one's is idle while the first one's region is at work."""
        steps = (costs("detect", 1.0), costs("position", 100.0, per=Per.REGION, size=2))
        one, two = kind(cpus=1, idle_s=9.0), kind(cpus=1, idle_s=1e6)
        assert played(2, *steps, on=one, count=2).paid["small"] * 3600 == pytest.approx(101.0 + 10.0)
        assert played(2, *steps, on=two, count=2).paid["small"] * 3600 == pytest.approx(2 * 101.0)

    def test_the_least_are_kept(self) -> None:
        steps = (costs("detect", 1.0), costs("position", 100.0, per=Per.REGION, size=2))
        kept = kind(cpus=1, idle_s=9.0, least=2)
        assert played(2, *steps, on=kept, count=2).paid["small"] * 3600 == pytest.approx(2 * 101.0)

    def test_one_that_was_given_back_comes_again_when_it_is_wanted(self) -> None:
        """Detect needs the machine for a second, and then again after the region that another one works on."""
        steps = (
            costs("detect", 1.0),
            costs("position", 100.0, per=Per.REGION, size=2, items=2),
            costs("recognise", 1.0),
        )
        one = kind(cpus=1, idle_s=9.0, boot_s=5.0)
        found = played(2, *steps, on=one, count=2)
        assert found.tasks == {"detect": 2, "position": 1, "recognise": 2}
        assert found.makespan == pytest.approx(5 + 1 + 100 + 2)


class TestLosses:
    STEPS = (
        costs("detect", 30.0, 50.0, rung=Rung.RESIDENT, opening=5.0),
        costs("position", 60.0, per=Per.REGION, size=20, items=4),
        costs("recognise", 10.0),
    )

    def stormy(self, seed: int = 0, **fields: object) -> Played:
        weather = Weather(fail_every=0.5, seed=seed)
        return played(400, *self.STEPS, on=kind(boot_s=60.0), count=4, weather=weather)

    def test_everything_is_done_all_the_same(self) -> None:
        calm = played(400, *self.STEPS, on=kind(boot_s=60.0), count=4)
        found = self.stormy()
        assert found.machines_lost > 0
        assert found.tasks_lost > 0
        assert found.tasks == calm.tasks
        assert found.makespan > calm.makespan
        assert found.cost > 0

    def test_lost_time_is_counted_apart(self) -> None:
        found = self.stormy()
        assert 0 < found.lost.lanes <= found.tasks_lost * 65.0

    def test_a_loss_costs_the_time_to_notice_it_and_another_start(self) -> None:
        """One task at a time: what is lost is done again when another machine has come."""
        step = costs("detect", 3600.0)
        weather = Weather(fail_every=1.0, lost_s=10.0, seed=3)
        found = played(3, step, on=kind(cpus=1, boot_s=60.0), weather=weather)
        lost = found.lost.lanes + found.machines_lost * (10.0 + 60.0)
        idle = found.makespan - (60.0 + 3 * 3600.0 + lost)
        assert found.machines_lost > 0
        assert idle == pytest.approx(0.0, abs=1e-6)

    def test_spot_machines_are_taken_back(self) -> None:
        spot = kind(spot=True, taken_back_h=0.5, boot_s=60.0)
        assert played(400, *self.STEPS, on=spot, count=4).machines_lost > 0
        assert played(400, *self.STEPS, on=spot, count=4, weather=Weather(spots_stay=True)).machines_lost == 0

    def test_machines_that_no_task_outlives_are_no_endless_play(self) -> None:
        weather = Weather(fail_every=1 / 3600)
        with pytest.raises(NeverEnds, match=r"a task of step 'detect' was begun 1,000 times"):
            played(1, costs("detect", 60.0), weather=weather)

    def test_such_machines_are_refused_before_a_play(self) -> None:
        spot = kind("spot", spot=True, taken_back_h=0.004)
        there = work(1000, *self.STEPS)
        with pytest.raises(NeverEnds, match=r"spot: .* after 14.4 s .* step 'position' takes 60 s") as told:
            check_weather(work(1000, costs("detect", 60.0), *self.STEPS[1:]), [kind(), spot], Weather())
        assert "small" not in str(told.value)
        check_weather(there, [kind(), spot], Weather(spots_stay=True))

    def test_a_step_per_batch_has_to_outlive_it_with_all_that_is_to_be_done(self) -> None:
        align = costs("align", 60.0, per=Per.BATCH, size=10)
        check_weather(work(10, align), [kind()], Weather(fail_every=0.1))
        with pytest.raises(NeverEnds, match=r"step 'align' takes 6000 s"):
            check_weather(work(1000, align), [kind()], Weather(fail_every=0.1))

    def test_the_same_chances_come_to_the_same(self) -> None:
        first, again, other = self.stormy(), self.stormy(), self.stormy(seed=1)
        assert first == again
        assert first.makespan != other.makespan


def test_it_is_the_same_with_a_real_journal(tmp_path: Path) -> None:
    """What is kept in memory answers the scheduler as the journal does, losses and all."""
    steps, weather = TestLosses.STEPS, Weather(fail_every=0.5)
    town, fleet = work(100, *steps).town(100, 0), Fleet(counts={kind(boot_s=60.0): 4}, head=FREE_HEAD)
    memory = Memory()
    with Journal(tmp_path / "journal.db", durable=False) as journal:
        journal.begin_session()
        kept = play(steps, town, fleet, weather, journal)
        assert kept == play(steps, town, fleet, weather, memory)
        assert journal.counts() == memory.ended
    assert kept.tasks_lost > 0


def test_instances_at_work_are_told_by_how_long() -> None:
    found = played(3, costs("detect", 2.0))
    assert found.at_work["detect"] == {0: 0.0, 1: pytest.approx(2.0), 2: pytest.approx(2.0)}
