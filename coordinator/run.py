"""A run from its arguments to its results: everything is checked, then made, then handed to the scheduler."""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from coordinator import __version__
from coordinator.batch import BadRecording, Batch, Recording, open_batch
from coordinator.errors import CoordinatorError, ExitCode, RunFolderError
from coordinator.executor import LocalExecutor
from coordinator.inventory import host_inventory
from coordinator.journal import FailedTask, Journal, Status
from coordinator.messages import PROTOCOL
from coordinator.pipeline import Per, Pipeline, load_pipeline
from coordinator.preflight import Census, PreflightError, census_for, fitted, shortages
from coordinator.progress import Progress
from coordinator.resources import Inventory, Ledger
from coordinator.results import write_results
from coordinator.runfolder import RunFolder, write_json
from coordinator.runners.engine import Engine, ImageFacts
from coordinator.runners.fresh import FreshRunner
from coordinator.scheduler import Plan, Scheduler

_MOST_FREQUENT = 20
"""Failures that the summary names; all of them are in failures/ and in the journal."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the user asked for."""

    batch: Path
    out: Path
    pipeline: str
    jobs: int | None = None
    first: str | None = None
    last: str | None = None
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The job with its batch opened and its pipeline cut to the steps that are to run."""

    job: Job
    batch: Batch
    pipeline: Pipeline
    starts_later: bool
    """Whether the first step of the pipeline is left out, so that the batch must bring detections."""

    def recordings(self) -> Iterator[Recording | BadRecording]:
        """The batch's recordings up to the job's limit."""
        return itertools.islice(self.batch.recordings(with_detections=self.starts_later), self.job.limit)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a run ended."""

    counts: Mapping[tuple[str, Status], int]
    failures: tuple[FailedTask, ...]
    failed: int
    files: tuple[Path, ...]
    seconds: float
    complete: bool

    @property
    def exit_code(self) -> ExitCode:
        if not self.complete:
            return ExitCode.INTERRUPTED
        return ExitCode.SOME_FAILED if self.failed else ExitCode.DONE


def prepare(job: Job) -> Prepared:
    """Opens the batch and the pipeline. Raises CoordinatorError for what is wrong with either."""
    whole = load_pipeline(job.pipeline)
    pipeline = whole.between(job.first, job.last)
    batch = open_batch(job.batch)
    if job.out.resolve().is_relative_to(batch.folder):
        raise RunFolderError(
            f"run folder {str(job.out)!r} lies inside the batch, which a run never changes; use --out"
        )
    starts_later = pipeline.steps[0].name != whole.steps[0].name
    if starts_later and batch.detections is None:
        raise PreflightError(
            f"--from {pipeline.steps[0].name} needs detections made elsewhere: "
            f"there is no {batch.folder / 'detections.json'}"
        )
    return Prepared(job=job, batch=batch, pipeline=pipeline, starts_later=starts_later)


def run(job: Job, command: str) -> Summary:
    """Runs the job to its end, or to the end of what was running when it was interrupted.

    Raises CoordinatorError for everything that keeps it from starting.
    """
    prepared = prepare(job)
    inventory = host_inventory()
    pipeline = fitted(prepared.pipeline, inventory)
    engine = Engine()
    try:
        images = _preflight(pipeline, engine, inventory)
        folder = RunFolder(path=job.out.resolve(), batch=prepared.batch.folder)
        folder.create()
        with folder.locked(), Journal(folder.journal) as journal:
            _claim(journal, folder)
            return _run(prepared, pipeline, folder, journal, engine, images, inventory, command)
    finally:
        engine.close()


def _preflight(pipeline: Pipeline, engine: Engine, inventory: Inventory) -> dict[str, ImageFacts]:
    """The facts of every step's image. Raises PreflightError that lists everything that is wrong."""
    problems = shortages(pipeline, inventory)
    images: dict[str, ImageFacts] = {}
    for step in pipeline.steps:
        try:
            images[step.name] = engine.image(step.image_ref)
        except CoordinatorError as error:
            problems.append(f"step {step.name!r}: {error}")
            continue
        protocol = images[step.name].labels.get("coordinator.protocol", str(PROTOCOL))
        if protocol != str(PROTOCOL):
            problems.append(
                f"step {step.name!r}: its image speaks protocol {protocol}, this coordinator {PROTOCOL}"
            )
    if problems:
        raise PreflightError("the run cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return images


def _claim(journal: Journal, folder: RunFolder) -> None:
    """A run folder belongs to one batch for good."""
    owner = journal.fact("batch")
    if owner is not None and owner != str(folder.batch):
        raise RunFolderError(
            f"run folder {str(folder.path)!r} belongs to batch {owner}; name another with --out"
        )
    journal.set_fact("batch", str(folder.batch))
    if journal.fact("run_id") is None:
        journal.set_fact("run_id", secrets.token_hex(4))
    journal.begin_session()


def _run(
    prepared: Prepared,
    pipeline: Pipeline,
    folder: RunFolder,
    journal: Journal,
    engine: Engine,
    images: Mapping[str, ImageFacts],
    inventory: Inventory,
    command: str,
) -> Summary:
    started = time.time()
    census = census_for(prepared.batch, pipeline, prepared.recordings())
    about = _about(prepared, pipeline, engine, images, inventory, command, started)
    write_json(folder.path / "run.json", about)
    concurrency = prepared.job.jobs or _concurrency(pipeline, inventory)
    run_id = f"{journal.fact('run_id')}-{journal.session}"
    executor = LocalExecutor(FreshRunner(engine, folder, run_id), folder, concurrency=concurrency + 4)
    plan = Plan(
        steps=pipeline.steps,
        image_ids={name: facts.id for name, facts in images.items()},
        regions=census.regions,
        census=census.by_region,
    )
    names = [step.name for step in pipeline.steps]
    per_item = pipeline.steps[0].per is Per.ITEM
    with Progress(
        names, first=census.total if per_item else None, notes=_notes(census, pipeline)
    ) as progress:
        scheduler = Scheduler(
            plan,
            folder=folder,
            journal=journal,
            executor=executor,
            ledger=Ledger(inventory),
            observer=progress,
            jobs=concurrency,
        )
        try:
            with _signals(scheduler, executor, progress):
                complete = scheduler.run(prepared.recordings())
        except BaseException:
            executor.cancel()
            raise
        finally:
            executor.close()
    folder.keep_only_failures(failure.id for failure in journal.failures())
    files = write_results(journal, pipeline.steps, prepared.batch.projection, folder.path)
    counts = journal.counts()
    failed = sum(count for (_, status), count in counts.items() if status is Status.FAILED)
    finished = time.time()
    outcome = {"finished": _iso(finished), "seconds": round(finished - started, 3), "complete": complete}
    tallies = {f"{step}.{status}": count for (step, status), count in sorted(counts.items())}
    write_json(folder.path / "run.json", {**about, **outcome, "tasks": tallies})
    return Summary(
        counts=counts,
        failures=tuple(itertools.islice(journal.failures(), _MOST_FREQUENT)),
        failed=failed,
        files=(*files, folder.path / "run.json"),
        seconds=finished - started,
        complete=complete,
    )


def _concurrency(pipeline: Pipeline, inventory: Inventory) -> int:
    """So many tasks fit on the machine at most, whichever they are."""
    return max(1, int(max(inventory.cpus / step.resources.cpus for step in pipeline.steps)))


def _notes(census: Census, pipeline: Pipeline) -> list[str]:
    notes = []
    if census.without_position:
        step = next(step.name for step in pipeline.steps if step.per is Per.REGION)
        notes.append(f"{census.without_position} recordings without a position take no part in {step!r}")
    return notes


def _about(
    prepared: Prepared,
    pipeline: Pipeline,
    engine: Engine,
    images: Mapping[str, ImageFacts],
    inventory: Inventory,
    command: str,
    started: float,
) -> dict[str, object]:
    """What ran: enough to repeat it."""
    return {
        "batch": {"name": prepared.batch.name, "folder": str(prepared.batch.folder)},
        "crs": prepared.batch.projection.name if prepared.batch.projection else None,
        "pipeline": pipeline.model_dump(mode="json"),
        "images": {name: {"image_ref": facts.image_ref, "id": facts.id} for name, facts in images.items()},
        "versions": {"coordinator": __version__, "protocol": PROTOCOL, "python": platform.python_version()},
        "engine": engine.describe(),
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "cpus": inventory.cpus,
            "memory": inventory.memory,
            "gpus": [gpu.uuid for gpu in inventory.gpus],
        },
        "command": command,
        "process": os.getpid(),
        "started": _iso(started),
    }


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))


@contextmanager
def _signals(scheduler: Scheduler, executor: LocalExecutor, progress: Progress) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets running tasks end; the second ends them at once."""
    seen = []

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            progress.note("interrupted: waiting for the tasks that run (once more to end them at once)")
            scheduler.drain()
        else:
            scheduler.drain()
            executor.cancel()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
