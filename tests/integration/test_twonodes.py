"""Runs on a cluster of two machines with an engine each: equal results, losses, and nothing left on either.

The machines are namespaces of this one (machine.py); each has Ray, an engine, a name and a network of its own.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from coordinator.runners.engine import Engine
from coordinator.runners.isolation import LANE, TASK
from coordinator.runners.spec import ROLE
from coordinator.session.options import RunOptions
from coordinator.session.run import run
from tests.integration.conftest import Workshop
from tests.integration.losses import Command
from tests.integration.machine import Machine
from tests.integration.twonodes import ROOT, TwoNodes
from tests.waiting import PATIENCE, eventually

DEMO = ROOT / "images/demo"
RESULTS = ("objects.geojson", "objects.csv", "detections.json")


@pytest.fixture(autouse=True)
def nothing_left(nodes: TwoNodes) -> Iterator[None]:
    yield
    left = {machine.name: machine.containers() for machine in nodes.both}
    assert left == {"head": [], "other": []}


def began_on(machine: Machine, since: float) -> int:
    """Containers of steps that began on its engine, of all kinds, since that time of day."""
    with machine.engine() as client:
        told = client.events(
            since=int(since), until=int(time.time()) + 1, filters={"event": "start"}, decode=True
        )
        labels = [event["Actor"]["Attributes"] for event in told]
    return sum(label.get(ROLE) in (TASK, LANE) for label in labels)


def demo_pipeline(folder: Path, rung: str) -> Path:
    source = yaml.safe_load((ROOT / "coordinator/pipelines/traffic-signs.yaml").read_text())
    source["steps"] = [{**step, "rung": rung} for step in source["steps"]]
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(yaml.safe_dump(source))
    return pipeline


@pytest.fixture(scope="module")
def results_here(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the demo comes to on one machine; that it is the same on every rung, other tests show."""
    folder = tmp_path_factory.mktemp("here")
    run(RunOptions(batch=DEMO, out=folder / "run", pipeline=str(demo_pipeline(folder, "resident"))), "a test")
    return {name: (folder / "run" / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize("rung", ["fresh", "exec", "resident"])
def test_the_demo_comes_to_the_same_as_on_one_machine(
    nodes: TwoNodes, tmp_path: Path, results_here: dict[str, bytes], rung: str
) -> None:
    since = time.time()
    command = Command(nodes, DEMO, tmp_path / "cluster", demo_pipeline(tmp_path, rung))
    command.finish(command.begin("--instances", "detect=2:2"))
    assert {name: (command.out / name).read_bytes() for name in RESULTS} == results_here
    assert all(began_on(machine, since) for machine in nodes.both)


def test_a_step_is_as_isolated_there_and_its_failure_as_well_told(
    nodes: TwoNodes, workshop: Workshop
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    faults = {"faults": {"a.jpg": "report_isolation", "b.jpg": "crash"}}
    step = {"name": "look", "image_ref": "coordinator-test/chaos", "params": faults}
    command = Command(nodes, workshop.batch, workshop.out, workshop.pipeline(step))
    assert command.begin().wait(PATIENCE) == 1, command.log.read_text()
    (item,) = workshop.items("look")
    facts = item["facts"]
    assert (facts["interfaces"], int(facts["capabilities"], 16), facts["no_new_privileges"]) == (
        ["lo"],
        0,
        "1",
    )
    assert facts["uid"] != 0
    assert facts["writable"] == ["/work/look/a.jpg", "/tmp"]
    assert (workshop.out / "work/look/a.jpg/note.txt").read_text() == "written by the step"
    (failed,) = (workshop.out / "failures").iterdir()
    assert (failed / "stderr").read_text() == "about to crash\n"
    again = (failed / "docker-run.sh").read_text()
    assert f"source={workshop.out}/work/look/b.jpg,target=/work/look/b.jpg" in again


def test_a_run_that_is_interrupted_leaves_no_container(nodes: TwoNodes, workshop: Workshop) -> None:
    workshop.photographs("held0.jpg", "held1.jpg")
    diary = {"name": "step", "image_ref": "coordinator-test/diary", "rung": "resident"}
    pipeline = workshop.pipeline({**diary, "params": {"go": "/batch/go"}})
    command = Command(nodes, workshop.batch, workshop.out, pipeline)
    begun = command.begin("--instances", "step=2:2")
    eventually(lambda: list(workshop.out.glob("work/**/who")))
    begun.send(signal.SIGINT)
    eventually(lambda: "once more" in command.log.read_text())  # two signals in one would be one
    begun.send(signal.SIGINT)
    assert begun.wait(PATIENCE) == 130, command.log.read_text()
    assert list(workshop.out.glob("work/**/who")) == []
