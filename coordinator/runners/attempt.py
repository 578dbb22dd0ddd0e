"""One attempt at a task, whatever container it has: its folder, the exchange, the end, what it came to."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

from coordinator.contract import Success, TaskError
from coordinator.core.tasks import Evidence, Outcome, StepTask
from coordinator.errors import EngineError
from coordinator.runners.containers import Started
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import Isolation
from coordinator.runners.received import as_evidence
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.stream import Exchange, Live, exchange
from coordinator.runners.verdict import CANCELLED, engine_failed, judge
from coordinator.runners.workfolder import hand_over, prepare
from coordinator.schedule.threads import Clock

Judged = tuple[Success | TaskError, Evidence]


def attempt(task: StepTask, isolation: Isolation, run: Callable[[Clock], Judged]) -> Outcome:
    """Runs the task in a folder of its own. What ``run`` fails of with an EngineError is the engine's failure."""
    clock = Clock()
    if isolation.containers.is_cancelled:
        return Outcome(task=task.id, result=CANCELLED)
    prepare(task, isolation.files)
    result: Success | TaskError
    try:
        result, evidence = run(clock)
    except EngineError as error:
        result, evidence = engine_failed(error), Evidence()
    if isolation.containers.is_cancelled and isinstance(result, TaskError):
        result = CANCELLED
    result = hand_over(task, isolation.files, result)
    return Outcome(task=task.id, result=result, evidence=evidence, times=clock.times())


def converse(
    engine: Engine, started: Started, task: StepTask, clock: Clock, *, spill: Path, live: Live | None = None
) -> Judged:
    """A task in a container of its own, to the container's end; it still has to be removed.

    A large response is held in the folder ``spill``. Raises EngineError if the end cannot be learnt.
    """
    with started.connection, clock.measure("exchange"):
        answer = exchange(
            started.connection,
            started.received,
            task.request.line(),
            deadline=time.monotonic() + task.step.timeout,
            spill=spill,
            live=live,
        )
    with clock.measure("end"):
        if answer.cut:
            engine.kill(started.id)
        exit_code = engine.exit_code(started.id)
    out_of_memory = None if exit_code == 0 else engine.ran_out_of_memory(started.id)
    return judged(task, answer, exit_code, out_of_memory, started.id, started.spec)


def judged(
    task: StepTask,
    answer: Exchange,
    exit_code: int,
    out_of_memory: bool | None,
    container: str,
    spec: ContainerSpec,
) -> Judged:
    """What an attempt came to, and the evidence of it."""
    result = judge(task, answer, exit_code, out_of_memory)
    evidence = Evidence(
        stdout=as_evidence(answer.stdout),
        stderr=answer.stderr,
        exit_code=exit_code,
        out_of_memory=out_of_memory,
        container=container,
        command=shlex.join(spec.to_command()),
    )
    return result, evidence
