"""A run from its preflight to its results: everything is checked, then made, then handed to the scheduler."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.batch.census import census_for
from coordinator.batch.look import Look
from coordinator.core.resources import at_a_time
from coordinator.errors import ExitCode, RunFolderError
from coordinator.findings import Finding
from coordinator.pipeline import Step
from coordinator.record.aligned import aligned
from coordinator.record.disk import remove_half_written, write_json
from coordinator.record.facts import Extent, SessionState
from coordinator.record.journal import FailedTask, Journal, Status
from coordinator.record.lock import locked
from coordinator.record.mapped import Mapped, mapped
from coordinator.record.results import object_features, write_results
from coordinator.record.reviewed import lost, matched_features
from coordinator.record.reviewfile import read_kept
from coordinator.record.runfolder import RunFolder
from coordinator.runners.sweep import sweep_work
from coordinator.schedule.plan import Plan, known_tasks
from coordinator.schedule.scheduler import Scheduler
from coordinator.session.around import around
from coordinator.session.interrupts import Interrupts
from coordinator.session.launch import Launch, about, preflight, reach
from coordinator.session.options import Prepared, RunOptions, prepare
from coordinator.session.preflight import Checked
from coordinator.session.progress import Progress
from coordinator.strictjson import Json

_NAMED_FAILURES = 20
"""Failures that the summary names; all of them are in failures/ and in the journal."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a run ended."""

    counts: Mapping[tuple[str, Status], int]
    failures: tuple[FailedTask, ...]
    failed: int
    files: tuple[Path, ...]
    seconds: float
    complete: bool
    mapped: Mapped | None
    findings: tuple[Finding, ...]

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
        launch = preflight(prepared, stack)
        folder = launch.folder
        interrupts = stack.enter_context(Interrupts())
        with interrupts.held():
            launch = reach(launch)
        stack.enter_context(_trouble(folder))
        folder.create()
        stack.enter_context(locked(folder.path))
        remove_half_written(folder.path)
        read_kept(folder.path)  # a review that cannot be read is told now, and not when all is done
        swept = launch.site.sweep(folder.path)
        journal = stack.enter_context(Journal(folder.journal))
        died = journal.facts.session_state is SessionState.BEGUN
        _claim(journal, folder, prepared.batch.folder)
        if died:
            sweep_work(folder)
        told = about(launch, command)
        launch = _note_session(journal, launch, command, started)
        write_json(folder.about, {**told, "started": _iso(started)})
        complete = _drive(launch, journal, interrupts, swept)
        summary = _conclude(launch, journal, told, started, since, complete=complete)
        launch.site.check()
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


def _claim(journal: Journal, folder: RunFolder, batch: Path) -> None:
    """A run folder belongs to one batch for good."""
    owner = journal.facts.batch
    if owner is not None and owner != str(batch):
        raise RunFolderError(
            f"run folder {str(folder.path)!r} belongs to batch {owner}; name another with --out"
        )
    # Containers are named after it. By chance and anew, because a copy of a run folder may run beside it.
    journal.note(batch=str(batch), run_id=secrets.token_hex(6))
    journal.begin_session()


def _note_session(journal: Journal, launch: Launch, command: str, started: float) -> Launch:
    """Notes what this session is, for ``status``; one that is for failures alone takes in nothing new."""
    prepared = launch.prepared
    journal.note(started=started, steps=tuple(step.name for step in prepared.pipeline.steps))
    if prepared.options.failed_only is not None:
        # A run that was interrupted has regions that are not complete yet: all of it goes on.
        if journal.facts.covered:
            prepared = replace(prepared, known=journal.knows)
            census = census_for(
                prepared.batch, prepared.pipeline, prepared.recordings, limited=prepared.is_limited
            )
            launch = replace(launch, prepared=prepared, census=census)
    else:
        journal.note(covered=False, command=command, directory=str(Path.cwd()))
    journal.commit()
    return launch


def _forms(journal: Journal, checked: Checked) -> dict[str, list[tuple[Step, str]]]:
    """Each step with the parameters and the image ids that it had in earlier sessions; takes note of this one's."""
    noted = dict(journal.facts.forms)
    earlier: dict[str, list[tuple[Step, str]]] = {}
    for step in checked.pipeline.steps:
        now = (checked.image_ids[step.name], step.params)
        before = [form for form in noted.get(step.name, ()) if form != now]
        earlier[step.name] = [
            (step.model_copy(update={"params": params}), image_id) for image_id, params in reversed(before)
        ]
        noted[step.name] = (*before, now)
    journal.note(forms=noted)
    return earlier


def _drive(launch: Launch, journal: Journal, interrupts: Interrupts, swept: int) -> bool:
    """Runs the scheduler to its end; True if nothing is left to do."""
    prepared, checked, census = launch.prepared, launch.checked, launch.census
    steps, folder = checked.pipeline.steps, launch.folder
    jobs = prepared.options.jobs or at_a_time((step.resources for step in steps), launch.site.inventory)
    plan, expected = _plan(launch, journal), known_tasks(steps, census.total, len(census.by_region))
    with (
        Progress([step.name for step in steps], least=expected, notes=_notes(launch, swept)) as progress,
        launch.site.executor(
            launch.files,
            folder.path,
            journal,
            jobs=jobs,
            note=progress.note,
            observer=progress,
            steps=steps,
            expected=expected,
        ) as (executor, observer),
    ):
        scheduler = Scheduler(
            plan,
            files=launch.files,
            failures=folder.evidence,
            journal=journal,
            executor=executor,
            observer=observer,
        )
        try:
            interrupts.drive(drain=scheduler.drain, cancel=executor.cancel, note=progress.note)
            return scheduler.run(prepared.recordings())
        except BaseException:
            executor.cancel()
            raise


def _plan(launch: Launch, journal: Journal) -> Plan:
    earlier, failed_only = _forms(journal, launch.checked), launch.prepared.options.failed_only
    return Plan(
        steps=launch.checked.pipeline.steps,
        image_ids=launch.checked.image_ids,
        regions=launch.census.regions,
        census=launch.census.by_region,
        earlier=earlier if failed_only else {},
        only=failed_only.step if failed_only else None,
        hash_inputs=launch.prepared.options.hash_inputs,
    )


def _conclude(
    launch: Launch,
    journal: Journal,
    told: Json,
    started: float,
    since: float,
    *,
    complete: bool,
) -> Summary:
    """Writes the results and the rest of run.json. ``started`` is a time of day, ``since`` the same by the clock."""
    prepared, folder = launch.prepared, launch.folder
    if complete:  # else there are failures of earlier sessions that this one has not come to
        folder.evidence.keep_only(failure.id for failure in journal.failures())
    files: list[Path] = []
    if (
        complete or journal.facts.results is not Extent.COMPLETE
    ):  # half a map must not take the place of a whole one
        files = write_results(
            journal, prepared.pipeline.steps, prepared.batch.projection, folder.path, around(launch)
        )
        journal.note(results=Extent.COMPLETE if complete else Extent.PARTIAL)
    counts = journal.counts()
    seconds = time.monotonic() - since
    times = {"started": _iso(started), "finished": _iso(started + seconds), "seconds": round(seconds, 3)}
    came = mapped(journal, prepared.pipeline.steps, _brought(launch.census.look))
    findings = (
        *launch.census.doubts,
        *journal.images.findings(journal.session),
        *aligned(journal, prepared.pipeline.steps),
        *(came.findings() if came and complete else ()),
        *_lost(journal, prepared, folder),
    )
    journal.note(mapped=came.as_json() if came else None, findings=tuple(one.as_json() for one in findings))
    told = {**told, "map": came.as_json() if came else None, "findings": [one.as_json() for one in findings]}
    tallies = {f"{step}.{status}": count for (step, status), count in sorted(counts.items())}
    write_json(folder.about, {**told, **times, "complete": complete, "tasks": tallies})
    journal.note(session_state=SessionState.COMPLETE if complete else SessionState.INTERRUPTED)
    if complete:
        journal.note(covered=True)
    return Summary(
        counts=counts,
        failures=tuple(itertools.islice(journal.failures(), _NAMED_FAILURES)),
        failed=sum(count for (_, status), count in counts.items() if status is Status.FAILED),
        files=(*files, folder.about),
        seconds=seconds,
        complete=complete,
        mapped=came,
        findings=findings,
    )


def _lost(journal: Journal, prepared: Prepared, folder: RunFolder) -> Iterator[Finding]:
    """What there is to say of decisions on objects that the run no longer has."""
    decisions, projection = read_kept(folder.path), prepared.batch.projection
    if decisions and projection is not None:
        features = object_features(journal, prepared.pipeline.steps, projection)
        finding = lost(matched_features(features, decisions))
        yield from () if finding is None else (finding,)


def _brought(look: Look) -> tuple[int, int, int, int]:
    return look.total, look.usable, look.detections or 0, look.accuracies.stated


def _notes(launch: Launch, swept: int) -> list[str]:
    notes = [*map(str, launch.census.doubts), *launch.notes]
    if swept:
        notes.append(f"removed {swept} containers that an earlier session left behind")
    return notes


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
