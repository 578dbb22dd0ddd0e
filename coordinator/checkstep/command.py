"""All checks on one image, in order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.checkstep.checks import CHECKS, CONTRACT
from coordinator.checkstep.findings import Report, Result
from coordinator.checkstep.partner import Behind, Containers, Place
from coordinator.checkstep.requests import make_batch, question
from coordinator.checkstep.subject import DEFAULT_LIMITS, CheckLimits, Subject
from coordinator.core.resources import Grant
from coordinator.errors import UsageError
from coordinator.pipeline import Resources
from coordinator.record.lock import locked
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import host_inventory
from coordinator.runners.sidecar import sidecar

_MEMORY = 8 * 1024**3
"""A pipeline says what its steps may take; here it is enough for most, and never all that the machine has."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What to check and with what: ``request`` is a file, ``item`` and ``params`` are JSON texts.

    ``gpu`` gives the step the machine's first GPU.

    Either an image is named, or the ``socket`` of a sidecar (which has the GPUs that its pod gives it). Without a
    batch, it is one small photograph made for the purpose. ``scratch`` is where the temporary run folder lies; the
    engine must be able to mount it. A sidecar's is in the folder that it shares.
    """

    image_ref: str | None = None
    socket: Path | None = None
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
    with ExitStack() as stack:
        # What can be refused at once is, before anything is made.
        engine = stack.enter_context(closing(Engine())) if wanted.socket is None else None
        folder, batch = stack.enter_context(_folder(wanted))
        subject = _subject(wanted, engine, folder, batch)
        results = []
        for check in CHECKS:
            result = Result(name=check.name, proves=check.proves, finding=check.run(subject))
            results.append(result)
            say(result)
    return Report(
        image_ref=subject.image.image_ref,
        image_id=subject.image.id,
        results=tuple(results),
        decisive=CONTRACT,
    )


def _subject(wanted: CheckOptions, engine: Engine | None, folder: RunFolder, batch: Path) -> Subject:
    files = folder.files(batch)
    place: Place
    if engine is None:
        assert wanted.socket is not None
        found = sidecar(wanted.socket)
        # What it runs is known to whoever made its container: it does run.
        image, place = (
            replace(found.image, command=("lane", str(found.path))),
            Behind(sidecar=found, files=files),
        )
    else:
        assert wanted.image_ref is not None
        image = engine.image(wanted.image_ref)
        place = Containers(
            engine=engine, image=image, files=files, owner=folder.path, grant=_grant(gpu=wanted.gpu)
        )
    return Subject(
        place=place,
        image=image,
        question=question(batch, request=wanted.request, item=wanted.item, params=wanted.params),
        files=files,
        limits=wanted.limits,
    )


def _grant(*, gpu: bool) -> Grant:
    machine = host_inventory()
    if gpu and not machine.gpus:
        raise UsageError("no GPU is seen on this machine; `python -m coordinator doctor` says why")
    gpus = machine.gpus[:1] if gpu else ()
    resources = Resources(cpus=min(1.0, machine.cpus), memory=min(_MEMORY, machine.memory // 2))
    return Grant(resources=resources, gpu_uuids=tuple(gpu.uuid for gpu in gpus))


@contextmanager
def _folder(wanted: CheckOptions) -> Iterator[tuple[RunFolder, Path]]:
    """A run folder for the containers, gone afterwards, and the batch.

    It is locked, so that nobody takes them for a dead run's.
    """
    scratch = wanted.scratch if wanted.socket is None else _shared(wanted.socket)
    with tempfile.TemporaryDirectory(prefix="check-step-", dir=scratch, ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        batch = root / "batch"
        if wanted.batch is None:
            make_batch(batch)
        folder = RunFolder(root / "run")
        folder.create()
        with locked(folder.path):
            yield folder, (wanted.batch or batch).resolve()


def _shared(path: Path) -> Path:
    """The folder that the sidecar behind a socket shares with this process. Raises EngineError if it does not."""
    found = sidecar(path)
    found.check()
    found.connect().close()
    return Path(found.shared)
