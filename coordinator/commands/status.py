"""``status``: what a run has come to, told by its journal alone, and whether a coordinator is at work on it now."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coordinator.commands.poolwords import pool_lines
from coordinator.commands.runmetrics import prometheus
from coordinator.commands.streams import warn
from coordinator.errors import ExitCode, RunFolderError
from coordinator.findings import Level
from coordinator.record.history import Attempts, History, Tally
from coordinator.record.journal import BATCH, Status
from coordinator.record.lock import Owner, owner
from coordinator.record.mapped import Mapped
from coordinator.record.reasons import Reason, grouped
from coordinator.record.runfolder import RunFolder
from coordinator.record.runstate import RunState, proceed, run_state
from coordinator.strictjson import Json

_NOTHING = Tally(now=0, before=0)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--prometheus", action="store_true", help="print its figures as Prometheus reads them")


def main(options: argparse.Namespace) -> ExitCode:
    report = status(options.run)
    _warn_of_damage(RunFolder(options.run), report.state)
    told = prometheus(report.as_json()) if options.prometheus else lines(report)
    print(json.dumps(report.as_json(), indent=2) if options.json else "\n".join(told))
    return ExitCode.DONE


def _warn_of_damage(folder: RunFolder, state: RunState) -> None:
    """Says that ``run.json`` is not as a run leaves it: of what is told here nothing is from it, but others need it."""
    if state is RunState.AT_WORK and not folder.about.exists():
        return  # it has only just begun
    try:
        folder.read_about()
    except RunFolderError as error:
        told = "these figures are the journal's; `report`, `review` and `retry` need it: `run` writes it anew"
        warn(f"{error}; {told}")


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """One step: tasks by final state in the last session, and those of earlier ones that it has not come to.

    ``seconds`` is the mean from submission to end of an attempt, ``rate`` attempts that ended well a second.
    """

    name: str
    succeeded: int
    failed: int
    skipped: int
    before: int
    attempts: int
    failed_attempts: int
    seconds: float | None
    rate: float | None


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """Everything ``status`` tells. ``last`` is when the last attempt ended; times are seconds since the epoch."""

    folder: Path
    run_id: str | None
    batch: str | None
    session: int
    state: RunState
    owner: Owner | None
    started: float | None
    last: float | None
    recordings: int
    steps: tuple[StepStatus, ...]
    reasons: tuple[Reason, ...]
    mapped: Mapped | None
    """What came onto the map by the end of the last session; None if it made none."""
    findings: tuple[Json, ...]
    pools: Json | None
    """How a cluster's pools stand, by step, or stood when the last session ended; None on a single host."""
    holds: tuple[Json, ...]
    """What has held the run up on a cluster, the longest first."""
    proceed: str | None
    """The command that goes on from here; None if nothing is left to do."""

    def as_json(self) -> Json:
        """The same for programs."""
        return {
            "folder": str(self.folder),
            "run_id": self.run_id,
            "batch": self.batch,
            "session": self.session,
            "state": str(self.state),
            "owner": {"words": str(self.owner), **(self.owner.as_json() or {})} if self.owner else None,
            "started": self.started,
            "last": self.last,
            "recordings": self.recordings,
            "steps": {step.name: {k: v for k, v in vars(step).items() if k != "name"} for step in self.steps},
            "failures": [{**vars(reason), "tasks": list(reason.tasks)} for reason in self.reasons],
            "map": self.mapped.as_json() if self.mapped else None,
            "findings": list(self.findings),
            "pools": self.pools,
            "holds": list(self.holds),
            "continue": self.proceed,
        }


def status(run_folder: Path) -> RunStatus:
    """Reads a run's status; nothing is changed. Raises RunFolderError for what is no run folder."""
    at_work = owner(run_folder)
    with History(RunFolder(run_folder).journal) as history:
        attempts = history.attempts()
        facts = history.facts
        state = run_state(at_work, facts.session_state)
        reasons = grouped(history.failures())
        return RunStatus(
            folder=run_folder,
            run_id=facts.run_id,
            batch=facts.batch,
            session=history.session,
            state=state,
            owner=at_work,
            started=facts.started,
            last=max((tried.last for tried in attempts.values()), default=None),
            recordings=history.recordings(),
            steps=tuple(_steps(history, attempts)),
            reasons=reasons,
            mapped=Mapped(**facts.mapped) if facts.mapped else None,
            findings=facts.findings,
            pools=facts.pools,
            holds=facts.holds,
            proceed=proceed(run_folder, facts, state, failed=bool(reasons)),
        )


def _steps(history: History, attempts: dict[str, Attempts]) -> Iterator[StepStatus]:
    tallies = history.tallies()
    planned = history.facts.steps
    names = [BATCH, *planned, *sorted({step for step, _ in tallies})]
    for name in dict.fromkeys(names):
        of = {status: tallies.get((name, status), _NOTHING) for status in Status}
        tried = attempts.get(name)
        if name in planned or tried or any(tally != _NOTHING for tally in of.values()):
            yield StepStatus(
                name=name,
                succeeded=of[Status.SUCCEEDED].now,
                failed=of[Status.FAILED].now,
                skipped=of[Status.SKIPPED].now,
                before=sum(tally.before for tally in of.values()),
                attempts=tried.count if tried else 0,
                failed_attempts=tried.failed if tried else 0,
                seconds=tried.mean if tried else None,
                rate=tried.rate if tried else None,
            )


def lines(report: RunStatus) -> Iterator[str]:
    """The report for a reader."""
    yield f"run         {report.folder}  (id {report.run_id or '-'}, session {report.session})"
    yield f"batch       {report.batch or '-'}, {report.recordings} recordings taken in"
    yield f"state       {_told(report)}"
    yield f"{'step':12}{'succeeded':>10}{'failed':>8}{'skipped':>8}{'attempts':>10}{'s each':>8}{'per s':>8}"
    for step in report.steps:
        row = f"{step.name:12}{step.succeeded:10}{step.failed:8}{step.skipped:8}{step.attempts:10}"
        row += f"{_number(step.seconds)}{_number(step.rate)}"
        yield row + (f"  + {step.before} of earlier sessions, not come to since" if step.before else "")
    if report.pools:
        yield from pool_lines(report.pools, report.holds, is_at_work=report.state is RunState.AT_WORK)
    for reason in report.reasons:
        yield f"  {reason.count} failed at {reason.step}: {reason.kind}: {reason.message}"
        more = f" and {reason.count - len(reason.tasks)} more" if reason.count > len(reason.tasks) else ""
        yield "      " + ", ".join(repr(task) for task in reason.tasks) + more
    if report.mapped:
        yield f"objects     {report.mapped}"
    for finding in report.findings:
        if finding["level"] == Level.WARNING:
            yield f"{finding['level']}: {finding['text']}"
    if report.proceed:
        yield f"continue    {report.proceed}"


def _told(report: RunStatus) -> str:
    began = f", begun {_clock(report.started)}" if report.started else ""
    last = f", last attempt ended {_clock(report.last)}" if report.last else ""
    if report.state is RunState.AT_WORK:
        return f"at work: {report.owner}{last}"
    died = " before its end" if report.state is RunState.DIED else ""
    return f"{report.state}{died}{began}{last}"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _number(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.2f}':>8}"
