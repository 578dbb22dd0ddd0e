"""A run from its preflight to its results: everything is checked, then made, then handed to the scheduler."""

from __future__ import annotations

import itertools
import json
import os
import platform
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from coordinator import __version__
from coordinator.batch.census import Census, census_for
from coordinator.contract import PROTOCOL
from coordinator.core.resources import Inventory, Ledger
from coordinator.errors import ExitCode, RunFolderError
from coordinator.pipeline import Per, Pipeline, Step
from coordinator.record.journal import FailedTask, Journal, SessionState, Status
from coordinator.record.results import write_results
from coordinator.record.runfolder import RunFolder, write_json
from coordinator.runners import Rungs
from coordinator.runners.engine import Engine, ImageFacts
from coordinator.runners.inventory import host_inventory
from coordinator.runners.sweep import sweep, sweep_work
from coordinator.schedule.executor import LocalExecutor
from coordinator.schedule.scheduler import Plan, Scheduler
from coordinator.session.interrupts import Interrupts
from coordinator.session.options import Prepared, RunOptions, prepare
from coordinator.session.preflight import Checked, Problems, check, check_folder, needs_engine
from coordinator.session.progress import Progress, tell

_NAMED_FAILURES = 20
"""Failures that the summary names; all of them are in failures/ and in the journal."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that a run needs, found to be right before anything is written."""

    prepared: Prepared
    checked: Checked
    engine: Engine | None
    inventory: Inventory
    folder: RunFolder
    census: Census
    notes: tuple[str, ...]


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


def run(options: RunOptions, command: str) -> Summary:
    """Runs what was asked for to its end, or to the end of what was running when it was interrupted.

    Raises CoordinatorError for everything that keeps it from starting.
    """
    started, since = time.time(), time.monotonic()
    prepared = prepare(options)
    with ExitStack() as stack:
        ready = _preflight(prepared, stack)
        folder = ready.folder
        interrupts = stack.enter_context(Interrupts())
        stack.enter_context(_trouble(folder))
        folder.create()
        stack.enter_context(folder.locked())
        folder.remove_half_written()
        swept = sweep(ready.engine, folder.path) if ready.engine else 0
        journal = stack.enter_context(Journal(folder.journal))
        died = journal.fact("session_state") == SessionState.BEGUN
        _claim(journal, folder)
        if died:
            sweep_work(folder)
        about = _about(ready, command)
        ready = _note_session(journal, ready, command, started)
        write_json(folder.path / "run.json", {**about, "started": _iso(started)})
        complete = _drive(ready, journal, interrupts, swept)
        summary = _conclude(ready, journal, about, started, since, complete=complete)
        if ready.engine is not None:
            ready.engine.patience.check()
        return summary


@contextmanager
def _trouble(folder: RunFolder) -> Iterator[None]:
    """Tells what may happen to the run folder in mid-run: its disk fills up or fails, it vanishes, it is damaged."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RunFolderError(
            f"run folder {str(folder.path)!r}: {error}\n"
            "  what had ended before is kept; when this is mended, the same command continues"
        ) from error


def _preflight(prepared: Prepared, stack: ExitStack) -> Ready:
    """Looks at everything that a run needs. Raises what is wrong, all of it at once; nothing is written."""
    problems, notes = Problems(), []
    inventory = host_inventory()
    engine = None
    with problems.collected():
        if needs_engine(prepared.pipeline):
            engine = stack.enter_context(closing(Engine()))
    folder = RunFolder(path=prepared.options.out.resolve(), batch=prepared.batch.folder)
    with problems.collected():
        notes.append(check_folder(folder.path))
    with problems.collected():
        prepared.batch.check()
        census = census_for(prepared.batch, prepared.pipeline, prepared.recordings())
    image_of = partial(_image, engine, pull=prepared.options.pull) if engine else None
    checked = check(prepared.pipeline, image_of, inventory, problems)
    problems.tell()
    return Ready(
        prepared=prepared,
        checked=checked,
        engine=engine,
        inventory=inventory,
        folder=folder,
        census=census,
        notes=tuple(note for note in notes if note),
    )


def _image(engine: Engine, image_ref: str, *, pull: bool) -> ImageFacts:
    """The image behind a reference, brought from its registry first if need be. Raises EngineError."""
    if pull and not engine.has_image(image_ref):
        for progress in engine.pull(image_ref):
            tell(progress)
    return engine.image(image_ref)


def _claim(journal: Journal, folder: RunFolder) -> None:
    """A run folder belongs to one batch for good."""
    owner = journal.fact("batch")
    if owner is not None and owner != str(folder.batch):
        raise RunFolderError(
            f"run folder {str(folder.path)!r} belongs to batch {owner}; name another with --out"
        )
    journal.set_fact("batch", str(folder.batch))
    # Containers are named after it. By chance and anew, because a copy of a run folder may run beside it.
    journal.set_fact("run_id", secrets.token_hex(6))
    journal.begin_session()


def _note_session(journal: Journal, ready: Ready, command: str, started: float) -> Ready:
    """Notes what this session is, for ``status``; one that is for failures alone takes in nothing new."""
    prepared = ready.prepared
    steps = [step.name for step in prepared.pipeline.steps]
    journal.set_fact("started", repr(started))
    journal.set_fact("steps", json.dumps(steps))
    if prepared.options.failed_only is not None:
        # A run that was interrupted has regions that are not complete yet: all of it goes on.
        if journal.fact("covered") == "yes":
            prepared = replace(prepared, known=journal.knows)
            census = census_for(prepared.batch, prepared.pipeline, prepared.recordings())
            ready = replace(ready, prepared=prepared, census=census)
    else:
        journal.set_fact("covered", "no")
        journal.set_fact("command", command)
        journal.set_fact("directory", str(Path.cwd()))
    journal.commit()
    return ready


def _forms(journal: Journal, checked: Checked) -> dict[str, list[tuple[Step, str]]]:
    """Each step with the parameters and the image ids that it had in earlier sessions; takes note of this one's."""
    noted: dict[str, list[list[Any]]] = json.loads(journal.fact("forms") or "{}")
    earlier: dict[str, list[tuple[Step, str]]] = {}
    for step in checked.pipeline.steps:
        now = [checked.image_ids[step.name], step.params]
        before = [form for form in noted.get(step.name, []) if form != now]
        earlier[step.name] = [
            (step.model_copy(update={"params": params}), image_id) for image_id, params in reversed(before)
        ]
        noted[step.name] = [*before, now]
    journal.set_fact("forms", json.dumps(noted))
    return earlier


def _drive(ready: Ready, journal: Journal, interrupts: Interrupts, swept: int) -> bool:
    """Runs the scheduler to its end; True if nothing is left to do."""
    prepared, checked, inventory, folder = ready.prepared, ready.checked, ready.inventory, ready.folder
    census, steps = ready.census, checked.pipeline.steps
    jobs = prepared.options.jobs or _concurrency(checked.pipeline, inventory)
    run_id = str(journal.fact("run_id"))
    earlier, failed_only = _forms(journal, checked), prepared.options.failed_only
    plan = Plan(
        steps=steps,
        image_ids=checked.image_ids,
        regions=census.regions,
        census=census.by_region,
        earlier=earlier if failed_only else {},
        only=failed_only.step if failed_only else None,
        hash_inputs=prepared.options.hash_inputs,
    )
    tasks_of_first = census.total if steps[0].per is Per.ITEM else None
    with (
        closing(Rungs(ready.engine, folder, run_id, jobs=jobs, starts=max(2, int(inventory.cpus)))) as rungs,
        closing(LocalExecutor(rungs.runner, folder)) as executor,
        Progress([step.name for step in steps], first=tasks_of_first, notes=_notes(ready, swept)) as progress,
    ):
        if ready.engine is not None:
            ready.engine.patience.tell = progress.note
        scheduler = Scheduler(
            plan,
            folder=folder,
            journal=journal,
            executor=executor,
            ledger=Ledger(inventory),
            observer=progress,
            jobs=jobs,
        )
        try:
            interrupts.drive(drain=scheduler.drain, cancel=executor.cancel, note=progress.note)
            return scheduler.run(prepared.recordings())
        except BaseException:
            executor.cancel()
            raise


def _conclude(
    ready: Ready,
    journal: Journal,
    about: dict[str, object],
    started: float,
    since: float,
    *,
    complete: bool,
) -> Summary:
    """Writes the results and the rest of run.json. ``started`` is a time of day, ``since`` the same by the clock."""
    prepared, folder = ready.prepared, ready.folder
    if complete:  # else there are failures of earlier sessions that this one has not come to
        folder.keep_only_failures(failure.id for failure in journal.failures())
    files: list[Path] = []
    if complete or journal.fact("results") != "complete":  # half a map must not take the place of a whole one
        files = write_results(journal, prepared.pipeline.steps, prepared.batch.projection, folder.path)
        journal.set_fact("results", "complete" if complete else "partial")
    counts = journal.counts()
    seconds = time.monotonic() - since
    times = {"started": _iso(started), "finished": _iso(started + seconds), "seconds": round(seconds, 3)}
    tallies = {f"{step}.{status}": count for (step, status), count in sorted(counts.items())}
    write_json(folder.path / "run.json", {**about, **times, "complete": complete, "tasks": tallies})
    journal.set_fact("session_state", SessionState.COMPLETE if complete else SessionState.INTERRUPTED)
    if complete:
        journal.set_fact("covered", "yes")
    return Summary(
        counts=counts,
        failures=tuple(itertools.islice(journal.failures(), _NAMED_FAILURES)),
        failed=sum(count for (_, status), count in counts.items() if status is Status.FAILED),
        files=(*files, folder.path / "run.json"),
        seconds=seconds,
        complete=complete,
    )


def _concurrency(pipeline: Pipeline, inventory: Inventory) -> int:
    """So many tasks fit on the machine at most, whichever they are."""
    return max(1, int(max(inventory.cpus / step.resources.cpus for step in pipeline.steps)))


def _notes(ready: Ready, swept: int) -> list[str]:
    notes, census, pipeline = list(ready.notes), ready.census, ready.checked.pipeline
    if swept:
        notes.append(f"removed {swept} containers that an earlier session left behind")
    if census.without_position and census.without_position != census.total:
        step = next(step.name for step in pipeline.steps if step.per is Per.REGION)
        notes.append(f"{census.without_position} recordings without a position take no part in {step!r}")
    return notes


def _about(ready: Ready, command: str) -> dict[str, object]:
    """What runs: enough to repeat it."""
    prepared, checked, inventory = ready.prepared, ready.checked, ready.inventory
    projection = prepared.batch.projection
    return {
        "batch": {"name": prepared.batch.name, "folder": str(prepared.batch.folder)},
        "crs": projection.name if projection else None,
        "pipeline": checked.pipeline.model_dump(mode="json"),
        "images": {
            name: {"image_ref": facts.image_ref, "id": facts.id} for name, facts in checked.images.items()
        },
        "versions": {"coordinator": __version__, "protocol": PROTOCOL, "python": platform.python_version()},
        "engine": ready.engine.describe() if ready.engine else None,
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "cpus": inventory.cpus,
            "memory": inventory.memory,
            "gpus": [gpu.uuid for gpu in inventory.gpus],
        },
        "command": command,
        "job": prepared.options.settings(),
        "process": os.getpid(),
    }


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
