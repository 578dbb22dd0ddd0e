"""``retry --failed``: a run's failures are tried again, with the options that the run itself had.

A plain ``run`` tries them again, too, but also everything that is new or has changed. This does not: recordings
that have come since are left out, and results stay that an earlier image or earlier parameters of a step made.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

from coordinator.commands.running import add_on_end, run_and_tell
from coordinator.errors import EXIT_CODES, ExitCode, RunFolderError, UsageError
from coordinator.record.facts import SessionState
from coordinator.record.history import History
from coordinator.record.runfolder import RunFolder
from coordinator.session.options import FailedOnly, RunOptions


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_CODES
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--failed", action="store_true", required=True, help="the failed tasks")
    parser.add_argument("--step", metavar="STEP", help="only those of STEP; the others stay failed")
    add_on_end(parser)


def main(options: argparse.Namespace) -> ExitCode:
    wanted = retry_options(options.run, options.step)
    if wanted is not None:
        return run_and_tell(wanted, options.on_end)
    print("nothing has failed" + (f" at {options.step}" if options.step else ""))
    return ExitCode.DONE


def retry_options(run_folder: Path, step: str | None) -> RunOptions | None:
    """What to run; None if nothing has failed (at ``step``).

    Raises CoordinatorError for a folder that is no run's, and for a step that the run has not.
    """
    with History(RunFolder(run_folder).journal) as history:
        failed = Counter(failure.step for failure in history.failures())
        # An earlier retry that was interrupted may have left only what depends on its failures.
        is_halfway = history.facts.covered and history.facts.session_state is not SessionState.COMPLETE
        steps = history.facts.steps
    if step is not None and step not in (*steps, *failed):
        raise UsageError(f"this run has no step {step!r}; its steps are {', '.join(steps)}")
    if not (is_halfway or (failed[step] if step else failed.total())):
        return None
    settings = RunFolder(run_folder).read_about().get("job")
    if settings is None:
        raise RunFolderError(f"{run_folder / 'run.json'} does not tell with which settings it ran; use `run`")
    return replace(RunOptions.from_settings(settings, run_folder), failed_only=FailedOnly(step))
