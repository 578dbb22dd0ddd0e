"""A kept step that takes the tasks that wait in its pipe at once (steps/stepkit), as the coordinator feeds it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Resources, Step
from coordinator.record.runfolder import RunFolder
from coordinator.runners.lanerunner import LaneRunner
from coordinator.runners.process import open_process
from coordinator.schedule.threads import Sink
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("first", "a", "b", "bad", "c", "d", "e", "f")
PROGRAM = f"""
import os, socket, sys, time
sys.path.insert(0, {str(ROOT)!r})
from steps.stepkit import BadInput, serve

def do(task):
    if task.item["id"] == "bad":
        raise BadInput("is bad")
    return [{{**task.item, "seen": True}}]

def attempt(task):
    try:
        return do(task)
    except BadInput as error:
        return error

pipe = socket.socket(fileno=os.dup(0))
while pipe.recv(1 << 20, socket.MSG_PEEK).count(b"\\n") < {len(NAMES)}:
    time.sleep(0.01)
serve(do, lambda tasks: [attempt(task) for task in tasks], most=5)
"""
"""It begins when all requests wait in its pipe."""


def lane(folder: Path, sink: Sink) -> tuple[LaneRunner, list[StepTask], Seat]:
    """A lane for the program, and a task for each name."""
    (program := folder / "program.py").write_text(PROGRAM)
    (batch := folder / "batch").mkdir()
    run = RunFolder(folder / "run")
    run.create()
    files = run.files(batch)
    step = Step(name="step", image_ref="none", command=(sys.executable, str(program)), timeout=PATIENCE)
    requests = [
        Request(
            task=f"step/{name}",
            step="step",
            params={},
            items=[{"id": name}],
            region=None,
            work_dir=files.task_folder("step", name),
        )
        for name in NAMES
    ]
    tasks = [StepTask(request=request, step=step, image_id="none") for request in requests]
    seat = Seat(lane=1, step=step, grant=Grant(resources=Resources()))
    return LaneRunner(partial(open_process, files), files, sink), tasks, seat


def test_each_has_its_own_outcome_and_a_bad_one_fails_alone(tmp_path: Path) -> None:
    queue: SimpleQueue[list[Outcome]] = SimpleQueue()
    runner, tasks, seat = lane(tmp_path, lambda outcomes: queue.put(list(outcomes)))
    found: dict[str, Outcome] = {}
    try:
        for task in tasks:
            runner.submit(task, seat)
        while len(found) < len(NAMES):
            found |= {one.task.removeprefix("step/"): one for one in queue.get(timeout=PATIENCE)}
    finally:
        runner.close()
    assert tuple(found) == NAMES  # in order
    for name, outcome in found.items():
        result = outcome.result
        if name == "bad":
            assert isinstance(result, TaskError)
            assert (result.kind, result.message) == (ErrorKind.BAD_INPUT, "is bad")
            continue
        assert isinstance(result, Success)
        assert result.items == [{"id": name, "seen": True}]
        assert result.metrics["together"] == (5 if name in NAMES[:5] else 3)
