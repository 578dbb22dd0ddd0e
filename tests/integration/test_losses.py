"""What is killed or cut off while a run works on two machines: nothing is lost, nothing is there twice or left behind.

``COORDINATOR_LOSSES=5`` kills each victim at so many random moments, holds the stated times, and prints what was
measured; ``COORDINATOR_LOSS_SEED`` repeats a failure.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import Workshop
from tests.integration.losses import DRAWS, KILLER, VICTIMS, Command, Keeper, Victim
from tests.integration.twonodes import OTHER_ONLY, TwoNodes
from tests.waiting import PATIENCE, eventually

SEED = int(os.environ.get("COORDINATOR_LOSS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
TASKS = 40
GOES_ON, GONE = (10.0, 30.0) if DRAWS else (PATIENCE, PATIENCE)
"""Seconds within which work goes on after a loss, and nothing is left of what was lost."""

_CUT = 60.0 if DRAWS else 0.0
"""Seconds for which a node is cut off at least."""


class Town:
    """A batch for the step that keeps a diary, as many tasks as it has photographs, on both machines."""

    def __init__(self, nodes: TwoNodes, workshop: Workshop) -> None:
        self.nodes = nodes
        self._workshop = workshop
        self.out = workshop.out

    def command(self, *names: str, **params: Any) -> Command:
        """Two instances of the step, with ``params``, over recordings of those names."""
        self._workshop.photographs(*(f"{name}.jpg" for name in names))
        step = {"name": "step", "image_ref": "coordinator-test/diary", "rung": "resident"}
        more = {"params": {"go": "/batch/go", **params}, "instances": {"least": 2, "most": 2}, "timeout": 600}
        pipeline = self._workshop.pipeline({**step, **more})
        return Command(self.nodes, self._workshop.batch, self.out, pipeline)

    def go(self) -> None:
        self._workshop.go()

    def written(self, name: str) -> dict[str, set[str]]:
        """What the files of that name say that tasks have written, by the task's folder, wherever they lie."""
        found: dict[str, set[str]] = {}
        for path in self.out.glob(f"work/**/{name}"):
            if text := path.read_text():  # it may have been made just now
                found.setdefault(path.parent.name, set()).add(text)
        return found

    def writers(self) -> set[str]:
        """Who has signed anything."""
        return set().union(*self.written("who").values())

    def has_containers(self) -> bool:
        return any(machine.containers() for machine in self.nodes.both)


@pytest.fixture
def town(nodes: TwoNodes, workshop: Workshop) -> Iterator[Town]:
    made = Town(nodes, workshop)
    yield made
    made.go()
    eventually(lambda: not made.has_containers())


def assert_all_is_there_once(town: Town, command: Command) -> None:
    """Every task succeeded once, with the answer and the files that it always has."""
    names = [f"r{number:03}" for number in range(TASKS)]
    assert command.rows("SELECT id, status FROM tasks ORDER BY id") == [
        (f"step/{name}.jpg", "succeeded") for name in names
    ]
    ended = command.rows("SELECT task FROM attempts WHERE error_kind IS NULL ORDER BY task")
    assert ended == [(f"step/{name}.jpg",) for name in names]
    assert {path.name for path in (town.out / "work").iterdir()} == {"step"}
    assert town.written("note") == {f"{name}.jpg": {f"{name}.jpg"} for name in names}


@pytest.mark.parametrize("draw", range(max(1, DRAWS)))
@pytest.mark.parametrize("victim", VICTIMS.values(), ids=VICTIMS)
def test_what_is_killed_costs_nothing_but_time(town: Town, victim: Victim, draw: int) -> None:
    command = town.command(*(f"r{number:03}" for number in range(TASKS)), seconds=0.15)
    moment = random.Random(f"{SEED} {draw}").randrange(2, TASKS // 2)
    begun = command.begin()
    eventually(lambda: len(command.succeeded()) >= moment)
    killed = time.time()
    victim.kill(town.nodes)
    command.finish(begun)
    assert_all_is_there_once(town, command)
    (first,) = command.rows(
        f"SELECT min(submitted) FROM attempts WHERE error_kind IS NULL AND submitted > {killed}"
    )
    kinds = Counter(kind for (kind,) in command.rows("SELECT error_kind FROM attempts"))
    print(f"seed {SEED}, after {moment} tasks: {dict(kinds)}; began again after {first[0] - killed:.1f} s")
    assert first[0] - killed < GOES_ON
    victim.mend(town.nodes)


@pytest.mark.parametrize("draw", range(max(1, DRAWS)))
def test_a_coordinator_that_is_killed_goes_on_where_it_was(town: Town, draw: int) -> None:
    command = town.command(*(f"r{number:03}" for number in range(TASKS)), seconds=0.15)
    moment = random.Random(f"{SEED} {draw}").randrange(2, TASKS // 2)
    begun = command.begin()
    eventually(lambda: len(command.succeeded()) >= moment)
    begun.send(signal.SIGKILL)
    begun.wait(PATIENCE)
    killed, before = time.monotonic(), command.succeeded()
    eventually(lambda: not town.has_containers(), seconds=GONE)
    print(f"seed {SEED}, after {moment} tasks: nothing left after {time.monotonic() - killed:.1f} s")
    command.finish(command.begin())
    assert_all_is_there_once(town, command)
    assert not before & {task for (task,) in command.rows("SELECT task FROM attempts WHERE session = 2")}


@pytest.mark.skipif(not DRAWS, reason="Ray takes minutes to be sure: COORDINATOR_LOSSES=1")
def test_a_head_that_is_lost_ends_the_coordinator_which_goes_on_with_another(town: Town) -> None:
    command = town.command(*(f"r{number:03}" for number in range(TASKS)), seconds=0.15)
    begun = command.begin()
    eventually(lambda: len(command.succeeded()) >= 5)
    (head,) = town.nodes.head.processes("gcs_server")
    os.kill(head, signal.SIGKILL)
    killed = time.monotonic()
    code = begun.wait(2 * PATIENCE)
    print(f"the coordinator ended after {time.monotonic() - killed:.1f} s with exit code {code}")
    before = command.succeeded()
    eventually(lambda: not town.has_containers())
    eventually(lambda: not any(ray.runs for ray in town.nodes.ray.values()), seconds=2 * PATIENCE)
    town.nodes.start_both()
    command.finish(command.begin())
    assert_all_is_there_once(town, command)
    assert not before & {task for (task,) in command.rows("SELECT task FROM attempts WHERE session = 2")}


@pytest.mark.skipif(not DRAWS, reason="Ray takes most of a minute to be sure: COORDINATOR_LOSSES=1")
def test_a_node_that_is_cut_off_publishes_nothing_any_more(town: Town) -> None:
    """Its instance lives on and writes, while the task runs again elsewhere and is published from there."""
    # An instance takes three of these at a time, and works on one.
    command = town.command(*(f"held{number}" for number in range(6)), seconds=0.5, signed=True)
    begun = command.begin()
    eventually(lambda: len(town.writers()) == 2)
    before, there = town.writers(), {container[:12] for container in town.nodes.other.containers()}
    assert before & there
    town.nodes.cut()
    cut = time.monotonic()
    eventually(lambda: town.writers() - before, seconds=2 * PATIENCE)
    town.go()
    print(f"began elsewhere after {time.monotonic() - cut:.1f} s")
    command.finish(begun)
    time.sleep(max(0.0, _CUT - time.monotonic() + cut))
    town.nodes.join()
    said = {
        task: json.loads(items)[0]["who"] for task, items in command.rows("SELECT unit, items FROM tasks")
    }
    assert {task: {who} for task, who in said.items()} == town.written("who")
    assert not there & set(said.values())
    eventually(lambda: not town.nodes.ray["other"].runs)  # Ray ends what it has given up
    town.nodes.start_ray(town.nodes.other)


@pytest.mark.skipif(not DRAWS, reason="it takes two minutes: COORDINATOR_LOSSES=1")
def test_a_task_that_kills_its_node_every_time_fails_at_last_and_the_others_do_not(
    nodes: TwoNodes, workshop: Workshop
) -> None:
    workshop.photographs("killer.jpg", *(f"r{number}.jpg" for number in range(10)))
    program = workshop.folder / "program" / "program.py"
    program.parent.mkdir()
    program.write_text(KILLER)
    step = {"name": "step", "image_ref": "none", "rung": "process", "command": [sys.executable, str(program)]}
    only_there = {"cpus": OTHER_ONLY, "memory": "64m"}
    command = Command(
        nodes, workshop.batch, workshop.out, workshop.pipeline({**step, "resources": only_there})
    )
    with Keeper(nodes) as keeper:
        begun = command.begin()
        assert begun.wait(3 * PATIENCE) == 1, command.log.read_text()
        eventually(lambda: keeper.starts == 5)
    failed = command.rows("SELECT id, error_kind FROM tasks WHERE status = 'failed'")
    assert failed == [("step/killer.jpg", "node")]
    assert len(command.succeeded()) == 10
    tries = command.rows("SELECT error_kind FROM attempts WHERE task = 'step/killer.jpg'")
    assert tries == [("node",)] * 5
