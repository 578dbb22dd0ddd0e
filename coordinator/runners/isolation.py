"""The containers of a run: what each is allowed, and the network namespace they share.

Making a network namespace is the largest single cost of a start, so one idle container without any
network holds a namespace for all others of the run (docs/performance.md has the figures).
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from coordinator.core.paths import FETCHED, MOUNT, WORK_MOUNT
from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.record.permissions import make_folder
from coordinator.runners.api import ApiError
from coordinator.runners.containers import Containers, Started
from coordinator.runners.engine import FOLDER_LABEL, LABEL, EndedFromOutside, Engine
from coordinator.runners.spec import HOST_LABEL, NETWORK, ROLE, ContainerSpec, Mount
from coordinator.runners.workfolder import step_user

TASK, LANE, SIGHT, TRIAL = "task", "lane", "sight", "trial"
"""What a container is for, beside :data:`NETWORK`."""
_HOLDERS = 3
"""So often a holder of the network namespace is started in a run."""


def container_labels(run_id: str, folder: Path, role: str) -> dict[str, str]:
    """Whose a container is and what for. Whoever holds the lock of ``folder`` on this host uses it."""
    return {LABEL: run_id, FOLDER_LABEL: str(folder), HOST_LABEL: socket.gethostname(), ROLE: role}


def container_spec(
    step: Step,
    image: str,
    grant: Grant,
    files: Files,
    *,
    writable: str | None,
    labels: dict[str, str],
    name: str = "",
) -> ContainerSpec:
    """A container of ``step``: batch and all steps' files read-only, the folder ``writable`` read-write."""
    uid, gid = step_user()
    mounts = [Mount(source=files.batch, target=str(MOUNT), read_only=True)]
    if writable != str(WORK_MOUNT):
        mounts.append(Mount(source=files.work, target=str(WORK_MOUNT), read_only=True))
    if files.apart is not None and files.apart[0] != writable:  # so that its mount point is there
        mounts.append(Mount(source=files.apart[1], target=files.apart[0], read_only=True))
    if files.fetched is not None:
        mounts.append(Mount(source=files.fetched, target=str(FETCHED), read_only=True))
    if writable is not None:
        mounts.append(Mount(source=files.local(writable), target=writable, read_only=False))
    return ContainerSpec(
        image_ref=image,
        name=name,
        user=f"{uid}:{gid}",
        cpus=step.resources.cpus,
        memory=step.resources.memory,
        gpu_uuids=grant.gpu_uuids,
        labels=labels,
        mounts=tuple(mounts),
    )


class Isolation:
    """Makes the specs of one run's containers, and the network namespace that they share."""

    def __init__(self, engine: Engine, files: Files, owner: Path, run_id: str, *, starts: int) -> None:
        """``owner`` is the folder whose lock the caller holds, ``starts`` how many containers may start at once."""
        self.engine = engine
        self.files = files
        self._owner = owner
        self.containers = Containers(engine, run_id, starts=starts)
        self._run_id = run_id
        self._numbers = itertools.count(1)
        self._holder: Started | None = None
        self._holders_left = _HOLDERS
        self._lock = threading.Lock()

    def task_container(self, step: Step, image_id: str, grant: Grant, work_dir: str) -> ContainerSpec:
        """A container for one task, which may write to that task's folder alone.

        Raises EngineError if the engine can start none now, as :meth:`kept_container` does.
        """
        return self._spec(step, image_id, grant, work_dir if step.writes else None, TASK)

    def kept_container(self, step: Step, image_id: str, grant: Grant) -> ContainerSpec:
        """A container for many tasks of a step: it may write where the step's open tasks have their folders."""
        if not step.writes:
            return self._spec(step, image_id, grant, None, LANE)
        writable = str(WORK_MOUNT / step.name)
        make_folder(self.files.local(writable))
        return self._spec(step, image_id, grant, writable, LANE)

    def shared_container(self, step: Step, image_id: str, grant: Grant) -> ContainerSpec:
        """A container for tasks of many runs, which may write wherever their open tasks have their folders."""
        return self._spec(step, image_id, grant, str(WORK_MOUNT), LANE)

    def start_kept(self, task: StepTask, grant: Grant) -> Started:
        """A container for many tasks, of which ``task`` is the first. Raises as :meth:`start_for` does."""
        return self._start(lambda: self.kept_container(task.step, task.image_id, grant))

    def start_shared(self, task: StepTask, grant: Grant) -> Started:
        """A container for tasks of many runs, of which ``task`` is the first. Raises as :meth:`start_for` does."""
        return self._start(lambda: self.shared_container(task.step, task.image_id, grant))

    def start_for(self, task: StepTask, grant: Grant) -> Started:
        """A container for this task alone. Raises EngineError, and leaves nothing behind then."""
        work_dir = task.request.work_dir
        return self._start(lambda: self.task_container(task.step, task.image_id, grant, work_dir))

    def close(self) -> None:
        """Removes what is left of the run's containers, the holder of the network namespace among them."""
        if self._holder is not None:
            self._holder.connection.close()
        self.containers.close()

    def _start(self, make_spec: Callable[[], ContainerSpec]) -> Started:
        """Starts a container of the run, and at once again if the holder of its network has ended meanwhile.

        The holder may have ended before its connection tells so. What the engine refuses in the holder's network is
        therefore tried in one of its own: what is refused there, too, is refused for itself.
        """
        while True:
            spec = make_spec()
            try:
                return self.containers.start(spec)
            except EngineError as error:
                if spec.network_of is None:
                    raise
                if not self._holds(spec.network_of):
                    continue
                if not isinstance(error, ApiError | EndedFromOutside):
                    raise
                return self.containers.start(spec.in_own_network())

    def _spec(
        self, step: Step, image_id: str, grant: Grant, writable: str | None, role: str
    ) -> ContainerSpec:
        self.containers.await_engine()
        holder = self._network_holder(image_id)
        spec = container_spec(
            step,
            image_id,
            grant,
            self.files,
            writable=writable,
            labels=self._labels(role),
            name=self._name(),
        )
        return spec.in_network(holder.id) if holder else spec

    def _labels(self, role: str) -> dict[str, str]:
        return container_labels(self._run_id, self._owner, role)

    def _name(self) -> str:
        return f"coordinator-{self._run_id}-{next(self._numbers)}"

    def _network_holder(self, image_id: str) -> Started | None:
        """The container that holds the run's network namespace.

        It is a step's image, waiting for input as every step does. The engine ends that input when the
        connection is cut, so the holder ends by itself if the coordinator dies. Holders that do not last (a program
        that does not wait for its input) are replaced a few times; after that, every container gets a namespace
        of its own.
        """
        with self._lock:
            if self._holder is not None and self._holder.has_ended():
                self._holder.connection.close()
                self.containers.remove_now(self._holder.id)
                self._holder = None
            if self._holder is None and self._holders_left:
                uid, gid = step_user()
                spec = ContainerSpec(
                    image_ref=image_id,
                    name=self._name(),
                    user=f"{uid}:{gid}",
                    cpus=1.0,
                    memory=512 * 1024**2,
                    labels=self._labels(NETWORK),
                )
                self._holder = self.containers.start(spec)
                self._holders_left -= 1
            return self._holder

    def _holds(self, container: str) -> bool:
        with self._lock:
            return self._holder is not None and self._holder.id == container and not self._holder.has_ended()
