"""One instance of a step: what a Ray actor does on its node, with the runners of a single host.

An instance is one lane: a container or a process that is kept, or containers one after the other. It takes messages of
several tasks and answers each when all of its tasks have ended. Everything that it leaves behind carries its own label,
so that two instances on one engine leave each other's containers alone.

Threads: Ray calls :meth:`Instance.run` for three messages at a time, so that the lane never waits, and
:meth:`Instance.cancel` beside them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.cluster.caretaker import guard
from coordinator.cluster.messages import pack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted, look
from coordinator.cluster.nodecache import NodeCache
from coordinator.cluster.nodeimages import NodeImages
from coordinator.cluster.shelf import taken
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import FETCHED
from coordinator.core.resources import Grant
from coordinator.core.retries import spoils
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files
from coordinator.record.permissions import make_folder
from coordinator.runners.engine import Engine
from coordinator.runners.rungs import Rungs
from coordinator.runners.sidecar import find_sidecar, lanes
from coordinator.strictjson import Json

THREADS = 4
"""Calls that an instance serves at a time: three messages, and a cancel."""


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """What an instance is made with. ``label`` is on all of its containers and on nobody else's.

    ``run`` is the same for all of a session's instances. Images by URL are kept in the node's ``cache``.

    Paths are the head's; :meth:`at_node` has those of a node.
    """

    step: Step
    image_id: str
    files: Files
    owner: Path
    label: str
    wanted: Wanted
    run: str = ""
    cache: NodeCache | None = None

    def at_node(self) -> InstanceSpec:
        """The same with the paths that this machine has, a node."""
        paths, command = self.wanted.paths.on_this_node(), self.step.command
        own = paths.command_at_node(command) if command else None
        return replace(
            self,
            step=self.step.model_copy(update={"command": own}),
            files=paths.files_at_node(self.files),
            owner=paths.folder_at_node(self.owner),
            wanted=replace(self.wanted, paths=paths),
        )


class _Message:
    """The tasks of one message that have not ended."""

    def __init__(self, tasks: int) -> None:
        self._left = tasks
        self.outcomes: list[Outcome] = []
        self.ended = threading.Event()

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == self._left:
            self.ended.set()


class Instance:
    """Runs the tasks of one step on this machine."""

    def __init__(self, spec: InstanceSpec, gpus: Sequence[str]) -> None:
        """``gpus`` are the devices that the cluster gave it. Raises EngineError, and leaves nothing behind then."""
        spec = spec.at_node()
        self._messages: dict[str, _Message] = {}
        self._lock, self._submitting = threading.Lock(), threading.Lock()
        self._lane = 1
        self._cancelled = False
        self._grant = Grant(resources=spec.step.resources, gpu_uuids=tuple(gpus))
        with ExitStack() as stack:
            self._images = NodeImages.opened(spec.cache if spec.step.reads else None, spec.run, self)
            stack.enter_context(closing(self._images))
            self._spec = spec = replace(spec, files=self._images.add_to(spec.files))
            is_local = spec.step.rung is Rung.PROCESS
            sidecars = None if is_local else lanes()
            if sidecars is not None:
                find_sidecar(sidecars, spec.step.image_ref)
            has_engine = not is_local and sidecars is None
            if has_engine:
                stack.callback(guard(spec.label).dismiss)
            engine = stack.enter_context(closing(Engine())) if has_engine else None
            self._files = _own_folder(spec)
            rungs = Rungs(engine, self._files, spec.owner, spec.label, jobs=1, starts=1, sidecars=sidecars)
            stack.enter_context(closing(rungs))
            self._runner = rungs.runner(spec.step.rung, self._take)
            stack.enter_context(closing(self._runner))
            self._stack = stack.pop_all()

    def look(self) -> Json:
        """What its node is like: a node that has joined in mid-run may differ from the others."""
        return look(self._spec.wanted)

    def run(self, packed: bytes) -> bytes:
        """Runs the tasks of a message; returns their outcomes. Raises OSError if a task's items are not to be seen."""
        tasks = [*taken(unpack_tasks(packed, self._spec.step, self._spec.image_id), self._spec.files)]
        message = _Message(len(tasks))
        with self._lock:
            self._messages.update((task.id, message) for task in tasks)
        for task in tasks:
            if task.images:
                self._images.submit(task)
            else:
                self.submit(task)
        message.ended.wait()
        return pack_outcomes(message.outcomes)

    def submit(self, task: StepTask) -> None:
        """Gives its runner a task that has all it needs, from any thread: runners are one thread's."""
        with self._submitting:
            self._runner.submit(task, Seat(lane=self._lane, step=task.step, grant=self._grant))

    def fail(self, outcome: Outcome) -> None:
        """Takes the end of a task that never came to its runner, from any thread."""
        self._answer(outcome)

    def cancel(self) -> None:
        """Ends all that runs, as cancelled."""
        self._cancelled = True
        self._images.cancel()
        self._runner.cancel()

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        self._stack.close()

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        """Takes what its runner says of tasks, from any thread."""
        for outcome in map(self._as_seen_from_afar, map(self._as_kept, outcomes)):
            if spoils(outcome.result, has_gpus=bool(self._grant.gpu_uuids)):
                self._leave_lane()
            self._answer(outcome)

    def _answer(self, outcome: Outcome) -> None:
        outcome = self._images.ended(outcome)
        with self._lock:
            self._messages.pop(outcome.task).add(outcome)

    def _leave_lane(self) -> None:
        """What was kept for a task that killed its step serves nobody else; a lane of one program has a new one."""
        if self._spec.step.rung is Rung.EXEC:
            spoilt, self._lane = self._lane, self._lane + 1
            self._runner.close_lane(spoilt, _nobody_waits)

    def _as_kept(self, outcome: Outcome) -> Outcome:
        """The evidence names the folder that the run keeps: this instance's own will have gone."""
        command, apart = outcome.evidence.command, self._files.apart
        if not command or apart is None:
            return outcome
        kept = command.replace(str(apart[1]), str(self._spec.files.local(apart[0])))
        return replace(outcome, evidence=replace(outcome.evidence, command=kept))

    def _as_seen_from_afar(self, outcome: Outcome) -> Outcome:
        """The head's paths in what is said of a failure, and for an engine that was given up this node that has gone.

        On a single host such an engine ends the run.
        """
        outcome = self._with_paths_of_head(outcome)
        result = outcome.result
        given_up = (
            isinstance(result, TaskError) and result.kind is ErrorKind.CANCELLED and not self._cancelled
        )
        if not given_up:
            return outcome
        assert isinstance(result, TaskError)
        return replace(outcome, result=TaskError(kind=ErrorKind.NODE, message=result.message))

    def _with_paths_of_head(self, outcome: Outcome) -> Outcome:
        paths, result, evidence = self._spec.wanted.paths, outcome.result, outcome.evidence
        if isinstance(result, TaskError):
            message = result.message
            if self._spec.files.fetched is not None:  # which is this instance's alone
                message = message.replace(str(self._spec.files.fetched), str(FETCHED))
            result = result.model_copy(update={"message": paths.as_at_head(message)})
        if evidence.command:
            evidence = replace(evidence, command=paths.as_at_head(evidence.command))
        return replace(outcome, result=result, evidence=evidence)


def _own_folder(spec: InstanceSpec) -> Files:
    """The files as this instance's tasks write them; the head takes over what they have written."""
    if not spec.step.writes:
        return spec.files
    files = spec.files.of_instance(spec.step.name, spec.label)
    assert files.apart is not None
    mount, folder = files.apart
    make_folder(spec.files.local(mount))  # where containers find it
    make_folder(folder)
    return files


def _nobody_waits(_lane: int) -> None:
    """An instance keeps its seats as long as it is there."""
