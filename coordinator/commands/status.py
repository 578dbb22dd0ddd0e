"""``status``: what a run has come to, told by its journal alone, and whether a coordinator is at work on it now."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from coordinator.errors import ExitCode
from coordinator.findings import Level
from coordinator.record.facts import SessionState
from coordinator.record.history import Attempts, History, Tally
from coordinator.record.journal import BATCH, FailedTask, Status
from coordinator.record.lock import Owner, owner
from coordinator.record.mapped import Mapped
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

_EXAMPLES = 3
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S+|\d+(\.\d+)?")
"""What differs between messages of one reason: names, paths, numbers."""
_NOTHING = Tally(now=0, before=0)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def main(options: argparse.Namespace) -> ExitCode:
    report = status(options.run)
    print(json.dumps(report.as_json(), indent=2) if options.json else "\n".join(lines(report)))
    return ExitCode.DONE


class RunState(StrEnum):
    """What is going on in a run folder."""

    AT_WORK = "at work"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    DIED = "died"
    ENDED = "ended"
    """How is not known: by a version that did not note it."""


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
class Reason:
    """Failed tasks of one step for one reason; ``message`` is the first one's."""

    step: str
    kind: str
    message: str
    count: int
    tasks: tuple[str, ...]


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
            "bottleneck": bottleneck(self.pools or {}),
            "continue": self.proceed,
        }


def status(run_folder: Path) -> RunStatus:
    """Reads a run's status; nothing is changed. Raises RunFolderError for what is no run folder."""
    at_work = owner(run_folder)
    with History(RunFolder(run_folder).journal) as history:
        attempts = history.attempts()
        facts = history.facts
        state = _state(at_work, facts.session_state)
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
            proceed=_proceed(run_folder, history, state, failed=bool(reasons)),
        )


def grouped(failures: Iterable[FailedTask]) -> tuple[Reason, ...]:
    """Failures by step, kind and message, the most frequent reason first; names and numbers make no difference."""
    groups: dict[tuple[str, str, str], Reason] = {}
    for failure in failures:
        key = (failure.step, failure.error.kind, _VARIABLE.sub("*", failure.error.message))
        so_far = groups.get(key)
        groups[key] = Reason(
            step=failure.step,
            kind=failure.error.kind,
            message=so_far.message if so_far else failure.error.message,
            count=so_far.count + 1 if so_far else 1,
            tasks=(*(so_far.tasks if so_far else ()), failure.id)[:_EXAMPLES],
        )
    return tuple(sorted(groups.values(), key=lambda reason: -reason.count))


def _state(at_work: Owner | None, noted: SessionState | None) -> RunState:
    if at_work is not None:
        return RunState.AT_WORK
    if noted is None:
        return RunState.ENDED
    return {SessionState.COMPLETE: RunState.COMPLETE, SessionState.INTERRUPTED: RunState.INTERRUPTED}.get(
        noted, RunState.DIED
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


def _proceed(run_folder: Path, history: History, state: RunState, *, failed: bool) -> str | None:
    if state is RunState.AT_WORK:
        return None
    facts = history.facts
    if facts.covered:
        is_left = failed or state is not RunState.COMPLETE
        return f"python -m coordinator retry --failed {run_folder}" if is_left else None
    if facts.command and facts.directory:
        return f"(cd {facts.directory} && {facts.command})"
    return "the command that it was started with"


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
    yield from _pools(report)
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


def bottleneck(pools: Json) -> str | None:
    """The step whose backlog takes longest; None if nothing waits or nothing is known of it."""
    waits = {step: pool["wait"] for step, pool in pools.items() if pool["wait"]}
    return max(waits, key=lambda step: waits[step], default=None)


def _pools(report: RunStatus) -> Iterator[str]:
    pools = report.pools or {}
    for step, pool in pools.items():
        wait = "not known" if pool["wait"] is None else f"{pool['wait']:g} s"
        yield (
            f"pool        {step}: {pool['ready']} instances of {pool['least']} to {pool['most']}, "
            f"{pool['starting']} starting; {pool['backlog']} tasks, wait {wait}"
        )
    if (slowest := bottleneck(pools)) is not None:
        yield f"bottleneck  {slowest}"


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
