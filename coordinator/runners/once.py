"""One task in a container of its own, isolated as in a run, with its streams passed on as they come."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from coordinator.contract import Success, TaskError
from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.record.files import Files
from coordinator.runners.attempt import OwnContainer, converse
from coordinator.runners.containers import Started
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import TASK, container_labels, container_spec
from coordinator.runners.stream import Live
from coordinator.runners.workfolder import prepare
from coordinator.schedule.threads import Clock


@dataclass(frozen=True, kw_only=True)
class Rerun:
    """How a task ended that was run once; ``seconds`` from the container's start to its end."""

    result: Success | TaskError
    exit_code: int | None
    seconds: float


def run_once(engine: Engine, task: StepTask, grant: Grant, files: Files, *, owner: Path, live: Live) -> Rerun:
    """Runs the task, whatever it comes to. ``owner`` is the folder whose lock the caller holds meanwhile.

    Raises EngineError if the engine cannot run it.
    """
    prepare(task, files)
    spec = container_spec(
        task.step,
        task.image_id,
        grant,
        files,
        writable=task.request.work_dir if task.step.writes else None,
        labels=container_labels(f"replay-{owner.name}", owner, TASK),
        name=f"coordinator-replay-{owner.name}",
    )
    with engine.created(spec) as container:
        connection, received = engine.attach(container)
        with connection:
            engine.start(container)
            begun = time.monotonic()
            started = Started(id=container, spec=spec, connection=connection, received=received)
            result, evidence = converse(OwnContainer(engine, started), task, Clock(), spill=owner, live=live)
    return Rerun(result=result, exit_code=evidence.exit_code, seconds=time.monotonic() - begun)
