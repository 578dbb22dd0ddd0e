"""What is going on in a run folder, and the command that goes on from there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from coordinator.record.facts import Facts, SessionState
from coordinator.record.lock import Owner


class RunState(StrEnum):
    """What is going on in a run folder."""

    AT_WORK = "at work"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    DIED = "died"
    ENDED = "ended"
    """How is not known: by a version that did not note it."""


def run_state(at_work: Owner | None, noted: SessionState | None) -> RunState:
    """By who is at work on it, and what the last session noted of its end."""
    if at_work is not None:
        return RunState.AT_WORK
    if noted is None:
        return RunState.ENDED
    return {SessionState.COMPLETE: RunState.COMPLETE, SessionState.INTERRUPTED: RunState.INTERRUPTED}.get(
        noted, RunState.DIED
    )


def proceed(run_folder: Path, facts: Facts, state: RunState, *, failed: bool) -> str | None:
    """The command that goes on from here; None if nothing is left to do."""
    if state is RunState.AT_WORK:
        return None
    if facts.covered:
        is_left = failed or state is not RunState.COMPLETE
        return f"python -m coordinator retry --failed {run_folder}" if is_left else None
    return again(facts) or "the command that it was started with"


def again(facts: Facts) -> str | None:
    """The command that the run was started with, as it may be typed anywhere; None if it was not noted."""
    return f"(cd {facts.directory} && {facts.command})" if facts.command and facts.directory else None
