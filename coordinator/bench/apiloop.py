"""The bare loop over the engine's API: what a start costs with nothing around it, the floor of the fresh rung.

N threads, each: create, attach, start, write, half-close, read, wait, remove. The containers are those of the
coordinator's fresh rung, flag for flag, in a network namespace that they share. There is no scheduler, no
journal, no check of any answer. It runs as a command of its own, so that its CPU time can be told apart.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.bench.machine import BenchError
from coordinator.bench.workloads import Workload, requests, step_of
from coordinator.contract import Request
from coordinator.core.resources import Grant
from coordinator.pipeline import Step
from coordinator.record.lock import locked
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import Isolation
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.stream import exchange

_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One task: what came back, and the seconds that starting it took and that all of it took."""

    stdout: bytes
    start: float
    seconds: float


def loop(
    engine: Engine, make_spec: Callable[[Request], ContainerSpec], tasks: Sequence[Request], jobs: int
) -> tuple[float, list[Turn]]:
    """Runs every task, ``jobs`` at a time; the seconds it took, and the turns in the tasks' order.

    Raises EngineError and BenchError if a task gets no answer.
    """
    with ThreadPoolExecutor(max_workers=jobs) as threads:
        started = time.perf_counter()
        turns = list(threads.map(lambda task: _turn(engine, make_spec(task), task), tasks))
        return time.perf_counter() - started, turns


def _turn(engine: Engine, spec: ContainerSpec, task: Request) -> Turn:
    begun = time.perf_counter()
    container = engine.create(spec)
    try:
        connection, received = engine.attach(container)
        with connection:
            engine.start(container)
            started = time.perf_counter()
            deadline = time.monotonic() + _TIMEOUT
            answer = exchange(connection, received, task.line(), deadline=deadline)
        engine.wait(container, _TIMEOUT)
    finally:
        engine.remove(container)
    if answer.cut:
        raise BenchError(f"task {task.task!r} was not answered: {answer.broken or answer.cut}")
    return Turn(stdout=answer.stdout, start=started - begun, seconds=time.perf_counter() - begun)


@contextmanager
def isolation_in(engine: Engine, workload: Workload, out: Path, jobs: int) -> Iterator[Isolation]:
    """The isolation that a run in ``out`` would have; locked, so that nobody takes it for a dead run's.

    Raises RunFolderError if ``out`` cannot be used, EngineError if the engine refuses.
    """
    folder = RunFolder(out.resolve())
    folder.create()
    files, run_id = folder.files(workload.batch.resolve()), f"bench-{secrets.token_hex(4)}"
    with (
        locked(folder.path),
        closing(Isolation(engine, files, folder.path, run_id, starts=jobs)) as isolation,
    ):
        yield isolation


def spec_maker(isolation: Isolation, step: Step, image_id: str) -> Callable[[Request], ContainerSpec]:
    """Makes the container that the fresh rung would make for a request."""
    grant = Grant(resources=step.resources)
    return lambda task: isolation.task_container(step, image_id, grant, task.work_dir)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a workload's first tasks; responses go to a file, the figures to stdout as JSON.

    Raises CoordinatorError if that cannot be done.
    """
    parser = argparse.ArgumentParser(prog="python -m coordinator.bench.apiloop", description=__doc__)
    parser.add_argument("batch", type=Path)
    parser.add_argument("pipeline")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    options = parser.parse_args(arguments)
    workload = Workload(name="loop", batch=options.batch, pipeline=options.pipeline, about="")
    with (
        closing(Engine()) as engine,
        isolation_in(engine, workload, options.out, options.jobs) as own,
    ):
        step = step_of(workload)
        make_spec = spec_maker(own, step, engine.image(step.image_ref).id)
        tasks = list(requests(workload, options.tasks))
        first = time.time()
        seconds, turns = loop(engine, make_spec, tasks, options.jobs)
    (options.out / "responses.jsonl").write_bytes(b"".join(turn.stdout for turn in turns))
    count = len(turns)
    figures = {
        "first": first,
        "seconds": seconds,
        "start": sum(turn.start for turn in turns) / count,
        "busy": sum(turn.seconds for turn in turns) / count,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
