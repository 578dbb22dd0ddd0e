"""Runs on a machine whose GPUs die: what its driver lists is what a test says, all else is real."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from coordinator.core.resources import Gpu, Inventory
from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.runners import site
from coordinator.runners.lostgpus import GpusGone
from tests.integration.conftest import Workshop
from tests.integration.ran import attempts

PROGRAM = """
import json, pathlib, sys
request = json.loads(sys.stdin.readline())
gone = pathlib.Path(sys.argv[1])
if not gone.exists():
    gone.touch()
    sys.exit("CUDA error: unspecified launch failure")
print(json.dumps({"task": request["task"], "items": [{"id": request["items"][0]["id"]}]}))
"""
"""A step whose first task takes its GPU along."""


class Driver:
    """It lists a GPU only until ``gone`` is there."""

    def __init__(self, gone: Path, *names: str) -> None:
        self._gone = gone
        self._names = names

    def inventory(self) -> Inventory:
        names = self._names[self._gone.exists() :]
        return Inventory(cpus=2, memory=1024**3, gpus=tuple(Gpu(uuid=name, memory=1) for name in names))


def step(gone: Path) -> dict[str, object]:
    resources = {"cpus": 1, "memory": "64m", "gpus": 1}
    command = [sys.executable, "-c", PROGRAM, str(gone)]
    return {"name": "one", "image_ref": "none", "command": command, "resources": resources, "retries": 2}


def test_its_tasks_go_to_the_one_that_is_left(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    gone = workshop.folder / "gone"
    monkeypatch.setattr(site, "host_inventory", Driver(gone, "GPU-one", "GPU-two").inventory)
    assert workshop.run(step(gone), rung=Rung.PROCESS, jobs=1).counts == {("one", Status.SUCCEEDED): 3}
    assert sorted(attempts(workshop).values()) == [1, 1, 2]
    assert capsys.readouterr().err.count("GPU GPU-one has gone") == 1


def test_without_another_one_the_run_ends_and_the_same_command_goes_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    gone = workshop.folder / "gone"
    driver = Driver(gone, "GPU-one")
    monkeypatch.setattr(site, "host_inventory", driver.inventory)
    with pytest.raises(GpusGone, match=r"GPU-one went in mid-run\n.* the same command continues this run"):
        workshop.run(step(gone), rung=Rung.PROCESS, jobs=1)
    monkeypatch.setattr(site, "host_inventory", Driver(gone, "", "GPU-new").inventory)
    assert workshop.run(step(gone), rung=Rung.PROCESS, jobs=1).counts == {("one", Status.SUCCEEDED): 2}
