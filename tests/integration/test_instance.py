"""An instance of a step as it is on a node of a cluster, without Ray: its runners are the real ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from coordinator.cluster.instance import THREADS, Instance, InstanceSpec
from coordinator.cluster.messages import pack_tasks, unpack_outcomes
from coordinator.cluster.node import Wanted
from coordinator.contract import Request, Success
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files

WHO = """
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"task": request["task"], "items": [{"id": str(os.getpid())}]}), flush=True)
"""


@pytest.fixture
def step(tmp_path: Path) -> Step:
    program = tmp_path / "who.py"
    program.write_text(WHO)
    return Step(name="who", image_ref="none", rung=Rung.PROCESS, command=("python3", str(program)))


@contextmanager
def instance(step: Step, folder: Path) -> Iterator[Instance]:
    batch, work = folder / "batch", folder / "work"
    batch.mkdir(parents=True)
    work.mkdir()
    spec = InstanceSpec(
        step=step, image_id="", files=Files(batch, work), owner=folder, label="one", wanted=Wanted()
    )
    with closing(Instance(spec, [])) as made:
        yield made


def task(step: Step, unit: str) -> StepTask:
    request = Request(
        task=f"who/{unit}",
        step="who",
        params={},
        items=[{"id": unit}],
        region=None,
        work_dir=f"/work/who/{unit}",
    )
    return StepTask(request=request, step=step, image_id="")


@pytest.mark.parametrize("turn", range(8))
def test_messages_that_come_at_the_same_time_share_one_program(tmp_path: Path, step: Step, turn: int) -> None:
    """Several turns, for two threads that meet by chance may also miss each other."""
    together = threading.Barrier(THREADS)
    with instance(step, tmp_path / str(turn)) as made, ThreadPoolExecutor(THREADS) as threads:

        def send(number: int) -> list[str]:
            packed = pack_tasks([task(step, f"{number}-{each}") for each in range(5)])
            together.wait()
            outcomes = unpack_outcomes(made.run(packed))
            return [str(one.result.items[0]["id"]) for one in outcomes if isinstance(one.result, Success)]

        programs = [program for told in threads.map(send, range(THREADS)) for program in told]
    assert len(programs) == 5 * THREADS
    assert len(set(programs)) == 1
