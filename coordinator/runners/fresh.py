"""The ``fresh`` rung: one container per task. Create, attach, start, write, half-close, read, wait, remove."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.batch import MOUNT, WORK_MOUNT
from coordinator.errors import EngineError
from coordinator.messages import MAX_RESPONSE_BYTES, ErrorKind, Success, TaskError, parse_response
from coordinator.pipeline import Step
from coordinator.resources import Grant
from coordinator.runfolder import RunFolder
from coordinator.runners.container import ContainerSpec, Mount
from coordinator.runners.engine import LABEL, Engine
from coordinator.runners.stream import Exchange, exchange
from coordinator.tasks import Evidence, Outcome, StepTask

_NOBODY = 65534
_END_TIMEOUT = 10.0
"""Seconds a container gets to end after its streams have ended."""


def step_user() -> tuple[int, int]:
    """Whom steps run as: the invoking user, or nobody where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (_NOBODY, _NOBODY)


def container_spec(
    step: Step, image_ref: str, work_dir: str, grant: Grant, folder: RunFolder, name: str, run_id: str
) -> ContainerSpec:
    """The container for one task: the batch and all steps' files read-only, its own folder writable."""
    uid, gid = step_user()
    return ContainerSpec(
        image_ref=image_ref,
        name=name,
        user=f"{uid}:{gid}",
        cpus=step.resources.cpus,
        memory=step.resources.memory,
        gpu_uuids=grant.gpu_uuids,
        labels={LABEL: run_id},
        mounts=(
            Mount(source=folder.batch, target=str(MOUNT), read_only=True),
            Mount(source=folder.work, target=str(WORK_MOUNT), read_only=True),
            Mount(source=folder.local(work_dir), target=work_dir, read_only=False),
        ),
    )


@dataclass
class _Clock:
    """Seconds spent by the name of what they were spent on."""

    metrics: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.metrics[f"{name}_s"] = round(time.perf_counter() - started, 6)


class FreshRunner:
    """Runs every task in a container of its own."""

    def __init__(self, engine: Engine, folder: RunFolder, run_id: str) -> None:
        self._engine = engine
        self._folder = folder
        self._run_id = run_id
        self._numbers = itertools.count(1)
        self._live: set[str] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    def run(self, task: StepTask) -> Outcome:
        """One attempt, from the creation of its container to its removal. Never raises for what a step does."""
        clock = _Clock()
        if self._cancelled.is_set():
            return Outcome(task=task, result=_cancelled())
        with self._work_folder(task) as work:
            spec = self._spec(task)
            try:
                result, evidence = self._in_container(task, spec, clock)
            except EngineError as error:
                result = TaskError(kind=ErrorKind.ENGINE, message=str(error))
                evidence = Evidence(command=shlex.join(spec.to_command()))
            if self._cancelled.is_set() and isinstance(result, TaskError):
                result = _cancelled()
            self._hand_over(work, keep=isinstance(result, Success))
        step_metrics = result.metrics if isinstance(result, Success) else {}
        return Outcome(task=task, result=result, evidence=evidence, metrics={**step_metrics, **clock.metrics})

    def cancel(self) -> None:
        """Ends every container at once; their tasks end as cancelled."""
        self._cancelled.set()
        with self._lock:
            live = tuple(self._live)
        for container in live:
            self._engine.kill(container)

    def _spec(self, task: StepTask) -> ContainerSpec:
        name = f"coordinator-{self._run_id}-{next(self._numbers)}"
        work_dir = task.request.work_dir
        return container_spec(
            task.step, task.image_id, work_dir, task.grant, self._folder, name, self._run_id
        )

    def _in_container(
        self, task: StepTask, spec: ContainerSpec, clock: _Clock
    ) -> tuple[Success | TaskError, Evidence]:
        deadline = time.monotonic() + task.step.timeout
        with clock.measure("container"), self._engine.created(spec) as container, self._tracked(container):
            connection, received = self._engine.attach(container)
            with connection:
                with clock.measure("start"):
                    self._engine.start(container)
                with clock.measure("exchange"):
                    answer = exchange(
                        connection,
                        received,
                        task.request.line(),
                        deadline=deadline,
                        stdout_cap=MAX_RESPONSE_BYTES,
                    )
            exit_code = self._exit_code(container, answer)
            out_of_memory = None if exit_code == 0 else self._engine.ran_out_of_memory(container)
        evidence = Evidence(
            stdout=bytes(answer.stdout),
            stderr=answer.stderr,
            exit_code=exit_code,
            out_of_memory=out_of_memory,
            container=container,
            command=shlex.join(spec.to_command()),
        )
        return judge(task, answer, exit_code, out_of_memory), evidence

    def _exit_code(self, container: str, answer: Exchange) -> int:
        if answer.timed_out or answer.overflow or answer.broken:
            self._engine.kill(container)
        return self._engine.wait(container, _END_TIMEOUT)

    @contextmanager
    def _tracked(self, container: str) -> Iterator[None]:
        with self._lock:
            self._live.add(container)
        try:
            if self._cancelled.is_set():
                raise EngineError("cancelled before the start")
            yield
        finally:
            with self._lock:
                self._live.discard(container)

    @contextmanager
    def _work_folder(self, task: StepTask) -> Iterator[Path]:
        """The task's own, empty folder; it goes again if nothing was written."""
        folder = self._folder.local(task.request.work_dir)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if os.getuid() == 0:
            os.chown(folder, *step_user())
        yield folder
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()

    @staticmethod
    def _hand_over(work: Path, *, keep: bool) -> None:
        """What a successful step wrote becomes the invoking user's; what a failed one wrote goes."""
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
        elif os.getuid() == 0:
            for folder, _, files in os.walk(work):
                for path in (folder, *(os.path.join(folder, name) for name in files)):  # noqa: PTH118
                    os.chown(path, 0, 0, follow_symlinks=False)


def judge(
    task: StepTask, answer: Exchange, exit_code: int, out_of_memory: bool | None
) -> Success | TaskError:
    """What an attempt came to, from all that is known of it."""
    if answer.timed_out:
        return TaskError(
            kind=ErrorKind.TIMEOUT, message=f"no answer within {task.step.timeout:g} s; the step was killed"
        )
    if answer.overflow:
        return TaskError(
            kind=ErrorKind.PROTOCOL,
            message=f"the response is larger than {MAX_RESPONSE_BYTES} bytes; the step was killed",
        )
    if answer.broken:
        return TaskError(kind=ErrorKind.ENGINE, message=answer.broken)
    result = parse_response(bytes(answer.stdout), task.id)
    told = isinstance(result, TaskError) and result.kind is not ErrorKind.PROTOCOL
    if exit_code == 0 or told:
        return result
    return TaskError(kind=ErrorKind.CRASH, message=_crash(task, answer, exit_code, out_of_memory))


def _crash(task: StepTask, answer: Exchange, exit_code: int, out_of_memory: bool | None) -> str:
    how = f"the step ended with exit code {exit_code}"
    if out_of_memory:
        how += f", out of memory (its limit is {task.step.resources.memory} bytes)"
    elif exit_code == 137:
        how += " (killed; by whom is not known)"
    last_words = answer.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return f"{how}: {last_words[0][:300]}" if last_words else f"{how}, and nothing on stderr"


def _cancelled() -> TaskError:
    return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
