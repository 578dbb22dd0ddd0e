"""What one sees of pools on a real Ray cluster: which step holds the run up, and that a step without room gets some."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator.commands.status import lines, status
from tests.integration.conftest import Workshop
from tests.integration.raycluster import CPUS

PROGRAM = """
import json, sys, time
for line in sys.stdin:
    request = json.loads(line)
    time.sleep(request["params"]["seconds"])
    items = [{"id": item["id"]} for item in request["items"]]
    print(json.dumps({"task": request["task"], "items": items}), flush=True)
"""


@pytest.fixture
def program(workshop: Workshop) -> Path:
    found = workshop.folder / "program" / "program.py"  # alone: its folder is looked at
    found.parent.mkdir()
    found.write_text(PROGRAM)
    workshop.photographs(*(f"r{number}.jpg" for number in range(30)))
    return found


def step(name: str, program: Path, seconds: float, cpus: float = 0.1) -> dict[str, Any]:
    return {
        "name": name,
        "params": {"seconds": seconds},
        "resources": {"cpus": cpus, "memory": "64m"},
        "image_ref": "none",
        "rung": "process",
        "command": [sys.executable, str(program)],
    }


@pytest.mark.parametrize("most", [1, 2])
def test_the_slow_step_is_named_and_that_it_is_at_its_most(
    workshop: Workshop, ray_address: str, program: Path, most: int
) -> None:
    steps = (step("first", program, 0.01), step("slow", program, 0.4), step("last", program, 0.01))
    instances = (f"slow={most}:{most}", "first=0:1", "last=1:1")
    assert workshop.run(*steps, cluster=ray_address, instances=instances).failed == 0
    report = status(workshop.out)
    assert report.pools is not None
    assert report.pools["slow"]["peak"] == most
    causes = [(one["step"], one["why"]) for one in report.holds if "started" not in one["why"]]
    assert causes[0] == ("slow", f"it is at its most, {most}")
    assert "bottleneck  " in "\n".join(lines(report))


def test_steps_of_which_one_has_room_at_a_time_come_to_their_end(
    workshop: Workshop, ray_address: str, program: Path
) -> None:
    """Each takes most of the cluster, and wants an instance for good: they take turns."""
    steps = (step("a", program, 0.0, CPUS - 0.5), step("b", program, 0.0, CPUS - 0.5))
    assert workshop.run(*steps, cluster=ray_address, instances=("a=1:2", "b=1:1")).failed == 0
    report = status(workshop.out)
    assert [one.succeeded for one in report.steps if one.name in ("a", "b")] == [30, 30]
    assert report.pools is not None
    assert {report.pools[name]["peak"] for name in ("a", "b")} == {1}
