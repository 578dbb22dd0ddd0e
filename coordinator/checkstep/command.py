"""All checks on one image, in order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.checkstep.checks import CHECKS, CONTRACT
from coordinator.checkstep.findings import Report, Result
from coordinator.checkstep.requests import make_batch, question
from coordinator.checkstep.subject import DEFAULT_LIMITS, CheckLimits, Subject
from coordinator.core.resources import Grant
from coordinator.errors import UsageError
from coordinator.pipeline import Resources
from coordinator.record.lock import locked
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import host_inventory

_MEMORY = 8 * 1024**3
"""A pipeline says what its steps may take; here it is enough for most, and never all that the machine has."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What to check and with what: ``request`` is a file, ``item`` and ``params`` are JSON texts.

    ``gpu`` gives the step the machine's first GPU.

    Without a batch, it is one small photograph made for the purpose. ``scratch`` is where the temporary
    run folder lies; the engine must be able to mount it.
    """

    image_ref: str
    batch: Path | None = None
    request: str | None = None
    item: str | None = None
    params: str | None = None
    gpu: bool = False
    limits: CheckLimits = DEFAULT_LIMITS
    scratch: Path | None = None


def check_step(wanted: CheckOptions, say: Callable[[Result], None] = lambda _: None) -> Report:
    """Runs every check and hands each one's result to ``say`` as soon as it is there.

    Raises CoordinatorError if there is nothing to check: no engine, no such image, no usable request.
    """
    engine = Engine()
    try:
        with _folder(wanted) as (folder, batch):
            subject = _subject(wanted, engine, folder, batch)
            results = []
            for check in CHECKS:
                result = Result(name=check.name, proves=check.proves, finding=check.run(subject))
                results.append(result)
                say(result)
    finally:
        engine.close()
    return Report(
        image_ref=wanted.image_ref, image_id=subject.image.id, results=tuple(results), decisive=CONTRACT
    )


def _subject(wanted: CheckOptions, engine: Engine, folder: RunFolder, batch: Path) -> Subject:
    machine = host_inventory()
    if wanted.gpu and not machine.gpus:
        raise UsageError("no GPU is seen on this machine; `python -m coordinator doctor` says why")
    gpus = machine.gpus[:1] if wanted.gpu else ()
    resources = Resources(cpus=min(1.0, machine.cpus), memory=min(_MEMORY, machine.memory // 2))
    return Subject(
        engine=engine,
        image=engine.image(wanted.image_ref),
        question=question(batch, request=wanted.request, item=wanted.item, params=wanted.params),
        files=folder.files(batch),
        owner=folder.path,
        grant=Grant(resources=resources, gpu_uuids=tuple(gpu.uuid for gpu in gpus)),
        limits=wanted.limits,
    )


@contextmanager
def _folder(wanted: CheckOptions) -> Iterator[tuple[RunFolder, Path]]:
    """A run folder for the containers, gone afterwards, and the batch.

    It is locked, so that nobody takes them for a dead run's.
    """
    with tempfile.TemporaryDirectory(
        prefix="check-step-", dir=wanted.scratch, ignore_cleanup_errors=True
    ) as name:
        root = Path(name).resolve()
        batch = root / "batch"
        if wanted.batch is None:
            make_batch(batch)
        folder = RunFolder(root / "run")
        folder.create()
        with locked(folder.path):
            yield folder, (wanted.batch or batch).resolve()
