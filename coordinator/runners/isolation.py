"""The containers of a run: what each is allowed, the network namespace they share, how many start at once.

Making a network namespace is the largest single cost of a start, so one idle container without any
network holds a namespace for all others of the run (docs/performance.md has the figures).
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coordinator.batch import MOUNT, WORK_MOUNT
from coordinator.pipeline import Step
from coordinator.resources import Grant
from coordinator.runfolder import RunFolder
from coordinator.runners.container import HOST_LABEL, ContainerSpec, Mount
from coordinator.runners.engine import FOLDER_LABEL, LABEL, Engine
from coordinator.runners.workfolder import step_user

ROLE = "coordinator.role"
"""A label that tells a task's container from one that is kept."""
TASK, LANE, NETWORK = "task", "lane", "network"


def container_labels(run_id: str, folder: Path, role: str) -> dict[str, str]:
    """Whose a container is and what for. Whoever holds the lock of ``folder`` on this host uses it."""
    return {LABEL: run_id, FOLDER_LABEL: str(folder), HOST_LABEL: socket.gethostname(), ROLE: role}


def container_spec(
    step: Step,
    image: str,
    grant: Grant,
    folder: RunFolder,
    *,
    writable: str | None,
    labels: dict[str, str],
    name: str = "",
) -> ContainerSpec:
    """A container of ``step``: batch and all steps' files read-only, the folder ``writable`` read-write."""
    uid, gid = step_user()
    mounts = [Mount(source=folder.batch, target=str(MOUNT), read_only=True)]
    if writable != str(WORK_MOUNT):
        mounts.append(Mount(source=folder.work, target=str(WORK_MOUNT), read_only=True))
    if writable is not None:
        mounts.append(Mount(source=folder.local(writable), target=writable, read_only=False))
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
    """Makes the specs of one run's containers and starts them, a few at a time."""

    def __init__(self, engine: Engine, folder: RunFolder, run_id: str, *, starts: int) -> None:
        """``starts`` is how many containers may be starting at once: more only slow each other."""
        self.engine = engine
        self.folder = folder
        self._run_id = run_id
        self._starts = threading.BoundedSemaphore(starts)
        self._numbers = itertools.count(1)
        self._network: str | None = None
        self._lock = threading.Lock()

    def task_container(self, step: Step, image_id: str, grant: Grant, work_dir: str) -> ContainerSpec:
        """A container for one task, which may write to that task's folder alone."""
        return self._spec(step, image_id, grant, work_dir if step.writes else None, TASK)

    def kept_container(self, step: Step, image_id: str, grant: Grant) -> ContainerSpec:
        """A container for many tasks of a step: it may write where the step's open tasks have their folders."""
        if not step.writes:
            return self._spec(step, image_id, grant, None, LANE)
        writable = str(WORK_MOUNT / step.name)
        self.folder.local(writable).mkdir(exist_ok=True)
        return self._spec(step, image_id, grant, writable, LANE)

    def shared_container(self, step: Step, image_id: str, grant: Grant) -> ContainerSpec:
        """A container for tasks of many runs, which may write wherever their open tasks have their folders."""
        return self._spec(step, image_id, grant, str(WORK_MOUNT), LANE)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Holds one of the places for containers that are starting."""
        with self._starts:
            yield

    def close(self) -> None:
        """Removes the holder of the shared network namespace."""
        with self._lock:
            if self._network is not None:
                self.engine.remove(self._network)
                self._network = None

    def _spec(
        self, step: Step, image_id: str, grant: Grant, writable: str | None, role: str
    ) -> ContainerSpec:
        return container_spec(
            step,
            image_id,
            grant,
            self.folder,
            writable=writable,
            labels=self._labels(role),
            name=self._name(),
        ).in_network(self._shared_network(image_id))

    def _labels(self, role: str) -> dict[str, str]:
        return container_labels(self._run_id, self.folder.path, role)

    def _name(self) -> str:
        return f"coordinator-{self._run_id}-{next(self._numbers)}"

    def _shared_network(self, image_id: str) -> str:
        """The id of the container that holds the run's network namespace.

        It is a step's image, waiting for input as every step does. The engine ends that input when the
        connection is cut, so the holder ends by itself if the coordinator dies.
        """
        with self._lock:
            if self._network is None:
                uid, gid = step_user()
                spec = ContainerSpec(
                    image_ref=image_id,
                    name=self._name(),
                    user=f"{uid}:{gid}",
                    cpus=1.0,
                    memory=512 * 1024**2,
                    labels=self._labels(NETWORK),
                )
                container = self.engine.create(spec)
                try:
                    self._connection, _ = self.engine.attach(container)
                    self.engine.start(container)
                except BaseException:
                    self.engine.remove(container)
                    raise
                self._network = container
            return self._network
