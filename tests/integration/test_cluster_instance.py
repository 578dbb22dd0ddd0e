"""One instance of a step as Ray calls it, from several threads at once; without Ray."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from pathlib import Path

from coordinator.cluster.instance import Instance, InstanceSpec
from coordinator.cluster.messages import pack_tasks, unpack_outcomes
from coordinator.cluster.node import Wanted
from coordinator.contract import Request, Success
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files

PROGRAM = """
import json, os, sys
for line in sys.stdin:
    task = json.loads(line)["task"]
    print(json.dumps({"task": task, "items": [{"id": str(os.getpid())}]}), flush=True)
"""
MESSAGES = 3


def test_messages_that_come_at_once_find_one_program(tmp_path: Path) -> None:
    step = Step(
        name="step",
        image_ref="none",
        rung=Rung.PROCESS,
        command=(sys.executable, "-c", PROGRAM),
        writes=False,
    )
    files = Files(batch=tmp_path, work=tmp_path / "work")
    spec = InstanceSpec(step=step, image_id="", files=files, owner=tmp_path, label="run-1", wanted=Wanted())
    programs: set[str] = set()
    together = threading.Barrier(MESSAGES)

    def call(instance: Instance, name: str) -> None:
        request = Request(
            task=f"step/{name}",
            step="step",
            params={},
            items=[{"id": name}],
            region=None,
            work_dir=f"/work/step/{name}",
        )
        packed = pack_tasks([StepTask(request=request, step=step, image_id="")])
        together.wait()
        (outcome,) = unpack_outcomes(instance.run(packed))
        assert isinstance(outcome.result, Success)
        programs.add(outcome.result.items[0]["id"])

    with closing(Instance(spec, ())) as instance:
        threads = [threading.Thread(target=call, args=(instance, str(n))) for n in range(MESSAGES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(programs) == 1
