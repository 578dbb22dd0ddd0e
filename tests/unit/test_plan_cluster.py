"""Plans for a Ray cluster: what a run's journal tells of it, and its pools, played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster.nodes import Node
from coordinator.errors import RunFolderError, UsageError
from coordinator.instances import Instances
from coordinator.pipeline import Per, Pipeline, Rung
from coordinator.plan.clockwork import Weather
from coordinator.plan.cluster import Cluster
from coordinator.plan.measured import StepCosts, read_measured
from coordinator.plan.planning import Asked, make
from coordinator.plan.play import Fleet, Played, play
from coordinator.plan.pools import NODE, NoRoom
from coordinator.plan.rooms import Rooms
from coordinator.plan.table import lines
from coordinator.record.pools import PoolChange
from tests.unit.builders import step
from tests.unit.planned import FREE_HEAD, attempt, costs, kind, measured_run, work

SMALL = Node(id="a", name="a", cpus=2.0, memory=float(1 << 35), gpus=0.0)
ABOUT = {
    "host": {"name": "here"},
    "cluster": {"address": "auto", "nodes": [{"name": "a", **vars(SMALL)}]},
    "job": {"jobs": None, "target_wait": 10.0},
}
DETECT = step("detect", rung=Rung.RESIDENT, instances=Instances(most=1))
POSITION = step(
    "position", Per.REGION, rung=Rung.RESIDENT, resources={"cpus": 2}, instances=Instances(most=1)
)


def change(at: float, name: str, what: str) -> PoolChange:
    return PoolChange(at=at, step=name, size=1, change=what, why="")


def run(
    folder: Path, about: dict[str, Any] | None = None, changes: tuple[PoolChange, ...] | None = None
) -> Path:
    """Four recordings and their region on two CPUs, of which position wants both: it waits for detect's to go."""
    told = (
        change(100.0, "detect", "asked"),
        change(102.0, "detect", "began"),
        change(106.0, "position", "asked"),
        change(110.0, "detect", "leaves"),
        change(110.5, "detect", "closed"),
        change(112.0, "position", "began"),
        change(115.0, "position", "closed"),
    )
    done = [
        *(attempt(f"detect/r{number}", 102.0, 103.0 + number, busy_s=1.0) for number in range(4)),
        attempt("position/g0", 112.0, 114.0, size=4, busy_s=2.0),
    ]
    pipeline = Pipeline(name="signs", steps=(DETECT, POSITION))
    return measured_run(
        folder,
        pipeline,
        done,
        about=ABOUT if about is None else about,
        changes=told if changes is None else changes,
    )


class TestWhatARunTells:
    def test_an_instance_that_waits_for_room_is_not_starting(self, tmp_path: Path) -> None:
        found = read_measured(run(tmp_path)).cluster
        assert found is not None
        assert found.starts == {"detect": [2.0], "position": [1.5]}
        assert found.ends == {"detect": 0.5}
        assert found.peaks == {"detect": 1, "position": 1}

    def test_its_time_begins_with_the_first_instance_that_is_asked_for(self, tmp_path: Path) -> None:
        assert read_measured(run(tmp_path)).makespan == pytest.approx(14.0)

    def test_a_step_whose_instances_were_not_seen_to_begin_starts_like_others(self) -> None:
        found = Cluster(nodes=(SMALL,), starts={"detect": [2.0]}, target_wait=10.0)
        assert found.starts_of("position") == [2.0]

    def test_nodes_that_are_not_told(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="does not tell on what nodes it ran"):
            read_measured(run(tmp_path, about={**ABOUT, "cluster": {"nodes": [{"id": "a"}]}}))

    def test_a_journal_without_an_instance(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="no instance that began"):
            read_measured(run(tmp_path, changes=()))


class TestPlans:
    def test_the_plan_is_held_against_the_run(self, tmp_path: Path) -> None:
        """It waits for room as the run did: for three seconds, until an idle instance of the other step goes."""
        asked = Asked(runs=[run(tmp_path)])
        plan = make(asked)
        assert plan.chosen.played.makespan == pytest.approx(14.0, abs=1.1)  # pools are looked at every second
        assert any("the plan is" in line for line in lines(plan))

    def test_other_instances_are_another_plan(self, tmp_path: Path) -> None:
        plan = make(Asked(runs=[run(tmp_path)], instances=["detect=0:2"]))
        assert plan.work.steps[0].instances == Instances(least=0, most=2)
        assert not any("the plan is" in line for line in lines(plan))

    def test_machines_have_no_pools_which_is_told(self, tmp_path: Path) -> None:
        machines = tmp_path / "machines.yaml"
        machines.write_text("machines: [{name: m, cpus: 4, memory: 64g, price: 1}]")
        plan = make(Asked(runs=[run(tmp_path / "run")], machines=machines))
        assert any("without its pools and messages" in note for note in plan.notes)

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ({"jobs": 2}, "--jobs is of a plan for one machine"),
            ({"fail_every": 1.0}, "--fail-every is of a plan with --machines"),
            ({"instances": ["recognise=0:1"]}, "has no such step"),
        ],
    )
    def test_what_is_of_other_plans_is_refused(
        self, tmp_path: Path, asked: dict[str, Any], told: str
    ) -> None:
        with pytest.raises(UsageError, match=told):
            make(Asked(runs=[run(tmp_path)], **asked))

    def test_instances_are_of_a_cluster(self, tmp_path: Path) -> None:
        alone = measured_run(
            tmp_path, Pipeline(name="one", steps=(DETECT,)), [attempt("detect/r0", 0.0, 1.0)]
        )
        with pytest.raises(UsageError, match="--instances is of a plan for the cluster"):
            make(Asked(runs=[alone], instances=["detect=0:1"]))


def played(recordings: int, *steps: StepCosts, cpus: float = 2.0, start: float = 2.0) -> Played:
    cluster = Cluster(nodes=(replace(SMALL, cpus=cpus),), starts={"any": [start]}, target_wait=10.0)
    fleet = Fleet(counts={kind(NODE, cpus=cpus): 1}, head=FREE_HEAD, cluster=cluster)
    return play(steps, work(recordings, *steps).town(recordings, 0), fleet, Weather())


def kept(name: str, *seconds: float, least: int = 0, most: int = 1, **fields: Any) -> StepCosts:
    return costs(name, *seconds, rung=Rung.RESIDENT, instances=Instances(least=least, most=most), **fields)


class TestPlays:
    def test_one_instance_begins_opens_and_works(self) -> None:
        found = played(10, kept("detect", 1.0, opening=3.0))
        assert found.makespan == pytest.approx(2.0 + 3.0 + 10 * 1.0, abs=0.1)
        assert found.paid == {NODE: pytest.approx(found.makespan / 3600)}

    def test_a_second_one_is_asked_for_once_a_tasks_time_is_known(self) -> None:
        """After the first message behind the opening one, which says nothing, and a start of its own: half a minute
        of what is left by two."""
        found = played(60, kept("detect", 1.0, most=2))
        assert found.makespan == pytest.approx(2.0 + (60 + 2.0 + 2.0) / 2, abs=1.5)
        assert max(found.at_work["detect"]) == 2

    def test_no_more_than_the_nodes_have_room_for(self) -> None:
        assert max(played(60, kept("detect", 1.0, most=9)).at_work["detect"]) == 2

    def test_tasks_that_take_no_time_travel_together(self) -> None:
        """A thousand of them by one and one would be on their way for seconds."""
        assert played(1000, kept("detect", 0.0)).makespan == pytest.approx(2.0, abs=0.2)

    def test_an_instance_gives_way_to_another_steps_first(self) -> None:
        found = played(4, kept("detect", 1.0), kept("position", 5.0, per=Per.REGION, size=4), cpus=1.0)
        assert found.tasks == {"detect": 4, "position": 1}
        assert found.makespan == pytest.approx(2.0 + 4.0 + 3.0 + 2.0 + 5.0, abs=2.1)

    def test_one_that_never_finds_room_is_told(self) -> None:
        wide = kept("position", 5.0, per=Per.REGION, size=4, resources={"cpus": 2})
        with pytest.raises(NoRoom, match="an instance of step 'position' finds no room on any node"):
            played(4, kept("detect", 1.0), wide, cpus=1.0)


def test_an_instance_goes_where_most_is_free() -> None:
    rooms = Rooms([SMALL, replace(SMALL, id="b", cpus=3.0)])
    assert [rooms.take(DETECT) for _ in range(6)] == ["b", "a", "b", "a", "b", None]
    rooms.give_back("a", DETECT)
    assert rooms.count(DETECT) == 1
    assert rooms.take(DETECT) == "a"
