"""One task in a container of its own, isolated as in a run, with its streams passed on as they come."""

from __future__ import annotations

import time
from dataclasses import dataclass

from coordinator.messages import Success, TaskError
from coordinator.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import TASK, container_labels, container_spec
from coordinator.runners.stream import Live, exchange
from coordinator.runners.verdict import judge
from coordinator.runners.workfolder import prepare
from coordinator.tasks import StepTask

_END_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a task ended that was run once; ``seconds`` from the container's start to its end."""

    result: Success | TaskError
    exit_code: int
    seconds: float


def run_once(engine: Engine, task: StepTask, folder: RunFolder, *, owner: RunFolder, live: Live) -> Verdict:
    """Runs the task, whatever it comes to. ``owner`` is the folder whose lock the caller holds meanwhile.

    Raises EngineError if the engine cannot run it.
    """
    prepare(task, folder)
    spec = container_spec(
        task.step,
        task.image_id,
        task.grant,
        folder,
        writable=task.request.work_dir if task.step.writes else None,
        labels=container_labels(f"replay-{owner.path.name}", owner.path, TASK),
        name=f"coordinator-replay-{owner.path.name}",
    )
    with engine.created(spec) as container:
        connection, received = engine.attach(container)
        engine.start(container)
        started = time.monotonic()
        with connection:
            answer = exchange(
                connection,
                received,
                task.request.line(),
                deadline=started + task.step.timeout,
                spill=owner.path,
                live=live,
            )
        if answer.cut:
            engine.kill(container)
        exit_code = engine.wait(container, _END_TIMEOUT)
        out_of_memory = None if exit_code == 0 else engine.ran_out_of_memory(container)
    result = judge(task, answer, exit_code, out_of_memory)
    return Verdict(result=result, exit_code=exit_code, seconds=time.monotonic() - started)
