"""Runs on a Ray cluster: its losses, its pools, its end. Real Ray on this machine, with local processes as steps.

A step's program is the child of its instance, so that it can tell which one that is, and kill it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator.cluster.joining import ClusterError
from coordinator.plan.planning import Asked, make
from coordinator.plan.table import lines
from coordinator.session.options import RunOptions
from coordinator.session.run import Summary, run
from tests.acceptance.conftest import ROOT
from tests.integration.conftest import Workshop
from tests.integration.raycluster import node
from tests.waiting import PATIENCE, eventually

PROGRAM = """
import json, os, pathlib, signal, sys, time
for line in sys.stdin:
    request = json.loads(line)
    batch = pathlib.Path(request["params"]["folder"])
    item = request["items"][0]
    with (batch.parent / "began").open("a") as began:
        began.write(f"{request['task']} {os.getppid()}\\n")
    while item["id"].startswith("held") and not (batch / "go").exists():
        time.sleep(0.01)
    if item["id"].startswith("killer"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    print(json.dumps({"task": request["task"], "items": [{"id": item["id"]}]}), flush=True)
"""


class Cluster:
    """Runs of one step on the cluster, and what they did."""

    def __init__(self, workshop: Workshop, address: str) -> None:
        self.address = address
        self.out = workshop.out
        self.batch = workshop.batch
        self._workshop = workshop
        self._program = workshop.folder / "program" / "program.py"  # alone: its folder is looked at
        self._program.parent.mkdir()
        self._program.write_text(PROGRAM)

    def photographs(self, *names: str) -> None:
        self._workshop.photographs(*(f"{name}.jpg" for name in names))

    def step(self, name: str = "step", **more: Any) -> dict[str, Any]:
        program = {"image_ref": "none", "rung": "process", "command": [sys.executable, str(self._program)]}
        return {"name": name, "params": {"folder": str(self.batch)}, **program, **more}

    def run(self, *instances: str, **step: Any) -> Summary:
        return self._workshop.run(self.step(**step), cluster=self.address, instances=instances)

    def begin(self, **step: Any) -> subprocess.Popen[str]:
        """The same as a command of its own."""
        pipeline = self._workshop.pipeline(self.step(**step))
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "coordinator", "run", str(self.batch), "--out", str(self.out)),
                *("--pipeline", str(pipeline), "--cluster", self.address),
            ],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def began(self) -> list[tuple[str, int]]:
        """Every attempt that a program began: its task, and the process of its instance."""
        path = self._workshop.folder / "began"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(task, int(process)) for task, process in (line.rsplit(" ", 1) for line in lines)]

    def is_held(self) -> bool:
        return any("held" in task for task, _ in self.began())

    def go(self) -> None:
        self._workshop.go()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.out / "journal.db")) as journal:
            return journal.execute(query).fetchall()


@pytest.fixture
def cluster(workshop: Workshop, ray_address: str) -> Iterator[Cluster]:
    made = Cluster(workshop, ray_address)
    yield made
    made.go()


def succeeded(summary: Summary) -> int:
    return sum(count for (_, status), count in summary.counts.items() if status == "succeeded")


def test_an_instance_that_is_killed_costs_its_task_no_attempt(cluster: Cluster) -> None:
    cluster.photographs("held", *(f"r{number}" for number in range(20)))

    def kill() -> None:
        eventually(cluster.is_held)
        (process,) = {process for task, process in cluster.began() if "held" in task}
        os.kill(process, signal.SIGKILL)
        cluster.go()

    killer = threading.Thread(target=kill)
    killer.start()
    summary = cluster.run(retries=0)
    killer.join()
    assert (succeeded(summary), summary.failed) == (21, 0)
    kinds = Counter(kind for (kind,) in cluster.rows("SELECT error_kind FROM attempts"))
    assert kinds[None] == 21
    assert kinds["node"] >= 1
    assert ("lost",) in cluster.rows("SELECT change FROM pools")


def test_a_task_that_kills_every_instance_fails_at_last_and_the_others_do_not(cluster: Cluster) -> None:
    cluster.photographs("killer", *(f"r{number}" for number in range(10)))
    summary = cluster.run(retries=0)
    assert (succeeded(summary), summary.failed) == (10, 1)
    (failure,) = summary.failures
    assert (failure.unit, str(failure.error.kind)) == ("killer.jpg", "node")
    assert sum("killer" in task for task, _ in cluster.began()) == 5


def test_an_interrupted_run_leaves_no_instance_and_goes_on(cluster: Cluster) -> None:
    cluster.photographs("held", "a", "b")
    begun = cluster.begin()
    eventually(cluster.is_held)
    begun.send_signal(signal.SIGINT)
    assert begun.stdout is not None
    next(line for line in begun.stdout if "once more" in line)  # two signals in one would be one
    begun.send_signal(signal.SIGINT)
    output, _ = begun.communicate(timeout=PATIENCE)
    assert begun.returncode == 130, output
    held = "SELECT error_kind FROM attempts WHERE task = 'step/held.jpg'"
    assert cluster.rows(held) == [("cancelled",)]
    eventually(lambda: not any(Path(f"/proc/{process}").exists() for _, process in cluster.began()))
    cluster.go()
    assert succeeded(cluster.run()) == 3


def test_a_coordinator_that_is_killed_goes_on_where_it_was(cluster: Cluster) -> None:
    cluster.photographs("a", "b", "held")
    begun = cluster.begin()
    done = "SELECT id FROM tasks WHERE status = 'succeeded'"
    eventually(lambda: cluster.is_held() and len(cluster.rows(done)) == 2)
    begun.kill()
    begun.communicate(timeout=PATIENCE)
    eventually(lambda: not any(Path(f"/proc/{process}").exists() for _, process in cluster.began()))
    before = {task for (task,) in cluster.rows(done)}
    tried = len(cluster.began())
    cluster.go()
    assert succeeded(cluster.run()) == 3
    assert not before & {task for task, _ in cluster.began()[tried:]}


def test_a_pool_stays_within_its_limits_and_says_what_it_does(cluster: Cluster) -> None:
    cluster.photographs(*(f"r{number}" for number in range(30)))
    summary = cluster.run("step=1:2")
    assert succeeded(summary) == 30
    changes = cluster.rows("SELECT change, size FROM pools ORDER BY rowid")
    assert changes[0] == ("asked", 1)
    assert max(size for _, size in changes) <= 2
    assert changes[-1] == ("closed", 0)
    (noted,) = cluster.rows("SELECT value FROM facts WHERE name = 'pools'")
    stood = json.loads(noted[0])["step"]
    assert (stood["most"], stood["ready"], stood["backlog"]) == (2, 0, 0)


def test_what_nodes_cannot_do_is_told_before_anything_is_written(
    workshop: Workshop, ray_address: str
) -> None:
    workshop.photographs("a.jpg")
    step = {"name": "step", "image_ref": "nowhere/nothing:1", "rung": "fresh"}
    with pytest.raises(ClusterError, match=r"node .* has no (image|container engine)"):
        workshop.run(step, cluster=ray_address)
    assert not workshop.out.exists()


def test_the_demo_comes_to_the_same_as_on_one_machine(tmp_path: Path, ray_address: str) -> None:
    def results(name: str, **options: Any) -> list[bytes]:
        out = tmp_path / name
        run(
            RunOptions(batch=ROOT / "images/demo", out=out, pipeline=str(pipeline), **options),
            "a test",
        )
        return [(out / file).read_bytes() for file in ("objects.geojson", "objects.csv", "detections.json")]

    source = yaml.safe_load((ROOT / "coordinator/pipelines/traffic-signs.yaml").read_text())
    source["steps"] = [{**step, "rung": "process"} for step in source["steps"]]
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(yaml.safe_dump(source))
    assert results("cluster", cluster=ray_address) == results("local")


def test_a_node_that_is_lost_is_replaced_by_those_that_are_left(cluster: Cluster, tmp_path: Path) -> None:
    """Its raylet is killed, and everything on it with that. The last test: Ray takes a minute to be sure of it."""
    cluster.photographs(*(f"held{number}" for number in range(4)))
    with node(cluster.address, tmp_path, cpus=2) as process:

        def kill() -> None:
            eventually(lambda: len({instance for _, instance in cluster.began()}) == 2)
            for raylet in children(process, "raylet"):
                os.kill(raylet, signal.SIGKILL)
            cluster.go()

        killer = threading.Thread(target=kill)
        killer.start()
        summary = cluster.run("step=2:2", retries=0)
        killer.join()
    assert (succeeded(summary), summary.failed) == (4, 0)


def children(process: int, name: str) -> list[int]:
    """Those below a process whose program has the name."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if Path(f"/proc/{child}/comm").read_text().strip() == name:
                found.append(child)
            found += children(child, name)
    return found


def test_what_the_run_took_can_be_planned(cluster: Cluster) -> None:
    """Its journal tells what an instance's start took, and what tasks did; docs/plan.md tells how true the plan is."""
    cluster.photographs(*(f"r{number}" for number in range(20)))
    cluster.run("step=0:1")
    plan = make(Asked(runs=[cluster.out]))
    assert plan.chosen.played.tasks == {"step": 20}
    (start,) = plan.runs[0].cluster.starts["step"] if plan.runs[0].cluster else ()
    assert plan.chosen.played.makespan > start > 0
    assert any("the plan is" in line for line in lines(plan))
