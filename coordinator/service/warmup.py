"""A task for every worker before the first request: what is wrong with the workers is found at the start."""

from __future__ import annotations

import base64

from coordinator.contract import Request
from coordinator.core.paths import MOUNT, task_mount
from coordinator.core.tasks import StepTask
from coordinator.errors import CoordinatorError
from coordinator.record.permissions import let_in
from coordinator.service.execution import WorkerSpec
from coordinator.service.pool import Pool
from coordinator.service.stages import Stage
from coordinator.service.store import Store

_NAME = "warm-up"
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""One black pixel."""


class WorkerError(CoordinatorError):
    """The workers cannot do their work."""


def warm_up(pool: Pool, program: WorkerSpec, store: Store) -> None:
    """Has every worker write an image. Raises WorkerError that says why if one of them cannot.

    Raises RunFolderError if the image that they are to read cannot be written.
    """
    pixel = store.uploads / _NAME
    with store.starting():
        pixel.write_bytes(_PNG)
        let_in(pixel)
    step = program.step(Stage(name=_NAME, operations=(("write", "png"),), tasks=1))
    tasks = [
        StepTask(
            request=Request(
                task=f"{_NAME}/{number}",
                step=_NAME,
                params=step.params,
                items=[{"id": str(number), "image": str(MOUNT / _NAME), "width": 1, "height": 1}],
                region=None,
                work_dir=task_mount(_NAME, str(number)),
            ),
            step=step,
            image_id=program.image_id,
        )
        for number in range(pool.lanes)
    ]
    problems = pool.warm_up(tasks)
    store.tidy(_NAME)
    pixel.unlink()
    if problems:
        raise WorkerError(f"the workers cannot work: {problems[0].kind}: {problems[0].message}")
