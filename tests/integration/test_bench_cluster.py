"""The benchmark of a cluster once, with few tasks: every way is measured, and all give the same results."""

from __future__ import annotations

import sys

import pytest

from coordinator.bench.cluster import BUSY_TASKS, CLUSTER, LOCAL, SINGLE, compare_cluster
from coordinator.bench.machine import Pace
from coordinator.bench.report import cluster_lines
from coordinator.bench.workloads import trivial
from tests.integration.conftest import Workshop

ECHO = """import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"task": request["task"], "items": request["items"]}), flush=True)
"""


def test_every_way_is_measured_with_equal_results(workshop: Workshop, ray_address: str) -> None:
    workshop.photographs("a.jpg")
    program = workshop.folder / "program" / "echo.py"
    program.parent.mkdir()
    program.write_text(ECHO)
    workload = trivial(
        workshop.folder / "trivial", workshop.batch, BUSY_TASKS, (sys.executable, str(program))
    )
    said: list[str] = []
    pace = Pace(repeats=1, patience=0, say=said.append)
    found = compare_cluster(
        workload, workshop.folder, ray_address, tasks=BUSY_TASKS, jobs=1, pace=pace, seconds=0.01
    )
    assert found.identical
    assert {name: way.tasks for name, way in found.ways.items()} == dict.fromkeys(
        (LOCAL, CLUSTER, SINGLE), BUSY_TASKS
    )
    assert found.ways[LOCAL].cpu_ratio.median == pytest.approx(1.0)
    assert all(way.cpu.median > 0 for way in found.ways.values())
    assert 0 < found.busy < 1  # no instance runs two tasks at a time
    assert len(said) == 3
    assert cluster_lines(found)[-1] == "results: equal"
